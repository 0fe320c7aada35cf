"""Events of weak boson fusion at any theta, each with its morphing components, and their exact likelihood."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.simulators import pdf
from partonic.simulators.wbf.matrix_element import ROWS, MatrixElement, invariants
from partonic.simulators.wbf.observables import OBSERVABLES, Cuts, observables
from partonic.simulators.wbf.sampling import BLOCK, Plan, Sampler
from partonic.simulators.wbf.theory import Constants, Floats, as_theta, basis

STANDARD = (0.0, 0.0)
FIELDS = ("e", "px", "py", "pz")


@dataclass(frozen=True)
class CrossSection:
    """The cross section within the cuts as a polynomial in theta.

    Args:
        channels: components of charged and neutral currents, in pb, (2, 6).
        covariance: of their sum, from the integration, in pb^2, (6, 6).
    """

    channels: Floats
    covariance: Floats

    @property
    def components(self) -> Floats:
        """Components of the sum over channels, in pb, (6,)."""
        total: Floats = self.channels.sum(axis=0)
        return total

    def at(self, theta: Any) -> Estimate:
        """The cross section at one theta, in pb, with the error of its integration."""
        weights = basis(theta)
        error = float(np.sqrt(weights @ self.covariance @ weights))
        return Estimate.symmetric(float(weights @ self.components), error, "integration")


@dataclass(frozen=True)
class WeakBosonFusion:
    r"""Simulator of q q' -> q q' H through W, Z and photon fusion with the operators O_W and O_WW, parton level.

    The jets are unlabelled: which of them comes from the proton along +z, and whether W bosons or neutral ones fused,
    is the latent :math:`z`. The gold of an event are the components of :math:`p(x, z|\theta)`; :meth:`truth` gives
    those of :math:`p(x|\theta)`. Both are in pb and scaled so that their mean over the sample is the cross section.

    Args:
        constants: of the theory.
        cuts: on the jets.
        densities: set of parton densities that ships with Pythia, or the path of a ``.dat`` file.
        overweight: largest share of the cross section that unweighting may lose to its cap, above 0 and at most 0.01.
    """

    constants: Constants = field(default_factory=Constants)
    cuts: Cuts = field(default_factory=Cuts)
    densities: str = pdf.DEFAULT
    overweight: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.overweight <= 0.01:
            raise InputError(f"overweight must be above 0 and at most 0.01, not {self.overweight}")
        if 2 * self.cuts.pt >= self.constants.energy:
            raise InputError(f"no jet has a pt of {self.cuts.pt} GeV, half the energy of the protons or more")

    @cached_property
    def element(self) -> MatrixElement:
        """The matrix element, with the densities at the factorisation scale."""
        return MatrixElement(self.constants, pdf.load(self.densities).at(self.constants.scale, ROWS))

    @cached_property
    def _plans(self) -> dict[bytes, Plan]:
        return {}

    def _plan(self, form: Floats) -> Plan:
        key = form.tobytes()
        if key not in self._plans:
            self._plans[key] = Sampler(self.element, self.cuts).plan(form, self.overweight)
        return self._plans[key]

    @cached_property
    def cross_section(self) -> CrossSection:
        """The cross section within the cuts, from half a million points of the grid of the Standard Model."""
        plan = self._plan(basis(STANDARD))
        return CrossSection(plan.components, plan.covariance)

    def simulate(self, theta: Any, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: (f_W, f_WW) times v^2 / Lambda^2, (2,); or several, (k, 2): events of their even mixture.
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with the 15 observables as columns, ``theta`` (n, 2) where there is one, the latents ``channel`` (0
            charged, 1 neutral) and ``first`` (which jet came from the proton along +z), the collections ``jets`` (by
            falling pT) and ``higgs`` (px py pz e, GeV), and the gold ``components`` (n, 6) in pb.

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = as_theta(theta)
        if values.ndim > 2 or values.size == 0:
            raise InputError(f"theta must be one point (2,) or several (k, 2), not of shape {values.shape}")
        if n < 1:
            raise InputError(f"the number of events must be 1 or more, not {n}")
        points = np.atleast_2d(values)
        form = basis(points[0])
        if len(points) > 1:
            sections = basis(points) @ self.cross_section.components
            form = (basis(points) / sections[:, None]).mean(axis=0)
        plan = self._plan(form)
        drawn = Sampler(self.element, self.cuts).unweighted(plan, n, rng)
        channel, gold = self._latent(drawn.p3, drawn.p4, drawn.higgs, plan, rng)
        events = _as_events(drawn.p3, drawn.p4, drawn.higgs)
        columns = {**events.columns, "channel": channel}
        if len(points) == 1:
            columns["theta"] = np.repeat(points, n, axis=0)
        provenance = {
            "process": "weak-boson-fusion",
            "form": form.tolist(),
            "densities": self.densities,
            "overweight": plan.cap.overweight,
            "cross_section": float(form @ plan.components.sum(axis=0)),
        }
        return replace(events, columns=columns, gold={"components": gold}, provenance=provenance)

    def _latent(
        self, p3: Tensor, p4: Tensor, higgs: Tensor, plan: Plan, rng: np.random.Generator
    ) -> tuple[np.ndarray[Any, np.dtype[np.int8]], Floats]:
        """Draw the channel of each event; give it and its components."""
        parts = []
        for start in range(0, p3.shape[1], BLOCK):
            cut = slice(start, start + BLOCK)
            known = invariants(p3[:, cut], p4[:, cut], higgs[:, cut], self.constants.energy)
            parts.append(self.element.components(known))
        both = torch.cat(parts, -1).numpy()
        density = np.einsum("ckn,k->cn", both, plan.form)
        channel = (rng.random(density.shape[1]) * density.sum(axis=0) >= density[0]).astype(np.int8)
        rows = np.arange(len(channel))
        chosen = both[channel, :, rows]
        section = plan.form @ plan.components.sum(axis=0)
        gold: Floats = chosen * (section / density[channel, rows])[:, None]
        return channel, gold

    def _marginal(self, events: Events) -> Floats:
        """Components of p(x|theta) in 1/GeV^4: summed over channels and both orders of the jets, (n, 6)."""
        jets, higgs = events.collection("jets"), events.collection("higgs")
        if np.any(jets.counts != 2) or np.any(higgs.counts != 1):
            raise InputError("an event of weak boson fusion has two jets and one Higgs boson")
        pair = torch.from_numpy(np.stack([jets[name].astype(np.float64) for name in FIELDS]))
        one = torch.from_numpy(np.stack([higgs[name].astype(np.float64) for name in FIELDS]))
        first, second = pair[:, ::2].contiguous(), pair[:, 1::2].contiguous()
        parts = []
        for start in range(0, len(events), BLOCK):
            cut = slice(start, start + BLOCK)
            momenta = first[:, cut], second[:, cut], one[:, cut]
            known = invariants(*momenta, self.constants.energy)
            swapped = invariants(momenta[1], momenta[0], momenta[2], self.constants.energy)
            parts.append((self.element.components(known) + self.element.components(swapped)).sum(0))
        marginal: Floats = torch.cat(parts, -1).T.contiguous().numpy()
        return marginal

    def truth(self, events: Events) -> Floats:
        """The exact components of p(x|theta), scaled as the gold of the sample, in pb, (n, 6).

        Args:
            events: what :meth:`simulate` gave, or a selection of it.
        """
        form = np.asarray(events.provenance["form"])
        marginal = self._marginal(events)
        truth: Floats = marginal * (events.provenance["cross_section"] / (marginal @ form))[:, None]
        return truth

    def log_prob(self, events: Events, theta: Any) -> Floats:
        """Exact log-likelihood of each event at one theta, up to a constant that does not depend on theta, (n,).

        Args:
            events: with the collections ``jets`` and ``higgs``.
            theta: (2,).
        """
        weights = basis(theta)
        result: Floats = np.log(self._marginal(events) @ weights) - np.log(weights @ self.cross_section.components)
        return result


def features(events: Events) -> Floats:
    """The 15 observables as one array, (n, 15), in the order of :data:`OBSERVABLES`."""
    return np.stack([np.asarray(events.column(name), dtype=np.float64) for name in OBSERVABLES], axis=-1)


def _as_events(p3: Tensor, p4: Tensor, higgs: Tensor) -> Events:
    """The observables and the momenta, jets by falling pT."""
    swap = torch.hypot(p4[1], p4[2]) > torch.hypot(p3[1], p3[2])
    jets = torch.stack([torch.where(swap, p4, p3), torch.where(swap, p3, p4)], -1).reshape(4, -1)
    n = p3.shape[1]
    columns = dict(zip(OBSERVABLES, observables(p3, p4, higgs).T.contiguous().numpy(), strict=True))
    collections = {
        "jets": Ragged.from_counts(np.full(n, 2), dict(zip(FIELDS, jets.numpy(), strict=True))),
        "higgs": Ragged.from_counts(np.ones(n, dtype=np.int64), dict(zip(FIELDS, higgs.numpy(), strict=True))),
    }
    return Events({**columns, "first": swap.numpy().astype(np.int8)}, collections=collections)

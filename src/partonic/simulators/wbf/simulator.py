"""Events of weak boson fusion at any theta, each with its morphing components, and their likelihood."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.simulators import pdf
from partonic.simulators.wbf.decays import (
    Decay,
    decay_of,
    lepton_observables,
    moved,
    two_body,
    two_body_observables,
)
from partonic.simulators.wbf.four_leptons import FourLeptons
from partonic.simulators.wbf.matrix_element import ROWS, MatrixElement, invariants
from partonic.simulators.wbf.observables import BALANCE, OBSERVABLES, Cuts, balance, observables
from partonic.simulators.wbf.quadrature import Density, Integrated, Quadrature, integrate
from partonic.simulators.wbf.sampling import BLOCK, Plan, Sampler
from partonic.simulators.wbf.smearing import Smearing, numbers
from partonic.simulators.wbf.theory import Constants, Floats, as_theta, basis, degree_of, product

STANDARD = (0.0, 0.0)
FIELDS = ("e", "px", "py", "pz")
Momenta = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class CrossSection:
    """The cross section within the cuts as a polynomial in theta.

    Args:
        channels: components of charged and neutral currents, in pb, (2, 6); (2, 15) with a decay to four leptons.
        covariance: of their sum, from the integration, in pb^2, (6, 6) or (15, 15).
    """

    channels: Floats
    covariance: Floats

    @property
    def components(self) -> Floats:
        """Components of the sum over channels, in pb, (6,) or (15,)."""
        total: Floats = self.channels.sum(axis=0)
        return total

    def at(self, theta: Any) -> Estimate:
        """The cross section at one theta, in pb, with the error of its integration."""
        weights = basis(theta, degree_of(self.channels.shape[1]))
        error = float(np.sqrt(weights @ self.covariance @ weights))
        return Estimate.symmetric(float(weights @ self.components), error, "integration")


@lru_cache(maxsize=16)
def _common_plans(*options: Any) -> dict[bytes, Plan]:  # noqa: ARG001  (they tell one dictionary from another)
    """The plans that all simulators of these options share, whatever the decay: each takes seconds to make."""
    return {}


@register_simulator("weak-boson-fusion", paper="arXiv:1805.00013", theta=STANDARD)
@dataclass(frozen=True)
class WeakBosonFusion:
    r"""Simulator of q q' -> q q' H through W, Z and photon fusion with the operators O_W and O_WW.

    The jets are unlabelled: which of them comes from the proton along +z, and whether W bosons or neutral ones fused,
    is the latent :math:`z`, and so are the true momenta where they are smeared. The gold of an event are the
    components of :math:`p(x, z|\theta)`; :meth:`truth` gives those of :math:`p(x|\theta)`. Both are in pb and scaled
    so that their mean over the sample is the cross section.

    Decays to two taus or photons are isotropic and change no component. In decays to four leptons the operators act
    too: an event has fifteen components, those of production times those of the decay over the partial width of the
    Standard Model,

    .. math:: p(x|\theta) = \frac{1}{\sigma(\theta)} \frac{\mathrm{d}\sigma(\theta)}{\mathrm{d}x_\mathrm{production}}
        \cdot \frac{1}{\Gamma(\theta)} \frac{\mathrm{d}\Gamma(\theta)}{\mathrm{d}x_\mathrm{decay}},

    so that the "cross section" is :math:`\sigma(\theta)\, \Gamma(\theta) / \Gamma(0)`: that of production, times the
    change of the partial width at a fixed total width. Times the branching ratio of the Standard Model it is the rate.

    Args:
        constants: of the theory.
        cuts: on the jets that are seen.
        densities: set of parton densities that ships with Pythia, or the path of a ``.dat`` file.
        overweight: largest share of the cross section that unweighting may lose to its cap, above 0 and at most 0.01.
        smearing: transfer functions of the detector; None gives the true momenta.
        quadrature: how the truth of smeared events is integrated.
        decay: stable, tautau, photons, 2e2mu, 4e or 4mu; the products are exact, and add up to the Higgs boson as seen.
        lepton_mass: smallest mass of two leptons of opposite charge and one flavour, in GeV.

    Raises:
        InputError: an option is out of range.
        UnknownNameError: there is no such decay.
    """

    constants: Constants = field(default_factory=Constants)
    cuts: Cuts = field(default_factory=Cuts)
    densities: str = pdf.DEFAULT
    overweight: float = 1e-3
    smearing: Smearing | None = None
    quadrature: Quadrature = field(default_factory=Quadrature)
    decay: str = "stable"
    lepton_mass: float = 12.0

    def __post_init__(self) -> None:
        if not 0 < self.overweight <= 0.01:
            raise InputError(f"overweight must be above 0 and at most 0.01, not {self.overweight}")
        if 2 * self.cuts.pt >= self.constants.energy:
            raise InputError(f"no jet has a pt of {self.cuts.pt} GeV, half the energy of the protons or more")
        decay_of(self.decay)
        FourLeptons(self.constants, smallest_mass=self.lepton_mass)

    @cached_property
    def element(self) -> MatrixElement:
        """The matrix element, with the densities at the factorisation scale."""
        return MatrixElement(self.constants, pdf.load(self.densities).at(self.constants.scale, ROWS))

    @cached_property
    def _leptons(self) -> FourLeptons | None:
        kind = decay_of(self.decay)
        return FourLeptons(self.constants, kind.identical, self.lepton_mass) if kind.four_leptons else None

    @cached_property
    def _sampler(self) -> Sampler:
        return Sampler(self.element, self.cuts, self.smearing)

    @cached_property
    def _plans(self) -> dict[bytes, Plan]:
        densities = self.element.densities.content
        return _common_plans(self.constants, self.cuts, self.smearing, self.overweight, densities)

    def _plan(self, form: Floats) -> Plan:
        key = form.tobytes()
        if key not in self._plans:
            self._plans[key] = self._sampler.plan(form, self.overweight)
        return self._plans[key]

    @property
    def degree(self) -> int:
        """Degree in theta of the density: 2, and 4 where the decay depends on theta."""
        return 2 if self._leptons is None else 4

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the columns of observables that the events have."""
        return OBSERVABLES + (BALANCE if self.smearing is not None else ()) + decay_of(self.decay).observables

    def _section(self, plan: Plan) -> CrossSection:
        """The cross section that a plan has measured, with the decay."""
        if self._leptons is None:
            return CrossSection(plan.components, plan.covariance)
        width = self._leptons.width
        scale = width.components[0]
        decay, spread = width.components / scale, width.covariance / scale**2
        total = plan.components.sum(axis=0)
        by_production, by_decay = product(np.eye(6), decay[None]).T, product(total[None], np.eye(6)).T
        covariance = by_production @ plan.covariance @ by_production.T + by_decay @ spread @ by_decay.T
        return CrossSection(product(plan.components, decay[None]), covariance)

    @cached_property
    def cross_section(self) -> CrossSection:
        """The cross section within the cuts, from half a million points of the grid of the Standard Model."""
        return self._section(self._plan(basis(STANDARD)))

    def simulate(self, theta: Any, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: (f_W, f_WW) times v^2 / Lambda^2, (2,); or several, (k, 2): events of their even mixture.
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with the :attr:`observables` as columns, ``theta`` (n, 2) where there is one, ``proposal`` (the
            density they were drawn from is ``components @ proposal``, in 1/pb, (n, 6 or 15)), the latents ``channel``
            (0 charged, 1 neutral) and ``first`` (which jet came from the proton along +z), the collections ``jets``
            (by falling pT), ``higgs``, and as the case may be ``true_jets`` and ``true_higgs`` before smearing (jets in
            the order of those seen) and ``taus``, ``photons`` or ``leptons`` (px py pz e, GeV), and the gold
            ``components`` (n, 6 or 15) in pb.

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
            production = self._plan(basis(STANDARD)).components.sum(axis=0)
            form = (basis(points) / (basis(points) @ production)[:, None]).mean(axis=0)
        plan = self._plan(form)
        true, seen = self._draw(plan, n, rng)
        channel, gold = self._latent(true, form, rng)
        products, overweight = self._products(seen[2], points, gold, plan, rng)
        if self._leptons is not None and products is not None:
            gold = product(gold, self._leptons.components(products).T.numpy())
        proposal = self._proposal(points, plan)
        gold = gold / (gold @ proposal)[:, None]
        columns: dict[str, Any] = {"channel": channel, "proposal": np.repeat(proposal[None], n, axis=0)}
        if len(points) == 1:
            columns["theta"] = np.repeat(points, n, axis=0)
        provenance = {
            "process": "weak-boson-fusion",
            "level": "parton" if self.smearing is None else "smeared",
            "decay": self.decay,
            "densities": self.densities,
            "overweight": max(plan.cap.overweight, overweight),
        }
        events = _as_events(seen, None if self.smearing is None else true)
        events = self._with_decay(events, products)
        return Events({**events.columns, **columns}, {}, events.collections, {"components": gold}, provenance)

    def _proposal(self, points: Floats, plan: Plan) -> Floats:
        """The density of events of the even mixture of points, as a combination of components, in 1/pb."""
        section = self.cross_section if len(points) > 1 else self._section(plan)
        forms = basis(points, self.degree)
        proposal: Floats = (forms / (forms @ section.components)[:, None]).mean(axis=0)
        return proposal

    def _draw(self, plan: Plan, n: int, rng: np.random.Generator) -> tuple[Momenta, Momenta]:
        """True momenta and those that are seen, (4, n) each."""
        if self.smearing is None:
            drawn = self._sampler.unweighted(plan, n, rng)
            true = drawn.p3, drawn.p4, drawn.higgs
            return true, true
        parts: list[tuple[Momenta, Momenta]] = []
        missing = n
        while missing > 0:
            drawn = self._sampler.unweighted(plan, max(missing, 256), rng)
            seen = self.smearing.smeared(drawn.p3, drawn.p4, drawn.higgs, rng)
            passed = self.cuts.passed(seen[0], seen[1])
            kept = drawn[passed]
            parts.append(((kept.p3, kept.p4, kept.higgs), (seen[0][:, passed], seen[1][:, passed], seen[2][:, passed])))
            missing -= int(passed.sum())
        joined = [tuple(torch.cat([part[side][i] for part in parts], -1)[:, :n] for i in range(3)) for side in (0, 1)]
        return joined[0], joined[1]  # type: ignore[return-value]

    def _latent(self, true: Momenta, form: Floats, rng: np.random.Generator) -> tuple[NDArray[np.int8], Floats]:
        """Draw the channel of each event; give it and its components of production, in 1/GeV^4."""
        parts = []
        for start in range(0, true[0].shape[1], BLOCK):
            cut = slice(start, start + BLOCK)
            known = invariants(true[0][:, cut], true[1][:, cut], true[2][:, cut], self.constants.energy)
            parts.append(self.element.components(known))
        both = torch.cat(parts, -1).numpy()
        density = np.einsum("ckn,k->cn", both, form)
        channel = (rng.random(density.shape[1]) * density.sum(axis=0) >= density[0]).astype(np.int8)
        return channel, both[channel, :, np.arange(len(channel))]

    def _products(
        self, higgs: Tensor, points: Floats, gold: Floats, plan: Plan, rng: np.random.Generator
    ) -> tuple[Tensor | None, float]:
        """Momenta of the decay products in the laboratory, (k, 4, n), and the overweight of their unweighting."""
        kind = decay_of(self.decay)
        if not kind.pid:
            return None, 0.0
        if self._leptons is None:
            return two_body(higgs, kind.mass, rng), 0.0
        # Of a mixture, each event decays at one of its points, drawn by how likely that has made it.
        forms = basis(points)
        shares = (gold @ (forms / (forms @ plan.components.sum(axis=0))[:, None]).T).clip(min=0.0).cumsum(axis=1)
        chosen = (rng.random(len(gold))[:, None] * shares[:, -1:] >= shares).sum(axis=1).clip(max=len(points) - 1)
        products, overweight = self._leptons.draw(points[chosen], self.overweight, rng)
        return moved(products, higgs), overweight

    def _with_decay(self, events: Events, products: Tensor | None) -> Events:
        kind = decay_of(self.decay)
        if products is None:
            return events
        if kind.four_leptons:
            numbers = lepton_observables(products, kind.identical, self.constants.z_mass)
        else:
            numbers = two_body_observables(products)
        columns = dict(zip(kind.observables, numbers.T.contiguous().numpy(), strict=True))
        ragged = _ragged(products)
        pid = np.tile(np.asarray(kind.pid, dtype=np.int32), len(events))
        ragged = Ragged.from_counts(ragged.counts, {**ragged.fields, "pid": pid})
        return events.with_columns(**columns).with_collections(**{kind.collection: ragged})

    def _production(self, events: Events, density: Density | None = None) -> Floats:
        """Components of production in 1/GeV^4: summed over channels and both orders of the jets, (scrambles, n, 6).

        Another density than that of all components, (channels, k, n) from invariants, gives (scrambles, n, k).
        """
        density = self.element.components if density is None else density
        first, second, higgs = _momenta(events)
        if self.smearing is not None:
            cuts = self._sampler.true_cuts
            jets, options = (first, second), self.quadrature
            return integrate(jets, higgs, self.element, self.smearing, cuts, options, density).scrambles
        parts = []
        for start in range(0, len(events), BLOCK):
            cut = slice(start, start + BLOCK)
            momenta = first[:, cut], second[:, cut], higgs[:, cut]
            known = invariants(*momenta, self.constants.energy)
            swapped = invariants(momenta[1], momenta[0], momenta[2], self.constants.energy)
            parts.append((density(known) + density(swapped)).sum(0))
        return torch.cat(parts, -1).T.contiguous().numpy()[None]

    def _marginal(self, events: Events) -> Floats:
        """Components of p(x|theta), with the decay, up to a factor for each event, (scrambles, n, 6 or 15)."""
        marginal = self._production(events)
        if self._leptons is not None:
            products = _products_of(events, decay_of(self.decay))
            marginal = product(marginal, self._leptons.components(products).T.numpy()[None])
        return marginal

    def integrated(self, events: Events) -> Integrated:
        """The components of p(x|theta), scaled as the gold of the sample, with the error of each event.

        At parton level they are exact, and there is one scramble; smeared ones come from a quadrature.

        Args:
            events: what :meth:`simulate` gave, a selection of it, or several such samples joined.

        Raises:
            InputError: the events have other collections, or cannot have been made with this smearing.
        """
        proposal = np.asarray(events.column("proposal"), dtype=np.float64)
        marginal = self._marginal(events)
        if proposal.shape != marginal.shape[1:]:
            raise InputError(
                f"the events were drawn with {proposal.shape[-1]} components and this simulator has "
                f"{marginal.shape[-1]}; take the one with the decay that made them"
            )
        scale = np.einsum("nk,nk->n", marginal.mean(axis=0), proposal)
        return Integrated(marginal / scale[:, None])

    def unscaled(self, events: Events) -> Floats:
        """The components of p(x|theta) up to a factor that no scale and no parton density changes, (n, 6 or 15).

        So what two simulators give for the same events can be compared, as for an uncertainty of the scale.

        Args:
            events: what :meth:`simulate` of this or of a simulator with other densities, scale or smearing gave.
        """
        result: Floats = self._marginal(events).mean(axis=0)
        return result

    def unscaled_standard(self, events: Events) -> Floats:
        """The first of :meth:`unscaled`, the density of the Standard Model, (n,), in less time than all.

        Args:
            events: what :meth:`simulate` of this or of a simulator with other densities, scale or smearing gave.
        """
        density: Floats = self._production(events, lambda k: self.element.standard(k)[:, None]).mean(axis=0)[:, 0]
        if self._leptons is not None:
            products = _products_of(events, decay_of(self.decay))
            density = density * self._leptons.components(products)[0].numpy()
        return density

    def unscaled_joint(self, events: Events) -> Floats:
        """The components of p(x, z|theta) up to the factor of :meth:`unscaled`, (n, 6 or 15).

        What no observer sees is known: the true momenta, the channel, and which jet came from which proton. Smeared
        events have the density of what is seen of these momenta as a factor.

        Args:
            events: what :meth:`simulate` of this or of a simulator with other densities, scale or smearing gave.
        """
        harder, softer, higgs = _momenta(events, "" if self.smearing is None else "true_")
        channel, first = (np.asarray(events.column(name), dtype=np.int64) for name in ("channel", "first"))
        swap = torch.from_numpy(first == 1)
        p3, p4 = torch.where(swap, softer, harder), torch.where(swap, harder, softer)
        both = self.element.components(invariants(p3, p4, higgs, self.constants.energy)).numpy()
        joint: Floats = both[channel, :, np.arange(len(channel))]
        if self._leptons is not None:
            products = _products_of(events, decay_of(self.decay))
            joint = product(joint, self._leptons.components(products).T.numpy())
        if self.smearing is not None:
            seen, true = numbers(*_momenta(events)), numbers(harder, softer, higgs)
            joint = joint * np.exp(self.smearing.log_density(seen, true).numpy())[:, None]
        return joint

    def truth(self, events: Events) -> Floats:
        """The components of p(x|theta), scaled as the gold of the sample, in pb, (n, 6 or 15).

        Args:
            events: what :meth:`simulate` gave, a selection of it, or several such samples joined.
        """
        return self.integrated(events).components

    def log_prob(self, events: Events, theta: Any) -> Floats:
        """Log-likelihood of each event at one theta, up to a constant that does not depend on theta, (n,).

        Args:
            events: with the collections ``jets`` and ``higgs``, and ``leptons`` where it decays to them.
            theta: (2,).
        """
        weights = basis(theta, self.degree)
        marginal = self._marginal(events).mean(axis=0)
        result: Floats = np.log(marginal @ weights) - np.log(weights @ self.cross_section.components)
        return result


def features(events: Events) -> Floats:
    """The observables as one array, (n, 15 or more): of production, of the balance, of the decay, as there are."""
    names = list(OBSERVABLES)
    decays = (decay_of(name).observables for name in ("tautau", "2e2mu"))
    for group in (BALANCE, *decays):
        names += [name for name in group if name in events.columns]
    return np.stack([np.asarray(events.column(name), dtype=np.float64) for name in names], axis=-1)


def _momenta(events: Events, prefix: str = "") -> Momenta:
    """Momenta of both jets and the Higgs boson, (4, n) each; those before smearing have the prefix ``true_``."""
    jets, higgs = events.collection(f"{prefix}jets"), events.collection(f"{prefix}higgs")
    if np.any(jets.counts != 2) or np.any(higgs.counts != 1):
        raise InputError("an event of weak boson fusion has two jets and one Higgs boson")
    pair, one = _stacked(jets), _stacked(higgs)
    return pair[:, ::2].contiguous(), pair[:, 1::2].contiguous(), one


def _products_of(events: Events, kind: Decay) -> Tensor:
    leptons = events.collection(kind.collection)
    if np.any(leptons.counts != 4) or not np.array_equal(leptons["pid"], np.tile(kind.pid, len(events))):
        raise InputError(f"the leptons of a decay to {kind.name} are {', '.join(map(str, kind.pid))} in this order")
    return _stacked(leptons).reshape(4, len(events), 4).permute(2, 0, 1).contiguous()


def _stacked(ragged: Ragged) -> Tensor:
    return torch.from_numpy(np.stack([ragged[name].astype(np.float64) for name in FIELDS]))


def _ragged(momenta: Tensor) -> Ragged:
    """Momenta (k, 4, n) as a collection with k in every event."""
    count, _, n = momenta.shape
    flat = momenta.permute(1, 2, 0).reshape(4, -1).contiguous().numpy()
    return Ragged.from_counts(np.full(n, count), dict(zip(FIELDS, flat, strict=True)))


def _as_events(seen: Momenta, true: Momenta | None) -> Events:
    """The observables and the momenta, jets by falling pT."""
    p3, p4, higgs = seen
    swap = torch.hypot(p4[1], p4[2]) > torch.hypot(p3[1], p3[2])
    columns = dict(zip(OBSERVABLES, observables(p3, p4, higgs).T.contiguous().numpy(), strict=True))
    if true is not None:
        columns |= dict(zip(BALANCE, balance(p3, p4, higgs).T.contiguous().numpy(), strict=True))
    collections = {}
    for prefix, momenta in (("", seen), ("true_", true)):
        if momenta is not None:
            jets = torch.stack([torch.where(swap, momenta[i], momenta[j]) for i, j in ((1, 0), (0, 1))])
            collections[f"{prefix}jets"] = _ragged(jets)
            collections[f"{prefix}higgs"] = _ragged(momenta[2][None])
    return Events({**columns, "first": swap.numpy().astype(np.int8)}, collections=collections)

"""Jets whose likelihood is known exactly: independent constituents, a Poisson number of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from partonic.events.events import Events
from partonic.events.kinematics import from_pt_eta_phi_mass, pt
from partonic.events.ragged import Ragged

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PoissonJets:
    r"""A family of jets in one parameter :math:`\theta`, 0 for background and 1 for signal.

    The number of constituents is Poisson with mean :math:`\mu(\theta)` (at least one), their transverse momenta are
    independent log-normal with location :math:`m(\theta)`, both linear in :math:`\theta`; their places around the axis
    are Gaussian and the same for all :math:`\theta`. With the :math:`n` transverse momenta of a jet,

    .. math:: \ln p(x|\theta) = n \ln \mu - \mu - \ln n! - \ln(1 - e^{-\mu})
              + \sum_i \ln \mathrm{LogNormal}(p_{T,i}; m, s) + \text{const},

    so that the best possible tagger, the likelihood ratio of :math:`\theta = 1` to 0, is a sum over constituents.

    Args:
        mean_number: :math:`\mu` at theta = 0 and 1.
        location: :math:`m` of ln(pT / GeV) at theta = 0 and 1.
        spread: :math:`s` of ln pT.
        width: spread in eta and phi around the axis.
    """

    mean_number: tuple[float, float] = (40.0, 46.0)
    location: tuple[float, float] = (1.0, 1.15)
    spread: float = 1.0
    width: float = 0.2

    def _at(self, ends: tuple[float, float], theta: Floats) -> Floats:
        return ends[0] + (ends[1] - ends[0]) * theta

    def simulate(self, theta: float | Floats, n: int, rng: np.random.Generator) -> Events:
        """Draw jets.

        Args:
            theta: one value, or one a jet (n,).
            n: number of jets.
            rng: source of randomness.

        Returns:
            Jets with ``constituents`` (px py pz e, float32, GeV, sorted by falling pT), the column ``theta`` (n, 1)
            and, where theta is 0 or 1, ``label``.
        """
        values = np.broadcast_to(np.asarray(theta, dtype=float), (n,))
        mean = self._at(self.mean_number, values)
        counts = rng.poisson(mean)
        while np.any(counts == 0):
            counts = np.where(counts == 0, rng.poisson(mean), counts)
        row = np.repeat(np.arange(n), counts)
        momentum = rng.lognormal(self._at(self.location, values)[row], self.spread)
        momentum = momentum[np.lexsort((-momentum, row))]
        axis_eta, axis_phi = rng.uniform(-1.5, 1.5, n), rng.uniform(-np.pi, np.pi, n)
        place_eta = axis_eta[row] + self.width * rng.standard_normal(len(row))
        place_phi = axis_phi[row] + self.width * rng.standard_normal(len(row))
        p4 = from_pt_eta_phi_mass(momentum, place_eta, place_phi, np.zeros(len(row)))
        fields = {name: part.astype(np.float32) for name, part in zip(("px", "py", "pz", "e"), p4, strict=True)}
        return Events(
            {"theta": values[:, None].copy(), "label": (values == 1).astype(np.int8)},
            collections={"constituents": Ragged.from_counts(counts, fields)},
            provenance={"process": "poisson-jets"},
        )

    def log_prob(self, jets: Events, theta: float) -> Floats:
        """Log-likelihood of each jet up to a constant that does not depend on theta, (jets,)."""
        constituents = jets.collection("constituents")
        mean = float(self._at(self.mean_number, np.asarray(theta, dtype=float)))
        location = float(self._at(self.location, np.asarray(theta, dtype=float)))
        px: NDArray[Any] = np.asarray(constituents["px"], dtype=np.float64)
        py: NDArray[Any] = np.asarray(constituents["py"], dtype=np.float64)
        each = -0.5 * ((np.log(pt(px, py)) - location) / self.spread) ** 2
        n = constituents.counts
        total = np.bincount(constituents.rows, each, minlength=len(jets))
        log_prob: Floats = n * np.log(mean) - mean - gammaln(n + 1) - np.log1p(-np.exp(-mean)) + total
        return log_prob

    def log_ratio(self, jets: Events) -> Floats:
        """The logarithm of p(x|1) / p(x|0), (jets,): the best possible score of signal against background."""
        return self.log_prob(jets, 1.0) - self.log_prob(jets, 0.0)

r"""Transfer functions of the detector: Gaussians around the true momenta of the jets and the Higgs boson.

A jet of energy E is seen with :math:`\ln E`, moved by the logarithm of the energy scale, spread by
:math:`\delta(E) = \sqrt{a^2/E + b^2}` (a Gaussian in the logarithm, so that no energy is negative), its pseudorapidity
and azimuth by constants; jets stay massless. The Higgs boson is seen with each of its transverse momenta spread by one
constant and its rapidity by another; it stays on its mass shell. All are densities of what is seen, normalised for
every true momentum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.simulators.wbf.observables import Cuts


@dataclass(frozen=True)
class Smearing:
    r"""Sizes of the transfer functions.

    Those of jets lie by default between the design goals of ATLAS for central jets, 50 %/sqrt(E) and 3 %, and for
    forward ones, 100 %/sqrt(E) and 10 %.

    Args:
        stochastic: a in sqrt(GeV).
        constant: b.
        jet_eta: spread of the pseudorapidity of jets.
        jet_phi: spread of their azimuth, in radian.
        higgs_pt: spread of each transverse momentum of the Higgs boson, in GeV.
        higgs_rapidity: spread of its rapidity.
        margin: how many spreads beyond the cuts true jets are followed.
        energy_scale: of jets, their energy as seen over the true one, from 0.8 to 1.25.

    Raises:
        InputError: a size is not above 0 or too large for the approximations made, or the margin or the energy scale
            is out of range.
    """

    stochastic: float = 0.8
    constant: float = 0.05
    jet_eta: float = 0.03
    jet_phi: float = 0.03
    higgs_pt: float = 10.0
    higgs_rapidity: float = 0.05
    margin: float = 4.0
    energy_scale: float = 1.0

    def __post_init__(self) -> None:
        limits = {"stochastic": 3.0, "constant": 0.5, "jet_eta": 0.5, "jet_phi": 0.5, "higgs_pt": 100.0}
        for name, largest in {**limits, "higgs_rapidity": 1.0}.items():
            value = getattr(self, name)
            if not 0 < value <= largest:
                raise InputError(f"{name} of the smearing must be above 0 and at most {largest}, not {value}")
        if not 1 <= self.margin <= 6:
            raise InputError(f"the margin of the smearing must be from 1 to 6 spreads, not {self.margin}")
        if not 0.8 <= self.energy_scale <= 1.25:
            raise InputError(f"the energy scale of jets must be from 0.8 to 1.25, not {self.energy_scale}")

    @property
    def shift(self) -> float:
        """How far the centre of ln E as seen is from the true one."""
        return math.log(self.energy_scale)

    def spread(self, log_energy: Tensor) -> Tensor:
        r"""Spread of :math:`\ln E` of a true jet, from its own :math:`\ln E` (GeV); any shape."""
        return torch.sqrt(self.stochastic**2 * torch.exp(-log_energy) + self.constant**2)

    def loosened(self, cuts: Cuts) -> Cuts:
        """Cuts on true jets, ``margin`` spreads (of a central jet at the cut) looser than on those that are seen."""
        fall = self.margin * float(self.spread(torch.tensor(math.log(cuts.pt), dtype=torch.float64)))
        return Cuts(
            pt=cuts.pt * math.exp(-fall),
            eta=min(cuts.eta + self.margin * self.jet_eta, 8.0),
            mass=cuts.mass * math.exp(-fall / math.sqrt(2)),
            delta_eta=max(cuts.delta_eta - self.margin * self.jet_eta * math.sqrt(2), 0.0),
        )

    def smeared(self, p3: Tensor, p4: Tensor, higgs: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw what the detector sees.

        Args:
            p3: one jet, (4, n) as (E, px, py, pz) in GeV.
            p4: the other.
            higgs: the Higgs boson.
            rng: source of randomness.

        Returns:
            The same three, smeared.
        """
        sizes = torch.tensor([self.jet_eta, self.jet_phi], dtype=torch.float64)[:, None]
        jets = []
        for p in (p3, p4):
            true = polar(p)
            noise = torch.from_numpy(rng.standard_normal(true.shape))
            width = torch.cat([self.spread(true[:1]), sizes.expand(2, true.shape[1])])
            moved = torch.cat([true[:1] + self.shift, true[1:]])
            jets.append(massless(moved + width * noise))
        noise = torch.from_numpy(rng.standard_normal((3, higgs.shape[1])))
        transverse = higgs[1:3] + self.higgs_pt * noise[:2]
        square = higgs[0] ** 2 - (higgs[1:] ** 2).sum(0)
        rapidity = torch.atanh(higgs[3] / higgs[0]) + self.higgs_rapidity * noise[2]
        return jets[0], jets[1], massive(transverse, rapidity, square)

    def log_density(self, seen: Tensor, true: Tensor) -> Tensor:
        """Log-density of what is seen in (ln E, eta, phi) of both jets, px, py and y of the Higgs boson.

        Args:
            seen: (9, ...).
            true: (9, ...).
        """
        spread3, spread4 = self.spread(true[0]), self.spread(true[3])
        turn = torch.remainder(seen[[2, 5]] - true[[2, 5]] + math.pi, 2 * math.pi) - math.pi
        pulls = [
            (seen[0] - true[0] - self.shift) / spread3,
            (seen[3] - true[3] - self.shift) / spread4,
            *((seen[[1, 4]] - true[[1, 4]]) / self.jet_eta),
            *(turn / self.jet_phi),
            *((seen[6:8] - true[6:8]) / self.higgs_pt),
            (seen[8] - true[8]) / self.higgs_rapidity,
        ]
        squares = torch.stack(pulls).square().sum(0)
        constant = 9 * math.log(2 * math.pi) / 2 + math.log(self.higgs_pt**2 * self.higgs_rapidity)
        constant += 2 * math.log(self.jet_eta * self.jet_phi)
        return -0.5 * squares - torch.log(spread3 * spread4) - constant


def numbers(p3: Tensor, p4: Tensor, higgs: Tensor) -> Tensor:
    """What :meth:`Smearing.log_density` takes, of momenta (E, px, py, pz): (4, ...) each to (9, ...)."""
    return torch.cat([polar(p3), polar(p4), higgs[1:3], torch.atanh(higgs[3:] / higgs[:1])])


def polar(p: Tensor) -> Tensor:
    """Logarithm of E, pseudorapidity and azimuth of massless momenta: (4, ...) to (3, ...)."""
    pt = torch.hypot(p[1], p[2])
    return torch.stack([torch.log(p[0]), torch.asinh(p[3] / pt), torch.atan2(p[2], p[1])])


def massless(numbers: Tensor) -> Tensor:
    """Massless momenta (E, px, py, pz) from ln E, pseudorapidity and azimuth: (3, ...) to (4, ...)."""
    energy = torch.exp(numbers[0])
    pt = energy / torch.cosh(numbers[1])
    return torch.stack([energy, pt * torch.cos(numbers[2]), pt * torch.sin(numbers[2]), pt * torch.sinh(numbers[1])])


def massive(transverse: Tensor, rapidity: Tensor, square: Tensor | float) -> Tensor:
    """Momenta (E, px, py, pz) from px and py (2, ...), rapidity (...) and squared mass."""
    size = torch.sqrt(square + transverse[0] ** 2 + transverse[1] ** 2)
    return torch.stack([size * torch.cosh(rapidity), transverse[0], transverse[1], size * torch.sinh(rapidity)])

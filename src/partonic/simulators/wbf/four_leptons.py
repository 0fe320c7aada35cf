r"""The decay h -> Z Z*, Z gamma*, gamma* gamma* -> four massless leptons at leading order, with O_W and O_WW.

The same vertices as in production (see :mod:`partonic.simulators.wbf.matrix_element`), with timelike bosons: for two
left-handed lines :math:`a \bar b` and :math:`c \bar d`, spinor products give

.. math::
    S = 2 \langle ac \rangle [db], \qquad
    R = (\langle ca \rangle [ad] + \langle cb \rangle [bd]) (\langle ac \rangle [cb] + \langle ad \rangle [db]),

and a right-handed line exchanges its two momenta. Propagators of the Z have a fixed width. Four leptons of one flavour
interfere: the amplitude is antisymmetric under the exchange of the two leptons.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.phasespace.maps import BreitWigner, Power
from partonic.phasespace.rambo import boost
from partonic.phasespace.unweight import Cap, find_cap
from partonic.simulators.wbf.theory import Constants, Floats, basis

BLOCK = 16_384
TRIAL = 24 * BLOCK
OPPOSITE = ((0, 1), (2, 3), (0, 3), (2, 1))  # pairs of opposite charge among l- l+ l- l+
# Places of l- l+ l- l+ at the two lines, and the sign of the amplitude; the second where all have one flavour.
PAIRINGS = ((0, 1, 2, 3), 1.0), ((2, 1, 0, 3), -1.0)


@dataclass(frozen=True)
class Width:
    """The partial width of a decay within its cuts as a polynomial in theta.

    Args:
        components: in GeV, (6,).
        covariance: from the integration, in GeV^2, (6, 6).
    """

    components: Floats
    covariance: Floats


class FourLeptons:
    """Amplitude, partial width and events of the decay, in the rest frame of the Higgs boson.

    Args:
        constants: of the theory.
        identical: all four leptons of one flavour.
        smallest_mass: of each pair of opposite charge and one flavour, in GeV; keeps clear of the pole of the photon.

    Raises:
        InputError: the smallest mass is not above 0 and below half the mass of the Higgs boson.
    """

    def __init__(self, constants: Constants, identical: bool = False, smallest_mass: float = 12.0) -> None:
        if not 0 < smallest_mass < constants.higgs_mass / 2:
            raise InputError(
                f"the smallest mass of two leptons is above 0 and below half the Higgs mass, not {smallest_mass} GeV"
            )
        self.constants = k = constants
        self.identical = identical
        self.smallest_mass = smallest_mass
        self.pairs = OPPOSITE if identical else OPPOSITE[:2]
        self._pairings = PAIRINGS if identical else PAIRINGS[:1]
        low, high = smallest_mass**2, (k.higgs_mass - smallest_mass) ** 2
        self._peak, self._pole = BreitWigner(k.z_mass, k.z_width, low, high, off_shell=True), Power(low, high)
        self._trial: tuple[Tensor, Tensor] | None = None

    def components(self, leptons: Tensor) -> Tensor:
        """Sum over helicities of the squared amplitude.

        Args:
            leptons: momenta of l- l+ l- l+, (4, 4, n) as (lepton, (E, px, py, pz), event), in GeV, in any frame.

        Returns:
            (6, n), in 1/GeV^2; with the 1/4 of identical leptons where they are.
        """
        angle, square = _spinor_products(leptons)
        total = torch.zeros(6, leptons.shape[2], dtype=torch.float64)
        # Where the lines differ in helicity the two pairings lead to different final states and do not interfere.
        for one, two in itertools.product((-1, 1), (-1, 1)):
            found = [
                sign * self._amplitude(angle, square, leptons, place, (one, two)) for place, sign in self._pairings
            ]
            for amplitude in [torch.stack(found).sum(0)] if one == two else found:
                total = total + _squares(amplitude)
        return total / 4 if self.identical else total

    def _amplitude(
        self, angle: Tensor, square: Tensor, p: Tensor, place: tuple[int, ...], helicities: tuple[int, int]
    ) -> Tensor:
        """Amplitudes of (SM, f_W, f_WW) with the lines at the given places, (3, n), complex."""
        k = self.constants
        a, b, c, d = place
        s1, s2 = _mass2(p[a] + p[b]), _mass2(p[c] + p[d])
        q = 0.5 * (_mass2(p.sum(0)) - s1 - s2)
        (a, b), (c, d) = ((x, y) if h < 0 else (y, x) for (x, y), h in zip(((a, b), (c, d)), helicities, strict=True))
        s = 2 * angle[a, c] * square[d, b]
        r = (angle[c, a] * square[a, d] + angle[c, b] * square[b, d]) * (
            angle[a, c] * square[c, b] + angle[a, d] * square[d, b]
        )
        (z1, w1), (z2, w2) = (self._leg(mass2, h) for mass2, h in zip((s1, s2), helicities, strict=True))
        kappa = k.weak * k.w_mass / k.vev**2
        standard = k.weak * k.z_mass / k.cos * s * z1 * z2
        first = 0.5 * kappa / k.cos * ((r - (s2 + q) * s) * z1 * w2 + (r - (s1 + q) * s) * w1 * z2)
        return torch.stack([standard, first, 2 * kappa * (q * s - r) * w1 * w2])

    def _leg(self, mass2: Tensor, helicity: int) -> tuple[Tensor, Tensor]:
        """Coupling of a charged lepton times propagator, of the Z and of W3 = cos Z + sin A."""
        k = self.constants
        z = (
            k.weak
            / k.cos
            * (k.sin2 - (0.5 if helicity < 0 else 0.0))
            / (mass2 - k.z_mass**2 + 1j * k.z_mass * k.z_width)
        )
        return z, k.cos * z - (k.sin * k.electric / mass2 if k.photons else 0.0)

    def points(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Weighted decays in the rest frame of the Higgs boson.

        Args:
            n: how many to try.
            rng: source of randomness.

        Returns:
            Momenta (4, 4, n) and the measure that turns components into GeV, (n,); 0 where a cut fails.
        """
        mass = self.constants.higgs_mass
        u = torch.from_numpy(rng.random((8, n)))
        low, high = self.smallest_mass**2, (mass - self.smallest_mass) ** 2
        s1, s2 = (
            torch.where(u[i] < 0.5, self._peak.forward(v), self._pole.forward(v)).clamp(low, high)
            for i, v in ((0, (2 * u[0]) % 1), (1, (2 * u[1]) % 1))
        )
        fits = s1.sqrt() + s2.sqrt() < mass
        s2 = torch.where(fits, s2, torch.full_like(s2, low))
        s1 = torch.where(fits, s1, torch.full_like(s1, low))
        energy = (mass * mass + s1 - s2) / (2 * mass)
        size = torch.sqrt((energy**2 - s1).clamp_min(0.0))
        axis = _direction(u[2], u[3])
        pairs = [
            torch.cat([energy[None], size * axis]),
            torch.cat([(mass - energy)[None], -size * axis]),
        ]
        leptons = torch.stack([*_pair(pairs[0], s1, u[4], u[5]), *_pair(pairs[1], s2, u[6], u[7])])
        if self.identical:
            turn = torch.from_numpy(rng.random(n) < 0.5)
            leptons = torch.where(turn, leptons[[2, 1, 0, 3]], leptons)
        density = torch.stack([self._density(leptons, place) for place, _ in self._pairings]).mean(0)
        inside = fits
        for i, j in self.pairs:
            inside = inside & (_mass2(leptons[i] + leptons[j]) > low * (1 - 1e-12))
        return leptons, torch.where(inside, 1 / (2 * mass * density), 0.0)

    def _density(self, p: Tensor, place: tuple[int, ...]) -> Tensor:
        """Density of the points over phase space, where the lines are at the given places."""
        mass2 = self.constants.higgs_mass**2
        s1, s2 = _mass2(p[place[0]] + p[place[1]]), _mass2(p[place[2]] + p[place[3]])
        free = torch.sqrt(((mass2 - s1 - s2) ** 2 - 4 * s1 * s2).clamp_min(1e-12)) / mass2
        volume = free / (8 * math.pi) ** 3 / (2 * math.pi) ** 2
        low, high = self.smallest_mass**2, (self.constants.higgs_mass - self.smallest_mass) ** 2
        value = torch.ones_like(s1)
        for s in (s1, s2):
            inside = (s > low * (1 - 1e-12)) & (s < high * (1 + 1e-12))
            value = value * torch.where(inside, 0.5 * (self._peak.density(s) + self._pole.density(s)), 0.0)
        return value / volume

    def trial(self) -> tuple[Tensor, Tensor]:
        """Components times measure of many points, (6, n) in GeV, from a fixed seed, and their mean, (6,)."""
        if self._trial is None:
            rng, parts = generator(0), []
            for _ in range(TRIAL // BLOCK):
                leptons, measure = self.points(BLOCK, rng)
                parts.append(self.components(leptons) * measure)
            seen = torch.cat(parts, -1)
            self._trial = seen, seen.mean(1)
        return self._trial

    @property
    def width(self) -> Width:
        """The partial width within the cuts, in GeV."""
        seen, mean = self.trial()
        centred = (seen - mean[:, None]).numpy()
        return Width(mean.numpy(), centred @ centred.T / seen.shape[1] ** 2)

    def cap(self, theta: Floats, overweight: float) -> Cap:
        """The cap of the weights at one theta."""
        seen, _ = self.trial()
        return find_cap((torch.from_numpy(basis(theta)) @ seen).clamp_min(0.0), overweight)

    def draw(self, theta: Floats, overweight: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        """One decay for each theta, in the rest frame of the Higgs boson.

        Args:
            theta: (n, 2); only a few different ones are quick.
            overweight: largest share of the width that is lost to the cap.
            rng: source of randomness.

        Returns:
            Momenta of l- l+ l- l+, (4, 4, n), and the largest overweight met.
        """
        points, number = np.unique(theta, axis=0, return_inverse=True)
        caps = [self.cap(point, overweight) for point in points]
        level = torch.tensor([cap.weight for cap in caps])[torch.from_numpy(number.reshape(-1))]
        forms = torch.from_numpy(basis(theta)).T
        result = torch.zeros(4, 4, len(theta), dtype=torch.float64)
        waiting = torch.arange(len(theta))
        while len(waiting):
            tried = waiting.repeat(max(1, min(16, BLOCK // len(waiting))))[: 4 * BLOCK]
            leptons, measure = self.points(len(tried), rng)
            weights = (self.components(leptons) * forms[:, tried]).sum(0) * measure
            kept = torch.from_numpy(rng.random(len(tried))) * level[tried] < weights
            rows = torch.nonzero(kept).squeeze(1)
            found, first = np.unique(tried[rows].numpy(), return_index=True)
            result[:, :, found] = leptons[:, :, rows[first]]
            waiting = waiting[~torch.isin(waiting, torch.from_numpy(found))]
        return result, max(cap.overweight for cap in caps)


def _mass2(p: Tensor) -> Tensor:
    return p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2


def _direction(u: Tensor, v: Tensor) -> Tensor:
    """Unit vectors, isotropic, (3, n)."""
    cos, azimuth = 2 * u - 1, 2 * math.pi * v
    sin = torch.sqrt((1 - cos * cos).clamp_min(0.0))
    return torch.stack([sin * torch.cos(azimuth), sin * torch.sin(azimuth), cos])


def _pair(parent: Tensor, mass2: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Two massless momenta from an isotropic decay, (4, n) each."""
    half = 0.5 * torch.sqrt(mass2)
    axis = half * _direction(u, v)
    first = torch.cat([half[None], axis])
    second = torch.cat([half[None], -axis])
    return boost(first.T, parent.T).T, boost(second.T, parent.T).T


def _spinor_products(p: Tensor) -> tuple[Tensor, Tensor]:
    """Angle and square products <ij> and [ij] of massless momenta of positive energy, (4, 4, n) complex each.

    They obey <ij>[ji] = 2 p_i.p_j; with E + pz from the transverse momentum where pz is negative, to full precision.
    """
    transverse = torch.complex(p[:, 1], p[:, 2])
    large = p[:, 0] + p[:, 3].abs()
    small = (transverse.abs() ** 2) / large
    plus = torch.where(p[:, 3] > 0, large, small).clamp_min(1e-300)  # (4, n)
    root = torch.sqrt(plus)
    scaled = transverse / root
    angle = root[:, None] * scaled[None] - scaled[:, None] * root[None]
    return angle, -angle.conj()


def _squares(amplitude: Tensor) -> Tensor:
    """Components of the square of an amplitude that is linear in theta: (3, n) complex to (6, n)."""
    zero, one, two = amplitude

    def times(x: Tensor, y: Tensor) -> Tensor:
        return x.real * y.real + x.imag * y.imag

    squares = [times(one, one), 2 * times(one, two), times(two, two)]
    return torch.stack([times(zero, zero), 2 * times(zero, one), 2 * times(zero, two), *squares])

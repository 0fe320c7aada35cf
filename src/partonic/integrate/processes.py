r"""Matrix elements of the project as integrands: their channels, their momenta, and what is known of the answer.

A fermion pair from a photon or a Z: with :math:`\chi = s/[4 s_w^2 c_w^2 (s - m_Z^2 + i m_Z\Gamma_Z)]` and the couplings
:math:`g_L = 2 T_3 - 2 Q s_w^2`, :math:`g_R = -2 Q s_w^2`, the helicity amplitudes are
:math:`A_{ij} = Q Q' + \chi\,g_i g'_j` and

.. math:: \frac{\mathrm{d}\sigma}{\mathrm{d}\Omega} = \frac{\alpha^2}{16 s}
    \left[(|A_{LL}|^2 + |A_{RR}|^2)(1 + c)^2 + (|A_{LR}|^2 + |A_{RL}|^2)(1 - c)^2\right], \qquad
    \sigma = \frac{\pi\alpha^2}{3s} \sum |A_{ij}|^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.integrate.channels import Cube, CubeMap
from partonic.integrate.maps import Chain, Separate, Split
from partonic.phasespace.maps import BreitWigner, Flat, Power
from partonic.simulators import pdf
from partonic.simulators.pdf import Densities
from partonic.simulators.wbf.matrix_element import PB_PER_GEV2, ROWS, MatrixElement, invariants
from partonic.simulators.wbf.observables import Cuts
from partonic.simulators.wbf.phase_space import DIMENSIONS, points
from partonic.simulators.wbf.theory import Constants, as_theta, basis

MUON, LEPTON = 13, (-1.0, -0.5)  # number of the particle; charge and weak isospin
UP, DOWN = (2 / 3, 0.5), (-1 / 3, -0.5)
QUARKS = {1: DOWN, 2: UP, 3: DOWN, 4: UP, 5: DOWN}


class EventIntegrand(Protocol):
    """An integrand whose points are events."""

    @property
    def channels(self) -> tuple[CubeMap, ...]:
        """Channels that follow its peaks."""
        ...

    @property
    def beams(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Number of the particle and energy in GeV of each beam."""
        ...

    def __call__(self, y: Tensor) -> Tensor:
        """The differential cross section in pb at points, (n,)."""
        ...

    def events(self, y: Tensor) -> Events:
        """Points as events with the collection ``particles`` (pid px py pz e, GeV)."""
        ...


def couplings(kind: tuple[float, float], sin2: float) -> tuple[float, float]:
    """Left and right couplings to the Z from charge and isospin, in units of e / (2 s_w c_w)."""
    charge, isospin = kind
    return 2 * isospin - 2 * charge * sin2, -2 * charge * sin2


def pair(
    s: Tensor, one: tuple[float, float], other: tuple[float, float], constants: Constants
) -> tuple[Tensor, Tensor]:
    r"""Squared helicity amplitudes of a pair from a photon or Z: equal helicities, opposite ones, (n,) each.

    Args:
        s: squared energy in GeV^2, (n,).
        one: charge and isospin of what goes in.
        other: of what comes out.
        constants: masses and couplings.
    """
    k = constants
    real, imaginary = s - k.z_mass**2, k.z_mass * k.z_width
    scale = s / (4 * k.sin2 * (1 - k.sin2)) / (real**2 + imaginary**2)
    sums = []
    for hands in ((0, 0), (1, 1)), ((0, 1), (1, 0)):
        total = torch.zeros_like(s)
        for i, j in hands:
            g = couplings(one, k.sin2)[i] * couplings(other, k.sin2)[j] * scale
            total = total + (one[0] * other[0] + g * real) ** 2 + (g * imaginary) ** 2
        sums.append(total)
    return sums[0], sums[1]


@dataclass(frozen=True)
class MuonPair:
    """e+ e- to mu+ mu- through photon and Z: momenta of mu- and mu+, the electron along +z.

    Args:
        energy: of the collision, in GeV.
        constants: masses and couplings.
    """

    energy: float = 91.0
    constants: Constants = field(default_factory=Constants)

    @property
    def channels(self) -> tuple[CubeMap, ...]:
        """Momenta of two particles, evenly in all directions."""
        return (Chain(self.energy, (0.0, 0.0), Split(0, 1)),)

    @property
    def beams(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Number of the particle and energy in GeV of each beam."""
        return (11, 0.5 * self.energy), (-11, 0.5 * self.energy)

    def __call__(self, y: Tensor) -> Tensor:
        """The cross section in pb with respect to phase space, (n,), at momenta (n, 8)."""
        s = torch.full_like(y[:, 0], self.energy**2)
        cos = 2 * y[:, 3] / self.energy
        equal, opposite = pair(s, LEPTON, LEPTON, self.constants)
        angular = equal * (1 + cos) ** 2 + opposite * (1 - cos) ** 2
        return self.constants.alpha**2 / (16 * s) * angular * 32 * math.pi**2 * PB_PER_GEV2

    @property
    def known(self) -> float:
        """The cross section in pb."""
        s = torch.tensor([self.energy**2], dtype=torch.float64)
        total = float(sum(part.sum() for part in pair(s, LEPTON, LEPTON, self.constants)))
        return math.pi * self.constants.alpha**2 / (3 * self.energy**2) * total * PB_PER_GEV2

    def events(self, y: Tensor) -> Events:
        """Electron, positron, mu-, mu+."""
        half = 0.5 * self.energy
        beams = y.new_tensor([[half, 0, 0, half], [half, 0, 0, -half]]).expand(len(y), 2, 4)
        momenta = torch.cat([beams, y.reshape(-1, 2, 4)], 1)
        return particles(momenta, np.tile([11, -11, MUON, -MUON], (len(y), 1)), incoming=2)


@dataclass(frozen=True)
class DrellYan:
    """p p to mu+ mu- through photon and Z: points are (s, v, c).

    s is the squared mass of the pair in GeV^2, v in (0, 1) its rapidity from the lowest to the highest possible one,
    c the cosine of the angle of the mu- to the parton along +z in the rest frame of the pair.

    Args:
        energy: of the protons, in GeV.
        low: smallest mass of the pair, in GeV.
        high: largest.
        densities: set of parton densities that ships with Pythia, or the path of a ``.dat`` file.
        constants: masses and couplings; the factorisation scale is the mass of the Z.

    Raises:
        InputError: the masses do not rise, or exceed the energy.
    """

    energy: float = 13_000.0
    low: float = 40.0
    high: float = 200.0
    densities: str = pdf.DEFAULT
    constants: Constants = field(default_factory=Constants)

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < self.energy:
            raise InputError(f"masses of the pair must rise from above 0 to below {self.energy:g} GeV")

    @property
    def channels(self) -> tuple[CubeMap, ...]:
        """The Z, where it is in the range, and the photon."""
        k, ends = self.constants, (self.low**2, self.high**2)
        rest = (Flat(0.0, 1.0), Flat(-1.0, 1.0))
        photon = Separate((Power(*ends, 2.0), *rest))
        inside = self.low < k.z_mass < self.high
        return (Separate((BreitWigner(k.z_mass, k.z_width, *ends), *rest)), photon) if inside else (photon,)

    @cached_property
    def partons(self) -> Densities:
        """Densities of the five quarks and then of their antiquarks."""
        rows = [[sign * flavour] for sign in (1, -1) for flavour in QUARKS]
        return pdf.load(self.densities).at(self.constants.z_mass, rows)

    def _fractions(self, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tau = s / self.energy**2
        highest = -0.5 * torch.log(tau)
        rapidity = highest * (2 * v - 1)
        return torch.sqrt(tau) * torch.exp(rapidity), torch.sqrt(tau) * torch.exp(-rapidity), highest

    @property
    def beams(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Number of the particle and energy in GeV of each beam."""
        return (2212, 0.5 * self.energy), (2212, 0.5 * self.energy)

    def __call__(self, y: Tensor) -> Tensor:
        """The cross section in pb with respect to (s, v, c), (n,), at points (n, 3)."""
        s, v, cos = y.unbind(1)
        x1, x2, highest = self._fractions(s, v)
        first, second = self.partons(x1), self.partons(x2)
        total = torch.zeros_like(s)
        for number, kind in enumerate(QUARKS.values()):
            equal, opposite = pair(s, kind, LEPTON, self.constants)
            for quark, anti, c in ((first[number], second[number + 5], cos), (second[number], first[number + 5], -cos)):
                total = total + quark * anti * (equal * (1 + c) ** 2 + opposite * (1 - c) ** 2)
        # xf xf / tau of the densities, a third of the colours, 2 pi of the azimuth, and ds dv for dx1 dx2.
        measure = 2 * math.pi / 3 * 2 * highest / s
        return self.constants.alpha**2 / (16 * s) * total * measure * PB_PER_GEV2

    def events(self, y: Tensor) -> Events:
        """Two partons (the quark along +z, which the sum over both orders does not tell) and mu-, mu+ at azimuth 0."""
        s, v, cos = y.unbind(1)
        x1, x2, _ = self._fractions(s, v)
        half, zero = 0.5 * self.energy, torch.zeros_like(s)
        beams = [torch.stack([x * half, zero, zero, sign * x * half], -1) for x, sign in ((x1, 1), (x2, -1))]
        e = 0.5 * torch.sqrt(s)
        sin = torch.sqrt((1 - cos) * (1 + cos))
        gamma, drift = (x1 + x2) * half / torch.sqrt(s), (x1 - x2) * half / torch.sqrt(s)
        out = [
            torch.stack([e * (gamma + sign * drift * cos), sign * e * sin, zero, e * (drift + sign * gamma * cos)], -1)
            for sign in (1, -1)
        ]
        return particles(torch.stack([*beams, *out], 1), np.tile([2, -2, MUON, -MUON], (len(s), 1)), incoming=2)


@dataclass(frozen=True)
class BosonFusion:
    """q q' to q q' H by weak boson fusion: six numbers of the unit cube, along the peaks of the matrix element.

    Args:
        theta: the two parameters (f_W, f_WW) times v^2 / Lambda^2.
        constants: of the theory.
        cuts: on the jets.
        densities: set of parton densities, or the path of a ``.dat`` file.
    """

    theta: tuple[float, float] = (0.0, 0.0)
    constants: Constants = field(default_factory=Constants)
    cuts: Cuts = field(default_factory=Cuts)
    densities: str = pdf.DEFAULT

    def __post_init__(self) -> None:
        as_theta(self.theta)

    @property
    def channels(self) -> tuple[CubeMap, ...]:
        """The maps are in the integrand."""
        return (Cube(DIMENSIONS),)

    @cached_property
    def element(self) -> MatrixElement:
        """The matrix element with its parton densities."""
        return MatrixElement(self.constants, pdf.load(self.densities).at(self.constants.scale, ROWS))

    def components(self, y: Tensor) -> Tensor:
        """Morphing components of the cross section in pb, (n, 6); 0 where a cut removes a point."""
        made = points(y, torch.zeros_like(y[:, 0]), self.constants, self.cuts.pt)
        known = invariants(made.p3, made.p4, made.higgs, self.constants.energy)
        rows = (known.x1 < 1) & (known.x2 < 1) & self.cuts.passed(made.p3, made.p4)
        inside = torch.nonzero(rows).squeeze(1)
        result = y.new_zeros(len(y), 6)
        result[inside] = (self.element.components(known[inside]).sum(0) * made.measure[inside]).T
        return result

    @property
    def beams(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Number of the particle and energy in GeV of each beam."""
        return (2212, 0.5 * self.constants.energy), (2212, 0.5 * self.constants.energy)

    def __call__(self, y: Tensor) -> Tensor:
        """The cross section in pb at numbers of the unit cube, (n,)."""
        return self.components(y) @ torch.from_numpy(basis(self.theta))

    def events(self, y: Tensor) -> Events:
        """Two partons, two quarks and the Higgs boson; flavours are those of the commonest channel, u d to d u H."""
        made = points(y, torch.zeros_like(y[:, 0]), self.constants, self.cuts.pt)
        total = made.p3 + made.p4 + made.higgs
        plus, minus, zero = 0.5 * (total[0] + total[3]), 0.5 * (total[0] - total[3]), torch.zeros_like(total[0])
        momenta = [torch.stack([plus, zero, zero, plus], -1), torch.stack([minus, zero, zero, -minus], -1)]
        momenta += [made.p3.T, made.p4.T, made.higgs.T]
        return particles(torch.stack(momenta, 1), np.tile([2, 1, 1, 2, 25], (len(y), 1)), incoming=2)


def particles(momenta: Tensor, pid: np.ndarray[tuple[int, ...], np.dtype[np.int64]], incoming: int) -> Events:
    """Events from momenta (n, particles, 4) as (E, px, py, pz) in GeV, the first of them incoming."""
    n, count = momenta.shape[:2]
    flat = momenta.reshape(-1, 4).numpy()
    status = np.tile([-1] * incoming + [1] * (count - incoming), n)
    first = np.tile([-1] * incoming + [0] * (count - incoming), n)
    last = np.tile([-1] * incoming + [incoming - 1] * (count - incoming), n)
    fields = {
        "pid": pid.reshape(-1),
        "status": status,
        "mother1": first,
        "mother2": last,
        **{name: flat[:, i].copy() for name, i in (("px", 1), ("py", 2), ("pz", 3), ("e", 0))},
    }
    return Events(collections={"particles": Ragged.from_counts(np.full(n, count), fields)})

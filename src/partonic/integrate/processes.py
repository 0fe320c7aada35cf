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
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.integrate.channels import Cube, CubeMap
from partonic.integrate.maps import Chain, Separate, Split
from partonic.phasespace.maps import BreitWigner, Flat, Power
from partonic.simulators import pdf
from partonic.simulators.pdf import Densities
from partonic.simulators.wbf.matrix_element import (
    PARTONS,
    PB_PER_GEV2,
    ROWS,
    Invariants,
    MatrixElement,
    invariants,
)
from partonic.simulators.wbf.observables import Cuts
from partonic.simulators.wbf.phase_space import DIMENSIONS, Points, points
from partonic.simulators.wbf.theory import Constants, as_theta, basis

MUON, LEPTON = 13, (-1.0, -0.5)  # number of the particle; charge and weak isospin
HIGGS = 25
UP, DOWN = (2 / 3, 0.5), (-1 / 3, -0.5)
QUARKS = {1: DOWN, 2: UP, 3: DOWN, 4: UP, 5: DOWN}
LINE = 501  # number of the first colour line
BLOCK = 4096  # events whose terms are held at a time
Codes = NDArray[np.int64]


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

    def events(self, y: Tensor, free: Tensor) -> Events:
        """Points as events with the collection ``particles`` of :func:`particles`.

        Args:
            y: points, (n, m).
            free: numbers of the unit cube, (n, 2), which choose what the cross section sums over: azimuth, partons.
        """
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

    def events(self, y: Tensor, free: Tensor) -> Events:  # noqa: ARG002  (points are whole momenta)
        """Electron, positron, mu-, mu+."""
        half = 0.5 * self.energy
        beams = y.new_tensor([[half, 0, 0, half], [half, 0, 0, -half]]).expand(len(y), 2, 4)
        momenta = torch.cat([beams, y.reshape(-1, 2, 4)], 1)
        return particles(momenta, np.tile([11, -11, MUON, -MUON], (len(y), 1)))


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
        return pdf.load(self.densities).at(self.constants.z_mass, [[pid] for pid in PARTONS])

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
        return self.terms(y).sum(0)

    def terms(self, y: Tensor) -> Tensor:
        """What each of :data:`PARTONS` along +z adds, with its antiparticle along -z, in pb, (10, n)."""
        s, v, cos = y.unbind(1)
        x1, x2, highest = self._fractions(s, v)
        first, second = self.partons(x1), self.partons(x2)
        amplitudes = [pair(s, kind, LEPTON, self.constants) for kind in QUARKS.values()]
        angular = [
            equal * (1 + c) ** 2 + opposite * (1 - c) ** 2 for c in (cos, -cos) for equal, opposite in amplitudes
        ]
        total = first * second.roll(5, 0) * torch.stack(angular)
        # xf xf / tau of the densities, a third of the colours, 2 pi of the azimuth, and ds dv for dx1 dx2.
        measure = 2 * math.pi / 3 * 2 * highest / s
        return total * (self.constants.alpha**2 / (16 * s) * measure * PB_PER_GEV2)

    def events(self, y: Tensor, free: Tensor) -> Events:
        """Quark and antiquark, drawn by :meth:`terms`, and mu-, mu+ at an even azimuth."""
        s, v, cos = y.unbind(1)
        x1, x2, _ = self._fractions(s, v)
        half, zero = 0.5 * self.energy, torch.zeros_like(s)
        beams = [torch.stack([x * half, zero, zero, sign * x * half], -1) for x, sign in ((x1, 1), (x2, -1))]
        e = 0.5 * torch.sqrt(s)
        across = e * torch.sqrt((1 - cos) * (1 + cos))
        azimuth = 2 * math.pi * free[:, 0]
        px, py = across * torch.cos(azimuth), across * torch.sin(azimuth)
        gamma, drift = (x1 + x2) * half / torch.sqrt(s), (x1 - x2) * half / torch.sqrt(s)
        out = [
            torch.stack([e * (gamma + sign * drift * cos), sign * px, sign * py, e * (drift + sign * gamma * cos)], -1)
            for sign in (1, -1)
        ]
        parton = np.array(PARTONS)[choose(self.terms(y), free[:, 1])]
        muon = np.full(len(s), MUON)
        pid = np.stack([parton, -parton, muon, -muon], 1)
        return particles(torch.stack([*beams, *out], 1), pid, lines=(1, 1, 0, 0))


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
        made, known, inside = self._inside(y)
        result = y.new_zeros(len(y), 6)
        result[inside] = (self.element.components(known).sum(0) * made.measure).T
        return result

    def _inside(self, y: Tensor) -> tuple[Points, Invariants, Tensor]:
        """What passes the cuts: its momenta at azimuth 0, their invariants, the numbers of the points."""
        made = points(y, torch.zeros_like(y[:, 0]), self.constants, self.cuts.pt)
        known = invariants(made.p3, made.p4, made.higgs, self.constants.energy)
        rows = (known.x1 < 1) & (known.x2 < 1) & self.cuts.passed(made.p3, made.p4)
        inside = torch.nonzero(rows).squeeze(1)
        return made[inside], known[inside], inside

    @cached_property
    def partons(self) -> Densities:
        """Densities of each of :data:`PARTONS`."""
        return pdf.load(self.densities).at(self.constants.scale, [[pid] for pid in PARTONS])

    def terms(self, y: Tensor) -> Tensor:
        """What each pair of partons adds to the cross section in pb, as :meth:`MatrixElement.terms`, (10, 10, 2, n).

        A density below 0 counts as 0 for each parton here, for sums of two in the cross section: 1e-10 of it.
        """
        made, known, inside = self._inside(y)
        result = y.new_zeros(len(PARTONS), len(PARTONS), 2, len(y))
        weights = torch.from_numpy(basis(self.theta))
        found = self.element.terms(known, self.partons(known.x1), self.partons(known.x2), weights)
        result[..., inside] = found * made.measure
        return result

    @property
    def beams(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Number of the particle and energy in GeV of each beam."""
        return (2212, 0.5 * self.constants.energy), (2212, 0.5 * self.constants.energy)

    def __call__(self, y: Tensor) -> Tensor:
        """The cross section in pb at numbers of the unit cube, (n,)."""
        return self.components(y) @ torch.from_numpy(basis(self.theta))

    def events(self, y: Tensor, free: Tensor) -> Events:
        """Two partons, drawn by :meth:`terms`, two quarks and the Higgs boson, the first quark at an even azimuth.

        Charged currents stay within a generation, as in the sum.
        """
        made = points(y, 2 * math.pi * free[:, 0], self.constants, self.cuts.pt)
        total = made.p3 + made.p4 + made.higgs
        plus, minus, zero = 0.5 * (total[0] + total[3]), 0.5 * (total[0] - total[3]), torch.zeros_like(total[0])
        momenta = [torch.stack([plus, zero, zero, plus], -1), torch.stack([minus, zero, zero, -minus], -1)]
        momenta += [made.p3.T, made.p4.T, made.higgs.T]
        blocks = zip(torch.split(y, BLOCK), torch.split(free[:, 1], BLOCK), strict=True)
        term = np.concatenate([choose(self.terms(part).flatten(0, 2), u) for part, u in blocks])
        one, two, neutral = np.unravel_index(term, (len(PARTONS), len(PARTONS), 2))
        incoming = [np.array(PARTONS)[place] for place in (one, two)]
        outgoing = [np.where(neutral == 1, pid, partner(pid)) for pid in incoming]
        pid = np.stack([*incoming, *outgoing, np.full(len(y), HIGGS)], 1)
        masses = (0.0, 0.0, 0.0, 0.0, self.constants.higgs_mass)
        return particles(torch.stack(momenta, 1), pid, masses, lines=(1, 2, 1, 2, 0))


def choose(terms: Tensor, u: Tensor) -> Codes:
    """Number of one of the terms of each event, (n,), with a probability in proportion to it.

    Args:
        terms: not below 0 but for rounding, (terms, n).
        u: even numbers in (0, 1), (n,).
    """
    sums = terms.clamp_min(0.0).cumsum(0)
    number: Codes = (sums <= u * sums[-1]).sum(0).clamp_max(len(terms) - 1).numpy()
    return number


def partner(pid: Codes) -> Codes:
    """The other quark or antiquark of the same generation."""
    other: Codes = pid + np.sign(pid) * np.where(pid % 2 == 1, 1, -1)
    return other


def particles(
    momenta: Tensor, pid: Codes, masses: Sequence[float] | None = None, lines: Sequence[int] | None = None
) -> Events:
    """Events of which the first two particles come in and are the mothers of all others.

    The collection ``particles`` has pid, status, mothers, colours (a line's number where a quark goes in or out, as in
    Les Houches files), and momenta and masses in GeV.

    Args:
        momenta: (n, particles, 4) as (E, px, py, pz) in GeV.
        pid: number of each particle, (n, particles).
        masses: of the particles in GeV, 0 by default.
        lines: colour line of each particle, from 1, 0 for none; by default there are none.
    """
    n, count = momenta.shape[:2]
    flat = momenta.reshape(-1, 4).numpy()
    outgoing = count - 2
    line = np.tile(lines or [0] * count, (n, 1))
    color = np.where(line > 0, line + LINE - 1, 0)
    fields = {
        "pid": pid.reshape(-1),
        "status": np.tile([-1, -1] + [1] * outgoing, n),
        "mother1": np.tile([-1, -1] + [0] * outgoing, n),
        "mother2": np.tile([-1, -1] + [1] * outgoing, n),
        "color1": np.where(pid > 0, color, 0).reshape(-1),
        "color2": np.where(pid < 0, color, 0).reshape(-1),
        "mass": np.tile(masses or [0.0] * count, n),
        **{name: flat[:, i].copy() for name, i in (("px", 1), ("py", 2), ("pz", 3), ("e", 0))},
    }
    return Events(collections={"particles": Ragged.from_counts(np.full(n, count), fields)})

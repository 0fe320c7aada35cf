r"""Channels from the maps of phase space: separate variables, two partons, chains of decays, momenta spread evenly.

Densities of momenta are with respect to :math:`\prod \mathrm{d}^3p_i/[(2\pi)^3 2E_i]\,(2\pi)^4\delta^4`, so that an
integrand of momenta is :math:`|M|^2` times the flux. A chain splits it into decays to two,

.. math:: \mathrm{d}\Phi_n = \mathrm{d}\Phi_2 \prod_i \frac{\mathrm{d}s_i}{2\pi}\,\mathrm{d}\Phi_2^{(i)}, \qquad
    \mathrm{d}\Phi_2 = \frac{p}{16\pi^2 M}\,\mathrm{d}\Omega.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.phasespace import rambo
from partonic.phasespace.maps import BreitWigner, Limit, Power
from partonic.phasespace.rambo import boost

EDGE = 1e-12
ROUNDING = 1e-6  # of the ends of a map


class VariableMap(Protocol):
    """A map of :mod:`partonic.phasespace.maps`."""

    def forward(self, u: Tensor) -> Tensor:
        """The variable."""
        ...

    def inverse(self, x: Tensor) -> Tensor:
        """Back."""
        ...

    def density(self, x: Tensor) -> Tensor:
        """Density du/dx."""
        ...


@dataclass(frozen=True)
class Separate:
    """Variables with a map each.

    Args:
        maps: one for each variable.

    Raises:
        InputError: there is none.
    """

    maps: tuple[VariableMap, ...]

    def __post_init__(self) -> None:
        if not self.maps:
            raise InputError("a channel of separate variables needs a map for each of them")

    @property
    def dim(self) -> int:
        """Number of variables."""
        return len(self.maps)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The variables, (n, dim), and their density, (n,)."""
        columns = [one.forward(x[:, i]) for i, one in enumerate(self.maps)]
        return torch.stack(columns, 1), self._density(columns)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Back, with the density; 0 beyond the limits of a variable."""
        columns = list(y.unbind(1))
        x = torch.stack([one.inverse(column) for one, column in zip(self.maps, columns, strict=True)], 1)
        inside = ((x > -EDGE) & (x < 1 + EDGE)).all(1)
        return x.clamp(0, 1), torch.where(inside, self._density(columns), 0.0)

    def _density(self, columns: Sequence[Tensor]) -> Tensor:
        parts = [one.density(column) for one, column in zip(self.maps, columns, strict=True)]
        return torch.stack(parts).prod(0)


@dataclass(frozen=True)
class Partons:
    r"""Momentum fractions of two partons, from a map of their squared mass and an even rapidity.

    .. math:: s = x_1 x_2 E^2, \qquad y = \tfrac12 \ln(x_1/x_2), \qquad
        \mathrm{d}x_1\,\mathrm{d}x_2 = \mathrm{d}s\,\mathrm{d}y / E^2.

    Args:
        square: map of s in GeV^2, from (E ``least``)^2 to E^2.
        energy: E, of the two beams, in GeV.
        least: smallest fraction, between 0 and 1.
        logarithmic: whether points are :math:`\ln x/\ln(\text{least})`, numbers of the unit square that are 0 at
            x = 1, instead of x.

    Raises:
        InputError: energy or smallest fraction is out of range, or the squared mass leaves its limits.
    """

    square: VariableMap
    energy: float
    least: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not (self.energy > 0 and 0 < self.least < 1):
            raise InputError(
                f"two partons need an energy above 0 GeV and a smallest fraction between 0 and 1, not {self.energy} "
                f"and {self.least}"
            )
        low, high = self.square.forward(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
        least, most = (self.least * self.energy) ** 2, self.energy**2
        if not least * (1 - ROUNDING) <= low < high <= most * (1 + ROUNDING):
            raise InputError(
                f"the squared mass of two partons with fractions above {self.least:g} is between {least:g} and "
                f"{most:g} GeV^2, its map goes from {low:g} to {high:g} GeV^2; mend the limits of the map"
            )

    @property
    def dim(self) -> int:
        """Number of variables."""
        return 2

    @property
    def _scale(self) -> float:
        return math.log(self.least)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both fractions (or their logarithms), (n, 2), and their density, (n,)."""
        s = self.square.forward(x[:, 0]).clamp((self.least * self.energy) ** 2, self.energy**2)
        total = torch.log(s / self.energy**2) / self._scale
        low, room = _first_of(total)
        first = low + room * x[:, 1]
        logs = torch.stack([first, total - first], 1)
        density = self._density(s, room, logs)
        return (logs if self.logarithmic else torch.exp(self._scale * logs)), density

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Back, with the density; 0 beyond the limits."""
        logs = y if self.logarithmic else torch.log(y.clamp_min(1e-300)) / self._scale
        total = logs.sum(1)
        s = self.energy**2 * torch.exp(self._scale * total)
        low, room = _first_of(total)
        x = torch.stack([self.square.inverse(s), (logs[:, 0] - low) / room], 1)
        inside = ((x > -EDGE) & (x < 1 + EDGE) & (logs > -EDGE) & (logs < 1 + EDGE)).all(1)
        return x.clamp(0, 1), torch.where(inside, self._density(s, room, logs), 0.0)

    def _density(self, s: Tensor, room: Tensor, logs: Tensor) -> Tensor:
        density = self.square.density(s) * s * abs(self._scale) / room
        return density if self.logarithmic else density / (self._scale**2 * torch.exp(self._scale * logs.sum(1)))


def _first_of(total: Tensor) -> tuple[Tensor, Tensor]:
    """Of two numbers in (0, 1) with this sum: the smallest value and the range of the first."""
    low = (total - 1).clamp_min(0.0)
    return low, (total.clamp_max(1.0) - low).clamp_min(EDGE)


@dataclass(frozen=True)
class Even:
    """Momenta of massless particles spread evenly over their phase space, flattened to (n, 4 particles).

    Args:
        particles: 2 or more.
        energy: in their rest frame, in GeV.
    """

    particles: int
    energy: float

    def __post_init__(self) -> None:
        rambo.volume(self.particles, self.energy)  # refuses fewer than two
        if not self.energy > 0:
            raise InputError(f"the energy must be above 0 GeV, not {self.energy}")

    @property
    def dim(self) -> int:
        """3 particles - 4."""
        return 3 * self.particles - 4

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Momenta (E, px, py, pz) of all particles in GeV, and their density."""
        return rambo.forward(x, self.energy).flatten(1), self._density(x)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Back, with the density."""
        return rambo.inverse(y.reshape(len(y), -1, 4)).clamp(0, 1), self._density(y)

    def _density(self, like: Tensor) -> Tensor:
        return torch.full_like(like[:, 0], 1 / rambo.volume(self.particles, self.energy))


@dataclass(frozen=True)
class Split:
    """Something that decays to two, each a particle or another decay.

    Args:
        first: number of a final particle (from 0), or a decay.
        second: likewise.
        mass: of the resonance, in GeV; 0 for none.
        width: of the resonance, in GeV.
        power: where there is no resonance, the squared mass falls as 1/s^power; 0 is flat.
    """

    first: int | Split
    second: int | Split
    mass: float = 0.0
    width: float = 0.0
    power: float = 0.0

    @property
    def particles(self) -> tuple[int, ...]:
        """Numbers of its final particles."""
        return _particles(self.first) + _particles(self.second)


def _particles(node: int | Split) -> tuple[int, ...]:
    return (node,) if isinstance(node, int) else node.particles


@dataclass(frozen=True)
class Exchange:
    """A t channel: the first product of the whole is scattered off the beam along +z by what is exchanged.

    Args:
        mass: of what is exchanged, in GeV, above 0.
        power: of its propagator in the squared matrix element.
    """

    mass: float
    power: float = 2.0

    def __post_init__(self) -> None:
        if not self.mass > 0:
            raise InputError(f"a t channel needs a mass above 0 (or that of a cut), not {self.mass}")


@dataclass(frozen=True)
class Chain:
    """Momenta of a chain of decays, in the rest frame of all, flattened to (n, 4 particles).

    Args:
        energy: of all, in GeV.
        masses: of the final particles, in GeV.
        tree: how they decay; every particle once.
        exchange: a t channel of the first decay; ``None`` for one that is the same in all directions.

    Raises:
        InputError: a particle is missing or comes twice, the energy is too small, or a resonance is out of range.
    """

    energy: float
    masses: tuple[float, ...]
    tree: Split
    exchange: Exchange | None = None

    def __post_init__(self) -> None:
        if sorted(self.tree.particles) != list(range(len(self.masses))):
            raise InputError(
                f"a chain of decays must hold each of the {len(self.masses)} particles (from 0) once, not "
                f"{self.tree.particles}"
            )
        if not (min(self.masses) >= 0 and self.energy > sum(self.masses)):
            raise InputError(f"an energy of {self.energy} GeV does not suffice for masses of {self.masses} GeV")
        for node in _inner(self.tree):
            low, high = self._least(node), self.energy - (sum(self.masses) - self._least(node))
            if node.mass and not (low < node.mass < high and node.width > 0):
                raise InputError(
                    f"the resonance of mass {node.mass} and width {node.width} GeV that decays to the particles "
                    f"{node.particles} is out of range: its mass must be between {low:g} and {high:g} GeV, its width "
                    "above 0"
                )

    @property
    def dim(self) -> int:
        """3 particles - 4."""
        return 3 * len(self.masses) - 4

    def _least(self, node: int | Split) -> float:
        """Smallest mass, in GeV."""
        return sum(self.masses[i] for i in _particles(node))

    def _map(self, node: Split, highest: Tensor) -> VariableMap:
        """Of the squared mass of a decay, up to a squared mass that may differ from point to point."""
        least = self._least(node) ** 2
        high: Limit = torch.clamp(highest, min=least + EDGE * self.energy**2)
        if node.mass:
            return BreitWigner(node.mass, node.width, least, high, off_shell=True)  # where little mass is left
        return Power(least, high, node.power, 0.0 if least > 0 else 1e-6 * self.energy**2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Momenta (E, px, py, pz) of all particles in GeV, and their density in GeV^(4 - 2 particles)."""
        momenta = x.new_zeros(len(x), len(self.masses), 4)
        frame = x.new_zeros(len(x), 4)
        frame[:, 0] = self.energy
        columns = list(x.unbind(1))

        def squared(node: Split, highest: Tensor) -> tuple[Tensor, Tensor]:
            drawn = self._map(node, highest)
            s = drawn.forward(columns.pop(0))
            return s, drawn.density(s)

        def put(node: int, p4: Tensor) -> None:
            momenta[:, node] = p4

        density = self._walk(self.tree, frame, squared, lambda *known: self._angles(columns, *known), put)
        return momenta.flatten(1), density

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Back, with the density."""
        momenta = y.reshape(len(y), -1, 4)
        found: list[Tensor] = []

        def total(node: int | Split) -> Tensor:
            return momenta[:, list(_particles(node))].sum(1)

        def squared(node: Split, highest: Tensor) -> tuple[Tensor, Tensor]:
            p4 = total(node)
            s = (p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(1)).clamp_min(self._least(node) ** 2)
            known = self._map(node, highest)
            found.append(known.inverse(s).clamp(0, 1))
            return s, known.density(s)

        def angles(node: Split, frame: Tensor, m: Tensor, p: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
            seen = boost(total(node.first), frame, back=True)[:, 1:]
            cos = (seen[:, 2] / seen.norm(dim=1).clamp_min(1e-300)).clamp(-1, 1)
            phi = torch.remainder(torch.atan2(seen[:, 1], seen[:, 0]) / (2 * math.pi), 1.0)
            number, density = self._polar(node, cos, m, p, energy)
            found.extend([number.clamp(0, 1), phi])
            return total(node.first), density

        frame = torch.zeros_like(momenta[:, 0])
        frame[:, 0] = self.energy
        density = self._walk(self.tree, frame, squared, angles, lambda *_: None)
        return torch.stack(found, 1), density

    def _walk(
        self,
        node: Split,
        frame: Tensor,
        squared: Callable[[Split, Tensor], tuple[Tensor, Tensor]],
        angles: Callable[[Split, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
        put: Callable[[int, Tensor], None],
    ) -> Tensor:
        """The density of a decay and of all that follow; the functions draw, or read, masses and directions."""
        m = torch.sqrt((frame[:, 0] ** 2 - (frame[:, 1:] ** 2).sum(1)).clamp_min(1e-300))
        density, squares, rest = torch.ones_like(m), [], m - self._least(node.second)
        for child in (node.first, node.second):
            if isinstance(child, int):
                squares.append(torch.full_like(m, self.masses[child] ** 2))
            else:
                s, one = squared(child, rest.clamp_min(0.0) ** 2)
                squares.append(s)
                density = density * one * 2 * math.pi
            rest = m - torch.sqrt(squares[0])
        p = torch.sqrt(_kallen(m * m, *squares).clamp_min(1e-300)) / (2 * m)
        first, one = angles(node, frame, m, p, torch.sqrt(squares[0] + p * p))
        density = density * one * 16 * math.pi**2 * m / p
        for child, p4 in ((node.first, first), (node.second, frame - first)):
            if isinstance(child, int):
                put(child, p4)
            else:
                density = density * self._walk(child, p4, squared, angles, put)
        return density

    def _angles(
        self, columns: list[Tensor], node: Split, frame: Tensor, m: Tensor, p: Tensor, energy: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Momentum of the first product, drawn, and the density of its direction."""
        number, phi = columns.pop(0), 2 * math.pi * columns.pop(0)
        if node is self.tree and self.exchange is not None:
            cos = self._cos(self._t(m, p, energy).forward(number), m, p, energy)
        else:
            cos = 2 * number - 1
        sin = torch.sqrt(((1 - cos) * (1 + cos)).clamp_min(0.0))
        direction = torch.stack([sin * torch.cos(phi), sin * torch.sin(phi), cos], -1)
        p4 = torch.cat([energy[:, None], direction * p[:, None]], 1)
        return boost(p4, frame), self._polar(node, cos, m, p, energy)[1]

    def _polar(self, node: Split, cos: Tensor, m: Tensor, p: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
        """The number that gives a cosine, and the density of the direction."""
        if node is not self.tree or self.exchange is None:
            return 0.5 * (1 + cos), torch.full_like(cos, 1 / (4 * math.pi))
        known = self._t(m, p, energy)
        t = (m * (energy - p * cos) - (energy * energy - p * p)).clamp_min(0.0)
        return known.inverse(t), known.density(t) * m * p / (2 * math.pi)

    def _t(self, m: Tensor, p: Tensor, energy: Tensor) -> Power:
        """The map of |t| for a massless beam, from its smallest to its largest value."""
        assert self.exchange is not None  # asked before
        square = energy * energy - p * p
        return Power(m * (energy - p) - square, m * (energy + p) - square, self.exchange.power, self.exchange.mass**2)

    def _cos(self, t: Tensor, m: Tensor, p: Tensor, energy: Tensor) -> Tensor:
        return ((energy - (t + energy * energy - p * p) / m) / p).clamp(-1, 1)


def _inner(tree: Split) -> list[Split]:
    """All decays but the whole."""
    inner = [node for node in (tree.first, tree.second) if isinstance(node, Split)]
    return inner + [deeper for node in inner for deeper in _inner(node)]


def _kallen(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return (a - b - c) ** 2 - 4 * b * c

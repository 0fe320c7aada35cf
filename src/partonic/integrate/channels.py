r"""Channels: maps of the unit cube to the points at which an integrand is asked, each with its density.

A channel follows the peaks of one part of an integrand. Several channels cover one space of points: the density of all
at a point y is :math:`g(y) = \sum_k a_k g_k(y)`, so that each must be able to tell its density anywhere
(Kleiss and Pittau, hep-ph/9405257).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from partonic.core.errors import InputError

POINTS = 1024
STEPS = (1e-5, 3e-5, 1e-4)
CHANCE = 0.01  # of undecidable points, the share that may agree by chance; 0.004 was the most seen
AGREE = 1e-3
ROUNDING = 1e-6  # of momenta, for the largest of their components


class CubeMap(Protocol):
    """A map of the unit cube."""

    @property
    def dim(self) -> int:
        """Number of variables of the cube."""
        ...

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points, (n, m), and their density ``|dx/dy|``, (n,), from x in the unit cube, (n, dim)."""
        ...

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Where points come from, x (n, dim), and their density, (n,): 0 where this channel makes no points."""
        ...


@dataclass(frozen=True)
class Cube:
    """The unit cube itself.

    Args:
        dim: number of variables.

    Raises:
        InputError: there is no variable.
    """

    dim: int

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise InputError(f"an integral needs one variable or more, not {self.dim}")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The points themselves, of density 1."""
        return x, torch.ones_like(x[:, 0])

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points themselves; density 0 outside of the cube."""
        inside = ((y >= 0) & (y <= 1)).all(1)
        return y.clamp(0, 1), inside.to(y.dtype)


@dataclass(frozen=True)
class Product:
    """Channels of different variables side by side; the density is the product of theirs.

    Args:
        parts: channels, each with the columns of the points that it makes.

    Raises:
        InputError: there is no part, a part makes another number of columns, or a column is missing or comes twice.

    Example:
        >>> Product(((Cube(1), (1,)), (Cube(2), (0, 2)))).dim
        3
    """

    parts: tuple[tuple[CubeMap, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        for part, columns in self.parts:
            made = part.forward(torch.full((1, part.dim), 0.5, dtype=torch.float64))[0].shape[1]
            if made != len(columns):
                raise InputError(f"{type(part).__name__} makes {made} columns of a product, not {len(columns)}")
        said = [column for _, columns in self.parts for column in columns]
        if not said or sorted(said) != list(range(len(said))):
            raise InputError(f"the parts of a product must make each column, from 0 on, once, not {said}")

    @property
    def dim(self) -> int:
        """Number of variables of all parts."""
        return sum(part.dim for part, _ in self.parts)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points, (n, columns), and their density, (n,)."""
        numbers = torch.split(x, [part.dim for part, _ in self.parts], 1)
        made = [part.forward(one) for (part, _), one in zip(self.parts, numbers, strict=True)]
        columns = torch.tensor([column for _, columns in self.parts for column in columns])
        points = torch.cat([points for points, _ in made], 1)[:, torch.argsort(columns)]
        return points, torch.stack([density for _, density in made]).prod(0)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Back, with the density: 0 where a part makes no points."""
        made = [part.inverse(y[:, list(columns)]) for part, columns in self.parts]
        return torch.cat([x for x, _ in made], 1), torch.stack([density for _, density in made]).prod(0)


def check_channels(channels: Sequence[CubeMap], seed: int = 0) -> None:
    """Find channels that are wrong: with inverses that give other points, or densities that are not ``|dx/dy|``.

    The density is compared with differences of the map where y has as many numbers as x, and where y are momenta
    (E, px, py, pz) of n particles with a fixed sum, made from 3n - 4 numbers: their density is that of phase space, see
    :mod:`partonic.integrate.maps`. Parts of a product are checked by themselves. Of other points (more numbers than
    variables, also momenta with other columns) nobody knows what the density refers to; several channels are compared
    with each other: the mean of g_b/g_a over points of a channel a must not exceed 1.

    A density that is wrong at 2 or more of 1024 random points is refused: one that is wrong in 1 % of the cube passes
    once in two thousand times. Differences are taken at three steps from 1e-5 to 1e-4. A point where they disagree by
    more than 1e-3 is undecidable and counts as right: the steps are too short for the rounding of y, too long for the
    bends of the map, or reach over a kink. One in a hundred such points may be wrong besides, as three steps can agree
    by chance. Where all points are undecidable, as those of a pair of J/psi (width 9e-5 GeV) at 13 TeV, any density
    passes.

    Raises:
        InputError: a channel is wrong, or channels differ in their number of variables.
    """
    if not channels:
        raise InputError("an integral needs a channel")
    if len({channel.dim for channel in channels}) > 1:
        raise InputError(f"channels must have one number of variables, not {[channel.dim for channel in channels]}")
    random = torch.Generator().manual_seed(seed)
    for number, channel in enumerate(channels):
        _check_channel(f"channel {number}", channel, random)
    if len(channels) > 1:
        _check_volumes(channels, random)


def _check_channel(place: str, channel: CubeMap, random: torch.Generator) -> None:
    name = f"{place} ({type(channel).__name__})"
    if isinstance(channel, Product):
        for number, (part, _) in enumerate(channel.parts):
            _check_channel(f"part {number} of {name}", part, random)
        return
    x = 0.02 + 0.96 * torch.rand(POINTS, channel.dim, generator=random, dtype=torch.float64)
    y, density = channel.forward(x)
    again, same = channel.inverse(y)
    if not bool(torch.isfinite(y).all() & torch.isfinite(density).all() & (density > 0).all()):
        raise InputError(f"{name} gives points or densities that are not finite, or densities not above 0")
    if float((again - x).abs().max()) > AGREE:
        raise InputError(f"{name}: its inverse does not give back the numbers that made a point; mend its map")
    if float((same / density - 1).abs().max()) > AGREE:
        raise InputError(f"{name}: forward and inverse give different densities at one point; mend its map")
    if y.shape[1] == channel.dim:
        meant, measure = "the Jacobian |dx/dy| of its map", torch.ones_like(density)
    elif _are_momenta(y, channel.dim):
        meant = (
            "|dx/dPhi| of its map, for columns (E, px, py, pz) of each particle and the phase space "
            "d^3p/((2 pi)^3 2E) of each and (2 pi)^4 delta^4"
        )
        measure = _phase_space(y.reshape(len(y), -1, 4))
    else:
        return
    ratios = torch.stack([density * measure * _volume(channel, x, size) for size in STEPS])
    _compare(f"{name}: its density is not {meant}", ratios)


def _compare(said: str, ratios: Tensor) -> None:
    """Refuse a density whose ratios to the Jacobian, (steps, n), agree at all steps on another number than 1."""
    low, high = ratios.aminmax(dim=0)
    decided = high - low <= AGREE * high
    wrong = decided & ((ratios - 1).abs() > AGREE).all(0)
    if (count := int(wrong.sum())) > 1 + CHANCE * int((~decided).sum()):
        raise InputError(
            f"{said} at {count} of {len(wrong)} points, where the product of the two is "
            f"{float(high[wrong].median()):.4g} instead of 1; mend the density"
        )


def _volume(channel: CubeMap, x: Tensor, size: float) -> Tensor:
    """Volume of the points, or of the three-momenta, for a unit of volume of x, (n,), by differences of a step."""
    columns = []
    for i in range(channel.dim):
        step = torch.zeros_like(x)
        step[:, i] = size
        columns.append((channel.forward(x + step)[0] - channel.forward(x - step)[0]) / (2 * size))
    slopes = torch.stack(columns, -1)  # (n, m, dim)
    if slopes.shape[1] > channel.dim:
        slopes = slopes.reshape(len(x), -1, 4, channel.dim)[:, :, 1:].flatten(1, 2)
    triangle: Tensor = torch.linalg.qr(slopes)[1]
    return triangle.diagonal(dim1=1, dim2=2).prod(1).abs()


def _are_momenta(y: Tensor, dim: int) -> bool:
    """Whether points are momenta (E, px, py, pz), with E above 0 and not below the momentum, of a fixed sum."""
    if y.shape[1] % 4 or dim != 3 * (y.shape[1] // 4) - 4:
        return False
    p = y.reshape(len(y), -1, 4)
    total, rounding = p.sum(1), ROUNDING * float(y.abs().max())
    fixed = (total - total[0]).abs() < rounding
    physical = (p[..., 0] > 0) & (p[..., 0] >= p[..., 1:].norm(dim=-1) - rounding)
    return bool(fixed.all() & physical.all())


def _phase_space(p: Tensor) -> Tensor:
    r"""Phase space for a unit of volume of the three-momenta on the surface of their fixed sum, (n,).

    By the coarea formula: :math:`\delta^4(P - \sum p)\,\mathrm{d}^{3n}p = \mathrm{d}V / \sqrt{\det G G^T}`, where G
    holds the derivatives of the four sums with respect to the three-momenta.

    Args:
        p: momenta (E, px, py, pz), (n, particles, 4).
    """
    count = p.shape[1]
    slopes = torch.eye(4, dtype=p.dtype)[:, 1:].repeat(len(p), count, 1, 1)  # (n, particles, 4, 3)
    slopes[:, :, 0] = p[..., 1:] / p[..., :1]
    gram = torch.einsum("nkia,nkja->nij", slopes, slopes)
    each = ((2 * math.pi) ** 3 * 2 * p[..., 0]).prod(1)
    phase_space: Tensor = (2 * math.pi) ** 4 / (each * torch.linalg.det(gram).sqrt())
    return phase_space


def _check_volumes(channels: Sequence[CubeMap], random: torch.Generator, n: int = 4096) -> None:
    for a, channel in enumerate(channels):
        y, own = channel.forward(torch.rand(n, channel.dim, generator=random, dtype=torch.float64))
        for b, other in enumerate(channels):
            ratio = other.inverse(y)[1] / own
            mean, error = float(ratio.mean()), float(ratio.std()) / n**0.5
            if mean - 5 * error > 1.01:
                raise InputError(
                    f"channels {a} and {b} disagree: the density of channel {b} integrates to {mean:.4g} +- "
                    f"{error:.2g} over points of channel {a}, and cannot exceed 1; mend one of the two maps"
                )

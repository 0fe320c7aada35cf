r"""Channels: maps of the unit cube to the points at which an integrand is asked, each with its density.

A channel follows the peaks of one part of an integrand. Several channels cover one space of points: the density of all
at a point y is :math:`g(y) = \sum_k a_k g_k(y)`, so that each must be able to tell its density anywhere
(Kleiss and Pittau, hep-ph/9405257).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from partonic.core.errors import InputError

POINTS = 64
STEP = 1e-6
AGREE = 1e-3


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


def check_channels(channels: Sequence[CubeMap], seed: int = 0) -> None:
    """Find channels that are wrong: with inverses that give other points, or densities that are not ``|dx/dy|``.

    The density is compared with differences of the map where y has as many numbers as x. Where it has more (momenta),
    each channel is compared with the others: the mean of g_b/g_a over points of a channel a must not exceed 1.

    Raises:
        InputError: a channel is wrong, or channels differ in their number of variables.
    """
    if not channels:
        raise InputError("an integral needs a channel")
    if len({channel.dim for channel in channels}) > 1:
        raise InputError(f"channels must have one number of variables, not {[channel.dim for channel in channels]}")
    random = torch.Generator().manual_seed(seed)
    for number, channel in enumerate(channels):
        x = 0.02 + 0.96 * torch.rand(POINTS, channel.dim, generator=random, dtype=torch.float64)
        y, density = channel.forward(x)
        again, same = channel.inverse(y)
        name = f"channel {number} ({type(channel).__name__})"
        if not bool(torch.isfinite(y).all() & torch.isfinite(density).all() & (density > 0).all()):
            raise InputError(f"{name} gives points or densities that are not finite, or densities not above 0")
        if float((again - x).abs().max()) > AGREE:
            raise InputError(f"{name}: its inverse does not give back the numbers that made a point; mend its map")
        if float((same / density - 1).abs().max()) > AGREE:
            raise InputError(f"{name}: forward and inverse give different densities at one point; mend its map")
        if y.shape[1] == channel.dim:
            _check_jacobian(name, channel, x, density)
    if len(channels) > 1:
        _check_volumes(channels, random)


def _check_jacobian(name: str, channel: CubeMap, x: Tensor, density: Tensor) -> None:
    columns = []
    for i in range(channel.dim):
        step = torch.zeros_like(x)
        step[:, i] = STEP
        columns.append((channel.forward(x + step)[0] - channel.forward(x - step)[0]) / (2 * STEP))
    ratio = torch.linalg.det(torch.stack(columns, -1)).abs() * density
    # A map may have kinks: a tenth of the points may lie on one.
    wrong = (ratio - 1).abs() > AGREE
    if float(wrong.double().mean()) > 0.1:
        raise InputError(
            f"{name}: its density is not the Jacobian |dx/dy| of its map (the product of the two is "
            f"{float(ratio[wrong].median()):.4g} instead of 1); mend the density"
        )


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

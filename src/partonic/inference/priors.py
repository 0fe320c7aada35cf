"""Densities of theta before any event was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError

Floats = NDArray[np.float64]


class Prior(Protocol):
    """What an inference of posteriors needs to know of a prior."""

    @property
    def box(self) -> Floats:
        """Lowest and highest value of each parameter, (p, 2); infinite where there is none."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta, (n, p)."""
        ...

    def log_prob(self, theta: Tensor) -> Tensor:
        """Logarithm of the density within the box, (...), of theta (..., p)."""
        ...


@dataclass(frozen=True)
class FlatPrior:
    """The same density everywhere between two ends.

    Args:
        low: of each parameter, (p,).
        high: of each parameter, (p,), above ``low``.

    Raises:
        InputError: the ends are of different shapes, not finite, or in the wrong order.
    """

    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        low, high = _points(self.low, self.high)
        if not np.all(low < high):
            raise InputError(f"the lower ends {low.tolist()} of a prior must be below the higher ends {high.tolist()}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def box(self) -> Floats:
        """Lowest and highest value of each parameter, (p, 2)."""
        return np.stack([self.low, self.high], axis=-1)

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta, (n, p)."""
        return rng.uniform(self.low, self.high, (n, len(self.low)))

    def log_prob(self, theta: Tensor) -> Tensor:
        """Logarithm of the density within the box, (...), of theta (..., p)."""
        return theta.new_full(theta.shape[:-1], -float(np.log(self.high - self.low).sum()))


@dataclass(frozen=True)
class NormalPrior:
    """Independent Gaussians.

    Args:
        mean: of each parameter, (p,).
        spread: of each parameter, (p,), above 0.

    Raises:
        InputError: the shapes differ, a number is not finite, or a spread is not above 0.
    """

    mean: Floats
    spread: Floats

    def __post_init__(self) -> None:
        mean, spread = _points(self.mean, self.spread)
        if not np.all(spread > 0):
            raise InputError(f"the spreads of a prior must be above 0, not {spread.tolist()}")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "spread", spread)

    @property
    def box(self) -> Floats:
        """No ends, (p, 2)."""
        return np.tile([-np.inf, np.inf], (len(self.mean), 1))

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta, (n, p)."""
        return rng.normal(self.mean, self.spread, (n, len(self.mean)))

    def log_prob(self, theta: Tensor) -> Tensor:
        """Logarithm of the density, (...), of theta (..., p)."""
        mean, spread = (torch.as_tensor(value, dtype=theta.dtype) for value in (self.mean, self.spread))
        norm = float(np.log(self.spread).sum() + 0.5 * len(self.mean) * np.log(2 * np.pi))
        return -0.5 * ((theta - mean) / spread).square().sum(dim=-1) - norm


def _points(*values: ArrayLike) -> tuple[Floats, ...]:
    points = tuple(np.atleast_1d(as_numbers("the numbers of a prior", value)) for value in values)
    if len({point.shape for point in points}) > 1 or points[0].ndim != 1 or not len(points[0]):
        raise InputError(f"a prior has one number a parameter, not the shapes {[point.shape for point in points]}")
    if not all(np.all(np.isfinite(point)) for point in points):
        raise InputError("the numbers of a prior must be finite")
    return points

"""How well a number is estimated: the centre and the width of what the estimate is of the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.bootstrap import percentiles
from partonic.metrics.counting import TAIL
from partonic.metrics.sample import column

REPLICAS = 200


@dataclass(frozen=True)
class Resolution:
    """Centre and width of a distribution.

    Args:
        median: 1 for an unbiased ratio.
        spread: half the width of the central 68.3 %; the standard deviation of a Gaussian, blind to tails.
    """

    median: Estimate
    spread: Estimate


def resolution(ratios: ArrayLike, *, replicas: int = REPLICAS, seed: int = 0) -> Resolution:
    """Median and half-width of ratios of estimates to truths, with bootstrap errors.

    Args:
        ratios: (n,) two or more.
        replicas: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: there are fewer than two, or one is not finite.
    """
    values = column("ratios", ratios)
    if len(values) < 2:
        raise InputError(f"a resolution needs two ratios or more, not {len(values)}")
    rng = generator(seed)
    whole = _numbers(values)
    draws = np.array([_numbers(values[rng.integers(len(values), size=len(values))]) for _ in range(replicas)])
    return Resolution(*(percentiles(float(whole[i]), draws[:, i]) for i in range(2)))


def _numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    low, middle, high = np.quantile(values, [TAIL, 0.5, 1 - TAIL])
    return float(middle), float(0.5 * (high - low))

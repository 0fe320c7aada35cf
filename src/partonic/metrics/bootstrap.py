"""The bootstrap of a test sample: jets are drawn with replacement, sorted only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.counting import TAIL
from partonic.metrics.roc import Roc, curve
from partonic.metrics.sample import Floats, Ordered

REPLICAS = 400


def resample(jets: int, replicas: int, seed: int) -> Iterator[Floats]:
    """Bootstrap: for each replica how often each jet is drawn when as many are drawn with replacement, (jets,).

    Raises:
        InputError: fewer than 2 replicas, or a negative seed.
    """
    if replicas < 2:
        raise InputError(f"a bootstrap needs at least 2 replicas, not {replicas}")
    rng = generator(seed)
    for _ in range(replicas):
        draws = rng.integers(jets, size=jets, dtype=np.int32)
        yield np.bincount(draws, minlength=jets).astype(np.float64)


def replicate(jets: Ordered, statistic: Callable[[Roc], ArrayLike], replicas: int, seed: int) -> Floats:
    """Values (replicas, m) of a statistic of the ROC curve over resampled jets; sorts nothing."""
    return np.array([statistic(curve(jets, counts)) for counts in resample(len(jets.order), replicas, seed)])


def percentiles(value: float, draws: Floats, note: str = "") -> Estimate:
    """A value with the central 68.3 % of its replicas; those that cannot be measured (NaN) are left out."""
    low, high = np.quantile(draws[~np.isnan(draws)], [TAIL, 1 - TAIL], method="inverted_cdf")
    return Estimate(value, float(low), float(high), "bootstrap", note)

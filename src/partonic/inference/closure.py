"""Closure tests: can a learned ratio be believed? No truth is needed for them (arXiv:1805.00020, section IV.B)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.fit.crossfit import cross_fit
from partonic.inference.samples import as_observables, as_weights
from partonic.metrics.pair import paired
from partonic.models.trees import TreeOptions

Floats = NDArray[np.float64]
FEW = 100  # events that carry half of the variance: below, the error itself is uncertain


def mean_ratio(log_ratio: ArrayLike, weight: ArrayLike = (1.0,)) -> list[Estimate]:
    r"""The mean of :math:`\hat r(x|\theta)` over events of the reference, which is 1 for the true ratio.

    The ratio is heavy-tailed: where a few events make half of the variance, the note says how few.

    Args:
        log_ratio: (m, n), at m points theta.
        weight: of the events, (n,), or (1,) for all alike.

    Raises:
        InputError: the shapes disagree, or a number is not finite.
    """
    values = np.atleast_2d(np.asarray(log_ratio, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"log ratios are an array (points, events), not of shape {values.shape}")
    if not np.all(np.isfinite(values)):
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            f"the log ratio of event {column + 1:,} at point {row + 1} is {values[row, column]}; it must be finite"
        )
    weights = as_weights(weight, values.shape[1])
    return [_mean(np.exp(row), weights / weights.sum()) for row in values]


def _mean(ratio: Floats, share: Floats) -> Estimate:
    mean = float(share @ ratio)
    squares = np.sort((share * (ratio - mean)) ** 2)[::-1]
    few = int(np.searchsorted(np.cumsum(squares), 0.5 * squares.sum())) + 1
    note = f"half of the variance is from {few} events" if few < FEW and squares.sum() > 0 else ""
    return Estimate.symmetric(mean, float(np.sqrt(squares.sum())), "standard error", note)


def classifier_test(
    x_theta: ArrayLike,
    x_reference: ArrayLike,
    log_ratio: ArrayLike,
    *,
    weight_theta: ArrayLike = (1.0,),
    weight_reference: ArrayLike = (1.0,),
    seed: int = 0,
) -> Estimate:
    """AUC of a classifier that tries to tell events of theta from reweighted ones of the reference; 0.5 if it cannot.

    Boosted trees are trained on each half of the events and tested on the other (:mod:`partonic.fit.crossfit`).

    Args:
        x_theta: observables of events of theta, (n, d).
        x_reference: observables of events of the reference, (m, d).
        log_ratio: learned, of the latter, (m,): they get its exponential as weight.
        weight_theta: of the former, (n,), or (1,); not negative.
        weight_reference: of the latter, (m,), or (1,); not negative.
        seed: of the halves and the trees.

    Raises:
        InputError: the shapes disagree, a number is not finite, a weight is negative, or a sample has fewer than 2
            events of positive weight.
    """
    above, below = as_observables(x_theta, 2), as_observables(x_reference, 2)
    logs = np.asarray(log_ratio, dtype=np.float64)
    if logs.shape != (len(below),) or above.shape[1] != below.shape[1] or not np.all(np.isfinite(logs)):
        raise InputError(
            f"a log ratio for each of {len(below):,} reference events and {below.shape[1]} observables of both samples "
            f"are needed, not the shapes {logs.shape} and {above.shape}"
        )
    first, second = as_weights(weight_theta, len(above)), as_weights(weight_reference, len(below)) * np.exp(logs)
    if min(first.min(), second.min()) < 0:
        raise InputError("a weight is negative: the classifier test needs weights of 0 or above")
    trees = TreeOptions(trees=50, learning_rate=0.1, leaves=31, l2=0.0, feature_share=1.0, seed=seed)
    return cross_fit(paired(above, below, first, second, signed=False), seed=seed, trees=trees, fewest=1).auc

"""How good a generated sample is: everything measured beside its value for truth against truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.estimate import Estimate
from partonic.fit.crossfit import cross_fit
from partonic.metrics.pair import halves, paired

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TwoSample:
    r"""What a classifier sees between two samples.

    Args:
        auc: area under its ROC curve; 0.5 where it sees nothing.
        baseline: the same of one half of the truth against the other.
        p_value: one-sided chance of as large an area for equal distributions.
        log_ratio: (m,) of the generated events, :math:`\ln p_{\rm truth}(x) / p_{\rm generated}(x)` by a classifier
            that did not see them; its exponential is the weight that mends the generator. Tails show where it fails
            (arXiv:2305.16774).
        log_ratio_truth: (n,) the same at the events of the truth.
        classifier: ``trees`` or ``mlp``.
    """

    auc: Estimate
    baseline: Estimate
    p_value: float
    log_ratio: Floats
    log_ratio_truth: Floats
    classifier: str


def two_sample(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    classifier: str = "trees",
    seed: int = 0,
    folds: int = 2,
    baseline: Estimate | None = None,
) -> TwoSample:
    """Classifier two-sample test (arXiv:1610.06545), cross-fitted: every event is judged by what did not see it.

    Args:
        truth: (n, d), or (n,); invariants (masses) as further columns make the test sharper.
        generated: (m, d), or (m,).
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        classifier: ``trees`` (boosted) or ``mlp``.
        seed: of the folds and the training.
        folds: their number; 5 or 10 train on more events, in as much more time.
        baseline: truth against truth where it was measured before, as by another generator's test.

    Raises:
        InputError: the samples cannot be compared, a weight is negative, or there are fewer than 10 events a fold
            (20 in the truth, which its baseline cuts in two).
        UnknownNameError: there is no such classifier.
    """
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=10 * folds, signed=False)
    if baseline is None:
        first, second, *weights = halves(pair.truth, pair.weight_truth, seed)
        same = paired(first, second, *weights, fewest=10 * folds, signed=False)
        baseline = cross_fit(same, classifier=classifier, folds=folds, seed=seed).auc
    found = cross_fit(pair, classifier=classifier, folds=folds, seed=seed)
    return TwoSample(found.auc, baseline, found.p_value, found.generated, found.truth, classifier)

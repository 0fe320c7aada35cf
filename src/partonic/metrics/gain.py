"""What one way of training gains over another: several trainings of each, all on the same test jets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from partonic.core.errors import InputError
from partonic.metrics.bootstrap import REPLICAS, resample
from partonic.metrics.comparison import Contrast
from partonic.metrics.roc import curve
from partonic.metrics.sample import Ordered, checked


def auc_gain(
    scores_a: Sequence[ArrayLike],
    scores_b: Sequence[ArrayLike],
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Contrast:
    """Mean difference of the areas under the ROC curve of two sets of trainings, first less second.

    The error has two parts, added in quadrature: of the test jets, by a bootstrap in which all trainings see the same
    resampled jets, and of the trainings, the standard error of both means over the seeds (with one training of a set
    that part is missing, and the note says so).

    Args:
        scores_a: one array (jets,) for each training of the first set.
        scores_b: the same for the second, for the same jets in the same order.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights, negative ones too; ones if None.
        replicas: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: a set is empty, trainings did not score the same number of jets, or the sample cannot be measured.
    """
    if not len(scores_a) or not len(scores_b):
        raise InputError("a gain needs one training or more of both sets")
    if len({np.size(scores) for scores in (*scores_a, *scores_b)}) > 1:
        raise InputError("trainings are compared on the same jets; these have scored different numbers of them")
    sets = [[Ordered.of(checked(scores, labels, weights)) for scores in group] for group in (scores_a, scores_b)]
    areas = [np.array([curve(jets).area for jets in group]) for group in sets]
    value = float(areas[0].mean() - areas[1].mean())
    jets = len(sets[0][0].order)
    draws = [
        np.subtract(*(np.mean([curve(one, counts[one.order]).area for one in group]) for group in sets))
        for counts in resample(jets, replicas, seed)
    ]
    statistical = float(np.std(draws, ddof=1))
    spreads = [area.std(ddof=1) / math.sqrt(len(area)) if len(area) > 1 else 0.0 for area in areas]
    error = math.hypot(statistical, *spreads)
    seeds = " and ".join(str(len(area)) for area in areas)
    note = f"{statistical:.2g} of it from the test jets; {seeds} trainings"
    if min(len(area) for area in areas) == 1:
        note = "one training of a set: the spread of trainings is not in the error"
    significance = value / error if error > 0 else (0.0 if value == 0 else math.nan)
    p_value = float(2 * ndtr(-abs(significance)))
    return Contrast(value, value - error, value + error, "bootstrap and seeds", note, significance, p_value)

"""Two taggers on the same jets: what they share cancels, so the error of a difference is far below that of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.bootstrap import REPLICAS, percentiles, resample
from partonic.metrics.counting import few
from partonic.metrics.roc import Roc, background_interval, curve, inverse
from partonic.metrics.sample import Floats, Ordered, check_efficiency, checked


@dataclass(frozen=True)
class Contrast(Estimate):
    """A difference (no effect: 0) or ratio (no effect: 1) of two taggers, first against second.

    Args:
        value: see :class:`~partonic.core.estimate.Estimate`, also for ``low``, ``high``, ``method`` and ``note``.
        significance: difference, or logarithm of the ratio, over its bootstrap error: Gaussian standard deviations,
            above 0 where the first tagger is better; NaN where it cannot be given.
        p_value: two-sided chance of as large an effect between equal taggers, from the significance.
    """

    significance: float = math.nan
    p_value: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """Two taggers compared jet by jet.

    Args:
        auc_difference: of the areas under the ROC curve, first less second.
        rejection_ratio: signal efficiency -> ratio of the background rejections, first over second.
    """

    auc_difference: Contrast
    rejection_ratio: dict[float, Contrast]


def compare(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    efficiencies: Sequence[float] = (0.3, 0.5),
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Comparison:
    """Compare two taggers by resampling the jets that both have scored.

    Args:
        scores_a: (jets,) of the first tagger.
        scores_b: (jets,) of the second, for the same jets in the same order.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights, negative ones too; ones if None.
        efficiencies: signal efficiencies at which to compare rejections; none for the AUC alone.
        replicas: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: the taggers did not score the same number of jets, or the sample cannot be measured.
    """
    if np.shape(scores_a) != np.shape(scores_b):
        raise InputError(
            f"two taggers are compared on the same jets, not on {np.size(scores_a)} and {np.size(scores_b)}"
        )
    samples = [checked(scores, labels, weights) for scores in (scores_a, scores_b)]
    wanted = check_efficiency(list(efficiencies))
    jets = [Ordered.of(sample) for sample in samples]
    values = [_measure(curve(one), wanted) for one in jets]
    draws = np.array(
        [
            [_measure(curve(one, counts[one.order]), wanted) for one in jets]
            for counts in resample(len(samples[0].scores), replicas, seed)
        ]
    )  # (replicas, 2 taggers, 1 + efficiencies)
    passing = np.min([background_interval(one, wanted).jets for one in jets], axis=0)
    notes = [few(float(count), weighted=samples[0].weighted) for count in passing]
    area = _contrast(float(values[0][0] - values[1][0]), draws[:, 0, 0] - draws[:, 1, 0], "", ratio=False)
    return Comparison(
        area,
        {
            float(efficiency): _ratio([v[1 + i] for v in values], draws[:, :, 1 + i], notes[i])
            for i, efficiency in enumerate(wanted)
        },
    )


def _measure(line: Roc, efficiencies: Floats) -> Floats:
    if not len(efficiencies):
        return np.array([line.area])
    return np.concatenate([[line.area], inverse(line.background_efficiency_at(efficiencies))])


def _contrast(value: float, draws: Floats, note: str, *, ratio: bool) -> Contrast:
    """An effect with its replicas; identical taggers have none."""
    interval = percentiles(value, draws, note)
    usable = draws[np.isfinite(draws) & (draws > 0)] if ratio else draws[np.isfinite(draws)]
    effect, spread = (math.log(value), np.log(usable)) if ratio else (value, usable)
    error = float(np.std(spread, ddof=1)) if len(spread) > 1 else math.nan
    significance = effect / error if error > 0 else (0.0 if effect == 0 else math.nan)
    chance = float(2 * ndtr(-abs(significance)))
    return Contrast(value, interval.low, interval.high, interval.method, note, significance, chance)


def _ratio(values: Sequence[float], draws: Floats, note: str) -> Contrast:
    """Ratio of two rejections; draws (replicas, 2)."""
    if not all(math.isfinite(value) for value in values):
        why = "no background jet passes for one of the taggers"
        return Contrast(math.nan, -math.inf, math.inf, "bootstrap", why)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _contrast(float(values[0] / values[1]), draws[:, 0] / draws[:, 1], note, ratio=True)

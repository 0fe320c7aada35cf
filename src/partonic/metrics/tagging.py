"""How well a tagger separates signal from background: AUC, accuracy and background rejection with their errors.

Intervals are central and hold 68.3 %. Weighted jets count with their effective number; where a weight is negative the
intervals come from a bootstrap of the jets (the binomial law then means nothing).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from partonic.core.estimate import Estimate
from partonic.metrics.bootstrap import REPLICAS, percentiles, replicate, resample
from partonic.metrics.comparison import Comparison, Contrast, compare
from partonic.metrics.counting import TAIL, clopper_pearson, effective_count, effective_total, few
from partonic.metrics.roc import ROUNDING, BackgroundEfficiency, Roc, background_interval, curve, inverse, roc
from partonic.metrics.sample import Floats, Ordered, Sample, check_efficiency, checked
from partonic.metrics.seeds import RocBand, over_seeds, roc_band

__all__ = [
    "Comparison",
    "Contrast",
    "Roc",
    "RocBand",
    "accuracy",
    "auc",
    "best_accuracy",
    "compare",
    "inverse",
    "over_seeds",
    "rejection",
    "rejections",
    "roc",
    "roc_band",
    "summary",
]


def auc(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, *, replicas: int = REPLICAS, seed: int = 0
) -> Estimate:
    """Area under the ROC curve, the chance that a signal jet scores above a background jet.

    The error is DeLong's (Biometrics 44 (1988) 837) with weights: the spread over the jets of each class of the
    weighted fraction of the other class that they beat; the interval is symmetric in logit(AUC).

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        replicas: of the bootstrap, used only where weights are negative.
        seed: of the bootstrap.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.
    """
    sample = checked(scores, labels, weights)
    jets = Ordered.of(sample)
    value = curve(jets).area
    if sample.signed:
        draws = replicate(jets, lambda line: [line.area], replicas, seed)
        return percentiles(value, draws[:, 0])
    if min(value, 1 - value) < ROUNDING:
        return _separated(sample, float(round(value)))
    error = math.sqrt(delong_variance(jets)) / (value * (1 - value))
    centre = logit(value)
    note = "all scores are equal" if len(jets.ends) == 1 else ""
    return Estimate(value, float(expit(centre - error)), float(expit(centre + error)), "DeLong", note)


def delong_variance(jets: Ordered) -> float:
    """Variance of the area under the ROC curve of sorted jets with positive weights."""
    signal, background = np.diff(jets.passing(jets.signal)), np.diff(jets.passing(jets.background))
    beaten = (background[::-1].cumsum()[::-1] - 0.5 * background) / background.sum()  # by signal of this group
    beating = (signal.cumsum() - 0.5 * signal) / signal.sum()  # background of this group
    variance = 0.0
    for weights, share, sums in ((jets.signal, beaten, signal), (jets.background, beating, background)):
        squares = np.diff(jets.passing(weights**2))
        mean = float(np.sum(sums * share)) / float(sums.sum())
        n = effective_count(weights)
        if n > 1.5:
            variance += n / (n - 1) * float(np.sum(squares * (share - mean) ** 2)) / float(sums.sum()) ** 2
        else:  # a single jet shows no spread: the largest that there can be
            variance += mean * (1 - mean) / n
    return variance


def _separated(sample: Sample, value: float) -> Estimate:
    """AUC of classes that do not overlap: as many independent pairs as the rarer class has jets, none misordered."""
    pairs = min(effective_count(sample.weights[sample.labels == side]) for side in (True, False))
    limit = TAIL ** (1 / pairs)
    note = "the scores separate the classes completely"
    low, high = (limit, 1.0) if value >= 1 else (0.0, 1 - limit)
    return Estimate(value, low, high, "binomial", note)


def accuracy(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Estimate:
    """Fraction of the jets on the right side of a threshold (signal at or above it); the note names the threshold.

    The classes enter in the proportion of the sample.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        threshold: 0.5 for probabilities.
        replicas: of the bootstrap, used only where weights are negative.
        seed: of the bootstrap.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.
    """
    sample = checked(scores, labels, weights)
    return _accuracy(sample, threshold, f"at the threshold {threshold:.4g}", replicas, seed)


def best_accuracy(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, *, replicas: int = REPLICAS, seed: int = 0
) -> Estimate:
    """Accuracy at the threshold that makes it highest on these very jets (so a little high); the note names it.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        replicas: of the bootstrap, used only where weights are negative.
        seed: of the bootstrap.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.
    """
    sample = checked(scores, labels, weights)
    line = curve(Ordered.of(sample))
    right = line.signal_weight * line.signal_efficiency - line.background_weight * line.background_efficiency
    threshold = float(line.thresholds[int(np.argmax(right))])
    return _accuracy(sample, threshold, f"at the best threshold {threshold:.4g}", replicas, seed)


def _accuracy(sample: Sample, threshold: float, note: str, replicas: int, seed: int) -> Estimate:
    weights = sample.weights
    right = weights * ((sample.scores >= threshold) == sample.labels)
    value = float(right.sum() / weights.sum())
    if sample.signed:
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = np.array([counts @ right / (counts @ weights) for counts in resample(len(right), replicas, seed)])
        return percentiles(value, draws, note)
    n = effective_total(value, np.sum(right**2), float(np.sum(weights**2)), float(weights.sum()))
    low, high = clopper_pearson(value * n, n)
    return Estimate(value, float(low), float(high), "binomial", note)


def rejection(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    efficiency: float = 0.5,
    *,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Estimate:
    """Background rejection 1 / (background efficiency) at a signal efficiency: R50 at 0.5, R30 at 0.3.

    The interval is the exact binomial one of the background that passes (Clopper and Pearson; Garwood's where it is
    rare), with the threshold's error from the finite number of signal jets added in quadrature on the logarithm.
    Below 25 (effective) background jets a note says what the number rests on; where none passes the value is NaN and
    the lower end a limit at 84.1 %.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        efficiency: signal efficiency, between 0 and 1.
        replicas: of the bootstrap, used only where weights are negative.
        seed: of the bootstrap.

    Raises:
        InputError: the efficiency is not between 0 and 1, or the sample cannot be measured.
    """
    return rejections(scores, labels, weights, (efficiency,), replicas=replicas, seed=seed)[0]


def rejections(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    efficiencies: Sequence[float] = (0.3, 0.5),
    *,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> list[Estimate]:
    """Background rejection at several signal efficiencies, each as :func:`rejection` gives it."""
    wanted = check_efficiency(list(efficiencies))
    sample = checked(scores, labels, weights)
    jets = Ordered.of(sample)
    passing = background_interval(jets, wanted)
    if not sample.signed:
        return [_rejection(passing, i, weighted=sample.weighted) for i in range(len(wanted))]
    draws = replicate(jets, lambda line: inverse(line.background_efficiency_at(wanted)), replicas, seed)
    return [_signed_rejection(passing, i, draws[:, i]) for i in range(len(wanted))]


def _rejection(passing: BackgroundEfficiency, i: int, *, weighted: bool) -> Estimate:
    value, low, high = (float(ends[i]) for ends in (passing.value, passing.low, passing.high))
    if value <= 0:
        note = "no background jet passes; the lower end is a limit at 84 %"
        return Estimate(math.nan, 1 / high, math.inf, "binomial", note)
    note = few(float(passing.jets[i]), weighted=weighted)
    return Estimate(1 / value, 1 / high, 1 / low if low > 0 else math.inf, "binomial", note)


def _signed_rejection(passing: BackgroundEfficiency, i: int, draws: Floats) -> Estimate:
    value = float(passing.value[i])
    if value > 0:
        return percentiles(1 / value, draws, few(float(passing.jets[i]), weighted=True))
    low = float(np.quantile(draws[~np.isnan(draws)], TAIL, method="inverted_cdf"))
    return Estimate(math.nan, low, math.inf, "bootstrap", "the weights of the background that passes sum to 0 or less")


def summary(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> dict[str, Estimate]:
    """The headline numbers of a tagger: ``auc``, ``accuracy`` (at the threshold), ``r30`` and ``r50``.

    Args:
        scores: (jets,) probabilities, or any score with a threshold that suits it.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        threshold: of the accuracy.
        replicas: of the bootstrap, used only where weights are negative.
        seed: of the bootstrap.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.
    """
    r30, r50 = rejections(scores, labels, weights, (0.3, 0.5), replicas=replicas, seed=seed)
    return {
        "auc": auc(scores, labels, weights, replicas=replicas, seed=seed),
        "accuracy": accuracy(scores, labels, weights, threshold=threshold, replicas=replicas, seed=seed),
        "r30": r30,
        "r50": r50,
    }

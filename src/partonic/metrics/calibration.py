"""Whether a score is a probability: reliability diagram, expected calibration error, temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.bootstrap import resample
from partonic.metrics.counting import clopper_pearson, effective_total
from partonic.metrics.sample import Floats, Sample, checked

Binning = Literal["count", "width"]
BINS = 15
LOG_RANGE = 12.0  # temperatures from exp(-12) to exp(12)


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: fraction of signal against predicted probability; all of shape (bins,).

    Args:
        lower: lower edge of each bin that holds a jet.
        upper: upper edge.
        predicted: weighted mean score in the bin.
        observed: weighted fraction of signal in the bin (NaN where negative weights leave no positive sum).
        low: lower end of its 68.3 % binomial interval.
        high: upper end.
        jets: number of jets in the bin, weights ignored.
    """

    lower: Floats
    upper: Floats
    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    jets: NDArray[np.int64]


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error, beside what counting alone gives.

    Args:
        value: the error of the scores, with its bootstrap error.
        expected: the same for a perfectly calibrated score on as many jets: mean and 68.3 % spread.
    """

    value: Estimate
    expected: Estimate


def reliability(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    equal: Binning = "count",
) -> Reliability:
    """Fraction of signal in bins of the predicted probability.

    Args:
        scores: (jets,) predicted probabilities of signal.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None. Where negative, intervals are rough.
        bins: number of bins; bins that no jet falls in are left out.
        equal: bins of equal ``"count"`` of jets, or of equal ``"width"`` in [0, 1].

    Raises:
        InputError: a score is not a probability, the binning is impossible, or the sample cannot be measured.
    """
    sample = _probabilities(scores, labels, weights)
    edges, place = _bins(sample.scores, bins, equal)
    sums = [_sums(place, values, len(edges) - 1) for values in (np.ones(len(place)), *_moments(sample))]
    kept = sums[0] > 0
    jets, total, squares, predicted, signal, signal_squares = (values[kept] for values in sums)
    positive = total > 0
    safe = np.where(positive, total, np.nan)
    fraction = signal / safe
    inside = np.clip(np.nan_to_num(fraction), 0.0, 1.0)
    n = effective_total(inside, np.maximum(signal_squares, 0.0), squares, np.where(positive, total, 1.0))
    low, high = clopper_pearson(inside * n, n)
    return Reliability(
        edges[:-1][kept],
        edges[1:][kept],
        predicted / safe,
        fraction,
        np.where(positive, low, 0.0),
        np.where(positive, high, 1.0),
        jets.astype(np.int64),
    )


def calibration_error(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    equal: Binning = "count",
    replicas: int = 200,
    seed: int = 0,
) -> CalibrationError:
    r"""Expected calibration error :math:`\sum_b |\sum_{i \in b} w_i (y_i - p_i)| / \sum_i w_i`.

    Counting alone makes it positive, so the value that a perfectly calibrated score would show on as many jets
    (labels drawn from the scores themselves) is given beside it. Definition: Guo et al., arXiv:1706.04599, eq. 3.

    Args:
        scores: (jets,) predicted probabilities of signal.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        bins: number of bins.
        equal: bins of equal ``"count"`` of jets, or of equal ``"width"`` in [0, 1].
        replicas: of the bootstrap, and of the calibrated samples.
        seed: of both.

    Raises:
        InputError: a score is not a probability, the binning is impossible, or the sample cannot be measured.
    """
    sample = _probabilities(scores, labels, weights)
    edges, place = _bins(sample.scores, bins, equal)
    weight, n = sample.weights, len(edges) - 1

    def error(excess: Floats, total: float) -> float:
        """The calibration error of weighted label minus score."""
        return float(np.sum(np.abs(_sums(place, excess, n)))) / total

    residual = weight * (sample.labels - sample.scores)
    value = error(residual, float(weight.sum()))
    draws = [error(residual * counts, float(weight @ counts)) for counts in resample(len(weight), replicas, seed)]
    spread = float(np.std(draws, ddof=1))
    rng = generator(seed, 1)
    ideal = [
        error(weight * ((rng.random(len(weight)) < sample.scores) - sample.scores), float(weight.sum()))
        for _ in range(replicas)
    ]
    note = "of a perfectly calibrated score on as many jets"
    return CalibrationError(
        Estimate(value, max(value - spread, 0.0), value + spread, "bootstrap"),
        Estimate.symmetric(float(np.mean(ideal)), float(np.std(ideal, ddof=1)), "simulated labels", note),
    )


def logits(scores: ArrayLike) -> Floats:
    """Logits log(p / (1 - p)) of probabilities; those that rounding made 0 or 1 are moved in by 1e-15.

    Raises:
        InputError: a score is not a probability.
    """
    p = np.asarray(scores, dtype=np.float64)
    _check_probabilities(p)
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return np.log(p) - np.log1p(-p)


def temperature(logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    r"""Temperature T that makes ``sigmoid(logit / T)`` the likeliest probabilities (Guo et al., arXiv:1706.04599).

    Minimises the weighted negative log-likelihood, convex in 1/T; above 1 the score was too sure of itself. The error
    is the sandwich :math:`\sum w^2 z^2 (p-y)^2 / (\sum w z^2 p(1-p))^2` of 1/T, which holds for weights too. Where no
    temperature is best (the logits separate the classes completely, or do not rise with the label) the value is NaN
    and the note says why.

    Args:
        logits: (jets,) logits z; :func:`logits` makes them of probabilities.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.
    """
    sample = checked(logits, labels, weights)
    z, y, w = sample.scores, sample.labels, sample.weights

    def slope(log_inverse: float) -> float:
        """Derivative of the negative log-likelihood with respect to 1/T."""
        return float(np.sum(w * z * (expit(np.exp(log_inverse) * z) - y)))

    if slope(-LOG_RANGE) >= 0:
        return Estimate(np.nan, -np.inf, np.inf, "likelihood", "no temperature: the logits do not rise with the label")
    if slope(LOG_RANGE) <= 0:
        return Estimate(np.nan, -np.inf, np.inf, "likelihood", "no temperature: the logits separate the classes")
    inverse = float(np.exp(brentq(slope, -LOG_RANGE, LOG_RANGE, xtol=1e-12)))
    p = expit(inverse * z)
    curvature = float(np.sum(w * z**2 * p * (1 - p)))
    error = float(np.sqrt(np.sum(w**2 * z**2 * (p - y) ** 2))) / abs(curvature)
    high = 1 / (inverse - error) if error < inverse else np.inf
    return Estimate(1 / inverse, 1 / (inverse + error), float(high), "likelihood")


def _probabilities(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None) -> Sample:
    sample = checked(scores, labels, weights)
    _check_probabilities(sample.scores)
    return sample


def _check_probabilities(scores: Floats) -> None:
    wrong = scores[~((scores >= 0) & (scores <= 1))]
    if wrong.size:
        raise InputError(
            f"calibration needs probabilities between 0 and 1, not {wrong.flat[0]:g}; apply a sigmoid first"
        )


def _bins(scores: Floats, bins: int, equal: Binning) -> tuple[Floats, NDArray[np.int64]]:
    """Edges of the bins, and the bin of each jet; equal scores share a bin."""
    if bins < 1:
        raise InputError(f"the number of bins must be 1 or above, not {bins}")
    if equal not in ("count", "width"):
        raise InputError(f"bins are of equal 'count' or 'width', not '{equal}'")
    edges = np.linspace(0.0, 1.0, bins + 1)
    if equal == "count":
        edges = np.unique(np.quantile(scores, edges))
        edges = edges if len(edges) > 1 else np.array([edges[0], edges[0]])
    return edges, np.searchsorted(edges[1:-1], scores, side="right").astype(np.int64)


def _moments(sample: Sample) -> tuple[Floats, ...]:
    """Weight, its square, weighted score, weighted label and its square, of each jet."""
    w, y = sample.weights, sample.labels
    return w, w * w, w * sample.scores, w * y, w * w * y


def _sums(place: NDArray[np.int64], values: Floats, bins: int) -> Floats:
    return np.bincount(place, weights=values, minlength=bins).astype(np.float64, copy=False)

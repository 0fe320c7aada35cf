"""The ROC curve of weighted jets, ties handled exactly, and the binomial interval of its background efficiency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.metrics.counting import clopper_pearson, effective_total
from partonic.metrics.sample import Floats, Ordered, check_efficiency, checked

ROUNDING = 1e-12
SLOPE_WINDOW = 0.05  # in signal efficiency; log background efficiency is close to straight over it


@dataclass(frozen=True)
class Roc:
    """Efficiencies of the cut ``score >= threshold`` for every distinct score, from the hardest cut to none.

    The first point is (0, 0) at an infinite threshold, the last (1, 1) at the lowest score. With negative weights
    the efficiencies need not rise from point to point and may leave [0, 1].

    Args:
        signal_efficiency: (points,).
        background_efficiency: (points,).
        thresholds: (points,) falling.
        signal_weight: sum of the weights of the signal jets.
        background_weight: sum of the weights of the background jets.
    """

    signal_efficiency: Floats
    background_efficiency: Floats
    thresholds: Floats
    signal_weight: float
    background_weight: float

    @property
    def area(self) -> float:
        """Area under the curve: the chance that a signal jet scores above a background jet, ties counted half."""
        return float(np.trapezoid(self.signal_efficiency, self.background_efficiency))

    def bracket(self, efficiency: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
        """The first point that reaches each signal efficiency, and how far it lies from the point before it to it.

        Returns:
            Places of the points (1 or above), and fractions in [0, 1] of the way.

        Raises:
            InputError: an efficiency is not between 0 and 1.
        """
        wanted = check_efficiency(efficiency)
        reached = np.maximum.accumulate(self.signal_efficiency)
        place = np.clip(np.searchsorted(reached, wanted - ROUNDING), 1, len(reached) - 1)
        before, after = self.signal_efficiency[place - 1], self.signal_efficiency[place]
        step = np.where(after > before, after - before, 1.0)
        return place, np.clip((wanted - before) / step, 0.0, 1.0)

    def background_efficiency_at(self, efficiency: ArrayLike) -> Floats:
        """Background efficiency at signal efficiencies: its logarithm is linear between neighbouring points.

        Where the curve goes straight up, the lowest point counts; next to a point without background (whose
        logarithm does not exist) the efficiency itself is taken as linear.

        Args:
            efficiency: signal efficiencies between 0 and 1, any shape.

        Raises:
            InputError: an efficiency is not between 0 and 1.
        """
        place, way = self.bracket(efficiency)
        before, after = self.background_efficiency[place - 1], self.background_efficiency[place]
        positive = (before > 0) & (after > 0)
        logs = np.log(np.where(positive, before, 1.0)), np.log(np.where(positive, after, 1.0))
        return np.where(positive, np.exp(logs[0] + way * (logs[1] - logs[0])), before + way * (after - before))

    def threshold_at(self, efficiency: float) -> float:
        """The highest score to cut at that keeps at least this signal efficiency.

        Raises:
            InputError: the efficiency is not between 0 and 1.
        """
        return float(self.thresholds[self.bracket(efficiency)[0]])


def curve(jets: Ordered, counts: Floats | None = None) -> Roc:
    """The ROC curve of sorted jets.

    Args:
        jets: the sorted sample.
        counts: (jets,) how often each jet counts, in the order of falling score; once each if None.
    """
    signal = jets.passing(jets.signal if counts is None else jets.signal * counts)
    background = jets.passing(jets.background if counts is None else jets.background * counts)
    total = float(signal[-1]), float(background[-1])
    with np.errstate(divide="ignore", invalid="ignore"):  # a replica may hold one class only
        signal /= total[0]
        background /= total[1]
    return Roc(signal, background, jets.thresholds, *total)


def roc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Roc:
    """The ROC curve of a tagger.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights, negative ones too; ones if None.

    Raises:
        InputError: the sample cannot be measured, see :func:`partonic.metrics.sample.checked`.

    Example:
        >>> roc([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0]).area
        0.75
    """
    return curve(Ordered.of(checked(scores, labels, weights)))


def inverse(values: Floats) -> Floats:
    """1 / value, infinite where the value is 0 or negative (NaN stays)."""
    return np.where(values <= 0, np.inf, 1 / np.where(values <= 0, 1.0, values))


@dataclass(frozen=True)
class BackgroundEfficiency:
    """Background efficiency at signal efficiencies, with central 68.3 % intervals; all of one shape.

    Args:
        value: background efficiency.
        low: lower end.
        high: upper end; where nothing passes, the one-sided limit at 84.1 %.
        jets: effective number of background jets that pass, (sum w)^2 / sum w^2.
    """

    value: Floats
    low: Floats
    high: Floats
    jets: Floats


def background_interval(jets: Ordered, efficiency: ArrayLike) -> BackgroundEfficiency:
    """Exact binomial interval of the background that passes, widened by the error of the threshold.

    The threshold comes from a finite number of signal jets: its binomial error in the signal efficiency times the
    slope of the curve is added in quadrature to the logarithm of the background efficiency.

    Args:
        jets: the sorted sample; for negative weights the interval is rough (bootstrap instead).
        efficiency: signal efficiencies between 0 and 1.

    Raises:
        InputError: an efficiency is not between 0 and 1.
    """
    line = curve(jets)
    wanted = check_efficiency(efficiency)
    value = line.background_efficiency_at(wanted)
    squares = _squares_at(line, jets.passing(jets.background**2), value, wanted)
    all_squares, total = float(np.sum(jets.background**2)), line.background_weight
    n = effective_total(value, squares, all_squares, total)
    low, high = clopper_pearson(value * n, n)
    shift = threshold_error(jets, line, wanted)
    some = value > 0
    safe = np.where(some, value, 1.0)
    down = np.hypot(np.log(safe / np.where(some, low, 1.0)), shift)
    up = np.hypot(np.log(np.where(some, high, 1.0) / safe), shift)
    passing = np.where(squares > 0, (value * total) ** 2 / np.where(squares > 0, squares, 1.0), 0.0)
    return BackgroundEfficiency(
        value,
        np.where(some, value * np.exp(-down), 0.0),
        np.where(some, np.minimum(value * np.exp(up), 1.0), high),
        passing,
    )


def _squares_at(line: Roc, squares: Floats, value: Floats, efficiency: Floats) -> Floats:
    """Sum of the squared weights that pass, as far between two points as the background efficiency is."""
    place, _ = line.bracket(efficiency)
    before, after = line.background_efficiency[place - 1], line.background_efficiency[place]
    step = after - before
    way = np.where(step != 0, (value - before) / np.where(step != 0, step, 1.0), 1.0)
    return squares[place - 1] + way * (squares[place] - squares[place - 1])


def threshold_error(jets: Ordered, line: Roc, efficiency: Floats) -> Floats:
    """Error of log(background efficiency) that comes from the finite number of signal jets."""
    place, way = line.bracket(efficiency)
    squares = jets.passing(jets.signal**2)
    passed = squares[place - 1] + way * (squares[place] - squares[place - 1])
    n = effective_total(efficiency, passed, float(squares[-1]), line.signal_weight)
    sigma = np.sqrt(efficiency * (1 - efficiency) / n)
    window = np.minimum(np.maximum(sigma, SLOPE_WINDOW), 0.5 * np.minimum(efficiency, 1 - efficiency))
    low, here, high = (line.background_efficiency_at(efficiency + side * window) for side in (-1, 0, 1))
    below = low > 0
    start, width = np.where(below, low, here), np.where(below, 2 * window, window)
    usable = (start > 0) & (high > 0)
    slope = np.log(np.where(usable, high, 1.0) / np.where(usable, start, 1.0)) / width
    return np.abs(slope) * sigma

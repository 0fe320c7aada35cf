r"""Calibration of a learned ratio: what it calls r must be the ratio of the densities of that r (arXiv:1506.02169)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import IsotonicRegression

from partonic.core.errors import InputError, unknown
from partonic.inference.ratio import RatioEstimator
from partonic.inference.samples import MorphedSample

Floats = NDArray[np.float64]
Way = Literal["isotonic", "histogram"]
WAYS = ("isotonic", "histogram")
BINS = 50


@dataclass(frozen=True)
class Calibration:
    """A function of the logarithm of a ratio: straight between knots, constant beyond them.

    Args:
        given: learned logarithms, rising, (knots,).
        true: what they should be, (knots,).
    """

    given: Floats
    true: Floats

    def __call__(self, log_ratio: ArrayLike) -> Floats:
        """Calibrated logarithms, of the same shape."""
        return np.interp(np.asarray(log_ratio, dtype=np.float64), self.given, self.true)


def calibrate(
    log_ratio: ArrayLike, numerator: ArrayLike, denominator: ArrayLike, way: Way = "isotonic", bins: int = BINS
) -> Calibration:
    """Find the calibration of a ratio at one theta from events that it has not seen.

    ``histogram`` takes the ratio of the two samples in bins of the learned one, with equal numbers of events;
    ``isotonic`` the rising step function that fits best.

    Args:
        log_ratio: learned, of each event, (n,).
        numerator: weight of each event in a sample of theta, (n,); of labelled events 1 or 0.
        denominator: weight in a sample of the reference, (n,).
        way: ``isotonic`` or ``histogram``.
        bins: of the histogram.

    Raises:
        UnknownNameError: there is no such way.
        InputError: the shapes disagree, a number is not finite, a weight is negative, one sample is empty, or there
            are fewer events than bins.
    """
    if way not in WAYS:
        raise unknown("way of calibration", way, WAYS)
    values, above, below = (np.asarray(a, dtype=np.float64) for a in (log_ratio, numerator, denominator))
    if values.ndim != 1 or not values.shape == above.shape == below.shape:
        shapes = f"{values.shape}, {above.shape} and {below.shape}"
        raise InputError(f"a calibration takes three arrays (events,), not of shapes {shapes}")
    if not all(np.all(np.isfinite(a)) for a in (values, above, below)):
        raise InputError("the ratios and weights of a calibration must be finite")
    if min(above.min(), below.min()) < 0:
        raise InputError("a weight is negative: a calibration needs weights of 0 or above")
    if not (above.sum() > 0 and below.sum() > 0):
        raise InputError("a calibration needs events of theta and of the reference; one of them has no weight")
    if not 1 <= bins <= len(values):
        raise InputError(f"{len(values)} events cannot fill {bins} bins")
    above, below = above / above.sum(), below / below.sum()
    return _histogram(values, above, below, bins) if way == "histogram" else _isotonic(values, above, below)


def _histogram(values: Floats, above: Floats, below: Floats, bins: int) -> Calibration:
    order = np.argsort(values, kind="stable")
    parts = [part for part in np.array_split(order, bins) if above[part].sum() > 0 and below[part].sum() > 0]
    middle = [np.average(values[part], weights=above[part] + below[part]) for part in parts]
    true = [np.log(above[part].sum() / below[part].sum()) for part in parts]
    return Calibration(np.array(middle), np.array(true))


def _isotonic(values: Floats, above: Floats, below: Floats) -> Calibration:
    weight = above + below
    used = weight > 0
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(
        values[used], (above / np.where(used, weight, 1))[used], weight[used]
    )
    share = np.asarray(fitted.y_thresholds_, dtype=np.float64)
    # Ends that hold events of one sample only would be infinite: they get the ratio of what comes next.
    inner = share[(share > 0) & (share < 1)]
    if len(inner) == 0:
        raise InputError("the ratio separates the two samples without overlap; there is nothing to calibrate with")
    share = np.clip(share, inner.min(), inner.max())
    return Calibration(np.asarray(fitted.X_thresholds_, dtype=np.float64), np.log(share / (1 - share)))


@dataclass(frozen=True)
class CalibratedRatio:
    """A learned ratio with a calibration of its own at each theta, found on events with components.

    Args:
        estimator: the ratio.
        sample: events that it has not seen.
        way: ``isotonic`` or ``histogram``.
        bins: of the histogram.
    """

    estimator: RatioEstimator
    sample: MorphedSample
    way: Way = "isotonic"
    bins: int = BINS

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Calibrated logarithm of the ratio, (m, n), at theta (m, p).

        Raises:
            InputError: what :func:`calibrate` and the ratio raise.
        """
        points = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        found, known = self.estimator.log_ratio(x, points), self.estimator.log_ratio(self.sample.x, points)
        below = self.sample.weights(self.estimator.reference)[0]
        above = self.sample.weights(points)
        rows = [
            calibrate(one, weight, below, self.way, self.bins)(row)
            for one, weight, row in zip(known, above, found, strict=True)
        ]
        return np.stack(rows)

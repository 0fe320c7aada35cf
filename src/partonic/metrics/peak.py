"""The peak of a resonance: where it is, how wide it is, and how many events it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.pair import as_shares

Floats = NDArray[np.float64]
REPLICAS = 100
BINS_A_WIDTH, SMOOTHING, REACH = 20, 2.0, 4.0
"""The width at half maximum is that of a histogram of 20 bins a width, smoothed by 2 bins, 4 widths to each side."""


@dataclass(frozen=True)
class Resonance:
    """A peak that a feature has.

    Args:
        feature: name of the invariant mass among the features.
        mass: of the resonance, in GeV.
        width: its full width, in GeV.

    Raises:
        InputError: the mass or the width is not above 0.
    """

    feature: str
    mass: float
    width: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mass) and math.isfinite(self.width) and min(self.mass, self.width) > 0):
            raise InputError(f"a resonance has a mass and a width above 0, not {self.mass} and {self.width} GeV")


@dataclass(frozen=True)
class Peak:
    """The peak in one sample; errors from a bootstrap of the events.

    Args:
        median: in GeV.
        quartiles: distance of the quartiles, in GeV; the full width of a Breit-Wigner.
        half_maximum: full width at half maximum, in GeV, of a histogram smoothed by a tenth of the resonance's width
            (which makes that of a Breit-Wigner 6 % wider); NaN where it does not fall to half on both sides.
        inside: share of the events within twice the resonance's width of its mass; 0.844 for a Breit-Wigner.
    """

    median: Estimate
    quartiles: Estimate
    half_maximum: Estimate
    inside: Estimate


def peak(values: ArrayLike, resonance: Resonance, weight: ArrayLike | None = None, *, seed: int = 0) -> Peak:
    """Measure the peak in a sample.

    Args:
        values: (n,) invariant masses in GeV; 20 or more.
        resonance: where the peak is expected.
        weight: (n,), 0 or above; ones if None.
        seed: of the bootstrap.

    Raises:
        InputError: there are fewer than 20 values, one is not finite, or the weights are unfit.
    """
    masses = np.asarray(values, dtype=np.float64)
    if masses.ndim != 1 or len(masses) < 20:
        raise InputError(f"a peak needs 20 masses or more in one row, not an array of shape {masses.shape}")
    if not np.all(np.isfinite(masses)):
        raise InputError(f"the mass of event {int(np.flatnonzero(~np.isfinite(masses))[0]):,} is not finite")
    order = np.argsort(masses, kind="stable")
    share = as_shares("mass", weight, len(masses), signed=False)[order]
    masses = masses[order]
    whole = _numbers(masses, share, resonance)
    draws = np.array([_numbers(masses, share * counts, resonance) for counts in _counts(len(masses), seed)])
    errors = [
        float(np.std(column[np.isfinite(column)])) if np.isfinite(column).any() else math.nan for column in draws.T
    ]
    return Peak(*(_estimate(value, error) for value, error in zip(whole, errors, strict=True)))


def _estimate(value: float, error: float) -> Estimate:
    if math.isnan(value) or math.isnan(error):
        return Estimate(math.nan, -math.inf, math.inf, "bootstrap", "there is no peak near the mass of the resonance")
    return Estimate.symmetric(value, error, "bootstrap")


def _counts(events: int, seed: int) -> Iterator[Floats]:
    """How often each event is drawn, for each replica."""
    rng = generator(seed)
    for _ in range(REPLICAS):
        yield np.bincount(rng.integers(events, size=events), minlength=events).astype(np.float64)


def _numbers(masses: Floats, weight: Floats, resonance: Resonance) -> tuple[float, float, float, float]:
    """Median, distance of quartiles, full width at half maximum, share inside; masses rise."""
    above = np.cumsum(weight)
    low, middle, high = np.interp([0.25, 0.5, 0.75], (above - 0.5 * weight) / above[-1], masses)
    inside = float(weight[np.abs(masses - resonance.mass) < 2 * resonance.width].sum() / above[-1])
    return float(middle), float(high - low), _half_maximum(masses, weight, resonance), inside


def _half_maximum(masses: Floats, weight: Floats, resonance: Resonance) -> float:
    """NaN where the histogram has its maximum at an end or does not fall to half of it on both sides."""
    step = resonance.width / BINS_A_WIDTH
    bins = 2 * round(REACH * BINS_A_WIDTH)
    start = resonance.mass - REACH * resonance.width
    place = np.floor((masses - start) / step)
    there = (place >= 0) & (place < bins)
    heights = np.bincount(place[there].astype(np.int64), weight[there], minlength=bins)
    heights = gaussian_filter1d(heights, SMOOTHING, mode="constant")
    top = int(np.argmax(heights))
    below = np.flatnonzero(heights < 0.5 * heights[top])
    left, right = below[below < top], below[below > top]
    if not (len(left) and len(right) and heights[top] > 0):
        return math.nan
    half = 0.5 * heights[top]
    i, j = int(left[-1]), int(right[0])
    rise = i + (half - heights[i]) / (heights[i + 1] - heights[i])
    fall = j - (half - heights[j]) / (heights[j - 1] - heights[j])
    return float(step * (fall - rise))

"""How far a cut on a tagger shapes the jet mass of the background that it lets through."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.bootstrap import resample
from partonic.metrics.counting import few
from partonic.metrics.roc import curve
from partonic.metrics.sample import Floats, Ordered, Sample, checked, column

BINS = 40


@dataclass(frozen=True)
class Sculpting:
    """Mass of the background jets before and after a cut at a signal efficiency.

    Args:
        edges: (bins + 1,) of the mass, in GeV.
        before: (bins,) share of the background in each bin, all jets; sums to 1.
        after: (bins,) the same of the jets that pass; sums to 1 (all 0 where none passes).
        divergence: Jensen-Shannon divergence of the two in bits: 0 for no sculpting, at most 1.
        expected: the divergence that a cut which knows nothing of the mass would show on as many jets.
        threshold: the cut, on the score.
        efficiency: the signal efficiency that was asked for.
    """

    edges: Floats
    before: Floats
    after: Floats
    divergence: Estimate
    expected: Estimate
    threshold: float
    efficiency: float

    @property
    def inverse(self) -> Estimate:
        """1 / divergence, which published comparisons plot against the rejection; higher is less sculpting."""
        jsd = self.divergence
        value = 1 / jsd.value if jsd.value > 0 else math.nan
        return Estimate(
            value,
            1 / jsd.high if jsd.high > 0 else -math.inf,
            1 / jsd.low if jsd.low > 0 else math.inf,
            jsd.method,
            jsd.note,
        )


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    r"""Jensen-Shannon divergence :math:`\frac12 D(p\|m) + \frac12 D(q\|m)`, :math:`m = (p + q)/2`, in bits.

    Args:
        p: (bins,) a histogram of any norm; bins below 0 (negative weights) count as 0.
        q: (bins,) another one of the same bins.

    Returns:
        Between 0 (equal) and 1 (disjoint); NaN where a histogram is empty.

    Raises:
        InputError: the histograms differ in their bins.
    """
    first, second = (np.maximum(np.asarray(h, dtype=np.float64), 0.0) for h in (p, q))
    if first.shape != second.shape:
        raise InputError(f"histograms of different bins cannot be compared: {first.shape} and {second.shape}")
    if first.sum() <= 0 or second.sum() <= 0:
        return math.nan
    first, second = first / first.sum(), second / second.sum()
    middle = 0.5 * (first + second)
    total = 0.0
    for share in (first, second):
        held = share > 0
        total += 0.5 * float(np.sum(share[held] * np.log2(share[held] / middle[held])))
    return max(total, 0.0)


def mass_sculpting(
    scores: ArrayLike,
    mass: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    efficiency: float = 0.5,
    *,
    edges: ArrayLike | None = None,
    replicas: int = 200,
    seed: int = 0,
) -> Sculpting:
    """Background mass before and after the cut that keeps a fraction of the signal, and their divergence.

    The error is a bootstrap over the jets of both classes, the threshold found anew in each replica. Counting alone
    makes a divergence positive; ``expected`` shows by how much, from cuts drawn at random. Papers that compare the
    jets that pass with those that fail, instead of with all, find a slightly larger number.

    Args:
        scores: (jets,) higher is more signal-like.
        mass: (jets,) jet mass in GeV.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        efficiency: signal efficiency of the cut, between 0 and 1.
        edges: (bins + 1,) of the mass in GeV; 40 bins over the central 99 % of the background if None. Jets beyond
            count in the outermost bins.
        replicas: of the bootstrap and of the random cuts.
        seed: of both.

    Raises:
        InputError: the efficiency is not between 0 and 1, the edges do not rise, or the sample cannot be measured.
    """
    sample = checked(scores, labels, weights)
    heavy = column("masses", mass, len(sample.scores))
    jets = Ordered.of(sample)
    threshold = curve(jets).threshold_at(efficiency)
    bounds = _edges(heavy[~sample.labels], edges)
    cut = _Cut(sample, jets, np.searchsorted(bounds[1:-1], heavy, side="right"), len(bounds) - 1)
    before, after = cut.histograms(threshold)
    value = jensen_shannon(before, after)
    passing = int(np.count_nonzero(~sample.labels & (sample.scores >= threshold)))
    measured = Estimate(math.nan, -math.inf, math.inf, "bootstrap", "no background jet passes")
    expected = Estimate(math.nan, -math.inf, math.inf, "random cuts", "no background jet passes")
    if math.isfinite(value):
        note = few(passing, weighted=False)
        spread = _spread([cut.replica(counts, efficiency) for counts in resample(len(heavy), replicas, seed)])
        measured = Estimate(value, max(value - spread, 0.0), min(value + spread, 1.0), "bootstrap", note)
        random = cut.random(passing, replicas, seed)
        expected = Estimate.symmetric(float(np.nanmean(random)), _spread(random), "random cuts")
    return Sculpting(bounds, _shares(before), _shares(after), measured, expected, threshold, efficiency)


def _edges(mass: Floats, edges: ArrayLike | None) -> Floats:
    if edges is None:
        low, high = np.quantile(mass, [0.005, 0.995])
        return np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or len(bounds) < 3 or not np.all(np.diff(bounds) > 0):
        raise InputError("the edges of the mass must be a rising list of at least three numbers (two bins)")
    return bounds


def _shares(histogram: Floats) -> Floats:
    return histogram / histogram.sum() if histogram.sum() > 0 else np.zeros_like(histogram)


def _spread(values: list[float]) -> float:
    usable = np.array(values)[np.isfinite(values)]
    return float(np.std(usable, ddof=1)) if len(usable) > 1 else math.inf


@dataclass(frozen=True)
class _Cut:
    """Background histograms of one sample, for any threshold and any resampling of the jets."""

    sample: Sample
    jets: Ordered
    place: np.ndarray[tuple[int], np.dtype[np.int64]]
    bins: int

    def histograms(self, threshold: float, counts: Floats | None = None) -> tuple[Floats, Floats]:
        """All background, and the background at or above the threshold."""
        weight = np.where(self.sample.labels, 0.0, self.sample.weights)
        weight = weight if counts is None else weight * counts
        passing = np.where(self.sample.scores >= threshold, weight, 0.0)
        both = (np.bincount(self.place, weights=values, minlength=self.bins) for values in (weight, passing))
        before, after = (values.astype(np.float64, copy=False) for values in both)
        return before, after

    def replica(self, counts: Floats, efficiency: float) -> float:
        """The divergence of a resampled set of jets."""
        threshold = curve(self.jets, counts[self.jets.order]).threshold_at(efficiency)
        return jensen_shannon(*self.histograms(threshold, counts))

    def random(self, passing: int, replicas: int, seed: int) -> list[float]:
        """Divergences of cuts that keep as many background jets at random."""
        rng = generator(seed, 1)
        background = np.flatnonzero(~self.sample.labels)
        weight, place = self.sample.weights[background], self.place[background]
        before = np.bincount(place, weights=weight, minlength=self.bins)
        values = []
        for _ in range(replicas):
            kept = rng.permutation(len(background))[:passing]
            values.append(jensen_shannon(before, np.bincount(place[kept], weights=weight[kept], minlength=self.bins)))
        return values

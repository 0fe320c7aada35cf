"""Ratios from histograms of a few summaries of each event: observables, the learned score, its product with theta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.inference.morphing import Morphing
from partonic.inference.samples import MorphedSample, as_observables
from partonic.inference.score import ScoreEstimator

Floats = NDArray[np.float64]
Summary = Callable[[Floats], Floats]


@dataclass(frozen=True)
class HistogramRatio:
    r"""The ratio of the contents of histogram bins, :math:`\ln [h_b(\theta) / h_b(\theta_0)]`.

    The bins are of equal probability at the reference: edges in the first summary, and in each of its bins edges of
    their own in the second one, and so on. :func:`histogram_ratio` makes it.

    Args:
        summary: gives what is histogrammed, (n, s), from the observables (n, d).
        bins: number of them in each summary.
        edges: inner edges of each summary in each bin of those before it: arrays (bins so far, bins - 1).
        components: of the content of each bin, (bins, k).
        morphing: the polynomial.
        reference: :math:`\theta_0`, (p,).
    """

    summary: Summary
    bins: tuple[int, ...]
    edges: tuple[Floats, ...]
    components: Floats
    morphing: Morphing
    reference: Floats

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio, (m, n), of observables (n, d) at theta (m, p).

        Raises:
            InputError: a bin has a content that is not above 0 at a theta.
        """
        place = _place(self.summary(as_observables(x)), self.edges)
        result: Floats = (self._logs(np.atleast_2d(theta)) - self._logs(self.reference[None]))[:, place]
        return result

    def resampled(self, sample: MorphedSample, replicas: int, rng: np.random.Generator) -> Floats:
        """Components of the contents from bootstrap samples of the events that fill it, (replicas, bins, k).

        Args:
            sample: the events.
            replicas: number of bootstrap samples.
            rng: source of randomness.
        """
        place = _place(self.summary(sample.x), self.edges)
        weighted = (sample.components * sample.weight[:, None]).T
        found = np.empty((replicas, *self.components.shape))
        for replica in found:
            copies = rng.poisson(1.0, len(place))
            columns = [np.bincount(place, copies * row, len(self.components)) for row in weighted]
            replica[:] = np.stack(columns, axis=1)
        return found

    def _logs(self, theta: ArrayLike) -> Floats:
        basis = self.morphing.basis(np.asarray(theta, dtype=np.float64))
        content = basis @ self.components.T
        if not np.all(content > 0):
            row, column = np.argwhere(content <= 0)[0]
            raise InputError(
                f"bin {column} of {content.shape[1]} has the content {content[row, column]:.3g} at theta = "
                f"{np.atleast_2d(theta)[row].tolist()}; take fewer bins or more events"
            )
        result: Floats = np.log(content / content.sum(axis=1, keepdims=True))
        return result


def histogram_ratio(
    sample: MorphedSample, summary: Summary, bins: Sequence[int], reference: ArrayLike | None = None
) -> HistogramRatio:
    """Histogram summaries of events with components.

    Args:
        sample: events that fill the histogram.
        summary: gives the summaries, (n, s), from the observables (n, d).
        bins: number of bins in each of them, (s,).
        reference: theta at which the bins are of equal probability, (p,); zeros if None.

    Raises:
        InputError: the summary is not one row for each event, the numbers of bins and summaries differ, or a bin would
            be empty.
    """
    point = np.zeros(len(sample.parameters)) if reference is None else np.asarray(reference, dtype=np.float64)
    values, weight = as_observables(summary(sample.x)), np.clip(sample.weights(point)[0], 0, None)
    if len(values) != len(sample):
        raise InputError(f"the summary gave {len(values):,} rows for {len(sample):,} events; it must give one for each")
    if len(bins) != values.shape[1] or min(bins) < 1:
        raise InputError(f"{values.shape[1]} summaries need as many numbers of bins of 1 or more, not {list(bins)}")
    edges: list[Floats] = []
    place = np.zeros(len(values), dtype=np.int64)
    for column, count in enumerate(bins):
        groups = int(np.prod(bins[:column], dtype=int))
        level = np.zeros((groups, count - 1))
        for group in range(groups):
            rows = place == group
            if np.count_nonzero(rows) < count:
                raise InputError(f"{np.count_nonzero(rows)} events cannot fill {count} bins; take fewer bins")
            level[group] = _quantiles(values[rows, column], weight[rows], count)
        edges.append(level)
        place = _place(values, tuple(edges))
    total = int(np.prod(bins, dtype=int))
    components = np.zeros((total, len(sample.morphing)))
    np.add.at(components, place, sample.components * sample.weight[:, None])
    return HistogramRatio(summary, tuple(bins), tuple(edges), components, sample.morphing, point)


@dataclass(frozen=True)
class SallinoRatio:
    """The ratio of SALLINO: at each theta one histogram, of the product of the score with theta (arXiv:1805.00020).

    Args:
        estimator: of the score.
        sample: events with components that fill the histograms.
        bins: of equal probability at the reference.
    """

    estimator: ScoreEstimator
    sample: MorphedSample
    bins: int = 40

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio, (m, n), of observables (n, d) at theta (m, p).

        Raises:
            InputError: what :class:`HistogramRatio` raises.
        """
        score, filled = self.estimator.score(x), self.estimator.score(self.sample.x)
        inner = MorphedSample(filled, self.sample.components, self.sample.morphing, self.sample.weight)
        rows = [self._row(inner, score, point) for point in np.atleast_2d(np.asarray(theta, dtype=np.float64))]
        return np.stack(rows)

    def _row(self, inner: MorphedSample, score: Floats, theta: Floats) -> Floats:
        direction = theta - self.estimator.reference
        if not np.any(direction):
            return np.zeros(len(score))
        ratio = histogram_ratio(inner, lambda t: t @ direction, (self.bins,), self.estimator.reference)
        row: Floats = ratio.log_ratio(score, theta)[0]
        return row


def _quantiles(values: Floats, weight: Floats, count: int) -> Floats:
    """Inner edges of bins of equal sums of weights, (count - 1,)."""
    order = np.argsort(values)
    sums = np.cumsum(weight[order])
    edges: Floats = np.interp(np.arange(1, count) / count * sums[-1], sums, values[order])
    return edges


def _place(values: Floats, edges: Sequence[Floats]) -> NDArray[np.int64]:
    """Number of the bin of each event, (n,)."""
    table = as_observables(values)
    place = np.zeros(len(table), dtype=np.int64)
    for column, level in enumerate(edges):
        above = (table[:, column, None] > level[place]).sum(axis=1)
        place = place * (level.shape[1] + 1) + above
    return place

"""Whether a learned posterior can be believed: ranks of the truth, coverage, events that it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, kstest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate

Floats = NDArray[np.float64]

BINS = 20
LEVEL = 0.01  # of all tests of ranks together


@dataclass(frozen=True)
class Ranks:
    """Ranks of true parameters among draws of their posteriors; even where these are right (arXiv:1804.06788).

    Args:
        ranks: number of draws below the truth, (events, p).
        draws: of each posterior.
        p_values: of a chi-squared test that the ranks are even, (p,).
        level: of all tests together.
    """

    ranks: NDArray[np.int64]
    draws: int
    p_values: Floats
    level: float = LEVEL

    @property
    def rejected(self) -> bool:
        """Whether a parameter fails at the level after Bonferroni's correction."""
        return bool(self.p_values.min() < self.level / len(self.p_values))

    def histogram(self, bins: int = BINS) -> NDArray[np.int64]:
        """Events in each bin of the rank, (p, bins)."""
        return np.stack([np.bincount(column * bins // (self.draws + 1), minlength=bins) for column in self.ranks.T])


def simulation_based_calibration(
    draws: ArrayLike, theta: ArrayLike, *, bins: int = BINS, level: float = LEVEL
) -> Ranks:
    """Ranks of the truth of each event among draws of its posterior.

    Args:
        draws: of the posteriors, (n, events, p); n + 1 is best a multiple of ``bins``.
        theta: the truth, drawn from the prior, (events, p).
        bins: of the test.
        level: of all tests together.

    Raises:
        InputError: shapes disagree, or there are fewer than five events a bin.
    """
    samples, truth = _pair(draws, theta)
    n, events, _ = samples.shape
    if events < 5 * bins or n + 1 < bins:
        raise InputError(f"{bins} bins need {5 * bins} events and {bins - 1} draws or more, not {events} and {n}")
    ranks = (samples < truth).sum(axis=0)
    share = np.bincount(np.arange(n + 1) * bins // (n + 1), minlength=bins) / (n + 1)
    found = Ranks(ranks, n, np.ones(truth.shape[1]), level)
    expected = events * share
    statistic = ((found.histogram(bins) - expected) ** 2 / expected).sum(axis=1)
    return Ranks(ranks, n, chi2.sf(statistic, bins - 1), level)


@dataclass(frozen=True)
class Tarp:
    """Expected coverage of regions about random points (arXiv:2302.03026); a diagonal where the posterior is right.

    Args:
        levels: credibility of the regions, (k,).
        coverage: share of events whose truth is inside, (k,).
        p_value: of a Kolmogorov-Smirnov test of the diagonal.
        events: their number.
    """

    levels: Floats
    coverage: Floats
    p_value: float
    events: int

    def at(self, level: float) -> Estimate:
        """Coverage of the regions of one credibility, with its binomial error."""
        share = float(np.interp(level, self.levels, self.coverage))
        return Estimate.symmetric(share, float(np.sqrt(max(share * (1 - share), 1e-12) / self.events)), "binomial")


def tarp(draws: ArrayLike, theta: ArrayLike, rng: np.random.Generator, *, points: int = 51) -> Tarp:
    """Coverage by distances to random points.

    Args:
        draws: of the posteriors, (n, events, p).
        theta: the truth, drawn from the prior, (events, p).
        rng: source of the random points, even in the box of the truths.
        points: number of levels.

    Raises:
        InputError: shapes disagree.
    """
    samples, truth = _pair(draws, theta)
    low, high = truth.min(axis=0), truth.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    place = rng.random(truth.shape)
    far = (((samples - low) / width - place) ** 2).sum(axis=-1)
    true = (((truth - low) / width - place) ** 2).sum(axis=-1)
    closer = (far < true).sum(axis=0)
    share = (closer + rng.random(len(true))) / (len(samples) + 1)
    levels = np.linspace(0, 1, points)
    coverage = np.searchsorted(np.sort(share), levels, side="right") / len(share)
    return Tarp(levels, coverage, float(kstest(share, "uniform").pvalue), len(share))


def posterior_predictive(
    simulate: Callable[[Floats, np.random.Generator], Floats], draws: ArrayLike, x: ArrayLike, rng: np.random.Generator
) -> Floats:
    """Two-sided p-value of each observable of an event among events simulated at draws of its posterior, (d,).

    Args:
        simulate: gives one event at each theta, (n, d) from (n, p).
        draws: of the posterior, (n, p).
        x: the event, (d,).
        rng: source of randomness.

    Raises:
        InputError: the simulated events have other observables.
    """
    events = np.asarray(simulate(np.asarray(draws, dtype=np.float64), rng), dtype=np.float64)
    observed = np.asarray(x, dtype=np.float64)
    if events.ndim != 2 or events.shape[1:] != observed.shape:
        raise InputError(f"events of {observed.shape} observables are expected, not of the shape {events.shape}")
    n = len(events)
    below = ((events < observed).sum(axis=0) + 0.5 * (events == observed).sum(axis=0) + 0.5) / (n + 1)
    result: Floats = 2 * np.minimum(below, 1 - below)
    return result


def _pair(draws: ArrayLike, theta: ArrayLike) -> tuple[Floats, Floats]:
    samples, truth = np.asarray(draws, dtype=np.float64), np.asarray(theta, dtype=np.float64)
    if samples.ndim != 3 or truth.shape != samples.shape[1:]:
        raise InputError(
            f"draws (n, events, parameters) and the truth (events, parameters) are expected, not {samples.shape} and "
            f"{truth.shape}"
        )
    if not (np.all(np.isfinite(samples)) and np.all(np.isfinite(truth))):
        raise InputError("a draw or a true parameter is not finite")
    return samples, truth

"""How far two samples cover each other: precision, recall, density and coverage by nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.classes import share
from partonic.metrics.pair import SamplePair, paired

Floats = NDArray[np.float64]
ROWS = 512  # of a matrix of distances that are in memory at a time


@dataclass(frozen=True)
class Overlap:
    """What the balls around events hold; the ball of an event reaches to its k-th neighbour in its own sample.

    Args:
        precision: share of the generated events in the ball of a true event (arXiv:1904.06991).
        recall: share of the true events in the ball of a generated event.
        density: mean number of balls of true events that a generated event is in, over k; 1 for equal distributions
            (arXiv:2002.09797).
        coverage: share of the true events with a generated event in their ball; falls where a mode is missing.
        neighbours: k.
        events: of the truth and of the generated sample that were used.
    """

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate
    neighbours: int
    events: tuple[int, int]


def overlap(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    neighbours: int = 5,
    most: int = 10_000,
    scale: str = "spread",
    seed: int = 0,
) -> Overlap:
    """Precision, recall, density and coverage of two samples.

    Balls follow the number of events, the shares their weights. Events of weight 0 are left out. Both samples are cut
    to the same number, on which all four depend: compare with truth against truth of the same number.

    Args:
        truth: (n, d), or (n,).
        generated: (m, d), or (m,).
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        neighbours: k.
        most: events of each sample that are used, chosen at random; time goes as its square.
        scale: of the features, see :meth:`partonic.metrics.pair.SamplePair.scaled`.
        seed: of the choice.

    Raises:
        InputError: the samples cannot be compared, a feature of the truth is constant, or a number is too small.
        UnknownNameError: there is no such scale.
    """
    if neighbours < 1 or most <= neighbours:
        raise InputError(f"the overlap needs a neighbour and more events than these, not {neighbours} and {most}")
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=neighbours + 1, signed=False).scaled(scale)
    pair = _thinned(pair, most, neighbours, seed)
    around_truth, around_generated = (_radius(x, neighbours) for x in (pair.truth, pair.generated))
    n, m = len(pair.truth), len(pair.generated)
    balls, recalled, held = np.zeros(m), np.zeros(n, dtype=bool), np.zeros(n)
    covered = np.zeros(n, dtype=bool)
    for start in range(0, n, ROWS):
        rows = slice(start, start + ROWS)
        distance = _squared_distances(pair.truth[rows], pair.generated)
        inside = distance < around_truth[rows, None]
        balls += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        held[rows] = inside @ pair.weight_generated
        recalled[rows] = (distance < around_generated).any(axis=1)
    density = float(pair.weight_generated @ balls) / neighbours
    scatter = np.sum((pair.weight_generated * (balls / neighbours - density)) ** 2)
    scatter += n * np.var(held) / neighbours**2
    return Overlap(
        share(balls > 0, pair.weight_generated),
        share(recalled, pair.weight_truth),
        Estimate.symmetric(density, np.sqrt(scatter), "standard error"),
        share(covered, pair.weight_truth),
        neighbours,
        (n, m),
    )


def _thinned(pair: SamplePair, most: int, neighbours: int, seed: int) -> SamplePair:
    """The same number of events of both, chosen at random among those that have a weight."""
    rng = generator(seed)
    there = [np.flatnonzero(weight > 0) for weight in (pair.weight_truth, pair.weight_generated)]
    count = min(most, *(len(rows) for rows in there))
    if count <= neighbours:
        raise InputError(f"only {count} events of a sample have a weight above 0; {neighbours} neighbours need more")
    one, two = (np.sort(rng.permutation(rows)[:count]) for rows in there)
    weights = pair.weight_truth[one], pair.weight_generated[two]
    return SamplePair(pair.truth[one], pair.generated[two], *(weight / weight.sum() for weight in weights))


def _radius(x: Floats, neighbours: int) -> Floats:
    """Squared distance of each event to its k-th neighbour, (n,)."""
    found = np.empty(len(x))
    for start in range(0, len(x), ROWS):
        rows = np.arange(start, min(start + ROWS, len(x)))
        distance = _squared_distances(x[rows], x)
        distance[np.arange(len(rows)), rows] = np.inf
        found[rows] = np.partition(distance, neighbours - 1, axis=1)[:, neighbours - 1]
    return found


def _squared_distances(x: Floats, y: Floats) -> Floats:
    """(n, m); never below 0."""
    squares = np.sum(x * x, axis=1)[:, None] + np.sum(y * y, axis=1) - 2 * (x @ y.T)
    result: Floats = np.maximum(squares, 0.0)
    return result

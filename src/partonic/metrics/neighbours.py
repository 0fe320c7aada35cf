"""How far two samples cover each other: precision, recall, density and coverage by nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.classes import share
from partonic.metrics.pair import SamplePair, paired
from partonic.phasespace.unweight import find_cap

Floats = NDArray[np.float64]
NEIGHBOURS = 5
ROWS = 512  # of a matrix of distances that are in memory at a time
ROUNDING = 1e-9  # of weights and their sums
EXCESS = 0.01  # share of the weight of a sample by which its heaviest events may exceed the weight of the others


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
    neighbours: int = NEIGHBOURS,
    most: int = 10_000,
    scale: str = "spread",
    seed: int = 0,
) -> Overlap:
    """Precision, recall, density and coverage of two samples.

    Both samples are cut to the same number of events of equal weight, each event kept with a chance in proportion to
    its weight: a mode of small weight counts as little as one of few events. All four depend on this number: compare
    with truth against truth of the same number, see :func:`equal_events`. Events much heavier than all others are kept
    for certain and count for their weight in the shares.

    Args:
        truth: (n, d), or (n,).
        generated: (m, d), or (m,).
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        neighbours: k.
        most: events of each sample that are used; time goes as its square.
        scale: of the features, see :meth:`partonic.metrics.pair.SamplePair.scaled`.
        seed: of the choice.

    Raises:
        InputError: the samples cannot be compared, a feature of the truth is constant, a number is too small, or the
            weights of a sample leave no more events of equal weight than neighbours.
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
        inside = distance <= around_truth[rows, None]  # radii of events that stand several times are 0
        balls += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        held[rows] = inside @ pair.weight_generated
        recalled[rows] = (distance <= around_generated).any(axis=1)
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


def equal_events(weight: ArrayLike) -> int:
    r"""Number of events of equal weight that a sample can give, each event once.

    It is :math:`\sum_i \min(1, w_i / c)`, with c the smallest cap that cuts off at most 1 % of all the weight.

    Args:
        weight: (n,), 0 or above, with a sum above 0.

    Raises:
        InputError: a weight is negative or not finite, or all are 0.
    """
    weights = torch.from_numpy(np.array(weight, dtype=np.float64))
    return int(find_cap(weights, EXCESS).efficiency * len(weights) * (1 + ROUNDING))


def _thinned(pair: SamplePair, most: int, neighbours: int, seed: int) -> SamplePair:
    """The same number of events of both, chosen at random in proportion to their weights."""
    weights = pair.weight_truth, pair.weight_generated
    count = most
    for name, weight in zip(("truth", "generated"), weights, strict=True):
        there = equal_events(weight)
        if there <= neighbours:
            raise InputError(
                f"the weights of the {name} sample leave {there} events of equal weight; {neighbours} neighbours need "
                "more"
            )
        count = min(count, there)
    rng = generator(seed)
    (one, first), (two, second) = (_chosen(weight, count, rng) for weight in weights)
    return SamplePair(pair.truth[one], pair.generated[two], first, second)


def _chosen(weight: Floats, count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], Floats]:
    """Which events are kept, (count,), and their weights of sum 1: all the same but for those kept for certain.

    The chance of an event is min(1, w / c), with c such that they sum to the count; kept, it stands for max(w, c).
    Those that may be left out are drawn by systematic sampling in a random order, which fixes their number.
    """
    falling = np.sort(weight)[::-1]
    rest = np.cumsum(falling[::-1])[::-1]  # of the weight, without the k heaviest
    left = count - np.arange(count)  # events to draw from it
    k = int(np.argmax(falling[:count] * left <= rest[:count]))
    limit = rest[k] / left[k]
    certain = weight >= limit * (1 - ROUNDING)
    rows = np.flatnonzero(certain)
    drawn = count - len(rows)
    if drawn > 0:
        others = rng.permutation(np.flatnonzero(~certain))
        sums = np.cumsum(weight[others])
        places = (np.arange(drawn) + rng.random()) / drawn * sums[-1]
        rows = np.concatenate([rows, others[np.searchsorted(sums, places, side="right")]])
    rows = np.sort(rows)
    kept = np.maximum(weight[rows], limit)
    return rows, kept / kept.sum()


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

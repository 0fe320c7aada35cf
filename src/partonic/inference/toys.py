"""Toys of unbinned likelihood ratios: distributions of the test statistic, coverage, the Neyman construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.inference.intervals import share, threshold
from partonic.inference.limits import checked_weights, grid

Floats = NDArray[np.float64]
CHUNK = 20_000_000  # events drawn at once


@dataclass(frozen=True)
class ToyScans:
    """Scans of toys on a grid of parameters.

    Args:
        axes: grid of each parameter.
        statistic: above the minimum of each toy, (toys, m) in the order of :func:`partonic.inference.limits.grid`.
    """

    axes: tuple[Floats, ...]
    statistic: Floats

    def at(self, theta: ArrayLike) -> Floats:
        """The statistic of each toy at one point of the grid, (toys,).

        Raises:
            InputError: the grid has no such point.
        """
        return self.statistic[:, grid_index(self.axes, theta)]

    def coverage(self, theta: ArrayLike, level: float) -> Estimate:
        """Share of toys whose asymptotic region holds the point that they were drawn from, with its binomial error."""
        q = self.at(theta)
        return share(int((q <= threshold(level, len(self.axes))).sum()), len(q))


def grid_index(axes: Sequence[Floats], theta: ArrayLike) -> int:
    """The row of a point in the grid.

    Raises:
        InputError: the grid has no such point.
    """
    point = np.atleast_1d(np.asarray(theta, dtype=np.float64))
    distance = np.abs(grid(*axes) - point).max(axis=1)
    nearest = int(distance.argmin())
    if distance[nearest] > 1e-9:
        raise InputError(f"the grid has no point {point.tolist()}; the nearest is {grid(*axes)[nearest].tolist()}")
    return nearest


def toy_scans(
    axes: tuple[ArrayLike, ...],
    log_ratio: ArrayLike,
    weights: ArrayLike | None,
    events: float,
    toys: int,
    rng: np.random.Generator,
    *,
    rates: ArrayLike | None = None,
    truth: float | None = None,
) -> ToyScans:
    """Draw toys from a sample of events and scan each.

    Args:
        axes: grid of each parameter.
        log_ratio: of the sample at the m points of the grid, (m, n).
        weights: probabilities of the n events up to a factor, those of the theta that toys are drawn from.
        events: in each toy; with rates the mean of their Poisson number is ``truth``.
        toys: number of toys.
        rng: source of randomness.
        rates: expected events at the points of the grid, (m,); None for the shape alone.
        truth: expected events at the theta that toys are drawn from; ``events`` if None.

    Raises:
        InputError: shapes do not go together, a number is not finite, or there is no toy or event.
    """
    lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
    table = np.asarray(log_ratio, dtype=np.float64)
    points = grid(*lines)
    if table.ndim != 2 or len(table) != len(points):
        raise InputError(f"log_ratio must have the shape ({len(points)}, events), not {table.shape}")
    if not np.isfinite(table).all():
        raise InputError("log_ratio holds a number that is not finite")
    if toys < 1 or events < 1:
        raise InputError(f"toys need one toy and one event or more, not {toys} and {events}")
    weight = checked_weights(weights, table.shape[1])
    cumulative = np.cumsum(weight) / weight.sum()
    counts = np.full(toys, round(events))
    if rates is not None:
        counts = rng.poisson(events if truth is None else truth, toys)
    q, by_event = np.empty((toys, len(table))), np.ascontiguousarray(table.T)
    size = max(1, int(CHUNK / max(1, counts.max())))
    for first in range(0, toys, size):
        some = counts[first : first + size]
        rows = np.minimum(np.searchsorted(cumulative, rng.random(int(some.sum()))), len(weight) - 1)
        starts = np.concatenate([[0], np.cumsum(some)])
        drawn = csr_matrix((np.ones(len(rows)), rows, starts), shape=(len(some), len(weight)))
        q[first : first + size] = -2 * (drawn @ by_event)
    if rates is not None:
        expected = np.asarray(rates, dtype=np.float64)
        q = q + 2 * (expected - counts[:, None] * np.log(expected))
    return ToyScans(lines, np.maximum(q - _minimum(lines, q)[:, None], 0.0))


def critical_values(
    axes: tuple[ArrayLike, ...],
    log_ratio: ArrayLike,
    weights: ArrayLike,
    points: Sequence[int],
    events: float,
    toys: int,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> list[Estimate]:
    """The Neyman construction: the value of the statistic that a share of toys of each tested point stays below.

    Args:
        axes: grid of each parameter.
        log_ratio: of the sample at the m points of the grid, (m, n).
        weights: probabilities of the n events at each tested point up to a factor, (points, n).
        points: rows of the grid that are tested.
        events: in each toy.
        toys: of each point.
        rng: source of randomness.
        level: share between 0 and 1.

    Returns:
        For each point the critical value with its error from the order statistics of the toys.

    Raises:
        InputError: shapes do not go together, the level is not between 0 and 1, or there are too few toys for it.
    """
    if not 0 < level < 1:
        raise InputError(f"a level is between 0 and 1, not {level}")
    table = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if len(table) != len(points):
        raise InputError(
            f"there must be a row of weights for each of the {len(points)} tested points, not {len(table)}"
        )
    if toys * min(level, 1 - level) < 5:
        raise InputError(
            f"{toys} toys are too few for a level of {level:g}: {int(5 / min(level, 1 - level)) + 1} or more"
        )
    found = []
    for row, weight in zip(points, table, strict=True):
        q = np.sort(toy_scans(axes, log_ratio, weight, events, toys, rng).statistic[:, row])
        spread = np.sqrt(level * (1 - level) / toys)
        low, value, high = np.quantile(q, [max(level - spread, 0.0), level, min(level + spread, 1.0)])
        found.append(Estimate(float(value), float(low), float(high), "toys"))
    return found


def _minimum(axes: tuple[Floats, ...], q: Floats) -> Floats:
    """Smallest value of each scan (toys, m), by a parabola through the smallest one and its neighbours."""
    shape = tuple(len(axis) for axis in axes)
    table = q.reshape(len(q), *shape)
    best = np.unravel_index(q.argmin(axis=1), shape)
    rows = np.arange(len(q))
    centre = [np.clip(index, 1, n - 2) for index, n in zip(best, shape, strict=True)]
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * len(shape), indexing="ij"), -1).reshape(-1, len(shape))
    places = [c[:, None] + steps[:, i] for i, c in enumerate(centre)]
    values = table[(rows[:, None], *places)]  # (toys, 3^p)
    scale = np.stack([axis[place] - axis[c][:, None] for axis, place, c in zip(axes, places, centre, strict=True)], -1)
    scale = scale / np.array([axis[1] - axis[0] for axis in axes])
    first = [scale[..., i] for i in range(len(shape))]
    second = [first[i] * first[j] for i in range(len(shape)) for j in range(i, len(shape))]
    design = np.stack([np.ones_like(first[0]), *first, *second], -1)
    fit = np.linalg.pinv(design) @ values[..., None]
    slope = fit[:, 1 : 1 + len(shape), 0]
    curve = np.zeros((len(q), len(shape), len(shape)))
    pairs = [(i, j) for i in range(len(shape)) for j in range(i, len(shape))]
    for number, (i, j) in enumerate(pairs):
        curve[:, i, j] += fit[:, 1 + len(shape) + number, 0]
        curve[:, j, i] += fit[:, 1 + len(shape) + number, 0]
    grown = np.linalg.eigvalsh(curve)[:, 0] > 1e-12
    safe = np.where(grown[:, None, None], curve, np.eye(len(shape)))
    move = -np.linalg.solve(safe, slope[..., None])[..., 0]
    lowest = fit[:, 0, 0] + 0.5 * (move * slope).sum(axis=1)
    use = grown & (np.abs(move) <= 1).all(axis=1)
    at_grid = q.min(axis=1)
    smallest: Floats = np.where(use, np.minimum(lowest, at_grid), at_grid)
    return smallest

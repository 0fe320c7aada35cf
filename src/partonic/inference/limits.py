"""Expected limits on a grid of parameter points: likelihood-ratio scans, regions and intervals with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.inference.intervals import threshold

Floats = NDArray[np.float64]
FEWEST = 20  # events that are resampled for an error: none may be left of fewer
REFINE = 8  # cells of the interpolated grid for each cell of the grid


def grid(*axes: ArrayLike) -> Floats:
    """All points of a rectangular grid, (m, p), the last parameter running fastest.

    Raises:
        InputError: an axis does not rise or has fewer than four points.
    """
    lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
    for i, line in enumerate(lines):
        if line.ndim != 1 or len(line) < 4 or not (np.diff(line) > 0).all():
            raise InputError(f"axis {i + 1} of a grid must be four or more rising numbers")
    return np.stack([part.ravel() for part in np.meshgrid(*lines, indexing="ij")], axis=1)


@dataclass(frozen=True)
class Scan:
    r"""A likelihood-ratio statistic :math:`q(\theta)` on a grid of one or two parameters.

    Args:
        axes: grid of each parameter.
        q: statistic up to a constant, of the shape of the grid.
        replicas: the same from resampled events, (replicas, \*shape of the grid); none for exact scans.
    """

    axes: tuple[Floats, ...]
    q: Floats
    replicas: Floats

    def __post_init__(self) -> None:
        shape = tuple(len(axis) for axis in self.axes)
        if len(shape) not in (1, 2) or self.q.shape != shape or self.replicas.shape[1:] != shape:
            raise InputError(f"a scan over a grid {shape} has one or two axes, and its q has the shape {self.q.shape}")
        grid(*self.axes)

    def fine(self) -> tuple[tuple[Floats, ...], Floats]:
        """The axes and the statistic above its minimum between the points of the grid, by cubic splines."""
        return tuple(_refined(axis) for axis in self.axes), _interpolated(self.axes, self.q[None])[0]

    def best(self) -> Floats:
        """The point where the interpolated statistic is smallest, (p,)."""
        axes, q = self.fine()
        return np.array([axis[i] for axis, i in zip(axes, np.unravel_index(int(q.argmin()), q.shape), strict=True)])

    def area(self, level: float = 0.95) -> Estimate:
        """Area (or length, of one parameter) of the region that a level allows, within the grid.

        Args:
            level: share of toys that the region holds asymptotically.
        """
        cut = threshold(level, len(self.axes))
        axes, fine = self.fine()
        measure = _length if fine.ndim == 1 else _area
        edges = [fine.take(end, axis=i) for i in range(fine.ndim) for end in (0, -1)]
        at_edge = any(bool((edge < cut).any()) for edge in edges)
        note = "the region reaches the edge of the grid" if at_edge else ""
        value = measure(axes, fine, cut)
        if len(self.replicas) < 2:
            return Estimate(value, value, value, "exact", note)
        spread = np.array([measure(axes, one, cut) for one in _interpolated(self.axes, self.replicas)])
        return Estimate.symmetric(value, float(spread.std(ddof=1)), "bootstrap", note)

    def along(self, axis: int, *, others: float | None = None) -> Scan:
        """The scan of one parameter.

        Args:
            axis: which, from 0.
            others: where the other parameter is held; profiled (at its best for each value) if None.

        Raises:
            InputError: there is no such axis, or the other parameter is not scanned there.
        """
        if not 0 <= axis < len(self.axes):
            raise InputError(f"the scan has the axes 0 to {len(self.axes) - 1}, not {axis}")
        if len(self.axes) == 1:
            return self
        other = 1 - axis
        stacked = np.concatenate([self.q[None], self.replicas])
        moved = np.moveaxis(stacked, 1 + other, -1)  # (1 + replicas, axis, other)
        line = self.axes[other]
        if others is None:
            found = (moved @ _spline(line, _refined(line)).T).min(axis=-1)
        else:
            if not line[0] <= others <= line[-1]:
                raise InputError(f"the other parameter is scanned from {line[0]:g} to {line[-1]:g}, not at {others:g}")
            found = moved @ _spline(line, np.array([others]))[0]
        return Scan((self.axes[axis],), found[0], found[1:])

    def interval(self, level: float = 0.95) -> tuple[Estimate, Estimate]:
        """Ends of the interval of one parameter around its best value, each with its error.

        Raises:
            InputError: the scan has two parameters.
        """
        if len(self.axes) != 1:
            raise InputError("an interval is of one parameter: take scan.along(axis) first")
        cut = threshold(level, 1)
        x = _refined(self.axes[0])
        stacked = _interpolated(self.axes, np.concatenate([self.q[None], self.replicas]))
        (low, high), *rest = [_ends(x, values, cut) for values in stacked]
        spread = np.array(rest).reshape(-1, 2)
        errors = (spread - spread[:1]).std(axis=0, ddof=1) if len(spread) > 1 else np.zeros(2)
        found = []
        for value, error, edge in zip((low, high), errors, self.axes[0][[0, -1]], strict=True):
            note = "at the edge of the grid" if value == edge else ""
            found.append(Estimate.symmetric(value, float(error), "bootstrap" if len(spread) > 1 else "exact", note))
        return found[0], found[1]


def expected_scan(
    axes: tuple[ArrayLike, ...],
    log_ratio: ArrayLike,
    events: float,
    weights: ArrayLike | None = None,
    *,
    rates: ArrayLike | None = None,
    replicas: int = 50,
    seed: int = 0,
) -> Scan:
    r"""The scan that data like a sample are expected to give, :math:`q(\theta) = -2 N E_x[\log r(x|\theta)]`.

    With rates there is the term of the number of events,
    :math:`2 [\nu(\theta) - N \ln \nu(\theta)]` where N events are seen.

    Args:
        axes: grid of each parameter.
        log_ratio: log-likelihood ratios of n events at the m points of the grid in the order of :func:`grid`, (m, n).
        events: number of events N that are expected.
        weights: of the events, (n,), all 1 if None; they say of which theta the sample is.
        rates: expected events at the points of the grid, (m,); None for the shape alone.
        replicas: bootstrap samples of the events for the errors, 0 for none.
        seed: of the bootstrap.

    Raises:
        InputError: shapes do not go together, a number is not finite, weights are negative, N is not above 0, the
            replicas are below 0, or the events too few to resample.
    """
    lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
    shape = tuple(len(line) for line in lines)
    table = as_numbers("log_ratio", log_ratio)
    if table.ndim != 2 or len(table) != len(grid(*lines)):
        raise InputError(f"log_ratio must have the shape ({np.prod(shape)}, events), not {table.shape}")
    weight = checked_weights(weights, table.shape[1])
    if not np.isfinite(table).all():
        raise InputError("log_ratio holds a number that is not finite")
    if not events > 0:
        raise InputError(f"the expected number of events must be above 0, not {events}")
    expected = None if rates is None else as_numbers("rates", rates)
    if expected is not None and (expected.shape != (len(table),) or not (expected > 0).all()):
        raise InputError(f"rates must be {len(table)} numbers above 0")
    all_weights = resampled(weight, replicas, seed)
    means = (all_weights @ table.T) / all_weights.sum(axis=1, keepdims=True)
    q = -2 * events * means
    if expected is not None:
        q = q + 2 * (expected - events * np.log(expected))
    found = q.reshape(-1, *shape)
    return Scan(lines, found[0], found[1:])


def rate_scan(axes: tuple[ArrayLike, ...], rates: ArrayLike, events: float) -> Scan:
    r"""What the number of events alone is expected to tell, :math:`q(\theta) = 2 [\nu(\theta) - N \ln \nu(\theta)]`.

    Args:
        axes: grid of each parameter.
        rates: expected events at the m points of the grid in the order of :func:`grid`, and those of resampled cross
            sections for the error, (1 + replicas, m).
        events: number of events N that are expected.

    Raises:
        InputError: shapes do not go together, or a number is not above 0.
    """
    lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
    expected = np.asarray(rates, dtype=np.float64)
    points = len(grid(*lines))
    if expected.ndim != 2 or expected.shape[1] != points or len(expected) == 0 or not (expected > 0).all():
        raise InputError(f"rates must be numbers above 0 of the shape (1 + replicas, {points}), not {expected.shape}")
    if not events > 0:
        raise InputError(f"the expected number of events must be above 0, not {events}")
    found = 2 * (expected - events * np.log(expected)).reshape(-1, *map(len, lines))
    return Scan(lines, found[0], found[1:])


def checked_weights(weights: ArrayLike | None, n: int) -> Floats:
    """Weights of n events, once they are such.

    Raises:
        InputError: they are of another number, negative, not finite or all 0.
    """
    weight = np.ones(n) if weights is None else as_numbers("the weights", weights)
    if weight.shape != (n,):
        raise InputError(f"there must be one weight for each of the {n} events, not {weight.shape}")
    if n == 0 or not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum() > 0:
        raise InputError("weights must be finite, 0 or above, and not all 0")
    return weight


def resampled(weight: Floats, replicas: int, seed: int) -> Floats:
    """Weights of events (n,) and those of bootstrap samples of them, (1 + replicas, n).

    Raises:
        InputError: the replicas are below 0, or the events too few to resample.
    """
    events = np.count_nonzero(weight)
    if replicas < 0:
        raise InputError(f"the number of resampled samples must be 0 or more, not {replicas}")
    if replicas and events < FEWEST:
        raise InputError(f"{events} events are too few to resample for an error; give {FEWEST} or more, or replicas=0")
    draws = generator(seed).poisson(1.0, (replicas, len(weight)))
    return np.concatenate([weight[None], draws * weight])


def _refined(axis: Floats) -> Floats:
    parts = axis[:-1, None] + np.diff(axis)[:, None] * (np.arange(REFINE) / REFINE)
    return np.concatenate([parts.ravel(), axis[-1:]])


def _spline(axis: Floats, at: Floats) -> Floats:
    """Matrix that takes values on an axis to those of their cubic spline at other points, (points, axis)."""
    matrix: Floats = CubicSpline(axis, np.eye(len(axis)))(at)
    return matrix


def _interpolated(axes: tuple[Floats, ...], q: Floats) -> Floats:
    """Statistics (n, *grid) between the points of the grid, less the minimum of each."""
    smooth = q @ _spline(axes[-1], _refined(axes[-1])).T
    if len(axes) == 2:
        smooth = _spline(axes[0], _refined(axes[0])) @ smooth
    lowest = smooth.min(axis=tuple(range(1, smooth.ndim)), keepdims=True)
    values: Floats = smooth - lowest
    return values


def _length(axes: tuple[Floats, ...], q: Floats, cut: float) -> float:
    """Length on which a piecewise linear curve is below the cut."""
    left, right = q[:-1], q[1:]
    low, high = np.minimum(left, right), np.maximum(left, right)
    part = np.clip((cut - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    return float((np.diff(axes[0]) * part).sum())


def _area(axes: tuple[Floats, ...], q: Floats, cut: float) -> float:
    """Area in which a surface of flat triangles is below the cut; each cell of the grid is two triangles."""
    cell = np.diff(axes[0])[:, None] * np.diff(axes[1])
    within = q <= cut
    full = within[:-1, :-1] & within[1:, :-1] & within[:-1, 1:] & within[1:, 1:]
    crossed = (within[:-1, :-1] | within[1:, :-1] | within[:-1, 1:] | within[1:, 1:]) & ~full
    corners = np.stack([part[crossed] for part in (q[:-1, :-1], q[1:, :-1], q[:-1, 1:], q[1:, 1:])])
    half, total = 0.5 * cell[crossed], float(cell[full].sum())
    for three in ((0, 1, 3), (0, 2, 3)):
        low, middle, high = np.sort(corners[list(three)], axis=0)
        rising = (cut - low) ** 2 / np.maximum((middle - low) * (high - low), 1e-300)
        falling = 1 - (high - cut) ** 2 / np.maximum((high - middle) * (high - low), 1e-300)
        share = np.where(cut <= low, 0.0, np.where(cut >= high, 1.0, np.where(cut <= middle, rising, falling)))
        total += float((half * share).sum())
    return total


def _ends(x: Floats, values: Floats, cut: float) -> tuple[float, float]:
    """Where the curve leaves the region around its minimum, to the left and to the right."""
    best = int(values.argmin())
    right = np.flatnonzero(values[best:] > cut)
    left = np.flatnonzero(values[: best + 1][::-1] > cut)
    ends = []
    for found, sign in ((left, -1), (right, 1)):
        if len(found) == 0:
            ends.append(float(x[0] if sign < 0 else x[-1]))
            continue
        outside, inside = best + sign * int(found[0]), best + sign * (int(found[0]) - 1)
        part = (cut - values[inside]) / (values[outside] - values[inside])
        ends.append(float(x[inside] + part * (x[outside] - x[inside])))
    return ends[0], ends[1]

r"""Unfolding: what a detector has not seen yet, from what it has, by a simulation that knows both.

Three ways from measured events to the distribution of the truth. OmniFold (arXiv:1911.09107) weighs simulated events by
classifiers, back and forth between detector and truth, in all observables at once and without bins. A conditional flow
(arXiv:2006.06685) draws the truth of each measured event. Iterative Bayesian unfolding (D'Agostini, Nucl. Instrum.
Meth. A 362, 487) is the classic one, bin by bin in one observable; after the same number of iterations OmniFold with
perfect classifiers gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, TrainingError
from partonic.core.rng import generator
from partonic.fit.crossfit import cross_fit
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowGenerator, FlowOptions, train_flow
from partonic.generation.lines import AxisMap, Gaussianised, Straight, fit_gaussianised
from partonic.generation.table import table
from partonic.metrics.pair import paired
from partonic.models.trees import TreeOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
WITHOUT = 1e-3  # share of the data in bins that the simulation never reaches: less is left out, more refused
LEAST = 1e-9  # variance of what the detector leaves open, so that one observable may be a function of others
SMOOTH = TreeOptions(trees=40, learning_rate=0.1, leaves=15, feature_share=1.0)


@dataclass(frozen=True)
class Simulated:
    """Simulated events before and behind the detector; :func:`simulated` makes and checks it.

    Args:
        truth: (n, k) observables of the truth.
        detector: (n, d) observables behind the detector, in the order of those of the data.
        weight: (n,) event weights.
        seen: (n,) whether the detector saw the event; ``detector`` of others is not used.
        real: (n,) whether the event belongs to the truth that is asked for; others are fakes.
    """

    truth: Floats
    detector: Floats
    weight: Floats
    seen: Flags
    real: Flags

    def __len__(self) -> int:
        return len(self.truth)


def simulated(
    truth: ArrayLike,
    detector: ArrayLike,
    weight: ArrayLike | None = None,
    seen: ArrayLike | None = None,
    real: ArrayLike | None = None,
) -> Simulated:
    """Check simulated events.

    Args:
        truth: (n, k) or (n,).
        detector: (n, d) or (n,).
        weight: (n,), 0 or above; ones if None.
        seen: (n,) whether the detector saw the event; all if None.
        real: (n,) whether it belongs to the truth that is asked for; all if None.

    Raises:
        InputError: shapes disagree, a number that is used is not finite, a weight is negative, or no event is both
            seen and real.
    """
    first, second = _rows(truth), _rows(detector)
    if len(first) != len(second):
        raise InputError(f"there are {len(first):,} events of truth and {len(second):,} behind the detector")
    n = len(first)
    weights = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    flags = [np.ones(n, dtype=bool) if flag is None else np.asarray(flag, dtype=bool) for flag in (seen, real)]
    for name, column in (("weights", weights), ("flags of seen events", flags[0]), ("flags of real events", flags[1])):
        if column.shape != (n,):
            raise InputError(f"{n:,} events need as many {name}, not the shape {column.shape}")
    _usable(first[flags[1]], "observables of the truth")
    _usable(second[flags[0]], "observables behind the detector")
    _positive(weights, "simulated")
    if not np.any(weights[flags[0] & flags[1]] > 0):
        raise InputError("no simulated event is both seen by the detector and part of the truth; nothing connects them")
    return Simulated(first, second, weights, flags[0], flags[1])


@dataclass(frozen=True)
class Unfolded:
    """Weights that turn simulated truth into unfolded truth.

    Args:
        weight: (n,) of each simulated event, with the acceptance mended; their sum over real events is the number of
            true events. 0 for fakes.
        steps: (iterations + 1, n) the same before the first iteration and after each.
    """

    weight: Floats
    steps: Floats


def omnifold(
    simulation: Simulated,
    data: ArrayLike,
    weight_data: ArrayLike | None = None,
    *,
    iterations: int = 4,
    classifier: str = "trees",
    seed: int = 0,
) -> Unfolded:
    """Unfold by classifiers in two steps an iteration.

    The first step weighs seen events as the data have them. The second gives each event the mean of these weights
    among events of the same truth: events that the detector missed get it too, so the acceptance is mended. Each event
    is judged by classifiers that did not see it.

    Args:
        simulation: events at both levels.
        data: (m, d) measured observables.
        weight_data: (m,), 0 or above; ones if None.
        iterations: more depend less on the simulation and more on fluctuations of the data.
        classifier: ``trees`` or ``mlp``.
        seed: of folds and trainings.

    Raises:
        InputError: data and simulation cannot be compared, or there are no iterations.
        UnknownNameError: there is no such classifier.
        TrainingError: the classifiers gave weights that are not finite.
    """
    measured, share = _data(simulation, data, weight_data)
    if iterations < 1:
        raise InputError(f"OmniFold needs one iteration or more, not {iterations}")
    trees = SMOOTH if classifier == "trees" else None
    seen, both = simulation.seen, simulation.seen & simulation.real
    fold = np.arange(len(simulation)) % 2
    prior = simulation.weight
    ratio = np.ones(len(simulation))  # of unfolded to simulated truth
    steps = [np.where(simulation.real, prior, 0.0)]
    for step in range(iterations):
        pulled = prior * ratio
        pair = paired(measured, simulation.detector[seen], share, pulled[seen], signed=False)
        found = cross_fit(pair, classifier=classifier, seed=seed + 2 * step, trees=trees)
        target = np.zeros(len(simulation))
        target[seen] = pulled[seen] * np.exp(found.generated) * (share.sum() / pulled[seen].sum())
        truth = simulation.truth[simulation.real]
        pair = paired(
            simulation.truth[both],
            truth,
            target[both],
            np.where(both, prior, 0.0)[simulation.real],
            signed=False,
        )
        found = cross_fit(
            pair,
            classifier=classifier,
            seed=seed + 2 * step + 1,
            trees=trees,
            fold=(fold[both], fold[simulation.real]),
        )
        ratio[simulation.real] = np.exp(found.generated) * (target[both].sum() / prior[both].sum())
        if not np.all(np.isfinite(ratio)):
            raise TrainingError(
                f"the weights of iteration {step + 1} are not finite; give more events or one less step"
            )
        steps.append(np.where(simulation.real, prior * ratio, 0.0))
    return Unfolded(steps[-1], np.array(steps))


@dataclass(frozen=True)
class FlowUnfolder:
    """Draws the truth of measured events; :func:`train_unfolder` makes it.

    Each observable of both levels goes to a Gaussian one, counts of the truth spread evenly around whole numbers
    before; the flow has the density of what a linear regression of the truth on the detector leaves, turned such that
    its parts are uncorrelated. No draw is outside of the simulated truth.

    Args:
        flow: the density, given what the detector saw.
        maps: of each observable of the truth.
        seen: the same of the detector; an observable that has no density stays as it is.
        ends: smallest and largest simulated truth, (2, k).
        counts: which observables are whole numbers, (k,).
        slope: (d + 1, k) of the regression, its constant last.
        root: (k, k) lower triangular, times its transpose the covariance of what the regression leaves.
    """

    flow: FlowGenerator
    maps: tuple[Gaussianised, ...]
    seen: tuple[AxisMap, ...]
    ends: Floats
    counts: Flags
    slope: Floats
    root: Floats

    def sample(self, measured: ArrayLike, rng: np.random.Generator, draws: int = 1) -> Floats:
        """Truth of measured events, (draws * m, k), one draw of all events behind the other.

        Args:
            measured: (m, d).
            rng: source of randomness.
            draws: of each event.

        Raises:
            InputError: the shape is wrong.
        """
        rows = np.tile(_mapped(self.seen, _rows(measured)), (draws, 1))
        drawn = self.flow.sample(len(rows), rng, rows) @ self.root.T + _with_one(rows) @ self.slope
        values = np.column_stack([one.inverse(column) for one, column in zip(self.maps, drawn.T, strict=True)])
        return np.clip(np.where(self.counts, np.round(values), values), *self.ends)


def train_unfolder(
    simulation: Simulated,
    data: ArrayLike,
    weight_data: ArrayLike | None = None,
    *,
    iterations: int = 1,
    options: FlowOptions | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> FlowUnfolder:
    """Train a flow on the truth, given the detector.

    It unfolds measured events: an acceptance below one is not mended. What it draws leans to the simulation, as every
    posterior to its prior. More iterations lean less (arXiv:2212.08674): all but the last are those of OmniFold, which
    weighs the simulation, and the last is the flow that learns from it.

    Args:
        simulation: events at both levels, all of them seen and real.
        data: (m, d) measured observables, for the iterations before the last.
        weight_data: (m,), 0 or above; ones if None.
        iterations: in all, 1 for the flow alone.
        options: of the flow.
        seed: of the trainings.
        device: where to train.

    Raises:
        InputError: data and simulation cannot be compared, events are missed or fake, or there are no iterations.
        TrainingError: a training diverged.
    """
    _data(simulation, data, weight_data)
    if not np.all(simulation.seen & simulation.real):
        missed = int(np.count_nonzero(~(simulation.seen & simulation.real)))
        raise InputError(
            f"the flow unfolds events that are both seen and real, and {missed:,} simulated ones are not; leave them "
            "out, or take OmniFold, which mends the acceptance"
        )
    if iterations < 1:
        raise InputError(f"the flow needs one iteration or more, not {iterations}")
    names = tuple(f"truth {i}" for i in range(simulation.truth.shape[1]))
    coordinates = Columns(names, tuple(Straight() for _ in names))
    counts = np.all(simulation.truth == np.round(simulation.truth), axis=0)
    spread = simulation.truth + counts * generator(seed, 1).uniform(-0.5, 0.5, simulation.truth.shape)
    maps = tuple(fit_gaussianised(column, simulation.weight) for column in spread.T)
    truth = _mapped(maps, spread)
    ends = np.array([simulation.truth.min(axis=0), simulation.truth.max(axis=0)])
    seen = tuple(_gaussianised_or_straight(column, simulation.weight) for column in simulation.detector.T)
    given = _mapped(seen, simulation.detector)
    design = _with_one(given)
    prior = omnifold(simulation, data, weight_data, iterations=iterations - 1, seed=seed) if iterations > 1 else None
    weight = simulation.weight if prior is None else prior.weight
    scale = np.sqrt(weight)[:, None]
    slope: Floats = np.linalg.lstsq(scale * design, scale * truth)[0].astype(np.float64)
    rest = truth - design @ slope
    covariance = rest.T @ (weight[:, None] * rest) / weight.sum()
    root = np.linalg.cholesky(covariance + LEAST * np.eye(len(names)))
    sample = table(names, np.linalg.solve(root, rest.T).T, weight, given)
    flow = train_flow(sample, coordinates, options, seed=seed, device=device)
    return FlowUnfolder(flow, maps, seen, ends, counts, slope, root)


def iterative_bayes(
    simulation: Simulated,
    data: ArrayLike,
    edges_truth: ArrayLike,
    edges_detector: ArrayLike,
    weight_data: ArrayLike | None = None,
    *,
    iterations: int = 4,
) -> Floats:
    """Unfold a histogram of one observable.

    Args:
        simulation: events at both levels, one observable each.
        data: (m,) measured.
        edges_truth: (t + 1,) of the bins of the truth.
        edges_detector: (r + 1,) of the bins behind the detector.
        weight_data: (m,), 0 or above; ones if None.
        iterations: from the simulated truth as prior.

    Returns:
        True events in each bin of the truth, (t,), acceptance mended and fakes taken away.

    Raises:
        InputError: there are several observables or no iterations, or the data lie in bins that the simulation never
            reaches.
    """
    measured, share = _data(simulation, data, weight_data)
    if simulation.truth.shape[1] != 1 or measured.shape[1] != 1:
        raise InputError("iterative Bayesian unfolding takes one observable; unfold several one after the other")
    if iterations < 1:
        raise InputError(f"iterative Bayesian unfolding needs one iteration or more, not {iterations}")
    t, r = (np.asarray(edges, dtype=np.float64) for edges in (edges_truth, edges_detector))
    truth, detector = simulation.truth[:, 0], simulation.detector[:, 0]
    both = simulation.seen & simulation.real
    joint = np.histogram2d(truth[both], detector[both], (t, r), weights=simulation.weight[both])[0]
    every = np.histogram(truth[simulation.real], t, weights=simulation.weight[simulation.real])[0]
    reached = np.histogram(detector[simulation.seen], r, weights=simulation.weight[simulation.seen])[0]
    counts = np.histogram(measured[:, 0], r, weights=share)[0]
    lost = counts[reached <= 0].sum()
    if lost > WITHOUT * share.sum():
        raise InputError(
            f"{100 * lost / share.sum():.2g} % of the data are in bins that no simulated event reaches; widen the bins "
            "or simulate more"
        )
    counts = counts * np.divide(joint.sum(0), reached, out=np.zeros(len(counts)), where=reached > 0)  # no fakes
    response = np.divide(joint, every[:, None], out=np.zeros_like(joint), where=every[:, None] > 0)
    efficiency = response.sum(1)
    found = every / every.sum() * counts.sum()
    for _ in range(iterations):
        expected = found @ response
        pull = response @ np.divide(counts, expected, out=np.zeros(len(counts)), where=expected > 0)
        found = np.divide(found * pull, efficiency, out=np.zeros(len(found)), where=efficiency > 0)
    result: Floats = found
    return result


def _data(simulation: Simulated, data: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats]:
    """Measured observables (m, d) and weights (m,) that can be compared with the simulation."""
    measured = _rows(data)
    if measured.shape[1] != simulation.detector.shape[1]:
        raise InputError(
            f"the data have {measured.shape[1]} observables and the simulation behind the detector "
            f"{simulation.detector.shape[1]}; give the same ones in the same order"
        )
    share = np.ones(len(measured)) if weight is None else np.asarray(weight, dtype=np.float64)
    if share.shape != (len(measured),):
        raise InputError(f"{len(measured):,} measured events need as many weights, not the shape {share.shape}")
    _usable(measured, "measured observables")
    _positive(share, "measured")
    there = simulation.detector[simulation.seen]
    for i in range(measured.shape[1]):
        if measured[:, i].max() < there[:, i].min() or measured[:, i].min() > there[:, i].max():
            raise InputError(
                f"data and simulation do not overlap in observable {i}: measured from {measured[:, i].min():g} to "
                f"{measured[:, i].max():g}, simulated from {there[:, i].min():g} to {there[:, i].max():g}"
            )
    return measured, share


def _gaussianised_or_straight(column: Floats, weight: Floats) -> AxisMap:
    try:
        return fit_gaussianised(column, weight)
    except InputError:  # a constant, or a flag
        return Straight()


def _mapped(maps: Sequence[AxisMap], rows: Floats) -> Floats:
    return np.column_stack([one.forward(column) for one, column in zip(maps, rows.T, strict=True)])


def _with_one(rows: Floats) -> Floats:
    return np.column_stack([rows, np.ones(len(rows))])


def _rows(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    rows = array[:, None] if array.ndim == 1 else array
    if rows.ndim != 2 or not rows.size:
        raise InputError(f"observables need the shape (events, observables), not {array.shape}")
    return rows


def _usable(rows: Floats, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(f"the {what} of {len(bad):,} events are NaN or infinite, the first those of event {bad[0]}")


def _positive(weight: Floats, what: str) -> None:
    bad = np.flatnonzero(~(weight >= 0) | ~np.isfinite(weight))
    if len(bad):
        raise InputError(
            f"{len(bad):,} {what} events have weights that are negative or not finite, the first is event {bad[0]}; "
            "unfolding needs weights of 0 and above"
        )
    if not weight.sum() > 0:
        raise InputError(f"the weights of the {what} events add up to nothing")

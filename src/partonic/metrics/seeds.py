"""Several trainings of one model: their spread, beside the statistical error of the test sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.bootstrap import REPLICAS, replicate
from partonic.metrics.counting import TAIL
from partonic.metrics.roc import background_interval
from partonic.metrics.sample import Floats, Ordered, Sample, check_efficiency, checked

GRID: Floats = np.linspace(0.02, 0.98, 97)


def over_seeds(estimates: Sequence[Estimate], *, statistical: bool = False) -> Estimate:
    """Mean and standard deviation over trainings, as published tables quote them.

    The statistical error of the test sample, shared by all trainings, is kept apart in the note, or added in
    quadrature to both ends on request.

    Args:
        estimates: the same number from trainings of different seeds.
        statistical: add the mean statistical error to the spread.

    Raises:
        InputError: there is none.
    """
    if not estimates:
        raise InputError("there is no training to average over")
    values = np.array([one.value for one in estimates])
    caveats = list(dict.fromkeys(one.note for one in estimates if one.note))
    notes = [f"{len(values)} seed{'s' if len(values) > 1 else ''}"]
    missing = int(np.count_nonzero(~np.isfinite(values)))
    if missing:
        floor = min(one.low for one in estimates)
        notes.append(f"not measured in {missing} of them")
        return Estimate(math.nan, floor, math.inf, "seeds", "; ".join([*notes, *caveats[:1]]))
    down = float(np.mean([one.value - one.low for one in estimates]))
    up = float(np.mean([one.high - one.value for one in estimates]))
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if statistical or len(values) == 1:
        notes.append("statistical error included" if len(values) > 1 else "no spread: statistical error only")
        low, high = math.hypot(spread, down), math.hypot(spread, up)
    else:
        error = np.format_float_positional(0.5 * (down + up), 2, fractional=False, trim="-")
        notes.append(f"statistical error {error} not included")
        low = high = spread
    method = "seeds" if len(values) > 1 else estimates[0].method
    return Estimate(mean, mean - low, mean + high, method, "; ".join([*notes, *caveats[:1]]))


@dataclass(frozen=True)
class RocBand:
    """ROC curve of a model on a grid of signal efficiencies, with the two bands; all of shape (grid,).

    Args:
        signal_efficiency: the grid.
        background_efficiency: median over the trainings.
        statistical_low: lower end of the 68.3 % interval from the number of test jets (median over the trainings).
        statistical_high: its upper end; where nothing passes, a limit at 84.1 %.
        seeds_low: 16 % quantile over the trainings.
        seeds_high: 84 % quantile over the trainings.
        seeds: number of trainings; with one the band of seeds has no width.
    """

    signal_efficiency: Floats
    background_efficiency: Floats
    statistical_low: Floats
    statistical_high: Floats
    seeds_low: Floats
    seeds_high: Floats
    seeds: int


def roc_band(
    scores: Sequence[ArrayLike],
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    grid: ArrayLike = GRID,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> RocBand:
    """The ROC curve with its band over seeds and its statistical band.

    Args:
        scores: one array (jets,) for each training, over the same jets.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None. Where any is negative the statistical band is a bootstrap's.
        grid: (grid,) signal efficiencies between 0 and 1.
        replicas: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: there is no training, the grid leaves (0, 1), or the sample cannot be measured.
    """
    if not len(scores):
        raise InputError("a ROC band needs the scores of at least one training")
    efficiency = np.atleast_1d(check_efficiency(grid))
    each = np.array([_interval(checked(one, labels, weights), efficiency, replicas, seed) for one in scores])
    value, low, high = np.median(each, axis=0)
    seeds_low, seeds_high = np.quantile(each[:, 0], [TAIL, 1 - TAIL], axis=0)
    return RocBand(efficiency, value, low, high, seeds_low, seeds_high, len(each))


def _interval(sample: Sample, efficiency: Floats, replicas: int, seed: int) -> Floats:
    """Background efficiency and the ends of its statistical interval, (3, grid)."""
    jets = Ordered.of(sample)
    found = background_interval(jets, efficiency)
    if not sample.signed:
        return np.array([found.value, found.low, found.high])
    draws = replicate(jets, lambda line: line.background_efficiency_at(efficiency), replicas, seed)
    return np.array([found.value, *np.nanquantile(draws, [TAIL, 1 - TAIL], axis=0)])

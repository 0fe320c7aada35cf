"""Repeated trainings on one test sample: their means with test and training errors, and differences between them.

Two things make a measured tagger uncertain: the finite test sample, which all trainings share, and the training, which
comes out differently from another random start or other training jets. The first is found by a bootstrap of the test
jets for all trainings at once, so that it cancels in differences; the second from the scatter of repeated trainings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.bootstrap import resample
from partonic.metrics.comparison import Contrast
from partonic.metrics.roc import curve
from partonic.metrics.sample import Floats, Ordered, checked

Quantity = Literal["area", "background"]
QUANTITIES: tuple[Quantity, ...] = ("area", "background")
"""``area``: 1 - AUC, what a perfect tagger does not miss; ``background``: background efficiency where half of the
signal passes, 1 / R50. Both fall towards 0 as taggers improve."""
EFFICIENCY = 0.5
REPLICAS = 200


@dataclass(frozen=True)
class Trials:
    """Groups of trainings (a model at a size, a way to train), measured on the same test jets.

    Args:
        values: of each group the quantities of :data:`QUANTITIES` of each training, (trainings, 2).
        draws: (replicas, groups, 2) means over the trainings of a group on replicas of the test jets.
        pools: (groups,) number of the pool that a group's trainings scatter with.
    """

    values: tuple[Floats, ...]
    draws: Floats
    pools: tuple[int, ...]

    def mean(self, group: int, quantity: Quantity) -> float:
        """Mean over the trainings of a group."""
        return float(self.values[group][:, QUANTITIES.index(quantity)].mean())

    def scatter(self, pool: int, quantity: Quantity) -> float:
        """Relative standard deviation of a training, from all repeated trainings of a pool; NaN where there are none.

        It is taken to be the same for all groups of a pool: few trainings of one group alone would not tell.
        """
        column = QUANTITIES.index(quantity)
        squares, free = 0.0, 0
        for values, its_pool in zip(self.values, self.pools, strict=True):
            found = values[:, column]
            if its_pool == pool and len(found) > 1 and found.mean() > 0:
                squares += float(((found / found.mean() - 1) ** 2).sum())
                free += len(found) - 1
        return math.sqrt(squares / free) if free else math.nan

    def training_error(self, group: int, quantity: Quantity) -> float:
        """Error of a group's mean from the scatter of its trainings; 0 where nothing was trained twice."""
        scatter = self.scatter(self.pools[group], quantity)
        share = scatter / math.sqrt(len(self.values[group]))
        return 0.0 if math.isnan(share) else share * self.mean(group, quantity)

    def covariance(self, groups: Sequence[int], quantity: Quantity) -> Floats:
        """Covariance (groups, groups) of the means: the shared test jets, and on the diagonal the trainings."""
        draws = self.draws[:, list(groups), QUANTITIES.index(quantity)]
        test = np.atleast_2d(np.cov(draws, rowvar=False))
        found: Floats = test + np.diag([self.training_error(group, quantity) ** 2 for group in groups])
        return found

    def estimate(self, group: int, quantity: Quantity) -> Estimate:
        """A group's mean with both errors in quadrature."""
        error = math.sqrt(float(self.covariance([group], quantity)[0, 0]))
        return Estimate.symmetric(self.mean(group, quantity), error, "bootstrap and trainings", self._note(group))

    def auc(self, group: int) -> Estimate:
        """Mean area under the ROC curve of a group."""
        missing = self.estimate(group, "area")
        return Estimate(1 - missing.value, 1 - missing.high, 1 - missing.low, missing.method, missing.note)

    def rejection(self, group: int) -> Estimate:
        """Inverse of the mean background efficiency at half of the signal, R50."""
        passing = self.estimate(group, "background")
        if not passing.value > 0:
            return Estimate(math.nan, 1 / passing.high if passing.high > 0 else 0.0, math.inf, passing.method, _NONE)
        low, high = 1 / passing.high, 1 / passing.low if passing.low > 0 else math.inf
        return Estimate(1 / passing.value, low, high, passing.method, passing.note)

    def gain(self, group: int, reference: int, quantity: Quantity = "area") -> Contrast:
        """By how much less a group misses than another one; above 0 where it is better.

        For ``area`` that is its AUC less that of the reference.
        """
        value = self.mean(reference, quantity) - self.mean(group, quantity)
        cov = self.covariance([group, reference], quantity)
        error = math.sqrt(max(float(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]), 0.0))
        significance = value / error if error > 0 else (0.0 if value == 0 else math.nan)
        chance = float(2 * ndtr(-abs(significance)))
        note = self._note(group) or self._note(reference)
        method = "paired bootstrap and trainings"
        return Contrast(value, value - error, value + error, method, note, significance, chance)

    def _note(self, group: int) -> str:
        known = not math.isnan(self.scatter(self.pools[group], "area"))
        return "" if known else "trained once: how trainings scatter is not known"


_NONE = "no background jet passes"


def measure(
    groups: Sequence[Sequence[ArrayLike]],
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    pools: Sequence[int] | None = None,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Trials:
    """Measure groups of trainings on the same test jets.

    Args:
        groups: of each group the scores (jets,) of each of its trainings.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights; ones if None.
        pools: (groups,) groups of one number share the relative scatter of their trainings; all of them if None.
        replicas: of the bootstrap of the test jets.
        seed: of the bootstrap.

    Raises:
        InputError: there is no group or one without a training, the pools are not one a group, or a sample cannot be
            measured, see :func:`partonic.metrics.sample.checked`.
    """
    if not groups or any(len(group) == 0 for group in groups):
        raise InputError("trainings are measured in groups of one or more, and a group has none")
    numbers = tuple(pools) if pools is not None else (0,) * len(groups)
    if len(numbers) != len(groups):
        raise InputError(f"each group is in one pool: {len(groups)} groups and {len(numbers)} pools were given")
    samples = [[checked(scores, labels, weights) for scores in group] for group in groups]
    jets = [[Ordered.of(sample) for sample in group] for group in samples]
    values = tuple(np.array([_quantities(one) for one in group]) for group in jets)
    draws = np.array(
        [
            [np.mean([_quantities(one, counts[one.order]) for one in group], axis=0) for group in jets]
            for counts in resample(len(samples[0][0].scores), replicas, seed)
        ]
    )
    return Trials(values, draws, numbers)


def _quantities(jets: Ordered, counts: NDArray[np.float64] | None = None) -> Floats:
    line = curve(jets, counts)
    return np.array([1 - line.area, float(line.background_efficiency_at([EFFICIENCY])[0])])

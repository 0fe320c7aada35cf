r"""Learned response of the density of events to nuisance parameters, where only weights of the simulator are known.

The weights at :math:`\pm 1` standard deviation depend on latent variables z too. Their mean for given observables,
:math:`E[w(\pm 1)/w \,|\, x] = p(x|\pm 1) / p(x|0)`, is what a regression learns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.fit.options import FitOptions
from partonic.inference.networks import WIDTHS
from partonic.inference.nuisance import Variation, weight_variation
from partonic.inference.ratio import OPTIONS
from partonic.inference.score import ScoreEstimator, ScoreSample, train_score

Floats = NDArray[np.float64]
Pair = tuple[ArrayLike, ArrayLike | None]

OUTSIDE = 0.001  # share of the ratios of single events on either side beyond which no mean of them is believed


@dataclass(frozen=True)
class Responses:
    """Learned ratios of densities at varied nuisance parameters; :func:`train_responses` makes it.

    Args:
        estimator: gives the ratios less 1, one column for each variation.
        two_sided: name of each nuisance parameter, and whether there is a variation by -1 beside that by +1.
        limits: lowest and highest ratio of each column, (columns, 2): a mean lies well within the ratios that it is of,
            which a network does not know where there are few events.
    """

    estimator: ScoreEstimator
    two_sided: Mapping[str, bool]
    limits: Floats

    def variations(self, x: ArrayLike) -> list[Variation]:
        """What each nuisance parameter does to events with observables (n, d).

        Raises:
            InputError: the observables are of another number or not finite, or ratios it has learned from not above 0.
        """
        ratio = np.clip(1 + self.estimator.score(x), *self.limits.T)
        columns, found = iter(ratio.T), []
        for name, both in self.two_sided.items():
            up = next(columns)
            found.append(weight_variation(name, np.ones(len(ratio)), up, next(columns) if both else None))
        return found


def train_responses(
    x: ArrayLike,
    ratios: Mapping[str, Pair],
    weight: ArrayLike | None = None,
    *,
    widths: Sequence[int] = WIDTHS,
    options: FitOptions = OPTIONS,
    directory: Path | str | None = None,
) -> Responses:
    """Learn the mean of ratios of weights as functions of the observables.

    Args:
        x: observables, (n, d).
        ratios: for each nuisance parameter the weights at +1 and at -1 over the nominal ones, (n,) each, above 0; None
            in place of the latter takes the inverse of the former.
        weight: nominal weights of the events, (n,), all 1 if None.
        widths: of the hidden layers.
        options: of the fit.
        directory: where the fit saves its state, to go on after an interruption.

    Raises:
        InputError: shapes disagree, a number is not finite, there is no nuisance parameter, or events are too few.
        TrainingError: the training diverged.
    """
    columns = {f"{name} {side}": one for name, pair in ratios.items() for side, one in _sides(pair)}
    if not columns:
        raise InputError("there is no nuisance parameter whose response could be learned")
    target = np.stack([np.asarray(one, dtype=np.float64) - 1 for one in columns.values()], axis=1)
    share = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
    sample = ScoreSample(np.asarray(x), target, np.zeros(len(columns)), share, tuple(columns))
    estimator = train_score(sample, widths=widths, options=options, directory=directory)
    limits = np.quantile(1 + target, [OUTSIDE, 1 - OUTSIDE], axis=0).T
    return Responses(estimator, {name: down is not None for name, (_, down) in ratios.items()}, limits)


def _sides(pair: Pair) -> list[tuple[str, ArrayLike]]:
    up, down = pair
    return [("up", up)] if down is None else [("up", up), ("down", down)]

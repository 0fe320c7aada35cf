"""How well a tagger tells several classes apart: confusion matrix, accuracy, and each class against each other.

Intervals are central and hold 68.3 %. Weighted jets count with their effective number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.counting import clopper_pearson, effective_total
from partonic.metrics.sample import Floats, column
from partonic.metrics.tagging import auc


@dataclass(frozen=True)
class Classified:
    """Jets with their probabilities to be of each class; made by :func:`classified`.

    Args:
        scores: (jets, classes) probabilities.
        labels: (jets,) the true class, 0 to classes - 1.
        weights: (jets,) event weights, none negative.
    """

    scores: Floats
    labels: NDArray[np.int64]
    weights: Floats

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.scores.shape[1])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each jet, (jets,); of equally probable ones the first."""
        best: NDArray[np.int64] = np.argmax(self.scores, axis=1)
        return best


def classified(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Classified:
    """The sample as arrays of one length.

    Args:
        scores: (jets, classes) probabilities, or any scores of which the largest counts; two classes or more.
        labels: (jets,) whole numbers from 0 to classes - 1, every class at least once.
        weights: (jets,) event weights, none negative; ones if None.

    Raises:
        InputError: another shape, a NaN or infinity, lengths that differ, a label that is no class, a class without
            jets or without weight, or a negative weight.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise InputError(f"the scores of several classes must be (jets, classes), two or more, not {table.shape}")
    if not np.isfinite(table).all():
        raise InputError(f"{int((~np.isfinite(table)).any(axis=1).sum())} of {len(table)} jets have NaN or infinity")
    label = column("labels", labels, len(table))
    weight = np.ones(len(table)) if weights is None else column("weights", weights, len(table))
    classes = np.arange(table.shape[1])
    strange = label[~np.isin(label, classes)]
    if strange.size:
        raise InputError(f"labels of {len(classes)} classes must be 0 to {len(classes) - 1}, not {strange[0]:g}")
    if np.any(weight < 0):
        raise InputError(f"{int((weight < 0).sum())} weights are negative: a share of jets has then no binomial error")
    empty = [number for number in classes if not weight[label == number].sum() > 0]
    if empty:
        raise InputError(f"class {empty[0]} has no jet of positive weight; a confusion matrix needs jets of each class")
    return Classified(table, label.astype(np.int64), weight)


def confusion(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> tuple[tuple[Estimate, ...], ...]:
    """Share of the jets of each true class (row) that are taken for each class (column), with binomial errors.

    A jet is taken for its most probable class. Every row adds up to one.

    Args:
        scores: (jets, classes), see :func:`classified`.
        labels: (jets,) the true class.
        weights: (jets,) event weights; ones if None.

    Raises:
        InputError: the sample cannot be measured, see :func:`classified`.
    """
    sample = classified(scores, labels, weights)
    predicted = sample.predicted
    rows = []
    for true in range(sample.classes):
        mine = sample.labels == true
        taken, weight = predicted[mine], sample.weights[mine]
        rows.append(tuple(share(taken == guess, weight) for guess in range(sample.classes)))
    return tuple(rows)


def class_accuracy(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Share of the jets whose most probable class is the true one; classes count as the sample has them.

    Args:
        scores: (jets, classes), see :func:`classified`.
        labels: (jets,) the true class.
        weights: (jets,) event weights; ones if None.

    Raises:
        InputError: the sample cannot be measured, see :func:`classified`.
    """
    sample = classified(scores, labels, weights)
    return share(sample.predicted == sample.labels, sample.weights)


def share(chosen: NDArray[np.bool_], weights: Floats | None = None) -> Estimate:
    """Weighted fraction of what is chosen, with the binomial interval of its effective number.

    Args:
        chosen: (n,) true or false.
        weights: (n,) none negative; ones if None.

    Raises:
        InputError: there is nothing to choose from.
    """
    weights = np.ones(len(chosen)) if weights is None else weights
    if not weights.sum() > 0:
        raise InputError("a share needs something to choose from, of positive weight")
    value = float(weights[chosen].sum() / weights.sum())
    squares = weights**2
    n = effective_total(value, squares[chosen].sum(), squares.sum(), weights.sum())
    low, high = clopper_pearson(value * n, n)
    return Estimate(value, float(low), float(high), "binomial")


def against(scores: ArrayLike, signal: tuple[int, ...], background: tuple[int, ...]) -> Floats:
    r"""Probability of some classes against others, :math:`\sum_S p / (\sum_S p + \sum_B p)`, (jets,).

    It is what the likelihood-ratio test of two (groups of) classes makes of class probabilities. Where both sums
    vanish it is 1/2.

    Args:
        scores: (jets, classes) probabilities.
        signal: classes of the signal.
        background: classes of the background.

    Raises:
        InputError: a group is empty, names a class that is not there, or both hold one class.
    """
    table = np.asarray(scores, dtype=np.float64)
    named = (*signal, *background)
    if not signal or not background or len(set(named)) < len(named):
        raise InputError(f"two groups of classes must each hold one and share none, not {signal} and {background}")
    if not all(0 <= number < table.shape[1] for number in named):
        raise InputError(f"the scores are of {table.shape[1]} classes, 0 to {table.shape[1] - 1}, not {max(named)}")
    wanted, other = table[:, list(signal)].sum(axis=1), table[:, list(background)].sum(axis=1)
    both = wanted + other
    return np.where(both > 0, wanted / np.where(both > 0, both, 1.0), 0.5)


@dataclass(frozen=True)
class Duel:
    """Two classes and the jets of these alone.

    Args:
        signal: the class counted as signal.
        background: the other class.
        jets: (n,) rows of the sample.
        scores: (n,) probability of the signal against the background.
        labels: (n,) 1 for signal.
        weights: (n,) event weights.
    """

    signal: int
    background: int
    jets: NDArray[np.int64]
    scores: Floats
    labels: NDArray[np.int64]
    weights: Floats

    @property
    def auc(self) -> Estimate:
        """Area under the ROC curve."""
        return auc(self.scores, self.labels, self.weights)


def duel(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None, signal: int, background: int) -> Duel:
    """One class against another, on the jets of these two, by the ratio of their probabilities.

    Raises:
        InputError: the sample cannot be measured, see :func:`classified`, or there is no such class.
    """
    sample = classified(scores, labels, weights)
    value = against(sample.scores, (signal,), (background,))
    jets = np.flatnonzero((sample.labels == signal) | (sample.labels == background))
    is_signal = (sample.labels[jets] == signal).astype(np.int64)
    return Duel(signal, background, jets, value[jets], is_signal, sample.weights[jets])


def duels(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Iterator[Duel]:
    """Each pair of classes, the later one as signal.

    Raises:
        InputError: the sample cannot be measured, see :func:`classified`.
    """
    sample = classified(scores, labels, weights)
    for background, signal in combinations(range(sample.classes), 2):
        yield duel(sample.scores, sample.labels, sample.weights, signal, background)

"""Scores, labels and weights of a test sample: checked once, sorted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Scored jets of both classes; made by :func:`checked`.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) true for signal.
        weights: (jets,) may be negative; each class sums to more than 0.
    """

    scores: Floats
    labels: NDArray[np.bool_]
    weights: Floats

    @property
    def signed(self) -> bool:
        """Whether any weight is negative."""
        return bool(np.any(self.weights < 0))

    @property
    def weighted(self) -> bool:
        """Whether the weights of a class differ."""
        return any(bool(np.ptp(self.weights[self.labels == side]) > 0) for side in (True, False))


def column(name: str, values: ArrayLike, length: int | None = None) -> Floats:
    """A column of numbers as (length,) float64.

    Raises:
        InputError: it is not one-dimensional, not of that length, or holds NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError(f"the {name} must be one number a jet, not of shape {array.shape}")
    if length is not None and len(array) != length:
        raise InputError(f"there are {len(array)} {name} for {length} scores; give one for each jet")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise InputError(f"{bad} of the {len(array)} {name} are NaN or infinite; remove those jets or mend them")
    return array


def checked(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Sample:
    """The sample as arrays of one length.

    Args:
        scores: (jets,) higher is more signal-like.
        labels: (jets,) 1 or true for signal, 0 or false for background.
        weights: (jets,) event weights; ones if None.

    Raises:
        InputError: a NaN or infinity, lengths that differ, another label, one class only, or a class whose weights
            do not sum to more than 0.
    """
    score = column("scores", scores)
    label = column("labels", labels, len(score))
    weight = np.ones(len(score)) if weights is None else column("weights", weights, len(score))
    other = label[(label != 0) & (label != 1)]
    if other.size:
        raise InputError(f"labels must be 0 (background) or 1 (signal), not {other[0]:g}")
    truth = label == 1
    for side, name in ((True, "signal"), (False, "background")):
        chosen = weight[truth == side]
        if not chosen.size:
            raise InputError(f"none of the {len(score)} jets is {name}; a tagger is measured on both classes")
        if not np.any(chosen):
            raise InputError(f"the weights of all {len(chosen)} {name} jets are zero")
        if chosen.sum() <= 0:
            raise InputError(f"the weights of the {name} jets sum to {chosen.sum():.6g}; the sum must be above 0")
    return Sample(score, truth, weight)


def check_efficiency(efficiency: ArrayLike) -> Floats:
    """Signal efficiencies as an array.

    Raises:
        InputError: one is not between 0 and 1.
    """
    values = np.asarray(efficiency, dtype=np.float64)
    wrong = values[~((values > 0) & (values < 1))]
    if wrong.size:
        raise InputError(f"a signal efficiency must lie between 0 and 1 (as 0.3), not {wrong.flat[0]:g}")
    return values


@dataclass(frozen=True)
class Ordered:
    """Jets by falling score, those of equal score in one group.

    Args:
        thresholds: (groups + 1,) infinity and the distinct scores, falling.
        ends: (groups,) place of the last jet of each group.
        signal: (jets,) weights in that order, 0 where the jet is background.
        background: (jets,) weights in that order, 0 where the jet is signal.
        order: (jets,) the jets' places in the sample.
    """

    thresholds: Floats
    ends: NDArray[np.int64]
    signal: Floats
    background: Floats
    order: NDArray[np.int64]

    @classmethod
    def of(cls, sample: Sample) -> Ordered:
        """Sort a sample."""
        order = np.argsort(-sample.scores, kind="stable")
        score, weight, truth = sample.scores[order], sample.weights[order], sample.labels[order]
        ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
        thresholds = np.concatenate([[np.inf], score[ends]])
        return cls(thresholds, ends, np.where(truth, weight, 0.0), np.where(truth, 0.0, weight), order)

    def passing(self, values: NDArray[Any]) -> Floats:
        """Sums (groups + 1,) of the values (jets,) of all jets at or above each threshold; the first is 0."""
        sums = np.zeros(len(self.thresholds))
        if len(self.thresholds) == len(values) + 1:  # every jet is a group of its own
            np.cumsum(values, out=sums[1:])
        else:
            sums[1:] = np.cumsum(values)[self.ends]
        return sums

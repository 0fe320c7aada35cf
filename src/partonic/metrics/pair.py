"""Two samples to compare, truth and generated: checked once, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, unknown

Floats = NDArray[np.float64]
SCALES = ("spread", "quantiles", "largest", "none")
LOW, HIGH = 0.15866, 0.84134  # quantiles one standard deviation from the median of a Gaussian
FARTHEST = 5.0  # of half the distance of these quantiles from the median, where values of the scale end


@dataclass(frozen=True)
class SamplePair:
    """Two weighted samples of the same features; made by :func:`paired`.

    Args:
        truth: (n, d).
        generated: (m, d).
        weight_truth: (n,), of sum 1; some may be negative.
        weight_generated: (m,), of sum 1; some may be negative.
    """

    truth: Floats
    generated: Floats
    weight_truth: Floats
    weight_generated: Floats

    def scaled(self, scale: str) -> SamplePair:
        """The same samples with the middle of the truth at 0 and in other units.

        Args:
            scale: ``spread``, the standard deviation of each feature of the truth about its mean; ``quantiles``, half
                the distance of the quantiles that hold the middle 68 % of the truth about its median, where values
                beyond 5 count as 5, so that no single far event of either sample decides; ``largest``, the largest
                absolute value (then nothing is moved; so do the tables of arXiv:2211.10295); ``none``.

        Raises:
            UnknownNameError: there is no such scale.
            InputError: a feature is the same in all events of the truth, so that it has no scale.
        """
        if scale not in SCALES:
            raise unknown("scale", scale, SCALES)
        if scale == "none":
            return self
        self.check_constant()
        if scale == "largest":
            largest = np.abs(self.truth).max(axis=0)
            return replace(self, truth=self.truth / largest, generated=self.generated / largest)
        centre = self.weight_truth @ self.truth
        unit, end = np.sqrt(np.abs(self.weight_truth @ (self.truth - centre) ** 2)), np.inf
        if scale == "quantiles":
            low, centre, high = _quantiles(self.truth, self.weight_truth, (LOW, 0.5, HIGH))
            unit, end = np.where(high > low, 0.5 * (high - low), unit), FARTHEST
        both = (np.clip((values - centre) / unit, -end, end) for values in (self.truth, self.generated))
        return replace(self, **dict(zip(("truth", "generated"), both, strict=True)))

    def check_constant(self) -> None:
        """Refuse a feature that all events of the truth share.

        Raises:
            InputError: there is one.
        """
        constant = np.flatnonzero(np.ptp(self.truth, axis=0) == 0)
        if len(constant):
            i = int(constant[0])
            raise InputError(
                f"feature {i} is {self.truth[0, i]:g} in every event of the truth, which has no scale; leave it out"
            )


def paired(
    truth: ArrayLike,
    generated: ArrayLike,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    *,
    fewest: int = 2,
    signed: bool = True,
) -> SamplePair:
    """Two samples as arrays, with weights of sum 1.

    Args:
        truth: (n, d), or (n,) for one feature.
        generated: (m, d), or (m,).
        weight_truth: (n,); ones if None.
        weight_generated: (m,); ones if None.
        fewest: events that each sample needs.
        signed: whether weights may be negative.

    Raises:
        InputError: a sample has another shape, too few events, other features, NaN or infinity, or weights that are
            not finite, negative where they may not be, or that do not sum to more than 0.
    """
    first, second = _values("truth", truth, fewest), _values("generated", generated, fewest)
    if first.shape[1] != second.shape[1]:
        raise InputError(
            f"the samples must have the same features; the truth has {first.shape[1]} and the generated "
            f"sample {second.shape[1]}"
        )
    weights = (
        as_shares("truth", weight_truth, len(first), signed=signed),
        as_shares("generated", weight_generated, len(second), signed=signed),
    )
    return SamplePair(first, second, *weights)


def _quantiles(values: Floats, weight: Floats, chances: Sequence[float]) -> Floats:
    """Weighted quantiles of each column of values (n, d), (chances, d); where the sum of weights falls it stays."""
    order = np.argsort(values, axis=0, kind="stable")
    sums = np.cumsum(weight[order], axis=0) - 0.5 * weight[order]
    sums = np.maximum.accumulate(sums, axis=0)
    columns = zip(sums.T, np.take_along_axis(values, order, axis=0).T, strict=True)
    return np.stack([np.interp(chances, reached, column) for reached, column in columns], axis=1)


def halves(values: ArrayLike, weight: ArrayLike | None, seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """A sample cut at random in two of the same size: values, values, weights, weights."""
    rows = np.asarray(values, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    weights = np.ones(len(rows)) if weight is None else np.asarray(weight, dtype=np.float64)
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(41,))).permutation(len(rows))
    one, two = order[: len(rows) // 2], order[len(rows) // 2 :]
    return rows[one], rows[two], weights[one], weights[two]


def names_of(names: Sequence[str] | None, features: int) -> tuple[str, ...]:
    """Names of the features, one each.

    Raises:
        InputError: there are more or fewer, or one comes twice.
    """
    found = tuple(f"feature {i}" for i in range(features)) if names is None else tuple(names)
    if len(found) != features:
        raise InputError(f"{features} features need as many names, not {len(found)}: {', '.join(found)}")
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise InputError(f"the name {twice[0]!r} stands for more than one feature")
    return found


def as_shares(name: str, weight: ArrayLike | None, events: int, *, signed: bool) -> Floats:
    """Weights of a sample, divided by their sum, (events,).

    Raises:
        InputError: their number is another one, one is not finite, one is negative where none may be, or they do not
            sum to more than 0.
    """
    values = np.ones(events) if weight is None else np.asarray(weight, dtype=np.float64)
    if values.shape != (events,):
        raise InputError(f"{events:,} events of the {name} sample need weights ({events},), not {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(f"event {bad[0]:,} of the {name} sample has the weight {values[bad[0]]}; it must be finite")
    if not signed and np.any(values < 0):
        row = int(np.flatnonzero(values < 0)[0])
        raise InputError(
            f"event {row:,} of the {name} sample has the weight {values[row]:g}; weights must be 0 or above here"
        )
    if not values.sum() > 0:
        raise InputError(f"the weights of the {name} sample sum to {values.sum():g}; the sum must be above 0")
    shares: Floats = values / values.sum()
    return shares


def _values(name: str, sample: ArrayLike, fewest: int) -> Floats:
    values = np.asarray(sample, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"the {name} sample must be an array (events, features), not of shape {values.shape}")
    if len(values) < fewest:
        raise InputError(f"the {name} sample has {len(values)} events; a comparison needs {fewest} or more")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"feature {column} of event {row:,} of the {name} sample is {values[row, column]}; values must be finite"
        )
    return values

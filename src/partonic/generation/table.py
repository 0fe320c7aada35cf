"""What a generator learns from: one row of numbers an event, with weights and what is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Events as rows; :func:`table` makes and checks it.

    Args:
        names: of the values.
        values: (n, k), in their physical units.
        weight: (n,) with a mean of 1.
        context: what is given with each event, (n, c); c may be 0.
    """

    names: tuple[str, ...]
    values: Floats
    weight: Floats
    context: Floats

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, which: ArrayLike) -> Table:
        """Some of the events, their weights scaled to a mean of 1.

        Args:
            which: numbers of the rows, or a mask, (n,).

        Raises:
            InputError: their weights do not add up to more than 0.
        """
        index = np.asarray(which)
        return Table(self.names, self.values[index], _scaled(self.weight[index]), self.context[index])


def table(
    names: Sequence[str],
    values: ArrayLike,
    weight: ArrayLike | None = None,
    context: ArrayLike | None = None,
    *,
    signed: bool = False,
) -> Table:
    """Check a sample and make a table of it.

    Args:
        names: of the values, in their order.
        values: (n, k) in physical units.
        weight: (n,) event weights; ones if not given.
        context: (n, c) what is given with each event, (n,) for one number.
        signed: whether the method can use negative weights.

    Raises:
        InputError: shapes disagree, a number is not finite, there is but one event, or weights that the method cannot
            use.
    """
    rows = _matrix(values, "values")
    if rows.shape[1] != len(names) or len(set(names)) < len(names) or not names:
        raise InputError(f"values of shape {rows.shape} need as many different names, not {len(names)}: {list(names)}")
    given = np.zeros((len(rows), 0)) if context is None else _matrix(context, "context")
    if len(given) != len(rows):
        raise InputError(f"{len(rows):,} events need as many rows of context, not {len(given):,}")
    weights = np.ones(len(rows)) if weight is None else np.array(weight, dtype=np.float64)
    if weights.shape != (len(rows),):
        raise InputError(f"weights of shape {weights.shape} do not fit {len(rows):,} events; expected ({len(rows)},)")
    for what, numbers in (("values", rows), ("context", given), ("weights", weights[:, None])):
        _finite(numbers, what)
    counted = rows[weights != 0] if weights.any() else rows
    if len(counted) < 2 or bool(np.all(counted == counted[0])):
        raise InputError(
            "a generator cannot learn from one event: give at least two different ones (here "
            f"{len(counted):,} rows of {len(rows):,} have a weight)"
        )
    negative = np.flatnonzero(weights < 0)
    if len(negative) and not signed:
        raise InputError(
            f"{len(negative):,} of {len(weights):,} event weights are negative (the first: event {negative[0]}), and a "
            "density cannot be learned from them; resample them to positive weights first"
        )
    return Table(tuple(names), rows, _scaled(weights), given)


def _matrix(values: ArrayLike, what: str) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(f"{what} must have one row for each event, (events, columns), not the shape {array.shape}")
    return array


def _finite(numbers: Floats, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(bad):
        raise InputError(f"the {what} of {len(bad):,} events are NaN or infinite, the first those of event {bad[0]}")


def _scaled(weight: Floats) -> Floats:
    total = float(weight.sum())
    if not total > 0:
        raise InputError(f"the event weights add up to {total:g}; a generator needs a total above zero")
    return weight * (len(weight) / total)

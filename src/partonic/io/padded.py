"""Padded arrays as collections: what the layouts share that store a jet or an event as one row of fixed length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events import kinematics
from partonic.events.events import Events, concatenate
from partonic.events.ragged import Array, Ragged
from partonic.io.base import spans

BYTES = 2**23  # of a file's arrays in memory at a time: more is slower, as it leaves the processor's caches
WIDEST = 2**25  # bytes of a row


class RowError(InputError):
    """A row of a file holds what it should not.

    Args:
        row: its place among those that are looked at, from 0.
        number: its place in the file, from 1.
        what: what it holds.
    """

    def __init__(self, row: int, number: int, what: str) -> None:
        super().__init__(f"event {number} {what}")
        self.row = row


def check_width(row_bytes: int) -> None:
    """Refuse rows that are too long to be true.

    Raises:
        InputError: a row takes more than 32 MB.
    """
    if row_bytes > WIDEST:
        raise InputError(f"a row takes {row_bytes / 1e6:,.0f} MB, more than any file of this layout; it is damaged")


def in_chunks(
    total: int,
    rows: int,
    row_bytes: int,
    load: Callable[[int, int], list[Array]],
    make: Callable[[list[Array], int], Events],
) -> Iterator[Events]:
    """Samples of ``rows`` rows, loaded in pieces that fit in memory; what is good before a fault is given first.

    Args:
        total: number of rows of the file.
        rows: of a sample.
        row_bytes: size of a row as it is loaded.
        load: (start, stop) -> arrays (stop - start, ...); called in order, each row once.
        make: (arrays, start) -> their sample; a bad row raises a :class:`RowError`.

    Raises:
        InputError: rows are too long, or what ``make`` raises; anything else comes from ``load``.
    """
    check_width(row_bytes)
    step = max(1, BYTES // max(row_bytes, 1))
    for start, stop in spans(total, rows):
        parts: list[Events] = []
        try:
            for first, last in spans(stop - start, step):
                loaded = load(start + first, start + last)
                try:
                    parts.append(make(loaded, start + first))
                except RowError as fault:
                    if fault.row:
                        parts.append(make([values[: fault.row] for values in loaded], start + first))
                    raise
        except Exception:
            if parts:
                yield concatenate(parts)
            raise
        yield concatenate(parts)


def whole_numbers(values: Array, kind: Any, name: str, start: int) -> Array:
    """Values (rows, ...) as integers.

    Args:
        values: what the file holds.
        kind: integer type.
        name: of the values, for the message.
        start: place of the first row in the file.

    Raises:
        RowError: one is not whole or does not fit the type.
    """
    limits = np.iinfo(kind)
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= limits.min) & (values <= limits.max) & (np.rint(values) == values))
        if np.any(wrong):
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            said = f"has {values[place]:g} as {name}, which is not a whole number of {limits.bits} bits"
            raise RowError(place[0], start + place[0] + 1, said)
        result: Array = values.astype(kind)
    return result


def filled(slots: Array) -> Array:
    """Which slots (rows, slots, components) are not all zero, (rows, slots)."""
    there: Array = slots[:, :, 0] != 0
    for i in range(1, slots.shape[2]):  # a reduction over so short an axis is several times slower
        there |= slots[:, :, i] != 0
    return there


def collection(there: Array, fields: dict[str, Array]) -> Ragged:
    """The items (items,) of the slots ``there`` (rows, slots), by falling pt within each row."""
    return by_falling_pt(Ragged.from_counts(np.count_nonzero(there, axis=1), fields))


def by_falling_pt(constituents: Ragged) -> Ragged:
    """The same constituents, sorted by falling pt within each jet; untouched where they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        stored = constituents.fields.get("pt")
        square = _square(constituents) if stored is None else stored
        rising = square[1:] > square[:-1]
        last = constituents.offsets[1:-1] - 1  # of each jet but the final one
        rising[last[(last >= 0) & (last < len(rising))]] = False
        if not np.any(rising):
            return constituents
        pt = (np.sqrt(square) if stored is None else stored).astype(np.float32)
    # One key to sort by is many times faster than two: positive floats rise as their bits do.
    key = (constituents.rows << 32) | (0x7FFFFFFF - pt.view(np.int32).astype(np.int64))
    order = np.argsort(key, kind="stable")
    links = {name: link.take(order) for name, link in constituents.links.items()}
    return Ragged(constituents.offsets, {name: values[order] for name, values in constituents.fields.items()}, links)


def _square(constituents: Ragged) -> Array:
    """Transverse momenta squared, GeV^2."""
    px, py = constituents["px"].astype(np.float64), constituents["py"].astype(np.float64)
    square: Array = px * px + py * py
    return square


def single(*values: Array) -> tuple[Array, ...]:
    """The arrays in float32; what is too large becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return tuple(np.asarray(array).astype(np.float32) for array in values)


def double(*values: Array) -> tuple[Array, ...]:
    """The arrays in float64."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        return tuple(np.asarray(array).astype(np.float64) for array in values)


def massless(pt: Array, eta: Array, phi: Array) -> dict[str, Array]:
    """Fields px, py, pz, e (GeV) of massless particles, float32."""
    t, h, f = double(pt, eta, phi)
    with np.errstate(over="ignore", invalid="ignore"):
        p = kinematics.from_pt_eta_phi_mass(t, h, f, np.zeros(()))
    return dict(zip(("px", "py", "pz", "e"), single(*p), strict=True))


def jet_columns(constituents: Ragged) -> dict[str, Array]:
    """Columns ``jet_pt jet_eta jet_phi jet_mass`` (GeV) of the sum of the constituents."""
    rows, n = constituents.rows, len(constituents)
    with np.errstate(over="ignore", invalid="ignore"):
        px, py, pz, e = (np.bincount(rows, constituents[name], minlength=n) for name in ("px", "py", "pz", "e"))
        jet = kinematics.pt(px, py), kinematics.eta(px, py, pz), kinematics.phi(px, py), kinematics.mass(px, py, pz, e)
    return dict(zip(("jet_pt", "jet_eta", "jet_phi", "jet_mass"), single(*jet), strict=True))

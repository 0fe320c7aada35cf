"""Padded arrays as collections: what the layouts share that store a jet or an event as one row of fixed length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged, offsets_from_counts
from partonic.io.base import check_rows, spans

BYTES = 2**24  # bytes of a file's arrays in memory at a time
WIDEST = 2**25  # bytes of a row
FIRST = 64  # rows for all of whose slots there is room before it is known how many are in use
MOMENTUM = ("px", "py", "pz", "e")


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
    """Samples of at most ``rows`` rows, fewer where rows are long; what is good before a fault is given first.

    Args:
        total: number of rows of the file.
        rows: of a sample.
        row_bytes: size of a row as it is loaded.
        load: (start, stop) -> arrays (stop - start, ...); called in order, each row once.
        make: (arrays, start) -> their sample, of which no part is a view of the arrays; a bad row raises a
            :class:`RowError`.

    Raises:
        InputError: rows are too long, or what ``make`` raises; anything else comes from ``load``.
    """
    check_width(row_bytes)
    for start, stop in spans(total, min(check_rows(rows), max(1, BYTES // max(row_bytes, 1)))):
        loaded = load(start, stop)
        try:
            events = make(loaded, start)
        except RowError as fault:
            if fault.row:
                yield make([values[: fault.row] for values in loaded], start)
            raise
        yield events


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
    values = np.ascontiguousarray(values)  # one column of long rows is slow to look at more than once
    if values.dtype.kind in "iu" and (not values.size or limits.min <= values.min() <= values.max() <= limits.max):
        return np.asarray(values.astype(kind))
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


def taken(columns: Array, components: int, rule: str) -> tuple[Array, Array]:
    """The items in slots that stand side by side.

    Args:
        columns: (rows, slots * components).
        components: numbers of a slot.
        rule: a slot holds an item where its ``"first"`` or ``"any"`` number is not zero, or its ``"last"`` above zero.

    Returns:
        Offsets (rows + 1,), and the items (components, items) in float32 or float64 as the slots are.
    """
    from partonic.io import slots

    (flat, bits), first = _numbers(columns)
    rows, number = len(columns), slots.RULES.index(rule)
    shape, counts = (rows, flat.size // max(rows, 1)), np.empty((2, rows), np.int64)
    values, bits = flat.reshape(shape), bits.reshape(shape)
    slots.count(values, bits, first, columns.shape[1] // components, components, number, counts)
    offsets = offsets_from_counts(counts[0])
    out = np.empty((components, offsets[-1]), values.dtype)
    slots.take(values, first, number, counts, out)
    return offsets, out


def cartesian(columns: Array) -> tuple[Ragged, Array]:
    """Constituents in slots (rows, e px py pz e px ...) that are not all zero, by falling pt.

    Returns:
        They, with px, py, pz, e in float32 (GeV), and the sums of these (4, rows) in float64.
    """
    from partonic.io import slots

    memory, first = _numbers(columns)
    rows, n_slots, falling = len(columns), columns.shape[1] // 4, True
    counts, sums = np.empty(rows, np.int64), np.empty((4, rows))

    def fill(p: Array, done: tuple[int, int]) -> tuple[int, int]:
        """The next rows."""
        nonlocal falling
        shape = memory[0].size // max(rows, 1), first, n_slots
        row, item, fall = slots.cartesian(memory, shape, done, tuple(p), counts, sums)
        falling &= fall
        return row, item

    p = _filled_up(4, rows, n_slots, fill)
    constituents = Ragged.from_counts(counts, dict(zip(MOMENTUM, p, strict=True)))
    return constituents if falling else by_falling_pt(constituents), sums


def relative(
    columns: Array, components: int, rule: str, by: tuple[int, int, int], jets: tuple[Array, ...] | None = None
) -> tuple[Array, Array]:
    """Massless particles in slots of pt, eta and phi, by falling pt.

    Args:
        columns: (rows, slots * components).
        components: numbers of a slot.
        rule: as of :func:`taken`.
        by: which number of a slot is pt, eta and phi.
        jets: GeV by which the pt of each row are multiplied, and what is added to its eta, each (rows,) float64.

    Returns:
        Their number (rows,); px, py, pz, e, and pt, eta, phi as they are in the file, (7, items) in float32.
    """
    from partonic.io import slots

    memory, first = _numbers(columns)
    rows, n_slots = len(columns), columns.shape[1] // components
    counts, frame = np.empty(rows, np.int64), jets or (np.ones(rows), np.zeros(rows))

    def fill(out: Array, done: tuple[int, int]) -> tuple[int, int]:
        """The next rows."""
        absolute, shape = np.empty((3, out.shape[1])), (memory[0].size // max(rows, 1), first, n_slots, components)
        number, stored = slots.RULES.index(rule), tuple(out[4:])
        row, item = slots.relative(memory, shape, number, by, frame, done, stored, tuple(absolute), counts)
        pt, eta, phi = absolute[:, done[1] : item]
        slots.polar(pt, eta, phi, np.empty(0), tuple(out[:4, done[1] : item]))
        return row, item

    return counts, _filled_up(7, rows, n_slots, fill)


def _numbers(columns: Array) -> tuple[tuple[Array, Array], int]:
    """Flat rows of floating numbers that have the columns, with the same memory as integers, and where they begin."""
    floats = np.float32 if columns.dtype in (np.float16, np.float32) else np.float64
    values, first = _wide(columns.astype(floats, copy=False))
    flat = values.reshape(-1)
    return (flat, flat.view(np.uint32 if floats is np.float32 else np.uint64)), first


def _filled_up(fields: int, rows: int, slots: int, fill: Callable[[Array, tuple[int, int]], tuple[int, int]]) -> Array:
    """Items (fields, items) whose number is not known before.

    Args:
        fields: numbers of an item.
        rows: that have items.
        slots: most items of a row.
        fill: (room (fields, items), rows and items done before) -> those done now, at least one row more where there
            is room for ``slots`` items.
    """
    held, done = np.empty((fields, min(rows, FIRST) * slots), np.float32), (0, 0)
    while True:
        done = fill(held, done)
        if done[0] == rows:
            return held[:, : done[1]]
        more = np.empty((fields, int(1.05 * rows * done[1] / done[0]) + slots * FIRST), np.float32)
        more[:, : done[1]] = held[:, : done[1]]
        held = more


def _wide(columns: Array) -> tuple[Array, int]:
    """Contiguous rows that have the columns, and where they begin: the whole rows of a file rather than a copy."""
    size, stride = columns.itemsize, columns.strides[0]
    whole = columns
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    start = columns.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    fits = columns.strides[1] == size and whole.flags.c_contiguous and stride > 0
    if not fits or stride % size or start % stride % size or whole.nbytes % stride or columns.flags.c_contiguous:
        return np.ascontiguousarray(columns), 0
    rows = whole.reshape(-1).view(columns.dtype).reshape(-1, stride // size)
    return rows[start // stride :][: len(columns)], start % stride // size


def by_falling_pt(constituents: Ragged) -> Ragged:
    """The same constituents, sorted by falling pt within each jet; untouched where they are."""
    order = falling_order(constituents.offsets, constituents.fields)
    if order is None:
        return constituents
    links = {name: link.take(order) for name, link in constituents.links.items()}
    return Ragged(constituents.offsets, {name: values[order] for name, values in constituents.fields.items()}, links)


def falling_order(offsets: Array, fields: Mapping[str, Array]) -> Array | None:
    """The order (items,) by falling pt within each row; ``None`` where they stand in it.

    Args:
        offsets: (rows + 1,).
        fields: pt, or px and py, (items,) GeV; compared in float32.
    """
    from partonic.io import slots

    if "pt" in fields:
        (pt,) = single(fields["pt"])
    else:
        px, py = (_floating(fields[name]) for name in ("px", "py"))
        pt = np.empty(len(px), np.float32)
        slots.transverse(px, py, pt)
    if slots.falling(offsets, pt):
        return None
    order = np.empty(len(pt), np.int64)
    slots.order(offsets, pt, order)
    return order


def _floating(values: Array) -> Array:
    return np.ascontiguousarray(values, np.float32 if values.dtype == np.float32 else np.float64)


def single(*values: Array) -> tuple[Array, ...]:
    """The arrays in float32; what is too large becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return tuple(np.asarray(array).astype(np.float32) for array in values)


def double(*values: Array) -> tuple[Array, ...]:
    """The arrays in float64."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        return tuple(np.asarray(array).astype(np.float64) for array in values)


def polar(pt: Array, eta: Array, phi: Array, masses: Array | None = None) -> dict[str, Array]:
    """Fields px, py, pz, e (GeV), float32, of particles.

    Args:
        pt: (items,) GeV.
        eta: pseudorapidity; rapidity where there are masses.
        phi: azimuth.
        masses: (items,) GeV, if not all are zero.
    """
    from partonic.io import slots

    out = np.empty((4, len(pt)), np.float32)
    rest = np.empty(0) if masses is None else masses
    slots.polar(_floating(pt), _floating(eta), _floating(phi), rest, tuple(out))
    return dict(zip(MOMENTUM, out, strict=True))


def jet_columns(constituents: Ragged) -> dict[str, Array]:
    """Columns ``jet_pt jet_eta jet_phi jet_mass`` (GeV) of the sum of the constituents."""
    from partonic.io import slots

    sums = np.empty((4, len(constituents)))
    px, py, pz, e = (_floating(constituents[name]) for name in MOMENTUM)
    slots.sums(constituents.offsets, px, py, pz, e, sums)
    return columns_of_sums(sums)


def columns_of_sums(sums: Array) -> dict[str, Array]:
    """Columns ``jet_pt jet_eta jet_phi jet_mass`` (GeV) of momenta (4, rows), px, py, pz, e."""
    from partonic.io import slots

    jets = np.empty(sums.shape, np.float32)
    slots.jets(sums, jets)
    return dict(zip(("jet_pt", "jet_eta", "jet_phi", "jet_mass"), jets, strict=True))

"""Events as Arrow tables and back, without copying numbers: what nested Parquet and other columnar formats share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partonic.core.errors import InputError, PartonicError
from partonic.events.events import Events
from partonic.events.ragged import Array, Link, Ragged, offsets_from_counts

WEIGHTS, GOLD = "weights", "gold"
LEFT_OUT = "left_out"


def to_arrow(events: Events) -> tuple[pa.Table, dict[str, Any]]:
    """The sample as a table, and the roles that its types do not tell (the targets of links).

    Raises:
        InputError: two parts share a name, or an array is of a type that Arrow files do not hold.
    """
    named: list[tuple[str, pa.Array]] = [(name, _dense(name, values)) for name, values in events.columns.items()]
    for name, group in ((WEIGHTS, events.weights), (GOLD, events.gold)):
        if group:
            named.append((name, _struct(name, {key: _dense(f"{name}.{key}", group[key]) for key in group})))
    named += [(name, _ragged(name, ragged)) for name, ragged in events.collections.items()]
    names = [name for name, _ in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"the name '{twice[0]}' stands for two parts of the sample; rename the column or collection")
    links = {
        name: {link: ragged.links[link].target for link in ragged.links}
        for name, ragged in events.collections.items()
        if ragged.links
    }
    fields = [pa.field(name, array.type, nullable=False) for name, array in named]
    return pa.Table.from_arrays([array for _, array in named], schema=pa.schema(fields)), {"links": links}


def _item(array: pa.Array) -> pa.Field:
    return pa.field("element", array.type, nullable=False)


def _dense(name: str, values: Array) -> pa.Array:
    """One array (n, ...); further axes become lists of fixed length."""
    values = np.asarray(values)
    if values.dtype.kind in "UTO":
        words = values.reshape(-1).tolist()
        if not all(isinstance(word, str) for word in words):
            raise InputError(f"'{name}' mixes text with other things; files hold numbers, truth values and text")
        flat = pa.array(words, type=pa.string())
    elif values.dtype.kind in "biuf":
        flat = pa.array(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).reshape(-1))
    else:
        raise InputError(f"'{name}' is of type {values.dtype}; files hold numbers, truth values and text")
    for size in reversed(values.shape[1:]):
        if size == 0:
            raise InputError(f"'{name}' has an axis of length 0 (shape {values.shape}), which files cannot hold")
        flat = pa.FixedSizeListArray.from_arrays(flat, type=pa.list_(_item(flat), size))
    return flat


def _struct(name: str, arrays: dict[str, pa.Array]) -> pa.Array:
    if not arrays:
        raise InputError(f"the collection '{name}' has no field, so that a file cannot hold it")
    fields = [pa.field(key, array.type, nullable=False) for key, array in arrays.items()]
    return pa.StructArray.from_arrays(list(arrays.values()), fields=fields)


def _list(offsets: Array, items: pa.Array) -> pa.Array:
    starts = pa.array(np.ascontiguousarray(offsets, dtype=np.int64))
    return pa.LargeListArray.from_arrays(starts, items, type=pa.large_list(_item(items)))


def _ragged(name: str, ragged: Ragged) -> pa.Array:
    arrays = {key: _dense(f"{name}.{key}", values) for key, values in ragged.fields.items()}
    for key, link in ragged.links.items():
        if key in arrays:
            raise InputError(f"'{name}.{key}' is both a field and a link; rename one")
        arrays[key] = _list(link.offsets, pa.array(np.ascontiguousarray(link.index)))
    return _list(ragged.offsets, _struct(name, arrays))


def layout(events: Events) -> dict[str, str]:
    """Type and shape of every part by name: samples that go into one file must agree in it."""
    parts: dict[str, str] = {}

    def note(name: str, values: Array) -> None:
        """Describe one array."""
        kind = "text" if values.dtype.kind in "UTO" else str(values.dtype)
        parts[name] = f"{kind} {list(values.shape[1:])}" if values.ndim > 1 else kind

    for prefix, group in (("", events.columns), (f"{WEIGHTS}.", events.weights), (f"{GOLD}.", events.gold)):
        for name, values in group.items():
            note(prefix + name, values)
    for name, ragged in events.collections.items():
        parts[name] = "collection"
        for key, values in ragged.fields.items():
            note(f"{name}.{key}", values)
        parts |= {f"{name}.{key}": f"link to {link.target}" for key, link in ragged.links.items()}
    return parts


def same_layout(first: Mapping[str, str], other: Mapping[str, str]) -> None:
    """Check that a sample fits the first of its file.

    Raises:
        InputError: it does not; names the first part that differs.
    """
    for name in [*first, *other]:
        a, b = first.get(name, "missing"), other.get(name, "missing")
        if a != b:
            raise InputError(f"the samples of one file must have the same layout: '{name}' is first {a}, then {b}")


class _LeftOutError(PartonicError):
    """A part of a stranger's table has no place in events."""


def from_arrow(table: pa.Table | pa.RecordBatch, roles: Mapping[str, Any], provenance: Mapping[str, Any]) -> Events:
    """Events of a table; what has no place in them is named in the provenance under ``left_out``.

    Numbers, truth values, text and lists of fixed length become columns; structs ``weights`` and ``gold`` what their
    name says; lists of structs collections; lists of numbers collections with the one field ``value``. A missing
    float is NaN, a missing list empty, missing text ``""``.

    Raises:
        InputError: an integer or truth value is missing, or nothing of the table can be read.
    """
    columns: dict[str, Array] = {}
    groups: dict[str, dict[str, Array]] = {WEIGHTS: {}, GOLD: {}}
    collections: dict[str, Ragged] = {}
    left_out: list[str] = []
    for name in table.column_names if isinstance(table, pa.Table) else table.schema.names:
        array = table.column(name)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        try:
            if name in groups and pa.types.is_struct(array.type):
                children = zip(_names(array), array.flatten(), strict=True)
                groups[name] = {key: _numbers(f"{name}.{key}", child) for key, child in children}
            elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
                collections[name] = _collection(name, array, roles.get("links", {}).get(name, {}), left_out)
            else:
                columns[name] = _numbers(name, array)
        except _LeftOutError:
            left_out.append(name)
    if not (columns or collections or groups[WEIGHTS] or groups[GOLD]):
        raise InputError(
            f"there is no column of numbers or text and no collection ({', '.join(left_out) or 'nothing'})"
        )
    facts = {**provenance, LEFT_OUT: left_out} if left_out else provenance
    return Events(columns, groups[WEIGHTS], collections, groups[GOLD], facts)


def _names(array: pa.StructArray) -> list[str]:
    return [array.type.field(i).name for i in range(array.type.num_fields)]


def _numbers(name: str, array: pa.Array) -> Array:
    """A dense NumPy array; lists of fixed length become further axes."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        if array.null_count:
            raise InputError(f"'{name}' has {array.null_count:,} missing lists; fill or drop them first")
        inner = _numbers(name, array.flatten())
        return inner.reshape(len(array), kind.list_size, *inner.shape[1:])
    if pa.types.is_dictionary(kind):
        return _numbers(name, array.cast(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _text(array.cast(pa.string()))
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise _LeftOutError(name)
    if array.null_count and not pa.types.is_floating(array.type):
        raise InputError(f"'{name}' ({kind}) has {array.null_count:,} missing values; fill or drop them first")
    values: Array = array.to_numpy(zero_copy_only=False)
    return values


def _text(array: pa.Array) -> Array:
    coded = array.fill_null("").dictionary_encode()
    words = np.array(coded.dictionary.to_pylist() or [""], dtype=np.str_)
    values: Array = words[coded.indices.to_numpy()]
    return values


def _open(array: pa.Array) -> tuple[Array, pa.Array]:
    """Offsets and flat items of a list array, wherever it was cut from."""
    if array.null_count:
        lengths = pc.list_value_length(array).fill_null(0).to_numpy()
        return offsets_from_counts(lengths), array.flatten()
    offsets = array.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], array.flatten()


def _collection(name: str, array: pa.Array, targets: Mapping[str, str], left_out: list[str]) -> Ragged:
    offsets, items = _open(array)
    if not pa.types.is_struct(items.type):
        return Ragged(offsets, {"value": _numbers(name, items)})
    fields: dict[str, Array] = {}
    links: dict[str, Link] = {}
    for key, child in zip(_names(items), items.flatten(), strict=True):
        if key in targets:
            starts, index = _open(child)
            links[key] = Link(targets[key], starts, _numbers(f"{name}.{key}", index))
            continue
        try:
            fields[key] = _numbers(f"{name}.{key}", child)
        except _LeftOutError:
            left_out.append(f"{name}.{key}")
    return Ragged(offsets, fields, links)

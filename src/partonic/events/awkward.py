"""Events as an awkward array and back: a record with columns, weights and collections, links as nested lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events.events import Events
from partonic.events.ragged import Array, Link, Ragged

if TYPE_CHECKING:
    import awkward as ak

WEIGHTS, GOLD = "weights", "gold"
MOMENTUM = {"px", "py", "pz", "e"}
TARGET = "link_target"  # parameter of a list of indices: the collection that they point at


def to_awkward(events: Events) -> ak.Array:
    """One record an event; flat arrays and offsets are shared, not copied.

    Columns are fields, ``weights`` and ``gold`` records, collections lists of records, links lists of positions within
    the event. A collection with px, py, pz, e is named ``Momentum4D``: after ``vector.register_awkward()`` it has
    ``pt``, ``eta``, ``mass`` and so on. The provenance is in the attribute ``provenance``.

    Raises:
        InputError: a column and a collection share a name.
    """
    import awkward as ak

    parts: dict[str, Any] = {name: _layout(values) for name, values in events.columns.items()}
    for name, group in ((WEIGHTS, events.weights), (GOLD, events.gold)):
        if group:
            _add(parts, name, _record({key: _layout(values) for key, values in group.items()}))
    for name, ragged in events.collections.items():
        _add(parts, name, _collection(ragged))
    content = ak.contents.RecordArray(list(parts.values()), list(parts), length=len(events))
    return ak.Array(content, attrs={"provenance": dict(events.provenance)})


def _add(parts: dict[str, Any], name: str, content: Any) -> None:
    if name in parts:
        raise InputError(f"the name '{name}' stands for two parts of the sample; rename the column or collection")
    parts[name] = content


def _layout(values: Array) -> Any:
    import awkward as ak

    array = np.asarray(values)
    if array.dtype.kind in "UTO":
        return ak.to_layout(ak.Array(array.tolist())) if len(array) else ak.to_layout(ak.Array(["x"]))[:0]
    return ak.to_layout(ak.from_numpy(array, regulararray=True))


def _record(fields: Mapping[str, Any], **parameters: Any) -> Any:
    import awkward as ak

    return ak.contents.RecordArray(list(fields.values()), list(fields), parameters=parameters or None)


def _list(offsets: Array, content: Any, **parameters: Any) -> Any:
    import awkward as ak

    index = ak.index.Index64(np.asarray(offsets, dtype=np.int64))
    return ak.contents.ListOffsetArray(index, content, parameters=parameters or None)


def _collection(ragged: Ragged) -> Any:
    import awkward as ak

    fields = {name: _layout(values) for name, values in ragged.fields.items()}
    for name, link in ragged.links.items():
        _add(fields, name, _list(link.offsets, _layout(link.index), **{TARGET: link.target}))
    named = {"__record__": "Momentum4D"} if fields.keys() >= MOMENTUM else {}
    if not fields:
        return _list(ragged.offsets, ak.contents.RecordArray([], [], length=ragged.total))
    return _list(ragged.offsets, _record(fields, **named))


def from_awkward(
    array: ak.Array, *, links: Mapping[str, str] | None = None, provenance: Mapping[str, Any] | None = None
) -> Events:
    """Events of an array of records, one an event.

    Numbers and text become columns, records ``weights`` and ``gold`` what their name says, lists of records
    collections, lists of numbers collections with the one field ``value``; a missing float becomes NaN.

    Args:
        array: (events,) records.
        links: ``"jets.constituents"`` -> ``"particles"``: lists of positions that point at another collection; those
            of :func:`to_awkward` are known.
        provenance: plain data; ``None`` takes that of :func:`to_awkward`, if any.

    Raises:
        InputError: it is not an array of records, or a part is neither numbers, text nor a list of records.
    """
    import awkward as ak

    layout = ak.to_layout(ak.to_packed(array))
    if not layout.is_record or layout.is_tuple:
        raise InputError(f"events are made of records with named fields, not of {array.type}")
    columns: dict[str, Array] = {}
    groups: dict[str, dict[str, Array]] = {WEIGHTS: {}, GOLD: {}}
    collections: dict[str, Ragged] = {}
    for name in layout.fields:
        content = _plain(layout[name])
        if name in groups and content.is_record:
            groups[name] = {key: _dense(f"{name}.{key}", content[key]) for key in content.fields}
        elif _is_ragged(content):
            collections[name] = _ragged(name, content, links or {})
        else:
            columns[name] = _dense(name, content)
    facts = array.attrs.get("provenance", {}) if provenance is None else provenance
    return Events(columns, groups[WEIGHTS], collections, groups[GOLD], facts)


def _plain(content: Any) -> Any:
    """Without options where nothing is missing; a missing list is an empty one, missing numbers stay."""
    import awkward as ak

    if not content.is_option:
        return content
    if not ak.any(ak.is_none(content, axis=0)):
        return ak.to_layout(ak.to_packed(ak.drop_none(content, axis=0)))
    return ak.to_layout(ak.to_packed(ak.fill_none(content, [], axis=0))) if _is_ragged(content.content) else content


def _is_ragged(content: Any) -> bool:
    return bool(content.is_list and not content.is_regular and content.parameter("__array__") is None)


def _dense(name: str, content: Any) -> Array:
    import awkward as ak

    try:
        values = ak.to_numpy(content, allow_missing=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"'{name}' is neither numbers, text nor a list of records, but {content.form.type}") from error
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind != "f" and np.any(np.ma.getmaskarray(values)):
            raise InputError(f"'{name}' ({values.dtype}) has missing values; fill or drop them first")
        values = values.filled(np.nan) if values.dtype.kind == "f" else values.data
    if values.dtype.kind not in "biufU":
        raise InputError(f"'{name}' is of type {values.dtype}; events hold numbers, truth values and text")
    return np.asarray(values)


def _open(content: Any) -> tuple[Array, Any]:
    offsets = np.asarray(content.to_ListOffsetArray64(True).offsets, dtype=np.int64)
    return offsets, content.to_ListOffsetArray64(True).content[: int(offsets[-1])]


def _ragged(name: str, content: Any, targets: Mapping[str, str]) -> Ragged:
    offsets, items = _open(content)
    if not items.is_record:
        return Ragged(offsets, {"value": _dense(name, items)})
    fields: dict[str, Array] = {}
    links: dict[str, Link] = {}
    for key in items.fields:
        part = _plain(items[key])
        path = f"{name}.{key}"
        if not _is_ragged(part):
            fields[key] = _dense(path, part)
            continue
        target = targets.get(path) or part.parameter(TARGET)
        if target is None:
            raise InputError(f"'{path}' is a list within a list; say what it points at with links={{'{path}': ...}}")
        starts, index = _open(part)
        links[key] = Link(str(target), starts, _dense(path, index).astype(np.int64))
    return Ragged(offsets, fields, links)

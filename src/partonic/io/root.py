"""Any ROOT file: flat branches become columns, lists that share a counter or a prefix collections."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Ragged
from partonic.io.arrow import GOLD, LEFT_OUT
from partonic.io.arrow import WEIGHTS as WEIGHTS_NAME
from partonic.io.base import Format, reading
from partonic.io.naming import WEIGHTS, clean, cleaned, collection, free, with_momenta
from partonic.io.places import name_of
from partonic.io.trees import SIGNATURE, TITLE, Column, Jagged, Tree, columns, opened, sketch

ROWS = 10_000
PROBE = 1000  # entries by which lists without a counter are told to belong together

Groups = dict[str, dict[str, str]]


@dataclass
class Plan:
    """Where the branches of a tree go.

    Args:
        columns: name -> array of the tree.
        collections: name -> field -> array of the tree.
        weight: array of the tree that is the event weight, or ``""``.
        left_out: what has no place.
    """

    columns: dict[str, str] = field(default_factory=dict)
    collections: Groups = field(default_factory=dict)
    weight: str = ""
    left_out: list[str] = field(default_factory=list)


def flatten(chunk: Mapping[str, Any]) -> dict[str, Column]:
    """All arrays of a chunk by name; what is nested deeper is not among them."""
    found: dict[str, Column] = {}
    for name, layout in chunk.items():
        found |= columns(name, layout)
    return found


def beginning(chunks: Iterator[Mapping[str, Any]]) -> tuple[dict[str, Any], Iterator[Mapping[str, Any]]]:
    """The first entries of a tree, by which its layout is told, and all of its chunks: nothing is read twice."""
    first = next(chunks)
    return {name: layout[:PROBE] for name, layout in first.items()}, itertools.chain([first], chunks)


def make_plan(tree: Tree, first: Mapping[str, Any]) -> Plan:
    """Sort the branches of a tree into columns and collections.

    Args:
        tree: the tree, whose counters tell which lists belong together.
        first: its first entries, whose lengths do so where there is no counter.
    """
    arrays = flatten(first)
    found = {".".join(words[: i + 1]) for words in (key.split(".") for key in arrays) for i in range(len(words))}
    nested = [name for name in first if name not in found]
    plan = Plan(left_out=[f"tree {name}" for name in tree.others] + list(tree.objects) + nested)
    groups, counters = _by_counter(tree, arrays)
    loose = {name: each for name, each in arrays.items() if isinstance(each, Jagged)}
    loose = {name: each for name, each in loose.items() if not any(name in names for names in groups.values())}
    _by_prefix(loose, groups)
    taken = {WEIGHTS_NAME, GOLD}
    flat = [name for name, each in arrays.items() if not isinstance(each, Jagged) and name not in counters]
    for name in flat:
        if not plan.weight and clean(name) in WEIGHTS and _is_number(arrays[name]):
            plan.weight = name
            continue
        own = free(clean(name), taken)
        plan.columns[own] = name
        taken.add(own)
    for stem, names in groups.items():
        own = free(collection(stem), taken)
        fields = cleaned([names[name] for name in names])
        plan.collections[own] = {fields[names[name]]: name for name in names}
        taken.add(own)
    return plan


def _is_number(each: Column) -> bool:
    return not isinstance(each, Jagged) and each.ndim == 1 and each.dtype.kind in "iuf"


def _by_counter(tree: Tree, arrays: Mapping[str, Column]) -> tuple[Groups, set[str]]:
    """Lists in groups by the branch that counts them, or by the object that they are parts of; and those counters."""
    counted: Groups = {}
    counters: set[str] = set()
    for name, each in arrays.items():
        if not isinstance(each, Jagged):
            continue
        branch = name if name in tree.branches else name.rpartition(".")[0]
        counter = tree.counter(branch) if branch in tree.branches else None
        if counter is not None:
            counters.add(counter)
            counted.setdefault(counter, {})[name] = name
        elif "." in name:
            stem, _, rest = name.partition(".")
            counters.add(f"{stem}_size")
            counted.setdefault(f"{stem}.", {})[name] = rest
    groups: Groups = {}
    for counter, names in counted.items():
        if counter.endswith("."):
            groups[counter[:-1]] = names
        else:
            stem = _prefix(list(names)) or _stem(counter)
            groups[free(stem, groups)] = {name: _rest(name, stem) for name in names}
    return groups, counters


def _by_prefix(loose: Mapping[str, Jagged], groups: Groups) -> None:
    """Add lists without a counter: those with a common prefix and the same lengths belong together."""
    alike: dict[tuple[str, bytes], list[str]] = {}
    for name, each in loose.items():
        alike.setdefault((name.partition("_")[0], each.offsets.tobytes()), []).append(name)
    for names in alike.values():
        stem = _prefix(names) if len(names) > 1 else names[0]
        groups[free(stem, groups)] = {name: _rest(name, stem) for name in names}


def _prefix(names: list[str]) -> str:
    """What all names begin with, in whole words before an underscore; never a whole name."""
    words = [name.split("_") for name in names]
    shared = 0
    while all(len(each) > shared + 1 for each in words) and len({each[shared] for each in words}) == 1:
        shared += 1
    return "_".join(words[0][: shared if len(names) > 1 else min(shared, 1)])


def _stem(counter: str) -> str:
    """``muon`` of the counters ``nMuon``, ``NMuon``, ``muon_n``, ``muon_size``."""
    for ending in ("_size", "_n"):
        if counter.endswith(ending):
            return counter.removesuffix(ending)
    return counter[1:].lstrip("_") if counter[:1] in "nN" and len(counter) > 1 else counter


def _rest(name: str, stem: str) -> str:
    return "value" if name == stem else name.removeprefix(stem).lstrip("_.") if name.startswith(stem) else name


def build(path: Path | str, start: int, arrays: Mapping[str, Column], names: Mapping[str, str], what: str) -> Ragged:
    """A collection of lists, which must be of equal lengths, with momenta.

    Args:
        path: the file, for sentences.
        start: events before these.
        arrays: the arrays of the tree.
        names: field -> array of the tree.
        what: what the collection is called.

    Raises:
        FileError: in some event two lists differ in length.
    """
    fields: dict[str, Array] = {}
    first: Jagged | None = None
    for key, name in names.items():
        each = arrays[name]
        if not isinstance(each, Jagged):
            raise FileError(f"{path}: '{name}' is no list, although others of '{what}' are")
        if first is None:
            first, leader = each, name
        elif not np.array_equal(first.offsets, each.offsets):
            a, b = np.diff(first.offsets), np.diff(each.offsets)
            row = int(np.argmax(a != b))
            raise FileError(
                f"{path}: event {start + row + 1:,} has {a[row]} values of '{leader}' and {b[row]} of '{name}', which "
                f"were taken for one collection '{what}'; say with a map which branches belong together"
            )
        fields[key] = each.values
    assert first is not None  # a collection has a field
    return Ragged(first.offsets, with_momenta(fields))


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a tree in samples of at most ``rows`` events; fewer where events are large.

    Names are brought to small letters. Lists that share a counter, or a prefix and their lengths, become one
    collection, with px, py, pz, e where they follow; a branch ``weight`` (or ``EventWeight``, ``genWeight``, ...)
    becomes the weight ``nominal``. What cannot be read is named in the provenance.

    Args:
        path: the file; the tree with most entries is read, or that of ``FILE.root:TREE``.
        rows: events at a time.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged, has no tree or nothing to read in it.
    """
    with opened(path) as tree, reading(tree.path, TITLE):
        yield from samples(tree, rows, f"ROOT tree '{tree.name}'", name_of(path))


def samples(tree: Tree, rows: int, layout: str, source: str) -> Iterator[Events]:
    """The events of an open tree, as :func:`iterate` gives them.

    Args:
        tree: the tree.
        rows: events at a time, at most.
        layout: said in the provenance.
        source: name of the file, said in the provenance.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the tree cannot be read, or has nothing to read.
    """
    if not tree.branches:
        raise FileError(f"{tree.path}: the tree '{tree.name}' has no branch of numbers or text")
    first, chunks = beginning(tree.chunks(tree.branches, rows))
    plan = make_plan(tree, first)
    facts: dict[str, Any] = {"source": source, "layout": layout}
    facts |= {"weight": plan.weight} if plan.weight else {}
    facts |= {LEFT_OUT: plan.left_out} if plan.left_out else {}
    start = 0
    for chunk in chunks:
        arrays = flatten(chunk)
        events = Events(
            {name: _dense(arrays[source]) for name, source in plan.columns.items()},
            {NOMINAL: _dense(arrays[plan.weight]).astype(np.float64)} if plan.weight else {},
            {name: build(tree.path, start, arrays, names, name) for name, names in plan.collections.items()},
            {},
            facts,
        )
        yield events
        start += len(events)


def _dense(each: Column) -> Array:
    assert not isinstance(each, Jagged)  # the plan put lists into collections
    return each


def count(path: Path | str) -> int:
    """Number of entries of the tree that is read.

    Raises:
        FileError: the file is missing, damaged or has no tree.
    """
    rows = sketch(path).rows
    if not rows:
        raise FileError(f"{path} has no tree")
    return next(iter(rows.values()))


def _recognise(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return head.startswith(SIGNATURE)


FORMAT = Format(
    name="root",
    title="ROOT file with a tree",
    suffixes=(".root",),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    generic=True,
)

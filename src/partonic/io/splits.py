"""Train, validation and test samples out of files, each memory-mapped, none ever whole in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import BadJetError, FileError, InputError
from partonic.core.rng import generator
from partonic.events.cache import kept
from partonic.events.events import NOMINAL, Events
from partonic.io import formats
from partonic.io.joining import Joining
from partonic.io.places import file_and_tree, stamp
from partonic.io.remote import local

FRACTIONS: Mapping[str, float] = {"train": 0.6, "validation": 0.1, "test": 0.3}
IN_FILE_NAMES = {"train": "train", "val": "validation", "test": "test"}
NOTHING: Mapping[str, Sequence[Path | str]] = MappingProxyType({})
HELD_OUT = 0.15  # of the training events, where the files know no validation

Names = NDArray[np.str_]


def split_files(
    paths: Sequence[Path | str],
    seed: int,
    fractions: Mapping[str, float] = FRACTIONS,
    collections: Sequence[str] | None = None,
    check: Callable[[Events], object] | None = None,
    also: Mapping[str, Sequence[Path | str]] = NOTHING,
) -> dict[str, Events]:
    """Memory-mapped samples of the events of all files together, made on first use and kept in the cache.

    An event goes where its file's name says (if every file has ``train``, ``val`` or ``test`` in its name, as the
    published Landscape files), else where its column ``split`` says, else at random by the fractions.

    Args:
        paths: files of any known format, or remote names as ``https://host/file``, with the same columns;
            ``FILE.root:TREE`` is one tree of a ROOT file.
        seed: of the random split.
        fractions: name -> share of the events.
        collections: collections to keep; all if None.
        check: called with the events as they are put into the cache, so that a bad one is known by its file and number
            (by a :class:`~partonic.core.errors.BadJetError`) before anything is trained.
        also: name -> further files all of whose events go to that sample, as more background to test on.

    Raises:
        FileError: a file cannot be read, has other columns than the first, a bad event, or a label or event weight that
            is not finite, or the cache cannot be written.
        InputError: a sample would be empty.
    """
    files = [local(path) for path in paths]
    counts = [formats.count(file) for file in files]
    names = _assigned(files, counts, seed, fractions)
    for name, more in also.items():
        further = [local(path) for path in more]
        numbers = [formats.count(file) for file in further]
        files, counts = files + further, counts + numbers
        names = np.concatenate([names, np.full(sum(numbers), name)])
    where = [file_and_tree(file) for file in files]
    key: dict[str, Any] = {
        "files": [[*stamp(file), tree] if tree else list(stamp(file)) for file, tree in where],
        "split": hashlib.sha256("".join(names).encode()).hexdigest(),
        "collections": None if collections is None else list(collections),
        "checked": check is not None,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]

    def part(name: str) -> Iterator[Events]:
        """The events of one sample, in the order of the files."""
        joining, start = Joining(), 0
        for file, before in zip(files, np.cumsum([0, *counts]), strict=False):
            for events in formats.iterate(file):
                sample = events.select(collections=collections)
                joining.check(file, sample)
                chosen = np.flatnonzero(names[start : start + len(events)] == name)
                if len(chosen):
                    yield _checked(sample[chosen], check, file, chosen + (start - before))
                start += len(events)

    found = {}
    for name in fractions:
        if not np.any(names == name):
            raise InputError(f"there are no {name} events among the {len(names):,} of {', '.join(map(str, paths))}")
        label = f"{Path(where[0][0]).stem}-{name}-{digest}"
        found[name] = kept(label, {**key, "part": name}, lambda name=name: part(name))  # type: ignore[misc]
    return found


def _checked(events: Events, check: Callable[[Events], object] | None, file: Path, rows: NDArray[np.int64]) -> Events:
    """The events, of these rows of a file, which are found sound.

    Raises:
        FileError: a label or an event weight is not finite, or what ``check`` finds.
    """
    for name, values in (("label", events.columns.get("label")), ("weight", events.weights.get(NOMINAL))):
        if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values)))
            raise FileError(f"{file}: event {rows[bad] + 1:,} has {values[bad]:g} as {name}, not a finite number")
    try:
        if check is not None:
            check(events)
    except BadJetError as error:
        raise error.of_file(file, int(rows[error.row])) from None
    return events


def _assigned(files: Sequence[Path], counts: Sequence[int], seed: int, fractions: Mapping[str, float]) -> Names:
    """The name of the sample that each event goes to, (events,)."""
    total = sum(counts)
    stems = [Path(file_and_tree(file)[0]).stem.lower() for file in files]
    by_name = [next((name for part, name in IN_FILE_NAMES.items() if part in stem), "") for stem in stems]
    if all(by_name) and len(set(by_name)) > 1:
        return _with_validation(np.repeat(np.array(by_name), counts), seed)
    if files and "split" in next(formats.iterate(files[0], 1)).columns:
        columns = [events.column("split") for file in files for events in formats.iterate(file)]
        return _with_validation(np.concatenate(columns).astype(str), seed)
    shares = np.cumsum([0.0, *fractions.values()]) * total
    names = np.full(total, "", dtype="<U16")
    order = generator(seed).permutation(total)
    for name, first, last in zip(
        fractions, np.rint(shares[:-1]).astype(int), np.rint(shares[1:]).astype(int), strict=True
    ):
        names[order[first:last]] = name
    return names


def _with_validation(names: Names, seed: int) -> Names:
    """Hold out part of the training events where nothing else is for validation."""
    if np.any(names == "validation"):
        return names
    train = np.flatnonzero(names == "train")
    chosen = generator(seed).permutation(train)[: int(HELD_OUT * len(train))]
    held = names.astype("<U16")
    held[chosen] = "validation"
    return held

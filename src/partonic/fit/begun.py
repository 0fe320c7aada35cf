"""What a training was begun with, kept in its directory: another one does not go on there."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import read_json, write_json
from partonic.core.rank import rank
from partonic.events.events import Events
from partonic.fit.loop import STATE
from partonic.fit.options import FitOptions
from partonic.version import __version__

FILE = "begun.json"
SEEN = 4096  # values of an array, evenly spread, by which jets are told from others


def check_begun(directory: Path, jets: Mapping[str, Events], options: FitOptions | None, done: bool) -> None:
    """Write down what a training is begun with, or see that it is what it was begun with where it has come further.

    Options are compared within one version of partonic only: another one may have other values for a model.

    Args:
        directory: of the training.
        jets: what it reads of the jets, by their use.
        options: of the fit; None for boosted trees.
        done: whether it has come to its end.

    Raises:
        InputError: it was begun with other jets or options.
        FileError: what was written cannot be read.
    """
    file = directory / FILE
    now = {name: {"jets": len(part), "mark": mark(part)} for name, part in jets.items()}
    how = None if options is None else asdict(options)
    further = done or (directory / STATE).exists()
    if not (further and file.exists()):
        if not further and rank() == 0:
            directory.mkdir(parents=True, exist_ok=True)
            write_json(file, {"version": __version__, "jets": now, "options": how})
        return
    before = read_json(file)
    different = []
    for name, one in now.items():
        other = before["jets"][name]
        if one["jets"] != other["jets"]:
            different.append(f"{name} had {other['jets']:,} jets and has {one['jets']:,}")
        elif one["mark"] != other["mark"]:
            different.append(f"the {one['jets']:,} jets of {name} are others")
    if options is not None and before["version"] == __version__:
        different += options.differences(before["options"])
    if different:
        raise InputError(
            f"{directory} is of another training: {'; '.join(different[:3])}; give another directory, or remove it "
            "with its .pt and .json to start anew"
        )


def mark(events: Events) -> int:
    """A number that other events do not share, from their columns, weights and collections."""
    arrays = [events.columns[name] for name in sorted(events.columns)] + [events.weight()]
    for name in sorted(events.collections):
        ragged = events.collections[name]
        arrays += [ragged.offsets, *(ragged.fields[key] for key in sorted(ragged.fields))]
    found = 0
    for values in arrays:
        found = zlib.crc32(np.ascontiguousarray(values[:: max(1, len(values) // SEEN)]).tobytes(), found)
    return found

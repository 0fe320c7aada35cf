"""What a training was begun with, kept in its directory: another one does not go on there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from partonic.core.errors import FileError, InputError
from partonic.core.files import read_json, write_json
from partonic.core.rank import rank
from partonic.events.events import Events
from partonic.fit.loop import STATE
from partonic.fit.options import FitOptions
from partonic.version import __version__

FILE = "begun.json"
READ = 1_000_000  # values at once
SEEN = 4096  # momenta and other fields of particles, evenly spread, by which jets are told from others


def check_begun(
    directory: Path, jets: Mapping[str, Events], plan: Mapping[str, Any], options: FitOptions | None, done: bool
) -> None:
    """Write down what a training is begun with, or see that it is what it was begun with where it has come further.

    Options are compared within one version of partonic only: another one may have other values for a model.

    Args:
        directory: of the training.
        jets: what it reads of the jets, by their use.
        plan: what else is of consequence, plain data by name.
        options: of the fit; None for boosted trees.
        done: whether it has come to its end.

    Raises:
        InputError: it was begun with other jets, another plan or other options.
        FileError: what was written cannot be read.
    """
    file = directory / FILE
    now: dict[str, Any] = {
        "version": __version__,
        "jets": {name: {"jets": len(part), "mark": mark(part)} for name, part in jets.items()},
        "plan": json.loads(text(plan)),
        "options": None if options is None else asdict(options),
    }
    further = done or (directory / STATE).exists()
    if not (further and file.exists()):
        if not further and rank() == 0:
            directory.mkdir(parents=True, exist_ok=True)
            write_json(file, now)
        return
    before = read_json(file)
    try:
        different = _differences(before, now)
        if options is not None and before["version"] == __version__:
            different += options.differences(before["options"])
    except (KeyError, TypeError, AttributeError) as error:
        raise FileError(f"{file} does not say what a training was begun with; remove it, or give another") from error
    if different:
        raise InputError(
            f"{directory} is of another training: {'; '.join(different[:3])}; give another directory, or remove it "
            "with the files beside it to start anew"
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    different = []
    for name, one in now["jets"].items():
        other = before["jets"][name]
        if one["jets"] != other["jets"]:
            different.append(f"{name} had {other['jets']:,} jets and has {one['jets']:,}")
        elif one["mark"] != other["mark"]:
            different.append(f"the {one['jets']:,} jets of {name} are others")
    plans = before["plan"], now["plan"]
    pairs = {name: [plan.get(name) for plan in plans] for name in (*plans[1], *plans[0])}
    return different + [f"{name} was {was} and is {value}" for name, (was, value) in pairs.items() if was != value]


def text(value: Any) -> str:
    """Plain data as text that is the same for tuples and lists, and for mappings of any kind."""
    return json.dumps(value, default=lambda one: dict(one) if isinstance(one, Mapping) else str(one), sort_keys=True)


def mark(events: Events) -> int:
    """A number that other events hardly share: of all columns, weights and lengths, and of some particles.

    The types in which they are kept are of no meaning.
    """
    whole = [events.columns[name] for name in sorted(events.columns)] + [events.weight()]
    found = 0
    for name in sorted(events.collections):
        ragged = events.collections[name]
        whole.append(ragged.offsets)
        for key in sorted(ragged.fields):
            values = ragged.fields[key]
            found = _added(values[:: max(1, len(values) // SEEN)], found)
    for values in whole:
        found = _added(values, found)
    return found


def weights_mark(module: nn.Module) -> int:
    """A number that other weights hardly share."""
    found = 0
    for weights in module.state_dict().values():
        found = _added(weights.cpu().numpy().reshape(-1), found)
    return found


def _added(values: NDArray[Any], found: int) -> int:
    for start in range(0, len(values), READ):  # of a file larger than memory
        found = zlib.crc32(np.ascontiguousarray(values[start : start + READ], dtype=np.float64).tobytes(), found)
    return found

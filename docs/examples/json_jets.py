"""Jets as lines of JSON: a label and a list of constituents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from partonic.core.errors import FileError
from partonic.core.files import check_readable
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.io.base import Format, check_rows


def iterate(path: Path | str, rows: int = 10_000) -> Iterator[Events]:
    """Read a file in samples of ``rows`` jets.

    Raises:
        FileError: it is missing, or a line is not what it should be.
    """
    check_rows(rows)
    with check_readable(path).open(encoding="utf-8") as file:
        first = 0
        while lines := list(islice(file, rows)):
            yield _events(Path(path), lines, first)
            first += len(lines)


def _events(path: Path, lines: list[str], first: int) -> Events:
    labels, counts, momenta = [], [], []
    for number, line in enumerate(lines, first + 1):
        try:
            jet = json.loads(line)
            p = np.array(jet["p"], dtype=np.float32).reshape(-1, 4)
            labels.append(int(jet["label"]))
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"{path}: event {number} is not a label and a list p of momenta ({error})"
            ) from error
        counts.append(len(p))
        momenta.append(p)
    p = np.concatenate(momenta)
    fields = {name: p[:, i] for i, name in enumerate(("px", "py", "pz", "e"))}
    return Events(
        {"label": np.array(labels, dtype=np.int8)},
        collections={"constituents": Ragged.from_counts(np.array(counts), fields)},
        provenance={"source": path.name},
    )


def count(path: Path | str) -> int:
    """Number of jets of a file."""
    with check_readable(path).open(encoding="utf-8") as file:
        return sum(1 for _ in file)


def _recognise(_path: Path, head: bytes) -> bool:
    return head.startswith(b'{"label":')


FORMAT = Format("json-jets", "jets as JSON", (".jsonl",), _recognise, iterate, count)

"""Jets as text: a first line of names, then one line of numbers a jet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from partonic.core.errors import FileError
from partonic.core.files import check_readable
from partonic.events.events import Events
from partonic.io.base import Format, check_rows


def iterate(path: Path | str, rows: int = 10_000) -> Iterator[Events]:
    """Read a file in samples of ``rows`` jets.

    Raises:
        FileError: it is missing, or a line does not hold a number for each name.
    """
    check_rows(rows)
    with check_readable(path).open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        given = False
        while lines := list(islice(file, rows)):
            try:
                values = np.array(
                    [line.split(",") for line in lines], dtype=float
                ).reshape(len(lines), len(names))
            except ValueError as error:
                raise FileError(
                    f"{path} has a line without a number for each of {', '.join(names)}"
                ) from error
            yield Events(
                dict(zip(names, values.T, strict=True)),
                provenance={"source": Path(path).name},
            )
            given = True
        if not given:
            yield Events({name: np.zeros(0) for name in names})


def count(path: Path | str) -> int:
    """Number of jets of a file."""
    with check_readable(path).open(encoding="utf-8") as file:
        return sum(1 for _ in file) - 1


def _recognise(_path: Path, head: bytes) -> bool:
    return head.startswith(b"jet_pt,")


FORMAT = Format("csv", "jets as text", (".csv",), _recognise, iterate, count)

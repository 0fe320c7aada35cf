"""The published HDF5 layout of the top-tagging reference sample (arXiv:1902.09914, doi:10.5281/zenodo.2603256).

A pandas table under the key ``table``: E_0, PX_0, PY_0, PZ_0, ... of the 200 leading constituents, padded with zeros,
the truth top as truthE, truthPX, truthPY, truthPZ, then ``ttv`` and ``is_signal_new``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import check_readable
from partonic.events.events import Events
from partonic.events.ragged import Array
from partonic.io.base import Format, check_rows
from partonic.io.hdf5 import holds, key, opened
from partonic.io.landscape_write import COMPONENTS, SPLITS, TRUTH, column_names, write
from partonic.io.padded import cartesian, columns_of_sums, in_chunks, single, whole_numbers
from partonic.io.pandas_hdf5 import Frame

ROWS = 10_000
KEY = "table"
LABEL, SPLIT = "is_signal_new", "ttv"


def _guessed_names(kind: np.dtype[Any], width: int) -> list[str]:
    """The names of a block by its shape, in the published order, where the file's own cannot be read."""
    if kind.kind == "f" and width % 4 == 0 and width > 4:
        return column_names((width - 4) // 4)
    return ["ttv", "is_signal_new"] if kind.kind in "iu" and width == 2 else [""] * width


class _Reader:
    """Rows of an open file as events."""

    def __init__(self, path: Path, file: Any) -> None:
        self.frame = Frame(key(file, KEY), _guessed_names)
        self.constituents = 0
        while all(f"{component}_{self.constituents}" in self.frame.place for component in COMPONENTS):
            self.constituents += 1
        if not self.constituents:
            raise InputError("it has a table, but not the columns E_0, PX_0, PY_0, PZ_0, ... of the top-tagging layout")
        self.momenta = self.frame.columns(column_names(self.constituents)[:-4])
        there = self.frame.place
        self.truth = {name: given for name, given in TRUTH.items() if given in there}
        self.flags = [name for name in (SPLIT, LABEL) if name in there]
        others = list(self.truth.values()), self.flags
        self.others = [self.frame.columns(names) if names else None for names in others]
        self.provenance = {"source": path.name, "layout": "top-tagging reference sample (arXiv:1902.09914)"}

    def events(self, loaded: list[Array], start: int) -> Events:
        """The sample of loaded rows."""
        constituents, sums = cartesian(self.momenta(loaded))
        # rows are long: their ends are looked at once
        truth, flags = (np.asfortranarray(part(loaded)).T if part else () for part in self.others)
        flag = dict(zip(self.flags, flags, strict=True))
        columns: dict[str, Array] = {}
        if LABEL in flag:
            columns["label"] = whole_numbers(flag[LABEL], np.int8, LABEL, start)
        columns |= columns_of_sums(sums) | dict(zip(self.truth, single(*truth), strict=True))
        if SPLIT in flag:
            columns["split"] = _splits(whole_numbers(flag[SPLIT], np.int64, SPLIT, start))
        return Events(columns, {}, {"constituents": constituents}, {}, self.provenance)


def _splits(code: Array) -> Array:
    known = np.array([*SPLITS, ""])
    return known[np.where((code >= 0) & (code < len(SPLITS)), code, len(SPLITS))]


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    with opened(path, "top-tagging") as file:
        yield _Reader(path, file)


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` jets.

    Columns are ``label`` (1 top, 0 QCD), ``split`` (train, test, val), ``jet_pt jet_eta jet_phi jet_mass`` of the sum
    of the constituents and the truth top ``truth_px truth_py truth_pz truth_e`` (GeV, zero for QCD); the collection
    ``constituents`` has px, py, pz, e without the padding.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or of another layout.
    """
    check_rows(rows)
    with _open(check_readable(path)) as reader:
        yield from in_chunks(reader.frame.rows, rows, reader.frame.row_bytes, reader.frame.load, reader.events)


def count(path: Path | str) -> int:
    """Number of jets of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    with _open(check_readable(path)) as reader:
        return reader.frame.rows


def _recognise(path: Path, head: bytes) -> bool:
    found = holds(path, head, lambda file: KEY in file)
    return found is None or found  # damaged: reading it says so


FORMAT = Format(
    name="landscape",
    title="top-tagging HDF5 (pandas key 'table')",
    suffixes=(".h5", ".hdf5"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    write=write,
    holds="the 200 leading constituents, the truth top, label and split of each jet",
)

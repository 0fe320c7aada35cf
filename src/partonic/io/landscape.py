"""The published HDF5 layout of the top-tagging reference sample (arXiv:1902.09914, doi:10.5281/zenodo.2603256).

A pandas table under the key ``table``: E_0, PX_0, PY_0, PZ_0, ... of the 200 leading constituents, padded with zeros,
the truth top as truthE, truthPX, truthPY, truthPZ, then ``ttv`` and ``is_signal_new``. It is read with h5py:
nothing that a stranger pickled into a file is ever unpickled.
"""

from __future__ import annotations

import contextlib
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError
from partonic.core.files import check_readable
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged, offsets_from_counts
from partonic.io.base import Format, check_rows, reading, spans
from partonic.io.landscape_write import COMPONENTS, SPLITS, TRUTH, by_falling_pt, column_names, write

ROWS = 10_000
KEY = "table"
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TEXT_OPCODES = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_LIST_OPCODES = {"MARK", "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_FRAME_OPCODES = {"PROTO", "FRAME", "STOP"}


@dataclass(frozen=True)
class _Block:
    """Columns stored side by side: a dataset (rows, columns), or a field of a compound one."""

    data: Any
    field: str | None
    names: list[str]


def _pickled_names(stored: bytes) -> list[str] | None:
    """The texts of a pickled list of texts, read off its opcodes without running them; ``None`` for anything else."""
    names: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(stored):
            if opcode.name in _TEXT_OPCODES:
                names.append(str(argument))
            elif opcode.name not in _LIST_OPCODES | _FRAME_OPCODES:
                return None
    except (ValueError, UnicodeDecodeError, AttributeError):
        return None
    return names


def _guessed_names(kind: np.dtype[Any], width: int) -> list[str]:
    """The names of a block by its shape, in the published order, where the file's own cannot be read."""
    if kind.kind == "f" and width % 4 == 0 and width > 4:
        return column_names((width - 4) // 4)
    return ["ttv", "is_signal_new"] if kind.kind in "iu" and width == 2 else [""] * width


def _table_blocks(table: Any) -> list[_Block]:
    """Blocks of pandas' ``format="table"``: fields of one compound dataset."""
    blocks = []
    for field in table.dtype.names:
        kind = table.dtype[field]
        if field == "index":
            continue
        if kind.subdtype is None:
            blocks.append(_Block(table, field, [field]))
            continue
        base, (width,) = kind.subdtype
        names = _pickled_names(bytes(table.attrs.get(f"{field}_kind", b"")))
        blocks.append(_Block(table, field, names if names and len(names) == width else _guessed_names(base, width)))
    return blocks


def _fixed_blocks(group: Any) -> list[_Block]:
    """Blocks of pandas' ``format="fixed"``: one dataset for each type."""
    blocks = []
    for i in range(int(group.attrs.get("nblocks", 0))):
        items, values = group[f"block{i}_items"], group[f"block{i}_values"]
        if items.dtype.kind == "S":
            names = [item.decode("utf-8") for item in items[:]]
        else:
            names = _guessed_names(values.dtype, values.shape[1])
        blocks.append(_Block(values, None, names))
    return blocks


class _Reader:
    """Rows of an open file as events."""

    def __init__(self, path: Path, file: Any) -> None:
        group = file.get(KEY)
        if group is None or not hasattr(group, "keys"):
            raise FileError(f"{path} has no key 'table'; it has: {', '.join(file) or 'nothing'}")
        self.blocks = _table_blocks(group["table"]) if "table" in group else _fixed_blocks(group)
        self.place = {name: (b, i) for b, block in enumerate(self.blocks) for i, name in enumerate(block.names)}
        self.constituents = 0
        while all(f"{component}_{self.constituents}" in self.place for component in COMPONENTS):
            self.constituents += 1
        if not self.constituents:
            raise FileError(
                f"{path} has a table, but not the columns E_0, PX_0, PY_0, PZ_0, ... of the top-tagging layout"
            )
        self.rows = len(self.blocks[0].data)
        self.momenta = column_names(self.constituents)[:-4]
        self.provenance = {"source": path.name, "layout": "top-tagging reference sample (arXiv:1902.09914)"}

    def columns(self, loaded: list[Array], names: list[str]) -> Array:
        """Columns (rows, names); a view where they stand side by side in the file."""
        places = [self.place[name] for name in names]
        block, first = places[0]
        if places == [(block, first + i) for i in range(len(names))]:
            return loaded[block][:, first : first + len(names)]
        return np.stack([loaded[b][:, i] for b, i in places], axis=1)

    def events(self, start: int, stop: int) -> Events:
        """Rows ``start`` to ``stop``."""
        whole: dict[str, Any] = {}
        loaded = []
        for block in self.blocks:
            if block.data.name not in whole:
                whole[block.data.name] = block.data[start:stop]
            values = whole[block.data.name] if block.field is None else whole[block.data.name][block.field]
            loaded.append(values.reshape(len(values), len(block.names)))
        p = self.columns(loaded, self.momenta).reshape(-1, self.constituents, 4)
        constituents = _constituents(p)
        columns: dict[str, Array] = {}
        if "is_signal_new" in self.place:
            columns["label"] = self.columns(loaded, ["is_signal_new"])[:, 0].astype(np.int8)
        columns |= _jets(constituents)
        for name, stored in TRUTH.items():
            if stored in self.place:
                columns[name] = self.columns(loaded, [stored])[:, 0].astype(np.float32)
        if "ttv" in self.place:
            columns["split"] = _splits(self.columns(loaded, ["ttv"])[:, 0])
        return Events(columns, {}, {"constituents": constituents}, {}, self.provenance)


def _splits(ttv: Array) -> Array:
    known = np.array([*SPLITS, ""])
    code = np.asarray(ttv, dtype=np.int64)
    return known[np.where((code >= 0) & (code < len(SPLITS)), code, len(SPLITS))]


def _constituents(p: Array) -> Ragged:
    """The constituents (rows, slots, E px py pz) that are not padding, sorted by falling pt."""
    there = np.any(p != 0, axis=2)
    flat = p[there].astype(np.float32, copy=False)  # (items, 4)
    fields = {name: np.ascontiguousarray(flat[:, i]) for i, name in enumerate(("e", "px", "py", "pz"))}
    ragged = Ragged(
        offsets_from_counts(np.count_nonzero(there, axis=1)), {k: fields[k] for k in ("px", "py", "pz", "e")}
    )
    return by_falling_pt(ragged)


def _jets(constituents: Ragged) -> dict[str, Array]:
    """Jet pt, eta, phi and mass of the sum of the constituents, GeV."""
    rows, n = constituents.rows, len(constituents)
    px, py, pz, e = (np.bincount(rows, constituents[name], minlength=n) for name in ("px", "py", "pz", "e"))
    return {
        "jet_pt": kinematics.pt(px, py).astype(np.float32),
        "jet_eta": kinematics.eta(px, py, pz).astype(np.float32),
        "jet_phi": kinematics.phi(px, py).astype(np.float32),
        "jet_mass": kinematics.mass(px, py, pz, e).astype(np.float32),
    }


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    import h5py
    import hdf5plugin  # noqa: F401  (registers the compression filters of PyTables)

    with reading(path, "HDF5 in the top-tagging layout"), h5py.File(path, "r") as file:
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
        for start, stop in spans(reader.rows, rows):
            yield reader.events(start, stop)


def count(path: Path | str) -> int:
    """Number of jets of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    with _open(check_readable(path)) as reader:
        return reader.rows


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(SIGNATURE):
        return False
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return KEY in file
    except (OSError, RuntimeError):
        return True  # damaged: reading it says so


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

"""Writing jets in the published HDF5 layout, such that ``pandas.read_hdf(path, "table")`` reads them."""

from __future__ import annotations

import pickle  # writes the lists of names that pandas expects; nothing is ever unpickled
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import atomic, check_room
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array
from partonic.io.base import as_chunks
from partonic.io.padded import by_falling_pt

SLOTS = 200
CHUNK_ROWS = 256  # 0.8 MB
PIECE = 4 * CHUNK_ROWS
MARGIN = 2 << 20  # bytes that HDF5 may hold back: of a disk that is full when it writes them, it crashes
COMPONENTS = ("E", "PX", "PY", "PZ")
TRUTH = {"truth_e": "truthE", "truth_px": "truthPX", "truth_py": "truthPY", "truth_pz": "truthPZ"}
FLAGS = ["ttv", "is_signal_new"]
# "ttv" counts train, test, validation: so do the scripts that made samples of this layout.
SPLITS = ("train", "test", "val")


def column_names(constituents: int) -> list[str]:
    """E_0, PX_0, PY_0, PZ_0, E_1, ..., truthE, truthPX, truthPY, truthPZ: the published order."""
    return [f"{component}_{i}" for i in range(constituents) for component in COMPONENTS] + list(TRUTH.values())


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:  # noqa: ARG001
    """Write jets; gives their number. The layout holds no provenance.

    Each jet needs the collection ``constituents`` (px, py, pz, e in GeV) and the column ``label`` (0 or 1); ``split``
    (train, test, val; train where there is none) and the truth top (``truth_px truth_py truth_pz truth_e``, or
    ``truth_pt truth_eta truth_phi truth_mass``; zero where there is none) are optional. Constituents beyond the 200
    of largest pt and all other columns are not written.

    Raises:
        InputError: there is no sample, or it lacks constituents or labels, or a label or split is not of this layout.
        FileError: the file cannot be written.
    """
    total = 0
    with atomic(path) as aside, _new(aside) as file:
        table = None
        for chunk in as_chunks(events):
            rows = _rows(chunk, total)
            table = _create(file) if table is None else table
            for piece in np.split(rows, range(PIECE, len(rows), PIECE)):
                check_room(aside, piece.nbytes + MARGIN)
                table.resize(total + len(piece), axis=0)
                table[total:] = piece
                total += len(piece)
                file.flush()
        if table is None:
            raise InputError("there is no sample to write")
        table.attrs["NROWS"] = np.int64(total)
    return total


def _new(path: Path) -> Any:
    """An empty file, on a disk that has room for what HDF5 writes when it is closed."""
    import h5py

    check_room(path, MARGIN)
    return h5py.File(path, "w")


ROW = np.dtype(
    [("index", "<i8"), ("values_block_0", "<f4", (4 * SLOTS + 4,)), ("values_block_1", "<i8", (len(FLAGS),))]
)


def _rows(jets: Events, first: int) -> Array:
    """The rows of the table."""
    constituents = by_falling_pt(jets.collection("constituents"))
    out = np.zeros(len(jets), dtype=ROW)
    out["index"] = np.arange(first, first + len(jets))
    momenta = out["values_block_0"][:, : 4 * SLOTS].reshape(len(jets), SLOTS, 4)
    for i, name in enumerate(("e", "px", "py", "pz")):
        momenta[:, :, i] = constituents.padded(name, SLOTS)
    out["values_block_0"][:, 4 * SLOTS :] = _truth(jets)
    out["values_block_1"] = np.stack([_splits(jets), _labels(jets)], axis=1)
    return out


def _labels(jets: Events) -> Array:
    label = np.asarray(jets.column("label"))
    strange = label[(label != 0) & (label != 1)]
    if len(strange):
        raise InputError(f"this layout knows the labels 0 (QCD) and 1 (top), not {strange[0]}")
    whole: Array = label.astype(np.int64)
    return whole


def _splits(jets: Events) -> Array:
    if "split" not in jets.columns:
        return np.zeros(len(jets), dtype=np.int64)
    split = np.asarray(jets.columns["split"])
    ttv: Array = np.argmax(split[:, None] == np.array(SPLITS), axis=1)
    strange = split[np.array(SPLITS)[ttv] != split]
    if len(strange):
        raise InputError(f"this layout knows the splits {', '.join(SPLITS)}, not '{strange[0]}'")
    return ttv


def _truth(jets: Events) -> Array:
    """The truth top (jets, 4) as E, px, py, pz; zero where the sample has none."""
    if all(name in jets.columns for name in TRUTH):
        return np.stack([jets.columns[name] for name in TRUTH], axis=1)
    polar = [f"truth_{name}" for name in ("pt", "eta", "phi", "mass")]
    if not all(name in jets.columns for name in polar):
        return np.zeros((len(jets), 4))
    px, py, pz, e = kinematics.from_pt_eta_phi_mass(*(np.asarray(jets.columns[name], np.float64) for name in polar))
    return np.stack([e, px, py, pz], axis=1)


def _create(file: Any) -> Any:
    """The empty table, with the attributes by which pandas and PyTables know it."""
    import hdf5plugin

    names = column_names(SLOTS)
    _attributes(file, CLASS="GROUP", PYTABLES_FORMAT_VERSION="2.1", TITLE="", VERSION="1.0")
    group = file.create_group("table")
    _attributes(group, CLASS="GROUP", TITLE="", VERSION="1.0", encoding="UTF-8", errors="strict")
    _attributes(group, pandas_type="frame_table", pandas_version="0.15.2", table_type="appendable_frame")
    group.attrs["levels"] = np.int64(1)
    pickled = {
        "index_cols": [(0, "index")],
        "values_cols": ["values_block_0", "values_block_1"],
        "non_index_axes": [(1, names + FLAGS)],
        "data_columns": [],
        "nan_rep": "nan",
        "info": {1: {"names": [None], "type": "Index"}, "index": {}},
    }
    for key, value in pickled.items():
        group.attrs[key] = np.bytes_(pickle.dumps(value, 0))
    blosc = hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE)
    table = group.create_dataset("table", (0,), ROW, chunks=(CHUNK_ROWS,), maxshape=(None,), compression=blosc)
    _attributes(table, CLASS="TABLE", TITLE="", VERSION="2.7", index_kind="integer")
    for i, field in enumerate(ROW.names or ()):
        _attributes(table, **{f"FIELD_{i}_NAME": field})
        table.attrs[f"FIELD_{i}_FILL"] = np.zeros((), ROW[field].base)[()]
    for field, kind, columns in (("values_block_0", "float32", names), ("values_block_1", "int64", FLAGS)):
        _attributes(table, **{f"{field}_dtype": kind})
        table.attrs[f"{field}_kind"] = np.bytes_(pickle.dumps(columns, 0))
        table.attrs[f"{field}_meta"] = np.bytes_(pickle.dumps(None, 0))
    table.attrs["NROWS"] = np.int64(0)
    return table


def _attributes(item: Any, **attributes: str) -> None:
    """Text as PyTables stores it: of fixed length."""
    import h5py

    for name, value in attributes.items():
        kind = h5py.string_dtype("utf-8", max(len(value), 1))
        item.attrs.create(name, value.encode() if value else h5py.Empty(kind), dtype=kind)

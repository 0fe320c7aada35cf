"""Writing jets as EnergyFlow publishes them, such that ``numpy.load(path)["X"]`` reads them."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.events import kinematics, species
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged, offsets_from_counts
from partonic.io.base import as_chunks
from partonic.io.padded import by_falling_pt

BATCH = 2000  # jets padded at a time


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:  # noqa: ARG001
    """Write jets; gives their number. The layout holds no provenance.

    ``X`` (jets, most particles of a jet, 4) are pt (GeV), rapidity with the mass of the species, azimuth within pi of
    the jet's, and ``pid``, by falling pt; without the field ``pid`` there are three columns. ``y`` is the column
    ``label``, if there is one. All other columns and fields are not written.

    Raises:
        InputError: there is no sample, or it lacks constituents, or samples differ in having a pid or label.
        FileError: the file cannot be written.
    """
    counts: list[Array] = []
    labels: list[Array] = []
    kinds: set[tuple[bool, bool]] = set()
    with atomic(path) as aside, tempfile.TemporaryFile(dir=aside.parent) as spool:
        for chunk in as_chunks(events):
            constituents = by_falling_pt(chunk.collection("constituents"))
            kinds.add(("pid" in constituents.fields, "label" in chunk.columns))
            if len(kinds) > 1:
                raise InputError("the samples of one file must agree in having a field 'pid' and a column 'label'")
            spool.write(_features(constituents).tobytes())
            counts.append(constituents.counts)
            if "label" in chunk.columns:
                labels.append(np.asarray(chunk.columns["label"], dtype=np.float64))
        if not counts:
            raise InputError("there is no sample to write")
        spool.seek(0)
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            width = 4 if next(iter(kinds))[0] else 3
            _write_particles(archive, spool, np.concatenate(counts), width)
            if labels:
                with archive.open("y.npy", "w") as stream:
                    np.lib.format.write_array(stream, np.concatenate(labels), allow_pickle=False)
    return sum(len(part) for part in counts)


def _features(constituents: Ragged) -> Array:
    """Particles as (items, pt rapidity phi [pid]), float64."""
    px, py, pz = (constituents[name].astype(np.float64) for name in ("px", "py", "pz"))
    rows, n = constituents.rows, len(constituents)
    axis = kinematics.phi(np.bincount(rows, px, n), np.bincount(rows, py, n))[rows]
    pt, phi = kinematics.pt(px, py), axis + kinematics.delta_phi(kinematics.phi(px, py), axis)
    if "pid" not in constituents.fields:
        return np.stack([pt, kinematics.eta(px, py, pz), phi], axis=1)
    pid = constituents["pid"]
    rapidity = kinematics.eta(np.hypot(pt, species.mass(pid)), np.zeros(()), pz)
    return np.stack([pt, rapidity, phi, pid.astype(np.float64)], axis=1)


def _write_particles(archive: zipfile.ZipFile, spool: IO[bytes], counts: Array, width: int) -> None:
    """Pad the particles of all jets to the longest, a batch at a time."""
    slots = int(counts.max(initial=1))
    header = {"descr": "<f8", "fortran_order": False, "shape": (len(counts), slots, width)}
    with archive.open("X.npy", "w", force_zip64=True) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(counts), BATCH):
            held = counts[start : start + BATCH]
            flat = np.frombuffer(spool.read(int(held.sum()) * width * 8), "<f8").reshape(-1, width)
            stream.write(Ragged(offsets_from_counts(held), {"p": flat}).padded("p", slots).tobytes())

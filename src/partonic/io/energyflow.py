"""Quark and gluon jets of EnergyFlow as npz (arXiv:1810.05165, doi:10.5281/zenodo.3164691 and zenodo.3066475).

``X`` (jets, particles, 4) are pt, rapidity, phi and the PDG number, padded with zeros, in no order; ``y`` (jets,) is 1
for quarks, 0 for gluons. ``X`` with three columns has no PDG number: such particles are massless.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import check_readable
from partonic.events import species
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged
from partonic.io.arrow import LEFT_OUT
from partonic.io.base import Format, check_rows
from partonic.io.energyflow_write import write
from partonic.io.npz import Member, member, opened
from partonic.io.padded import RowError, falling_order, in_chunks, jet_columns, polar, single, taken, whole_numbers

ROWS = 10_000
PARTICLES, LABELS = "X", "y"
TITLE = "EnergyFlow"


class _Reader:
    """Rows of an open archive as events."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, particles: Member, labels: Member | None) -> None:
        self.particles, self.labels = particles, labels
        if len(particles.shape) != 3 or particles.shape[2] not in (3, 4):
            raise InputError(f"'{PARTICLES}' has shape {particles.shape}, not (jets, particles, 4 or 3)")
        self.rows = particles.shape[0]
        if labels is not None and labels.shape != (self.rows,):
            raise InputError(f"'{LABELS}' has shape {labels.shape}, not ({self.rows},) as the jets of '{PARTICLES}'")
        self.provenance: dict[str, Any] = {
            "source": path.name,
            "layout": "EnergyFlow quark and gluon jets (arXiv:1810.05165)",
        }
        names = (name.removesuffix(".npy") for name in archive.namelist())
        left = [name for name in names if name not in (PARTICLES, LABELS)]
        if left:
            self.provenance[LEFT_OUT] = left

    def load(self, start: int, stop: int) -> list[Array]:
        """The next rows of both arrays."""
        members = (self.particles, self.labels)
        return [one.take(stop - start) for one in members if one is not None]

    def events(self, loaded: list[Array], start: int) -> Events:
        """The sample of loaded rows."""
        columns: dict[str, Array] = {}
        if self.labels is not None:
            columns["label"] = whole_numbers(loaded[1], np.int8, "its label", start)
        features = loaded[0]
        rows, slots, components = features.shape
        offsets, items = taken(features.reshape(rows, slots * components), components, "first")
        constituents = Ragged(offsets, _fields(offsets, items, start))
        return Events(columns | jet_columns(constituents), {}, {"constituents": constituents}, {}, self.provenance)


def _fields(offsets: Array, items: Array, start: int) -> dict[str, Array]:
    """Momenta (GeV) of particles (pt rapidity phi [pid], items) by falling pt, and what is stored of them."""
    pid: Array | None = None
    if len(items) == 4:
        try:
            pid = whole_numbers(items[3], np.int32, "a PDG number", 0)
        except RowError as fault:
            row = int(np.searchsorted(offsets, fault.row, side="right")) - 1
            raise RowError(row, start + row + 1, "has a PDG number that is not a whole number") from None
    order = falling_order(offsets, {"pt": items[0]})
    if order is not None:
        items, pid = np.take(items, order, axis=1), None if pid is None else pid[order]
    stored = dict(zip(("pt", "rapidity", "phi"), single(*items[:3]), strict=True))
    fields = polar(items[0], items[1], items[2], None if pid is None else species.mass(pid)) | stored
    return fields if pid is None else fields | {"pid": pid, "charge": species.charge(pid)}


@contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    with opened(path, TITLE) as archive, member(archive, PARTICLES) as particles:
        if f"{LABELS}.npy" not in archive.namelist():
            yield _Reader(path, archive, particles, None)
            return
        with member(archive, LABELS) as labels:
            yield _Reader(path, archive, particles, labels)


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` jets.

    Columns are ``label`` (1 quark, 0 gluon) and ``jet_pt jet_eta jet_phi jet_mass`` (GeV) of the sum of the particles;
    the collection ``constituents`` has px, py, pz, e with the mass of the species, ``pid``, ``charge`` and the stored
    pt, rapidity, phi, sorted by falling pt.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or of another layout; jets before the fault are given first.
    """
    check_rows(rows)
    with _open(check_readable(path)) as reader:
        yield from in_chunks(reader.rows, rows, reader.particles.row_bytes, reader.load, reader.events)


def count(path: Path | str) -> int:
    """Number of jets of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    with _open(check_readable(path)) as reader:
        return reader.rows


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{PARTICLES}.npy" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError):
        return head[30:35] in (b"X.npy", b"y.npy")  # damaged: reading it says so


FORMAT = Format(
    name="energyflow",
    title="EnergyFlow npz",
    suffixes=(".npz",),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    write=write,
    holds="pt, rapidity, azimuth and PDG number of the constituents, and the label of each jet",
)

"""JetNet HDF5 (arXiv:2106.11535): of 30 (doi:10.5281/zenodo.6975118) or 150 (zenodo.6975117) particles a jet.

``particle_features`` (jets, 30 or 150, 4) are eta and phi relative to the jet, pt relative to the jet's, and a mask;
``jet_features`` (jets, 4) are pt, eta, mass (GeV) and the number of particles. The kind of jet is the name of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import check_readable
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged
from partonic.io.base import Format, check_rows
from partonic.io.hdf5 import Buffered, dataset, holds, opened
from partonic.io.padded import MOMENTUM, double, in_chunks, relative, single, whole_numbers

ROWS = 10_000
PARTICLES, JETS = "particle_features", "jet_features"
KINDS = {"g": "gluon", "q": "light quark", "t": "top", "w": "W", "z": "Z"}
_NAME = re.compile(r"([gqtwz])(?:30|150)?", re.IGNORECASE)


class _Reader:
    """Rows of an open file as events."""

    def __init__(self, path: Path, file: Any) -> None:
        self.particles, self.jets = dataset(file, PARTICLES, 3), dataset(file, JETS, 2)
        jets, _, features = self.particles.shape
        if features not in (3, 4) or self.jets.shape[1] not in (3, 4) or len(self.jets) != jets:
            raise InputError(
                f"'{PARTICLES}' and '{JETS}' have shapes {self.particles.shape} and {self.jets.shape}, "
                "not (jets, particles, 3 or 4) and (jets, 3 or 4)"
            )
        self._particles, self._jets = Buffered(self.particles), Buffered(self.jets)
        self.rows = int(jets)
        self.row_bytes = sum(data[:0].itemsize * int(np.prod(data.shape[1:])) for data in (self.particles, self.jets))
        named = _NAME.fullmatch(path.name.split(".")[0])
        self.kind = named[1].lower() if named else None
        self.provenance: dict[str, Any] = {"source": path.name, "layout": "JetNet (arXiv:2106.11535)"}
        self.provenance["jet_phi"] = "not stored; 0 for every jet"
        if self.kind:
            self.provenance["classes"] = list(KINDS.values())

    def load(self, start: int, stop: int) -> list[Array]:
        """Features of particles and jets, valid until the next are loaded."""
        return [self._particles.load(start, stop), self._jets.load(start, stop)]

    def events(self, loaded: list[Array], start: int) -> Events:
        """The sample of loaded rows."""
        particles, jets = loaded
        n = len(jets)
        columns: dict[str, Array] = {}
        if self.kind:
            columns["label"] = np.full(n, list(KINDS).index(self.kind), np.int8)
            columns["jet_type"] = np.full(n, KINDS[self.kind])
        pt, eta, mass = single(*jets[:, :3].T)
        columns |= {"jet_pt": pt, "jet_eta": eta, "jet_phi": np.zeros(n, np.float32), "jet_mass": mass}
        if jets.shape[1] == 4:
            columns["n_particles"] = whole_numbers(jets[:, 3], np.int32, "the number of particles", start)
        return Events(columns, {}, {"constituents": _constituents(particles, jets)}, {}, self.provenance)


def _constituents(features: Array, jets: Array) -> Ragged:
    """Particles of features (jets, slots, eta phi pt mask) in the frame in which the jet is at its eta and phi 0."""
    rows, slots, components = features.shape
    columns, rule = features.reshape(rows, slots * components), "last" if components == 4 else "any"
    counts, items = relative(columns, components, rule, (2, 0, 1), double(jets[:, 0], jets[:, 1]))
    return Ragged.from_counts(counts, dict(zip((*MOMENTUM, "pt_rel", "eta_rel", "phi_rel"), items, strict=True)))


@contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    with opened(path, "JetNet") as file:
        yield _Reader(path, file)


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` jets.

    Columns are ``jet_pt jet_eta jet_mass`` (GeV) and ``n_particles`` of the file, ``jet_phi`` 0, as it is not stored,
    and for files named g, q, t, w or z (as ``t.hdf5``, ``t150.hdf5``) ``jet_type`` and ``label``, 0 to 4 in this order.
    The collection ``constituents`` has px, py, pz, e of massless particles and the stored eta_rel, phi_rel, pt_rel.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or of another layout; jets before the fault are given first.
    """
    check_rows(rows)
    with _open(check_readable(path)) as reader:
        yield from in_chunks(reader.rows, rows, reader.row_bytes, reader.load, reader.events)


def count(path: Path | str) -> int:
    """Number of jets of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    with _open(check_readable(path)) as reader:
        return reader.rows


def _recognise(path: Path, head: bytes) -> bool:
    return holds(path, head, lambda file: PARTICLES in file and JETS in file) or False


FORMAT = Format(
    name="jetnet",
    title="JetNet HDF5",
    suffixes=(".hdf5", ".h5"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
)

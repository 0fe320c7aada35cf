"""Pythia 8 in batches (arXiv:2203.11601): initialised once, each chunk begun from its own seed, no particle loop.

What comes out of a chunk depends on its seed alone, not on what the generator did before: the random numbers, the
statistics of the cross section and, for files of parton-level events, the part of the file are set anew each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import SimulationError, require
from partonic.events.events import NOMINAL
from partonic.events.ragged import Array, Ragged
from partonic.simulators.quiet import quiet

ALWAYS = (
    "Random:setSeed=on",
    "Random:seed=1",
    "Next:numberCount=0",
    # Without this every K0S and Lambda decays in the generator, before it can reach a detector.
    "ParticleDecays:limitTau0=on",
    "ParticleDecays:tau0Max=10",
    "SLHA:verbose=0",
    # Statistics are reset, without printing, at the start of each chunk.
    "Stat:showProcessLevel=off",
    "Stat:showErrors=off",
    "Stat:reset=on",
)

SCALE_FACTORS = ("0.5", "0.707", "1.414", "2")
VARIATIONS = tuple(f"{shower}_mur_{factor}" for shower in ("isr", "fsr") for factor in SCALE_FACTORS)
"""Weights of the shower variations: the renormalisation scale of initial or final radiation times a factor."""

_MILLIBARN = 1e9  # in pb
_FIELDS = ("id", "status", "mother1", "mother2", "daughter1", "daughter2", "m")
_MOMENTUM = ("px", "py", "pz", "e")
_SENTENCE = re.compile(r"PYTHIA (?:Error|Abort) (?:in|from) (\S+: .*)")


def variation_settings() -> tuple[str, ...]:
    """Pythia's settings for the weights of :data:`VARIATIONS` (arXiv:1605.08352)."""
    bands = ",".join(f"{s}_mur_{f} {s}:muRfac={f}" for s in ("isr", "fsr") for f in SCALE_FACTORS)
    return "UncertaintyBands:doVariations=on", f"UncertaintyBands:List={{{bands}}}"


@dataclass(frozen=True)
class Collisions:
    """A batch of generated events.

    Args:
        record: all of Pythia's event record, with fields pid, status, mother1, mother2, daughter1, daughter2 (positions
            within the event), px py pz e m (GeV) and vertex (position in ``vertices``, -1 for the origin).
        vertices: x y z of production vertices, each (vertices,) in mm.
        weights: name -> (events,), ``nominal`` first.
    """

    record: Ragged
    vertices: tuple[Array, Array, Array]
    weights: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.record)

    def vertex(self, particles: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        """Production vertices (mm) of particles of the record, given by their flat positions."""
        where = self.record["vertex"][particles]
        x, y, z = (np.where(where >= 0, values[where], 0.0) for values in self.vertices)
        return x, y, z


@dataclass(frozen=True)
class Statistics:
    """What Pythia counted since the chunk began.

    Args:
        generated: events that were generated.
        tried: phase-space points that were tried.
        cross_section: in pb.
        cross_section_error: its statistical error, in pb.
    """

    generated: int
    tried: int
    cross_section: float
    cross_section_error: float


class Generator:
    """An initialised Pythia.

    Args:
        settings: lines such as ``"Top:gg2ttbar=on"``, behind those of :data:`ALWAYS`.
        hook: a ``UserHooks`` of Pythia that is called within each event, or None.

    Attributes:
        pythia: the ``pythia8mc.Pythia`` itself.

    Raises:
        MissingPackageError: pythia8mc is not installed.
        SimulationError: Pythia refuses a setting or cannot be initialised.
    """

    def __init__(self, settings: Sequence[str], hook: Any = None) -> None:
        require("awkward", "simulate")
        self._library = require("pythia8mc", "simulate")
        self._hook = hook  # Pythia holds its own half only, without the methods in Python
        with quiet():
            self.pythia: Any = self._start(settings, "Print:quiet=on")
        if self.pythia is None:
            raise SimulationError(f"Pythia cannot be initialised: {self._reason(settings)}")
        self._charges = _charge_table(self.pythia.particleData)
        self._generated = 0

    def _start(self, settings: Sequence[str], printing: str) -> Any:
        pythia = self._library.Pythia("", False)
        for line in (printing, *ALWAYS, *settings):
            if not pythia.readString(line):
                raise SimulationError(f"Pythia does not know the setting '{line}'")
        if self._hook is not None:
            pythia.setUserHooksPtr(self._hook)
        return pythia if pythia.init() else None

    def _reason(self, settings: Sequence[str]) -> str:
        """Initialise again, aloud, and keep what Pythia complains of."""
        with quiet() as printed:
            self._start(settings, "Print:quiet=off")
        sentences = list(dict.fromkeys(match.strip() for match in _SENTENCE.findall(printed.text)))
        return "; ".join(sentences) if sentences else "it gives no reason"

    @property
    def energy(self) -> float:
        """Centre-of-mass energy of the beams (GeV)."""
        return float(self.pythia.infoPython().eCM())

    def begin(self, seed: int) -> None:
        """Start a chunk: random numbers from ``seed`` (1 to 900,000,000), statistics from nothing."""
        with quiet():
            self.pythia.stat()
        self.pythia.rndm.init(seed)
        self._generated = 0

    def open_file(self, path: str) -> None:
        """Read the next parton-level events from another file of the same beams and processes.

        Raises:
            SimulationError: Pythia cannot read it.
        """
        with quiet():
            self.pythia.readString("Beams:newLHEFsameInit=on")
            opened = self.pythia.readString(f"Beams:LHEF={path}") and self.pythia.init()
        if not opened:
            raise SimulationError(f"Pythia cannot read the parton-level events in {path}")

    def generate(self, n: int) -> Collisions:
        """Generate ``n`` events; fewer where a file has ended or an event could not be finished."""
        batch: Any = self.pythia.nextBatch(n)
        if len(batch) == 0:
            return _NOTHING
        self._generated += len(batch)
        layout = batch.layout
        info = layout.content("info").content("weights")
        record, vertices = _record(layout.content("prt"))
        return Collisions(record, vertices, self._weights(np.asarray(info.offsets), np.asarray(info.content.data)))

    def _weights(self, offsets: Array, values: Array) -> dict[str, NDArray[np.float64]]:
        names = [str(name) for name in self.pythia.infoPython().weightNameVector()]
        count = len(names)
        if not np.array_equal(offsets, np.arange(len(offsets)) * count):
            raise SimulationError(f"Pythia's events differ in their number of weights; {count} have a name")
        table = np.asarray(values, dtype=np.float64).reshape(-1, count)
        weights = {NOMINAL: table[:, 0].copy()}
        for column, name in enumerate(names[1:], start=1):
            # Pythia gives each variation twice, by what it does ("isr.murfac=0.5") and by the name that we gave it.
            if not name.startswith(("isr.", "fsr.")):
                weights[name] = table[:, column].copy()
        return weights

    def statistics(self) -> Statistics:
        """What was counted since :meth:`begin`."""
        info = self.pythia.infoPython()
        section, error = float(info.sigmaGen()), float(info.sigmaErr())
        return Statistics(self._generated, int(info.nTried()), section * _MILLIBARN, error * _MILLIBARN)

    def final(self, collisions: Collisions) -> Ragged:
        """The final particles, neutrinos too.

        Returns:
            Fields px py pz e (GeV), pid, charge (units of e), vx vy vz (production vertex, mm) and ``record``, the
            flat position in the event record.
        """
        record = collisions.record
        index = np.flatnonzero(record["status"] > 0)
        x, y, z = collisions.vertex(index)
        pid = record["pid"][index]
        fields = {name: record[name][index] for name in _MOMENTUM}
        fields |= {"pid": pid, "charge": self.charge(pid), "vx": x, "vy": y, "vz": z, "record": index}
        return Ragged(np.searchsorted(index, record.offsets), fields)

    def charge(self, pid: Array) -> NDArray[np.int8]:
        """Charges in units of e (quarks and other fractions are cut to 0)."""
        identity, charge = self._charges
        position = np.minimum(np.searchsorted(identity, np.abs(pid)), len(identity) - 1)
        known = identity[position] == np.abs(pid)
        return np.where(known, charge[position] * np.sign(pid), 0).astype(np.int8)


def _charge_table(data: Any) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Sorted particle numbers and their charges in units of e."""
    numbers = [1]
    while number := int(data.nextId(numbers[-1])):
        numbers.append(number)
    charges = [int(data.chargeType(number) / 3) for number in numbers]
    return np.array(numbers, dtype=np.int32), np.array(charges, dtype=np.int8)


def _record(particles: Any) -> tuple[Ragged, tuple[Array, Array, Array]]:
    """Pythia's arrays as flat NumPy arrays; nothing is copied."""
    items = particles.content
    momentum, vertex = items.content("p"), items.content("vProd")
    fields = {name: np.asarray(items.content(name).data) for name in _FIELDS}
    fields["pid"] = fields.pop("id")
    fields |= {name: np.asarray(momentum.content(name).data) for name in _MOMENTUM}
    fields["vertex"] = np.asarray(vertex.index.data)
    places = vertex.content
    x, y, z = (np.asarray(places.content(name).data) for name in ("px", "py", "pz"))
    return Ragged(np.asarray(particles.offsets.data), fields), (x, y, z)


_INTEGERS = ("pid", "status", "mother1", "mother2", "daughter1", "daughter2", "vertex")
_NOTHING = Collisions(
    Ragged(
        np.zeros(1, dtype=np.int64),
        dict.fromkeys(_INTEGERS, np.zeros(0, dtype=np.int32)) | dict.fromkeys((*_MOMENTUM, "m"), np.zeros(0)),
    ),
    (np.zeros(0), np.zeros(0), np.zeros(0)),
    {NOMINAL: np.zeros(0)},
)

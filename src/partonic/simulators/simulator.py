"""One chunk of a simulation: 500 generated events from a seed of their own, to accepted jets or events."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from partonic.core.errors import require
from partonic.core.rng import PYTHIA_SEED_MAX, chunk_seed, generator
from partonic.events.events import NOMINAL, Events, concatenate
from partonic.simulators import jets, pileup
from partonic.simulators.lhe_source import LheSource
from partonic.simulators.observe import event_rows, jet_rows, see
from partonic.simulators.options import CHUNK, SimulationOptions, events_at_once, plan, settings
from partonic.simulators.passage import Passage
from partonic.simulators.pythia import Collisions, Generator

MEDIUM_STREAM = 1  # of the random numbers of a chunk; the detector has the chunk's own
FIRST_PILEUP_SEED = PYTHIA_SEED_MAX // 2  # as a number of a chunk: no run has so many


@dataclass(frozen=True)
class ChunkFacts:
    """What a chunk adds to the account of a run.

    Args:
        chunk: its number.
        generated: events generated (for a file of parton-level events: read).
        accepted: rows of the sample.
        tried: phase-space points that Pythia tried.
        cross_section: its estimate from this chunk alone, in pb.
        cross_section_error: its statistical error, in pb.
        sum_of_weights: of all generated events.
        sum_of_squared_weights: of all generated events.
        last: whether there can be no further chunk (the file has ended).
    """

    chunk: int
    generated: int
    accepted: int
    tried: int
    cross_section: float
    cross_section_error: float
    sum_of_weights: float
    sum_of_squared_weights: float
    last: bool = False

    @classmethod
    def of(cls, events: Events) -> ChunkFacts:
        """The facts that a chunk carries in its provenance."""
        return cls(**{name: events.provenance[name] for name in cls.__dataclass_fields__})


class _Parts:
    """Parts of a file of parton-level events, where Pythia finds them: in a file that exists in memory only."""

    def __init__(self, path: str) -> None:
        self._source = LheSource(path)
        self._memory = os.memfd_create("partonic-lhe")
        self.path = f"/proc/self/fd/{self._memory}"
        self.show(0, 0)

    def show(self, start: int, stop: int) -> int:
        """Put events ``start`` to ``stop`` there; gives how many there were."""
        text, count = self._source.part(start, stop)
        os.ftruncate(self._memory, 0)
        os.lseek(self._memory, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._memory), "wb") as file:
            file.write(text)
        return count

    def __del__(self) -> None:
        if hasattr(self, "_memory"):
            os.close(self._memory)


class Simulator:
    """Everything that a process needs to simulate chunks; called with the number of a chunk.

    Args:
        options: what to simulate.

    Raises:
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the file of parton-level events cannot be read.
        SimulationError: Pythia refuses.
    """

    def __init__(self, options: SimulationOptions) -> None:
        require("pythia8mc", "simulate")
        require("fastjet", "simulate")
        self.options, self.plan = options, plan(options)
        self._source: _Parts | None = None
        lines = settings(options)
        if self.plan.process.lhe:
            self._source = _Parts(self.plan.process.lhe)
            lines += ("Beams:frameType=4", f"Beams:LHEF={self._source.path}")
        self._lines = lines
        medium = self.plan.medium
        self._passage = None if medium is None else Passage(require("pythia8mc", "simulate"), medium)
        self._generator = self._make()
        self._pileup = None
        if options.pileup > 0:
            energy = self._generator.energy
            self._pileup = Generator((f"Beams:eCM={energy:g}", *pileup.SETTINGS))
        jets.silence()

    def __call__(self, chunk: int) -> Events:
        """Simulate a chunk; its provenance holds its :class:`ChunkFacts`."""
        size = CHUNK
        if self._source is not None:
            size = self._source.show(chunk * CHUNK, (chunk + 1) * CHUNK)
            if self.options.variations:
                # Pythia 8.317 mixes up its weights, or crashes, where the variations meet a second file.
                self._generator = self._make()
            else:
                self._generator.open_file(self._source.path)
        self._generator.begin(chunk_seed(self.options.seed, chunk))
        if self._pileup is not None:
            self._pileup.begin(chunk_seed(self.options.seed, FIRST_PILEUP_SEED + chunk))
        if self._passage is not None:
            self._passage.begin(generator(self.options.seed, chunk, MEDIUM_STREAM))
        rng = generator(self.options.seed, chunk)
        rows: list[Events] = []
        weights: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        for collisions in self._batches(size):
            if len(collisions) > 0:
                weights.append(collisions.weights[NOMINAL])
                rows.append(self._rows(collisions, rng))
        events = concatenate(rows) if rows else Events({"label": np.zeros(0, dtype=np.int8)})
        weight = np.concatenate([np.zeros(0), *weights])
        counted = self._generator.statistics()
        facts = ChunkFacts(
            chunk=chunk,
            generated=size if self._source is not None else counted.generated,
            accepted=len(events),
            tried=counted.tried,
            cross_section=counted.cross_section,
            cross_section_error=counted.cross_section_error,
            sum_of_weights=float(weight.sum()),
            sum_of_squared_weights=float(weight @ weight),
            last=self._source is not None and size < CHUNK,
        )
        return Events(events.columns, events.weights, events.collections, {}, asdict(facts))

    def _make(self) -> Generator:
        return Generator(self._lines, None if self._passage is None else self._passage.hook)

    def _batches(self, size: int) -> Iterator[Collisions]:
        at_once = events_at_once(self.options)
        for start in range(0, size, at_once):
            yield self._generator.generate(min(at_once, size - start))

    def _rows(self, collisions: Collisions, rng: np.random.Generator) -> Events:
        final = self._generator.final(collisions)
        if self._pileup is not None:
            final = pileup.overlay(final, self._pileup, self.options.pileup, rng)
        seen = see(collisions, final, self.options.detector, rng, cells=self.options.cells)
        if self.plan.level == "jets":
            return jet_rows(seen, self.plan, self.options.paired)
        return event_rows(seen, self.plan, self.options.detector, self.options.paired, rng)

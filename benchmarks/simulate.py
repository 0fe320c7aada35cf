"""What the simulation costs over bare Pythia, and what a second worker gains.

``overhead``: process CPU time of ``simulate_to_file`` (top, fast window, atlas, Parquet and manifest written) over that
of bare ``nextBatch`` for the same events, both from nothing to the end, alternating in one process; the median of the
ratios. That the events are the same is asserted: phase-space points tried and cross sections agree to the last digit.

``two-workers``: events per second of wall time with two workers over one, from the moment that all are warm. Where
other work runs on the machine the wall says nothing; then the CPU time per event decides (twice one worker's over two
workers'), which still sees what workers cost each other, and the line says so.

    python benchmarks/simulate.py [--quick] [--case NAME]

``--quick`` ends within about two minutes; a full run merges into ``benchmarks/simulate.json``. Both print one JSON line
for each case; a full run then prints the table for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from harness import busy_cores, run

from partonic.core.parallel import ordered
from partonic.core.rng import chunk_seed
from partonic.simulators.account import Account
from partonic.simulators.options import CHUNK, SimulationOptions, settings
from partonic.simulators.pythia import Generator
from partonic.simulators.simulate import simulate_to_file
from partonic.simulators.simulator import ChunkFacts, Simulator

QUIET_LOAD = 0.5  # of the other work on the machine, in busy cores


def overhead(quick: bool) -> dict[str, Any]:
    """CPU time of the whole chain over bare ``nextBatch`` for the same events."""
    jets, repeats = (500, 4) if quick else (1500, 9)
    chain(SimulationOptions("top", 10))  # pays for imports
    ratios, rates = [], []
    for repeat in range(repeats):
        ours, manifest = chain(SimulationOptions("top", jets, seed=100 + repeat))
        bare, facts = bare_pythia(SimulationOptions("top", jets, seed=100 + repeat), manifest["generated"] // CHUNK)
        check_same(manifest, facts)
        ratios.append(ours / bare)
        rates.append(jets / ours)
    measured = {
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
        "jets_per_cpu_second": round(statistics.median(rates), 1),
        "repeats": repeats,
        "jets": jets,
    }
    return {"measured": measured, "bar": {"ratio": "<= 1.4"}, "holds": measured["ratio"] <= 1.4}


def chain(options: SimulationOptions) -> tuple[float, dict[str, Any]]:
    """CPU seconds of a simulation to a file, and its manifest."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        done = simulate_to_file(options, Path(folder) / "top.parquet")
        return time.process_time() - start, done.manifest


def bare_pythia(options: SimulationOptions, chunks: int) -> tuple[float, list[ChunkFacts]]:
    """CPU seconds of ``nextBatch`` for the same chunks, and what it counted."""
    facts = []
    start = time.process_time()
    generator = Generator(settings(options))
    for chunk in range(chunks):
        generator.begin(chunk_seed(options.seed, chunk))
        batch = generator.pythia.nextBatch(CHUNK)
        assert len(batch) == CHUNK
        counted = generator.statistics()
        section = counted.cross_section, counted.cross_section_error
        facts.append(ChunkFacts(chunk, CHUNK, 0, counted.tried, *section, CHUNK, CHUNK))
    return time.process_time() - start, facts


def check_same(manifest: dict[str, Any], facts: list[ChunkFacts]) -> None:
    """Both generated the same events."""
    bare = Account(facts).summary()
    for name in ("generated", "cross_section_pb", "cross_section_error_pb", "sum_of_weights"):
        assert bare[name] == manifest[name], f"{name}: {bare[name]} is not {manifest[name]}"


class Timed:
    """A simulator that tells the CPU time of each chunk."""

    def __init__(self, options: SimulationOptions) -> None:
        self._simulator = Simulator(options)
        self._simulator(10_000)  # warm

    def __call__(self, chunk: int) -> tuple[float, int, float]:
        """CPU seconds, generated events and a number that tells the rows."""
        start = time.process_time()
        events = self._simulator(chunk)
        cpu = time.process_time() - start
        return cpu, events.provenance["generated"], float(events.columns["jet_pt"].sum())


def timed(workers: int, chunks: int) -> tuple[float, float, list[float]]:
    """Events per second of wall time, CPU seconds an event, and what tells the rows; all workers busy all the time."""
    options = SimulationOptions("top", 1, seed=7)
    results = ordered(partial(Timed, options), count(), workers)
    with closing(results):
        told = [next(results)[2] for _ in range(workers)]
        start, events, cpu = time.perf_counter(), 0, 0.0
        for seconds, generated, rows in islice(results, chunks):
            events, cpu = events + generated, cpu + seconds
            told.append(rows)
        return events / (time.perf_counter() - start), cpu / events, told


def two_workers(quick: bool) -> dict[str, Any]:
    """Events per second with two workers over one."""
    if (os.cpu_count() or 1) < 2:
        return {"measured": {}, "bar": {"speedup": ">= 1.8"}, "holds": None, "why": "this machine has one core"}
    chunks, repeats = (5, 1) if quick else (6, 11)
    wall, cpu, others = [], [], []
    for _ in range(repeats):
        others.append(busy_cores())
        one_rate, one_cpu, one_rows = timed(1, chunks)
        two_rate, two_cpu, two_rows = timed(2, 2 * chunks)
        assert one_rows == two_rows[: len(one_rows)], "the number of workers changed the events"
        wall.append(two_rate / one_rate)
        cpu.append(2 * one_cpu / two_cpu)
    measured = {
        "wall_speedup": round(statistics.median(wall), 2),
        "lowest": round(min(wall), 2),
        "highest": round(max(wall), 2),
        "cpu_speedup": round(statistics.median(cpu), 2),
        "other_work_in_cores": round(max(others), 2),
        "repeats": repeats,
    }
    result = {"measured": measured, "bar": {"speedup": ">= 1.8"}}
    if max(others) < QUIET_LOAD:
        return {**result, "holds": measured["wall_speedup"] >= 1.8}
    why = "other work ran on this machine, so that CPU time decides and not the wall"
    return {**result, "holds": measured["cpu_speedup"] >= 1.8, "why": why}


CASES = {"overhead": overhead, "two-workers": two_workers}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

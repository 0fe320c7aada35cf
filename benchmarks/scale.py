"""A training out of memory: time and resident memory of one epoch of PFN, from 10,000 to 2 million jets on disk.

The samples are written by resampling 4,000 simulated jets, turned at random about the beam, each in a process of its
own; so is each training. Rates are jets a second of processor time on one thread, so that other work on the machine
counts little; the epoch of the large sample lies between two of the small one.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import run

SIZES, QUICK = (10_000, 100_000, 2_000_000), (10_000, 40_000)
WARM = 2_000  # jets of a training that is not timed
SIMULATED = 2_000  # of each class
CHUNK = 5_000
LARGEST_GIB, QUICK_GIB = 1.5, 1.2
SAME_RATE, QUICK_RATE = 0.1, 0.2


def written(n: int, folder: Path) -> Iterator[Any]:
    """Resampled jets, a chunk at a time."""
    import numpy as np

    from partonic.events.events import concatenate
    from partonic.events.ragged import Ragged
    from partonic.io import parquet

    jets = concatenate([parquet.read(folder / f"{process}.parquet") for process in ("top", "qcd")])
    all_fields = jets.collection("constituents")
    momenta = {name: all_fields[name] for name in ("px", "py", "pz", "e")}
    jets = jets.select(["label"]).with_collections(constituents=Ragged(all_fields.offsets, momenta))
    rng = np.random.default_rng(5)
    for start in range(0, n, CHUNK):
        part = jets[rng.integers(0, len(jets), min(CHUNK, n - start))]
        one = part.collection("constituents")
        angle = np.repeat(rng.uniform(-np.pi, np.pi, len(part)), one.counts)
        px = (one["px"] * np.cos(angle) - one["py"] * np.sin(angle)).astype(np.float32)
        py = (one["px"] * np.sin(angle) + one["py"] * np.cos(angle)).astype(np.float32)
        yield part.with_collections(constituents=one.with_fields(px=px, py=py))


def write(n: int, folder: Path) -> None:
    """Write the memory-mapped sample of n jets."""
    from partonic.events.cache import build

    build(written(n, folder), folder / str(n))


def train(n: int, folder: Path) -> float:
    """One epoch of PFN, all of whose jets are seen; gives the seconds of processor time that it takes."""
    import torch

    from partonic.core.registry import models
    from partonic.events.cache import load
    from partonic.fit.batches import Batches
    from partonic.fit.loop import fit
    from partonic.fit.options import FitOptions
    from partonic.objectives.supervised import cross_entropy
    from partonic.represent import representation

    torch.manual_seed(1)
    options = FitOptions(epochs=1, threads=1, learning_rate=1e-3, schedule="constant", warmup=0)
    data = Batches(load(folder / str(n)), representation("packed"), size=128, seed=1)
    few = Batches(load(folder / str(n))[:WARM], representation("packed"), size=128, seed=1)
    fit(models.get("pfn").cls(), cross_entropy, few, None, options)  # compiles and loads what any training needs
    began = time.process_time()
    result = fit(models.get("pfn").cls(), cross_entropy, data, None, options, folder / f"fit-{os.getpid()}")
    if result.items != n or not 0 < result.history[0]["loss"] < 0.6:
        raise SystemExit(f"the epoch has seen {result.items} jets of {n}, with a loss of {result.history[0]['loss']}")
    return time.process_time() - began


def step(what: str, n: int, folder: Path) -> dict[str, float]:
    """Do a step in a process of its own; gives its processor and wall time in seconds and largest memory in GiB."""
    command = [sys.executable, __file__, "--step", what, str(n), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": time.perf_counter() - began}


def one_step(what: str, n: int, folder: Path) -> None:
    """In its own process: do it, and print what it took."""
    began = time.process_time()
    if what == "write":
        write(n, folder)
    seconds = train(n, folder) if what == "train" else time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"GiB": memory, "processor": seconds}))


_measured: dict[bool, list[dict[str, Any]]] = {}


def measure(quick: bool) -> list[dict[str, Any]]:
    """Rows of the table, measured once for all cases."""
    if quick in _measured:
        return _measured[quick]
    from partonic.simulators.simulate import SimulationOptions, simulate_to_file

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("PARTONIC_SCALE_FOLDER")) as name:
        folder = Path(name)
        for process in ("top", "qcd"):
            n = SIMULATED // 10 if quick else SIMULATED
            simulate_to_file(SimulationOptions(process, n, workers=os.cpu_count() or 1), folder / f"{process}.parquet")
        sizes = QUICK if quick else SIZES
        for n in sizes:
            cost = step("write", n, folder)
            rows.append({"jets": n, "write": cost, "bytes": (folder / str(n) / "data.bin").stat().st_size})
        small = sizes[0] if quick else sizes[1]
        for n in (small, sizes[-1], small, *(size for size in sizes[:-1] if size != small)):
            row = next(row for row in rows if row["jets"] == n)
            row.setdefault("train", []).append(step("train", n, folder))
            print(json.dumps(row), file=sys.stderr, flush=True)
    _measured[quick] = rows
    return rows


def rate(row: dict[str, Any]) -> float:
    """Jets a second of processor time; of the mean over repeated trainings."""
    return float(row["jets"] * len(row["train"]) / sum(step["processor"] for step in row["train"]))


def memory(quick: bool) -> dict[str, Any]:
    """Resident memory of the largest sample's training, and of writing it."""
    last, bar = measure(quick)[-1], QUICK_GIB if quick else LARGEST_GIB
    largest = max(step["GiB"] for step in last["train"])
    measured = {"jets": last["jets"], "GiB on disk": round(last["bytes"] / 2**30, 2), "GiB to train": round(largest, 2)}
    measured["GiB to write"] = round(last["write"]["GiB"], 2)
    return {
        "measured": measured,
        "bar": {"GiB, below": bar},
        "holds": max(largest, last["write"]["GiB"]) < bar,
    }


def same_rate(quick: bool) -> dict[str, Any]:
    """Rate with the largest sample over that with the smaller one, which is trained before and after it."""
    rows, bar = measure(quick), QUICK_RATE if quick else SAME_RATE
    small = next(row for row in rows if len(row["train"]) > 1)
    ratio = rate(rows[-1]) / rate(small)
    rates = [small["jets"] / step["processor"] for step in small["train"]]
    return {
        "measured": {
            f"jets/s of {rows[-1]['jets']:,}": round(rate(rows[-1])),
            f"jets/s of {small['jets']:,}": " and ".join(f"{one:.0f}" for one in rates),
            "ratio": round(ratio, 3),
        },
        "bar": {"ratio, above": 1 - bar},
        "holds": ratio > 1 - bar,
    }


def growth(quick: bool) -> dict[str, Any]:
    """How time and memory grow with the number of jets; no bar."""
    measured = {}
    for row in measure(quick):
        wrote, trained = row["write"], row["train"][0]
        measured[f"{row['jets']:,} jets"] = (
            f"{row['bytes'] / 2**30:.2f} GiB on disk; "
            f"written in {wrote['processor']:.0f} s with {wrote['GiB']:.2f} GiB; "
            f"trained in {trained['processor']:.0f} s with {trained['GiB']:.2f} GiB"
        )
    return {"measured": measured, "bar": {}, "holds": None, "why": "shows the growth; it has no bar"}


CASES = {"memory": memory, "rate": same_rate, "growth": growth}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        one_step(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        sys.exit()
    sys.exit(run(__file__, __doc__, CASES))

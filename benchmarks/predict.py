"""How fast files are scored by `partonic predict`, beside the bare network on the same jets represented beforehand.

Read alone, file to checked jets; whole, file to file: read, represent, score, write in the same order. Processor time
of one core that does all of it, in turns in one process, medians; the bars are 20,000 jets/s read, and 0.7 of the bare
network's rate from file to file. Jets have the multiplicities of real ones, 51 constituents in the mean.

    python benchmarks/predict.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import run

from partonic.core.registry import models
from partonic.events import Events, Ragged
from partonic.io import formats
from partonic.models.checkpoint import Trained, save
from partonic.models.prediction import predict_file
from partonic.represent import representation

READ, RATIO = 20_000, 0.7
JETS, QUICK_JETS = 24_000, 8_000
BATCH = 128
FILES = {"parquet": ("jets.parquet", None), "landscape": ("jets.h5", "landscape"), "root": ("jets.root", "jetclass")}
NETWORKS = ("pfn", "particlenet-lite")


@cache
def sample(n: int) -> Events:
    """Jets of random numbers near 600 GeV."""
    rng = np.random.default_rng(1)
    counts = np.clip(rng.lognormal(3.85, 0.4, n), 1, 128).astype(np.int64)
    total = int(counts.sum())
    row = np.repeat(np.arange(n), counts)
    eta = rng.uniform(-1.5, 1.5, n)[row] + rng.normal(0, 0.2, total)
    phi = rng.uniform(-np.pi, np.pi, n)[row] + rng.normal(0, 0.2, total)
    share = rng.exponential(1.0, total) ** 2
    pt = 600 * share / np.bincount(row, share)[row]
    order = np.lexsort((-pt, row))
    pt, eta, phi = pt[order], eta[order], phi[order]
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    fields = {name: values.astype(np.float32) for name, values in fields.items()}
    return Events({"label": np.arange(n) % 2}, {}, {"constituents": Ragged.from_counts(counts, fields)})


def measured(form: str, network: str, quick: bool) -> dict[str, Any]:
    """One format and one network."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    entry = models.get(network)
    trained = Trained(network, {}, entry.cls().eval(), entry.facts["input"])
    name, to = FILES[form]
    n = QUICK_JETS if quick else JETS
    with tempfile.TemporaryDirectory() as place:
        file, model = Path(place) / name, Path(place) / "model.pt"
        formats.write(file, sample(n), to=to)
        save(model, trained)
        output = Path(place) / ("scores.root" if form == "root" else "scores.parquet")
        jets = formats.read(file)
        represent = representation(trained.input)
        batches: list[Any] = [represent(jets[start : start + BATCH]) for start in range(0, n, BATCH)]

        def read() -> None:
            """The file as jets."""
            assert sum(len(part) for part in formats.iterate(file)) == n

        def bare() -> None:
            """The network alone."""
            for batch in batches:
                trained.probabilities(batch)

        def whole() -> None:
            """File to file."""
            predict_file(model, file, output, batch_size=BATCH, overwrite=True)

        whole()
        written = formats.read(output) if form != "root" else formats.read(f"{output}:scores")
        np.testing.assert_allclose(written.columns["score"], trained.scores(jets), rtol=1e-5)
        seconds = timed([read, bare, whole], 2 if quick else 3)
    rates = [n / value for value in seconds]
    ratio = rates[2] / rates[1]
    labels = ("read_jets_per_s", "network_jets_per_s", "file_to_file_jets_per_s")
    return {
        "measured": {label: round(rate) for label, rate in zip(labels, rates, strict=True)}
        | {"ratio": round(ratio, 2)},
        "bar": {"read_jets_per_s": READ, "ratio": RATIO},
        "holds": rates[0] >= READ and ratio >= RATIO,
    }


def timed(steps: list[Callable[[], None]], repeats: int) -> list[float]:
    """Median processor seconds of each step, in turns; the first turn does not count."""
    seconds: list[list[float]] = [[] for _ in steps]
    for turn in range(repeats + 1):
        for step, values in zip(steps, seconds, strict=True):
            began = time.process_time()
            step()
            if turn:
                values.append(time.process_time() - began)
    return [statistics.median(values) for values in seconds]


CASES = {f"{form}-{network}": partial(measured, form, network) for form in FILES for network in NETWORKS}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

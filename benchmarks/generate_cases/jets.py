"""Jets of 30 particles: a network of clouds of particles, trained on top and QCD jets of Pythia with a fast detector.

Measured on jets that were not trained on, one half of them against as many generated jets and against the other half:
Fréchet distance of energy flow polynomials of up to four edges (each over its largest value) and its ratio to that of
the truth, both medians over 41 ways to halve the jets, as that of the truth scatters by more than its size; Wasserstein
distance of mass over momentum, AUC of a classifier, jets drawn a CPU-second, CPU-seconds of the training, whose number
of epochs is fixed. Only in the full run, from three seeds of the training: the median of the larger ratio of both kinds
counts, and all are shown; the simulation of the jets does not count.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from harness import medians
from numpy.typing import NDArray

from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.generation.clouds import clouds
from partonic.generation.jet_quality import compare_jets, energy_flow
from partonic.generation.jets import JetOptions, train_jets
from partonic.io import formats
from partonic.metrics.distances import frechet
from partonic.simulators.samples import samples

PARTICLES = 30
JETS, TESTED = 7_376, 2_376  # of each kind
HALVINGS = 41
OPTIONS = JetOptions(PARTICLES, width=64, layers=3, heads=1, epochs=200, learning_rate=5e-3)
BAR = {"ratio": 5.0, "CPU s": 1_800}


def jets(quick: bool) -> dict[str, Any]:
    """Both kinds by one network."""
    if quick:
        return {"measured": {}, "bar": BAR, "holds": None, "why": "only in the full run"}
    parts = {kind: _parts(events) for kind, events in _simulated().items()}
    rows = [_trained(parts, seed) for seed in (1, 2, 3)]
    counted = ("ratio", "CPU s", *(name for name in rows[0] if name.endswith(("ratio", "jets a CPU s"))))
    measured = {"passes": OPTIONS.epochs} | medians(rows, tuple(dict.fromkeys(counted)), 2)
    measured |= {f"{name}, seeds": [row[name] for row in rows] for name in rows[0] if name not in counted}
    return {"measured": measured, "bar": BAR, "holds": all(measured[name] <= BAR[name] for name in BAR)}


def _trained(parts: Mapping[str, tuple[Events, Events]], seed: int) -> dict[str, Any]:
    """What one training gives."""
    began = time.process_time()
    made = train_jets({kind: train for kind, (train, _) in parts.items()}, OPTIONS, seed=seed)
    row: dict[str, Any] = {"CPU s": time.process_time() - began}
    for number, (kind, (_, test)) in enumerate(parts.items()):
        began = time.process_time()
        drawn = made.sample(len(test), generator(seed, number), kind)
        rate = len(drawn) / (time.process_time() - began)
        quality = compare_jets(test, drawn, PARTICLES, seed=seed)
        generated, truth = _halved(test, drawn)
        row |= {
            f"{kind}: Fréchet": _from_to(generated),
            f"{kind}: truth": _from_to(truth),
            f"{kind}: ratio": float(np.median(generated) / np.median(truth)),
            f"{kind}: W1 of m / pT": str(quality.mass.generated),
            f"{kind}: truth's W1": str(quality.mass.truth),
            f"{kind}: AUC": str(quality.auc.generated),
            f"{kind}: jets a CPU s": rate,
        }
    return row | {"ratio": max(row[f"{kind}: ratio"] for kind in parts)}


def _halved(test: Events, drawn: Events) -> NDArray[np.float64]:
    """Distances of generated jets and of one half of the test jets from the other, (2, HALVINGS)."""
    true, ours = (energy_flow(clouds(jets, PARTICLES)) for jets in (test, drawn))
    half, found = len(true) // 2, []
    for seed in range(HALVINGS):
        order, other = np.random.default_rng(seed).permutation(len(true)), np.random.default_rng(seed + 100)
        first, second = true[order[:half]], true[order[half : 2 * half]]
        some = ours[other.permutation(len(ours))[:half]]
        found.append([frechet(first, one, scale="largest", seed=seed).value for one in (some, second)])
    return np.array(found).T


def _from_to(values: NDArray[np.float64]) -> str:
    """The median, and between what four fifths of the values are."""
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


def _simulated() -> dict[str, Events]:
    """Top and QCD jets of Pythia, simulated where the cache has none."""
    return {kind: formats.read(path) for kind, path in samples({"top": JETS, "qcd": JETS}, seed=2).items()}


def _parts(events: Events) -> tuple[Events, Events]:
    """Jets to train on, and the last ones to test on."""
    return events[: len(events) - TESTED], events[len(events) - TESTED :]


CASES = {"jets": jets}

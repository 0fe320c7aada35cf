"""Jets of 30 particles: a network of clouds of particles, trained on top and QCD jets of Pythia with a fast detector.

Measured on jets that were not trained on, one half of them against as many generated jets and against the other half:
Fréchet distance of energy flow polynomials of up to four edges (each over its largest value) and its ratio to that of
the truth, both medians over five ways to halve the jets, as that of the truth scatters by its size; Wasserstein
distance of mass over momentum, AUC of a classifier, jets drawn a CPU-second, CPU-seconds of the training, whose number
of epochs is fixed. Only in the full run; the simulation of the jets does not count.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.generation.jet_quality import compare_jets
from partonic.generation.jets import JetOptions, train_jets
from partonic.io import formats
from partonic.simulators.samples import samples

PARTICLES = 30
JETS, TESTED = 7_376, 2_376  # of each kind
HALVINGS = 5
OPTIONS = JetOptions(PARTICLES, width=64, layers=3, heads=1, epochs=14, learning_rate=5e-3)
BAR = {"ratio": 5.0, "CPU s": 1_800}


def jets(quick: bool) -> dict[str, Any]:
    """Both kinds by one network; the ratio that counts is the larger one."""
    if quick:
        return {"measured": {}, "bar": BAR, "holds": None, "why": "only in the full run"}
    parts = {kind: _parts(events) for kind, events in _simulated().items()}
    began = time.process_time()
    made = train_jets({kind: train for kind, (train, _) in parts.items()}, OPTIONS, seed=1)
    spent = time.process_time() - began
    measured: dict[str, Any] = {"CPU s": round(spent)}
    ratios = []
    for number, (kind, (_, test)) in enumerate(parts.items()):
        began = time.process_time()
        drawn = made.sample(len(test), generator(1, number), kind)
        rate = len(drawn) / (time.process_time() - began)
        found = [compare_jets(test, drawn, PARTICLES, classify=seed == 1, seed=seed) for seed in range(1, HALVINGS + 1)]
        quality, each = found[0], [(one.frechet.generated.value, one.frechet.truth.value) for one in found]
        generated, truth = (statistics.median(values) for values in zip(*each, strict=True))
        ratios.append(generated / truth)
        measured |= {
            f"{kind}: Fréchet": _from_to([values[0] for values in each]),
            f"{kind}: truth": _from_to([values[1] for values in each]),
            f"{kind}: ratio": round(ratios[-1], 2),
            f"{kind}: W1 of m / pT": str(quality.mass.generated),
            f"{kind}: truth's W1": str(quality.mass.truth),
            f"{kind}: AUC": str(quality.auc.generated),
            f"{kind}: jets a CPU s": round(rate),
        }
    return {"measured": measured, "bar": BAR, "holds": bool(max(ratios) <= BAR["ratio"] and spent <= BAR["CPU s"])}


def _from_to(values: list[float]) -> str:
    """The median, and the smallest and the largest."""
    return f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def _simulated() -> dict[str, Events]:
    """Top and QCD jets of Pythia, simulated where the cache has none."""
    return {kind: formats.read(path) for kind, path in samples({"top": JETS, "qcd": JETS}, seed=2).items()}


def _parts(events: Events) -> tuple[Events, Events]:
    """Jets to train on, and the last ones to test on."""
    return events[: len(events) - TESTED], events[len(events) - TESTED :]


CASES = {"jets": jets}

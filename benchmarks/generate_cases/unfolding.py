"""Unfolding of QCD jets with another strong coupling: what was unfolded against the truth of the data.

Measured: AUC of boosted trees between the true jets of the data and the simulation, before and after OmniFold and the
conditional flow, in five observables at once; and the triangular discrimination of OmniFold's histograms over that of
iterative Bayes by observable, the mean over the observables. Simulates where the cache has no jets. Three seeds of the
trainings in full: the medians count, and all are shown.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import medians

from partonic.generation.evaluate import Separation, two_sample
from partonic.generation.unfolding import Simulated, simulated
from partonic.io.formats import read
from partonic.recipes.unfolding import TITLES, Unfolding, bins_of, histogram, observables, triangular
from partonic.simulators.samples import samples

JETS = {True: 5_000, False: 40_000}
BAR = {
    "AUC before": ">= 0.55",
    "AUC of OmniFold": "<= 0.52",
    "AUC of conditional flow": "<= 0.52",
    "OmniFold over iterative Bayes": "< 1",
}


def unfolding(quick: bool) -> dict[str, Any]:
    """Three methods on the same jets, from three seeds in full."""
    study = Unfolding(jets=JETS[quick])
    made = []
    for coupling, seed in ((None, 1), (study.alpha_s, 2)):
        files = samples({"qcd": study.jets}, 100 * study.seed + seed, workers=2, paired=True, alpha_s=coupling)
        made.append(simulated(*observables(read(files["qcd"]))))
    simulation, data = made
    before = two_sample(data.truth, simulation.truth)
    rows = [_unfolded(study, simulation, data, before.baseline, seed) for seed in range(1 if quick else 3)]
    measured = {"AUC before": round(before.auc.value, 4), "truth against truth": round(before.baseline.auc.value, 4)}
    measured |= medians(rows, tuple(rows[0]), 4)
    holds = (
        measured["AUC before"] >= 0.55
        and max(measured["AUC of OmniFold"], measured["AUC of conditional flow"]) <= 0.52
        and measured["OmniFold over iterative Bayes"] < 1
    )
    return {"measured": measured, "bar": BAR, "holds": holds}


def _unfolded(
    study: Unfolding, simulation: Simulated, data: Simulated, baseline: Separation, seed: int
) -> dict[str, float]:
    """What one seed of the trainings gives."""
    began = time.process_time()
    found = study.unfold(simulation, data.detector, np.ones(len(data)), SimpleNamespace(device="cpu"), seed)
    row = {"CPU-seconds": time.process_time() - began}
    for name in ("omnifold", "flow"):
        values, weight = found[name]
        test = two_sample(data.truth, values, weight_generated=weight[:, 0], baseline=baseline)
        row[f"AUC of {TITLES[name]}"] = test.auc.value
    distances: dict[str, list[float]] = {"omnifold": [], "bayes": []}
    for i, truth in enumerate(data.truth.T):
        ends = bins_of(truth)
        there = histogram(truth, np.ones(len(truth)), ends)
        for name, all_of in distances.items():
            values, weight = found[name]
            all_of.append(triangular(there, histogram(values[:, i], weight[:, i], ends)))
    row["OmniFold over iterative Bayes"] = float(np.mean(distances["omnifold"]) / np.mean(distances["bayes"]))
    return row


CASES = {"unfolding": unfolding}

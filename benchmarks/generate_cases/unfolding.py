"""Unfolding of QCD jets with another strong coupling: what was unfolded against the truth of the data.

Measured: AUC of boosted trees between the true jets of the data and the simulation, before and after OmniFold and the
conditional flow, in five observables at once; and the triangular discrimination of OmniFold's histograms over that of
iterative Bayes by observable, the mean over the observables. Simulates where the cache has no jets.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from partonic.generation.evaluate import two_sample
from partonic.generation.unfolding import simulated
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
    """Three methods on the same jets."""
    study = Unfolding(jets=JETS[quick])
    made = []
    for coupling, seed in ((None, 1), (study.alpha_s, 2)):
        files = samples({"qcd": study.jets}, 100 * study.seed + seed, workers=2, paired=True, alpha_s=coupling)
        made.append(simulated(*observables(read(files["qcd"]))))
    simulation, data = made
    began = time.process_time()
    found = study.unfold(simulation, data.detector, np.ones(len(data)), SimpleNamespace(device="cpu"), 0)
    seconds = time.process_time() - began
    before = two_sample(data.truth, simulation.truth)
    measured = {"AUC before": round(before.auc.value, 4), "truth against truth": round(before.baseline.value, 4)}
    for name in ("omnifold", "flow"):
        values, weight = found[name]
        test = two_sample(data.truth, values, weight_generated=weight[:, 0], baseline=before.baseline)
        measured[f"AUC of {TITLES[name]}"] = round(test.auc.value, 4)
    distances: dict[str, list[float]] = {"omnifold": [], "bayes": []}
    for i, truth in enumerate(data.truth.T):
        ends = bins_of(truth)
        there = histogram(truth, np.ones(len(truth)), ends)
        for name, all_of in distances.items():
            values, weight = found[name]
            all_of.append(triangular(there, histogram(values[:, i], weight[:, i], ends)))
    measured["OmniFold over iterative Bayes"] = round(
        float(np.mean(distances["omnifold"]) / np.mean(distances["bayes"])), 3
    )
    measured["CPU-seconds"] = round(seconds, 1)
    holds = (
        measured["AUC before"] >= 0.55
        and max(measured["AUC of OmniFold"], measured["AUC of conditional flow"]) <= 0.52
        and measured["OmniFold over iterative Bayes"] < 1
    )
    return {"measured": measured, "bar": BAR, "holds": holds}


CASES = {"unfolding": unfolding}

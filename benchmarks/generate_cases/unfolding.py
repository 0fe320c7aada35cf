"""Unfolding of QCD jets with another strong coupling: what was unfolded against the truth of the data.

Measured: AUC of boosted trees between the true jets of the data and the simulation, before and after OmniFold and the
conditional flow, in five observables at once; and for each observable the triangular discrimination of the histograms
of both over that of iterative Bayes, of which OmniFold's largest is judged. A quick run judges the means over the
observables, as in a single one of so few jets chance decides. Simulates where the cache has no jets. Three seeds of the
trainings in full: the medians count, and all are shown.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import medians
from numpy.typing import NDArray

from partonic.generation.evaluate import Separation, two_sample
from partonic.generation.unfolding import Simulated, simulated
from partonic.io.formats import read
from partonic.recipes.unfolding import OBSERVABLES, TITLES, Unfolding, bins_of, histogram, observables, triangular
from partonic.simulators.samples import samples

Floats = NDArray[np.float64]
JETS = {True: 5_000, False: 40_000}
MEANS, WORST = (f"OmniFold over iterative Bayes, {what}" for what in ("means", "largest"))
JUDGED = {True: MEANS, False: WORST}
BAR = {
    "AUC before": ">= 0.55",
    "AUC of OmniFold": "<= 0.52",
    "AUC of conditional flow": "<= 0.52",
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
        and measured[JUDGED[quick]] < 1
    )
    return {"measured": measured, "bar": BAR | {JUDGED[quick]: "< 1"}, "holds": holds}


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
    distances = {name: _distances(data.truth, *found[name]) for name in ("omnifold", "flow", "bayes")}
    ratios = {name: distances[name] / distances["bayes"] for name in ("omnifold", "flow")}
    row[MEANS] = float(distances["omnifold"].mean() / distances["bayes"].mean())
    row[WORST] = float(ratios["omnifold"].max())
    for name, over in ratios.items():
        row |= {f"{TITLES[name]} over Bayes, {one}": float(x) for one, x in zip(OBSERVABLES, over, strict=True)}
    return row


def _distances(truth: Floats, values: Floats, weight: Floats) -> Floats:
    """Triangular discrimination of the histogram of each observable from that of the truth, (observables,)."""
    found = []
    for there, x, w in zip(truth.T, values.T, weight.T, strict=True):
        ends = bins_of(there)
        found.append(triangular(histogram(there, np.ones(len(there)), ends), histogram(x, w, ends)))
    return np.array(found)


CASES = {"unfolding": unfolding}

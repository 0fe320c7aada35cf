"""Showers of electrons and pions in 480 voxels: a flow and flow matching against the simulator they learned from.

Measured: area under the curve of boosted trees that see 65 high-level features (energies, centres, widths and sparsity
of layers, and those of the whole; two folds; simulator against itself beside it), CPU-seconds of the training, showers
a CPU-second of the network and of the simulator. No rate is a bar: the simulator is a parametrisation, fast itself.
Three seeds of the training in full: the medians count, and all are shown.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from harness import medians

from partonic.core.rng import generator
from partonic.generation.calorimeter import LAYER_OPTIONS, SPLIT_OPTIONS, train_showers
from partonic.generation.evaluate import two_sample
from partonic.generation.shower_features import features
from partonic.generation.shower_rows import Showers, showers
from partonic.simulators.showers.simulator import CalorimeterShowers

AUC = {True: 0.85, False: 0.65}
SECONDS = {True: 50, False: 1200}
SHOWERS, TEST = {True: 2_500, False: 20_000}, {True: 2_500, False: 20_000}
LAYER_EPOCHS = {"flow": {True: 15, False: 25}, "matching": {True: 10, False: 30}}
EPOCHS = {"flow": {True: 3, False: 6}, "matching": {True: 3, False: 8}}


def simulated(simulator: CalorimeterShowers, n: int, seed: int) -> Showers:
    """Showers of the simulator."""
    events = simulator.simulate(0.0, n, generator(seed))
    return showers(events.column("voxels"), events.column("energy"))


def learned(particle: str, method: str, quick: bool) -> dict[str, Any]:
    """One generator of showers, trained from three seeds in full."""
    simulator = CalorimeterShowers(particle)
    sample = simulated(simulator, SHOWERS[quick], 1)
    began = time.process_time()
    truth = simulated(simulator, TEST[quick], 2)
    own = TEST[quick] / (time.process_time() - began)
    layers = replace(LAYER_OPTIONS[method], epochs=LAYER_EPOCHS[method][quick])
    splits = replace(SPLIT_OPTIONS[method], epochs=EPOCHS[method][quick])
    seen, rows = features(truth, simulator.geometry), []
    for seed in range(1 if quick else 3):
        began = time.process_time()
        made = train_showers(sample, method, layers=layers, splits=splits, seed=seed)
        spent = time.process_time() - began
        began = time.process_time()
        drawn = made.sample(np.clip(truth.energy, *made.energies), generator(3, seed))
        rate = TEST[quick] / (time.process_time() - began)
        test = two_sample(seen, features(drawn, simulator.geometry), seed=seed)
        rows.append({"AUC": test.auc.value, "CPU s": spent, "showers/CPU s": rate, "test": test})
    measured = medians(rows, ("AUC", "CPU s", "showers/CPU s"))
    measured["AUC, errors"] = [str(row["test"].auc) for row in rows]
    measured["simulator against itself"] = [str(row["test"].baseline.auc) for row in rows]
    measured["simulator/CPU s"] = round(own)
    bar = {"AUC": AUC[quick], "CPU s": SECONDS[quick]}
    return {"measured": measured, "bar": bar, "holds": all(measured[name] <= bar[name] for name in bar)}


def calorimeter(quick: bool) -> dict[str, Any]:
    """Electrons by flows."""
    return learned("electron", "flow", quick)


def calorimeter_pions(quick: bool) -> dict[str, Any]:
    """Pions by flows; the full run only."""
    return _full("pion", "flow", quick)


def calorimeter_matching(quick: bool) -> dict[str, Any]:
    """Electrons by flow matching; the full run only."""
    return _full("electron", "matching", quick)


def _full(particle: str, method: str, quick: bool) -> dict[str, Any]:
    if quick:
        bar = {"AUC": AUC[False], "CPU s": SECONDS[False]}
        return {"measured": {}, "bar": bar, "holds": None, "why": "in the full run only"}
    return learned(particle, method, quick)


CASES = {
    "calorimeter": calorimeter,
    "calorimeter, pions": calorimeter_pions,
    "calorimeter, matching": calorimeter_matching,
}

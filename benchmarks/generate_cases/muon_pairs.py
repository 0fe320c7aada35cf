"""Z -> mu mu: Pythia's with its radiation, and the real pairs of CMS; a flow, flow matching and diffusion.

Measured: area under the curve of boosted trees that see the five values and the mass (two folds; truth against truth
beside it), width of the peak (distance of the quartiles of the mass) over that of the truth, events drawn a CPU-second,
CPU-seconds of the training. The truth is not the sample of the training; of CMS a third is kept. Three seeds in full; a
quick run trains the flow of Pythia's pairs for 30 CPU-seconds.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import length_within
from numpy.typing import NDArray

from partonic.core.rng import generator
from partonic.generation.coordinates import Pair
from partonic.generation.evaluate import two_sample
from partonic.generation.flow import FlowOptions, train_flow
from partonic.generation.lines import Resonant
from partonic.generation.matching import MatchingOptions, train_diffusion, train_matching
from partonic.generation.table import Table, table
from partonic.io import formats
from partonic.simulators.muon_pairs import NAMES, muon_pairs

Floats = NDArray[np.float64]
Train = Callable[[Table, Pair, int], Any]
EVENTS, KEPT = {True: 12_000, False: 60_000}, {True: 8_000, False: 50_000}
WINDOW = Resonant(91.19, 2.5, 60.0, 120.0)
PYTHIA, CMS = Pair(WINDOW, 20.0, 2.4, 60.0), Pair(Resonant(91.0, 5.0, 60.0, 120.0), 3.0, 2.45, 60.0)
FLOW_SECONDS, MATCHING_SECONDS = 60, 300
QUICK_SECONDS, PILOT = 30, 6  # of the flow of Pythia's pairs; passes that say how many fit into them
RATE = 30_000
UPDATES = 6_000  # of a velocity


def small_flow(sample: Table, coordinates: Pair, seed: int) -> Any:
    """Coupling splines of few weights, for a sample of some thousand events."""
    options = FlowOptions(hidden=(12, 12), bins=4, knots=16, size=512, epochs=60)
    return train_flow(sample, coordinates, options, seed=seed)


def matching(sample: Table, coordinates: Pair, seed: int) -> Any:
    """Flow matching."""
    return train_matching(sample, coordinates, MatchingOptions(epochs=UPDATES * 1024 // len(sample)), seed=seed)


def denoising(sample: Table, coordinates: Pair, seed: int) -> Any:
    """Diffusion."""
    return train_diffusion(sample, coordinates, MatchingOptions(epochs=UPDATES * 1024 // len(sample)), seed=seed)


def with_mass(values: Floats) -> Floats:
    """The five values and the mass."""
    one, eta1, two, eta2, angle = values.T
    return np.column_stack([values, np.sqrt(2 * one * two * (np.cosh(eta1 - eta2) - np.cos(angle)))])


def simulated(quick: bool) -> tuple[Floats, Floats]:
    """Pythia's pairs: to learn from, and to judge by; from the cache once they are there."""
    events = muon_pairs(EVENTS[quick] + KEPT[quick], seed=7)
    values = np.column_stack([events.column(name) for name in NAMES])
    return values[: EVENTS[quick]], values[EVENTS[quick] :]


def recorded() -> tuple[Floats, Floats] | None:
    """The pairs of opposite charge of CMS in 2011, two thirds to learn from; None without the file."""
    path = Path(os.environ.get("PARTONIC_TEST_DATA", "")) / "cms_Zmumu_Run2011A.csv"
    if not path.exists():
        return None
    events = formats.read(path)
    columns = {name: np.asarray(events.column(name), dtype=np.float64) for name in events.columns}
    turn = columns["phi1"] - columns["phi2"]
    columns["dphi"] = (turn + np.pi) % (2 * np.pi) - np.pi
    values = np.column_stack([columns[name] for name in NAMES])[columns["Q1"] * columns["Q2"] < 0]
    values = values[generator(3).permutation(len(values))]
    return np.split(values, [2 * len(values) // 3])  # type: ignore[return-value]


def _measured(train: Train, learn: Floats, truth: Floats, coordinates: Pair, seed: int) -> dict[str, Any]:
    began = time.process_time()
    made = train(table(NAMES, learn), coordinates, seed)
    spent = time.process_time() - began
    began = time.process_time()
    drawn = made.sample(max(20_000, len(truth)), generator(seed, 5))
    rate = len(drawn) / (time.process_time() - began)
    told = two_sample(with_mass(truth), with_mass(drawn[: len(truth)]), seed=seed)
    masses = with_mass(drawn)[:, 5], with_mass(truth)[:, 5]
    wide, right = (np.subtract(*np.percentile(mass, [75, 25])) for mass in masses)
    rng = generator(seed, 6)
    again = [rng.choice(masses[1], len(truth)) for _ in range(50)]
    error = np.std([np.subtract(*np.percentile(mass, [75, 25])) for mass in again]) / right
    return {
        "AUC": told.auc,
        "same": told.baseline.auc,
        "width": wide / right,
        "error": error,
        "rate": rate,
        "CPU s": spent,
    }


def _case(
    train: Train, samples: tuple[Floats, Floats], coordinates: Pair, quick: bool, bar: dict[str, Any]
) -> dict[str, Any]:
    rows = [_measured(train, *samples, coordinates, seed) for seed in range(1 if quick else 3)]
    middle = {name: statistics.median(row[name] for row in rows) for name in ("width", "error", "rate", "CPU s")}
    area = statistics.median(row["AUC"].value for row in rows)
    measured = {
        "AUC": round(area, 4),
        "AUC, errors": [str(row["AUC"]) for row in rows],
        "truth against truth": str(rows[0]["same"]),
        "width over truth": f"{middle['width']:.3f} +- {middle['error']:.3f}",
        "events a CPU-second": round(middle["rate"], -2),
        "CPU s": round(middle["CPU s"], 1),
    }
    off = abs(middle["width"] - 1) <= bar["width"] + bar.get("sigmas", 0) * middle["error"]
    holds = area <= bar["AUC"] and off and middle["CPU s"] <= bar["CPU s"] and middle["rate"] >= bar.get("rate", 0)
    return {"measured": measured, "bar": bar, "holds": bool(holds)}


def flow(quick: bool) -> dict[str, Any]:
    """A flow of coupling splines of Pythia's pairs."""
    samples = simulated(quick)
    passes, bar = max(2, 800 * 1024 // len(samples[0])), FLOW_BAR

    def trained(sample: Table, passes: int, seed: int = 0) -> Any:
        """After so many passes over the sample."""
        return train_flow(sample, PYTHIA, FlowOptions(epochs=passes), seed=seed)

    if quick:
        learn = table(NAMES, samples[0])
        passes = length_within(QUICK_SECONDS, lambda n: trained(learn, n), PILOT)
        bar = bar | {"sigmas": 2, "CPU s": QUICK_SECONDS}
    return _case(lambda sample, _, seed: trained(sample, passes, seed), samples, PYTHIA, quick, bar)


def cms_flow(quick: bool) -> dict[str, Any]:
    """A flow of the recorded pairs."""
    samples = recorded()
    bar = {"AUC": 0.53, "width": 0.03, "sigmas": 2, "rate": RATE, "CPU s": FLOW_SECONDS}
    if samples is None:
        return {"measured": {}, "bar": bar, "holds": None, "why": "PARTONIC_TEST_DATA has no cms_Zmumu_Run2011A.csv"}
    return _case(small_flow, samples, CMS, quick, bar)


def _full_only(train: Train, bar: dict[str, Any]) -> Callable[[bool], dict[str, Any]]:
    def case(quick: bool) -> dict[str, Any]:
        """Of Pythia's pairs, not in quick runs."""
        if quick:
            return {"measured": {}, "bar": bar, "holds": None, "why": "full run only"}
        return _case(train, simulated(quick), PYTHIA, quick, bar)

    return case


FLOW_BAR = {"AUC": 0.55, "width": 0.03, "rate": RATE, "CPU s": FLOW_SECONDS}
MATCHING_BAR = {"AUC": 0.56, "width": 0.05, "CPU s": MATCHING_SECONDS}
CASES = {
    "muon-pairs, flow": flow,
    "muon-pairs, CMS, flow": cms_flow,
    "muon-pairs, flow matching": _full_only(matching, MATCHING_BAR),
    "muon-pairs, diffusion": _full_only(denoising, MATCHING_BAR),
}

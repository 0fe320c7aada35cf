"""Adversarial networks on raw momenta: how much narrower a discrepancy of masses makes the peaks (arXiv:1907.03764).

Measured: the distance of the quartiles of the mass without and with the discrepancy, each in CPU-seconds of training
and the same number of updates; of the truth beside it; and the standard deviation of that number which with the
discrepancy spreads least against the truth, as a peak is no gain where the momenta shrink. Muon pairs in transverse
momenta and angles; top quark pairs in the 18 components of the quarks' momenta (full only: the W boson, mean of both
charges). Three seeds in full.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.gan import GanOptions, InvariantMasses, Peaks, pair_mass, train_gan
from partonic.generation.lines import Circular, Straight
from partonic.generation.table import table
from partonic.simulators.muon_pairs import NAMES, toy_muon_pairs
from partonic.simulators.top_pairs import MASSES, W_MINUS, W_PLUS, top_pairs

Floats = NDArray[np.float64]
GAIN = {True: 2.0, False: 3.0}
LEAST_SPREAD = 0.8
SIZE, STRENGTH, DRAWN = 256, 30.0, 20_000
MUONS = Columns(NAMES, (Straight(), Straight(), Straight(), Straight(), Circular(np.pi)))


def gan(quick: bool) -> dict[str, Any]:
    """Muon pairs."""
    events = 20_000 if quick else 60_000
    pairs = toy_muon_pairs(events, generator(5))
    values = np.column_stack([np.asarray(pairs.column(name), dtype=np.float64) for name in NAMES])
    term = Peaks(pair_mass, (2.5, 10.0, 40.0), strength=STRENGTH)
    return _case(values, MUONS, term, updates=600 if quick else 1_500, width=64, quick=quick)


def gan_top_pairs(quick: bool) -> dict[str, Any]:
    """Top quark pairs."""
    if quick:
        return {"measured": {}, "bar": _bar(quick=False), "holds": None, "why": "in the full run only"}
    values = top_pairs(100_000, seed=5)[:, :, 1:].reshape(-1, 18)
    names = tuple(str(number) for number in range(18))
    term = Peaks(InvariantMasses((W_PLUS, W_MINUS), MASSES), (2.0, 8.0, 32.0), strength=STRENGTH)
    return _case(values, Columns(names, (Straight(),) * 18), term, updates=6_000, width=128, quick=False)


def _bar(*, quick: bool) -> dict[str, Any]:
    return {"times narrower": f"at least {GAIN[quick]:g}", "least spread over the truth": f"at least {LEAST_SPREAD:g}"}


def _case(
    values: Floats, coordinates: Columns, term: Peaks, *, updates: int, width: int, quick: bool
) -> dict[str, Any]:
    sample = table(coordinates.names, values)
    options = GanOptions(
        hidden=(width,) * 3,
        critic=(width,) * 3,
        size=SIZE,
        epochs=max(1, round(updates * SIZE / (0.9 * len(values)))),
    )
    gains, widths, spreads, seconds = [], [], [], []
    for seed in range(1 if quick else 3):
        found = []
        for peaks in (None, term):
            began = time.process_time()
            made = train_gan(sample, coordinates, options, peaks=peaks, seed=seed)
            seconds.append(time.process_time() - began)
            drawn = made.sample(DRAWN, generator(seed, 9))
            found.append(_quartiles(drawn, term.quantities))
        spreads.append(float(np.min(drawn.std(axis=0) / values.std(axis=0))))
        gains.append(found[0] / found[1])
        widths.append(found)
    measured = {
        "times narrower": round(statistics.median(gains), 2),
        "from to": f"{min(gains):.2f} {max(gains):.2f}",
        "quartiles without, GeV": round(statistics.median(one[0] for one in widths), 2),
        "quartiles with, GeV": round(statistics.median(one[1] for one in widths), 2),
        "quartiles of the truth, GeV": round(_quartiles(values, term.quantities), 2),
        "least spread over the truth": round(statistics.median(spreads), 2),
        "CPU-seconds a training": round(statistics.median(seconds), 1),
    }
    holds = statistics.median(gains) >= GAIN[quick] and statistics.median(spreads) >= LEAST_SPREAD
    return {"measured": measured, "bar": _bar(quick=quick), "holds": bool(holds)}


def _quartiles(values: Floats, quantities: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """Distance of the quartiles of the masses, their mean, in GeV."""
    masses = quantities(torch.from_numpy(np.ascontiguousarray(values))).numpy()
    return float(np.mean(np.subtract(*np.quantile(masses, [0.75, 0.25], axis=0))))


CASES = {"gan": gan, "gan-top-pairs": gan_top_pairs}

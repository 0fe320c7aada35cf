"""Adversarial networks: how much narrower a discrepancy of masses makes the peaks (arXiv:1907.03764).

Measured: the distance of the quartiles of the mass without and with the discrepancy, with the same network, seed and
number of updates; of the truth beside it; the standard deviations of the momenta that with the discrepancy spread least
and most, over those of the truth, as a peak is no gain where the momenta shrink; CPU-seconds of a training. Top quark
pairs in the momenta of the quarks in the rest frames of W boson and top quark (full only), and muon pairs in transverse
momenta and angles. Three seeds in full: medians, and the lowest and highest.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.rng import generator
from partonic.generation.coordinates import Columns, Coordinates
from partonic.generation.gan import GanOptions, InvariantMasses, Peaks, pair_mass, train_gan
from partonic.generation.lines import Circular, Straight
from partonic.generation.rest_frames import RestFrames
from partonic.generation.table import table
from partonic.simulators.muon_pairs import NAMES, toy_muon_pairs
from partonic.simulators.top_pairs import ANTITOP, MASSES, QUARKS, TOP, W_MINUS, W_PLUS, top_pairs

Floats = NDArray[np.float64]
Masses = Callable[[torch.Tensor], torch.Tensor]
LEAST, MOST = 0.8, 1.25
SPREADS = {"least spread over the truth": f"at least {LEAST:g}", "largest": f"at most {MOST:g}"}
UPDATES, STRENGTH, MARGINALS, DRAWN = 4_000, 120.0, 10.0, 20_000
MUONS = Columns(NAMES, (Straight(), Straight(), Straight(), Straight(), Circular(np.pi)))
BOTTOM, UP, ANTIDOWN, ANTIBOTTOM, DOWN, ANTIUP = QUARKS
TOPS = RestFrames(((BOTTOM, (UP, ANTIDOWN)), (ANTIBOTTOM, (DOWN, ANTIUP))), MASSES)
RESONANCES = {"W": (W_PLUS, W_MINUS), "top": (TOP, ANTITOP)}


@dataclass(frozen=True)
class Sample:
    """What is learned.

    Args:
        values: (n, k).
        coordinates: of them.
        term: what makes their peaks narrow.
        masses: of each kind of resonance, (b, m) of values (b, k); their mean is measured.
    """

    values: Floats
    coordinates: Coordinates
    term: Peaks
    masses: Mapping[str, Masses]


def gan(quick: bool) -> dict[str, Any]:
    """Muon pairs."""
    pairs = toy_muon_pairs(20_000 if quick else 60_000, generator(5))
    values = np.column_stack([np.asarray(pairs.column(name), dtype=np.float64) for name in NAMES])
    options = GanOptions(hidden=(64,) * 3, critic=(64,) * 3, size=256, learning_rate=6e-3, marginals=MARGINALS)
    sample = Sample(values, MUONS, Peaks(pair_mass, (2.5, 10.0, 40.0), strength=STRENGTH), {"Z": pair_mass})
    return _case(sample, options, 600 if quick else 1_500, {"Z": 2.0 if quick else 3.0}, quick=quick)


def gan_top_pairs(quick: bool) -> dict[str, Any]:
    """Top quark pairs."""
    bar = {"W": 3.0, "top": 3.0}
    if quick:
        return {"measured": {}, "bar": _bar(bar), "holds": None, "why": "in the full run only"}
    values = top_pairs(100_000, seed=5)[:, :, 1:].reshape(-1, 18)
    term = Peaks(TOPS.resonances, (2.0, 8.0, 32.0), strength=STRENGTH, events=128, of_coordinates=True)
    options = GanOptions(
        hidden=(96,) * 3,
        critic=(96,) * 3,
        latent=20,
        spheres=4,
        size=128,
        learning_rate=6e-3,
        marginals=MARGINALS,
    )
    resonances = {name: InvariantMasses(groups, MASSES) for name, groups in RESONANCES.items()}
    return _case(Sample(values, TOPS, term, resonances), options, UPDATES, bar, quick=False)


def _bar(narrower: Mapping[str, float]) -> dict[str, str]:
    return {f"{name}, times narrower": f"at least {least:g}" for name, least in narrower.items()} | SPREADS


def _case(
    sample: Sample, options: GanOptions, updates: int, narrower: Mapping[str, float], *, quick: bool
) -> dict[str, Any]:
    """A row: each seed once without and once with the discrepancy."""
    epochs = max(1, round(updates * options.size / (0.9 * len(sample.values))))
    learned, chosen = table(sample.coordinates.names, sample.values), replace(options, epochs=epochs)
    widths: dict[str, list[tuple[float, ...]]] = {name: [] for name in sample.masses}
    spreads, seconds = [], []
    for seed in range(1 if quick else 3):
        found = []
        for peaks in (None, sample.term):
            began = time.process_time()
            made = train_gan(learned, sample.coordinates, chosen, peaks=peaks, seed=seed)
            seconds.append(time.process_time() - began)
            found.append(made.sample(DRAWN, generator(seed, 9)))
        for name, masses in sample.masses.items():
            widths[name].append(tuple(_quartiles(drawn, masses) for drawn in found))
        ratio = found[1].std(axis=0) / sample.values.std(axis=0)
        spreads.append((float(ratio.min()), float(ratio.max())))
    measured: dict[str, Any] = {}
    holds = True
    for name, pairs in widths.items():
        without, beside = zip(*pairs, strict=True)
        gains = [one / other for one, other in pairs]
        measured[f"{name}, times narrower"] = _seeds(gains)
        measured[f"{name}, quartiles without, GeV"] = _seeds(without)
        measured[f"{name}, quartiles with, GeV"] = _seeds(beside)
        measured[f"{name}, quartiles of the truth, GeV"] = round(_quartiles(sample.values, sample.masses[name]), 2)
        holds &= statistics.median(gains) >= narrower.get(name, 0.0)
    least, most = zip(*spreads, strict=True)
    measured |= {"least spread over the truth": _seeds(least), "largest": _seeds(most)}
    measured["CPU-seconds a training"] = round(statistics.median(seconds), 1)
    holds &= statistics.median(least) >= LEAST and statistics.median(most) <= MOST
    return {"measured": measured, "bar": _bar(narrower), "holds": bool(holds)}


def _seeds(values: Sequence[float]) -> str:
    """Their median, and between which they lie."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _quartiles(values: Floats, masses: Masses) -> float:
    """Distance of the quartiles of the masses, their mean, in GeV."""
    found = masses(torch.from_numpy(np.ascontiguousarray(values))).numpy()
    return float(np.mean(np.subtract(*np.quantile(found, [0.75, 0.25], axis=0))))


CASES = {"gan": gan, "gan-top-pairs": gan_top_pairs}

"""Published weights on our jets: does a network trained on JetClass know what Pythia and our detector make?

The ParticleNet of the JetClass authors (arXiv:2202.03772), trained on 100 million jets of MadGraph, Pythia and Delphes,
is applied unchanged to boosted top, QCD, W, Z and H->bb jets of this project's simulation, with the CMS-like detector
and in the range of its training, 500 to 1000 GeV. The bar is the AUC of Tbqq / (Tbqq + QCD) for top against QCD. The
file of weights is ``ParticleNet_kin.pt`` in the folder that PARTONIC_TEST_DATA names.

    python benchmarks/published.py [--quick] [--case NAME]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from harness import run
from numpy.typing import NDArray

from partonic.io import parquet
from partonic.metrics.tagging import auc
from partonic.models.weaver import load_weaver
from partonic.simulators.options import SimulationOptions
from partonic.simulators.samples import sample

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
TRUE = {"top": "Tbqq", "qcd": "QCD", "w": "Wqq", "z": "Zqq", "hbb": "Hbb"}


def row(scores: NDArray[np.float64], true: str) -> str:
    """Shares of jets of one class, probabilities (jets, 10), by their most probable class, the largest first."""
    shares = np.bincount(scores.argmax(axis=1), minlength=len(CLASSES)) / len(scores)
    each = ", ".join(f"{CLASSES[i]} {shares[i]:.3f}" for i in np.argsort(-shares, kind="stable"))
    return f"{shares[CLASSES.index(true)]:.3f} right ({each})"


def jetclass(quick: bool) -> dict[str, Any]:
    """Confusion matrix and AUC."""
    bar = {"auc": ">= 0.985"}
    data = os.environ.get("PARTONIC_TEST_DATA")
    if not data:
        return {"measured": {}, "bar": bar, "holds": None, "why": "PARTONIC_TEST_DATA is not set"}
    network = load_weaver(Path(data) / "ParticleNet_kin.pt", CLASSES)
    n = 500 if quick else 3000
    chosen = ("top", "qcd") if quick else tuple(TRUE)
    probabilities = {}
    for number, process in enumerate(chosen):
        cores = os.cpu_count() or 1
        options = SimulationOptions(
            process, n, workers=cores, seed=300 + number, detector="cms", pt_min=500.0, pt_max=1000.0
        )
        probabilities[process] = network.scores(parquet.read(sample(options)), 256)
    measured: dict[str, Any] = {}
    for process, scores in probabilities.items():
        measured[process] = row(scores, TRUE[process])
    both = np.concatenate([probabilities["top"], probabilities["qcd"]])
    tbqq, qcd = both[:, CLASSES.index("Tbqq")], both[:, CLASSES.index("QCD")]
    area = auc(tbqq / (tbqq + qcd), np.repeat([1, 0], n))
    measured["auc"] = round(area.value, 5)
    measured["auc_error"] = round(area.error, 5)
    return {"measured": measured, "bar": bar, "holds": measured["auc"] >= 0.985}


if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, {"jetclass": jetclass}))

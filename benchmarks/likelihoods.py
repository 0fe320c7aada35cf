"""Binned likelihoods beside pyhf: CLs of five models, and fits of the same toys.

``cls``: largest difference of observed and expected CLs at strengths 0.5, 1 and 2. ``toys``: CPU time of pyhf's fits
(default backend and optimiser) over ours, free and at strength 1, on the same toys, in turns in one process with one
thread; where both find a minimum ours must be as low. The five models are those of the tests: one bin, two bins with a
shape, a normalisation, statistical uncertainties, thirty bins with 34 parameters.

    python benchmarks/likelihoods.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import run

from partonic.core.rng import generator
from partonic.inference.binned_build import build
from partonic.inference.hypotests import draw_toys, hypothesis_tests
from partonic.inference.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from workspaces import FIVE

STRENGTHS = (0.5, 1.0, 2.0)
TIMED = {"two_bins_shape": (20, 100), "thirty_bins": (4, 20)}  # toys that pyhf fits, quick and full
OURS = 1000


def cls(quick: bool) -> dict[str, Any]:  # noqa: ARG001
    """Differences of CLs from pyhf's."""
    bar = dict.fromkeys(FIVE, "<= 0.0001")
    try:
        import pyhf
    except ImportError:
        return {"measured": {}, "bar": bar, "holds": None, "why": "pyhf is not installed"}
    torch.set_num_threads(1)
    measured = {}
    for name, tree in FIVE.items():
        workspace = pyhf.Workspace(tree())
        model = workspace.model()
        data = workspace.data(model)
        ours = hypothesis_tests(build(Workspace.from_tree(tree())), STRENGTHS)
        worst = 0.0
        for i, mu in enumerate(STRENGTHS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seen, bands = pyhf.infer.hypotest(mu, data, model, test_stat="qtilde", return_expected_set=True)
            expected = np.array([float(band) for band in bands])
            worst = max(worst, abs(float(seen) - ours.cls[i]), float(np.abs(expected - ours.expected[i]).max()))
        measured[name] = float(f"{worst:.2g}")
    return {"measured": measured, "bar": bar, "holds": max(measured.values()) <= 1e-4}


def toys(quick: bool) -> dict[str, Any]:
    """How many times faster our fits of toys are."""
    bar = dict.fromkeys(TIMED, ">= 10")
    try:
        import pyhf
    except ImportError:
        return {"measured": {}, "bar": bar, "holds": None, "why": "pyhf is not installed"}
    torch.set_num_threads(1)
    measured: dict[str, Any] = {}
    for name, counts in TIMED.items():
        tree, n = FIVE[name](), counts[0] if quick else counts[1]
        theirs = pyhf.Workspace(tree).model()
        model = build(Workspace.from_tree(tree))
        drawn = draw_toys(model, model.parameters.initial, OURS, generator(7))
        order = [model.parameters.names.index(one) for one in theirs.config.par_names]
        times: list[tuple[float, float]] = []
        worse = 0.0
        for part in np.array_split(np.arange(n), 4):
            began = time.process_time()
            values = []
            for toy in part:
                aux = drawn.auxiliary[toy][order].tolist()
                data = drawn.observed[toy].tolist() + _constrained(theirs, aux)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    free = pyhf.infer.mle.fit(data, theirs, return_fitted_val=True)
                    held = pyhf.infer.mle.fixed_poi_fit(1.0, data, theirs, return_fitted_val=True)
                values.append((float(free[1]), float(held[1])))
            pyhf_each = (time.process_time() - began) / len(part)
            began = time.process_time()
            free = model.fit(drawn.observed, drawn.auxiliary).need("toys")
            held = model.fit(drawn.observed, drawn.auxiliary, hold={"mu": 1.0}).need("toys at strength 1")
            times.append((pyhf_each, (time.process_time() - began) / OURS))
            for toy, pair in zip(part, values, strict=True):
                for fit, value in zip((free, held), pair, strict=True):
                    ours = -2 * float(model.log_prob(fit.x[toy], drawn.observed[toy], drawn.auxiliary[toy])[0])
                    worse = max(worse, ours - value)
        assert worse < 1e-4, f"{name}: pyhf's minimum is lower by {worse}"
        ratios = [their / own for their, own in times]
        measured[name] = round(statistics.median(ratios), 1)
        measured[f"{name}_range"] = f"{min(ratios):.0f} to {max(ratios):.0f}"
        measured[f"{name}_us"] = round(1e6 * statistics.median(own for _, own in times))
    return {"measured": measured, "bar": bar, "holds": all(measured[name] >= 10 for name in TIMED)}


def _constrained(model: Any, auxiliary: list[float]) -> list[float]:
    """Auxiliary data in the order of pyhf, which leaves out parameters without a constraint."""
    config, listed = model.config, []
    for name in config.auxdata_order:
        listed += auxiliary[config.par_slice(name)]
    return listed


CASES = {"cls": cls, "toys": toys}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

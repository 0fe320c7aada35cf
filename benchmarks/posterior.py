"""Posteriors learned from 5,000 simulations of a ten-dimensional Gaussian, beside the exact ones and beside sbi.

``gaussian-linear``: error of the mean (in the units of theta) and relative error of the width of NPE's posteriors at
50 events; p-value of the ranks of 1,000 truths, the smallest of ten parameters times ten; CPU time of training and of
sbi's NPE (its default flow, at most as many epochs) on the same pairs in the same process. One thread.

    python benchmarks/posterior.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch
from harness import run

from partonic.core.rng import generator
from partonic.inference.posterior import train_posterior
from partonic.inference.posterior_checks import simulation_based_calibration
from partonic.inference.priors import NormalPrior
from partonic.simulators.gaussian_linear import GaussianLinear

PAIRS, EVENTS, DRAWS, RANKED = 5000, 50, 2000, 1000
MEAN, WIDTH, LEVEL = 0.03, 0.08, 0.01


def gaussian_linear(quick: bool) -> dict[str, Any]:
    """Errors of the posterior; three seeds in the full run, the largest value and all of them."""
    torch.set_num_threads(1)
    simulator = GaussianLinear()
    prior = NormalPrior(np.zeros(10), np.full(10, np.sqrt(simulator.prior_variance)))
    rows: dict[str, list[float]] = {}
    for seed in range(1 if quick else 3):
        rng = generator(seed)
        theta = prior.sample(PAIRS, rng)
        x = simulator.simulate(theta, PAIRS, rng).column("x")
        began = time.process_time()
        posterior = train_posterior(theta, x, prior, seed=seed)
        row = {"cpu_s": time.process_time() - began}
        seen = simulator.simulate(prior.sample(EVENTS, rng), EVENTS, rng).column("x")
        row |= errors(simulator, posterior.sample(seen, DRAWS, rng), seen)
        truth = prior.sample(RANKED, rng)
        drawn = posterior.sample(simulator.simulate(truth, RANKED, rng).column("x"), 99, rng)
        ranks = simulation_based_calibration(drawn, truth, level=LEVEL)
        row["ranks_p"] = min(1.0, 10 * float(ranks.p_values.min()))
        row |= peer(theta, x, seen, simulator, int(posterior.facts["epochs"]))
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
    measured = {name: round(statistics.median(values), 4) for name, values in rows.items()}
    measured |= {f"{name}_seeds": [round(value, 4) for value in values] for name, values in rows.items() if not quick}
    bar = {"mean_error": f"<= {MEAN}", "width_error": f"<= {WIDTH}", "ranks_p": f">= {LEVEL}"}
    holds = measured["mean_error"] <= MEAN and measured["width_error"] <= WIDTH and measured["ranks_p"] >= LEVEL
    result = {"measured": measured, "bar": bar, "holds": bool(holds)}
    return result if "sbi_cpu_s" in measured else {**result, "why": "sbi is not installed: no time beside it"}


def errors(simulator: GaussianLinear, drawn: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """Mean absolute error of the posteriors' means, mean relative one of their widths."""
    mean, spread = simulator.posterior(x)
    return {
        "mean_error": float(np.abs(drawn.mean(axis=0) - mean).mean()),
        "width_error": float(np.abs(drawn.std(axis=0) / spread - 1).mean()),
    }


def peer(
    theta: np.ndarray, x: np.ndarray, seen: np.ndarray, simulator: GaussianLinear, epochs: int
) -> dict[str, float]:
    """The same of sbi; nothing where it is not installed."""
    try:
        from sbi.inference import NPE
        from sbi.utils import MultipleIndependent
    except ImportError:
        return {}
    warnings.filterwarnings("ignore")
    spread = torch.full((1,), float(np.sqrt(simulator.prior_variance)))
    prior = MultipleIndependent([torch.distributions.Normal(torch.zeros(1), spread) for _ in range(10)])
    trainer = NPE(prior=prior, show_progress_bars=False)
    pair = tuple(torch.tensor(values, dtype=torch.float32) for values in (theta, x))
    began = time.process_time()
    trainer.append_simulations(*pair).train(max_num_epochs=epochs)
    spent = time.process_time() - began
    posterior = trainer.build_posterior()
    events = torch.tensor(seen, dtype=torch.float32)
    drawn = np.stack(
        [posterior.sample((DRAWS,), x=event, show_progress_bars=False).numpy() for event in events], axis=1
    )
    return {"sbi_cpu_s": spent, **{f"sbi_{name}": value for name, value in errors(simulator, drawn, seen).items()}}


CASES = {"gaussian-linear": gaussian_linear}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

"""Lattice field theories: exact sums, hybrid Monte Carlo and a flow that samples phi^4.

``sums``: the U(1) theory on 8 x 8 sites against values computed independently (largest difference of the squared
charge and of the plaquette). ``phi4``: m^2 = -4, lambda = 8 on 8 x 8 sites: acceptance of independence Metropolis and
effective sample size after so many CPU-seconds of training, the mean of phi^2 of that chain and of hybrid Monte Carlo
against 0.1434, share of samples with positive magnetisation. One thread.

    python benchmarks/lattice.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import torch
from harness import run

from partonic.core.rng import generator
from partonic.lattice.chains import effective_sample_size, independence_metropolis, mean_of_chain
from partonic.lattice.flow import train_flow
from partonic.lattice.phi4 import Phi4, magnetisation
from partonic.lattice.u1_exact import charge_squared, plaquette

CHARGES = (2.6007, 1.2393, 0.7078, 0.4820, 0.3607, 0.2792, 0.2171)  # beta = 1 to 7, 8 x 8
PLAQUETTES = (0.44639, 0.69777, 0.80999, 0.86353, 0.89342, 0.91245, 0.92570)
SQUARE = 0.1434  # mean of phi^2
STEPS = {True: 650, False: 950}  # of the training: about 40 and 60 CPU-seconds
ACCEPTANCE = {True: 0.4, False: 0.5}
DRAWS = 16_384


def sums(quick: bool) -> dict[str, Any]:  # noqa: ARG001
    """Differences from known values, and a large lattice."""
    charge = max(abs(charge_squared(beta, 8) - known) for beta, known in enumerate(CHARGES, 1))
    mean = max(abs(plaquette(beta, 8) - known) for beta, known in enumerate(PLAQUETTES, 1))
    large = charge_squared(7.0, 16)
    holds = max(charge, mean) <= 1e-4 and 0 < large < 4
    measured = {"charge": f"{charge:.1e}", "plaquette": f"{mean:.1e}", "charge, 16 x 16, beta 7": round(large, 4)}
    return {"measured": measured, "bar": {"difference": 1e-4}, "holds": holds}


def phi4(quick: bool) -> dict[str, Any]:
    """A flow trained on its own draws; three seeds in the full run, the median and all of them."""
    torch.set_num_threads(1)
    theory = Phi4()
    rows = [_trained(theory, seed, STEPS[quick]) for seed in range(1 if quick else 3)]
    fields, _ = theory.chains(128, 60, torch.Generator().manual_seed(9), every=2)
    exact = mean_of_chain(fields.square().mean(dim=(2, 3)).T.numpy())
    measured: dict[str, Any] = {}
    for name in ("acceptance", "ESS", "CPU s", "positive"):
        values = [row[name] for row in rows]
        measured[name] = round(statistics.median(values), 3)
        if not quick:
            measured[f"{name}, seeds"] = [round(value, 3) for value in values]
    squares = [row["square"] for row in rows]
    measured |= {"phi^2": str(squares[0]), "phi^2, hybrid Monte Carlo": str(exact)}
    good = all(abs(one.value - SQUARE) < 3 * one.error + 5e-5 for one in (*squares, exact))
    even = all(abs(row["positive"] - 0.5) <= 0.02 for row in rows)
    bar = {
        "acceptance": ACCEPTANCE[quick],
        "CPU s": 60,
        "phi^2": f"{SQUARE} within 3 errors",
        "positive": "0.5 +- 0.02",
    }
    holds = measured["acceptance"] >= bar["acceptance"] and measured["CPU s"] <= 60 and good and even
    return {"measured": measured, "bar": bar, "holds": bool(holds)}


def _trained(theory: Phi4, seed: int, steps: int) -> dict[str, Any]:
    began = time.process_time()
    flow, _ = train_flow(theory, steps=steps, seed=seed)
    spent = time.process_time() - began
    phi, log_q = flow.sample(DRAWS, torch.Generator().manual_seed(100 + seed))
    logs = (-theory.action(phi) - log_q).double().numpy()
    chain = independence_metropolis(logs, generator(seed))
    square = phi.square().mean(dim=(1, 2)).double().numpy()[chain.rows]
    return {
        "acceptance": chain.acceptance,
        "ESS": effective_sample_size(logs, generator(seed, 1)).value,
        "CPU s": spent,
        "positive": float((magnetisation(phi) > 0).double().mean()),
        "square": mean_of_chain(square),
    }


CASES = {"sums": sums, "phi4": phi4}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

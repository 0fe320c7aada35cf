"""Lattice field theories: exact sums, hybrid Monte Carlo and flows that sample phi^4 and U(1).

``sums``: the U(1) theory on 8 x 8 sites against values computed independently (largest difference of the squared
charge and of the plaquette). ``phi4``: m^2 = -4, lambda = 8 on 8 x 8 sites: acceptance of independence Metropolis and
effective sample size after so many CPU-seconds of training, the mean of phi^2 of that chain and of hybrid Monte Carlo
against 0.1434, share of samples with positive magnetisation; ``phi4, 10 min``: the same with a longer training.
``u1``: beta = 2 on 8 x 8 sites, a gauge-invariant flow: acceptance, squared charge and plaquette of its chain against
the exact sums, and what a gauge transformation and the way back through the flow change in the logarithm of its
density (double precision). One thread.

    python benchmarks/lattice.py [--quick] [--case NAME]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from harness import length_within, medians, run

from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.lattice.chains import effective_sample_size, independence_metropolis, mean_of_accepted, mean_of_chain
from partonic.lattice.flow import train_flow
from partonic.lattice.gauge_flow import GaugeFlow, train_gauge_flow
from partonic.lattice.phi4 import Phi4, magnetisation
from partonic.lattice.u1 import U1, charge, gauge_transformed, plaquettes
from partonic.lattice.u1_exact import charge_squared, plaquette

CHARGES = (2.6007, 1.2393, 0.7078, 0.4820, 0.3607, 0.2792, 0.2171)  # beta = 1 to 7, 8 x 8
PLAQUETTES = (0.44639, 0.69777, 0.80999, 0.86353, 0.89342, 0.91245, 0.92570)
SQUARE = 0.1434  # mean of phi^2
SECONDS = {True: 40, False: 60}  # of the training
STEPS, LONG_STEPS = 950, 7_500
PILOT = 20  # steps that say how many fit into the seconds of a quick run
GAUGE_STEPS = 2_500
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
    """A flow trained on its own draws for 40 CPU-seconds; three seeds for 60 in the full run, with their median."""
    bar = {"acceptance": ACCEPTANCE[quick], "CPU s": SECONDS[quick]}
    if not quick:
        return _phi4(3, STEPS, bar)
    torch.set_num_threads(1)
    return _phi4(1, length_within(SECONDS[True], lambda steps: train_flow(Phi4(), steps=steps), PILOT), bar)


def phi4_long(quick: bool) -> dict[str, Any]:
    """The same after ten minutes."""
    bar = {"acceptance": 0.65, "ESS": 0.4, "CPU s": 600}
    return _later(bar) if quick else _phi4(3, LONG_STEPS, bar)


def u1(quick: bool) -> dict[str, Any]:
    """A gauge-invariant flow trained on its own draws; three seeds, the median and all of them."""
    bar = {"acceptance": 0.25, "CPU s": 600, "Q^2": "1.2393 within 3 errors", "plaquette": "0.69777 within 3 errors"}
    bar |= {"gauge": 1e-5, "way back": 1e-5}
    if quick:
        return _later(bar)
    torch.set_num_threads(1)
    rows = [_trained_gauge(U1(8, 2.0), seed) for seed in range(3)]
    measured = medians(rows, ("acceptance", "ESS", "CPU s"))
    for name in ("Q^2", "plaquette"):
        measured[f"{name}, seeds"] = [str(row[name]) for row in rows]
    for name in ("gauge", "way back"):
        measured[name] = f"{max(row[name] for row in rows):.1e}"
    right = all(_near(row["Q^2"], CHARGES[1]) and _near(row["plaquette"], PLAQUETTES[1]) for row in rows)
    sound = all(max(row["gauge"], row["way back"]) <= 1e-5 for row in rows)
    holds = measured["acceptance"] >= 0.25 and measured["CPU s"] <= 600 and right and sound
    return {"measured": measured, "bar": bar, "holds": bool(holds)}


def _later(bar: dict[str, Any]) -> dict[str, Any]:
    return {"measured": {}, "bar": bar, "holds": None, "why": "full run only"}


def _phi4(seeds: int, steps: int, bar: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(1)
    theory = Phi4()
    rows = [_trained(theory, seed, steps) for seed in range(seeds)]
    fields, _ = theory.chains(128, 60, torch.Generator().manual_seed(9), every=2)
    exact = mean_of_chain(fields.square().mean(dim=(2, 3)).T.numpy())
    measured = medians(rows, ("acceptance", "ESS", "CPU s", "positive"))
    squares = [row["square"] for row in rows]
    measured |= {"phi^2, seeds": [str(one) for one in squares], "phi^2, hybrid Monte Carlo": str(exact)}
    good = all(_near(one, SQUARE) for one in (*squares, exact))
    even = all(abs(row["positive"] - 0.5) <= 0.02 for row in rows)
    enough = all(measured[name] >= bar[name] for name in ("acceptance", "ESS") if name in bar)
    holds = enough and measured["CPU s"] <= bar["CPU s"] and good and even
    bar = {**bar, "phi^2": f"{SQUARE} within 3 errors", "positive": "0.5 +- 0.02"}
    return {"measured": measured, "bar": bar, "holds": bool(holds)}


def _near(found: Estimate, known: float) -> bool:
    """Within three errors and the rounding of what is known."""
    return abs(found.value - known) < 3 * found.error + 5e-5


def _trained_gauge(theory: U1, seed: int) -> dict[str, Any]:
    began = time.process_time()
    flow, _ = train_gauge_flow(theory, steps=GAUGE_STEPS, seed=seed)
    spent = time.process_time() - began
    links, log_q = flow.sample(DRAWS, torch.Generator().manual_seed(100 + seed))
    logs = (-theory.action(links) - log_q).double().numpy()
    chain = independence_metropolis(logs, generator(seed))
    gauge, back = _changes(flow.double(), seed)
    return {
        "acceptance": chain.acceptance,
        "ESS": effective_sample_size(logs, generator(seed, 1)).value,
        "CPU s": spent,
        "Q^2": mean_of_accepted(charge(links).square().double().numpy(), chain),
        "plaquette": mean_of_accepted(plaquettes(links).cos().mean(dim=(1, 2)).double().numpy(), chain),
        "gauge": gauge,
        "way back": back,
    }


@torch.no_grad()
def _changes(flow: GaugeFlow, seed: int) -> tuple[float, float]:
    """Largest changes of the logarithm of the density by a gauge transformation and on the way back."""
    random = torch.Generator().manual_seed(seed)
    links, log_q = flow.sample(200, random)
    turned = gauge_transformed(links, 6.0 * torch.rand(links[:, 0].shape, generator=random, dtype=links.dtype))
    again = flow.log_prob(links)
    return float((flow.log_prob(turned) - again).abs().max()), float((again - log_q).abs().max())


def _trained(theory: Phi4, seed: int, steps: int) -> dict[str, Any]:
    began = time.process_time()
    flow, _ = train_flow(theory, steps=steps, seed=seed)
    spent = time.process_time() - began
    phi, log_q = flow.sample(DRAWS, torch.Generator().manual_seed(100 + seed))
    logs = (-theory.action(phi) - log_q).double().numpy()
    chain = independence_metropolis(logs, generator(seed))
    return {
        "acceptance": chain.acceptance,
        "ESS": effective_sample_size(logs, generator(seed, 1)).value,
        "CPU s": spent,
        "positive": float((magnetisation(phi) > 0).double().mean()),
        "square": mean_of_accepted(phi.square().mean(dim=(1, 2)).double().numpy(), chain),
    }


CASES = {"sums": sums, "phi4": phi4, "u1": u1, "phi4, 10 min": phi4_long}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

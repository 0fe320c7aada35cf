"""The simulator of weak boson fusion: its speed, its efficiency, its cross sections beside Pythia's.

``components``: sets of six morphing components a CPU-second, with parton densities, of given momenta; ``unweighted``:
events of the Standard Model within the cuts a CPU-second; ``pythia``: cross sections of the fusion of WW and ZZ over
those of Pythia with the same parton densities, couplings and fixed scale, no cuts. One thread.

    python benchmarks/inference.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np
import torch
from harness import run

from partonic.core.rng import generator
from partonic.simulators.wbf import Constants, Cuts, WeakBosonFusion
from partonic.simulators.wbf.sampling import Sampler

OVERWEIGHT = 1e-3
PYTHIA = {"ww": "HiggsSM:ff2Hff(t:WW)", "zz": "HiggsSM:ff2Hff(t:ZZ)"}


def components(quick: bool) -> dict[str, Any]:
    """Component sets a CPU-second, both channels summed."""
    torch.set_num_threads(1)
    fusion, rng = WeakBosonFusion(), generator(1)
    plan = Sampler(fusion.element, fusion.cuts).plan(np.eye(6)[0], OVERWEIGHT)
    block = Sampler(fusion.element, fusion.cuts).block(plan.grid, rng, 32_768)
    n, rates = len(block.jacobian), []
    for _ in range(11 if quick else 51):
        began = time.process_time()
        total = fusion.element.components(block.invariants).sum(0)
        rates.append(n / (time.process_time() - began))
    assert total.shape == (6, n)
    assert bool((total[0] > 0).all())
    rate = statistics.median(rates)
    return {"measured": {"per_cpu_s": round(rate)}, "bar": {"per_cpu_s": ">= 500000"}, "holds": rate >= 5e5}


def unweighted(quick: bool) -> dict[str, Any]:
    """Events a CPU-second; their components are not part of the time."""
    torch.set_num_threads(1)
    fusion, rng = WeakBosonFusion(), generator(2)
    sampler = Sampler(fusion.element, fusion.cuts)
    plan = sampler.plan(np.eye(6)[0], OVERWEIGHT)
    n, rates = 20_000, []
    for _ in range(3 if quick else 9):
        began = time.process_time()
        sampler.unweighted(plan, n, rng)
        rates.append(n / (time.process_time() - began))
    rate = statistics.median(rates)
    measured = {
        "per_cpu_s": round(rate),
        "efficiency": round(plan.cap.efficiency, 4),
        "overweight": round(plan.cap.overweight, 6),
    }
    bar = {"per_cpu_s": ">= 20000", "overweight": "<= 0.001"}
    return {"measured": measured, "bar": bar, "holds": rate >= 2e4 and plan.cap.overweight <= OVERWEIGHT}


def pythia(quick: bool) -> dict[str, Any]:
    """Ratio of our cross sections to Pythia's; of our error the relative one of the sum of all channels is taken."""
    bar = {"ww": "0.98 to 1.02", "zz": "0.98 to 1.02"}
    try:
        import pythia8mc
    except ImportError:
        return {"measured": {}, "bar": bar, "holds": None, "why": "pythia8mc is not installed"}
    constants = Constants()
    open_cuts = Cuts(pt=0.5, eta=8.0, mass=0.0, delta_eta=0.0)
    section = WeakBosonFusion(cuts=open_cuts).cross_section
    ours, error = section.channels[:, 0], float(np.sqrt(section.covariance[0, 0]))
    measured: dict[str, Any] = {}
    for value, (name, process) in zip(ours, PYTHIA.items(), strict=True):
        theirs, their_error = pythia_cross_section(pythia8mc, process, constants, 10_000 if quick else 60_000)
        measured[name] = round(value / theirs, 4)
        measured[f"{name}_error"] = round(float(np.hypot(error / section.components[0], their_error / theirs)), 4)
    return {"measured": measured, "bar": bar, "holds": all(abs(measured[name] - 1) <= 0.02 for name in PYTHIA)}


def pythia_cross_section(pythia8mc: Any, process: str, constants: Constants, n: int) -> tuple[float, float]:
    """Cross section of one process and its error, in pb."""
    generated = pythia8mc.Pythia("", False)
    lines = (
        "Print:quiet = on",
        f"{process} = on",
        f"Beams:eCM = {constants.energy}",
        "PDF:pSet = 13",
        "SigmaProcess:factorScale3VV = 6",
        f"SigmaProcess:factorFixScale = {constants.scale**2}",
        "SigmaProcess:alphaEMorder = -1",
        f"StandardModel:alphaEMmZ = {constants.alpha}",
        f"StandardModel:sin2thetaW = {constants.sin2}",
        f"24:m0 = {constants.w_mass}",
        f"23:m0 = {constants.z_mass}",
        f"25:m0 = {constants.higgs_mass}",
        "25:doForceWidth = on",
        "25:mWidth = 0.001",
        "PartonLevel:all = off",
        "HadronLevel:all = off",
        "Random:setSeed = on",
        "Random:seed = 5",
    )
    for line in lines:
        if not generated.readString(line):
            raise RuntimeError(f"Pythia refuses '{line}'")
    if not generated.init():
        raise RuntimeError(f"Pythia cannot start {process}")
    for _ in range(n):
        generated.next()
    info = generated.infoPython()
    return 1e9 * info.sigmaGen(), 1e9 * info.sigmaErr()


CASES = {"components": components, "unweighted": unweighted, "pythia": pythia}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

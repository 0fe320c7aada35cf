"""Neural importance sampling: how even the weights become, against madnis and vegas with the same integrand calls."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import harness
import numpy as np
import torch
from integrands import CASES, Case

from partonic.core.rng import generator
from partonic.integrate.channels import Cube
from partonic.integrate.integral import Integral
from partonic.integrate.run import IntegrateOptions, integrate
from partonic.integrate.train import FlowOptions
from partonic.integrate.unweighted import draw, unweight

NO_PEER = "the peers madnis and vegas are not installed (pip install 'partonic[peers]')"
JUDGED = 100_000
SEEDS, QUICK = 3, 60_000  # of the full run, and calls of the quick one
BUILT = {False: 0.90, True: 0.80}  # effective share with a channel from the library's maps, full and quick


def peers() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("madnis", "vegas"))


def ours(name: str, calls: int, method: str, seed: int = 0, **options: Any) -> tuple[Integral, float, Case]:
    """The integral, the processor seconds up to the final density and after it, and the case."""
    case = CASES[name]()
    began = time.process_time()
    chosen = IntegrateOptions(calls=calls, method=method, seed=seed, **{"final": JUDGED, "restarts": 0, **options})
    found = integrate(case.function, case.channels or case.dim, chosen)
    return found, time.process_time() - began, case


def pull(found: Integral, case: Case) -> float:
    return (found.estimate.value - case.exact) / found.estimate.error


def kish(weights: np.ndarray) -> float:
    size = np.abs(weights)
    return float(size.mean() ** 2 / (size**2).mean())


def madnis(case: Case, calls: int, seed: int) -> tuple[Any, float]:
    """The peer with its VEGAS pre-training and four buffered steps a fresh batch, the best of its presets here."""
    from madnis.integrator import Integrand, Integrator, VegasPreTraining

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the peer draws from it
    count = len(case.channels)
    if count > 1:

        def function(x: torch.Tensor, channel: torch.Tensor) -> tuple[torch.Tensor, ...]:
            made = [one.forward(x.double()) for one in case.channels]
            picked = channel.long()
            y = torch.stack([part for part, _ in made])[picked, torch.arange(len(x))]
            density = torch.stack([part for _, part in made])[picked, torch.arange(len(x))]
            prior = torch.stack([one.inverse(y)[1] for one in case.channels], 1)
            prior = prior / prior.sum(1, keepdim=True)
            return (case.function(y) / density).float(), y.float(), prior.float()

        integrand = Integrand(
            function, input_dim=case.dim, channel_count=count, remapped_dim=case.dim, has_channel_weight_prior=True
        )
    else:

        def along(x: torch.Tensor) -> torch.Tensor:
            y, density = (case.channels or (Cube(case.dim),))[0].forward(x.double())
            return (case.function(y) / density).float()

        integrand = Integrand(along, input_dim=case.dim)
    batch, buffered, before = 1024, 4, int(0.15 * calls)
    steps = (calls - before) // batch * (1 + buffered)
    began = time.process_time()
    integrator = Integrator(
        integrand,
        batch_size=batch,
        learning_rate=1e-3,
        scheduler=lambda optimiser: torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps),
        dtype=torch.float32,
        buffer_capacity=200_000,
        minimum_buffer_size=4 * batch,
        buffered_steps=buffered,
    )
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        grids = VegasPreTraining(integrator, bins=64, damping=0.7)
        grids.train([before // 7 // max(1, count)] * 7)
        grids.initialize_integrator()
        for _ in range(steps):
            integrator.train_step()
    return integrator, time.process_time() - began


def madnis_weights(integrator: Any, n: int) -> np.ndarray:
    with torch.no_grad():
        weights = integrator.sample(n, batch_size=50_000).weights.double().numpy()
    return weights[np.isfinite(weights)]


def several(
    name: str, calls: int, method: str, quick: bool, **options: Any
) -> tuple[list[Integral], dict[str, Any], float, bool]:
    """Integrals from three seeds (one in the quick run), what to show of them, median processor seconds, all right."""
    made = [ours(name, calls, method, seed, **options) for seed in range(1 if quick else SEEDS)]
    found = [one for one, _, _ in made]
    seconds = statistics.median(taken for _, taken, _ in made)
    off = [pull(one, case) for one, _, case in made]
    measured = {
        "ESS": [round(one.effective, 3) for one in found],
        "CPU s": round(seconds, 1),
        "pulls": [round(one, 1) for one in off],
        "status": ", ".join(one.status for one in found),
    }
    right = all(one.status == "ok" for one in found) and max(map(abs, off)) < 4
    return found, measured, seconds, right


def middle(found: list[Integral]) -> float:
    """Median effective share of points."""
    return statistics.median(one.effective for one in found)


@functools.cache
def flows(name: str, calls: int, quick: bool) -> tuple[list[Integral], dict[str, Any], float, bool]:
    """Trained flows of several seeds, which more than one case shows."""
    return several(name, calls, "flow", quick)


def learned(name: str, calls: int, seconds: float, bar: float) -> harness.Case:
    """A trained flow, and madnis with as many calls."""

    def case(quick: bool) -> dict[str, Any]:
        n = QUICK if quick else calls
        found, measured, taken, good = flows(name, n, quick)
        value = middle(found)
        if not peers():
            holds = None if quick else good and value >= bar and taken <= seconds
            return {"measured": measured, "bar": {"ESS": bar, "CPU s": seconds}, "holds": holds, "why": NO_PEER}
        theirs = [madnis(CASES[name](), n, seed) for seed in range(len(found))]
        shares = [kish(madnis_weights(one, JUDGED)) for one, _ in theirs]
        peer = statistics.median(shares)
        measured = measured | {
            "madnis ESS": [round(one, 3) for one in shares],
            "madnis CPU s": round(statistics.median(spent for _, spent in theirs), 1),
        }
        if quick:
            return {"measured": measured, "bar": {"ESS": "madnis'"}, "holds": good and value >= peer}
        limits = {"ESS": f"{bar}, and madnis'", "CPU s": seconds}
        return {"measured": measured, "bar": limits, "holds": good and value >= max(bar, peer) and taken <= seconds}

    return case


def short(quick: bool) -> dict[str, Any]:
    """mc8 within 20 seconds."""
    bar = {"ESS": 0.68, "CPU s": 20}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": "full run only"}
    ours("mc8", 2_000, "flow", final=2_000)  # what is imported and compiled once is not counted
    found, measured, taken, good = several("mc8", 100_000, "flow", quick, final=40_000, flow=FlowOptions(replay=2.6))
    return {"measured": measured, "bar": bar, "holds": good and middle(found) >= 0.68 and taken <= 20}


def camel8(quick: bool) -> dict[str, Any]:
    """Two peaks in eight dimensions."""
    if quick:
        return {"measured": {}, "bar": {"ESS": 0.65, "CPU s": 60}, "holds": None, "why": "full run only"}
    found, measured, seconds, good = several("camel8", 400_000, "auto", quick)
    return {
        "measured": measured | {"method": found[0].method},
        "bar": {"ESS": 0.65, "CPU s": 60},
        "holds": good and min(one.effective for one in found) >= 0.65 and seconds <= 60,
    }


def camel16(quick: bool) -> dict[str, Any]:
    """Two peaks in sixteen dimensions: right, or failed and said."""
    measured, silent, right = right_or_said("camel16", "auto", 1 if quick else 10, 400_000)
    bar = {"wrong and ok": 0, "right": "8 of 10", "ESS goal": 0.5}
    return {"measured": measured, "bar": bar, "holds": silent == 0 and right >= 0.8}


def camel16_flow(quick: bool) -> dict[str, Any]:
    """The same with flows on top."""
    measured, silent, _ = right_or_said("camel16", "flow", 1 if quick else SEEDS, QUICK if quick else 400_000)
    return {"measured": measured, "bar": {"wrong and ok": 0}, "holds": silent == 0}


def camel16_uneven(quick: bool) -> dict[str, Any]:
    """Four fifths of the integral under one of the peaks, and few calls: grids like to lose the other one."""
    if quick:
        return {"measured": {}, "bar": {"wrong and ok": 0}, "holds": None, "why": "full run only"}
    measured, silent, right = right_or_said("camel16, uneven", "grid", 10, 60_000)
    return {"measured": measured, "bar": {"wrong and ok": 0, "right": "8 of 10"}, "holds": silent == 0 and right >= 0.8}


def right_or_said(name: str, method: str, count: int, calls: int) -> tuple[dict[str, Any], int, float]:
    """What to show of several seeds of an integrand, how many are wrong and ok, and the share that is right."""
    found = [ours(name, calls, method, seed, restarts=1) for seed in range(count)]
    pulls = [pull(one, case) for one, _, case in found]
    right = [abs(value) < 3 for value in pulls]
    silent = sum(one.status == "ok" and not good for (one, _, _), good in zip(found, right, strict=True))
    measured: dict[str, Any] = {
        "right within 3 sigma": f"{sum(right)} of {count}",
        "wrong and ok": silent,
        "pulls": [round(value, 1) for value in pulls],
        "method": ", ".join(sorted({one.method for one, _, _ in found})),
        "ESS": round(statistics.median(one.effective for one, _, _ in found), 3),
        "CPU s": round(max(taken for _, taken, _ in found), 1),
    }
    return measured, silent, sum(right) / count


def product(quick: bool) -> dict[str, Any]:
    """What factorises: grids are chosen, and do no worse than vegas with its stratification."""
    calls = QUICK if quick else 400_000
    found, measured, _, good = several("prod4", calls, "auto", quick, seconds_per_call=1e-3, final=calls)
    methods = {one.method for one in found}
    spreads = [one.measurement.spread for one in found]
    measured = measured | {
        "method": ", ".join(sorted(methods)),
        "error x root calls": [round(one, 4) for one in spreads],
    }
    bar = {"method": "grid", "error": "1.2 x vegas+"}
    if importlib.util.find_spec("vegas") is None:
        return {"measured": measured, "bar": bar, "holds": None, "why": NO_PEER}
    peer = [vegas_spread(CASES["prod4"](), calls, seed) for seed in range(len(found))]
    measured["vegas+"] = [round(one, 4) for one in peer]
    better = statistics.median(spreads) <= 1.2 * statistics.median(peer)
    return {"measured": measured, "bar": bar, "holds": good and methods == {"grid"} and better}


def vegas_spread(case: Case, calls: int, seed: int) -> float:
    """Relative error times the root of the number of calls of the peer with its stratification."""
    import vegas

    function = vegas.lbatchintegrand(lambda x: case.function(torch.from_numpy(np.array(x))).numpy())
    integrator = vegas.Integrator([[0, 1]] * case.dim, ran_array_generator=np.random.default_rng(seed).random)
    integrator(function, nitn=10, neval=calls // 10)
    theirs = integrator(function, nitn=1, neval=calls, adapt=False)
    return float(theirs.sdev * math.sqrt(integrator.last_neval) / theirs.mean)


def ridge(quick: bool) -> dict[str, Any]:
    """A narrow resonance along a diagonal: without its map this fails and is said to, with it it is as bwt6m."""
    calls = QUICK if quick else 200_000
    without, measured, _, _ = several("bwt6", calls, "grid", quick)
    flowed, with_flows, _, _ = several("bwt6", calls, "flow", quick)
    found, _, _, good = flows("bwt6m", calls, quick)
    said = all(one.status == "failed" or one.effective > 0.05 for one in (*without, *flowed))
    return {
        "measured": measured
        | {f"flow {name}": value for name, value in with_flows.items()}
        | {"ESS with the channel of bwt6m": [round(one.effective, 3) for one in found]},
        "bar": {"status": "failed, or ESS above 0.05", "ESS with the channel": BUILT[quick]},
        "holds": said and good and middle(found) >= BUILT[quick],
    }


def pulls(quick: bool) -> dict[str, Any]:
    """Many cheap seeds: is the error the error, and is a seed the same bits again?"""
    bar = {"width": "1 +- 0.2 (camel8, mc8: 1 +- 0.3)", "same seed": "same bits"}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": "full run only"}
    measured: dict[str, Any] = {}
    holds = True
    for name, count, calls, off in (
        ("prod4", 200, 10_000, 0.2),
        ("camel4", 200, 10_000, 0.2),
        ("signed2", 200, 10_000, 0.2),
        ("camel8", 50, 60_000, 0.3),
        ("mc8", 50, 40_000, 0.3),
    ):
        found = [ours(name, calls, "grid", seed, final=10_000) for seed in range(count)]
        values = [pull(one, case) for one, _, case in found if one.status == "ok"]
        failed = count - len(values)
        width = statistics.stdev(values)
        inside = sum(abs(value) < 1 for value in values) / len(values)
        again = ours(name, calls, "grid", 0, final=10_000)[0]
        same = again.measurement == found[0][0].measurement
        holds &= abs(width - 1) <= off and same and failed <= 0.02 * count
        measured[name] = f"{width:.2f} ({inside:.0%} within 1; {failed} of {count} failed)"
    return {"measured": measured, "bar": bar, "holds": holds}


def flow_pulls(quick: bool) -> dict[str, Any]:
    """Seeds of a small flow: is the error of what a flow draws the error?"""
    count, small = 5 if quick else 60, FlowOptions(bins=6, hidden=(16, 16), batch=512)
    made = [ours("camel4", 20_000, "flow", seed, final=10_000, flow=small) for seed in range(count)]
    believed = [(one, case) for one, _, case in made if one.status == "ok"]
    found = [(one, case) for one, case in believed if one.method == "flow"]
    values = [pull(one, case) for one, case in found]
    width = statistics.stdev(values)
    error = width / math.sqrt(2 * (len(values) - 1))
    measured = {
        "width": f"{width:.2f} +- {error:.2f}",
        "mean": f"{statistics.mean(values):.2f} +- {width / math.sqrt(len(values)):.2f}",
        "failed": f"{count - len(believed)} of {count}",
        "left to grids": f"{len(believed) - len(values)} of {count}",
        "ESS": round(statistics.median(one.effective for one, _ in found), 3),
    }
    bar = {"width": "1 within 3 of its errors", "failed or left to grids, at most": "0.1"}
    return {"measured": measured, "bar": bar, "holds": abs(width - 1) <= 3 * error and len(values) >= 0.9 * count}


def sampling(quick: bool) -> dict[str, Any]:
    """Processor time of a weighted point from trained flows, ours and madnis' in turns."""
    bar = {"us a point": "madnis'"}
    if quick or not peers():
        why = "full run only" if quick else NO_PEER
        return {"measured": {}, "bar": bar, "holds": None, "why": why}
    measured: dict[str, Any] = {}
    holds = True
    for name in ("bwt6m", "mc8"):
        costs = [_costs(name, seed) for seed in range(SEEDS)]
        here, there = (statistics.median(pair) for pair in zip(*costs, strict=True))
        measured[name] = ", ".join(f"{one:.1f} against {other:.1f} us" for one, other in costs)
        holds &= here <= there
    return {"measured": measured, "bar": bar, "holds": holds}


def _costs(name: str, seed: int) -> tuple[float, float]:
    """Microseconds of processor time a point, ours and madnis', from flows of one seed; the median of five turns."""
    found, _, case = ours(name, 20_000, "flow", seed, final=2_000)
    found = replace(found, reasons=())
    integrator, _ = madnis(case, 10_000, seed)
    works: tuple[Callable[[], Any], ...] = (
        lambda: draw(found, 50_000, generator(seed)),
        lambda: madnis_weights(integrator, 50_000),
    )
    times: tuple[list[float], ...] = ([], [])
    for _ in range(5):
        for kind, work in zip(times, works, strict=True):
            began = time.process_time()
            work()
            kind.append((time.process_time() - began) / 50_000 * 1e6)
    return statistics.median(times[0]), statistics.median(times[1])


def unweighted(quick: bool) -> dict[str, Any]:
    """Events of equal weight from a flow against hit or miss: can a classifier tell them apart?"""
    if quick:
        return {"measured": {}, "bar": {"AUC": 0.51}, "holds": None, "why": "full run only"}
    count = 50_000
    found, measured, _, good = several("camel4", 100_000, "flow", quick)
    made = [unweight(one, count) for one in found]
    values = [_told_apart(one.points.numpy(), seed) for seed, one in enumerate(made)]
    measured = measured | {
        "AUC": [round(value, 4) for value in values],
        "overweight": ", ".join(str(one.overweight) for one in made),
        "efficiency": ", ".join(str(one.efficiency) for one in made),
        "method": ", ".join(sorted({one.method for one in found})),
    }
    return {"measured": measured, "bar": {"AUC": 0.51}, "holds": good and max(values) <= 0.51}


def _told_apart(points: np.ndarray, seed: int) -> float:
    """AUC of a classifier between points and as many of hit or miss."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    case, count, rng = CASES["camel4"](), len(points), generator(1, seed)
    largest = float(case.function(torch.full((1, 4), 0.25, dtype=torch.float64))) * 1.0001
    truth: list[np.ndarray] = []
    while sum(map(len, truth)) < count:
        x = rng.random((400_000, 4))
        truth.append(x[case.function(torch.from_numpy(x)).numpy() > largest * rng.random(len(x))])
    both = np.concatenate([points, np.concatenate(truth)[:count]])
    label = np.repeat([0, 1], count)
    order = rng.permutation(len(both))
    train, test = order[: len(order) // 2], order[len(order) // 2 :]
    model = HistGradientBoostingClassifier(random_state=seed).fit(both[train], label[train])
    return float(roc_auc_score(label[test], model.predict_proba(both[test])[:, 1]))


BENCHMARKS = {
    "prod4": product,
    "camel16": camel16,
    "camel16-flow": camel16_flow,
    "camel16, uneven": camel16_uneven,
    "bwt6m": learned("bwt6m", 200_000, 50, 0.90),
    "mc8": learned("mc8", 200_000, 60, 0.88),
    "mc8 in 20 s": short,
    "camel8": camel8,
    "bwt6": ridge,
    "pulls": pulls,
    "flow pulls": flow_pulls,
    "sampling cost": sampling,
    "unweighted events": unweighted,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(harness.run(__file__, __doc__, BENCHMARKS))

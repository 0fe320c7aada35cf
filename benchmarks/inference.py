"""Weak boson fusion and the likelihood ratios learned from it, beside the exact ones.

``components``: sets of six morphing components a CPU-second, with parton densities, of given momenta; ``unweighted``:
events of the Standard Model within the cuts a CPU-second; ``pythia``: cross sections of the fusion of WW and ZZ over
those of Pythia with the same parton densities, couplings and fixed scale, no cuts. One thread.

Learned ratios: parton level, unlabelled jets, 15 observables, theta uniform in [-1, 1]^2 for training and 40 tested
points, x from the Standard Model, shape only, truth and estimate on the same 100,000 events (quick: 20,000); 36 events
expected. ``quadratic60k``, ``quadratic200k``, ``alices200k``, ``rascal200k``: mean squared error of log r (range over
three seeds); ``areas``: of expected 95 % regions; ``throughput``: events a CPU-second in the training of ALICES over
those of MadMiner with the same network, batch size and losses; ``gaussian``: coverage of 68 and 95 % intervals from 20
events with a learned ratio; ``closure``: mean of the learned ratio over the Standard Model at 20 points. ``cls`` and
``toys``: see ``benchmarks/likelihoods.py``.

    python benchmarks/inference.py [--quick] [--case NAME]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import likelihoods
import numpy as np
import ratios
import torch
from harness import Case, run

from partonic.core.rng import generator
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.inference.batches import Cutting, LabelledBatches
from partonic.inference.closure import mean_ratio
from partonic.inference.ratio import objective, train_ratio
from partonic.simulators.latent_gaussian import LatentGaussian
from partonic.simulators.wbf import Constants, Cuts, WeakBosonFusion, features
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


SEEDS = (0, 1, 2)
FULL_ONLY = "in the full run only"


def quadratic60k(quick: bool) -> dict[str, Any]:
    """The quadratic form with 60,000 events."""
    bar = {"mse": "<= 0.02", "area_over_truth": "0.95 to 1.05", "area_over_histogram": "<= 0.7", "cpu_s": "<= 5"}
    on = ratios.tested(20_000 if quick else 100_000)
    truth = ratios.area(on.exact, on.x)
    errors, times, over_truth, over_histogram = [], [], [], []
    for seed in SEEDS[: 1 if quick else None]:
        made, seconds = ratios.trained("quadratic", 60_000, seed)
        area = ratios.area(made, on.x)
        binned = ratios.area(ratios.histogram(ratios.training_events(60_000, seed), (12, 10)), on.x)
        errors.append(ratios.mse(made, on))
        times.append(seconds)
        over_truth.append(area / truth)
        over_histogram.append(area / binned)
    measured = {
        "mse": ratios.spread(errors),
        "area_over_truth": ratios.spread(over_truth),
        "area_over_histogram": ratios.spread(over_histogram),
        "cpu_s": ratios.spread(times, 1),
    }
    holds = np.mean(errors) <= 0.02 and abs(np.mean(over_truth) - 1) <= 0.05
    holds = bool(holds and np.mean(over_histogram) <= 0.7 and np.mean(times) <= 5)
    return {"measured": ratios.flat(**measured), "bar": bar, "holds": holds}


def quadratic200k(quick: bool) -> dict[str, Any]:
    """The quadratic form with 200,000 events."""
    return _of_200k("quadratic", 0.004, quick)


def alices200k(quick: bool) -> dict[str, Any]:
    """ALICES with 200,000 events."""
    return _of_200k("alices", 0.008, quick)


def _of_200k(method: str, worst: float, quick: bool) -> dict[str, Any]:
    bar = {"mse": f"<= {worst}"}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": FULL_ONLY}
    on = ratios.tested(100_000)
    made = [ratios.trained(method, 200_000, seed) for seed in SEEDS]
    errors = [ratios.mse(one, on) for one, _ in made]
    measured = ratios.flat(mse=ratios.spread(errors), cpu_s=ratios.spread([seconds for _, seconds in made], 1))
    return {"measured": measured, "bar": bar, "holds": bool(np.mean(errors) <= worst)}


def rascal200k(quick: bool) -> dict[str, Any]:
    """RASCAL over ALICES, seed by seed."""
    bar = {"mse_over_alices": "<= 2"}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": FULL_ONLY}
    on = ratios.tested(100_000)
    errors = {
        method: [ratios.mse(ratios.trained(method, 200_000, seed)[0], on) for seed in SEEDS]
        for method in ("rascal", "alices")
    }
    quotients = [one / other for one, other in zip(errors["rascal"], errors["alices"], strict=True)]
    measured = ratios.flat(mse=ratios.spread(errors["rascal"]), mse_over_alices=ratios.spread(quotients, 2))
    return {"measured": measured, "bar": bar, "holds": bool(np.mean(quotients) <= 2)}


def areas(quick: bool) -> dict[str, Any]:
    """Areas of the 95 % regions from 200,000 events."""
    bar = {"order": "truth = quadratic = alices (5 %) < sally histogram < 2d < 1d"}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": FULL_ONLY}
    on = ratios.tested(100_000)
    found: dict[str, list[float]] = {name: [] for name in ("quadratic", "alices", "sally", "2d", "1d")}
    for seed in SEEDS:
        sample = ratios.training_events(200_000, seed)
        found["quadratic"].append(ratios.area(ratios.trained("quadratic", 200_000, seed)[0], on.x))
        found["alices"].append(ratios.area(ratios.trained("alices", 200_000, seed)[0], on.x))
        found["sally"].append(ratios.area(ratios.score_histogram(sample, seed), on.x))
        found["2d"].append(ratios.area(ratios.histogram(sample, (12, 10)), on.x))
        found["1d"].append(ratios.area(ratios.histogram(sample, (40,)), on.x))
    truth = ratios.area(on.exact, on.x)
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    close = all(abs(mean[name] / truth - 1) <= 0.05 for name in ("quadratic", "alices"))
    ordered = max(truth, mean["quadratic"], mean["alices"]) < mean["sally"] < mean["2d"] < mean["1d"]
    measured = {"truth": round(truth, 3), **ratios.flat(**{name: ratios.spread(v, 3) for name, v in found.items()})}
    return {"measured": measured, "bar": bar, "holds": close and ordered}


def throughput(quick: bool) -> dict[str, Any]:
    """ALICES of a 50 x 50 network on the latent Gaussian, MadMiner's trainer and ours in turns."""
    least = {2000: 10} if quick else {128: 5, 2000: 10}
    bar = {f"batch_{size}": f">= {times}" for size, times in least.items()}
    if why := ratios.no_peer("madminer.ml"):
        return {"measured": {}, "bar": bar, "holds": None, "why": why}
    torch.set_num_threads(1)
    sample = ratios.gaussian_sample(10_000, (-3.0, 3.0))
    _same_loss(sample)
    measured, holds = {}, True
    for size, times in least.items():
        epochs = 2 if size < 1000 else 6
        pairs = [(_ours(sample, size, 4 * epochs), _theirs(sample, size, epochs)) for _ in range(4)][1:]
        ours, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
        each = [one / other for one, other in pairs]
        measured |= {
            f"batch_{size}": round(ours / theirs, 1),
            f"batch_{size}_range": [round(v, 1) for v in (min(each), max(each))],
        }
        measured |= {f"per_cpu_s_{size}": round(ours), f"madminer_per_cpu_s_{size}": round(theirs)}
        holds = holds and ours / theirs >= times
    return {"measured": measured, "bar": bar, "holds": holds}


def _ours(sample: Any, size: int, epochs: int) -> float:
    """Events a CPU-second."""
    batches = LabelledBatches(sample, np.array([[-3.0, 3.0]]), Cutting(size=size))
    options = FitOptions(epochs=epochs, learning_rate=1e-3, weight_decay=0.0, clip=0.0, threads=1)
    began = time.process_time()
    done = fit(ratios.Peer(), objective("alices", 1.0), batches, options=options)
    return done.items / (time.process_time() - began)


def _theirs(sample: Any, size: int, epochs: int) -> float:
    """Events a CPU-second; MadMiner's label is 1 for the denominator."""
    from madminer.ml import ParameterizedRatioEstimator

    estimator = ParameterizedRatioEstimator(n_hidden=(50, 50), activation="tanh")
    columns = {"y": 1 - sample.label, "r_xz": np.exp(sample.log_ratio)}
    columns = {name: values[:, None] for name, values in columns.items()}
    how = {"validation_split": None, "early_stopping": False, "n_workers": 0, "verbose": "none"}
    began = time.process_time()
    estimator.train(
        "alices", sample.x, theta=sample.theta, t_xz=sample.score, **columns, n_epochs=epochs, batch_size=size, **how
    )
    return epochs * len(sample) / (time.process_time() - began)


def _same_loss(sample: Any) -> None:
    """Both sides have the same loss of the ratio at the same weights."""
    from madminer.utils.ml.losses import ratio_augmented_xe
    from madminer.utils.ml.models.ratio import DenseSingleParameterizedRatioModel

    network = ratios.Peer()
    theirs = DenseSingleParameterizedRatioModel(1, 1, (50, 50), activation="tanh")
    first = torch.cat([network.of_theta.weight, network.of_x.weight], dim=1), network.of_x.bias
    inner = [(linear.weight, linear.bias) for linear in network.body[1][::2]]
    with torch.no_grad():
        for (weight, bias), layer in zip([first, *inner], theirs.layers, strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    batch = next(iter(LabelledBatches(sample, np.array([[-3.0, 3.0]]), Cutting(size=len(sample), shuffle=False))))
    _, log_ratio, _ = theirs(batch.theta[0], batch.x, track_score=False)
    other = ratio_augmented_xe(None, log_ratio, None, None, None, batch.log_ratio[0].exp()[:, None], None, None)
    torch.testing.assert_close(objective("alice")(network, batch), other, rtol=1e-4, atol=1e-5)


def gaussian(quick: bool) -> dict[str, Any]:
    """Coverage of intervals from 20 events of the latent Gaussian, over toys."""
    toys, events, truth = 200 if quick else 1000, 20, 1.0
    learned = train_ratio(
        ratios.gaussian_sample(30_000, (-3.0, 4.0)),
        box=(-3.0, 4.0),
        widths=(48, 48),
        options=FitOptions(epochs=6, learning_rate=5e-3, weight_decay=0.0, threads=1),
        cutting=Cutting(size=500),
    )
    x = LatentGaussian().simulate(truth, toys * events, generator(8)).column("x")
    grid = np.append(np.linspace(-2.0, 4.0, 121), truth)[:, None]
    q = -2 * learned.log_ratio(x, grid).reshape(len(grid), toys, events).sum(axis=2)
    distance = q[-1] - q.min(axis=0)
    measured, holds = {"toys": toys}, True
    for name, level, share in (("68", 1.0, 0.6827), ("95", 3.841, 0.95)):
        covered, error = float(np.mean(distance < level)), float(np.sqrt(share * (1 - share) / toys))
        measured |= {f"coverage_{name}": round(covered, 4), f"expected_error_{name}": round(error, 4)}
        holds = holds and abs(covered - share) <= 3 * error
    bar = {"coverage_68": "0.683 within 3 errors", "coverage_95": "0.95 within 3 errors"}
    return {"measured": measured, "bar": bar, "holds": holds}


def closure(quick: bool) -> dict[str, Any]:
    """Mean of the quadratic form's ratio over a million events of the Standard Model."""
    bar = {"worst": "off 1 by at most 0.02 + 3 errors at 20 points"}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": FULL_ONLY}
    made, _ = ratios.trained("quadratic", 200_000, 0)
    theta = generator(97).uniform(-1, 1, (20, 2))
    x = np.concatenate([features(ratios.fusion().simulate((0.0, 0.0), 100_000, generator(200 + i))) for i in range(10)])
    means = [mean_ratio(row)[0] for row in made.log_ratio(x, theta)]
    off = [abs(one.value - 1) - 3 * one.error for one in means]
    worst = means[int(np.argmax(off))]
    measured = {"worst": str(worst), "largest_deviation": round(max(abs(one.value - 1) for one in means), 4)}
    return {"measured": measured, "bar": bar, "holds": max(off) <= 0.02}


CASES: dict[str, Case] = {
    "components": components,
    "unweighted": unweighted,
    "pythia": pythia,
    "quadratic60k": quadratic60k,
    "quadratic200k": quadratic200k,
    "alices200k": alices200k,
    "rascal200k": rascal200k,
    "areas": areas,
    "throughput": throughput,
    "gaussian": gaussian,
    "closure": closure,
    **likelihoods.CASES,
}

if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, CASES))

"""What the cases of learned ratios share: samples of weak boson fusion, trainings kept per process, areas, coverage."""

from __future__ import annotations

import functools
import importlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline

from partonic.core.rng import generator
from partonic.fit.options import FitOptions
from partonic.inference.batches import Cutting
from partonic.inference.morphing import Morphing
from partonic.inference.networks import ParameterisedRatio
from partonic.inference.ratio import ExactRatio, train_ratio
from partonic.inference.samples import LabelledSample, MorphedSample
from partonic.inference.score import train_score
from partonic.inference.summaries import histogram_ratio
from partonic.simulators.latent_gaussian import LatentGaussian
from partonic.simulators.wbf import WeakBosonFusion, features

MORPHING = Morphing.polynomial(("f_W", "f_WW"))
SIDE = np.linspace(-1, 1, 21)
GRID = np.stack(np.meshgrid(SIDE, SIDE, indexing="ij"), axis=-1).reshape(-1, 2)
PRIOR = np.stack(np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9), indexing="ij"), axis=-1).reshape(-1, 2)
EVENTS, LEVEL = 36, 5.991
PT_J1, DELTA_PHI = 0, 4  # columns of the observables


@dataclass(frozen=True)
class Tested:
    """Events of the Standard Model, the exact ratio on them, and the 40 tested points.

    Args:
        x: observables, (n, 15).
        exact: their ratio.
        theta: (40, 2).
    """

    x: Any
    exact: ExactRatio
    theta: Any


@functools.cache
def fusion() -> WeakBosonFusion:
    """The simulator, whose grids are adapted once."""
    return WeakBosonFusion()


@functools.cache
def training_events(n: int, seed: int) -> MorphedSample:
    """Events of an even mixture of the Standard Model and the mean over the prior."""
    mixture = np.concatenate([np.zeros_like(PRIOR), PRIOR])
    events = fusion().simulate(mixture, n, generator(100 + seed))
    return MorphedSample(features(events), events.gold["components"], MORPHING)


@functools.cache
def tested(n: int) -> Tested:
    """Events that no training has seen."""
    events = fusion().simulate((0.0, 0.0), n, generator(99))
    exact = ExactRatio(fusion().truth(events), fusion().cross_section.components, MORPHING)
    return Tested(features(events), exact, generator(98).uniform(-1, 1, (40, 2)))


@functools.cache
def trained(method: str, n: int, seed: int) -> tuple[Any, float]:
    """A trained ratio and the CPU-seconds of its training."""
    sample = training_events(n, seed)
    many = n > 100_000
    options: dict[str, Any] = {"epochs": 12 if many else 6, "learning_rate": 3e-3, "weight_decay": 0.0, "clip": 10.0}
    thetas = 4 if method == "quadratic" else 1
    options = {"options": FitOptions(**options, seed=seed), "cutting": Cutting(size=1024, thetas=thetas, seed=seed)}
    warm_up()
    began = time.process_time()
    made = train_ratio(sample, method="auto" if method == "quadratic" else method, **options)
    seconds = time.process_time() - began
    if made.method != method:
        raise RuntimeError(f"the ratio was trained by {made.method}, not {method}: {made.reason}")
    return made, seconds


@functools.cache
def warm_up() -> None:
    """Let torch load what its optimisers need, which is no training."""
    torch.set_num_threads(1)
    train_ratio(training_events(60_000, 0)[:1000], options=FitOptions(epochs=1), widths=(8,))


def mse(ratio: Any, on: Tested) -> float:
    """Mean squared error of log r over the tested points and events."""
    return float(np.mean((ratio.log_ratio(on.x, on.theta) - on.exact.log_ratio(on.x, on.theta)) ** 2))


def area(ratio: Any, x: Any) -> float:
    """Area of the expected 95 % region of 36 events in [-1, 1]^2, shape only, from a spline through 21 x 21 points."""
    means = [ratio.log_ratio(x, GRID[start : start + 21]).mean(axis=1) for start in range(0, len(GRID), 21)]
    spline = RectBivariateSpline(SIDE, SIDE, -2 * EVENTS * np.concatenate(means).reshape(21, 21))
    q = spline(np.linspace(-1, 1, 401), np.linspace(-1, 1, 401))
    return float(np.mean(q - q.min() < LEVEL) * 4)


def histogram(sample: MorphedSample, bins: tuple[int, ...]) -> Any:
    """The ratio from a histogram of the pT of the first jet, and of delta phi of the jets."""
    columns = [PT_J1, DELTA_PHI][: len(bins)]
    return histogram_ratio(sample, lambda x: x[:, columns], bins)


def score_histogram(sample: MorphedSample, seed: int) -> Any:
    """The ratio from a 16 x 16 histogram of the score that SALLY learns."""
    options = FitOptions(epochs=12, learning_rate=3e-3, weight_decay=0.0, clip=10.0, seed=seed)
    estimator = train_score(sample, options=options, cutting=Cutting(size=1024, seed=seed))
    return histogram_ratio(sample, estimator.score, (16, 16))


def spread(values: list[float], digits: int = 4) -> dict[str, Any]:
    """Mean over seeds and, of several, their range."""
    mean = round(float(np.mean(values)), digits)
    return (
        {"": mean}
        if len(values) == 1
        else {"": mean, "_range": [round(min(values), digits), round(max(values), digits)]}
    )


def flat(**values: dict[str, Any]) -> dict[str, Any]:
    """``{"mse": {"": 1, "_range": [1, 2]}}`` as ``{"mse": 1, "mse_range": [1, 2]}``."""
    return {f"{name}{key}": value for name, parts in values.items() for key, value in parts.items()}


def gaussian_sample(n: int, box: tuple[float, float]) -> LabelledSample:
    """Events of the latent Gaussian, half from theta and half from the reference."""
    toy, rng = LatentGaussian(), generator(7)
    above = toy.simulate(rng.uniform(*box, n), n, rng)
    below = toy.at(toy.simulate(toy.reference, n, rng), rng.uniform(*box, n))
    return LabelledSample.of(above, below, ("x",), [toy.reference])


class Peer(ParameterisedRatio):
    """Two hidden layers of 50 with tanh of theta and x: the network that MadMiner trains here."""

    def __init__(self) -> None:
        super().__init__(1, [0.0], [1.0], (50, 50))
        self.body[0] = self.body[1][1] = torch.nn.Tanh()


def no_peer(name: str) -> str:
    """Why a peer cannot be used; empty where it can."""
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        return f"{name} cannot be imported: {str(error).splitlines()[0]}"
    return ""

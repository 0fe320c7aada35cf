r"""Can a generator give more than the sample it learned from? The amplification factor of arXiv:2008.06545.

Space is cut into K cells of equal probability. The mean squared error of the shares of the cells,
:math:`\frac 1 K \sum_j (s_j - \frac 1 K)^2`, is :math:`\frac 1 K (1 - \frac 1 K) / n` for a sample of n events. A
generator with the error of more events than it learned from amplifies its sample; finer cells show more of it, as a
generator smooths what a sample leaves to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowOptions
from partonic.generation.frame import Running, density_sample, fit_coordinates, given_of, train
from partonic.generation.lines import Straight
from partonic.generation.table import table
from partonic.models.flows.density import ConditionalDensity
from partonic.objectives.generative import negative_log_density

Floats = NDArray[np.float64]
Sampler = Callable[[int, np.random.Generator], Floats]
Learner = Callable[[Floats, int], Sampler]
"""From a sample (n, k) and a seed to what draws events (m, k)."""

PEAK = 4.0  # place of the peaks of the camel and radius of the ring, whose widths are 1


@dataclass(frozen=True)
class CutDensity:
    """A known density with cells of equal probability.

    Args:
        name: of the density.
        dimensions: of an event.
        sample: n and a random generator -> events (n, dimensions).
        uniform: events (n, dimensions) -> independent uniform numbers (n, dimensions).
    """

    name: str
    dimensions: int
    sample: Sampler
    uniform: Callable[[Floats], Floats]

    def shares(self, values: Floats, quantiles: int) -> Floats:
        """Share of the events (n, dimensions) in each of quantiles^dimensions cells.

        Raises:
            InputError: the events have another shape, or one is not finite.
        """
        if values.ndim != 2 or values.shape[1] != self.dimensions or not np.all(np.isfinite(values)):
            raise InputError(f"events of the {self.name} are finite and (n, {self.dimensions}), not {values.shape}")
        places = np.minimum((self.uniform(values) * quantiles).astype(np.int64), quantiles - 1)
        cell = places @ quantiles ** np.arange(self.dimensions)
        return np.bincount(cell, minlength=quantiles**self.dimensions) / len(values)


def two_humps() -> CutDensity:
    """The camel, two Gaussian peaks of width 1 at -4 and 4 in one dimension."""

    def sample(n: int, rng: np.random.Generator) -> Floats:
        """Events (n, 1)."""
        return (np.where(rng.random(n) < 0.5, PEAK, -PEAK) + rng.standard_normal(n))[:, None]

    return CutDensity("camel", 1, sample, lambda x: 0.5 * (ndtr(x - PEAK) + ndtr(x + PEAK)))


def ring() -> CutDensity:
    """A ring in the plane: radius 4 with a Gaussian width of 1, any angle."""

    def sample(n: int, rng: np.random.Generator) -> Floats:
        """Events (n, 2)."""
        radius, angle = np.abs(PEAK + rng.standard_normal(n)), rng.uniform(-np.pi, np.pi, n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)

    def uniform(x: Floats) -> Floats:
        """The integrals of the densities of radius and angle, (n, 2)."""
        radius = np.hypot(x[:, 0], x[:, 1])
        inside = ndtr(radius - PEAK) - ndtr(-radius - PEAK)
        return np.stack([inside, (np.arctan2(x[:, 1], x[:, 0]) + np.pi) / (2 * np.pi)], axis=1)

    return CutDensity("ring", 2, sample, uniform)


@dataclass(frozen=True)
class Amplification:
    """What generators that learned from samples of one size are worth.

    Args:
        events: of a training sample.
        factor: of amplification, equivalent over training events; above 1 where the generator knows more.
        equivalent: number of true events whose shares have the error of the generators'.
        generated_error: mean squared error of the generators' shares, mean over the seeds; the chance of the events
            that were drawn to find it is subtracted.
        sample_error: the same expected of the training samples.
    """

    events: int
    factor: Estimate
    equivalent: Estimate
    generated_error: Estimate
    sample_error: float


def amplification(
    density: CutDensity,
    learn: Learner,
    sizes: Sequence[int],
    *,
    quantiles: int = 50,
    seeds: int = 5,
    drawn: int = 200_000,
    seed: int = 0,
) -> tuple[Amplification, ...]:
    """The amplification factor against the size of the training sample.

    The error is that of the mean over trainings, each with its own sample.

    Args:
        density: the truth.
        learn: trains a generator.
        sizes: events of the training samples, 2 or more each.
        quantiles: of each dimension, 2 or more.
        seeds: trainings for each size, 2 or more.
        drawn: events from each generator.
        seed: of the samples, the trainings and the draws.

    Raises:
        InputError: a number is too small, or a generator draws events of another shape or not finite.
    """
    if min(sizes, default=0) < 2 or quantiles < 2 or seeds < 2 or drawn < 2:
        raise InputError(
            "an amplification needs training sizes, quantiles, seeds and draws of 2 or more, not "
            f"{list(sizes)}, {quantiles}, {seeds} and {drawn}"
        )
    return tuple(_at(density, learn, size, quantiles, seeds, drawn, seed + i) for i, size in enumerate(sizes))


def _at(
    density: CutDensity, learn: Learner, size: int, quantiles: int, seeds: int, drawn: int, seed: int
) -> Amplification:
    cells = quantiles**density.dimensions
    errors = []
    for k in range(seeds):
        draw = learn(density.sample(size, generator(seed, size, k)), seed + k)
        shares = density.shares(draw(drawn, generator(seed, size, k, 1)), quantiles)
        chance = np.sum(shares * (1 - shares)) / (drawn - 1)
        errors.append(float(np.sum((shares - 1 / cells) ** 2) - chance) / cells)
    mean, error = float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(seeds))
    expected = (1 - 1 / cells) / cells / size
    relative = error / mean
    factor = expected / mean
    return Amplification(
        size,
        Estimate.symmetric(factor, factor * relative, "seeds"),
        Estimate.symmetric(size * factor, size * factor * relative, "seeds"),
        Estimate.symmetric(mean, error, "seeds"),
        expected,
    )


def flow_learner(options: FlowOptions | None = None) -> Learner:
    """Training of a spline flow that starts as a quantile map of each coordinate, as :func:`amplification` takes it.

    Args:
        options: of the flow, which is autoregressive; by default a small one whose training a held-out fifth stops.
    """
    how = options or FlowOptions(
        kind="autoregressive",
        hidden=(24,),
        bins=16,
        knots=50,
        size=128,
        epochs=60,
        learning_rate=5e-3,
        averaging=0.9,
        validation=0.2,
        patience=10,
    )

    def learn(values: Floats, seed: int) -> Sampler:
        """Train on events (n, k)."""
        names = tuple(f"x{i}" for i in range(values.shape[1]))
        events = table(names, values)
        fitted = fit_coordinates(events, Columns(names, tuple(Straight() for _ in names)), how.knots, circles=False)
        sample = density_sample(events, fitted, given_of(events))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ConditionalDensity(len(names), 0, transforms=how.rounds, hidden=how.hidden, bins=how.bins)
        network.learn(sample.values, sample.context)
        train(network, negative_log_density, sample, how, Running(seed, "cpu", None, "training the flow"))

        def draw(n: int, rng: np.random.Generator) -> Floats:
            """Events (n, k)."""
            random = torch.Generator().manual_seed(int(rng.integers(2**31)))
            drawn = network.sample(torch.zeros(1, 0), n, random)[:, 0]
            return fitted.inverse(drawn.double().numpy())

        return draw

    return learn

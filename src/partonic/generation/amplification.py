r"""Can a generator give more than the sample it learned from? The amplification factor of arXiv:2008.06545.

Space is cut into K cells of equal probability. The mean squared error of the shares of the cells,
:math:`\frac 1 K \sum_j (s_j - \frac 1 K)^2`, is :math:`\frac 1 K (1 - \frac 1 K) / n` for a sample of n events. A
generator with the error of more events than it learned from amplifies its sample; finer cells show more of it, as a
generator smooths what a sample leaves to chance. A weighted sample counts as its effective number of events,
:math:`(\sum w)^2 / \sum w^2`.
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
from partonic.generation.table import Table, table
from partonic.metrics.counting import effective_count
from partonic.models.flows.density import ConditionalDensity
from partonic.objectives.generative import negative_log_density

Floats = NDArray[np.float64]
Sampler = Callable[[int, np.random.Generator], Table]
"""Number of events and source of randomness -> events, weighted or not."""
Learner = Callable[[Table, int], Sampler]
"""From a sample and a seed to what draws events like it."""

PEAK = 4.0  # place of the peaks of the camel and radius of the ring, whose widths are 1


@dataclass(frozen=True)
class CutDensity:
    """A known density with cells of equal probability.

    Args:
        name: of the density.
        dimensions: of an event.
        sample: draws its events.
        uniform: events (n, dimensions) -> independent uniform numbers (n, dimensions).
    """

    name: str
    dimensions: int
    sample: Sampler
    uniform: Callable[[Floats], Floats]

    def shares(self, events: Table, quantiles: int) -> tuple[Floats, float]:
        """Share of the weight in each of quantiles^dimensions cells, and what chance adds to the sum of their squares.

        Raises:
            InputError: the events have another shape.
        """
        if events.values.shape[1] != self.dimensions:
            shape = events.values.shape
            raise InputError(f"events of the {self.name} are (n, {self.dimensions}), not {shape}")
        places = np.minimum((self.uniform(events.values) * quantiles).astype(np.int64), quantiles - 1)
        cell = places @ quantiles ** np.arange(self.dimensions)
        weight = events.weight / len(events)
        shares = np.bincount(cell, weight, minlength=quantiles**self.dimensions).astype(np.float64)
        chance = float(np.sum(weight**2 * (1 - 2 * shares[cell] + shares @ shares)))
        return shares, chance / (1 - float(weight @ weight))


def two_humps() -> CutDensity:
    """The camel, two Gaussian peaks of width 1 at -4 and 4 in one dimension."""

    def sample(n: int, rng: np.random.Generator) -> Table:
        """Events (n, 1)."""
        return table(("x",), np.where(rng.random(n) < 0.5, PEAK, -PEAK) + rng.standard_normal(n))

    return CutDensity("camel", 1, sample, lambda x: 0.5 * (ndtr(x - PEAK) + ndtr(x + PEAK)))


def ring() -> CutDensity:
    """A ring in the plane: radius 4 with a Gaussian width of 1, any angle."""

    def sample(n: int, rng: np.random.Generator) -> Table:
        """Events (n, 2)."""
        radius, angle = np.abs(PEAK + rng.standard_normal(n)), rng.uniform(-np.pi, np.pi, n)
        return table(("x", "y"), np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))

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
        effective: number of these, fewer where they are weighted; the mean over the samples.
        factor: of amplification, equivalent over effective training events; above 1 where the generator knows more.
        truth: the same of the training samples themselves; 1 but for chance.
        equivalent: number of true events whose shares have the error of the generators'.
        generated_error: mean squared error of the generators' shares, mean over the seeds; the chance of the events
            that were drawn to find it is subtracted.
        sample_error: the same of the training samples.
    """

    events: int
    effective: float
    factor: Estimate
    truth: Estimate
    equivalent: Estimate
    generated_error: Estimate
    sample_error: Estimate


def amplification(
    density: CutDensity,
    learn: Learner,
    sizes: Sequence[int],
    *,
    quantiles: int = 50,
    seeds: int = 5,
    drawn: int = 200_000,
    sample: Sampler | None = None,
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
        sample: draws what is learned from, weighted events that follow the density; its own ones if None.
        seed: of the samples, the trainings and the draws.

    Raises:
        InputError: a number is too small, or a generator draws events of another shape.
    """
    if min(sizes, default=0) < 2 or quantiles < 2 or seeds < 2 or drawn < 2:
        raise InputError(
            "an amplification needs training sizes, quantiles, seeds and draws of 2 or more, not "
            f"{list(sizes)}, {quantiles}, {seeds} and {drawn}"
        )
    found = []
    for i, size in enumerate(sizes):
        rows = [
            _errors(density, learn, sample or density.sample, size, quantiles, drawn, (seed + i, k))
            for k in range(seeds)
        ]
        found.append(_amplified(size, quantiles**density.dimensions, np.array(rows)))
    return tuple(found)


def _errors(
    density: CutDensity,
    learn: Learner,
    sample: Sampler,
    size: int,
    quantiles: int,
    drawn: int,
    seed: tuple[int, int],
) -> tuple[float, float, float]:
    """Mean squared errors of the shares of a generator and of its training sample, and effective events of this."""
    events = sample(size, generator(seed[0], size, seed[1]))
    draw = learn(events, sum(seed))
    shares, chance = density.shares(draw(drawn, generator(seed[0], size, seed[1], 1)), quantiles)
    own, _ = density.shares(events, quantiles)
    cells = len(own)
    square = (float(np.sum((one - 1 / cells) ** 2)) for one in (shares, own))
    return (next(square) - chance) / cells, next(square) / cells, effective_count(events.weight)


def _amplified(size: int, cells: int, rows: Floats) -> Amplification:
    """From errors of generators and samples and effective events, (seeds, 3)."""
    effective = float(rows[:, 2].mean())
    (generated, own), (error, spread) = rows[:, :2].mean(axis=0), rows[:, :2].std(axis=0, ddof=1) / np.sqrt(len(rows))
    expected = (1 - 1 / cells) / cells

    def over(mean: float, spread: float, unit: float) -> Estimate:
        """Number of true events with such an error, in a unit."""
        return Estimate.symmetric(expected / mean / unit, expected / mean / unit * spread / mean, "seeds")

    return Amplification(
        size,
        effective,
        factor=over(generated, error, effective),
        truth=over(own, spread, effective),
        equivalent=over(generated, error, 1.0),
        generated_error=Estimate.symmetric(float(generated), float(error), "seeds"),
        sample_error=Estimate.symmetric(float(own), float(spread), "seeds"),
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

    def learn(events: Table, seed: int) -> Sampler:
        """Train on a sample."""
        names = events.names
        fitted = fit_coordinates(events, Columns(names, tuple(Straight() for _ in names)), how.knots, circles=False)
        sample = density_sample(events, fitted, given_of(events))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ConditionalDensity(len(names), 0, transforms=how.rounds, hidden=how.hidden, bins=how.bins)
        network.learn(sample.values, sample.context)
        train(network, negative_log_density, sample, how, Running(seed, "cpu", None, "training the flow"))

        def draw(n: int, rng: np.random.Generator) -> Table:
            """Events of the trained flow."""
            random = torch.Generator().manual_seed(int(rng.integers(2**31)))
            drawn = network.sample(torch.zeros(1, 0), n, random)[:, 0]
            return table(names, fitted.inverse(drawn.double().numpy()))

        return draw

    return learn

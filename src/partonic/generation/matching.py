r"""Flow matching and diffusion as generators: a network learns the velocity on the way from noise to events.

Both have one network (:class:`~partonic.models.drift.DriftNet`) in coordinates made about Gaussian each, with angles
cut open. Flow matching is drawn by midpoint or Heun steps, diffusion by midpoint steps of its probability flow
(arXiv:2011.13456) or by stochastic ones (arXiv:2006.11239). Of the ways to make steps those are taken that leave a
Gaussian of unit width as wide as it is: few steps then do not narrow the peaks of coordinates made Gaussian, as steps
do that are exact for a single point (arXiv:2010.02502). Sources: arXiv:2210.02747, arXiv:2202.00512;
Bayesian weights: arXiv:2305.10475.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.generation.coordinates import Coordinates
from partonic.generation.frame import (
    LearningOptions,
    Running,
    density_sample,
    facts_of,
    fit_coordinates,
    given_of,
    seeded,
    train,
)
from partonic.generation.learned import Learned
from partonic.generation.table import Table
from partonic.models.drift import DriftNet, Velocity
from partonic.objectives.generative import DensityBatch
from partonic.objectives.matching import diffusion, flow_matching

Floats = NDArray[np.float64]
SAMPLERS = {"flow": ("midpoint", "heun", "refined"), "diffusion": ("deterministic", "stochastic")}
TOGETHER = 2_000  # events that are drawn at once, few enough for the processor's cache
REFINED = 1.5  # power of the time that is left, by which refined steps get shorter
OBJECTIVES: dict[str, Callable[[DriftNet, DensityBatch], Tensor]] = {"flow": flow_matching, "diffusion": diffusion}


@dataclass(frozen=True)
class MatchingOptions(LearningOptions):
    """How a velocity is learned and followed; the rest as :class:`~partonic.generation.frame.LearningOptions`.

    Args:
        hidden: width of the hidden layers.
        layers: their number.
        sampler: ``midpoint``, ``heun`` or ``refined`` (flow matching), ``deterministic`` or ``stochastic`` (diffusion);
            the first that fits if empty. ``stochastic`` evaluates the velocity once a step, the others twice.
        steps: from noise to events.

    Raises:
        UnknownNameError: there is no such sampler.
        InputError: an option is out of range.
    """

    hidden: int = 192
    layers: int = 4
    sampler: str = ""
    steps: int = 20
    epochs: int = 60
    learning_rate: float = 2e-3
    averaging: float = 0.999

    def __post_init__(self) -> None:
        super().__post_init__()
        every = [name for names in SAMPLERS.values() for name in names]
        if self.sampler and self.sampler not in every:
            raise unknown("sampler", self.sampler, every)
        if self.steps < 1:
            raise InputError(f"a velocity is followed in 1 step or more, not {self.steps}")


@dataclass(frozen=True, kw_only=True)
class MatchingGenerator(Learned):
    """A trained velocity; :func:`train_matching` and :func:`train_diffusion` make it.

    Args:
        network: the velocity.
        kind: ``flow`` or ``diffusion``.
        sampler: see :class:`MatchingOptions`.
        steps: from noise to events.
    """

    network: DriftNet
    kind: str
    sampler: str
    steps: int
    stored_as: ClassVar[str] = "matching"

    @staticmethod
    def built(tree: Mapping[str, Any]) -> DriftNet:
        """The network, without its weights, from what the file holds."""
        return DriftNet(**tree["sizes"])

    def drawn(self, rows: Tensor, rng: np.random.Generator) -> Floats:
        """Coordinates (n, d) of new events at a scaled context (n, c)."""
        random = torch.Generator().manual_seed(int(rng.integers(2**62)))
        follow, parts = FOLLOW[self.sampler], []
        for given in torch.split(rows, TOGETHER):
            start = torch.randn((len(given), len(self.coordinates.circular)), generator=random)
            parts.append(follow(self.network.at(given), start, self.steps, random))
        found: Floats = torch.cat(parts).double().numpy()
        return found


def train_matching(
    table: Table,
    coordinates: Coordinates,
    options: MatchingOptions | None = None,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> MatchingGenerator:
    """Learn the velocity of conditional flow matching.

    Args:
        table: as in :func:`~partonic.generation.flow.train_flow`.
        coordinates: as there.
        options: those of :class:`MatchingOptions` if None.
        seed: of the initial weights, the order of the events and the noise.
        directory: as there.
        device: as there.

    Raises:
        InputError: as there.
        TrainingError: the training diverged.
    """
    return _trained(
        "flow", table, coordinates, options or MatchingOptions(), Running(seed, device, directory, MATCHING)
    )


def train_diffusion(
    table: Table,
    coordinates: Coordinates,
    options: MatchingOptions | None = None,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> MatchingGenerator:
    """Learn how to take noise away from events.

    Args:
        table: as in :func:`train_matching`.
        coordinates: as there.
        options: as there.
        seed: as there.
        directory: as there.
        device: as there.

    Raises:
        InputError: as :func:`train_matching`.
        TrainingError: the training diverged.
    """
    where = Running(seed, device, directory, DIFFUSION)
    return _trained("diffusion", table, coordinates, options or MatchingOptions(), where)


MATCHING, DIFFUSION = "training flow matching", "training the diffusion"


def _trained(
    kind: str, table: Table, coordinates: Coordinates, options: MatchingOptions, where: Running
) -> MatchingGenerator:
    sampler = options.sampler or SAMPLERS[kind][0]
    if sampler not in SAMPLERS[kind]:
        *some, last = SAMPLERS[kind]
        raise InputError(f"{where.description} takes the sampler {', '.join(some)} or {last}, not {sampler}")
    fitted = fit_coordinates(table, coordinates, options.knots, circles=False)
    given = given_of(table)
    sizes = {
        "values": len(fitted.circular),
        "context": table.context.shape[1],
        "hidden": options.hidden,
        "layers": options.layers,
    }
    network = seeded(lambda: DriftNet(**sizes), where.seed)
    done = train(network, OBJECTIVES[kind], density_sample(table, fitted, given), options, where)
    prior, facts = options.prior if options.bayesian else None, facts_of(table, done, where.seed)
    return MatchingGenerator(
        network=network,
        kind=kind,
        sizes=sizes,
        coordinates=fitted,
        given=given,
        sampler=sampler,
        steps=options.steps,
        prior=prior,
        facts=facts,
    )


def midpoint(velocity: Velocity, point: Tensor, steps: int, random: torch.Generator | None = None) -> Tensor:  # noqa: ARG001
    """Follow a velocity from time 0 to 1 by midpoint steps.

    Args:
        velocity: of points (b, d) at a time.
        point: where it begins, (b, d).
        steps: their number.
        random: not needed.
    """
    return _along(velocity, point, [number / steps for number in range(steps + 1)])


def refined(velocity: Velocity, point: Tensor, steps: int, random: torch.Generator | None = None) -> Tensor:  # noqa: ARG001
    """Midpoint steps that get shorter towards time 1, where narrow densities form; arguments as of :func:`midpoint`."""
    return _along(velocity, point, [1 - (1 - number / steps) ** REFINED for number in range(steps + 1)])


def _along(velocity: Velocity, point: Tensor, times: Sequence[float]) -> Tensor:
    for start, end in pairwise(times):
        half = point + velocity(point, start) * (0.5 * (end - start))
        point = point + velocity(half, 0.5 * (start + end)) * (end - start)
    return point


def heun(velocity: Velocity, point: Tensor, steps: int, random: torch.Generator | None = None) -> Tensor:  # noqa: ARG001
    """Follow a velocity from time 0 to 1 by Heun's steps; arguments as of :func:`midpoint`."""
    for number in range(steps):
        first = velocity(point, number / steps)
        second = velocity(point + first / steps, (number + 1) / steps)
        point = point + (first + second) / (2 * steps)
    return point


def deterministic(velocity: Velocity, point: Tensor, steps: int, random: torch.Generator | None = None) -> Tensor:
    r"""Follow the probability flow, :math:`\mathrm du/\mathrm d\phi = v` from the angle pi/2 to 0, by midpoint steps.

    Arguments as of :func:`midpoint`.
    """

    def back(where: Tensor, time: float) -> Tensor:
        """Velocity (b, d) of time that goes from noise to events."""
        return -0.5 * math.pi * velocity(where, 1 - time)

    return midpoint(back, point, steps, random)


def stochastic(velocity: Velocity, point: Tensor, steps: int, random: torch.Generator) -> Tensor:
    """Take noise away and add some anew, but for the last step, a step at a time; arguments as of :func:`midpoint`.

    What is added has the larger of the two variances of arXiv:2006.11239 (section 3.2).
    """
    for number in range(steps, 0, -1):
        now, then = (0.5 * math.pi * k / steps for k in (number, number - 1))
        v = velocity(point, number / steps)
        clean = math.cos(now) * point - math.sin(now) * v
        noise = math.sin(now) * point + math.cos(now) * v
        fresh = max(0.0, 1 - (math.cos(now) / math.cos(then)) ** 2)
        kept = math.sin(then) * math.sqrt(max(0.0, 1 - fresh / math.sin(now) ** 2))
        point = math.cos(then) * clean + kept * noise
        if number > 1:
            point = point + math.sqrt(fresh) * torch.randn(point.shape, generator=random).to(point)
    return point


FOLLOW: dict[str, Callable[[Velocity, Tensor, int, torch.Generator], Tensor]] = {
    "midpoint": midpoint,
    "heun": heun,
    "refined": refined,
    "deterministic": deterministic,
    "stochastic": stochastic,
}

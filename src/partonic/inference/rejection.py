"""Approximate Bayesian computation: draws of the prior whose simulated event is close to the observed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError
from partonic.inference.priors import Prior
from partonic.inference.samples import as_observables

Floats = NDArray[np.float64]

Simulate = Callable[[Floats, np.random.Generator], Floats]


@dataclass(frozen=True)
class Rejected:
    """What a rejection kept.

    Args:
        theta: the draws, (n, p).
        weight: of each, (n,): 1 at the observed event, 0 at the largest distance that is kept.
        distance: largest one that is kept, in spreads of the observables.
        share: of the simulated events that were kept.
    """

    theta: Floats
    weight: Floats
    distance: float
    share: float


def reject(
    simulate: Simulate,
    prior: Prior,
    x: ArrayLike,
    *,
    simulations: int,
    keep: int,
    rng: np.random.Generator,
    adjust: bool = True,
) -> Rejected:
    """Simulate at draws of the prior and keep the nearest events (Pritchard et al. 1999).

    Args:
        simulate: gives one event at each theta, (n, d) from (n, p).
        prior: of theta.
        x: the observed event, (d,).
        simulations: how many.
        keep: how many of them, above the number of observables plus one.
        rng: source of randomness.
        adjust: whether theta is moved to the observed event by a local linear regression with Epanechnikov's weights
            (Beaumont et al. 2002); what leaves the box of the prior then is put on its edge.

    Raises:
        InputError: a number is out of range, the event is not finite, or the simulated events are of another shape.
    """
    observed = as_observables(np.atleast_2d(as_numbers("the observed event", x)))
    least = observed.shape[1] + 2
    if len(observed) != 1 or not least <= keep <= simulations:
        raise InputError(
            f"one observed event, and at least {least} and at most all simulated events to keep are needed, not "
            f"{len(observed)} and {keep:,} of {simulations:,}"
        )
    theta = prior.sample(simulations, rng)
    events = as_observables(simulate(theta, rng))
    if events.shape != (simulations, observed.shape[1]):
        raise InputError(
            f"the simulator gave events of the shape {events.shape}; one of {observed.shape[1]} observables at each of "
            f"{simulations:,} theta is needed"
        )
    spread = np.median(np.abs(events - np.median(events, axis=0)), axis=0)
    away = (events - observed) / np.where(spread > 0, spread, 1.0)
    distance = np.sqrt((away**2).sum(axis=1))
    near = np.argpartition(distance, keep - 1)[:keep]
    theta, away, distance = theta[near], away[near], distance[near]
    farthest = float(distance.max())
    weight = 1 - (distance / farthest) ** 2 if adjust and farthest > 0 else np.ones(keep)
    if adjust:
        design = np.concatenate([np.ones((keep, 1)), away], axis=1)
        root = np.sqrt(weight)[:, None]
        slope = np.linalg.lstsq(root * design, root * theta, rcond=None)[0]
        theta = np.clip(theta - away @ slope[1:], prior.box[:, 0], prior.box[:, 1])
    return Rejected(theta, weight, farthest, keep / simulations)

r"""The last word: an integral from a fixed density, by shifted Sobol points, with its error and the spread of weights.

The points of each component are a scrambled Sobol net (Owen 1997), repeated with independent digital shifts: every
repetition is unbiased, and their spread gives the error, whatever the net gains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.integrate.integrand import Integrand
from partonic.integrate.mixture import Mixture
from partonic.phasespace.unweight import find_cap

REPEATS = 32
LEAST = 1024
BITS = 30  # of torch's Sobol points


@dataclass(frozen=True)
class Repetition:
    """One set of shifted points.

    Args:
        weights: f/q, signed, (n,).
        component: that made each point, (n,).
    """

    weights: Tensor
    component: Tensor

    def mean(self, shares: Tensor) -> float:
        """The integral: the mean over each component, times its share."""
        return float(sum(share * self.weights[self.component == c].mean() for c, share in enumerate(shares.tolist())))


@dataclass(frozen=True)
class MeasuredIntegral:
    """An integral, and what its weights look like.

    Args:
        estimate: the integral.
        absolute: integral of the absolute integrand.
        effective: Kish's effective share of points, of absolute weights, from 0 to 1.
        efficiency: mean absolute weight over the cap that loses a thousandth of the integral.
        largest: share of the sum of absolute weights that the heaviest point carries.
        negative: share of the absolute integral where the integrand is negative.
        calls: of the integrand.
    """

    estimate: Estimate
    absolute: float
    effective: float
    efficiency: float
    largest: float
    negative: float
    calls: int

    @property
    def spread(self) -> float:
        """Error times the root of the number of calls, over the absolute integral: what the calls that follow cost."""
        return self.estimate.error * math.sqrt(self.calls) / self.absolute


def nets(mixture: Mixture, calls: int, seed: int) -> list[Tensor]:
    """For each component a scrambled Sobol net of as many points as its share of one repetition says, as integers."""
    counts = [max(1, round(one.share * calls / REPEATS)) for one in mixture.components]
    engine = torch.quasirandom.SobolEngine(mixture.dim, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    points = engine.draw(max(counts), dtype=torch.float64)
    return [(points[:count] * 2**BITS).long() for count in counts]


def repetition(integrand: Integrand, mixture: Mixture, bases: list[Tensor], seed: int, number: int) -> Repetition:
    """Ask the integrand at one set of shifted points."""
    rng = generator(seed, number)
    drawn = []
    for number_of, base in enumerate(bases):
        shift = torch.from_numpy(rng.integers(0, 2**BITS, mixture.dim))
        inside = torch.from_numpy(rng.random(tuple(base.shape)))
        drawn.append(mixture.draw(number_of, ((base ^ shift) + inside) / 2**BITS))
    y, q = (torch.cat(part) for part in zip(*drawn, strict=True))
    component = torch.repeat_interleave(torch.arange(len(bases)), torch.tensor([len(base) for base in bases]))
    return Repetition(integrand(y) / q, component)


def measure(
    integrand: Integrand,
    mixture: Mixture,
    calls: int,
    seed: int,
    done: list[Repetition] | None = None,
    save: Callable[[], None] = lambda: None,
) -> MeasuredIntegral:
    """Integrate with a fixed density.

    Args:
        integrand: asked about so often.
        mixture: the density; not changed.
        calls: of the integrand, 1,024 or more.
        seed: of the points.
        done: repetitions that are there already; the new ones are added.
        save: called after each repetition.

    Raises:
        InputError: there are too few calls, or values that are not finite.
    """
    if calls < LEAST:
        raise InputError(f"an integral with its error needs {LEAST:,} calls or more, not {calls:,}")
    found = [] if done is None else done
    bases = nets(mixture, calls, seed)
    while len(found) < REPEATS:
        found.append(repetition(integrand, mixture, bases, seed, len(found)))
        save()
    return summary(found, mixture.shares)


def summary(found: list[Repetition], shares: Tensor) -> MeasuredIntegral:
    """What repetitions say together.

    Raises:
        InputError: the integrand is 0 at all points.
    """
    means = np.array([one.mean(shares) for one in found])
    weights = torch.cat([one.weights for one in found])
    component = torch.cat([one.component for one in found])
    if not bool((weights != 0).any()):
        raise InputError(f"the integrand is 0 at all of {len(weights):,} points")
    # A point stands for its component's share, divided by the points of the component.
    each = (shares / torch.bincount(component, minlength=len(shares)).clamp_min(1))[component]
    unit = float(weights.abs().max())  # squares of very small and very large weights would leave the numbers
    error = unit * float((means / unit).std(ddof=1)) / math.sqrt(len(means))
    size = weights.abs() / unit
    first, second = float(each @ size), float(each @ size**2)
    return MeasuredIntegral(
        Estimate.symmetric(float(means.mean()), error, f"{len(means)} shifted Sobol nets"),
        first * unit,
        first**2 / second,
        find_cap(size, 1e-3).efficiency,
        float((each * size).max()) / first,
        float((each * size)[weights < 0].sum()) / first,
        len(weights),
    )

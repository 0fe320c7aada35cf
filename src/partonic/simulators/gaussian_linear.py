"""A Gaussian about theta with a Gaussian prior: the posterior in closed form (sbibm, arXiv:2101.04653)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event


@register_simulator("gaussian-linear", paper="arXiv:2101.04653", theta=0.0)
@dataclass(frozen=True)
class GaussianLinear:
    r"""The prior :math:`\theta \sim N(0, v_\theta 1)` and the observables :math:`x \sim N(\theta, v_x 1)`.

    Args:
        dimensions: of theta and x, 1 or more.
        prior_variance: of theta, above 0.
        variance: of x about theta, above 0.

    Raises:
        InputError: an option is out of range.
    """

    dimensions: int = 10
    prior_variance: float = 0.1
    variance: float = 0.1

    def __post_init__(self) -> None:
        if self.dimensions < 1 or not (self.prior_variance > 0 and self.variance > 0):
            raise InputError(f"this needs 1 dimension or more and variances above 0, not {self}")

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the prior, (n, dimensions)."""
        return rng.normal(0.0, np.sqrt(self.prior_variance), (n, self.dimensions))

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one point (dimensions,), or one an event (n, dimensions).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` and ``theta``, (n, dimensions) each, and the gold ``joint_score``, which is the score.

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, self.dimensions)
        x = rng.normal(values, np.sqrt(self.variance))
        gold = {"joint_score": (x - values) / self.variance}
        return Events({"x": x, "theta": values}, gold=gold, provenance={"process": "gaussian-linear"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event."""
        result: Floats = norm.logpdf(events.column("x"), theta, np.sqrt(self.variance)).sum(axis=-1)
        return result

    def posterior(self, x: Floats) -> tuple[Floats, float]:
        """Mean (..., dimensions) and spread, the same in each dimension, of the Gaussian posterior at x."""
        share = self.prior_variance / (self.prior_variance + self.variance)
        return share * np.asarray(x, dtype=np.float64), float(np.sqrt(share * self.variance))

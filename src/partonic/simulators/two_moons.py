"""Crescents in the observables and in the posterior: likelihood and posterior exact (sbibm, arXiv:2101.04653)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event, flat_prior, within

CENTRE = 0.25


@register_simulator("two-moons", paper="arXiv:2101.04653", theta=(0.3, 0.2))
@dataclass(frozen=True)
class TwoMoons:
    r"""A point on half a ring about a place that depends on theta, (arXiv:2101.04653, T.8).

    .. math:: x = (\rho\cos\alpha + 1/4 - |\theta_1 + \theta_2|/\sqrt2,\; \rho\sin\alpha + (\theta_2 - \theta_1)/\sqrt2)

    with :math:`\alpha` flat between :math:`\pm\pi/2` and :math:`\rho \sim N(\rho_0, s)`. The prior is flat between
    ``-limit`` and ``limit``; the posterior has two crescents, as theta and its mirror image give the same x.

    Args:
        radius: of the ring, rho_0, above 0.
        spread: of the radius, s, above 0.
        limit: of the prior in each dimension, above 0.

    Raises:
        InputError: an option is not above 0.
    """

    radius: float = 0.1
    spread: float = 0.01
    limit: float = 1.0

    def __post_init__(self) -> None:
        if not (self.radius > 0 and self.spread > 0 and self.limit > 0):
            raise InputError(f"radius, spread and limit must be above 0, not {self}")

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the prior, (n, 2)."""
        return flat_prior(self.limit, n, 2, rng)

    def _crescent(self, n: int, rng: np.random.Generator) -> Floats:
        alpha = rng.uniform(-np.pi / 2, np.pi / 2, n)
        radius = rng.normal(self.radius, self.spread, n)
        return np.stack([radius * np.cos(alpha) + CENTRE, radius * np.sin(alpha)], axis=-1)

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events with ``x`` and ``theta``, (n, 2) each.

        Args:
            theta: one point (2,), or one an event (n, 2).
            n: number of events.
            rng: source of randomness.

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 2)
        x = self._crescent(n, rng) + _shift(values)
        return Events({"x": x, "theta": values}, provenance={"process": "two-moons"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event."""
        u = np.asarray(events.column("x"), dtype=np.float64) - _shift(each_event(theta, len(events), 2))
        u[:, 0] -= CENTRE
        length = np.maximum(np.hypot(u[:, 0], u[:, 1]), np.finfo(float).tiny)
        drawn = np.where(u[:, 0] >= 0, length, -length)  # a negative radius, where it comes, mirrors the point
        result: Floats = norm.logpdf(drawn, self.radius, self.spread) - np.log(np.pi * length)
        return result

    def posterior(self, x: ArrayLike, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the posterior at one x (2,), (n, 2): the latents are drawn and the shift is inverted.

        Raises:
            InputError: x is so far outside the prior that no draw is kept.
        """
        place = np.asarray(x, dtype=np.float64)

        def draw() -> Floats:
            """Points of both crescents; where no theta gives the shift, none that the prior allows."""
            total, difference = (np.sqrt(2) * (self._crescent(n, rng) - place)).T
            signed = np.where(total >= 0, rng.choice([-1.0, 1.0], n) * total, np.inf)
            return np.stack([signed + difference, signed - difference], axis=-1) / 2

        return within(self.limit, draw, n, place)


def _shift(theta: Floats) -> Floats:
    first, second = theta[:, 0], theta[:, 1]
    shift: Floats = np.stack([-np.abs(first + second), second - first], axis=-1) / np.sqrt(2)
    return shift

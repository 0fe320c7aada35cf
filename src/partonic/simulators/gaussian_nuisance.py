"""A Gaussian whose mean is known up to a nuisance parameter: the profile likelihood in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event


@register_simulator("gaussian-nuisance", theta=(0.2, 0.5))
@dataclass(frozen=True)
class GaussianNuisance:
    r"""Events :math:`x \sim N(\mu + s\nu, 1)`, where :math:`\nu` is constrained by a unit Gaussian about 0.

    Args:
        shift: s, how far the nuisance parameter moves the mean.
    """

    shift: float = 0.3

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: (mu, nu), or one pair an event (n, 2).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` and ``theta`` (n, 2), and the gold ``joint_score`` (n, 2), which is the score.

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 2)
        mean = values[:, 0] + self.shift * values[:, 1]
        x = rng.normal(mean, 1.0)
        score = (x - mean)[:, None] * np.array([1.0, self.shift])
        columns = {"x": x, "theta": values}
        return Events(columns, gold={"joint_score": score}, provenance={"process": "gaussian-nuisance"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, without the constraint, (n,), at one (mu, nu) or one an event."""
        values = each_event(theta, len(events), 2)
        x = np.asarray(events.column("x"), dtype=np.float64)
        result: Floats = norm.logpdf(x - values[:, 0] - self.shift * values[:, 1])
        return result

    def profile(self, events: Events, mu: float) -> float:
        r"""The test statistic :math:`q(\mu) = -2 \ln [L(\mu, \hat{\hat\nu}) / L(\hat\mu, \hat\nu)]` of a sample.

        With n events of mean m and the constraint it is :math:`n (m - \mu)^2 / (1 + n s^2)`.

        Raises:
            InputError: the sample is empty.
        """
        n = len(events)
        if n == 0:
            raise InputError("the profile likelihood needs an event")
        mean = float(np.mean(events.column("x")))
        return n * (mean - mu) ** 2 / (1 + n * self.shift**2)

    def interval(self, events: Events, level: float = 1.0) -> tuple[float, float]:
        """The interval of mu with q at most ``level`` (1 for 68.3 %), from the profile likelihood.

        Raises:
            InputError: the sample is empty, or ``level`` is not above 0.
        """
        if len(events) == 0 or not level > 0:
            raise InputError(f"an interval needs an event and a level above 0, not {len(events)} and {level}")
        mean = float(np.mean(events.column("x")))
        half = float(np.sqrt(level * (1 / len(events) + self.shift**2)))
        return mean - half, mean + half

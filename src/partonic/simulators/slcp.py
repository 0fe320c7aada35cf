"""A simple likelihood with a complex posterior: four points of one Gaussian (sbibm, arXiv:2101.04653, T.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event, flat_prior


@register_simulator("slcp", paper="arXiv:2101.04653", theta=(0.7, -2.9, -1.0, -0.9, 0.6))
@dataclass(frozen=True)
class SLCP:
    r"""Points of a Gaussian in two dimensions, whose mean, spreads and correlation are functions of five parameters.

    The mean is :math:`(\theta_1, \theta_2)`, the spreads are :math:`\theta_3^2` and :math:`\theta_4^2`, the correlation
    is :math:`\tanh\theta_5`; the prior is flat between ``-limit`` and ``limit``. The likelihood does not see the signs
    of :math:`\theta_3` and :math:`\theta_4`, so that the posterior has four modes.

    Args:
        points: of an event, 1 or more.
        limit: of the prior in each dimension, above 0.

    Raises:
        InputError: an option is out of range.
    """

    points: int = 4
    limit: float = 3.0

    def __post_init__(self) -> None:
        if self.points < 1 or not self.limit > 0:
            raise InputError(f"this needs 1 point or more and a limit above 0, not {self}")

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the prior, (n, 5)."""
        return flat_prior(self.limit, n, 5, rng)

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one point (5,), or one an event (n, 5); the third and fourth are not 0.
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` (n, 2 points), the points one after the other, ``theta`` (n, 5), and the gold
            ``joint_score`` (n, 5), which is the score.

        Raises:
            InputError: theta is of another shape, not finite or gives no width, or n is below 1.
        """
        values = each_event(theta, n, 5)
        spreads, correlation = _widths(values)
        noise = rng.standard_normal((n, self.points, 2))
        second = correlation[:, None] * noise[..., 0] + np.sqrt(1 - correlation[:, None] ** 2) * noise[..., 1]
        pulls = np.stack([noise[..., 0], second], axis=-1)
        x = (values[:, None, :2] + spreads[:, None] * pulls).reshape(n, -1)
        gold = {"joint_score": _score(pulls, values)}
        return Events({"x": x, "theta": values}, gold=gold, provenance={"process": "slcp"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event.

        Raises:
            InputError: theta is of another shape, not finite or gives no width.
        """
        values = each_event(theta, len(events), 5)
        spreads, correlation = _widths(values)
        pulls = self._pulls(events, values)
        a, b = pulls[..., 0], pulls[..., 1]
        rest = 1 - correlation**2
        squares = (a * a - 2 * correlation[:, None] * a * b + b * b).sum(axis=1) / rest
        norms = np.log(2 * np.pi) + np.log(spreads).sum(axis=1) + 0.5 * np.log(rest)
        result: Floats = -0.5 * squares - self.points * norms
        return result

    def score(self, events: Events, theta: ArrayLike) -> Floats:
        """The derivative of :meth:`log_prob` by theta, (n, 5).

        Raises:
            InputError: theta is of another shape, not finite or gives no width.
        """
        values = each_event(theta, len(events), 5)
        return _score(self._pulls(events, values), values)

    def _pulls(self, events: Events, values: Floats) -> Floats:
        spreads, _ = _widths(values)
        x = np.asarray(events.column("x"), dtype=np.float64).reshape(len(events), self.points, 2)
        pulls: Floats = (x - values[:, None, :2]) / spreads[:, None]
        return pulls


def _widths(theta: Floats) -> tuple[Floats, Floats]:
    """Spreads (n, 2) and correlation (n,)."""
    spreads, correlation = theta[:, 2:4] ** 2, np.tanh(theta[:, 4])
    if np.any(spreads == 0) or np.any(np.abs(correlation) == 1):
        raise InputError("the Gaussian has no width: the third and fourth parameter must not be 0, the fifth not huge")
    return spreads, correlation


def _score(pulls: Floats, theta: Floats) -> Floats:
    """From the distances to the mean in units of the spreads, (n, points, 2)."""
    spreads, correlation = _widths(theta)
    a, b, rho = pulls[..., 0], pulls[..., 1], correlation[:, None]
    rest = 1 - rho**2
    slopes = np.stack([a - rho * b, b - rho * a], axis=-1) / rest[..., None]
    by_mean = slopes.sum(axis=1) / spreads
    by_spread = (slopes * pulls - 1).sum(axis=1) * 2 / theta[:, 2:4]
    by_angle = (rho + a * b - rho * (a * a - 2 * rho * a * b + b * b) / rest).sum(axis=1)
    return np.concatenate([by_mean, by_spread, by_angle[:, None]], axis=1)

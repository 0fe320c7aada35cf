"""A Gaussian with a Gaussian latent: joint ratio, joint score and likelihood in closed form (MadMiner's toy)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event


@register_simulator("latent-gaussian", paper="arXiv:1907.10621", theta=(0.4,))
@dataclass(frozen=True)
class LatentGaussian:
    r"""The latent :math:`z \sim N(\theta, s_z)` and the observable :math:`x \sim N(z, s_x)`.

    Then :math:`x \sim N(\theta, \sqrt{s_z^2 + s_x^2})`, and the joint score is :math:`(z - \theta) / s_z^2`
    (arXiv:1805.00013; the example of arXiv:1907.10621).

    Args:
        latent_spread: s_z, above 0.
        spread: s_x, above 0.
        reference: theta in the denominator of the joint ratio.

    Raises:
        InputError: a spread is not above 0.
    """

    latent_spread: float = 2.0
    spread: float = 1.0
    reference: float = 0.0

    def __post_init__(self) -> None:
        if not (self.latent_spread > 0 and self.spread > 0):
            raise InputError(f"both spreads must be above 0, not {self.latent_spread} and {self.spread}")

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one value, or one an event (n,).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x``, ``z`` and ``theta`` (n, 1), and the gold ``joint_ratio`` (n,), of p(x, z | theta) to that
            at the reference, and ``joint_score`` (n, 1).

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 1)[:, 0]
        z = rng.normal(values, self.latent_spread)
        x = rng.normal(z, self.spread)
        columns = {"x": x, "z": z, "theta": values[:, None]}
        return Events(columns, gold=self._gold(z, values), provenance={"process": "latent-gaussian"})

    def at(self, events: Events, theta: ArrayLike) -> Events:
        """The same events with ``theta`` and the gold of other points, as if they were to be told from those.

        Args:
            events: what :meth:`simulate` gave.
            theta: one value, or one an event (n,).

        Raises:
            InputError: theta is of another shape or not finite.
        """
        values = each_event(theta, len(events), 1)[:, 0]
        gold = self._gold(np.asarray(events.column("z"), dtype=np.float64), values)
        return replace(events.with_columns(theta=values[:, None]), gold=gold)

    def _gold(self, z: Floats, theta: Floats) -> dict[str, Floats]:
        pull, other = (z - theta) / self.latent_spread, (z - self.reference) / self.latent_spread
        score: Floats = (pull / self.latent_spread)[:, None]
        return {"joint_ratio": np.exp(0.5 * (other**2 - pull**2)), "joint_score": score}

    def _pull(self, events: Events, theta: ArrayLike) -> tuple[Floats, float]:
        total = float(np.hypot(self.latent_spread, self.spread))
        values = each_event(theta, len(events), 1)[:, 0]
        return (np.asarray(events.column("x"), dtype=np.float64) - values) / total, total

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event."""
        pull, total = self._pull(events, theta)
        result: Floats = norm.logpdf(pull) - np.log(total)
        return result

    def score(self, events: Events, theta: ArrayLike) -> Floats:
        """The derivative of :meth:`log_prob` by theta, (n,)."""
        pull, total = self._pull(events, theta)
        return pull / total

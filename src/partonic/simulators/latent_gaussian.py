"""A Gaussian with a Gaussian latent: joint ratio, joint score and likelihood in closed form (MadMiner's toy)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.events.events import Events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LatentGaussian:
    r"""The latent :math:`z \sim N(\theta, s_z)` and the observable :math:`x \sim N(z, s_x)`.

    Then :math:`x \sim N(\theta, \sqrt{s_z^2 + s_x^2})`, and the joint score is :math:`(z - \theta) / s_z^2`
    (arXiv:1805.00013; the example of arXiv:1907.10621).

    Args:
        latent_spread: :math:`s_z`, above 0.
        spread: :math:`s_x`, above 0.
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

    def simulate(self, theta: float | Floats, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one value, or one an event (n,).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x``, ``z`` and ``theta`` (n, 1), and the gold ``joint_ratio`` (n,), of p(x, z | theta) to that
            at the reference, and ``joint_score`` (n, 1).
        """
        values = np.broadcast_to(np.asarray(theta, dtype=np.float64), (n,))
        z = rng.normal(values, self.latent_spread)
        x = rng.normal(z, self.spread)
        pulls = (z - values) / self.latent_spread, (z - self.reference) / self.latent_spread
        gold = {
            "joint_ratio": np.exp(0.5 * (pulls[1] ** 2 - pulls[0] ** 2)),
            "joint_score": (pulls[0] / self.latent_spread)[:, None],
        }
        columns = {"x": x, "z": z, "theta": values[:, None].copy()}
        return Events(columns, gold=gold, provenance={"process": "latent-gaussian"})

    def _pull(self, events: Events, theta: float) -> tuple[Floats, float]:
        total = float(np.hypot(self.latent_spread, self.spread))
        return (np.asarray(events.column("x"), dtype=np.float64) - theta) / total, total

    def log_prob(self, events: Events, theta: float) -> Floats:
        """Log-likelihood of each event, (n,)."""
        pull, total = self._pull(events, theta)
        result: Floats = norm.logpdf(pull) - np.log(total)
        return result

    def score(self, events: Events, theta: float) -> Floats:
        """The derivative of :meth:`log_prob` by theta, (n,)."""
        pull, total = self._pull(events, theta)
        return pull / total

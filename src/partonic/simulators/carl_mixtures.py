"""A mixture of two mixtures of Gaussians with random covariance: every likelihood ratio is known (arXiv:1506.02169)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event


@register_simulator("carl-mixtures", paper="arXiv:1506.02169", theta=(0.3,))
@dataclass(frozen=True)
class CarlMixtures:
    r"""Events of :math:`p(x|\theta) = (1 - \theta)\,p_0(x) + \theta\,p_1(x)`, a signal of the share theta.

    Each of :math:`p_0` and :math:`p_1` is an even mixture of Gaussians, whose means and covariances are drawn once for
    a ``family``: means from a unit Gaussian, covariances :math:`A A^T / d + 1/10` with unit Gaussian numbers in A. The
    likelihood ratio of the two is :meth:`log_prob` at 1 minus that at 0; the latent is the Gaussian that was drawn.

    Args:
        dimensions: d of x, 1 or more.
        gaussians: of each mixture, 1 or more.
        family: number of the problem: another number, other means and covariances.
        reference: theta in the denominator of the joint ratio, between 0 and 1.

    Raises:
        InputError: an option is out of range.
    """

    dimensions: int = 2
    gaussians: int = 2
    family: int = 1
    reference: float = 0.5

    def __post_init__(self) -> None:
        if self.dimensions < 1 or self.gaussians < 1 or not 0 < self.reference < 1:
            raise InputError(f"this needs 1 dimension and Gaussian or more and a reference between 0 and 1, not {self}")

    @cached_property
    def means(self) -> Floats:
        """Of the Gaussians of p_0 and of p_1, (2, gaussians, dimensions)."""
        return generator(self.family, 0).standard_normal((2, self.gaussians, self.dimensions))

    @cached_property
    def covariances(self) -> Floats:
        """Of the Gaussians of p_0 and of p_1, (2, gaussians, dimensions, dimensions)."""
        factors = generator(self.family, 1).standard_normal((2, self.gaussians, self.dimensions, self.dimensions))
        spread: Floats = factors @ np.swapaxes(factors, -1, -2) / self.dimensions + 0.1 * np.eye(self.dimensions)
        return spread

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta evenly between 0 and 1, (n, 1)."""
        return rng.uniform(0.0, 1.0, (n, 1))

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one share, 0 to 1, or one an event (n,).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` (n, dimensions), the latents ``signal`` and ``gaussian`` (n,), ``theta`` (n, 1), and the
            gold ``joint_ratio`` (n,), of p(x, z | theta) to that at the reference, and ``joint_score`` (n, 1).

        Raises:
            InputError: theta is of another shape or not between 0 and 1, or n is below 1.
        """
        values = _shares(theta, n)
        signal = (rng.random(n) < values[:, 0]).astype(np.int8)
        gaussian = rng.integers(0, self.gaussians, n).astype(np.int16)
        factors = np.linalg.cholesky(self.covariances)[signal, gaussian]
        x = self.means[signal, gaussian] + np.einsum("nij,nj->ni", factors, rng.standard_normal((n, self.dimensions)))
        share = np.where(signal, values[:, 0], 1 - values[:, 0])
        gold = {
            "joint_ratio": share / np.where(signal, self.reference, 1 - self.reference),
            "joint_score": (np.where(signal, 1.0, -1.0) / share)[:, None],
        }
        columns: dict[str, NDArray[np.generic]] = {"x": x, "signal": signal, "gaussian": gaussian, "theta": values}
        return Events(columns, gold=gold, provenance={"process": "carl-mixtures"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event.

        Raises:
            InputError: theta is of another shape or not between 0 and 1.
        """
        share = _shares(theta, len(events))[:, 0]
        both = self._densities(np.asarray(events.column("x"), dtype=np.float64))
        result: Floats = logsumexp(both, axis=0, b=np.stack([1 - share, share]))
        return result

    def score(self, events: Events, theta: ArrayLike) -> Floats:
        """The derivative of :meth:`log_prob` by theta, (n, 1).

        Raises:
            InputError: theta is of another shape or not between 0 and 1.
        """
        both = self._densities(np.asarray(events.column("x"), dtype=np.float64))
        shares = np.exp(both - self.log_prob(events, theta))
        result: Floats = (shares[1] - shares[0])[:, None]
        return result

    def _densities(self, x: Floats) -> Floats:
        """Logarithms of p_0 and p_1, (2, n)."""
        parts = np.zeros((2, self.gaussians, len(x)))
        for place in np.ndindex(2, self.gaussians):
            factor = np.linalg.cholesky(self.covariances[place])
            pulls = solve_triangular(factor, (x - self.means[place]).T, lower=True)
            norm = np.log(np.diag(factor)).sum() + 0.5 * self.dimensions * np.log(2 * np.pi)
            parts[place] = -0.5 * (pulls**2).sum(axis=0) - norm
        result: Floats = logsumexp(parts, axis=1) - np.log(self.gaussians)
        return result


def _shares(theta: ArrayLike, n: int) -> Floats:
    values = each_event(theta, n, 1)
    if np.any((values < 0) | (values > 1)):
        raise InputError("theta of a mixture is a share, between 0 and 1")
    return values

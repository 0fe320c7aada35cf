"""A Galton board whose nails feel theta: a discrete latent path with gold, the exact likelihood by recursion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event


@register_simulator("galton-board", paper="arXiv:1805.12244", theta=(-0.7,))
@dataclass(frozen=True)
class GaltonBoard:
    r"""A ball falls through rows of nails; at each it goes to the left or to the right by half a nail.

    At the height :math:`v \in [0, 1]` and the place :math:`h \in [-1, 1]` it goes left with the probability
    :math:`\frac12(1 - \sin\pi v) + \sin(\pi v)\,\sigma(10\,\theta h)` (arXiv:1805.12244). The observable x is the place
    where it arrives, in nails from the middle; the latent is the path, and :math:`p(x|\theta)` a sum over all paths.

    Args:
        rows: of nails, 2 or more.
        columns: nails that the width of the board holds, more than there are rows, so that no ball meets a wall.
        reference: theta in the denominator of the joint ratio.

    Raises:
        InputError: there are too few rows or columns.
    """

    rows: int = 20
    columns: int = 31
    reference: float = -0.7

    def __post_init__(self) -> None:
        if self.rows < 2 or self.columns <= self.rows:
            raise InputError(
                f"a board needs 2 rows or more and more columns than rows, not {self.rows}, {self.columns}"
            )

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta evenly between -1 and -0.4, as the paper does, (n, 1)."""
        return rng.uniform(-1.0, -0.4, (n, 1))

    def _left(self, theta: Floats, row: int, rights: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Probability to go left at a nail, and its derivative by theta.

        Args:
            theta: what broadcasts with ``rights``.
            row: of the nail, from 0.
            rights: how often the ball went right before.
        """
        wave = np.sin(np.pi * row / (self.rows - 1))
        slope = 10 * (2 * rights - row) / (self.columns - 1)
        side = expit(theta * slope)
        return 0.5 * (1 - wave) + wave * side, wave * slope * side * (1 - side)

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one value, or one an event (n,).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` (n,), the latent ``path`` (n, rows), 1 where the ball went right, ``theta`` (n, 1), and
            the gold ``joint_ratio`` (n,), of p(x, z | theta) to that at the reference, and ``joint_score`` (n, 1).

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 1)
        path = np.zeros((n, self.rows), dtype=np.int8)
        rights = np.zeros(n, dtype=np.int64)
        log_ratio, score = np.zeros(n), np.zeros(n)
        for row in range(self.rows):
            left, slope = self._left(values[:, 0], row, rights)
            before, _ = self._left(np.full(n, self.reference), row, rights)
            right = rng.random(n) >= left
            log_ratio += np.log(np.where(right, (1 - left) / (1 - before), left / before))
            score += np.where(right, -slope / (1 - left), slope / left)
            path[:, row] = right
            rights += right
        columns = {"x": rights - self.rows / 2, "path": path, "theta": values}
        gold = {"joint_ratio": np.exp(log_ratio), "joint_score": score[:, None]}
        return Events(columns, gold=gold, provenance={"process": "galton-board"})

    def _arrivals(self, theta: Floats) -> tuple[Floats, Floats]:
        """Probabilities of the places and their derivatives by theta, (m, rows + 1), at thetas (m,), row by row."""
        chance, slope = np.ones((len(theta), 1)), np.zeros((len(theta), 1))
        for row in range(self.rows):
            left, change = self._left(theta[:, None], row, np.arange(row + 1))
            going = slope * left + chance * change
            slope = _fall(going, slope - going)
            chance = _fall(chance * left, chance * (1 - left))
        return chance, slope

    def _places(self, events: Events) -> NDArray[np.int64]:
        x = np.asarray(events.column("x"), dtype=np.float64) + self.rows / 2
        places = np.rint(x).astype(np.int64)
        if np.any(np.abs(x - places) > 1e-9) or np.any((places < 0) | (places > self.rows)):
            raise InputError(
                f"x of a board of {self.rows} rows lies at whole steps within {self.rows / 2} of the middle"
            )
        return places

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Logarithm of the probability of each x, (n,), at one theta or one an event.

        Raises:
            InputError: an x cannot come from this board, or theta is of another shape or not finite.
        """
        thetas, row = np.unique(each_event(theta, len(events), 1)[:, 0], return_inverse=True)
        chance, _ = self._arrivals(thetas)
        result: Floats = np.log(chance[row, self._places(events)])
        return result

    def score(self, events: Events, theta: ArrayLike) -> Floats:
        """The derivative of :meth:`log_prob` by theta, (n, 1).

        Raises:
            InputError: an x cannot come from this board, or theta is of another shape or not finite.
        """
        thetas, row = np.unique(each_event(theta, len(events), 1)[:, 0], return_inverse=True)
        chance, slope = self._arrivals(thetas)
        places = self._places(events)
        result: Floats = (slope[row, places] / chance[row, places])[:, None]
        return result


def _fall(left: Floats, right: Floats) -> Floats:
    """One row further: those that go left keep their number of steps to the right, the others add one."""
    return np.pad(left, ((0, 0), (0, 1))) + np.pad(right, ((0, 0), (1, 0)))

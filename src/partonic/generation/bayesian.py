"""How well a Bayesian generator knows a distribution: a band for each bin from draws of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate

Floats = NDArray[np.float64]


class Drawable(Protocol):
    """A generator with distributions of weights."""

    def sample(
        self, n: int, rng: np.random.Generator, context: ArrayLike | None = None, draw: int | None = None
    ) -> Floats:
        """Events (n, k) with the weights of a draw."""
        ...


@dataclass(frozen=True)
class Band:
    """Shares of the events in bins, with what the weights leave open.

    Args:
        edges: of the bins, (bins + 1,).
        share: mean over the draws, (bins,).
        spread: standard deviation over the draws, without what the finite number of events adds, (bins,).
        draws: their number.
    """

    edges: Floats
    share: Floats
    spread: Floats
    draws: int

    def estimates(self) -> list[Estimate]:
        """The share of each bin with its spread."""
        note = f"{self.draws} draws of the weights"
        pairs = zip(self.share, self.spread, strict=True)
        return [Estimate.symmetric(share, spread, "weights", note) for share, spread in pairs]


def band(
    generator: Drawable,
    quantity: Callable[[Floats], Floats],
    edges: ArrayLike,
    rng: np.random.Generator,
    *,
    draws: int = 20,
    events: int = 5_000,
    context: ArrayLike | None = None,
) -> Band:
    """Draw the weights many times, and events with each (arXiv:2104.04543).

    Args:
        generator: trained with ``bayesian=True``.
        quantity: of events (n, k), (n,).
        edges: of the bins, rising.
        rng: source of randomness.
        draws: of the weights, 2 or more.
        events: of each draw.
        context: given values (events, c), where the training had them.

    Raises:
        InputError: a number is too small, the edges do not rise, or the generator is not Bayesian.
    """
    if events < 1:
        raise InputError(f"a band needs one event of each draw or more, not {events}")
    return band_of(lambda k: quantity(generator.sample(events, rng, context, draw=k)), edges, draws, events)


def band_of(made: Callable[[int], ArrayLike], edges: ArrayLike, draws: int = 20, events: int | None = None) -> Band:
    """The band of anything that draws of the weights make, as of showers or of what becomes of events.

    Args:
        made: number of a draw -> the quantity of events with its weights, (n,).
        edges: of the bins, rising.
        draws: of the weights, 2 or more.
        events: number of which the bins hold shares; all that ``made`` gives if None.

    Raises:
        InputError: there are too few draws, or the edges do not rise.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    if draws < 2 or bounds.ndim != 1 or len(bounds) < 2 or not np.all(np.diff(bounds) > 0):
        raise InputError(f"a band needs 2 draws and edges that rise, not {draws} and {edges!r}")
    rows = [np.asarray(made(k), dtype=np.float64) for k in range(draws)]
    totals = np.array([len(row) if events is None else events for row in rows], dtype=np.float64)
    shares = np.stack([np.histogram(row, bounds)[0] for row in rows]) / totals[:, None]
    mean = shares.mean(axis=0)
    finite = mean * (1 - mean) * np.mean(1 / totals)
    return Band(bounds, mean, np.sqrt(np.maximum(shares.var(axis=0, ddof=1) - finite, 0.0)), draws)

"""How momentum, number of particles and mass of jets are distributed: conditional histograms of a kind of jet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.generation.clouds import JetClouds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
KNOTS = 33  # of a quantile function, denser at both ends
SHARES = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, KNOTS))
ROWS = {"momentum": 8, "number": 12}  # at most so many bins
JETS = 150  # of a cell, about


@dataclass(frozen=True)
class JetCensus:
    """What a kind of jet is like before its shape is known; :meth:`counted` makes it.

    The momentum has its quantile function. The number of particles has a histogram in each bin of momentum, the
    logarithm of mass (momentum times width) a quantile function in each bin of number and momentum.

    Args:
        momentum: (KNOTS,) quantiles of the momentum in GeV.
        eta: (KNOTS,) quantiles of the pseudorapidity.
        momentum_edges: between bins of momentum.
        number_edges: between bins of the number of particles.
        number: (momentum bins, most) chance of as many particles or fewer, from 1.
        log_mass: (number bins, momentum bins, KNOTS) quantiles.
        share: of the weights of all kinds.
    """

    momentum: Floats
    eta: Floats
    momentum_edges: Floats
    number_edges: Floats
    number: Floats
    log_mass: Floats
    share: float

    @classmethod
    def counted(cls, jets: JetClouds, share: float = 1.0) -> Self:
        """The histograms of a sample.

        Args:
            jets: of one kind.
            share: of all kinds.
        """
        momentum, n, weight = jets.frame[:, 0], jets.counts, jets.weight
        log_mass = np.log(momentum * jets.width)
        bins = int(np.clip(len(jets) / (4 * JETS), 1, ROWS["momentum"]))
        momentum_edges = _edges(momentum, bins)
        number_edges = _edges(n, int(np.clip(len(jets) / (JETS * bins), 1, ROWS["number"])))
        column = np.searchsorted(momentum_edges, momentum, side="right")
        row = np.searchsorted(number_edges, n, side="right")
        cumulated = np.zeros((len(momentum_edges) + 1, int(n.max())))
        np.add.at(cumulated, (column, n - 1), weight)
        cumulated = np.cumsum(cumulated, axis=1) / cumulated.sum(axis=1, keepdims=True)
        table = np.empty((len(number_edges) + 1, len(momentum_edges) + 1, KNOTS))
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                near = (row == i) & (column == j)
                near = near if near.sum() >= JETS / 5 else row == i
                table[i, j] = _quantiles(log_mass[near], weight[near])
        whole = (_quantiles(momentum, weight), _quantiles(jets.frame[:, 1], weight))
        return cls(*whole, momentum_edges, number_edges, cumulated, table, share)

    def draw(
        self, n: int, rng: np.random.Generator, momentum: ArrayLike | None = None
    ) -> tuple[Floats, Integers, Floats]:
        """Frames (n, 3), numbers of particles (n,) and widths (n,) of jets.

        Args:
            n: number of jets.
            rng: source of randomness.
            momentum: of each jet in GeV, (n,) or one for all; drawn if None.

        Raises:
            InputError: a momentum is outside of those of the training.
        """
        if momentum is None:
            given = np.interp(rng.random(n), SHARES, self.momentum)
        else:
            given = np.broadcast_to(np.asarray(momentum, dtype=np.float64), (n,))
            low, high = self.momentum[0], self.momentum[-1]
            if not ((given >= low) & (given <= high)).all():
                raise InputError(
                    f"the jets to learn from had momenta of {low:.6g} to {high:.6g} GeV; ask for such ones"
                )
        column = np.searchsorted(self.momentum_edges, given, side="right")
        chance = rng.random(n)
        number = (self.number[column] < chance[:, None]).sum(axis=1) + 1
        row = np.searchsorted(self.number_edges, number, side="right")
        logs = _interpolated(rng.random(n), self.log_mass[row, column])
        eta = np.interp(rng.random(n), SHARES, self.eta)
        frame = np.column_stack([given, eta, rng.uniform(-np.pi, np.pi, n)])
        return frame, np.minimum(number, self.number.shape[1]), np.exp(logs) / given

    def tree(self) -> dict[str, Any]:
        """Plain data."""
        return {name: np.asarray(value).tolist() for name, value in vars(self).items()}

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave."""
        arrays = {name: np.array(value, dtype=np.float64) for name, value in tree.items() if name != "share"}
        return cls(**arrays, share=float(tree["share"]))


def _edges(values: NDArray[Any], bins: int) -> Floats:
    """Inner edges of bins of about equal numbers of jets, each with some."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])).astype(np.float64)
    inner: Floats = edges[edges > values.min()]
    return inner


def _quantiles(values: Floats, weight: Floats) -> Floats:
    """Quantiles at ``SHARES``, (KNOTS,)."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    middle = (total - 0.5 * weight[order]) / max(total[-1], 1e-300)
    middle[0], middle[-1] = 0.0, 1.0
    return np.interp(SHARES, middle, values[order])


def _interpolated(chance: Floats, quantiles: Floats) -> Floats:
    """Values (n,) at chances (n,) of the quantile functions (n, KNOTS)."""
    k = np.clip(np.searchsorted(SHARES, chance, side="right") - 1, 0, KNOTS - 2)
    rows = np.arange(len(chance))
    part = (chance - SHARES[k]) / (SHARES[k + 1] - SHARES[k])
    return quantiles[rows, k] * (1 - part) + quantiles[rows, k + 1] * part

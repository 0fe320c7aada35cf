r"""How the energy of a part of a calorimeter is shared out, as rows of numbers that a generator can learn.

The numbers are :math:`\ln(k e_i / E)`, with k parts of energies :math:`e_i` that add up to E. A part that reads nothing
gets a random number from a band below the logarithm of the smallest reading, and what falls into the band becomes zero
again. All parts share a small random shift: as they are normalised afterwards it changes nothing, but without it their
sum would be fixed, and the density infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.generation.table import Table, table

Floats = NDArray[np.float64]

BAND = (-2.0, -1.0)  # of zeros, below the logarithm of the smallest reading
GATE = -0.5  # in the middle between both; below it is zero
GAUGE, MOST = 0.03, 0.12  # spread of the common shift, and how far it may go
ROUNDING = 1e-9
HIGHEST = 5.0  # of a number, so that a wild one does no harm


class PartDrawer(Protocol):
    """What draws numbers of parts."""

    def sample(self, n: int, rng: np.random.Generator, context: Floats | None = None) -> Floats:
        """Rows (n, numbers) at what is given, (n, c)."""
        ...


@dataclass(frozen=True)
class Split:
    """The maps between the energies of parts and rows.

    Args:
        parts: k.
        threshold: the smallest reading, in GeV.

    Raises:
        InputError: there is no part, or the threshold is not above 0.
    """

    parts: int
    threshold: float

    def __post_init__(self) -> None:
        if self.parts < 1 or not 0 < self.threshold < np.inf:
            raise InputError(f"a split needs a part or more and a threshold above 0, not {self}")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers of a row."""
        return tuple(f"part {number}" for number in range(1, self.parts + 1))

    def rows(self, energies: Floats, rng: np.random.Generator) -> Floats:
        """Rows (m, parts) of energies of parts (m, parts) in GeV, of which one at least is above 0."""
        whole = energies.sum(axis=1, keepdims=True)
        shift = np.clip(rng.normal(0, GAUGE, whole.shape), -MOST, MOST)
        scale = np.log(self.parts / whole)
        logs = np.log(np.maximum(energies, self.threshold)) + scale + shift
        zeros = np.log(self.threshold) + scale + rng.uniform(*BAND, energies.shape)
        return np.asarray(np.where(energies > 0, logs, zeros), dtype=np.float64)

    def energies(self, rows: Floats, whole: Floats) -> Floats:
        """Energies of parts in GeV, (m, parts), of rows; each is 0 or at least the threshold, their sum is exact.

        Numbers between the band and the smallest reading become the smallest reading; where the whole does not suffice
        for so many parts, the lowest become zero.

        Args:
            rows: (m, parts).
            whole: their sum in GeV, (m,), at least the threshold.
        """
        raw = np.exp(np.minimum(rows, HIGHEST))
        least = (self.threshold / whole)[:, None]
        kept = rows > np.log(least * self.parts) + GATE
        order = (-rows).argsort(axis=1).argsort(axis=1)
        kept &= order < np.maximum(np.floor((1 + ROUNDING) / least), 1)
        kept[order == 0] = True
        at_least = np.zeros(rows.shape, dtype=bool)
        share = np.zeros(rows.shape)
        for _ in range(self.parts):
            free = np.where(kept & ~at_least, raw, 0.0)
            left = 1 - (at_least * least).sum(axis=1, keepdims=True)
            share = free * (np.maximum(left, 0.0) / np.maximum(free.sum(axis=1, keepdims=True), 1e-300))
            low = kept & ~at_least & (share < least) & (order > 0)
            if not low.any():
                break
            at_least |= low
        found: Floats = (share + at_least * least) * whole[:, None]
        return found


@dataclass(frozen=True)
class Stage:
    """One step of sharing out at once: what is split, into what, and what is given.

    Args:
        split: of each whole.
        wholes: how many of them a shower has, as (layers,) or (layers, rings).
    """

    split: Split
    wholes: tuple[int, ...]

    @property
    def parts(self) -> int:
        """Of each whole."""
        return self.split.parts

    def table_of(self, parts: Floats, layers: Floats, energy: Floats, rng: np.random.Generator) -> Table:
        """Rows of all wholes that read something, with what is given.

        Args:
            parts: in GeV, (n, ..., parts) for each whole.
            layers: in GeV, (n, layers); (n, 0) before there are any.
            energy: of the particles in GeV, (n,).
            rng: source of randomness.
        """
        wholes = parts.sum(axis=-1)
        at = np.nonzero(wholes > 0)
        context = given_of_wholes(at, wholes, layers, energy, self.split.threshold)
        return table(self.split.names, self.split.rows(parts[at], rng), context=context)

    def share_out(
        self, step: PartDrawer, wholes: Floats, layers: Floats, energy: Floats, rng: np.random.Generator
    ) -> Floats:
        """Energies of parts in GeV, (n, ..., parts), 0 or at least the threshold; their sums are the wholes.

        Args:
            step: draws rows of parts.
            wholes: in GeV, (n, ...), 0 or at least the threshold.
            layers: in GeV, (n, layers).
            energy: of the particles in GeV, (n,).
            rng: source of randomness.
        """
        at = np.nonzero(wholes > 0)
        parts = np.zeros((*wholes.shape, self.split.parts))
        if len(at[0]):
            context = given_of_wholes(at, wholes, layers, energy, self.split.threshold)
            parts[at] = self.split.energies(step.sample(len(context), rng, context), wholes[at])
        return parts


def given_of_wholes(
    at: tuple[NDArray[np.int64], ...], wholes: Floats, layers: Floats, energy: Floats, unit: float
) -> Floats:
    """What is given with a whole that is shared out: energies of the particle, of all layers, its own, its place.

    Args:
        at: numbers of showers and places of the wholes, as of ``np.nonzero``, (m,) each.
        wholes: in GeV, (n, ...) for each whole.
        layers: in GeV, (n, layers).
        energy: of the particles in GeV, (n,).
        unit: the smallest reading in GeV.

    Returns:
        (m, numbers).
    """
    shower, *places = at
    logs = np.column_stack([np.log(energy), np.log1p(layers / unit)])[shower]
    where = [np.eye(count)[place] for count, place in zip(wholes.shape[1:], places, strict=True)]
    return np.column_stack([logs, np.log1p(wholes[at] / unit), *where])

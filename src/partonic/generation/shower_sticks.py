"""How the energy of a part of a calorimeter is shared out one part after the other, each a number of its own.

The number of a part says what share it takes of what is left for it and those behind it, see
:func:`~partonic.generation.shower_rows.numbers_of_parts`. All parts of all showers are rows of one table with one
value, which a network of what is given describes well: shares of a rest hang together less than parts do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.generation.shower_rows import numbers_of_parts, parts_of_numbers
from partonic.generation.table import Table, table

Floats = NDArray[np.float64]

MOST = 600_000  # rows of a table


PartDrawer = Callable[[int, np.random.Generator, Floats], Floats]
"""Number of parts n, source of randomness and what is given, (n, c) -> their numbers, (n, 1)."""


@dataclass(frozen=True)
class Sticks:
    """One step of sharing out: what is split, into how many parts, and what is given.

    Args:
        parts: of each whole, two or more.
        threshold: the smallest reading, in GeV.
        wholes: how many of them a shower has, as (layers,) or (layers, rings).

    Raises:
        InputError: there are fewer than two parts, or the threshold is not above 0.
    """

    parts: int
    threshold: float
    wholes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.parts < 2 or not 0 < self.threshold < np.inf:
            raise InputError(f"sharing out takes two parts or more and a threshold above 0, not {self}")

    def table_of(self, parts: Floats, layers: Floats, energy: Floats, rng: np.random.Generator) -> Table:
        """Rows of all parts, of a random choice of 600,000 where there are more, with what is given.

        Args:
            parts: in GeV, (n, ..., parts) for each whole.
            layers: in GeV, (n, layers); (n, 0) before there are any.
            energy: of the particles in GeV, (n,).
            rng: source of randomness.
        """
        rest = np.cumsum(parts[..., ::-1], axis=-1)[..., ::-1]
        which = np.flatnonzero(rest[..., :-1] > 0)
        if len(which) > MOST:
            which = np.sort(rng.choice(which, MOST, replace=False))
        *at, number = np.unravel_index(which, (*parts.shape[:-1], self.parts - 1))
        whole = tuple(at)
        known = given_of_wholes(whole, rest[..., 0], layers, energy, self.threshold)
        context = self._context(known, parts[whole], rest[(*whole, number)], number)
        values = numbers_of_parts(parts[(*whole, number)], rest[(*whole, number)], self.threshold, rng)
        return table(("share",), values[:, None], context=context)

    def share_out(
        self, draw: PartDrawer, wholes: Floats, layers: Floats, energy: Floats, rng: np.random.Generator
    ) -> Floats:
        """Energies of parts in GeV, (n, ..., parts), 0 or at least the threshold; their sums are the wholes.

        Args:
            draw: draws numbers of parts.
            wholes: in GeV, (n, ...), 0 or at least the threshold.
            layers: in GeV, (n, layers).
            energy: of the particles in GeV, (n,).
            rng: source of randomness.
        """
        at = np.nonzero(wholes > 0)
        known = given_of_wholes(at, wholes, layers, energy, self.threshold)
        rest, found = wholes[at], np.zeros((len(known), self.parts))
        for number in range(self.parts - 1):
            left = np.flatnonzero(rest > 0)
            if not len(left):
                break
            context = self._context(known[left], found[left], rest[left], np.full(len(left), number))
            part = parts_of_numbers(draw(len(left), rng, context)[:, 0], rest[left], self.threshold)
            found[left, number] = part
            rest[left] -= part
        found[:, -1] += rest
        parts = np.zeros((*wholes.shape, self.parts))
        parts[at] = found
        return parts

    def _context(self, known: Floats, parts: Floats, rest: Floats, number: NDArray[np.int64]) -> Floats:
        """What is given with a part, (m, numbers): the whole, the parts before it, the rest, its number."""
        before = np.arange(self.parts - 2) < number[:, None]
        told = np.where(before, np.log1p(parts[:, : self.parts - 2] / self.threshold), 0.0)
        return np.column_stack([known, told, np.log(rest / self.threshold), np.eye(self.parts - 1)[number]])


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

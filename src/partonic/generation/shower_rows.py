r"""Showers, and the energies of their layers as rows of numbers that a generator can learn.

Energies are never negative on the way back, and layers add up to the whole. What is exactly zero is learned too: it
gets a random number from a band of its own beside those of readings, so that a density can describe it, and what falls
into the band becomes zero again. How layers are split into voxels: :mod:`~partonic.generation.shower_splits`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.generation.table import Table, table

Floats = NDArray[np.float64]

BAND, GATE = (-0.4, -0.2), -0.1  # of the shares of layers
ALL_BAND, ALL_GATE = (1.2, 1.4), 1.1  # of layers behind which there is nothing
LEAST = 1e-9  # of the energy of the particle, the smallest reading where there is no threshold


@dataclass(frozen=True)
class Showers:
    """Readings of a calorimeter; :func:`showers` checks them.

    Args:
        voxels: in GeV, (n, layers, rings, sectors).
        energy: of the particles in GeV, (n,).
    """

    voxels: Floats
    energy: Floats

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> Showers:
        return Showers(self.voxels[rows], self.energy[rows])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, rings and sectors."""
        layers, rings, sectors = self.voxels.shape[1:]
        return layers, rings, sectors

    @property
    def layers(self) -> Floats:
        """Energy of each layer in GeV, (n, layers)."""
        return np.asarray(self.voxels.sum(axis=(2, 3)), dtype=np.float64)


def showers(voxels: ArrayLike, energy: ArrayLike) -> Showers:
    """Check readings of a calorimeter.

    Args:
        voxels: in GeV, (n, layers, rings, sectors), 0 or above.
        energy: of the particles in GeV, (n,), above 0.

    Raises:
        InputError: shapes disagree, a number is not finite, a reading is negative, an energy is not above 0, or all
            readings are zero.
    """
    read, given = np.asarray(voxels, dtype=np.float64), np.asarray(energy, dtype=np.float64)
    if read.ndim != 4 or given.shape != read.shape[:1] or 0 in read.shape:
        raise InputError(
            "showers are voxels (showers, layers, rings, sectors) with one energy each, not arrays of the shapes "
            f"{read.shape} and {given.shape}"
        )
    bad = ~np.isfinite(read).all(axis=(1, 2, 3)) | ~np.isfinite(given)
    if bad.any():
        raise InputError(
            f"{bad.sum():,} showers have numbers that are not finite; the first is shower {np.argmax(bad)}"
        )
    below = read.min(axis=(1, 2, 3)) < 0
    if below.any():
        raise InputError(
            f"{below.sum():,} showers have negative readings, the first is shower {np.argmax(below)}; cut the readings "
            "at a threshold of 0 or above first"
        )
    if given.min() <= 0:
        raise InputError(
            f"energies of particles must be above 0 GeV, that of shower {np.argmin(given)} is {given.min()}"
        )
    if not read.any():
        raise InputError(f"all voxels of {len(read):,} showers are zero: there is nothing to learn")
    return Showers(read, given)


@dataclass(frozen=True)
class LayerRows:
    """The maps between the energies of layers and rows.

    Args:
        layers: their number.
        threshold: the smallest reading above 0, in GeV.

    Raises:
        InputError: there is no layer, or the threshold is not above 0.
    """

    layers: int
    threshold: float

    def __post_init__(self) -> None:
        if self.layers < 1 or not 0 < self.threshold < np.inf:
            raise InputError(f"rows of layers need a layer or more and a threshold above 0, not {self}")

    @classmethod
    def of(cls, sample: Showers) -> LayerRows:
        """The maps for a sample, whose smallest reading is the threshold."""
        smallest = float(sample.voxels[sample.voxels > 0].min())
        return cls(sample.shape[0], max(smallest, LEAST * float(sample.energy.max())))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers of a row."""
        return ("total", *(f"share {layer}" for layer in range(1, self.layers)))

    def context(self, energy: Floats) -> Floats:
        """What is given with each row, (n, 1)."""
        return np.log(energy)[:, None]

    def table_of(self, sample: Showers, rng: np.random.Generator) -> Table:
        r""":math:`(E_\mathrm{read} - E)/\sqrt{E}`, and what share of the rest is in each layer.

        The share is one of logarithms over the threshold, from 0 to 1.
        """
        layers = sample.layers
        rest = np.cumsum(layers[:, ::-1], axis=1)[:, ::-1]
        total = (rest[:, 0] - sample.energy) / np.sqrt(sample.energy)
        empty = rest[:, 0] == 0
        total[empty] -= rng.random(int(empty.sum()))
        last = rest[:, :-1] - layers[:, :-1] <= 0
        here = layers[:, :-1]
        share = self._log(here) / np.maximum(self._log(rest[:, :-1]), 1e-3)
        share = np.where(last, rng.uniform(*ALL_BAND, share.shape), np.clip(share, 0.0, 1.0))
        share = np.where(here == 0, rng.uniform(*BAND, share.shape), share)
        return table(self.names, np.column_stack([total, share]), context=self.context(sample.energy))

    def energies(self, rows: Floats, energy: Floats) -> Floats:
        """Energy of each layer in GeV, (n, layers), of rows and energies of particles (n,)."""
        left = np.maximum(energy + rows[:, 0] * np.sqrt(energy), 0.0)
        left[left < self.threshold] = 0.0
        found = np.zeros((len(rows), self.layers))
        for layer in range(self.layers - 1):
            share = rows[:, layer + 1]
            part = self.threshold * np.exp(np.clip(share, 0.0, 1.0) * self._log(left))
            part = np.where(share > ALL_GATE, left, np.minimum(part, left))
            part[(share < GATE) | (left == 0)] = 0.0
            part = np.where(left - part < self.threshold, np.where(part > 0, left, part), part)
            found[:, layer] = part
            left = np.maximum(left - part, 0.0)
        found[:, -1] = left
        return found

    def _log(self, energy: Floats) -> Floats:
        return np.log(np.maximum(energy, self.threshold) / self.threshold)

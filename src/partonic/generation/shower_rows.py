r"""Showers, what is read of them in all, and the shares of their parts, as numbers that a generator can learn.

Energies are never negative on the way back, and parts add up to the whole. What is exactly zero is learned too: it gets
a random number from a band of its own beside those of readings, so that a density can describe it, and what falls into
the band becomes zero again. How a whole is split: :mod:`~partonic.generation.shower_sticks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.generation.table import Table, table

Floats = NDArray[np.float64]

BAND, GATE = (1.2, 1.4), 1.1  # of what takes all of a rest; with a minus sign, of what takes nothing
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
class ShowerTotals:
    """The maps between what is read of a shower in all and rows.

    Args:
        threshold: the smallest reading above 0, in GeV.

    Raises:
        InputError: the threshold is not above 0.
    """

    threshold: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold < np.inf:
            raise InputError(f"showers need a threshold above 0, not {self.threshold}")

    @classmethod
    def of(cls, sample: Showers) -> ShowerTotals:
        """The maps for a sample, whose smallest reading is the threshold."""
        smallest = float(sample.voxels[sample.voxels > 0].min())
        return cls(max(smallest, LEAST * float(sample.energy.max())))

    def context(self, energy: Floats) -> Floats:
        """What is given with each row, (n, 1)."""
        return np.log(energy)[:, None]

    def table_of(self, sample: Showers, rng: np.random.Generator) -> Table:
        r""":math:`(E_\mathrm{read} - E)/\sqrt{E}`; less a random number from 0 to 1 where nothing is read."""
        read = sample.layers.sum(axis=1)
        total = (read - sample.energy) / np.sqrt(sample.energy)
        total[read == 0] -= rng.random(int((read == 0).sum()))
        return table(("total",), total, context=self.context(sample.energy))

    def energies(self, rows: Floats, energy: Floats) -> Floats:
        """What is read in GeV, (n,), 0 or at least the threshold, of rows (n, 1) and energies of particles (n,)."""
        found = energy + rows[:, 0] * np.sqrt(energy)
        return np.where(found < self.threshold, 0.0, found)


def numbers_of_parts(part: Floats, rest: Floats, threshold: float, rng: np.random.Generator) -> Floats:
    r"""Numbers that say what share of a rest is in a part.

    They are :math:`\ln\frac{e}{R - e}` over its largest value :math:`\ln(R / s - 1)`, from -1 to 1, with the rest R and
    the smallest reading s. A part that reads nothing gets a random number from a band below, one that takes all of the
    rest from a band above.

    Args:
        part: in GeV, of any shape; 0 or at least the threshold, like what it leaves.
        rest: in GeV, of the same shape.
        threshold: s, in GeV.
        rng: source of randomness.
    """
    band = rng.uniform(*BAND, part.shape)
    behind = rest - part
    logs = np.log(np.maximum(part, threshold) / np.maximum(behind, threshold))
    inner = np.clip(logs / np.maximum(_largest(rest, threshold), LEAST), -1.0, 1.0)
    found: Floats = np.where(part <= 0, -band, np.where(behind <= LEAST * rest, band, inner))
    return found


def parts_of_numbers(numbers: Floats, rest: Floats, threshold: float) -> Floats:
    """What :func:`numbers_of_parts` was given, in GeV; for any numbers 0, all of the rest, or at least the threshold.

    Args:
        numbers: of any shape.
        rest: in GeV, of the same shape; 0 or at least the threshold, and so is what a part leaves.
        threshold: in GeV.
    """
    largest = _largest(rest, threshold)
    share = 1 / (1 + np.exp(-np.clip(numbers, -1.0, 1.0) * np.maximum(largest, 0.0)))
    gate = np.where(largest > -LEAST, GATE, 0.0)
    found: Floats = np.where(numbers < -gate, 0.0, np.where(numbers >= gate, rest, share * rest))
    return found


def _largest(rest: Floats, threshold: float) -> Floats:
    """The largest logarithm of the ratio of two readings with this sum; 0 or below where there cannot be two."""
    largest: Floats = np.log(np.maximum(rest / threshold - 1, LEAST))
    return largest

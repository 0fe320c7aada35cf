"""Calorimeters: cells, smeared towers, and the energy-flow merge of towers with the tracks that point at them.

The rules are those of the energy flow of Delphes (arXiv:1307.6346, section 3.4) for two calorimeters behind each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from partonic.simulators.cards import Calorimeter
    from partonic.simulators.tracker import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a calorimeter, numbered ring by ring.

    Args:
        edges: (rings + 1,) rising edges in eta.
        cells: (rings,) cells in phi of each ring.
        first: (rings + 1,) number of the first cell of each ring.
        ring: (cells,) ring of each cell.
        guess: ring in which each of equal steps in eta begins; no step holds two edges.
        variance: (3, rings) of sigma^2(E) = v0 + v1 E + v2 E^2 (GeV^2).
    """

    edges: Floats
    cells: Ints
    first: Ints
    ring: NDArray[np.int16]
    guess: NDArray[np.int16]
    variance: Floats

    def locate(self, eta: Floats, phi: Floats) -> Ints:
        """Cell of each position; eta must lie within the edges, phi in [-pi, pi]."""
        steps = len(self.guess) / (self.edges[-1] - self.edges[0])
        step = ((eta - self.edges[0]) * steps).astype(np.int32)
        ring = self.guess[np.minimum(step, len(self.guess) - 1)]
        ring += eta > self.edges[ring + 1]
        cells = self.cells[ring]
        column = ((phi + np.pi) * (cells * (0.5 / np.pi))).astype(np.int64)
        located: Ints = self.first[ring] + np.minimum(column, cells - 1)
        return located

    def covers(self, eta: Floats) -> NDArray[np.bool_]:
        """Whether there are cells at an eta."""
        return np.asarray((eta > self.edges[0]) & (eta <= self.edges[-1]))

    def sigma2(self, ring: NDArray[np.int16], energy: Floats) -> Floats:
        """Variance of the measured energy (GeV^2)."""
        noise, stochastic, constant = self.variance
        variance: Floats = noise[ring] + energy * (stochastic[ring] + energy * constant[ring])
        return variance

    def centre(self, cell: Ints) -> tuple[Floats, Floats]:
        """The eta and phi of the middle of each cell."""
        ring = self.ring[cell]
        column = cell - self.first[ring] + 0.5
        return 0.5 * (self.edges[ring] + self.edges[ring + 1]), column * (2 * np.pi / self.cells[ring]) - np.pi

    def scatter(self, cell: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A random eta and phi within each cell."""
        ring = self.ring[cell]
        low = self.edges[ring]
        eta = low + rng.random(len(cell)) * (self.edges[ring + 1] - low)
        column = cell - self.first[ring] + rng.random(len(cell))
        return eta, column * (2 * np.pi / self.cells[ring]) - np.pi


@lru_cache(maxsize=16)
def grid(calorimeter: Calorimeter) -> Grid:
    """Lay out the cells of a calorimeter."""
    rings = sorted((edge, cells) for cells, edges in calorimeter.rings for edge in edges)
    edges = np.array([edge for edge, _ in rings])
    cells = np.array([number for _, number in rings[1:]], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(cells)])
    centre = np.abs(0.5 * (edges[1:] + edges[:-1]))
    variance = np.zeros((3, len(cells)))
    low = -1.0
    for region in calorimeter.regions:
        here = (centre > low) & (centre <= region.eta_max)
        offset, slope, middle = region.shape
        shape = offset + slope * (centre[here] - middle) ** 2
        terms = np.array([region.noise, region.stochastic, region.constant])
        variance[:, here] = (terms[:, None] * shape) ** 2
        low = region.eta_max
    steps = math.ceil(1.01 * (edges[-1] - edges[0]) / np.diff(edges).min())
    guess = np.searchsorted(edges, np.linspace(edges[0], edges[-1], steps, endpoint=False), side="right") - 1
    ring = np.repeat(np.arange(len(cells), dtype=np.int16), cells)
    return Grid(edges, cells, first, ring, guess.astype(np.int16), variance)


@dataclass(frozen=True)
class Deposits:
    """Energy left in a calorimeter.

    Args:
        event: (deposits,) event number.
        eta: (deposits,) position.
        phi: (deposits,) position.
        energy: (deposits,) GeV, above 0.
    """

    event: Ints
    eta: Floats
    phi: Floats
    energy: Floats


@dataclass(frozen=True)
class Neutrals:
    """Energy-flow towers that tracks do not explain.

    Args:
        event: (towers,) event number, rising.
        eta: (towers,) position, smeared over the cell.
        phi: (towers,) the same.
        energy: (towers,) GeV.
    """

    event: Ints
    eta: Floats
    phi: Floats
    energy: Floats


def _towers(key: Ints, energy: Floats) -> tuple[Ints, Floats, Ints]:
    """Group deposits by key: keys of the towers (rising), their energies, tower of each deposit."""
    count = len(key)
    bits = max(count - 1, 1).bit_length()
    packed = np.sort((key << bits) | np.arange(count))  # sorting one array of integers beats an argsort
    order = packed & ((1 << bits) - 1)
    key = packed >> bits
    new = np.empty(count, dtype=bool)
    new[:1] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    tower = np.empty(count, dtype=np.int64)
    tower[order] = np.cumsum(new) - 1
    total: Floats = np.bincount(tower, energy, len(starts)).astype(np.float64, copy=False)
    return key[starts], total, tower


@dataclass(frozen=True)
class Towers:
    """What a calorimeter reads.

    Args:
        event: (towers,) event number, rising.
        cell: (towers,) number of the cell in its grid.
        deposited: (towers,) energy left there (GeV).
        energy: (towers,) measured energy (GeV), 0 where it is below the threshold or not significant.
        sigma2: (towers,) its variance (GeV^2).
        of: (deposits,) the tower of each deposit.
    """

    event: Ints
    cell: Ints
    deposited: Floats
    energy: Floats
    sigma2: Floats
    of: Ints


def read(deposits: Deposits, calorimeter: Calorimeter, rng: np.random.Generator) -> Towers:
    """Add up the deposits of each cell and smear the sum (log-normal).

    Args:
        deposits: the energies; all within the calorimeter.
        calorimeter: the numbers of the calorimeter.
        rng: source of randomness.
    """
    cells = grid(calorimeter)
    size = int(cells.first[-1])
    key, deposited, tower = _towers(deposits.event * size + cells.locate(deposits.eta, deposits.phi), deposits.energy)
    event, cell = np.divmod(key, size)
    ring = cells.ring[cell]
    spread = np.log1p(cells.sigma2(ring, deposited) / (deposited * deposited))
    energy = deposited * np.exp(np.sqrt(spread) * rng.standard_normal(len(deposited)) - 0.5 * spread)
    sigma2 = cells.sigma2(ring, energy)
    needed = calorimeter.significance_min**2
    energy[(energy < calorimeter.energy_min) | (energy * energy < needed * sigma2)] = 0.0
    return Towers(event, cell, deposited, energy, sigma2, tower)


def merge(
    towers: Towers,
    tracked: Ints,
    track_energy: Floats,
    track_sigma: Floats,
    calorimeter: Calorimeter,
    rng: np.random.Generator,
) -> tuple[Neutrals, Floats]:
    """Merge towers with tracks.

    Where the energy above that of the tower's tracks is itself above threshold and significant it becomes a neutral
    particle; else the tracks are scaled to the mean of both measurements, weighted by their variances.

    Args:
        towers: what the calorimeter reads.
        tracked: (tracks,) the deposit that each track left.
        track_energy: (tracks,) measured energy (GeV).
        track_sigma: (tracks,) its error (GeV).
        calorimeter: the numbers of the calorimeter.
        rng: source of randomness.

    Returns:
        The neutral towers, and the factor on the momentum of each track (tracks,).
    """
    energy, sigma2 = towers.energy, towers.sigma2
    needed = calorimeter.significance_min**2
    pointed = towers.of[tracked]
    tracks = np.bincount(pointed, track_energy, len(energy))
    tracks_sigma2 = np.bincount(pointed, track_sigma * track_sigma, len(energy))
    excess = np.maximum(energy - tracks, 0.0)
    neutral = (excess > calorimeter.energy_min) & (excess * excess > needed * (sigma2 + tracks_sigma2))

    both = (sigma2 + tracks_sigma2)[pointed]
    best = tracks[pointed] * sigma2[pointed] + energy[pointed] * tracks_sigma2[pointed]
    exact = neutral[pointed] | (both <= 0)
    scale = np.divide(best, both * tracks[pointed], out=np.ones_like(both), where=~exact)
    kept = np.flatnonzero(neutral)
    eta, phi = grid(calorimeter).scatter(towers.cell[kept], rng)
    return Neutrals(towers.event[kept], eta, phi, excess[kept]), scale

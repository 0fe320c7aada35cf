"""The medium of a calorimeter and the cylinder of voxels in which its showers are read out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError

Floats = NDArray[np.float64]
SCALE_ENERGY = 0.0212  # GeV, of multiple scattering


@dataclass(frozen=True)
class Absorber:
    """A homogeneous medium; lead as the Particle Data Group gives it, if nothing else is said.

    Args:
        number: atomic number Z.
        mass: atomic mass A.
        density: in g/cm^3.
        radiation: radiation length in g/cm^2.
        interaction: nuclear interaction length in g/cm^2.

    Raises:
        InputError: a number is not above 0, or Z is below 2.
    """

    number: float = 82.0
    mass: float = 207.2
    density: float = 11.35
    radiation: float = 6.37
    interaction: float = 199.6

    def __post_init__(self) -> None:
        numbers = (self.mass, self.density, self.radiation, self.interaction)
        if not (self.number >= 2 and all(0 < value < np.inf for value in numbers)):
            raise InputError(f"a medium has an atomic number of 2 or more and other constants above 0, not {self}")

    @property
    def radiation_length(self) -> float:
        """In cm."""
        return self.radiation / self.density

    @property
    def interaction_length(self) -> float:
        """In cm."""
        return self.interaction / self.density

    @property
    def critical_energy(self) -> float:
        """In GeV, 2.66 MeV (X0 Z / A)^1.1 with X0 in g/cm^2 (hep-ex/0001020, appendix A)."""
        return 2.66e-3 * float((self.radiation * self.number / self.mass) ** 1.1)

    @property
    def moliere_radius(self) -> float:
        """In cm, 21.2 MeV X0 / Ec."""
        return self.radiation_length * SCALE_ENERGY / self.critical_energy


@dataclass(frozen=True)
class Cylinder:
    """Voxels around the axis along which the particle flies in: layers, rings and sectors.

    Args:
        layers: their number, all of one thickness.
        depth: of all layers together, in cm.
        radii: outer radius of each ring, rising, in cm.
        sectors: number of equal sectors in azimuth.

    Raises:
        InputError: a number is below 1, a length is not above 0, or the radii do not rise.
    """

    layers: int = 10
    depth: float = 14.0
    radii: tuple[float, ...] = (0.4, 0.8, 1.4, 2.4, 4.0, 8.0)
    sectors: int = 8

    def __post_init__(self) -> None:
        if self.layers < 1 or self.sectors < 1 or not 0 < self.depth < np.inf:
            raise InputError(f"a cylinder needs a layer, a sector and a depth above 0, not {self}")
        if not self.radii or any(not low < high < np.inf for low, high in pairwise((0.0, *self.radii))):
            raise InputError(f"radii of rings are above 0 and rise, unlike {self.radii}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, rings and sectors."""
        return self.layers, len(self.radii), self.sectors

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def edges(self) -> Floats:
        """Depths between the layers in cm, (layers + 1,)."""
        return np.asarray(np.linspace(0.0, self.depth, self.layers + 1), dtype=np.float64)

    @property
    def radius(self) -> Floats:
        """Middle of each ring in cm, (rings,)."""
        edges = np.concatenate([[0.0], self.radii])
        return np.asarray(0.5 * (edges[1:] + edges[:-1]), dtype=np.float64)

    @property
    def azimuth(self) -> Floats:
        """Middle of each sector, (sectors,)."""
        return np.asarray((np.arange(self.sectors) + 0.5) * (2 * np.pi / self.sectors), dtype=np.float64)

"""What physicists look at in a shower: energies, centres, widths and sparsity of layers, and the sum over all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partonic.generation.shower_rows import Showers
from partonic.simulators.showers.geometry import Cylinder

Floats = NDArray[np.float64]


def feature_names(cylinder: Cylinder) -> tuple[str, ...]:
    """Names of the columns of :func:`features`."""
    kinds = ("energy", "centre x", "centre y", "width x", "width y", "sparsity")
    whole = ("ln energy", "response", "depth", "spread of depth", "sparsity")
    return (*whole, *(f"{kind} {layer}" for kind in kinds for layer in range(1, cylinder.layers + 1)))


def features(sample: Showers, cylinder: Cylinder) -> Floats:
    r"""High-level features of showers, (n, 5 + 6 layers).

    Args:
        sample: n showers.
        cylinder: of their voxels.

    Returns:
        Of the whole: logarithm of the energy of the particle in GeV, what is read over it, mean and spread of the depth
        in cm, share of voxels that read something. Of each layer: its share of the energy of the particle, the centre
        and the spread across in cm, in two directions, and the share of its voxels that read something. Centres and
        spreads are weighted with the readings, and 0 where there are none.
    """
    layers, energy = sample.layers, sample.energy
    hit = sample.voxels > 0
    edges = cylinder.edges
    middle = 0.5 * (edges[1:] + edges[:-1])
    depth, deep = moments(layers, middle)
    whole = [np.log(energy), layers.sum(axis=1) / energy, depth, deep, hit.mean(axis=(1, 2, 3))]
    flat = sample.voxels.reshape(*layers.shape, -1)
    places = [np.outer(cylinder.radius, turn(cylinder.azimuth)).ravel() for turn in (np.cos, np.sin)]
    across = [moments(flat, place) for place in places]
    parts = [layers / energy[:, None], across[0][0], across[1][0], across[0][1], across[1][1], hit.mean(axis=(2, 3))]
    return np.column_stack([*whole, *parts])


def moments(energy: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of places (k,) weighted with energies (..., k), (...) each; 0 where there is no energy."""
    total = energy.sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    mean = energy @ place / safe
    square = energy @ place**2 / safe
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))

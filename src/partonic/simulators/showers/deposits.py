"""From the energy of slices to voxels: spots, sampling fluctuations and a threshold."""

from __future__ import annotations

import numpy as np

from partonic.simulators.showers.geometry import Cylinder, Floats


def lay_spots(
    energy: Floats, spots: Floats, within: Floats, cylinder: Cylinder, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Lay the energy of each slice down in spots of equal energy; no energy is lost.

    Args:
        energy: of each slice in GeV, (n, layers).
        spots: mean number of them, (n, layers); one more than a Poisson number is laid.
        within: share of the energy within the radius of each ring, (n, layers, rings).
        cylinder: of voxels.
        rng: source of randomness.

    Returns:
        Energy of the voxels, (n, layers, rings, sectors), and outside of the last ring, (n,), in GeV.
    """
    rings = np.diff(within, axis=-1, prepend=0.0)
    inside = np.repeat(rings / cylinder.sectors, cylinder.sectors, axis=-1)
    shares = np.concatenate([inside, np.maximum(1 - within[..., -1:], 0.0)], axis=-1)
    shares /= shares.sum(axis=-1, keepdims=True)
    number = 1 + rng.poisson(spots)
    counts = rng.multinomial(number, shares)
    laid = counts * (energy / number)[..., None]
    return laid[..., :-1].reshape(len(energy), *cylinder.shape), laid[..., -1].sum(axis=1)


def sample(deposited: Floats, sampling: float, threshold: float, rng: np.random.Generator) -> Floats:
    r"""What a calorimeter reads, in GeV.

    The reading of an energy e is a Gamma variable of mean e and variance :math:`a^2 e`. Sums of such are again Gamma
    variables, so that the resolution of the whole is :math:`a / \sqrt{E}` whatever the voxels.

    Args:
        deposited: energies in GeV.
        sampling: a in square roots of GeV; 0 reads the energies as they are.
        threshold: smallest reading that is kept, in GeV; others are 0.
        rng: source of randomness.
    """
    read = deposited.copy()
    if sampling > 0:
        hit = deposited > 0
        scale = sampling**2
        read[hit] = scale * rng.standard_gamma(deposited[hit] / scale)
    read[read < threshold] = 0.0
    return read

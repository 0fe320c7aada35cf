"""Random streams, all from one seed, distinct by construction."""

from __future__ import annotations

import numpy as np

from partonic.core.errors import InputError

PYTHIA_SEED_MAX = 900_000_000


def generator(seed: int, *path: int) -> np.random.Generator:
    """NumPy generator for a seed and a path of integers (chunk, purpose, ...): distinct paths, distinct streams.

    Raises:
        InputError: the seed is not a whole number of 0 or above.
    """
    if not isinstance(seed, int | np.integer):
        raise InputError(f"the seed must be a whole number of 0 or above, not {seed}")
    if seed < 0:
        raise InputError(f"the seed must be 0 or above, not {seed}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))


def chunk_seed(seed: int, chunk: int) -> int:
    """Pythia's seed for a chunk of a run, ``1 + (seed + chunk) mod 900,000,000``: chunks of a run never share one.

    Args:
        seed: seed of the run, 0 to 899,999,999.
        chunk: number of the chunk, 0 to 899,999,999.

    Raises:
        InputError: the seed or the chunk is out of range.
    """
    if not 0 <= seed < PYTHIA_SEED_MAX:
        raise InputError(f"the seed must be between 0 and {PYTHIA_SEED_MAX - 1:,} (Pythia's limit), not {seed:,}")
    if not 0 <= chunk < PYTHIA_SEED_MAX:
        raise InputError(f"chunk {chunk:,} is beyond the {PYTHIA_SEED_MAX:,} seeds that Pythia has")
    # A stride that is prime to the modulus keeps runs of neighbouring seeds from sharing long stretches of chunks.
    return 1 + (seed * 15_485_863 + chunk) % PYTHIA_SEED_MAX

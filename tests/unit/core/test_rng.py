"""Random streams: repeatable, and distinct by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partonic.core.errors import InputError
from partonic.core.rng import PYTHIA_SEED_MAX, chunk_seed, generator

SEEDS = st.integers(0, PYTHIA_SEED_MAX - 1)


@given(SEEDS, SEEDS, SEEDS)
def test_chunks_of_a_run_never_share_a_seed(seed, one, other):
    a, b = chunk_seed(seed, one), chunk_seed(seed, other)
    assert 1 <= a <= PYTHIA_SEED_MAX
    assert (a == b) == (one == other)


def test_many_chunks_of_neighbouring_runs_are_all_distinct():
    seeds = [chunk_seed(seed, chunk) for seed in range(20) for chunk in range(2000)]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("seed", [-1, PYTHIA_SEED_MAX, 10**12])
def test_a_seed_beyond_pythias_limit_is_refused(seed):
    with pytest.raises(InputError, match=r"between 0 and 899,999,999 \(Pythia's limit\), not"):
        chunk_seed(seed, 0)


@pytest.mark.parametrize("chunk", [-1, PYTHIA_SEED_MAX])
def test_a_chunk_beyond_the_seeds_is_refused(chunk):
    with pytest.raises(InputError, match="beyond the 900,000,000 seeds"):
        chunk_seed(1, chunk)


def test_generators_repeat_for_a_path_and_differ_between_paths():
    paths = [(1,), (2,), (1, 0), (1, 1), (1, 0, 0), (1, 0, 1), (2, 0)]
    draws = [tuple(generator(*path).integers(0, 2**62, 4)) for path in paths]
    assert draws == [tuple(generator(*path).integers(0, 2**62, 4)) for path in paths]
    assert len(set(draws)) == len(paths)


def test_streams_are_not_correlated():
    draws = np.array([generator(7, chunk).standard_normal(4000) for chunk in range(6)])
    off = np.corrcoef(draws)[~np.eye(6, dtype=bool)]
    assert np.abs(off).max() < 5 / np.sqrt(4000)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="the seed must be 0 or above, not -3"):
        generator(-3)


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="seed must be a whole number of 0 or above, not"):
        generator(seed)

import numpy as np
import pytest
from scipy.stats import ks_2samp

from partonic.core.errors import InputError
from partonic.events.ragged import offsets_from_counts
from partonic.generation.census import JetCensus
from partonic.generation.clouds import JetClouds


def known_jets(n, seed):
    """Momentum, number of particles and mass depend on each other; each jet has its width by its first particle."""
    rng = np.random.default_rng(seed)
    momentum = 500 + 100 * rng.random(n) ** 2
    counts = 2 + rng.poisson(5 + 10 * (momentum - 500) / 100)
    width = np.exp(rng.normal(-2 + 0.05 * counts, 0.3))
    offsets = offsets_from_counts(counts)
    values = np.zeros((offsets[-1], 3))
    values[:, 2] = np.repeat(1 / counts, counts)
    values[offsets[:-1], 0] = width * np.sqrt(counts)
    frame = np.column_stack([momentum, rng.uniform(-1, 1, n), rng.uniform(-3, 3, n)])
    return JetClouds(offsets, values, frame, np.ones(n))


def test_drawn_jets_are_like_the_counted():
    jets = known_jets(8_000, 1)
    frame, counts, width = JetCensus.counted(jets).draw(8_000, np.random.default_rng(2))
    other = known_jets(8_000, 3)
    for drawn, true in (
        (frame[:, 0], other.frame[:, 0]),
        (frame[:, 1], other.frame[:, 1]),
        (np.log(width), np.log(other.width)),
        (width * frame[:, 0] / counts, other.width * other.frame[:, 0] / other.counts),
    ):
        assert ks_2samp(drawn, true).pvalue > 1e-3
    assert counts.min() >= 2
    for drawn, true in ((np.log(width), np.log(other.width)), (frame[:, 0], other.frame[:, 0])):
        truth = np.corrcoef(true, other.counts)[0, 1]
        assert np.corrcoef(drawn, counts)[0, 1] == pytest.approx(truth, abs=0.06)


def test_a_momentum_can_be_asked_for():
    census = JetCensus.counted(known_jets(6_000, 1))
    low, high = (census.draw(3_000, np.random.default_rng(4), momentum)[1].mean() for momentum in (501, 595))
    assert high - low > 7
    with pytest.raises(InputError, match="ask for such ones"):
        census.draw(3, np.random.default_rng(4), 700.0)


def test_weights_count():
    jets = known_jets(4_000, 1)
    heavy = JetClouds(jets.offsets, jets.values, jets.frame, np.where(jets.counts > 10, 2.0, 0.0))
    _, counts, _ = JetCensus.counted(heavy).draw(500, np.random.default_rng(5))
    assert counts.min() > 10


def test_plain_data_and_back():
    census = JetCensus.counted(known_jets(900, 1))
    first, second = (one.draw(50, np.random.default_rng(6)) for one in (census, JetCensus.of(census.tree())))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)

"""Numbers of parts with known shares of nothing, some and all: drawn again, and the loss by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.matching import MatchingOptions
from partonic.generation.shower_parts import PartGenerator, outlined, states_of, train_parts
from partonic.generation.table import table
from partonic.objectives.generative import DensityBatch

SHARES = np.array([[0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
PLACES, WIDTHS = np.array([-0.1, 0.1]), np.array([0.1, 0.2])


def numbers(kind, rng):
    """Numbers of parts of two kinds, (n,), with the shares, places and widths above."""
    state = (rng.random((len(kind), 1)) > SHARES[kind].cumsum(axis=1)).sum(axis=1)
    some = np.clip(PLACES[kind] + WIDTHS[kind] * rng.normal(size=len(kind)), -1, 1)
    return np.where(state == 1, some, (state - 1) * rng.uniform(1.2, 1.4, len(kind)))


@pytest.fixture(scope="module")
def trained():
    rng = generator(1)
    kind = rng.integers(0, 2, 6000)
    sample = table(("share",), numbers(kind, rng), context=kind.astype(float))
    options = MatchingOptions(hidden=16, layers=2, size=200, epochs=6, steps=4, averaging=0.9, learning_rate=1e-2)
    return train_parts(sample, options, seed=2)


@pytest.mark.parametrize("kind", [0, 1])
def test_states_and_numbers_are_those_of_the_sample(trained, kind):
    n = 20_000
    drawn = trained.sample(n, generator(3 + kind), np.full((n, 1), float(kind)))[:, 0]
    state = states_of(drawn)
    error = np.sqrt(SHARES[kind] * (1 - SHARES[kind]) * (1 / n + 2 / 6000))
    np.testing.assert_array_less(abs(np.bincount(state, minlength=3) / n - SHARES[kind]), 4 * error)
    some = drawn[state == 1]
    assert some.mean() == pytest.approx(PLACES[kind], abs=0.2 * WIDTHS[kind])
    assert some.std() == pytest.approx(WIDTHS[kind], rel=0.15)


def test_it_comes_back_from_its_file(trained, tmp_path):
    trained.save(tmp_path / "parts.pt")
    again = PartGenerator.load(tmp_path / "parts.pt")
    given = np.array([[0.0], [1.0], [1.0]])
    np.testing.assert_array_equal(again.sample(3, generator(5), given), trained.sample(3, generator(5), given))
    assert again.parameters == trained.parameters


def test_states_of_numbers():
    np.testing.assert_array_equal(states_of(np.array([-1.3, -1.0, 0.2, 1.0, 1.2])), [0, 1, 1, 1, 2])


class Constant(torch.nn.Module):
    """Gives the same five numbers at any context."""

    def __init__(self, found):
        super().__init__()
        self.found = torch.tensor(found)

    def forward(self, context):
        return self.found.expand(len(context), 5)


def test_the_loss_by_hand():
    shares, place, width = np.array([0.2, 0.7, 0.1]), 0.4, 0.5
    raw = 6 * np.arctanh(np.log(width) / 6)
    network = Constant([*np.log(shares).tolist(), place, raw])
    values = torch.tensor([[0.0, 0.0], [1.0, 0.9], [2.0, 0.0]])
    batch = DensityBatch(values, torch.zeros(3, 2), torch.tensor([1.0, 0.5, 1.5]))
    density = norm(place, width).logpdf(0.9) + 0.5 * np.log(2 * np.pi)
    wanted = -(np.log(0.2) + 0.5 * (np.log(0.7) + density) + 1.5 * np.log(0.1)) / 3
    assert float(outlined(network, batch)) == pytest.approx(wanted, rel=1e-5)


def test_parts_that_never_take_some_are_refused():
    sample = table(("share",), [-1.3, 1.3, -1.25, 0.1], context=np.arange(4.0))
    with pytest.raises(InputError, match="1 of 4 parts take some of a rest, neither nothing nor all"):
        train_parts(sample, MatchingOptions(epochs=1))

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from zuko.nn import MaskedMLP

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.bayesian import band, band_of
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowGenerator, FlowOptions, train_flow
from partonic.generation.lines import Straight
from partonic.generation.matching import MatchingOptions, train_diffusion, train_matching
from partonic.generation.table import table
from partonic.generation.vae import VaeOptions, train_vae
from partonic.models.variational import fix_weights, make_variational

PLANE = Columns(("x", "y"), (Straight(), Straight()))
EDGES = np.linspace(-1.0, 3.0, 9)


def sample(n, seed=0):
    """Y is a Gaussian of 0.5 around the square of x, x a Gaussian."""
    rng = generator(seed)
    x = rng.normal(size=n)
    return table(("x", "y"), np.stack([x, x**2 + 0.5 * rng.normal(size=n)], axis=1))


def truth():
    """Shares of y in the bins, by quadrature over x."""
    x = np.linspace(-6, 6, 4_001)
    return np.diff((norm.cdf((EDGES[:, None] - x**2) / 0.5) * norm.pdf(x)).sum(axis=1) * (x[1] - x[0]))


def flow(n, epochs):
    options = FlowOptions(hidden=(16,), bins=6, knots=12, size=128, epochs=epochs, averaging=0.95, bayesian=True)
    return train_flow(sample(n), PLANE, options)


@pytest.fixture(scope="module")
def few():
    return flow(500, 60)


def test_the_band_covers_the_truth_and_is_not_idle(few):
    found = band(few, lambda v: v[:, 1], EDGES, generator(1), draws=12, events=8_000)
    statistical = np.sqrt(truth() * (1 - truth()) / 500)
    allowed = np.hypot(found.spread, statistical)
    pulls = (found.share - truth()) / allowed
    assert np.abs(pulls).max() < 4.0
    assert found.spread.max() > 0.2 * statistical.max()
    assert found.spread.max() < 4.0 * statistical.max()
    assert found.estimates()[3].error == pytest.approx(found.spread[3])


def test_more_events_make_the_band_narrower(few):
    many = flow(4_000, 8)
    wide, narrow = (band(one, lambda v: v[:, 1], EDGES, generator(2), draws=12, events=4_000) for one in (few, many))
    assert narrow.spread.mean() < 0.8 * wide.spread.mean()


def test_a_draw_is_a_function_of_its_number_and_survives_a_file(few, tmp_path):
    few.save(tmp_path / "flow.pt")
    again = FlowGenerator.load(tmp_path / "flow.pt")
    first = few.sample(20, generator(3), draw=1)
    np.testing.assert_array_equal(first, again.sample(20, generator(3), draw=1))
    assert not np.array_equal(first, few.sample(20, generator(3), draw=2))
    mean = few.sample(20, generator(3))
    np.testing.assert_array_equal(mean, again.sample(20, generator(3)))


VELOCITY = MatchingOptions(
    hidden=32, layers=3, steps=8, size=128, epochs=80, learning_rate=5e-3, averaging=0.95, bayesian=True
)
DECODER = VaeOptions(hidden=(32, 32), size=128, epochs=60, learning_rate=5e-3, averaging=0.95, bayesian=True)


@pytest.mark.parametrize(
    ("train", "options"), [(train_matching, VELOCITY), (train_diffusion, VELOCITY), (train_vae, DECODER)]
)
def test_others_have_a_band_too(train, options, tmp_path):
    made = train(sample(500), PLANE, options)
    found = band(made, lambda v: v[:, 1], EDGES, generator(4), draws=12, events=4_000)
    statistical = np.sqrt(truth() * (1 - truth()) / 500)
    assert np.abs((found.share - truth()) / np.hypot(found.spread, statistical)).max() < 4
    assert 0.2 * statistical.max() < found.spread.max() < 5 * statistical.max()
    made.save(tmp_path / "made.pt")
    again = type(made).load(tmp_path / "made.pt")
    np.testing.assert_array_equal(again.sample(9, generator(5), draw=3), made.sample(9, generator(5), draw=3))


def test_only_the_decoder_of_an_autoencoder_is_bayesian():
    network = train_vae(sample(200), PLANE, replace(DECODER, epochs=1)).network
    assert count_divergences(network.decoder) == 3
    assert count_divergences(network.encoder) == 0


def count_divergences(network):
    """Number of layers with distributions of weights."""
    return sum(hasattr(layer, "divergence") for layer in network.modules())


def test_a_band_of_anything_by_hand():
    """Four values in two bins: shares 1/2 or 1, of which the number of values leaves 3/64 open."""
    found = band_of(lambda k: np.array([0.5, 0.5, 0.5 + k % 2, 0.5 + k % 2]), (0.0, 1.0, 2.0), draws=2)
    np.testing.assert_allclose(found.share, [0.75, 0.25])
    np.testing.assert_allclose(found.spread, np.sqrt(0.125 - 0.75 * 0.25 / 4))


def test_what_has_no_band_is_refused(few):
    with pytest.raises(InputError, match="2 draws"):
        band(few, lambda v: v[:, 1], EDGES, generator(0), draws=1)
    with pytest.raises(InputError, match="one event of each draw"):
        band(few, lambda v: v[:, 1], EDGES, generator(0), events=0)
    with pytest.raises(InputError, match="edges that rise"):
        band(few, lambda v: v[:, 1], EDGES[::-1], generator(0))
    plain = train_flow(sample(200), PLANE, FlowOptions(hidden=(4,), epochs=1))
    with pytest.raises(InputError, match="bayesian=True"):
        band(plain, lambda v: v[:, 1], EDGES, generator(0))


def test_a_bayesian_autoregressive_flow_stays_autoregressive():
    """A variable may not depend on those behind it, else the density is not that of the draws."""
    random = torch.Generator().manual_seed(1)
    network = MaskedMLP(torch.ones(3, 3).tril(-1) > 0, [16])
    make_variational(network)
    x = torch.randn(3)
    for step in (lambda: None, lambda: fix_weights(network.eval(), random)):
        step()
        jacobian = torch.autograd.functional.jacobian(network, x)
        assert (jacobian.triu() == 0).all()
        assert (jacobian.tril(-1) != 0).any()

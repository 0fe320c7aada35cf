import numpy as np
import pytest
import torch
from scipy.stats import norm
from zuko.nn import MaskedMLP

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.bayesian import band
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowGenerator, FlowOptions, train_flow
from partonic.generation.lines import Straight
from partonic.generation.matching import MatchingOptions, train_matching
from partonic.generation.table import table
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


def test_flow_matching_has_a_band_too():
    options = MatchingOptions(hidden=16, layers=2, steps=4, size=128, epochs=3, bayesian=True)
    made = train_matching(sample(500), PLANE, options)
    found = band(made, lambda v: v[:, 1], EDGES, generator(4), draws=6, events=2_000)
    assert found.spread.max() > 0


def test_what_has_no_band_is_refused(few):
    with pytest.raises(InputError, match="2 draws"):
        band(few, lambda v: v[:, 1], EDGES, generator(0), draws=1)
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

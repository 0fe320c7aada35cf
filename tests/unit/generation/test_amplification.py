"""Amplification: a bootstrap has none, the truth has all, and a flow has some."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.generation.amplification import amplification, flow_learner, ring, two_humps
from partonic.generation.flow import FlowOptions


def again(values, _seed):
    """Draws from the training sample itself."""
    return lambda n, rng: values[rng.integers(len(values), size=n)]


@pytest.mark.parametrize(("density", "quantiles"), [(two_humps(), 50), (ring(), 7)])
def test_cells_are_of_equal_probability(density, quantiles):
    events = density.sample(100_000, np.random.default_rng(1))
    shares = density.shares(events, quantiles)
    cells = quantiles**density.dimensions
    assert len(shares) == cells
    chi2 = 100_000 * cells * np.sum((shares - 1 / cells) ** 2)
    assert abs(chi2 - cells) < 5 * np.sqrt(2 * cells)


@pytest.mark.parametrize("density", [two_humps(), ring()])
def test_a_sample_drawn_again_amplifies_nothing(density):
    found = amplification(density, again, (100, 400), quantiles=10, seeds=40, drawn=20_000)
    for one in found:
        assert abs(one.factor.value - 1) < 4 * one.factor.error < 0.5
        assert one.equivalent.value == pytest.approx(one.events * one.factor.value)
    assert [one.events for one in found] == [100, 400]


def test_the_error_of_a_known_wrong_density():
    camel = two_humps()

    def left(_values, _seed):
        """Only the left hump: half of the cells hold all events."""
        return lambda n, rng: -4 + rng.standard_normal((n, 1))

    (found,) = amplification(camel, left, (100,), quantiles=10, seeds=3, drawn=50_000)
    assert found.generated_error.value == pytest.approx(0.01, rel=0.01)  # (0.2 - 0.1)^2 and (0 - 0.1)^2
    assert found.sample_error == pytest.approx(0.1 * 0.9 / 100)
    assert found.factor.value == pytest.approx(0.09, rel=0.02)


def test_a_flow_knows_more_than_its_sample():
    options = FlowOptions(kind="autoregressive", hidden=(8,), knots=12, size=64, epochs=2, validation=0.2)
    (found,) = amplification(two_humps(), flow_learner(options), (200,), seeds=6, drawn=20_000)
    assert found.factor.value > 1 + found.factor.error
    assert found.factor.error < 0.3


def test_what_cannot_be_amplified():
    with pytest.raises(InputError, match=r"seeds and draws of 2 or more, not \[100\], 50, 1"):
        amplification(two_humps(), again, (100,), seeds=1)
    with pytest.raises(InputError, match=r"events of the ring are finite and \(n, 2\), not \(5, 1\)"):
        ring().shares(np.zeros((5, 1)), 4)

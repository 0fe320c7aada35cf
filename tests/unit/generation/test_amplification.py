"""Amplification: a bootstrap has none, the truth has all, and a flow has some; weighted samples count as fewer."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.generation.amplification import amplification, flow_learner, ring, two_humps
from partonic.generation.flow import FlowOptions
from partonic.generation.table import table


def again(events, _seed):
    """Draws from the training sample itself, each event as often as its weight says."""
    chance = events.weight / len(events)
    return lambda n, rng: table(events.names, events.values[rng.choice(len(events), n, p=chance)])


def weighted(n, rng):
    """The camel with weights that have nothing to do with the place: worth half of the events."""
    events = two_humps().sample(n, rng)
    return table(events.names, events.values, rng.exponential(size=n))


def tilted(n, rng):
    """The camel with three times as many events in the right hump as in the left one, of a third of the weight."""
    right = rng.random(n) < 0.75
    return table(("x",), np.where(right, 4, -4) + rng.normal(size=n), np.where(right, 1 / 3, 1.0))


SMALL = FlowOptions(kind="autoregressive", hidden=(8,), knots=12, size=64, epochs=2, validation=0.2)


@pytest.mark.parametrize(("density", "quantiles"), [(two_humps(), 50), (ring(), 7)])
def test_cells_are_of_equal_probability(density, quantiles):
    events = density.sample(100_000, np.random.default_rng(1))
    shares, chance = density.shares(events, quantiles)
    cells = quantiles**density.dimensions
    assert len(shares) == cells
    assert chance == pytest.approx(np.sum(shares * (1 - shares)) / 99_999)
    chi2 = 100_000 * cells * np.sum((shares - 1 / cells) ** 2)
    assert abs(chi2 - cells) < 5 * np.sqrt(2 * cells)


@pytest.mark.parametrize("draw", [weighted, tilted])
def test_what_chance_adds_to_weighted_shares(draw):
    """The squares of the differences from the truth are what chance adds, on average."""
    found = []
    for seed in range(400):
        shares, chance = two_humps().shares(draw(200, np.random.default_rng(seed)), 10)
        found.append(np.sum((shares - 0.1) ** 2) / chance)
    assert np.mean(found) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("density", "sample"), [(two_humps(), None), (ring(), None), (two_humps(), weighted)])
def test_a_sample_drawn_again_amplifies_nothing(density, sample):
    found = amplification(density, again, (100, 400), quantiles=10, seeds=40, drawn=20_000, sample=sample)
    for one in found:
        assert abs(one.factor.value - 1) < 4 * one.factor.error < 0.6
        assert abs(one.truth.value - 1) < 4 * one.truth.error < 0.6
        assert one.equivalent.value == pytest.approx(one.effective * one.factor.value)
        assert one.effective == pytest.approx(one.events * (1.0 if sample is None else 0.5), rel=0.05)
    assert [one.events for one in found] == [100, 400]


def test_the_error_of_a_known_wrong_density():
    camel = two_humps()

    def left(_events, _seed):
        """Only the left hump: half of the cells hold all events."""
        return lambda n, rng: table(("x",), -4 + rng.standard_normal(n))

    (found,) = amplification(camel, left, (100,), quantiles=10, seeds=30, drawn=50_000)
    assert found.generated_error.value == pytest.approx(0.01, rel=0.01)  # (0.2 - 0.1)^2 and (0 - 0.1)^2
    assert found.sample_error.value == pytest.approx(0.1 * 0.9 / 100, abs=4 * found.sample_error.error)
    assert found.factor.value == pytest.approx(0.09, rel=0.02)


@pytest.mark.parametrize("sample", [None, weighted])
def test_a_flow_knows_more_than_its_sample(sample):
    size = 200 if sample is None else 400
    (found,) = amplification(two_humps(), flow_learner(SMALL), (size,), seeds=6, drawn=20_000, sample=sample)
    assert found.factor.value > 1 + found.factor.error
    assert found.factor.error < 0.4
    assert found.factor.value > found.truth.value


def test_what_cannot_be_amplified():
    with pytest.raises(InputError, match=r"seeds and draws of 2 or more, not \[100\], 50, 1"):
        amplification(two_humps(), again, (100,), seeds=1)
    with pytest.raises(InputError, match=r"events of the ring are \(n, 2\), not \(5, 1\)"):
        ring().shares(table(("x",), np.arange(5.0)), 4)

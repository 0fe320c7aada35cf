import numpy as np
import pytest
from toy_jets import changed, toy_jets

from partonic.core.errors import InputError
from partonic.generation.clouds import as_events, clouds
from partonic.generation.jet_quality import FLOW_COLUMNS, compare_jets, energy_flow
from partonic.metrics.distances import frechet


def jets(n, seed, label=0):
    events = toy_jets(2 * n, seed)
    return events[events.column("label") == label]


def test_energy_flow_is_that_of_explicit_sums():
    """A chain of two edges, a triangle with a doubled edge, and the square of the first polynomial."""
    one = clouds(toy_jets(4), 9)
    flow = energy_flow(one)
    assert flow.shape == (4, 35)
    x, y, z = one.values[: one.offsets[1]].T
    theta = np.hypot(x[:, None] - x, y[:, None] - y)
    first = np.einsum("i,j,ij", z, z, theta)
    doubled = np.einsum("i,j,k,ij,ij,jk,ki", z, z, z, theta, theta, theta, theta)
    ring = np.einsum("i,j,k,l,ij,jk,kl,li", z, z, z, z, theta, theta, theta, theta)
    for value in (first, first**2, first**4, doubled):
        assert np.isclose(flow[0], value, rtol=1e-3).any()
    assert np.isclose(flow[0, list(FLOW_COLUMNS)], ring, rtol=1e-3).any()
    assert len(FLOW_COLUMNS) == 5


def test_truth_against_truth_is_small_and_other_jets_are_seen():
    truth = jets(500, 1)
    same = compare_jets(truth, jets(300, 2), 20)
    other = compare_jets(truth, jets(300, 3, label=1), 20, classify=False)
    for name in ("mass", "particles", "flow", "frechet", "kernel"):
        near, far = getattr(same, name), getattr(other, name)
        assert abs(near.generated.value - near.truth.value) < 5 * np.hypot(near.generated.error, near.truth.error)
        assert far.truth.value == near.truth.value
        assert far.generated.value > near.generated.value + 5 * near.generated.error
    assert same.auc.generated.value == pytest.approx(0.5, abs=0.1)
    assert np.isnan(other.auc.generated.value)
    assert same.jets == 250
    assert len(same.rows()) == 6


def test_the_frechet_distance_is_that_of_the_halves():
    truth, made = jets(200, 4), jets(120, 5)
    found = compare_jets(truth, made, 20, classify=False, seed=3)
    flow = energy_flow(clouds(truth, 20))
    rows = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(1,))).permutation(200)
    expected = frechet(flow[np.sort(rows[:100])], flow[np.sort(rows[100:])], scale="largest", seed=3)
    assert found.frechet.truth.value == pytest.approx(expected.value, rel=1e-9)


def test_wider_jets_have_another_mass_and_the_same_share():
    truth = jets(400, 6)
    wide = clouds(jets(400, 7), 20)
    wide.values[:, :2] *= 1.3
    found = compare_jets(truth, as_events(wide), 20, classify=False)
    mean = np.mean(clouds(truth, 20).width)
    assert found.mass.generated.value == pytest.approx(0.3 * mean, rel=0.4)
    assert found.mass.generated.value > 5 * found.mass.truth.value / 2


@pytest.mark.parametrize(("n", "m"), [(60, 60), (100, 40)])
def test_too_few_jets(n, m):
    with pytest.raises(InputError, match="80 true jets or more"):
        compare_jets(jets(n, 1), changed(jets(m, 2)), 20)

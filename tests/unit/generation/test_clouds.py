from itertools import pairwise

import numpy as np
import pytest
from toy_jets import from_cylinder, permuted, toy_jets

from partonic.core.errors import BadJetError, InputError
from partonic.events import kinematics
from partonic.generation.clouds import CloudCoordinates, as_events, clouds


def sums(jets):
    """Per jet: sum of shares, mean place by share (jets, 2)."""
    start, share = jets.offsets[:-1], jets.values[:, 2:]
    return np.add.reduceat(share[:, 0], start), np.add.reduceat(share * jets.values[:, :2], start, axis=0)


def test_clouds_are_centred_and_shares_add_up():
    events = toy_jets(50)
    jets = clouds(events, 20)
    total, axis = sums(jets)
    np.testing.assert_allclose(total, 1, rtol=1e-12)
    np.testing.assert_allclose(axis, 0, atol=1e-12)
    assert (jets.counts == np.minimum(events.collection("constituents").counts, 20)).all()
    assert all((np.diff(jets.values[a:b, 2]) <= 0).all() for a, b in pairwise(jets.offsets))


def test_there_and_back_gives_the_same_jets():
    events = toy_jets(50)
    back = as_events(clouds(events, 1_000))
    for name in ("px", "py", "pz", "e"):
        np.testing.assert_allclose(
            back.collection("constituents")[name], events.collection("constituents")[name], rtol=1e-5, atol=1e-4
        )
    c = events.collection("constituents")
    whole = [np.add.reduceat(c[name], c.offsets[:-1]) for name in ("px", "py", "pz", "e")]
    np.testing.assert_allclose(back.column("jet_mass"), kinematics.mass(*whole), rtol=1e-4)
    np.testing.assert_allclose(back.column("jet_pt"), kinematics.pt(*whole[:2]), rtol=1e-5)


def test_the_hardest_are_kept_whatever_their_order():
    events = toy_jets(30)
    np.testing.assert_allclose(clouds(permuted(events), 5).values, clouds(events, 5).values, rtol=1e-12)
    pt = kinematics.pt(events.collection("constituents")["px"], events.collection("constituents")["py"])
    jets = clouds(events, 5)
    np.testing.assert_allclose(
        jets.values[:5, 2] * jets.frame[0, 0], np.sort(pt[: events.collection("constituents").counts[0]])[::-1][:5]
    )


def test_a_jet_across_the_border_of_azimuth():
    jets = clouds(from_cylinder([2, 2], [10.0, 10.0, 5.0, 1.0], [0.0, 0.2, 1.0, 1.0], [3.1, -3.1, 0.0, 0.1]))
    np.testing.assert_allclose(np.abs(jets.values[:2, 1]), np.pi - 3.1, rtol=1e-9)
    np.testing.assert_allclose(jets.frame[0, :2], [20, 0.1])
    assert abs(jets.frame[0, 2]) == pytest.approx(np.pi)


def test_the_width_gives_the_mass():
    """m^2 = sum p_i p_j 2 (cosh d_eta - cos d_phi) is about (pt width)^2 for narrow jets."""
    rng = np.random.default_rng(1)
    place = rng.normal(0, 0.02, (60, 2))
    events = from_cylinder([20, 40], rng.exponential(5.0, 60), place[:, 0], place[:, 1])
    jets = clouds(events, 100)
    np.testing.assert_allclose(jets.width * jets.frame[:, 0], as_events(jets).column("jet_mass"), rtol=1e-3)


def test_coordinates_have_unit_spread_and_an_inverse():
    jets = clouds(toy_jets(200), 40)
    coordinates = CloudCoordinates.fitted(jets)
    numbers = coordinates.forward(jets)
    np.testing.assert_allclose(numbers[:, 2].std(), 1, rtol=0.01)
    np.testing.assert_allclose(np.sqrt(np.mean(numbers[:, :2] ** 2)), 1, rtol=0.01)
    back = coordinates.inverse(numbers, jets.offsets, jets.frame, jets.width)
    np.testing.assert_allclose(back.values, jets.values, rtol=1e-4, atol=1e-6)


def test_any_numbers_make_jets_of_the_momentum_axis_and_width_asked_for():
    jets = clouds(toy_jets(100), 30)
    noise = 3 * np.random.default_rng(2).standard_normal((len(jets.values), 3))
    width = np.linspace(0.01, 0.5, 100)
    made = CloudCoordinates.fitted(jets).inverse(noise, jets.offsets, jets.frame, width)
    total, axis = sums(made)
    np.testing.assert_allclose(total, 1, rtol=1e-12)
    np.testing.assert_allclose(axis, 0, atol=1e-12)
    np.testing.assert_allclose(made.width, width, rtol=1e-9)


def test_no_number_leads_beyond_the_reach():
    """A wild number of the softest particle of each jet, which hardly moves the axis and can only widen the jet."""
    jets = clouds(toy_jets(100), 30)
    coordinates = CloudCoordinates.fitted(jets)
    assert coordinates.reach == pytest.approx(1.05 * np.hypot(*jets.values[:, :2].T).max())
    numbers = coordinates.forward(jets)
    numbers[jets.offsets[1:] - 1, :2] = 50.0
    made = coordinates.inverse(numbers, jets.offsets, jets.frame, jets.width)
    farthest = np.maximum.reduceat(np.hypot(*made.values[:, :2].T), jets.offsets[:-1])
    assert 0.5 * coordinates.reach < farthest.max() < 1.05 * coordinates.reach


def test_a_jet_of_one_particle():
    jets = clouds(from_cylinder([1, 3], [50.0, 20, 10, 5], [0.3, 0, 0.1, 0.2], [1.0, 0, 0.1, 0.3]))
    coordinates = CloudCoordinates.fitted(jets)
    made = coordinates.inverse(np.ones((4, 3)), jets.offsets, jets.frame, jets.width)
    np.testing.assert_allclose(made.values[0], [0, 0, 1])
    assert as_events(made).column("jet_mass")[0] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("events", "particles", "said"),
    [
        (toy_jets(4), 0, "1 particle or more"),
        (toy_jets(1), 30, "two different jets or more"),
        (toy_jets(4).with_weights({"nominal": np.array([1.0, -1, 1, 1])}), 30, "1 are negative"),
        (toy_jets(4).with_weights({"nominal": np.array([1.0, np.nan, 1, 1])}), 30, "1 NaN or infinite"),
        (toy_jets(4).with_weights({"nominal": np.zeros(4)}), 30, "not all 0"),
    ],
)
def test_what_cannot_be_learned_from(events, particles, said):
    with pytest.raises(InputError, match=said):
        clouds(events, particles)


def test_a_bad_particle_is_named():
    with pytest.raises(BadJetError, match="row 1"):
        clouds(from_cylinder([1, 1], [5.0, np.nan], [0.0, 0], [0.0, 0]))


def test_jets_that_are_all_alike():
    one = from_cylinder([2, 2], [5.0, 5, 5, 5], [0.0, 0, 0, 0], [0.0, 0, 0, 0])
    with pytest.raises(InputError, match="particles that differ"):
        CloudCoordinates.fitted(clouds(one))

import numpy as np
import pytest
import torch
from toy_jets import changed, from_cylinder, mirrored, permuted, pythia_jets, toy_jets, turned, with_kinds

from partonic.core.errors import InputError, UnknownNameError
from partonic.events import kinematics
from partonic.represent.clustering import cluster, leaves
from partonic.represent.constituents import constituents
from partonic.represent.packed import FEATURES, INPUTS, Packed


def reference(events):
    """The features of the transformer paper, one particle at a time, by the tested kinematics."""
    c = events.collection("constituents")
    rows = []
    for jet in range(len(events)):
        items = slice(c.offsets[jet], c.offsets[jet + 1])
        px, py, pz, e = (np.asarray(c[name][items], dtype=np.float64) for name in ("px", "py", "pz", "e"))
        total = px.sum(), py.sum(), pz.sum(), e.sum()
        jet_pt, jet_eta, jet_phi = (
            kinematics.pt(*total[:2]),
            kinematics.eta(*total[:3]),
            kinematics.phi(*total[:2]),
        )
        pt, eta, phi = kinematics.pt(px, py), kinematics.eta(px, py, pz), kinematics.phi(px, py)
        delta_eta = (eta - jet_eta) * (1 if jet_eta >= 0 else -1)
        delta_phi = kinematics.delta_phi(phi, jet_phi)
        rows.append(
            np.stack(
                [
                    (np.log(pt) - 1.7) * 0.7,
                    (np.log(e) - 2.0) * 0.7,
                    (np.log(pt / jet_pt) + 4.7) * 0.7,
                    (np.log(e / total[3]) + 4.7) * 0.7,
                    (np.hypot(delta_eta, delta_phi) - 0.2) * 4,
                    delta_eta,
                    delta_phi,
                ],
                axis=1,
            )
        )
    return np.clip(np.concatenate(rows), -5, 5)


@pytest.mark.parametrize("events", [toy_jets(), mirrored(toy_jets()), pythia_jets()], ids=["toy", "mirrored", "pythia"])
def test_features_are_those_of_the_paper(events):
    batch = Packed()(events)
    c = events.collection("constituents")
    assert batch.features.shape == (c.total, len(FEATURES))
    np.testing.assert_allclose(batch.features.numpy(), reference(events), atol=2e-6)
    np.testing.assert_array_equal(batch.offsets.numpy(), c.offsets)
    for column, name in enumerate(("e", "px", "py", "pz")):
        np.testing.assert_array_equal(batch.p4[:, column].numpy(), c[name].astype(np.float32))
    assert len(batch) == len(events)


def test_azimuth_wraps():
    """A jet that straddles phi = pi looks as it does elsewhere."""
    jet = from_cylinder([3], [50, 30, 20], [0.1, 0.2, 0.0], [0.05, -0.1, 0.1])
    across = turned(jet, np.pi)
    assert np.ptp(kinematics.phi(*(across.collection("constituents")[k] for k in ("px", "py")))) > 6
    np.testing.assert_allclose(Packed()(across).features, Packed()(jet).features, atol=1e-6)


def test_values_far_out_are_clipped():
    jet = from_cylinder([2], [1e5, 1e-5], [0.0, 9.0], [0.0, 0.5])
    features = Packed()(jet).features.numpy()
    assert features[0, 0] == 5.0
    assert features[1, 0] == -5.0
    assert features[1, 5] == 5.0


def test_a_single_constituent_is_its_jet():
    features = Packed()(from_cylinder([1], [100.0], [0.3], [3.1])).features.numpy()[0]
    expected = [(np.log(100) - 1.7) * 0.7, (np.log(100 * np.cosh(0.3)) - 2) * 0.7, 3.29, 3.29, -0.8, 0, 0]
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_the_hardest_are_kept_and_the_jet_stays():
    events = toy_jets(30)
    full, cut = Packed()(events), Packed(max_particles=10)(events)
    for jet in range(len(events)):
        a, b = full.offsets[jet], full.offsets[jet + 1]
        rows = cut.features[cut.offsets[jet] : cut.offsets[jet + 1]].numpy()
        whole = full.features[a:b].numpy()
        kept = np.sort(np.argsort(-np.hypot(*full.p4[a:b, 1:3].numpy().T), kind="stable")[:10])
        np.testing.assert_array_equal(rows, whole[kept])
    assert len(Packed(max_particles=10_000)(events).features) == len(full.features)


def test_the_hardest_are_found_where_the_file_is_not_sorted():
    jet = from_cylinder([4], [1, 50, 2, 30], [0, 0.1, 0.2, 0.3], [0, 0.1, 0.2, 0.3])
    kept = Packed(max_particles=2)(jet).p4.numpy()
    np.testing.assert_allclose(np.hypot(kept[:, 1], kept[:, 2]), [50, 30], rtol=1e-6)


def test_a_sample_of_no_jets_gives_an_empty_batch():
    batch = Packed()(toy_jets(4)[:0])
    assert len(batch) == 0
    assert batch.features.shape == (0, 7)


def test_bad_option():
    with pytest.raises(InputError, match="max_particles must be 1 or more"):
        Packed(max_particles=0)


def test_kinds_are_told_by_charge_and_number():
    pid = np.array([211, -321, 130, 22, 11, -13, 2212, 2112])
    charge = np.array([1, -1, 0, 0, -1, 1, 1, 0])
    jet = changed(
        from_cylinder([8], np.arange(80, 0, -10), np.zeros(8), np.linspace(-0.2, 0.2, 8)), pid=pid, charge=charge
    )
    known = Packed("kinds")(jet).features[:, 7:].numpy()
    np.testing.assert_array_equal(known[:, 0], charge)
    assert known[:, 1:].argmax(axis=1).tolist() == [0, 0, 1, 2, 3, 4, 0, 1]
    np.testing.assert_array_equal(known[:, 1:].sum(axis=1), 1)
    np.testing.assert_array_equal(Packed("charge")(jet).features[:, 7], charge)


def test_tracks_are_squashed_and_their_errors_bounded():
    jet = with_kinds(from_cylinder([2], [50, 40], [0, 0.1], [0, 0.1]))
    jet = changed(jet, d0=[0.5, -30.0], d0_error=[0.02, 7.0], dz=[0.0, 1.0], dz_error=[0.1, 0.3])
    known = Packed("full")(jet).features[:, 13:].numpy()
    np.testing.assert_allclose(known, [[np.tanh(0.5), 0.02, 0, 0.1], [-1, 1, np.tanh(1), 0.3]], rtol=1e-6)


@pytest.mark.parametrize("inputs", INPUTS)
def test_each_set_of_inputs_has_the_width_that_it_says(inputs):
    represent = Packed(inputs)
    assert represent(with_kinds(toy_jets(5))).features.shape[1] == represent.width == len(INPUTS[inputs])


def test_fields_that_are_missing_are_named():
    with pytest.raises(InputError, match=r"'full' need charge, pid, d0, .* only px, py, pz, e; only a network"):
        Packed("full")(toy_jets(3))
    with pytest.raises(UnknownNameError, match="unknown set of inputs 'kind'; did you mean 'kinds'"):
        Packed("kind")


@pytest.mark.parametrize("algorithm", ["kt", "cambridge-aachen"])
def test_clustering_order_moves_whole_constituents(algorithm):
    events = toy_jets(12, smallest=1)
    plain, ordered = Packed()(events), Packed(order=algorithm)(events)
    where = leaves(cluster(constituents(events), algorithm))
    torch.testing.assert_close(ordered.offsets, plain.offsets)
    torch.testing.assert_close(ordered.features, plain.features[where], rtol=0, atol=0)
    torch.testing.assert_close(ordered.p4, plain.p4[where], rtol=0, atol=0)
    again = Packed(order=algorithm)(permuted(events))
    torch.testing.assert_close(again.p4, ordered.p4)


def test_the_hardest_in_clustering_order():
    events = toy_jets(12)
    few, all_of_them = (Packed(max_particles=most, order="kt")(events) for most in (5, None))
    hardest = {tuple(row) for row in Packed(max_particles=5)(events).p4.tolist()}
    assert few.p4.tolist() == [row for row in all_of_them.p4.tolist() if tuple(row) in hardest]
    assert few.offsets.tolist() == Packed(max_particles=5)(events).offsets.tolist()


def test_unknown_orders_say_the_nearest():
    with pytest.raises(UnknownNameError, match="order of constituents 'k'; did you mean 'kt'"):
        Packed(order="k")

import numpy as np
import pytest
import torch
from toy_jets import boosted, from_cylinder, permuted, pythia_jets, toy_jets, turned, with_kinds

from partonic.core.errors import UnknownNameError
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.lund import COLUMNS, decluster, lund_density


def history(events):
    return cluster(constituents(events), "cambridge-aachen")


def jet_of(found, jet):
    rows = slice(found.offsets[jet], found.offsets[jet + 1])
    return found.values[rows], found.parent[rows], found.primary[jet]


def by_recursion(h, jet):
    """(value of each column, parent) of all declusterings of a jet, harder branch first, from the four-momenta."""
    start = h.offsets[jet]
    rows, parents = [], []

    def descend(node, parent):
        pair = h.children[start + node]
        if pair[0] < 0:
            return
        a, b = sorted(pair, key=lambda k: -np.hypot(*h.p4[start + k][1:3]))
        (ea, *pa), (eb, *pb) = h.p4[start + a], h.p4[start + b]
        rise = np.arctanh(pb[2] / eb) - np.arctanh(pa[2] / ea)
        turn = np.angle(complex(pb[0], pb[1]) / complex(pa[0], pa[1]))
        delta, soft, hard = np.hypot(rise, turn), np.hypot(pb[0], pb[1]), np.hypot(pa[0], pa[1])
        total = np.add(pa, pb)
        mass = np.sqrt(max((ea + eb) ** 2 - total @ total, 0))
        parents.append(parent)
        rows.append([delta, soft * delta, soft / (soft + hard), np.arctan2(rise, turn), mass])
        number = len(rows) - 1
        descend(a, number)
        descend(b, number)

    descend(h.offsets[jet + 1] - start - 1, -1)
    return np.reshape(rows, (-1, len(COLUMNS))), parents


def test_equals_a_recursion_over_the_tree():
    h = history(toy_jets(12, seed=2, smallest=1))
    found = decluster(h)
    assert len(found) == 12
    for jet in range(12):
        values, parent, _ = jet_of(found, jet)
        expected, parents = by_recursion(h, jet)
        np.testing.assert_array_equal(parent, parents)
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-5)


def test_primary_declusterings_come_first_and_follow_each_other():
    found = decluster(history(pythia_jets()))
    for jet in range(len(found)):
        _, parent, primary = jet_of(found, jet)
        assert 1 <= primary <= len(parent)
        np.testing.assert_array_equal(parent[:primary], np.arange(primary) - 1)
        assert primary == len(parent) or parent[primary] < primary
    assert found.primary.sum() < 0.7 * len(found.values)


def test_angles_fall_along_every_branch_of_an_angular_tree():
    """But for the few pairs that come closer by the recoil of a merge."""
    found = decluster(history(pythia_jets()))
    above = found.parent + np.repeat(found.offsets[:-1], np.diff(found.offsets))
    inner = found.parent >= 0
    assert np.mean(found.values[inner, 0] <= found.values[above[inner], 0]) > 0.95


def test_primary_plane_equals_fastjet():
    fastjet = pytest.importorskip("fastjet")
    ak = pytest.importorskip("awkward")
    jets = constituents(pythia_jets())
    momenta = ak.zip({"px": jets.px, "py": jets.py, "pz": jets.pz, "E": jets.e}, with_name="Momentum4D")
    sequence = fastjet.ClusterSequence(
        ak.unflatten(momenta, np.diff(jets.offsets)), fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0)
    )
    theirs = sequence.exclusive_jets_lund_declusterings(njets=1)
    found = decluster(history(pythia_jets()))
    for jet in range(len(found)):
        values, _, primary = jet_of(found, jet)
        plane = theirs[jet][0]
        assert len(plane) == primary
        np.testing.assert_allclose(values[:primary, 0], np.asarray(plane["Delta"]), rtol=1e-6)
        np.testing.assert_allclose(values[:primary, 1], np.asarray(plane["kt"]), rtol=1e-6)


def test_two_particles_by_hand():
    values, parent, primary = jet_of(decluster(history(from_cylinder([2], [60, 40], [0.0, 0.3], [3.0, -3.0]))), 0)
    turn = 2 * np.pi - 6.0
    apart = np.hypot(0.3, turn)
    mass = np.sqrt(2 * 60 * 40 * (np.cosh(0.3) - np.cos(6.0)))
    np.testing.assert_allclose(values, [[apart, 40 * apart, 0.4, np.arctan2(0.3, turn), mass]], rtol=1e-9)
    assert (parent.tolist(), primary) == ([-1], 1)


def test_nothing_changes_under_boosts_rotations_and_another_order_of_constituents():
    events = toy_jets(20, seed=5)
    before = decluster(history(events))
    for changed in (boosted(events, 0.7), turned(events, 2.0), permuted(events)):
        after = decluster(history(changed))
        np.testing.assert_array_equal(after.parent, before.parent)
        np.testing.assert_allclose(after.values[:, :4], before.values[:, :4], rtol=1e-6, atol=1e-9)


def test_density_counts_every_primary_emission_in_its_cell():
    h = history(pythia_jets())
    found = decluster(h)
    density = lund_density(h, angles=5, momenta=4, radius=0.7)
    assert density.shape == (120, 20)
    np.testing.assert_array_equal(density.sum(axis=1), found.primary)
    values = found.values[found.offsets[7] : found.offsets[7] + found.primary[7]]
    across, up = np.log(0.7 / values[:, 0]).clip(1e-9, 5.999), np.log(values[:, 1]).clip(-1.999, 5.999)
    expected, _, _ = np.histogram2d(across, up, bins=(5, 4), range=((0, 6), (-2, 6)))
    np.testing.assert_array_equal(density[7], expected.ravel())


def test_collinear_duplicates_and_single_particles_have_a_density():
    events = from_cylinder([2, 1], [50, 50, 30], [0.1, 0.1, 0.2], [0.3, 0.3, 0.4])
    density = lund_density(history(events))
    np.testing.assert_array_equal(density.sum(axis=1), [1, 0])


def test_lund_trees_are_logarithms_of_the_declusterings():
    events = toy_jets(15, smallest=1)
    found, trees = decluster(history(events)), representation("lund")(events)
    delta, kt, z, psi, mass = found.values.T
    expected = np.stack([np.log(1 / delta), np.log(kt), np.log(z), np.log(mass), psi], axis=1)
    usual = (delta > 1e-3) & (kt > 1e-2) & (z > 1e-3) & (mass > 1e-2)
    np.testing.assert_allclose(trees.features[usual], expected[usual], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(trees.parent, found.parent)
    three = representation("lund", inputs="lund-3")
    torch.testing.assert_close(three(events).features, trees.features[:, : three.width], rtol=0, atol=0)
    assert three.width == 3


def test_kinds_stand_behind_for_both_branches():
    events = with_kinds(from_cylinder([2], [60, 40], [0.0, 0.3], [3.0, -3.0]))
    represent, packed = representation("lund", inputs="kinds"), representation("packed", inputs="kinds")(events)
    trees = represent(events)
    assert trees.features.shape == (1, represent.width) == (1, 17)
    torch.testing.assert_close(trees.features[0, 5:], packed.features[:, 7:].flatten())


def test_duplicates_have_finite_features():
    events = from_cylinder([2, 1], [50, 50, 30], [0.1, 0.1, 0.2], [0.3, 0.3, 0.4])
    trees = representation("lund")(events)
    np.testing.assert_allclose(trees.features, [[np.log(1e4), np.log(1e-3), np.log(0.5), np.log(1e-3), 0]], rtol=1e-5)
    assert trees.offsets.tolist() == [0, 1, 1]


def test_wrong_inputs_say_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'lund-3'"):
        representation("lund", inputs="lund3")


def test_a_sample_of_no_jets():
    assert lund_density(history(toy_jets(4)[:0])).shape == (0, 48)

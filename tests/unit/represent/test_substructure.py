from itertools import combinations

import numpy as np
import pytest
from toy_jets import from_cylinder, pythia_jets, toy_jets

from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.substructure import (
    correlators,
    shapes,
    soft_drop,
    splitting_scales,
    subjet_masses,
    subjettiness,
)


def history(events, algorithm="kt"):
    return cluster(constituents(events), algorithm)


def cylinders(h):
    """(pt, y, phi) of the constituents of each jet."""
    for jet in range(len(h)):
        n = (h.offsets[jet + 1] - h.offsets[jet] + 1) // 2
        yield h.cylinder[h.offsets[jet] : h.offsets[jet] + n]


def distance(a, b):
    return np.hypot(a[1] - b[1], np.angle(np.exp(1j * (a[2] - b[2]))))


def test_correlators_equal_the_sums():
    h = history(toy_jets(8, smallest=1))
    for row, items in zip(correlators(h), cylinders(h), strict=True):
        z = items[:, 0] / items[:, 0].sum()
        r = np.array([[distance(a, b) for b in items] for a in items])
        triples = list(combinations(range(len(items)), 3))
        sides = [sorted((r[i, j], r[i, k], r[j, k])) for i, j, k in triples]
        weights = [z[i] * z[j] * z[k] for i, j, k in triples]
        e2 = sum(z[i] * z[j] * r[i, j] for i, j in combinations(range(len(items)), 2))
        e3 = sum(w * s[0] * s[1] * s[2] for w, s in zip(weights, sides, strict=True))
        two_e3 = sum(w * s[0] * s[1] for w, s in zip(weights, sides, strict=True))
        np.testing.assert_allclose(row, [e2, e3, two_e3], rtol=1e-10, atol=1e-15)


def test_subjettiness_equals_the_sum_over_nearest_axes():
    h = history(toy_jets(10, smallest=6))
    taus = subjettiness(h, 3, radius=0.7)
    for jet, items in enumerate(cylinders(h)):
        # the three exclusive subjets: undo the last merge, then the later of the merges that are left
        axes = [len(items) * 2 - 2]
        for n in range(1, 4):
            nodes = h.cylinder[h.offsets[jet] + np.array(axes)]
            expected = sum(p[0] * min(distance(p, axis) for axis in nodes) for p in items) / items[:, 0].sum() / 0.7
            assert taus[jet, n - 1] == pytest.approx(expected, rel=1e-10)
            last = max(axes)
            axes.remove(last)
            axes += list(h.children[h.offsets[jet] + last])


def test_shapes_equal_the_sums():
    h = history(toy_jets(10, smallest=1))
    for jet, items in enumerate(cylinders(h)):
        z = items[:, 0] / items[:, 0].sum()
        axis = h.cylinder[h.offsets[jet + 1] - 1]
        apart = np.array([distance(p, axis) for p in items]) / 0.8
        e, *p = h.p4[h.offsets[jet + 1] - 1]
        expected = [np.sqrt(max(e**2 - np.dot(p, p), 0)), len(z), np.sqrt(z @ z), z @ np.sqrt(apart)]
        np.testing.assert_allclose(shapes(h)[jet], expected, rtol=1e-8, atol=1e-6)


def test_soft_drop_of_two_prongs_is_what_one_computes_by_hand():
    """Two hard prongs stay; a soft wide particle is dropped."""
    clean = from_cylinder([2], [60, 40], [0.0, 0.3], [0.0, 0.4])
    dirty = from_cylinder([3], [60, 40, 2], [0.0, 0.3, -0.7], [0.0, 0.4, 0.0])
    expected = np.sqrt(2 * 60 * 40 * (np.cosh(0.3) - np.cos(0.4)))
    for events in (clean, dirty):
        mass, share, apart = soft_drop(history(events, "cambridge-aachen"))[0]
        assert mass == pytest.approx(expected)
        assert share == pytest.approx(0.4)
        assert apart == pytest.approx(0.5)


def test_soft_drop_condition_depends_on_distance():
    """A share of 0.12 at distance 0.8 passes cut 0.1, not cut 0.2, and passes cut 0.2 (dR / 1.6)^1 = 0.1."""
    h = history(from_cylinder([2], [88, 12], [0.0, 0.8], [0.0, 0.0]), "cambridge-aachen")
    assert soft_drop(h, cut=0.1)[0, 1] == pytest.approx(0.12)
    assert soft_drop(h, cut=0.2)[0, 1] == 0
    assert soft_drop(h, cut=0.2, exponent=1.0, radius=1.6)[0, 1] == pytest.approx(0.12)


def test_three_subjets_by_hand():
    pt, eta, phi = [50, 30, 20], [0.0, 0.5, -0.2], [0.0, 0.1, 0.4]
    row = subjet_masses(history(from_cylinder([3], pt, eta, phi)))[0]
    masses = sorted(
        np.sqrt(2 * pt[i] * pt[j] * (np.cosh(eta[i] - eta[j]) - np.cos(phi[i] - phi[j])))
        for i, j in combinations(range(3), 2)
    )
    np.testing.assert_allclose(row, [*masses, 0.5, 0.3, 0.2])


def test_splitting_scales_by_hand():
    scales = splitting_scales(history(from_cylinder([2], [50, 30], [0.0, 0.3], [0.0, 0.4])), 3)
    np.testing.assert_allclose(scales, [[30 * 0.5, 0, 0]])


def test_jets_of_few_constituents_are_finite():
    events = from_cylinder([1, 2, 3], [100, 60, 40, 5, 6, 7], np.linspace(0, 0.4, 6), np.linspace(-0.3, 0.3, 6))
    h, angular = history(events), history(events, "cambridge-aachen")
    parts = [correlators(h), subjettiness(h), shapes(h), soft_drop(angular), subjet_masses(h), splitting_scales(h)]
    assert np.all(np.isfinite(np.concatenate(parts, axis=1)))
    assert np.all(subjettiness(h)[0] == 0)
    assert subjettiness(h)[1, 0] > 0
    assert np.all(subjettiness(h)[1, 1:] == 0)
    assert soft_drop(angular)[0] == pytest.approx([0, 0, 0], abs=1e-5)


@pytest.fixture(scope="module")
def sequences():
    """Function of an algorithm's name -> fastjet's sequence of the Pythia jets."""
    fastjet = pytest.importorskip("fastjet")
    ak = pytest.importorskip("awkward")
    jets = constituents(pythia_jets())
    momenta = ak.zip({"px": jets.px, "py": jets.py, "pz": jets.pz, "E": jets.e}, with_name="Momentum4D")
    array = ak.unflatten(momenta, np.diff(jets.offsets))
    return lambda kind: fastjet.ClusterSequence(array, fastjet.JetDefinition(getattr(fastjet, kind), 1000.0))


def flat(array):
    ak = pytest.importorskip("awkward")
    return np.asarray(ak.flatten(array, axis=None))


@pytest.mark.parametrize(("cut", "exponent"), [(0.1, 0.0), (0.2, 1.0)])
def test_soft_drop_equals_fastjet(sequences, cut, exponent):
    ours = soft_drop(history(pythia_jets(), "cambridge-aachen"), cut, exponent)
    theirs = sequences("cambridge_algorithm").exclusive_jets_softdrop_grooming(symmetry_cut=cut, beta=exponent)
    np.testing.assert_allclose(ours[:, 0], flat(theirs.msoftdrop), atol=1e-3)
    np.testing.assert_allclose(ours[:, 1], flat(theirs.symmetrysoftdrop), rtol=1e-9)
    np.testing.assert_allclose(ours[:, 2], flat(theirs.deltaRsoftdrop), rtol=1e-9)


def test_subjettiness_equals_fastjet(sequences):
    theirs = flat(sequences("kt_algorithm").njettiness("NormalizedMeasure", "KT_Axes", R0=0.8)).reshape(-1, 4)
    np.testing.assert_allclose(subjettiness(history(pythia_jets())), theirs, rtol=1e-9)


@pytest.mark.parametrize(("column", "points", "angles"), [(0, 2, -1), (1, 3, -1), (2, 3, 2)])
def test_correlators_equal_fastjet(sequences, column, points, angles):
    theirs = sequences("kt_algorithm").exclusive_jets_energy_correlator(npoint=points, angles=angles)
    np.testing.assert_allclose(correlators(history(pythia_jets()))[:, column], flat(theirs), rtol=1e-9)

import numpy as np
import pytest
from toy_jets import from_cylinder, pythia_jets, toy_jets

from partonic.represent.clustering import cluster, leaves
from partonic.represent.constituents import constituents

ALGORITHMS = {"cambridge-aachen": 0, "kt": 1}


def brute_force(p4, power):
    """Merge the closest pair again and again, looking at all pairs: the sequence of distances and the last node."""
    items = [np.asarray(p) for p in p4]
    distances = []
    while len(items) > 1:
        best = (np.inf, 0, 0)
        for i in range(len(items)):
            for j in range(i):
                a, b = items[i], items[j]
                turn = np.angle(np.exp(1j * (np.arctan2(a[2], a[1]) - np.arctan2(b[2], b[1]))))
                rapidity = np.arctanh(a[3] / a[0]) - np.arctanh(b[3] / b[0])
                scale = min(a[1] ** 2 + a[2] ** 2, b[1] ** 2 + b[2] ** 2) ** power
                best = min(best, (scale * (turn**2 + rapidity**2), i, j))
        distance, i, j = best
        distances.append(distance)
        items.append(items[i] + items[j])
        del items[i], items[j]
    return np.array(distances), items[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_equals_brute_force(algorithm):
    jets = constituents(toy_jets(12, seed=2, smallest=1))
    history = cluster(jets, algorithm)
    p4 = np.stack([jets.e, jets.px, jets.py, jets.pz], axis=1)
    for jet in range(len(jets)):
        distances, total = brute_force(p4[jets.offsets[jet] : jets.offsets[jet + 1]], ALGORITHMS[algorithm])
        nodes = slice(history.offsets[jet], history.offsets[jet + 1])
        n = len(distances) + 1
        np.testing.assert_allclose(history.distance[nodes][n:], distances, rtol=1e-8)
        np.testing.assert_allclose(history.p4[nodes][-1], total, rtol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_node_but_the_jet_has_one_parent_and_carries_its_children(algorithm):
    history = cluster(constituents(pythia_jets()), algorithm)
    for jet in range(len(history)):
        nodes = slice(history.offsets[jet], history.offsets[jet + 1])
        children, p4 = history.children[nodes], history.p4[nodes]
        n = (len(children) + 1) // 2
        assert np.all(children[:n] == -1)
        assert sorted(children[n:].ravel()) == list(range(len(children) - 1))
        np.testing.assert_allclose(p4[children[n:, 0]] + p4[children[n:, 1]], p4[n:], rtol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_equals_fastjet(algorithm):
    fastjet = pytest.importorskip("fastjet")
    ak = pytest.importorskip("awkward")
    jets = constituents(pythia_jets())
    momenta = ak.zip({"px": jets.px, "py": jets.py, "pz": jets.pz, "E": jets.e}, with_name="Momentum4D")
    kind = fastjet.kt_algorithm if algorithm == "kt" else fastjet.cambridge_algorithm
    radius = 1000.0  # fastjet gives the distance over the radius squared
    sequence = fastjet.ClusterSequence(
        ak.unflatten(momenta, np.diff(jets.offsets)), fastjet.JetDefinition(kind, radius)
    )
    history = cluster(jets, algorithm)
    for n in (1, 2, 5):
        theirs = np.asarray(sequence.exclusive_dmerge(n)) * radius**2
        np.testing.assert_allclose(history.distance[history.offsets[1:] - n], theirs, rtol=1e-9)


def test_rapidity_of_rounded_momenta_stays_finite():
    """In single precision a forward massless particle can have E below |pz|."""
    events = from_cylinder([2], [10.0, 1e-3], [0.5, 9.0], [0.0, 0.1])
    single = events.collection("constituents")
    jets = constituents(events.with_collections(constituents=single.with_fields(e=np.abs(single["pz"]) * (1 - 1e-7))))
    assert np.all(np.isfinite(cluster(jets, "kt").cylinder))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_leaves_stand_in_the_order_of_a_recursion(algorithm):
    def below(node):
        pair = history.children[start + node]
        if pair[0] < 0:
            return [node]
        hard, soft = sorted(pair, key=lambda child: -history.cylinder[start + child, 0])
        return below(hard) + below(soft)

    jets = constituents(toy_jets(10, smallest=1))
    history = cluster(jets, algorithm)
    found = leaves(history)
    for jet in range(10):
        start, size = history.offsets[jet], history.offsets[jet + 1] - history.offsets[jet]
        mine = found[jets.offsets[jet] : jets.offsets[jet + 1]]
        assert (mine - jets.offsets[jet]).tolist() == below(size - 1)


def test_a_sample_of_no_jets():
    assert len(cluster(constituents(toy_jets(4)[:0]), "kt")) == 0

"""Energy flow polynomials against the sums that define them, over all constituents for every vertex."""

from itertools import permutations

import numpy as np
import pytest
from toy_jets import boosted, from_cylinder, mirrored, permuted, toy_jets, turned

from partonic.core.errors import InputError
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.efp import JetFlowPolynomials, flow_polynomials, order_of_sums
from partonic.represent.multigraphs import canonical, connected, vertices
from partonic.represent.substructure import correlators

LINE, TRIANGLE = ((0, 1),), ((0, 1), (0, 2), (1, 2))


def test_as_many_multigraphs_as_the_paper_counts():
    """Table of the paper, connected multigraphs by their number of edges."""
    assert [len(connected(edges)) for edges in range(1, 7)] == [1, 2, 5, 12, 33, 103]
    assert JetFlowPolynomials(4).width == 20
    assert JetFlowPolynomials(5).width == len(set(JetFlowPolynomials(5).graphs)) == 53


def test_multigraphs_that_differ_by_numbers_only_are_one():
    graph = ((0, 1), (0, 1), (1, 2), (2, 3), (0, 2))
    for order in permutations(range(4)):
        assert canonical(tuple((order[a], order[b]) for a, b in graph)) == canonical(graph)
    assert canonical(((0, 1), (1, 2), (2, 3))) != canonical(((0, 1), (0, 2), (0, 3)))


def by_hand(events, jet, graph, beta):
    history = cluster(constituents(events), "kt")
    n = events.collection("constituents").counts[jet]
    pt, y, phi = history.cylinder[history.offsets[jet] :][:n].T
    z = pt / pt.sum()
    theta = np.hypot(y[:, None] - y, np.angle(np.exp(1j * (phi[:, None] - phi)))) ** beta
    letters = "abcdef"
    terms = [letters[a] + letters[b] for a, b in graph] + list(letters[: vertices(graph)])
    return np.einsum(",".join(terms) + "->", *([theta] * len(graph)), *([z] * vertices(graph)))


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_every_polynomial_equals_its_sum(beta):
    graphs = JetFlowPolynomials(5).graphs
    counts, rng = np.array([1, 5, 2, 6]), np.random.default_rng(3)
    n = counts.sum()
    events = from_cylinder(counts, rng.exponential(30, n), rng.normal(0.5, 0.3, n), rng.normal(np.pi, 0.3, n))
    values = flow_polynomials(constituents(events), graphs, beta)
    for jet in range(len(counts)):
        expected = [by_hand(events, jet, graph, beta) for graph in graphs]
        np.testing.assert_allclose(values[jet], expected, rtol=1e-11, atol=1e-18)
    assert np.all(values[0] == 0)


def test_line_and_triangle_are_the_correlators():
    jets = constituents(toy_jets(200, smallest=1))
    line, triangle = flow_polynomials(jets, (LINE, TRIANGLE)).T
    e2, e3, _ = correlators(cluster(jets, "kt")).T
    np.testing.assert_allclose(line, 2 * e2, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(triangle, 6 * e3, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    "change",
    [lambda events: turned(events, 2.5), lambda events: boosted(events, 0.7), mirrored, permuted],
    ids=["azimuth", "boost", "mirror", "permutation"],
)
def test_they_do_not_know_where_the_jet_points(change):
    events = toy_jets(50, smallest=2)
    before, after = (JetFlowPolynomials()(sample).values.numpy() for sample in (events, change(events)))
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)


def split(events, soft):
    """The hardest constituent split in two along its direction, or one of next to no momentum far from the axis."""
    c = events.collection("constituents")
    pt, eta = np.hypot(c["px"], c["py"]), np.arcsinh(c["pz"] / np.hypot(c["px"], c["py"]))
    phi = np.arctan2(c["py"], c["px"])
    first = c.offsets[:-1]
    extra = 1e-10 * pt[first] if soft else 0.4 * pt[first]
    pt[first] -= 0.0 if soft else extra
    further = 0.5 if soft else 0.0
    columns = [np.insert(v, c.offsets[1:], e) for v, e in ((pt, extra), (eta, eta[first] + further), (phi, phi[first]))]
    return from_cylinder(c.counts + 1, *columns)


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "collinear"])
def test_soft_and_collinear_emissions_change_nothing(soft):
    events, graphs = toy_jets(60, smallest=3), JetFlowPolynomials(5).graphs
    before, after = (flow_polynomials(constituents(sample), graphs) for sample in (events, split(events, soft)))
    np.testing.assert_allclose(after, before, rtol=1e-6)
    multiplicity = [sample.collection("constituents").counts for sample in (events, split(events, soft))]
    assert np.all(multiplicity[1] > multiplicity[0])


def test_the_representation_takes_logarithms_and_checks_its_options():
    events = from_cylinder([1, 2], [50, 60, 40], [0.1, 0, 0.3], [0, 0.1, 0.5])
    values = representation("efp", degree=2)(events).values.numpy()
    np.testing.assert_allclose(values[0], np.log(1e-12), rtol=1e-6)
    expected = [2 * 0.24 * 0.5, 2 * 0.24 * 0.25, (0.6 * 0.16 + 0.4 * 0.36) * 0.25]
    np.testing.assert_allclose(values[1], np.log(expected), rtol=1e-5)
    for options, said in (
        ({"degree": 6}, "must be 1 to 5"),
        ({"degree": 0}, "must be 1 to 5"),
        ({"beta": 0}, "above 0"),
    ):
        with pytest.raises(InputError, match=said):
            representation("efp", **options)


def test_four_vertices_that_all_hang_together_are_refused():
    with pytest.raises(InputError, match="fewer than three neighbours"):
        order_of_sums(((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)))

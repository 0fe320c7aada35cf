import numpy as np
import pytest
import torch
from toy_jets import from_cylinder, toy_jets, with_kinds

from partonic.core.errors import InputError, UnknownNameError
from partonic.represent import representation
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.tree import branch_means, levels


def below(children, node):
    """Constituents of a node of one jet."""
    a, b = children[node]
    return [node] if a < 0 else below(children, a) + below(children, b)


@pytest.mark.parametrize("algorithm", ["kt", "cambridge-aachen"])
def test_trees_are_those_of_the_clustering_with_the_harder_child_first(algorithm):
    events = toy_jets(10, smallest=1)
    trees = representation("trees", algorithm=algorithm)(events)
    history = cluster(constituents(events), algorithm)
    children, depth = trees.children.numpy(), trees.depth.numpy()
    np.testing.assert_array_equal(np.sort(children, axis=1), np.sort(history.children, axis=1))
    for jet in range(10):
        nodes = slice(history.offsets[jet], history.offsets[jet + 1])
        mine, pt = children[nodes], history.cylinder[nodes, 0]
        merged = np.flatnonzero(mine[:, 0] >= 0)
        assert np.all(pt[mine[merged, 0]] >= pt[mine[merged, 1]])
        assert depth[nodes][-1] == 0
        for k in range(2):
            np.testing.assert_array_equal(depth[nodes][mine[merged, k]], depth[nodes][merged] + 1)


def test_features_of_a_node_are_those_of_its_momentum():
    pt, eta, phi = np.array([50.0, 30.0]), np.array([-0.4, -0.1]), np.array([3.1, -3.0])
    trees = representation("trees")(from_cylinder([2], pt, eta, phi))
    px, py, pz, e = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)
    jet_pt, jet_y = np.hypot(px.sum(), py.sum()), np.arctanh(pz.sum() / e.sum())
    turn = np.angle(np.exp(1j * (phi - np.arctan2(py.sum(), px.sum()))))
    rise = -(eta - jet_y)
    expected = [
        (np.log(pt) - 1.7) * 0.7,
        (np.log(e) - 2) * 0.7,
        (np.log(pt / jet_pt) + 4.7) * 0.7,
        (np.log(e / e.sum()) + 4.7) * 0.7,
        (np.hypot(rise, turn) - 0.2) * 4,
        rise * 5,
        turn * 5,
    ]
    np.testing.assert_allclose(trees.features[:2], np.transpose(expected), rtol=1e-5, atol=1e-6)
    root = [(np.log(jet_pt) - 1.7) * 0.7, (np.log(e.sum()) - 2) * 0.7, 3.29, 3.29, -0.8, 0, 0]
    np.testing.assert_allclose(trees.features[2], root, rtol=1e-5, atol=1e-6)


def test_kinds_of_a_node_are_means_by_pt():
    events = with_kinds(toy_jets(6))
    trees = representation("trees", inputs="full")(events)
    plain, packed = representation("trees")(events), representation("packed", inputs="full")(events)
    assert trees.features.shape[1] == representation("trees", inputs="full").width == 17
    torch.testing.assert_close(trees.features[:, :7], plain.features, rtol=0, atol=0)
    pt = packed.p4[:, 1:3].norm(dim=1).double()
    for jet in range(6):
        first, particle = int(trees.offsets[jet]), int(packed.offsets[jet])
        mine = trees.children[first : trees.offsets[jet + 1]].numpy()
        for node in range(len(mine)):
            rows = particle + torch.tensor(below(mine, node))
            mean = (packed.features[rows, 7:] * pt[rows, None]).sum(0) / pt[rows].sum()
            torch.testing.assert_close(trees.features[first + node, 7:], mean.float(), rtol=1e-5, atol=1e-6)


def test_branch_means_of_ones_are_ones():
    history = cluster(constituents(toy_jets(5, smallest=1)), "kt")
    ones = np.ones((int((history.children[:, 0] < 0).sum()), 2))
    np.testing.assert_allclose(branch_means(history, ones), 1, rtol=1e-12)


def test_levels_hold_every_node_once_and_lead_to_its_children():
    trees = representation("trees")(toy_jets(12, smallest=1))
    order = levels(trees)
    assert sorted(order.nodes.tolist()) == list(range(len(trees.features)))
    parts = order.split(order.nodes)
    jet = torch.repeat_interleave(torch.arange(12), trees.offsets.diff())
    torch.testing.assert_close(parts[0][order.roots], trees.offsets[1:] - 1)
    for depth, (level, nodes) in enumerate(zip(order.levels, parts, strict=True)):
        assert (trees.depth[nodes] == depth).all()
        assert ((trees.children[nodes, 0] >= 0) == (torch.arange(len(nodes)) < level.merged)).all()
        if level.merged:
            merged = nodes[: level.merged]
            expected = trees.children[merged] + trees.offsets[jet[merged], None]
            torch.testing.assert_close(parts[depth + 1][level.children], expected)


def test_wrong_options_say_the_nearest():
    with pytest.raises(UnknownNameError, match="algorithm 'cambridge'; did you mean 'cambridge-aachen'"):
        representation("trees", algorithm="cambridge")
    with pytest.raises(UnknownNameError, match="did you mean 'kinds'"):
        representation("trees", inputs="kind")
    with pytest.raises(InputError, match="need charge, pid of each constituent"):
        representation("trees", inputs="kinds")(toy_jets(2))

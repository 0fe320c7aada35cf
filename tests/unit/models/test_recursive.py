"""Recursive networks against a plain recursion over the tree of each jet."""

import numpy as np
import pytest
import torch
from toy_jets import toy_jets

from partonic.models.recursive import GatedMerge, Merge, Recursive
from partonic.models.treenin import TreeNiN
from partonic.represent import representation


def embed(network, trees, jet, node, depth=0):
    """Embedding of a node by the equations, from its children's."""
    first = int(trees.offsets[jet])
    features, pair = trees.features[first + node], trees.children[first + node]
    if isinstance(network, Recursive):
        own = network.embed(features)
    else:
        own = (network.embed_constituent if pair[0] < 0 else network.embed_merged)(features)
    if pair[0] >= 0:
        a, b = (embed(network, trees, jet, int(child), depth + 1) for child in pair)
        if isinstance(network, TreeNiN) and depth == 0:
            a, b = network.harder(a), network.softer(b)
        own = merged(network.merge, a, b, own)
    if isinstance(network, TreeNiN) and depth > 1:
        return (network.constituent if pair[0] < 0 else network.merged)(own)
    return own


def merged(merge, a, b, own):
    """Equations of the simple and of the gated recursion of arXiv:1702.00748, one node at a time."""
    if not isinstance(merge, GatedMerge):
        return torch.relu(merge.layers[0](torch.cat([a, b, own])))
    resets = torch.sigmoid(merge.reset(torch.cat([a, b, own]))).chunk(3)
    new = torch.relu(merge.layers[0](torch.cat([r * h for r, h in zip(resets, (a, b, own), strict=True)])))
    weights = torch.stack(merge.update(torch.cat([new, a, b, own])).chunk(4)).softmax(0)
    return sum(z * h for z, h in zip(weights, (new, a, b, own), strict=True))


@pytest.mark.parametrize("options", [{}, {"gated": True}, None], ids=["simple", "gated", "treenin"])
def test_equals_a_plain_recursion(options):
    torch.manual_seed(3)
    network = (TreeNiN() if options is None else Recursive(**options)).eval()
    assert options is None or isinstance(network.merge, GatedMerge if options else Merge)
    trees = representation("trees")(toy_jets(9, smallest=1))
    with torch.no_grad():
        found = network(trees)
        roots = trees.offsets.diff() - 1
        expected = [network.head(embed(network, trees, jet, int(root))) for jet, root in enumerate(roots)]
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-4, atol=1e-5)
    assert found.std() > 1e-3


def test_jets_of_one_constituent_are_embedded():
    trees = representation("trees")(toy_jets(200, smallest=1))
    lonely = torch.nonzero(trees.offsets.diff() == 1)[:, 0]
    assert len(lonely) > 0
    for network in (Recursive(), TreeNiN()):
        assert torch.isfinite(network(trees)[lonely]).all()


def test_the_tree_matters():
    events = toy_jets(30, smallest=6)
    network = Recursive().eval()
    with torch.no_grad():
        kt, angular = (network(representation("trees", algorithm=a)(events)) for a in ("kt", "cambridge-aachen"))
    assert np.mean(np.abs(kt.numpy() - angular.numpy()) > 1e-5) > 0.8

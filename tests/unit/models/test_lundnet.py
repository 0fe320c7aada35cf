"""LundNet against a loop over the nodes of each tree."""

import torch
from toy_jets import toy_jets

from partonic.models.lundnet import LundNet, TreeConv
from partonic.represent import representation


def test_a_convolution_is_the_mean_over_the_linked_declusterings():
    torch.manual_seed(1)
    layer = TreeConv(2, (4, 3)).eval()
    with torch.no_grad():
        for norm in (module for module in layer.modules() if isinstance(module, torch.nn.BatchNorm1d)):
            norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
    parent = [-1, 0, 1, 0]  # 0 has two branches, 1 has one
    linked = {0: [1, 3], 1: [0, 2], 2: [1], 3: [0]}
    features = torch.randn(4, 2)
    links = torch.tensor([[1, 0, 2, 1, 3, 0], [0, 1, 1, 2, 0, 3]])
    share = torch.tensor([[1 / len(linked[i])] for i in range(4)])
    assert sorted(zip(*links.tolist(), strict=True)) == sorted((i, j) for i in linked for j in linked[i])
    assert [min(linked[i]) for i in (1, 2, 3)] == parent[1:]
    with torch.no_grad():
        found = layer(features, tuple(links), share)
        for i in range(4):
            pairs = torch.stack([torch.cat([features[i], features[j] - features[i]]) for j in linked[i]])
            for step in layer.layers:
                pairs = torch.relu(step(pairs))
            torch.testing.assert_close(found[i], torch.relu(layer.shortcut(features[i : i + 1])[0] + pairs.mean(0)))


def test_jets_without_declustering_have_a_logit_of_their_own():
    events = toy_jets(200, smallest=1)
    trees = representation("lund")(events)
    lonely = trees.offsets.diff() == 0
    assert lonely.any()
    found = LundNet().eval()(trees)
    assert torch.isfinite(found).all()
    assert found[lonely].std(correction=0) < 1e-7


def test_three_inputs_are_enough():
    represent = representation("lund", inputs="lund-3")
    network = LundNet(features=represent.width).eval()
    assert network(represent(toy_jets(6))).shape == (6,)

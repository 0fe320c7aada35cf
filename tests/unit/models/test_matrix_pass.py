"""A PELICAN of few channels jet by jet against torch's own layers."""

import copy

import pytest
import torch

from partonic.models import pelican
from partonic.models.pelican import PELICAN
from partonic.represent.edges import edges

COUNTS = (1, 2, 7, 12)
CLOSE = 2e-5


def network(channels, blocks, features):
    torch.manual_seed(4)
    made = PELICAN(blocks, channels, 0.0, features=features, outputs=2)
    for block in made.blocks:
        torch.nn.init.normal_(block.norm.weight)
    return made


@pytest.mark.parametrize(("channels", "blocks", "features"), [(5, 2, 7), (3, 1, 13)])
def test_outputs_and_gradients_are_those_of_torch(channels, blocks, features, monkeypatch):
    ours = network(channels, blocks, features)
    theirs = copy.deepcopy(ours)
    graph = edges(torch.tensor([0, *COUNTS]).cumsum(0), loops=True)
    matrix = torch.randn(len(graph), 2 + features - 7)
    found = []
    for made, possible in ((ours, None), (theirs, lambda *_: False)):
        if possible is not None:
            monkeypatch.setattr(pelican, "in_one_pass", possible)
        given = matrix.clone().requires_grad_()
        out = made.of_matrix(given, graph)
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        found.append([out.detach(), given.grad, *(weight.grad for weight in made.parameters())])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=CLOSE, atol=CLOSE * max(1.0, float(other.abs().max())))


def test_wide_networks_and_those_that_drop_stay_with_torch():
    matrix = torch.randn(4, 1)
    assert pelican.in_one_pass(matrix, 5, 0.0)
    assert not pelican.in_one_pass(matrix, 50, 0.0)
    assert not pelican.in_one_pass(matrix, 5, 0.1)
    assert not pelican.in_one_pass(matrix.double(), 5, 0.0)

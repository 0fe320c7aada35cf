"""A PELICAN of few channels jet by jet against torch's own layers."""

import copy

import pytest
import torch

from partonic.models import matrix_pass, pelican
from partonic.models.pelican import PELICAN
from partonic.represent.edges import edges

COUNTS = (1, 2, 7, 12)
CLOSE = 2e-5


def network(channels, blocks, features):
    torch.manual_seed(4)
    made = PELICAN(blocks, channels, 0.0, features=features, outputs=2, batch_norm=True)
    for block in made.blocks:
        torch.nn.init.normal_(block.norm.weight)
        torch.nn.init.normal_(block.norm.bias)
        block.norm.running_mean.normal_()
        block.norm.running_var.uniform_(0.5, 2)
    return made


def outputs_and_gradients(made, matrix, graph):
    given = matrix.clone().requires_grad_()
    out = made.of_matrix(given, graph)
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    return [out.detach(), given.grad, *(weight.grad for weight in made.parameters())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("channels", "blocks", "features"), [(5, 2, 7), (3, 1, 13)])
def test_outputs_gradients_and_means_are_those_of_torch(channels, blocks, features, training, monkeypatch):
    ours = network(channels, blocks, features).train(training)
    theirs = copy.deepcopy(ours)
    graph = edges(torch.tensor([0, *COUNTS]).cumsum(0), loops=True)
    matrix = torch.randn(len(graph), 2 + features - 7)
    passed = []
    monkeypatch.setattr(pelican, "totals", lambda *given: passed.append(1) or matrix_pass.totals(*given))
    found = [outputs_and_gradients(ours, matrix, graph)]
    monkeypatch.setattr(pelican, "in_one_pass", lambda *_: False)
    found.append(outputs_and_gradients(theirs, matrix, graph))
    assert len(passed) == 1
    for made, values in zip((ours, theirs), found, strict=True):
        values.extend(made.state_dict().values())
    for mine, other in zip(*found, strict=True):
        close = CLOSE * max(1.0, float(other.abs().max()))
        torch.testing.assert_close(mine, other, rtol=CLOSE, atol=close)


def test_a_jet_of_no_particle_changes_no_gradient():
    gradients = []
    for counts in ((5, 4), (5, 0, 4)):
        made = network(5, 2, 7).train()
        graph = edges(torch.tensor([0, *counts]).cumsum(0), loops=True)
        given = torch.linspace(-1, 1, 2 * len(graph)).view(-1, 2), graph, torch.ones(len(counts), 1)
        made._totals(*given).sum().backward()
        gradients.append([weight.grad for weight in made.parameters() if weight.grad is not None])
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


def test_without_gradients_jets_are_taken_some_at_a_time(monkeypatch):
    made = network(5, 2, 7)
    graph = edges(torch.tensor([0, *COUNTS]).cumsum(0), loops=True)
    matrix = torch.randn(len(graph), 2)
    made.of_matrix(matrix, graph)
    whole = made.eval().of_matrix(matrix, graph).detach()
    monkeypatch.setattr(matrix_pass, "AT_ONCE", 3)
    with torch.no_grad():
        torch.testing.assert_close(made.of_matrix(matrix, graph), whole, rtol=0, atol=0)
        assert made.of_matrix(matrix[:0], edges(torch.zeros(1, dtype=torch.int64), loops=True)).shape == (0, 2)


def test_means_far_from_zero_lose_no_digits(monkeypatch):
    ours = network(5, 1, 7).train()
    ours.blocks[0].layer.bias.data += 100
    theirs = copy.deepcopy(ours).double()
    graph = edges(torch.tensor([0, 60, 90]), loops=True)
    matrix = torch.randn(len(graph), 2)
    ours.of_matrix(matrix, graph)
    theirs.of_matrix(matrix.double(), graph)
    for mine, other in zip(ours.blocks[0].norm.buffers(), theirs.blocks[0].norm.buffers(), strict=True):
        torch.testing.assert_close(mine.double(), other.double(), rtol=1e-6, atol=0)


def test_wide_networks_those_that_drop_and_other_norms_stay_with_torch():
    matrix, norms = torch.randn(4, 1), [torch.nn.BatchNorm1d(5), torch.nn.BatchNorm1d(5)]
    assert matrix_pass.in_one_pass(matrix, 5, 0.0, norms)
    assert not matrix_pass.in_one_pass(matrix, 50, 0.0, norms)
    assert not matrix_pass.in_one_pass(matrix, 5, 0.1, norms)
    assert not matrix_pass.in_one_pass(matrix.double(), 5, 0.0, norms)
    assert not matrix_pass.in_one_pass(matrix, 5, 0.0, [torch.nn.RMSNorm(5)])
    assert not matrix_pass.in_one_pass(matrix, 5, 0.0, [norms[0], torch.nn.BatchNorm1d(5, momentum=None)])
    assert not matrix_pass.in_one_pass(matrix, 5, 0.0, [norms[0], copy.deepcopy(norms[1]).eval()])
    norms[1].forward = lambda values: values  # as of several processes that train together
    assert not matrix_pass.in_one_pass(matrix, 5, 0.0, norms)

"""Edges of the full graph of each jet: compiled sums, torch's own steps and gradients agree."""

import numpy as np
import pytest
import torch

from partonic.represent import edges as module
from partonic.represent.edges import add_transposed, edges, gather, spread
from partonic.represent.references import BEAMS, dot, squeeze, with_references

LENGTHS = [[3], [1, 4, 2], [1, 1], [5, 7]]


def graph_of(lengths, loops):
    return edges(torch.tensor([0, *np.cumsum(lengths)]), loops=loops)


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)


@pytest.fixture(params=[True, False], ids=["compiled", "torch"])
def path(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(module, "_compiled", lambda _: False)


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_edges_are_listed_row_by_row(lengths, loops):
    graph = graph_of(lengths, loops)
    wanted, start = [], 0
    for n in lengths:
        wanted += [(start + i, start + j) for i in range(n) for j in range(n) if loops or i != j]
        start += n
    assert list(zip(graph.first.tolist(), graph.second.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_sums_by_hand(lengths, loops, path):
    graph, n = graph_of(lengths, loops), sum(lengths)
    values = random(len(graph), 3).detach()
    dense = torch.zeros(n, n, 3, dtype=torch.float64)
    dense[graph.first, graph.second] = values
    rows, columns, diagonal = gather(values, graph)
    torch.testing.assert_close(rows, dense.sum(1))
    torch.testing.assert_close(columns, dense.sum(0))
    torch.testing.assert_close(diagonal, dense[torch.arange(n), torch.arange(n)])
    both = random(len(graph), 4).detach()
    dense = torch.zeros(n, n, 4, dtype=torch.float64)
    dense[graph.first, graph.second] = both
    turned = (dense[:, :, :2] + dense.transpose(0, 1)[:, :, 2:])[graph.first, graph.second]
    torch.testing.assert_close(add_transposed(both, graph), turned)
    one, two, extra = (random(n, 2).detach() * k for k in (1, 2, 3))
    wanted = one[graph.first] + two[graph.second]
    torch.testing.assert_close(spread(one, two, graph), wanted)
    if loops:
        wanted[graph.first == graph.second] += extra
        torch.testing.assert_close(spread(one, two, graph, extra), wanted)


@pytest.mark.parametrize("loops", [True, False])
def test_gradients(loops, path):
    graph = graph_of([3, 1, 2], loops)
    assert torch.autograd.gradcheck(lambda values: gather(values, graph), random(len(graph), 2))
    assert torch.autograd.gradcheck(lambda values: add_transposed(values, graph), random(len(graph), 4))
    assert torch.autograd.gradcheck(lambda a, b: spread(a, b, graph), (random(6, 2), random(6, 2)))
    if loops:
        inputs = (random(6, 2), random(6, 2), random(6, 2))
        assert torch.autograd.gradcheck(lambda a, b, c: spread(a, b, graph, c), inputs)


def test_references_stand_behind_the_particles_of_each_jet():
    p4 = torch.arange(20.0).view(5, 4)
    charge = torch.tensor([[1.0], [-1], [0], [0], [1]])
    given = with_references(p4, charge, torch.tensor([0, 2, 5]), torch.tensor(BEAMS))
    assert given.offsets.tolist() == [0, 4, 9]
    assert given.scalars.T.tolist() == [[0, 0, 1, 1, 0, 0, 0, 1, 1], [1, -1, 0, 0, 0, 0, 1, 0, 0]]
    beam = given.scalars[:, 0] == 1
    assert torch.equal(given.p4[~beam], p4)
    assert torch.equal(given.p4[beam], torch.tensor(BEAMS).repeat(2, 1))
    none = with_references(p4, charge, torch.tensor([0, 2, 5]), torch.zeros(0, 4))
    assert torch.equal(none.p4, p4)
    assert none.offsets.tolist() == [0, 2, 5]


def test_products_and_logarithms():
    assert dot(torch.tensor([5.0, 1, 2, 3]), torch.tensor([2.0, 1, 1, 1])).item() == 4.0
    torch.testing.assert_close(squeeze(torch.tensor([0.0, np.e - 1, 1 - np.e])), torch.tensor([0.0, 1.0, -1.0]))

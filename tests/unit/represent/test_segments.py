from itertools import pairwise

import pytest
import torch

from partonic.represent.edges import edges, gather
from partonic.represent.segments import segment_max, segment_mean, segment_sum, segments

OFFSETS = torch.tensor([0, 3, 3, 4, 9])


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_segments_equal_a_loop(shape):
    values = torch.randn(9, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    parts = [values[a:b] for a, b in pairwise(OFFSETS.tolist())]
    empty = torch.zeros(shape, dtype=torch.float64)
    total = torch.stack([part.sum(0) for part in parts])
    mean = torch.stack([part.mean(0) if len(part) else empty for part in parts])
    largest = torch.stack([part.amax(0) if len(part) else empty - torch.inf for part in parts])
    torch.testing.assert_close(segment_sum(values, OFFSETS), total)
    torch.testing.assert_close(segment_mean(values, OFFSETS), mean)
    torch.testing.assert_close(segment_max(values, OFFSETS), largest)


def test_half_precision_is_summed_in_single():
    values = torch.ones(1000, 1, dtype=torch.bfloat16)  # of which bfloat16 itself counts 256
    assert segment_sum(values, torch.tensor([0, 999, 1000]))[:, 0].tolist() == [999, 1]
    graph = edges(torch.tensor([0, 400]), loops=True)
    rows, columns, _ = gather(values.new_ones(len(graph), 1), graph)
    assert rows.unique().tolist() == columns.unique().tolist() == [400]


def test_jet_of_each_particle():
    assert segments(OFFSETS).tolist() == [0, 0, 0, 2, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("function", [segment_sum, segment_mean])
def test_gradients(function):
    values = torch.randn(9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: function(x, OFFSETS), values)


def test_gradient_of_the_maximum_goes_to_the_largest():
    values = torch.tensor([1.0, 3.0, 2.0, 5.0], requires_grad=True)
    segment_max(values, torch.tensor([0, 3, 4])).sum().backward()
    assert values.grad.tolist() == [0, 1, 0, 1]

"""The compiled passes against torch's own."""

import copy

import pytest
import torch
from torch import nn

from partonic.models.folding import LinearNorm
from partonic.models.norm_relu import bias_relu_, norm_relu
from partonic.represent.neighbours import _chosen, nearest, paired
from partonic.represent.plan import plan
from partonic.represent.segments import segment_sum


def shaken(channels, kind):
    norm = nn.BatchNorm1d(channels).to(kind)
    nn.init.uniform_(norm.weight, -1, 2)
    nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize(("kind", "close"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("rows", [3, 128, 1000])
def test_norm_and_relu_are_those_of_torch(rows, kind, close):
    torch.manual_seed(rows)
    ours, theirs = shaken(5, kind), nn.BatchNorm1d(5).to(kind)
    theirs.load_state_dict(ours.state_dict())
    values = (3 + 2 * torch.randn(rows, 5)).to(kind)
    found = []
    for norm, of in ((ours, norm_relu), (theirs, lambda norm, x: norm(x).relu())):
        given = values.clone().requires_grad_()
        result = of(norm, given)
        (result * torch.linspace(-1, 2, 5, dtype=kind)).square().sum().backward()
        found.append((result, given.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=close, atol=close * float(other.detach().abs().max()))
    assert ours.num_batches_tracked == 1


@pytest.mark.parametrize("summed", [False, True])
def test_a_layer_in_front_and_the_sum_over_jets_are_those_of_torch(summed):
    torch.manual_seed(3)
    kind, found = torch.float64, []
    start, offsets = LinearNorm(3, 5, bias=True).to(kind), torch.tensor([0, 4, 4, 9, 20])
    start.norm.load_state_dict(shaken(5, kind).state_dict())
    values = torch.randn(20, 3, dtype=kind)
    for plain in (False, True):
        both = copy.deepcopy(start)
        given = values.clone().requires_grad_()
        rows = both(given).relu() if plain else both.activated(given, offsets if summed else None)
        result = segment_sum(rows, offsets) if plain and summed else rows
        (result * torch.linspace(-1, 2, 5, dtype=kind)).square().sum().backward()
        found.append((result, given.grad, *(p.grad for p in both.parameters()), both.norm.running_mean))
        found[-1] += (both.eval()(values),)  # the running mean holds the layer's bias
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("offsets", [None, torch.tensor([0, 4, 9])])
def test_values_without_a_gradient(offsets):
    norm, layer, values = shaken(3, torch.float64), nn.Linear(2, 3).double(), torch.randn(9, 2, dtype=torch.float64)
    result = norm_relu(norm, values, layer, offsets)
    rows = nn.functional.batch_norm(layer(values), None, None, norm.weight, norm.bias, training=True).relu()
    expected = rows if offsets is None else segment_sum(rows, offsets)
    wanted = [layer.weight, norm.weight, norm.bias]
    ours, theirs = (torch.autograd.grad(one.square().sum(), wanted) for one in (result, expected))
    torch.testing.assert_close(ours, theirs)


def test_gradient_by_differences():
    norm = shaken(3, torch.float64)
    values = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: norm_relu(norm, x), values)


def test_large_offsets_do_not_spoil_the_variance():
    values = 1e3 + torch.randn(5_000, 2)
    norm = nn.BatchNorm1d(2, momentum=1.0)
    norm_relu(norm, values)
    torch.testing.assert_close(norm.running_var, values.double().var(0).float(), rtol=1e-3, atol=0)


def test_in_evaluation_the_running_means_count():
    norm = shaken(4, torch.float32).eval()
    values = torch.randn(7, 4)
    torch.testing.assert_close(norm_relu(norm, values.clone()), norm(values).relu())


@pytest.mark.parametrize("gradients", [False, True])
def test_bias_and_relu(gradients):
    values, bias = torch.randn(9, 3), torch.randn(3)
    with torch.set_grad_enabled(gradients):
        torch.testing.assert_close(bias_relu_(values.clone(), bias), (values + bias).relu())


def test_nearest_are_those_of_torch():
    torch.manual_seed(3)
    offsets = torch.tensor([0, 1, 3, 20, 36, 80])
    order, points = plan(offsets), torch.randn(80, 3)
    near = nearest(points, order, 6)
    parts = []
    for bucket, mine in zip(order.buckets, order.split(points), strict=True):
        padded = bucket.pad(mine)
        parts.append(_chosen(torch.cdist(padded, padded).square(), bucket, 6, 80))
    assert torch.equal(near, torch.cat(parts))
    lone = int(order.offsets[0])
    assert near[lone].tolist() == [80] * 6


def test_pairs_and_their_gradients():
    torch.manual_seed(4)
    near = torch.tensor([[1, 2], [0, 3], [3, 3], [2, 0]])[:, :2]
    near = torch.where(torch.tensor([[0, 0], [0, 1], [0, 0], [0, 0]]).bool(), 4, near)
    mine, theirs = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    expected = mine[:, None] + torch.cat([theirs, torch.zeros(1, 3)])[near]
    torch.testing.assert_close(paired(mine, theirs, near), expected.flatten(0, 1))
    assert torch.autograd.gradcheck(lambda a, b: paired(a, b, near), (mine, theirs))

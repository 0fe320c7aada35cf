"""Messages in one pass against torch's own layers."""

import copy

import pytest
import torch

from partonic.models import lorentznet
from partonic.models.lorentznet import GroupBlock
from partonic.represent.edges import edges

COUNTS = (1, 2, 7, 0, 12)
CLOSE = 3e-5


def inputs(width=6):
    torch.manual_seed(3)
    offsets = torch.tensor([0, *COUNTS]).cumsum(0)
    n = int(offsets[-1])
    p = torch.randn(n, 3)
    p4 = torch.cat([p.square().sum(1, keepdim=True).sqrt(), p], dim=1)
    hidden, scalars = torch.randn(n, width), torch.randn(n, 2)
    return hidden, p4, scalars, edges(offsets, loops=False)


def block(last, width=6):
    torch.manual_seed(4)
    made = GroupBlock(width, 2, 0.5, last)
    torch.nn.init.uniform_(made.pair_norm.weight, 0.5, 2)
    torch.nn.init.normal_(made.pair_norm.bias)
    if not last:
        torch.nn.init.normal_(made.move[2].weight)
    return made


@pytest.mark.parametrize("last", [False, True])
def test_outputs_gradients_and_statistics_are_those_of_torch(last, monkeypatch):
    ours = block(last)
    theirs = copy.deepcopy(ours)
    hidden, p4, scalars, graph = inputs()
    found = []
    for made, possible in ((ours, None), (theirs, lambda *_: False)):
        if possible is not None:
            monkeypatch.setattr(lorentznet, "in_one_pass", possible)
        given = [values.clone().requires_grad_() for values in (hidden, p4)]
        after, moved = made(*given, scalars, graph)
        (after.square().sum() + (moved * torch.linspace(-1, 1, 4)).square().sum()).backward()
        statistics = [made.pair_norm.running_mean, made.pair_norm.running_var, made.pair_norm.num_batches_tracked]
        weights = [weight.grad for weight in made.parameters()]
        found.append([after, moved, *(values.grad for values in given), *weights, *statistics])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=CLOSE, atol=CLOSE * max(1.0, float(other.detach().abs().max())))
    monkeypatch.undo()
    with torch.inference_mode():
        results = ours.eval()(hidden, p4, scalars, graph)
    for mine, other in zip(results, ours(hidden, p4, scalars, graph), strict=True):
        torch.testing.assert_close(mine, other, rtol=CLOSE, atol=CLOSE)


def test_nothing_is_sent_in_jets_of_one_particle():
    hidden, p4, scalars, _ = inputs()
    made = block(last=False).eval()
    with torch.inference_mode():
        _, moved = made(hidden[:2], p4[:2], scalars[:2], edges(torch.tensor([0, 1, 2]), loops=False))
    assert torch.equal(moved, p4[:2])

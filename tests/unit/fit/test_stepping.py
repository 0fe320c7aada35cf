"""The cheap step is the usual one: norms and clipping, moves of AdamW to the bit, losses that know their gradient."""

import pytest
import torch
from torch import nn

from partonic.fit.stepping import Stepper, clipped, descend, with_gradient


def weights():
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in ((3, 2), (3,), (2, 3), (1,))]


@pytest.mark.parametrize("largest", [0.0, 0.5, 100.0])
def test_clipping_is_that_of_torch_to_the_bit(largest):
    ours, theirs = weights(), weights()
    for one, other in zip(ours, theirs, strict=True):
        one.grad, other.grad = torch.sin(one.detach()), torch.sin(other.detach())
    norm = nn.utils.clip_grad_norm_(theirs, largest or float("inf"))
    assert clipped([one.grad for one in ours], largest) == norm.item()
    assert all(torch.equal(one.grad, other.grad) for one, other in zip(ours, theirs, strict=True))


def test_nothing_has_no_length():
    assert clipped([], 1.0) == 0.0


@pytest.mark.parametrize("kind", ["adamw", "plain-adamw", "sgd"])
def test_moves_are_those_of_the_optimiser_to_the_bit(kind):
    """Groups of different options and factors of the rate, and a step in which one weight has no gradient."""

    def optimiser(params):
        groups = [
            {"params": params[:1], "weight_decay": 0.1},
            {"params": params[1:3], "weight_decay": 0.0, "factor": 0.5},
            {"params": params[3:], "weight_decay": 0.0},
        ]
        if kind == "sgd":
            return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
        return torch.optim.AdamW(groups, lr=0.1, fused=kind == "adamw")

    ours, theirs = weights(), weights()
    first, second = optimiser(ours), optimiser(theirs)
    stepper = Stepper(first)
    for step in range(6):
        for params, made in ((ours, first), (theirs, second)):
            for at, one in enumerate(params):
                one.grad = None if step == 3 and at == 1 else torch.sin(one.detach() + step)
            for group in made.param_groups:
                group["lr"] = 0.1 / (1 + step) * group.get("factor", 1.0)
        stepper.step()
        second.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    for one, other in zip(first.state_dict()["state"].values(), second.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("times", [1, 3])
def test_a_loss_that_comes_with_its_gradient(times):
    params = weights()
    gradient = torch.arange(sum(one.numel() for one in params), dtype=torch.float32)
    loss = with_gradient(2.5, gradient, params)
    assert loss.item() == 2.5
    flat = descend(loss if times == 1 else times * loss)
    assert (flat is None) == (times != 1)
    found = torch.cat([one.grad.flatten() for one in params])
    assert torch.equal(found, times * gradient)
    assert [one.grad.shape for one in params] == [one.shape for one in params]


def test_any_other_loss_walks_back():
    (weight, *_) = weights()
    assert descend((weight**2).sum()) is None
    assert torch.equal(weight.grad, 2 * weight.detach())

"""Gradients of ratio objectives from one compiled pass, beside automatic differentiation in double precision."""

from functools import partial

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from partonic.core.blas import one_thread
from partonic.inference.closed import WIDEST, PlainNetwork
from partonic.inference.networks import ParameterisedRatio
from partonic.inference.ratio import WITH_SCORE, objective
from partonic.objectives import ratio as objectives
from partonic.objectives.ratio import RatioBatch

METHODS = ["carl", "rolr", "alice", "cascal", "rascal", "alices"]


def network(*widths, activation=nn.SiLU, scale=1.0):
    torch.manual_seed(1)
    made = ParameterisedRatio(4, [0.3, -0.2], [2.0, 0.5], widths)
    made.standardise.learn(3 * torch.randn(100, 4) + 1)
    made.body[0] = activation()
    for at in range(1, len(made.body[1]), 2):
        made.body[1][at] = activation()
    with torch.no_grad():
        made.of_x.weight *= scale
    return made


def batch(dtype, points=1, free=False, events=150):
    """Random everything; more rows than go through the kernel together."""
    rng = np.random.default_rng(2)

    def draw(*shape):
        return torch.from_numpy(rng.normal(size=shape)).to(dtype)

    above, below = draw(points, events).exp(), draw(points, events).exp()
    theta = draw(points, events, 2)
    label, score = (draw(points, events) > 0).to(dtype), draw(points, events, 2)
    x, other = draw(events, 4), draw(points, events, 2) if free else None
    return RatioBatch(x, theta, other, above, below, label, (above / below).log(), score, torch.tensor([2.0, 0.5]))


def ordinary(method, strength=0.7):
    found = getattr(objectives, method)
    return partial(found, strength=strength) if method in WITH_SCORE else found


def flat(loss, model):
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(model.parameters()))]).double()


def check(model, method, points=1, free=False, tolerance=1e-6):
    quick = objective(method, 0.7)(model, batch(torch.float32, points, free))
    found = flat(quick, model)
    slow = ordinary(method)(model.double(), batch(torch.float64, points, free))
    expected = flat(slow, model)
    model.float()
    assert quick.item() == pytest.approx(slow.item(), rel=1e-6)
    assert torch.linalg.vector_norm(found - expected) < tolerance * torch.linalg.vector_norm(expected)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_loss_and_gradient_are_those_of_automatic_differentiation(method, free):
    for model, points in ((network(12, 16, 9), 1), (network(7, activation=nn.Tanh), 3)):
        assert PlainNetwork.of(model) is not None
        check(model, method, points, free)


@pytest.mark.parametrize("activation", [nn.SiLU, nn.Tanh])
def test_sums_far_from_zero_are_no_harm(activation):
    check(network(12, 8, activation=activation, scale=300.0), "alices")


def test_weights_may_move():
    model = network(6, 5)
    found = objective("alices", 0.7)
    before = found(model, batch(torch.float32)).item()
    with torch.no_grad():
        model.of_x.bias.data = model.of_x.bias + 1
    moved = found(model, batch(torch.float32)).item()
    assert abs(moved - before) > 1e-3
    assert moved == pytest.approx(ordinary("alices")(model, batch(torch.float32)).item(), rel=1e-6)


class Shifted(ParameterisedRatio):
    """Not what its layers say."""

    def forward(self, x, theta):
        return super().forward(x, theta) + 1


def half_frozen():
    model = network(6)
    model.of_x.weight.requires_grad = False
    return model


@pytest.mark.parametrize(
    "model",
    [
        Shifted(4, [0.0, 0.0], [1.0, 1.0], (6,)),
        network(6, activation=nn.ReLU),
        network(6).double(),
        network(WIDEST + 1),
        half_frozen(),
    ],
)
def test_other_networks_learn_the_ordinary_way(model):
    given = batch(model.of_x.weight.dtype)
    assert PlainNetwork.of(model) is None
    found, expected = objective("alices", 0.7)(model, given), ordinary("alices")(model, given)
    assert found.item() == expected.item()
    found.backward()
    assert all((one.grad is not None) == one.requires_grad for one in model.parameters())


def test_reduced_precision_is_what_it_is():
    model, given = network(6), batch(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert objective("alice")(model, given).item() == ordinary("alice")(model, given).item()


def test_matrix_products_have_one_thread_inside_and_theirs_again_afterwards():
    def threads():
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with one_thread():
            assert set(threads()) == {1}
        assert threads() == before

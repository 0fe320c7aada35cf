"""The kernel discrepancy against a slow double loop and against its closed form."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, UnknownNameError
from partonic.objectives import mmd
from partonic.objectives.mmd import Kernel, discrepancy, pair_sum

KERNELS = [Kernel((2.0,)), Kernel((0.5, 3.0, 9.0)), Kernel((2.0,), "gaussian"), Kernel((0.5, 3.0), "gaussian")]


def slow_kernel(kernel, d):
    each = {"breit-wigner": lambda s: s * s / (d * d + s * s), "gaussian": lambda s: math.exp(-d * d / (2 * s * s))}
    return sum(each[kernel.kind](s) for s in kernel.widths) / len(kernel.widths)


def slow(x, y, kernel, v, w):
    """Loops over all pairs of different events."""
    means = []
    for a, p, b, q, same in ((x, v, x, v, True), (y, w, y, w, True), (x, v, y, w, False)):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and i == j)]
        total = sum(p[i] * q[j] for i, j in pairs)
        means.append(sum(p[i] * q[j] * slow_kernel(kernel, a[i] - b[j]) for i, j in pairs) / total)
    return means[0] + means[1] - 2 * means[2]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_double_loop(kernel, weighted):
    rng = np.random.default_rng(1)
    x, y = rng.normal(80, 3, 23), rng.normal(82, 5, 31)
    v, w = (rng.uniform(-0.2, 1.5, len(one)) if weighted else np.ones(len(one)) for one in (x, y))
    tensors = [torch.from_numpy(one) for one in (x, y, v, w)]
    found = discrepancy(tensors[0], tensors[1], kernel, *(tensors[2:] if weighted else ()))
    assert found.item() == pytest.approx(slow(x, y, kernel, v, w), rel=1e-9)


def test_closed_form_of_two_normal_distributions():
    """The mean Gaussian kernel of a difference N(d, t^2) is s/sqrt(s^2 + t^2) exp(-d^2/2(s^2 + t^2))."""
    random = torch.Generator().manual_seed(2)
    x = 1.0 + 0.5 * torch.randn(2500, generator=random, dtype=torch.float64)
    y = 2.0 * torch.randn(2500, generator=random, dtype=torch.float64)
    s = 1.5

    def mean(d, variance):
        return s / math.sqrt(s**2 + variance) * math.exp(-(d**2) / (2 * (s**2 + variance)))

    exact = mean(0, 0.5) + mean(0, 8.0) - 2 * mean(1.0, 4.25)
    assert discrepancy(x, y, Kernel((s,), "gaussian")).item() == pytest.approx(exact, rel=0.05)


def test_no_bias_for_equal_distributions():
    random = torch.Generator().manual_seed(3)
    draws = torch.randn(2, 300, 40, generator=random)
    values = torch.stack([discrepancy(x, y, KERNELS[0]) for x, y in draws.transpose(0, 1)])
    assert abs(values.mean().item()) < 3 * values.std().item() / math.sqrt(300)
    assert values.min() < 0


def test_weights_are_repetitions_across_the_samples():
    x, y = torch.tensor([1.0, 4.0, 6.0]), torch.tensor([2.0, 3.0])
    kernel = KERNELS[1]
    v = torch.tensor([2.0, 1.0, 3.0])
    repeated = discrepancy(x.repeat_interleave(v.long()), y, kernel)
    weighted = discrepancy(x, y, kernel, v)

    def within(values, weight):
        matrix = kernel(values[:, None] - values[None])
        total, own = weight.sum() ** 2, (weight**2).sum()
        return (weight @ matrix @ weight - own) / (total - own)

    own = within(x.repeat_interleave(v.long()), torch.ones(6)) - within(x, v)
    assert (repeated - own).item() == pytest.approx(weighted.item(), rel=1e-5)


def test_its_gradient_narrows_a_peak():
    random = torch.Generator().manual_seed(4)
    truth = 80 + 2 * torch.randn(400, generator=random)
    noise = torch.randn(400, generator=random)
    width = torch.tensor(15.0, requires_grad=True)
    discrepancy(80 + width * noise, truth, Kernel((2.0, 8.0, 32.0))).backward()
    assert width.grad > 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_its_derivative_is_that_of_finite_differences(kernel, monkeypatch):
    monkeypatch.setattr(mmd, "ROWS", 4)
    random = torch.Generator().manual_seed(6)
    x, y, v, w = (torch.rand(n, generator=random, dtype=torch.float64) for n in (10, 7, 10, 7))
    sizes = [4.0 * x, 4.0 * y]
    assert torch.autograd.gradcheck(lambda a, b: pair_sum(a, b, v, w, kernel), [one.requires_grad_() for one in sizes])
    assert torch.autograd.gradcheck(lambda a: discrepancy(a, sizes[1].detach(), kernel, v, w), [sizes[0]])


@pytest.mark.parametrize("widths", [(), (0.0,), (1.0, -2.0), (math.nan,), (math.inf,)])
def test_widths_must_be_above_zero(widths):
    with pytest.raises(InputError, match="widths above 0"):
        Kernel(widths)


def test_unknown_kernels_name_the_nearest():
    with pytest.raises(UnknownNameError, match="breit-wigner"):
        Kernel((1.0,), "breit-wiegner")

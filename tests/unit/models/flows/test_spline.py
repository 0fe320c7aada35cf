"""The spline: inverse, derivatives against autograd, kernels against plain tensors, bounds, wrong shapes."""

import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.flows.spline import plain_spline, spline


def drawn(seed, n=400, dim=3, bins=10, size=1.5):
    gen = torch.Generator().manual_seed(seed)
    x = torch.rand(n, dim, generator=gen, dtype=torch.float64)
    return x, size * torch.randn(n, dim, 3 * bins + 1, generator=gen, dtype=torch.float64)


@pytest.mark.parametrize("bins", [2, 5, 16])
def test_the_inverse_gives_back_what_went_in(bins):
    x, free = drawn(0, bins=bins)
    y, log = spline(x, free)
    again, back = spline(y, free, inverse=True)
    assert (again - x).abs().max() < 1e-10
    assert (log + back).abs().max() < 1e-7


@pytest.mark.parametrize("inverse", [False, True])
def test_the_logarithm_is_that_of_the_derivative(inverse):
    x, free = drawn(1)
    x.requires_grad_()
    y, log = plain_spline(x, free, inverse=inverse)
    slope = torch.autograd.grad(y.sum(), x)[0]
    assert torch.allclose(slope.log(), log, atol=1e-7)


@pytest.mark.parametrize("inverse", [False, True])
def test_kernels_agree_with_plain_tensors(inverse):
    x, free = (part.requires_grad_() for part in drawn(2))
    fast, plain = spline(x, free, inverse=inverse), plain_spline(x, free, inverse=inverse)
    for a, b in zip(fast, plain, strict=True):
        assert torch.allclose(a, b, atol=1e-9)
    mix = [torch.randn(x.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64) for k in (0, 1)]
    ours, theirs = (
        torch.autograd.grad(sum((part * c).sum() for part, c in zip(both, mix, strict=True)), (x, free))
        for both in (fast, plain)
    )
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-7, rtol=1e-6)


def test_zero_parameters_are_the_identity():
    x, free = drawn(3)
    y, log = spline(x, torch.zeros_like(free))
    assert (y - x).abs().max() < 1e-14
    assert log.abs().max() < 1e-12


@pytest.mark.parametrize("inverse", [False, True])
def test_values_stay_in_the_interval_and_rise(inverse):
    _, free = drawn(4, n=1, dim=1, size=20.0)
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    y, log = spline(x, free.expand(2001, 1, -1).contiguous(), inverse=inverse)
    assert float(y[0]) == pytest.approx(0, abs=1e-12)
    assert float(y[-1]) == pytest.approx(1, abs=1e-9)
    assert bool((y[1:] >= y[:-1]).all())
    assert bool(torch.isfinite(log).all())


@pytest.mark.parametrize(
    ("shape", "said"), [((4, 2, 6), "3K \\+ 1"), ((4, 2, 8), "3K \\+ 1"), ((4, 3, 7), "do not fit")]
)
def test_wrong_shapes_are_refused(shape, said):
    with pytest.raises(InputError, match=said):
        spline(torch.rand(4, 2), torch.zeros(shape))

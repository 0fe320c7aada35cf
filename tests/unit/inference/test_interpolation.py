"""Interpolation codes: their anchors, smoothness, and what pyhf finds."""

import numpy as np
import pytest
import torch

from partonic.inference.interpolation import additive, multiplicative

ALPHA = torch.tensor([[-2.3, -1.0, -0.4, 0.0, 0.7, 1.0, 1.9]], dtype=torch.float64)


def column(value):
    return torch.tensor([[value]], dtype=torch.float64)


@pytest.mark.parametrize("code", ["code0", "code2", "code4p"])
def test_shapes_go_through_their_anchors(code):
    value = additive(code, ALPHA, column(-3.0), column(5.0))[0][0]
    np.testing.assert_allclose(value[[1, 3, 5]], [-3, 0, 5], atol=1e-12)
    beyond = additive(code, column(1.0 + 1e-9), column(-3.0), column(5.0))[0]
    assert abs(float(beyond) - 5) < 1e-7


@pytest.mark.parametrize("code", ["code1", "code4"])
def test_factors_go_through_their_anchors(code):
    value = multiplicative(code, ALPHA, column(0.8), column(1.3))[0][0]
    np.testing.assert_allclose(value[[0, 1, 3, 5, 6]], [0.8**2.3, 0.8, 1, 1.3, 1.3**1.9], atol=1e-12)


@pytest.mark.parametrize(("code", "function"), [("code4p", additive), ("code4", multiplicative)])
def test_smooth_codes_have_continuous_second_derivatives(code, function):
    low, high = (column(-3.0), column(5.0)) if function is additive else (column(0.8), column(1.3))
    for edge in (-1.0, 1.0):
        inside, outside = (function(code, column(edge + step), low, high) for step in (-1e-9, 1e-9))
        for one, other in zip(inside, outside, strict=True):
            assert abs(float(one) - float(other)) < 1e-6


@pytest.mark.parametrize(
    ("code", "function"),
    [
        ("code0", additive),
        ("code2", additive),
        ("code4p", additive),
        ("code1", multiplicative),
        ("code4", multiplicative),
    ],
)
def test_derivatives_are_those_of_autograd(code, function):
    low, high = (column(-3.0), column(5.0)) if function is additive else (column(0.8), column(1.3))
    for value in (-1.7, -0.6, 0.3, 1.4):
        alpha = column(value).requires_grad_()
        found = function(code, alpha, low, high)
        (first,) = torch.autograd.grad(found[0], alpha, create_graph=True)
        (second,) = torch.autograd.grad(first, alpha, allow_unused=True) if first.requires_grad else (None,)
        assert abs(float(first.detach()) - float(found[1].detach())) < 1e-10
        assert abs((float(second.detach()) if second is not None else 0.0) - float(found[2].detach())) < 1e-9


@pytest.mark.parametrize(
    ("code", "function"),
    [("code0", additive), ("code4p", additive), ("code1", multiplicative), ("code4", multiplicative)],
)
def test_pyhf_interpolates_alike(code, function):
    interpolators = pytest.importorskip("pyhf.interpolators")
    histograms = [[[[7.0], [10.0], [15.0]]]]
    codes = getattr(interpolators, code)(histograms, subscribe=False)
    theirs = np.asarray(codes(ALPHA.numpy()))[0, 0, :, 0]
    low, high = (column(-3.0), column(5.0)) if function is additive else (column(0.7), column(1.5))
    np.testing.assert_allclose(function(code, ALPHA, low, high)[0][0], theirs, rtol=1e-12)

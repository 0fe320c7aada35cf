"""Dropout by hashed bytes: rates, scale, independence, the same mask backwards."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.dropout import ByteDropout


def test_evaluation_changes_nothing():
    values = torch.randn(100)
    assert ByteDropout(0.3).eval()(values) is values
    assert ByteDropout(0.0).train()(values) is values


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_rate_and_mean(probability):
    torch.manual_seed(1)
    n = 1_000_003
    out = ByteDropout(probability).train()(torch.ones(n))
    exact = round(probability * 256) / 256
    error = np.sqrt(exact * (1 - exact) / n)
    assert abs(float((out == 0).double().mean()) - exact) < 4 * error
    assert float(out.max()) == pytest.approx(1 / (1 - exact))
    assert abs(float(out.double().mean()) - 1) < 4 * error / (1 - exact)


def test_places_and_calls_are_independent():
    torch.manual_seed(2)
    dropout, n = ByteDropout(0.5).train(), 400_000
    one, two = (2 * (dropout(torch.ones(n)) == 0).double() - 1 for _ in range(2))
    limit = 4.5 / np.sqrt(n)
    assert abs(float((one * two).mean())) < limit
    for lag in (1, 2, 7, 8, 64, 512, 4096, 8192):
        assert abs(float((one[lag:] * one[:-lag]).mean())) < limit


def test_gradient_has_the_same_mask_and_a_seed_repeats_it():
    dropout, values = ByteDropout(0.2).train(), torch.randn(5, 7, 3, requires_grad=True)
    torch.manual_seed(5)
    out = dropout(values)
    out.sum().backward()
    assert torch.allclose(values.grad * values, out)
    torch.manual_seed(5)
    assert torch.equal(dropout(values), out)
    assert not torch.equal(dropout(values), out)


def test_double_precision_works_too():
    out = ByteDropout(0.5).train()(torch.ones(1000, dtype=torch.float64))
    assert set(out.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("probability", [-0.1, 1.0, 2])
def test_a_probability_out_of_range(probability):
    with pytest.raises(InputError, match="probability of dropout"):
        ByteDropout(probability)

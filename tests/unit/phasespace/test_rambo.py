"""Flat momenta: conservation, inverse, and the spectra that phase space has in closed form."""

import math

import pytest
import torch
from scipy import stats

from partonic.core.errors import InputError
from partonic.phasespace import rambo


def momenta(n, points=4000):
    u = torch.rand(points, 3 * n - 4, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    return u, rambo.forward(u, 100.0)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_momenta_are_massless_conserved_and_invertible(n):
    u, p = momenta(n)
    total = torch.tensor([100.0, 0, 0, 0], dtype=torch.float64).expand(len(u), 4)
    torch.testing.assert_close(p.sum(1), total, rtol=0, atol=1e-9)
    assert float((p[..., 0] - p[..., 1:].norm(dim=-1)).abs().max()) < 1e-9
    torch.testing.assert_close(rambo.inverse(p), u, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_energies_follow_the_beta_distribution(n):
    """In flat massless phase space 2E / sqrt(s) of every particle has the density x (1 - x)^(n - 3)."""
    _, p = momenta(n)
    for i in range(n):
        assert stats.kstest((p[:, i, 0] / 50).numpy(), stats.beta(2, n - 2).cdf).pvalue > 1e-4
        assert stats.kstest((p[:, i, 3] / p[:, i, 0]).numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-4


def test_volumes():
    assert rambo.volume(2, 91.0) == pytest.approx(1 / (8 * math.pi))
    assert rambo.volume(3, 10.0) == pytest.approx(100 / (256 * math.pi**3))


def test_a_wrong_number_of_columns_is_refused():
    with pytest.raises(InputError, match="3n - 4"):
        rambo.forward(torch.rand(5, 4), 10.0)
    with pytest.raises(InputError, match="2 particles"):
        rambo.volume(1, 10.0)

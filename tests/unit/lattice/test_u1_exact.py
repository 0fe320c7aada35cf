"""Exact sums of the U(1) theory beside known values, a direct integral and the infinite lattice."""

import numpy as np
import pytest
from scipy.special import ive

from partonic.core.errors import InputError
from partonic.lattice.u1_exact import charge_squared, plaquette, wilson_loop

# 8 x 8 lattice, computed independently: beta, squared charge, plaquette
KNOWN = [
    (1, 2.6007, 0.44639),
    (2, 1.2393, 0.69777),
    (3, 0.7078, 0.80999),
    (4, 0.4820, 0.86353),
    (5, 0.3607, 0.89342),
    (6, 0.2792, 0.91245),
    (7, 0.2171, 0.92570),
]


@pytest.mark.parametrize(("beta", "charge", "mean"), KNOWN)
def test_known_values(beta, charge, mean):
    assert charge_squared(beta, 8) == pytest.approx(charge, abs=1e-4)
    assert plaquette(beta, 8) == pytest.approx(mean, abs=1e-5)


def test_two_by_two_by_brute_force():
    """Three free plaquettes on a grid; the fourth closes the torus."""
    beta, n = 1.3, 60
    grid = 2 * np.pi * (np.arange(n) + 0.5) / n - np.pi
    a, b, c = np.meshgrid(grid, grid, grid, indexing="ij")
    last = -(a + b + c)
    weight = np.exp(beta * (np.cos(a) + np.cos(b) + np.cos(c) + np.cos(last)))
    wrapped = (last + np.pi) % (2 * np.pi) - np.pi
    charge = np.round((a + b + c + wrapped) / (2 * np.pi))
    assert plaquette(beta, 2) == pytest.approx(float((weight * np.cos(a)).sum() / weight.sum()), rel=1e-10)
    assert charge_squared(beta, 2) == pytest.approx(float((weight * charge**2).sum() / weight.sum()), rel=2e-3)


def test_large_lattices_do_not_overflow():
    assert plaquette(7.0, 16) == pytest.approx(float(ive(1, 7.0) / ive(0, 7.0)), rel=1e-3)
    assert charge_squared(5.0, 16) == pytest.approx(4 * charge_squared(5.0, 8), rel=0.05)
    assert np.isfinite(charge_squared(50.0, 16))
    assert wilson_loop(2.0, 3) == pytest.approx(plaquette(2.0, 32) ** 3, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plaquette(0.0, 8), "beta must be above 0"),
        (lambda: charge_squared(1.0, 1), "2 sites or more"),
        (lambda: wilson_loop(1.0, 0), "1 plaquette or more"),
    ],
)
def test_bad_numbers(call, said):
    with pytest.raises(InputError, match=said):
        call()

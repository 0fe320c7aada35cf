"""Exact sums of the U(1) theory beside known values, a direct integral and the infinite lattice."""

import numpy as np
import pytest
from scipy.special import ive

from partonic.core.errors import InputError
from partonic.lattice.u1_exact import (
    charge_shares,
    charge_squared,
    log_partition,
    plaquette,
    sine_correlation,
    wilson_loop,
)

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
    for area, angle in ((1, a), (2, a + b), (3, a + b + c)):
        exact = float((weight * np.cos(angle)).sum() / weight.sum())
        assert wilson_loop(beta, area, 2) == pytest.approx(exact, rel=1e-10)
    same, other = sine_correlation(beta, 2)
    assert same == pytest.approx(float((weight * np.sin(a) ** 2).sum() / weight.sum()), rel=1e-10)
    assert other == pytest.approx(float((weight * np.sin(a) * np.sin(b)).sum() / weight.sum()), rel=1e-10)
    volume = 8 * np.log(2 * np.pi)  # of the links; the mean over three plaquettes is that over all links
    assert log_partition(beta, 2) == pytest.approx(float(np.log(weight.mean())) + volume, rel=1e-10)
    shares = charge_shares(beta, 2, 1)
    assert shares[2] == pytest.approx(float(weight[charge == 1].sum() / weight.sum()), rel=5e-3)


@pytest.mark.parametrize(("beta", "side"), [(0.3, 4), (2.0, 8), (7.0, 16)])
def test_probabilities_of_charges(beta, side):
    most = min(side**2 // 2, 30)
    shares, charges = charge_shares(beta, side, most), np.arange(-most, most + 1)
    assert shares.min() > -1e-12
    assert shares.sum() == pytest.approx(1, abs=1e-9)
    assert (shares * charges**2).sum() == pytest.approx(charge_squared(beta, side), rel=1e-7)


def test_large_lattices_do_not_overflow():
    assert plaquette(7.0, 16) == pytest.approx(float(ive(1, 7.0) / ive(0, 7.0)), rel=1e-3)
    assert charge_squared(5.0, 16) == pytest.approx(4 * charge_squared(5.0, 8), rel=0.05)
    assert np.isfinite(charge_squared(50.0, 16))
    assert wilson_loop(2.0, 3) == pytest.approx(plaquette(2.0, 32) ** 3, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plaquette(0.0, 8), "beta must be above 0"),
        (lambda: plaquette(1e5, 8), "at most 1000, where the sums still converge"),
        (lambda: charge_squared(1.0, 1), "2 sites or more"),
        (lambda: wilson_loop(1.0, 0), "1 plaquette or more"),
        (lambda: wilson_loop(1.0, 5, 2), "fits the lattice"),
        (lambda: charge_shares(1.0, 2, 3), "charges on this lattice are 0 to 2"),
    ],
)
def test_bad_numbers(call, said):
    with pytest.raises(InputError, match=said):
        call()

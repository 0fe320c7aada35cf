"""Top quark pairs: on shell, balanced, and with the peaks that the masses and widths ask for."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.simulators.top_pairs import (
    ANTITOP,
    MASSES,
    TOP,
    TOP_MASS,
    W_MASS,
    W_MINUS,
    W_PLUS,
    W_WIDTH,
    top_pairs,
)

pytest.importorskip("pythia8mc")


@pytest.fixture(scope="module")
def quarks():
    return top_pairs(6000, seed=3)


def mass(p4):
    return np.sqrt(np.maximum(p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(axis=1), 0))


def test_quarks_are_on_shell_and_balanced(quarks):
    for k, expected in enumerate(MASSES):
        assert np.abs(quarks[:, k, 0] ** 2 - (quarks[:, k, 1:] ** 2).sum(axis=1) - expected**2).max() < 1e-3
    assert np.abs(quarks.sum(axis=1)[:, 1:3]).max() < 1e-6


@pytest.mark.parametrize(("parts", "m", "width"), [(W_PLUS, W_MASS, W_WIDTH), (W_MINUS, W_MASS, W_WIDTH)])
def test_masses_of_w_bosons_have_the_quartiles_of_their_distribution(quarks, parts, m, width):
    """Three quarters of a Breit-Wigner lie within 1.21 widths of the peak, one half within 0.5."""
    found = mass(quarks[:, parts].sum(axis=1))
    for share, reach in ((0.5, 0.5), (0.75, 1.207)):
        inside = np.mean(np.abs(found - m) < reach * width)
        assert inside == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(found)) + 0.02)


@pytest.mark.parametrize("parts", [TOP, ANTITOP])
def test_tops_peak_at_their_mass(quarks, parts):
    first, middle, last = np.quantile(mass(quarks[:, parts].sum(axis=1)), [0.25, 0.5, 0.75])
    assert middle == pytest.approx(TOP_MASS, abs=0.15)
    assert 1.2 < last - first < 1.6


def test_a_larger_sample_begins_with_a_smaller_one(quarks):
    assert np.array_equal(top_pairs(50, seed=3), quarks[:50])
    assert not np.array_equal(top_pairs(50, seed=4), quarks[:50])


@pytest.mark.parametrize(("changes", "said"), [({"n": 0}, "1 or more"), ({"energy": 300.0}, "no top quark pairs")])
def test_bad_input(changes, said):
    with pytest.raises(InputError, match=said):
        top_pairs(**{"n": 10, **changes})

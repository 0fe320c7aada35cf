"""The peak of a Breit-Wigner has its known numbers, and their errors are their spread."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.peak import Resonance, peak

Z = Resonance("m", 91.19, 2.5)


def test_a_breit_wigner():
    rng = np.random.default_rng(1)
    found = peak(91.19 + 1.25 * rng.standard_cauchy(20_000), Z)
    assert abs(found.median.value - 91.19) < 4 * found.median.error
    assert abs(found.quartiles.value - 2.5) < 4 * found.quartiles.error < 0.2
    assert abs(found.inside.value - 2 / np.pi * np.arctan(4)) < 4 * found.inside.error
    assert abs(found.half_maximum.value - 1.056 * 2.5) < 4 * found.half_maximum.error < 0.4


def test_errors_are_the_spread():
    rng = np.random.default_rng(2)
    found = [peak(91.19 + 1.25 * rng.standard_cauchy(400), Z, seed=i) for i in range(60)]
    for name in ("median", "quartiles", "inside"):
        every = [getattr(one, name) for one in found]
        assert np.std([one.value for one in every]) == pytest.approx(np.mean([one.error for one in every]), rel=0.35)


def test_weights_take_a_background_away():
    rng = np.random.default_rng(3)
    masses = np.concatenate([91.19 + 1.25 * rng.standard_cauchy(3_000), rng.uniform(60, 120, 3_000)])
    alone = peak(masses, Z, np.repeat([1.0, 0.0], 3_000))
    assert alone.quartiles.value == pytest.approx(2.5, abs=4 * alone.quartiles.error)
    assert peak(masses, Z).quartiles.value > 5
    assert peak(masses, Z).inside.value == pytest.approx(0.5 * (0.844 + 10 / 60), abs=0.03)


def test_no_peak_and_unfit_masses():
    far = peak(np.linspace(10, 20, 50), Z)
    assert np.isnan(far.half_maximum.value)
    assert far.half_maximum.note == "there is no peak near the mass of the resonance"
    assert far.inside.value == 0
    with pytest.raises(InputError, match="20 masses or more"):
        peak([91.0], Z)
    with pytest.raises(InputError, match="the mass of event 3 is not finite"):
        peak(np.where(np.arange(30) == 3, np.nan, 91.0), Z)
    with pytest.raises(InputError, match="the weights of the mass sample sum to 0"):
        peak(np.linspace(80, 100, 30), Z, np.zeros(30))
    with pytest.raises(InputError, match="a mass and a width above 0"):
        Resonance("m", 91.19, 0.0)

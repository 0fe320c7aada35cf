"""The recipe learning-under-uncertainty: its options, its samples, and its truth."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.recipes.learning_under_uncertainty import MU, NU, WAYS, LearningUnderUncertainty, _covered
from partonic.simulators.gaussian_nuisance import GaussianNuisance

RECIPE = LearningUnderUncertainty(train=20_000)


def test_what_does_not_fit_the_range_is_refused():
    with pytest.raises(InputError, match="does not fit the range of the training"):
        LearningUnderUncertainty(events=2)
    for shift in (0.9, 0.0, float("nan")):
        with pytest.raises(InputError, match=f"shift must be above 0 and at most 0.35, not {shift}"):
            LearningUnderUncertainty(shift=shift)
    with pytest.raises(InputError, match="train must be 1000 or more"):
        LearningUnderUncertainty(train=10)


@pytest.mark.parametrize("way", WAYS)
def test_samples_are_what_each_way_may_know(way):
    sample = RECIPE._sample(way, GaussianNuisance(RECIPE.shift), np.random.default_rng(0))
    assert sample.theta.shape == (20_000, 2 if way == "profiled" else 1)
    numerator, x = sample.label == 1, sample.x[:, 0]
    mean = sample.theta[:, 0] + (RECIPE.shift * sample.theta[:, 1] if way == "profiled" else 0)
    spread = 1 + RECIPE.shift**2 if way == "smeared" else 1.0
    assert np.var(x[numerator] - mean[numerator]) == pytest.approx(spread, abs=0.05)
    assert np.mean(x[numerator] - mean[numerator]) == pytest.approx(0, abs=0.05)
    assert np.var(x[~numerator]) == pytest.approx(spread, abs=0.05)


def test_exact_ratios_give_exact_intervals_and_coverage():
    x = np.random.default_rng(1).normal(size=20_000)
    x = (x - x.mean()) / x.std()
    axes = (np.linspace(-MU, MU, 33), np.linspace(-NU, NU, 33))
    plane = RECIPE._plane("profiled", RECIPE._log_ratio, axes, x)
    low, high = plane.along(0).interval(0.6826894921)
    assert (low.value, high.value) == pytest.approx((-RECIPE.exact_width, RECIPE.exact_width), rel=2e-3)
    known = RECIPE._exact(axes[0], known=True).interval(0.6826894921)[1]
    assert known.value == pytest.approx(1 / np.sqrt(RECIPE.events), rel=2e-3)
    recipe = LearningUnderUncertainty(toys=30)
    toys = recipe._toys(GaussianNuisance(recipe.shift))
    found = recipe._coverage("profiled", recipe._log_ratio, axes, toys)
    assert [value.value for value in found] == [
        value.value for value in recipe._exact_coverage(GaussianNuisance(recipe.shift), toys)
    ]
    blind = recipe._coverage("blind", lambda x, t: recipe._log_ratio(x, np.column_stack([t, 0 * t])), axes, toys)
    assert sum(value.value for value in blind) < sum(value.value for value in found)


def test_shares_count_what_is_inside():
    assert [value.value for value in _covered(np.array([0.0, 100.0]))] == [0.5] * 6

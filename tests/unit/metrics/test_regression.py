"""Median and width of ratios."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.regression import resolution


def test_a_gaussian_has_its_mean_and_its_standard_deviation():
    values = 0.98 + 0.07 * np.random.default_rng(2).standard_normal(4_000)
    found = resolution(values)
    assert found.median.value == pytest.approx(0.98, abs=4 * found.median.error)
    assert found.spread.value == pytest.approx(0.07, abs=4 * found.spread.error)
    # The error of a median is 1.25 sigma over the root of n.
    assert found.median.error == pytest.approx(1.2533 * 0.07 / np.sqrt(4_000), rel=0.25)
    tails = np.concatenate([values, [50.0, -50.0]])
    assert resolution(tails).spread.value == pytest.approx(found.spread.value, rel=0.02)


@pytest.mark.parametrize(("values", "said"), [([1.0], "two ratios or more"), ([1.0, np.nan], "1 of the 2 ratios")])
def test_what_has_no_width_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        resolution(values)

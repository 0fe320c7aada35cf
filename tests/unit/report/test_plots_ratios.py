"""The figure of learned ratios beside exact ones."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.report.plots_ratios import agreement


def test_a_ratio_that_is_off_by_a_constant_is_drawn_there():
    truth = np.random.default_rng(0).normal(size=1000)
    figure = agreement(truth, {"good": truth, "bad": truth + 0.5})
    good, bad = (line.get_ydata() for line in figure.axes[0].get_lines()[:2])
    np.testing.assert_allclose(good, 0, atol=1e-12)
    np.testing.assert_allclose(bad, 0.5)


def test_only_ratios_that_occur_in_both_densities_are_drawn():
    truth = np.linspace(-50, 50, 2000)
    line = agreement(truth, {"a": truth}).axes[0].get_lines()[0]
    assert np.abs(line.get_xdata()).max() < 8
    with pytest.raises(InputError, match="0 events have an exact ln r between -8 and 8"):
        agreement(truth + 100, {"a": truth})


@pytest.mark.parametrize("learned", [{}, {"a": np.zeros(99)}])
def test_what_cannot_be_drawn(learned):
    with pytest.raises(InputError, match="25 events or more"):
        agreement(np.zeros(100), learned)

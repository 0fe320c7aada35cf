"""Figures of showers show what they are given."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.report.plots_showers import ShowerCurve, mean_showers, shower_curves


def test_mean_showers_are_energies_a_volume():
    depths, radii = np.array([0.0, 2.0, 4.0]), np.array([0.0, 1.0, 3.0])
    mean = np.zeros((2, 2, 4))
    mean[1, 0] = 3.0
    figure = mean_showers({"simulator": mean, "flow": 2 * mean}, depths, radii)
    along = figure.axes[0].collections[0].get_array().reshape(2, 2)
    assert along[0, 1] == pytest.approx(12.0 / (2.0 * np.pi))
    assert [panel.get_title(loc="left") for panel in figure.axes[:2]] == ["simulator", "flow"]
    with pytest.raises(InputError, match="2 layers and 2 rings do not fit"):
        mean_showers({"flow": mean[:1]}, depths, radii)


def test_curves_have_their_ratio_below():
    x = np.arange(3.0)
    one, error = np.array([1.0, 2.0, 4.0]), np.full(3, 0.1)
    figure = shower_curves([ShowerCurve(x, (one, error), {"flow": (1.5 * one, error)}, "Layer", "Share")])
    above, below = figure.axes[:2]
    np.testing.assert_allclose(below.containers[0].lines[0].get_ydata(), 1.5)
    np.testing.assert_allclose(above.lines[0].get_ydata(), one)
    with pytest.raises(InputError, match="needs one at least"):
        shower_curves([])
    with pytest.raises(InputError, match="arrays of one length"):
        shower_curves([ShowerCurve(x, (one[:2], error), {}, "Layer", "Share")])

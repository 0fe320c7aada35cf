"""Figures of limits: contours where the statistic says, ellipses of the matrices, scatter of ratios."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.inference.fisher import Information
from partonic.inference.limits import Scan
from partonic.report.plots_inference import contours, ellipses, ratios

AXIS = np.linspace(-1, 1, 21)


def round_scan(curvature):
    one, two = np.meshgrid(AXIS, AXIS, indexing="ij")
    return Scan((AXIS, AXIS), curvature * (one**2 + two**2), np.zeros((0, 21, 21)))


def paths(panel):
    """Corners of the borders in a panel, one array a method."""
    return [np.concatenate([p.vertices for p in drawn.get_paths()]) for drawn in panel.collections]


def test_contours_lie_where_the_statistic_says():
    figure = contours({"truth": round_scan(20.0), "wide": round_scan(10.0)}, (0.68, 0.95), ("a", "b"), point=(0, 0))
    panels = figure.axes
    assert len(panels) == 2
    for panel, cut in zip(panels, (-2 * np.log(0.32), -2 * np.log(0.05)), strict=True):
        for border, curvature in zip(paths(panel), (20.0, 10.0), strict=True):
            np.testing.assert_allclose(np.hypot(*border.T), np.sqrt(cut / curvature), rtol=2e-3)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "wide"]


def test_a_region_without_a_border_is_left_out():
    figure = contours({"truth": round_scan(20.0), "flat": round_scan(0.1)}, (0.95,), ("a", "b"), point=(0, 0))
    assert len(paths(figure.axes[0])) == 1


def test_ellipses_have_the_axes_of_the_matrix():
    matrix = Information(np.diag([4.0, 25.0]), np.zeros((0, 2, 2)), ("a", "b"))
    border = ellipses({"truth": matrix}, ("a", "b"), point=(0.1, 0.0)).axes[0].lines[0].get_xydata()
    half = np.ptp(border, axis=0) / 2
    np.testing.assert_allclose(half, np.sqrt(-2 * np.log(1 - 0.6826894921)) / [2, 5], rtol=1e-3)
    np.testing.assert_allclose((border.max(axis=0) + border.min(axis=0)) / 2, [0.1, 0.0], atol=1e-3)


def test_ratios_are_drawn_against_the_exact_ones():
    exact = np.linspace(-1, 1, 50)
    panels = ratios(exact, {"good": exact, "bad": -exact}, at="(1, 0)").axes
    np.testing.assert_allclose(panels[1].lines[1].get_ydata(), -exact)
    assert "(1, 0)" in panels[0].get_xlabel()


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match="contours"):
        contours({}, (0.95,), ("a", "b"), point=(0, 0))
    with pytest.raises(InputError, match="information"):
        ellipses({}, ("a", "b"), point=(0, 0))
    with pytest.raises(InputError, match="ratios"):
        ratios(np.zeros(0), {"x": np.zeros(0)}, at="0")

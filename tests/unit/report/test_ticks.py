import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import AutoMinorLocator, LogFormatter

from partonic.report.style import RC, canvas
from partonic.report.ticks import bundle_minor, without_minor


def pixels(figure):
    """What is seen, (height, width, 4)."""
    page = FigureCanvasAgg(figure)
    page.draw()
    return np.asarray(page.buffer_rgba()).astype(int)


@pytest.fixture
def panels():
    """Maker of a figure with linear, logarithmic, shared and labelled axes, placed."""

    def make():
        with mpl.rc_context(RC):
            figure, axes = canvas(2, 2, share_x=True)
            axes[0, 0].plot([0, 7.3], [1e-3, 40])
            axes[0, 0].set_yscale("log")
            axes[1, 0].plot([0, 7.3], [-3, 3])
            axes[0, 1].plot([2, 3], [2.1, 3.4])
            axes[0, 1].set_yscale("log")
            axes[0, 1].yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(np.inf, np.inf)))
            figure.colorbar(axes[1, 1].imshow([[0, 1], [2, 3]]), ax=axes[1, 1])
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        return figure

    return make


def test_bundled_ticks_look_the_same(panels):
    with mpl.rc_context(RC):
        before, figure = pixels(panels()), panels()
        bundle_minor(figure)
        assert len(figure.axes[0].lines) == 5  # the curve, and two sides of two axes
        assert np.abs(pixels(figure) - before).max() <= 1
        for line in figure.axes[0].lines[1:]:
            line.set_visible(False)
        assert np.abs(pixels(figure) - before).max() > 100


def test_labelled_ticks_stay(panels):
    with mpl.rc_context(RC):
        figure = panels()
        labels = figure.axes[1].yaxis.get_minorticklabels()
        bundle_minor(figure)
        assert any(label.get_text() for label in labels)
        assert len(figure.axes[1].yaxis.get_minor_ticks()) > 3
        assert not figure.axes[0].yaxis.get_minorticklocs().size


def test_places_are_found_without_small_ticks(panels):
    figure = panels()
    axis, shared = figure.axes[0].xaxis, figure.axes[2].xaxis
    with without_minor(figure):
        assert not axis.get_minorticklocs().size
        assert figure.axes[0].yaxis.get_minorticklocs().size
    assert isinstance(axis.get_minor_locator(), AutoMinorLocator)
    np.testing.assert_array_equal(axis.get_minorticklocs(), shared.get_minorticklocs())

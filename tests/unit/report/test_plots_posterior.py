"""Figures of posteriors."""

import numpy as np

from partonic.report.plots_posterior import ranks


def test_all_panels_of_ranks_show_their_highest_bins():
    flat, peaked = np.full((2, 5), 20), np.array([[5, 5, 80, 5, 5]] * 2)
    figure = ranks({"NPE": flat, "NRE": peaked})
    assert min(ax.get_ylim()[1] for ax in figure.axes) >= 80
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["theta 1", "theta 2"]

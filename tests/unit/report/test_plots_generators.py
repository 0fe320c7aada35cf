"""Figures of several generators: what they hold, and what cannot be drawn."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.report.plots_generators import band_beside_truth, generators_beside_truth
from partonic.report.plots_jets import Observable


def test_each_quantity_has_a_panel_and_each_generator_a_line():
    rng = generator(1)
    truth = rng.normal(size=(400, 2))
    observables = [Observable("x", truth[:, 0]), Observable("y", truth[:, 1], log=True)]
    figure = generators_beside_truth(observables, {"flow": truth + 0.1, "diffusion": truth})
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "flow", "diffusion"]
    ratios = figure.axes[2].patches[-1].get_data().values  # of the last generator, which is the truth itself
    assert np.nanmax(abs(ratios - 1)) < 1e-12
    with pytest.raises(InputError, match="no generator to draw"):
        generators_beside_truth(observables, {})
    with pytest.raises(InputError, match=r"'flow' needs values of the shape \(n, 2\), not \(400,\)"):
        generators_beside_truth(observables, {"flow": truth[:, 0]})


def test_a_band_needs_as_many_bins_as_the_truth():
    edges, share = np.array([0.0, 1.0, 3.0]), np.array([0.25, 0.75])
    figure = band_beside_truth(edges, share, 0.1 * share, np.array([24.0, 76.0]), 100, "x")
    assert figure.axes[1].get_ylabel() == "over truth"
    with pytest.raises(InputError, match="2 bins do not fit 2 shares and 3 true counts"):
        band_beside_truth(edges, share, share, np.ones(3), 100, "x")

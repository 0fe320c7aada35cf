import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.report.plots_clouds import Matched, jets_beside_truth
from partonic.report.plots_jets import Observable


def test_ratios_of_generated_jets_to_the_weighted_truth():
    """Truth: 100 jets of weight 1 in the first bin, 100 of weight 3 in the second; generated: 100 in each."""
    truth = np.repeat([0.5, 1.5], 100)
    matched = Matched(Observable("x", truth, np.array([0.0, 1, 2])), truth, np.repeat([1.0, 3.0], 100))
    figure = jets_beside_truth([matched])
    main, below = figure.axes
    points = below.lines[1].get_ydata()
    np.testing.assert_allclose(points, [0.5 / 0.25, 0.5 / 0.75])
    assert main.get_ylabel() == "Density"
    assert below.get_xlabel() == "x"


def test_panels_of_seven_quantities():
    values = np.random.default_rng(1).random(50)
    figure = jets_beside_truth([Matched(Observable(str(i), values, log=i == 3), values) for i in range(7)])
    assert len(figure.axes) == 14
    assert [axes.get_yscale() for axes in figure.axes].count("log") == 1


def test_what_cannot_be_drawn():
    with pytest.raises(InputError, match="no quantities"):
        jets_beside_truth([])
    with pytest.raises(InputError, match="one length"):
        jets_beside_truth([Matched(Observable("x", np.ones(3)), np.ones(3), np.ones(2))])

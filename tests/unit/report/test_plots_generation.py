"""Figures and the table of generated samples."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.generation.amplification import Amplification
from partonic.generation.evaluate import Beside, Evaluation, Separation, TwoSample
from partonic.report.plots_generation import (
    Quantity,
    amplification_by_size,
    band_beside_truth,
    beside_truth,
    classifier_weights,
    evaluation_table,
)
from partonic.report.plots_jets import Observable
from partonic.report.style import MUTED

RNG = np.random.default_rng(1)
HALF = Estimate(0.5, 0.49, 0.51, "DeLong")
SAME = Separation(HALF, 0.5, np.full(20, 0.1), np.full(20, -0.1), *2 * (np.full(20, 0.05),))


def evaluation(name="mass", value=0.1):
    distance = Beside(Estimate(value, 0.0, 0.2, "x"), Estimate(0.05, 0.0, 0.1, "x"))
    seen = HALF, 0.5, RNG.normal(size=50), RNG.normal(size=50), *2 * (np.full(50, 0.02),)
    test = TwoSample(*seen, SAME, "trees")
    same = dict.fromkeys(("frechet", "kernel", "precision", "recall", "density", "coverage"), distance)
    return Evaluation((name,), np.ones(1), {name: distance}, two_sample=test, **same)


def test_a_quantity_and_its_ratio():
    truth, ours = RNG.normal(size=5_000), RNG.normal(size=4_000)
    edges = np.linspace(-2, 2, 9)
    one = Quantity(
        Observable("x [GeV]", truth, edges, log=True),
        {"flow": ours, "doubled": truth},
        weights={"doubled": np.full(5_000, 3.0)},
        bands={"flow": np.full(8, 0.1)},
    )
    top, bottom = beside_truth([one]).axes
    assert top.get_legend_handles_labels()[1] == ["truth", "flow", "doubled"]
    assert bottom.get_xlabel() == "x [GeV]"
    ratios = [container.lines[0].get_ydata() for container in bottom.containers]
    assert ratios[1] == pytest.approx(np.ones(8))
    expected = np.histogram(ours, edges)[0] / 4_000 / (np.histogram(truth, edges)[0] / 5_000)
    assert ratios[0] == pytest.approx(expected)


def test_ratios_are_to_the_weighted_truth():
    """Truth: 100 events of weight 1 in the first bin, 100 of weight 3 in the second; generated: 100 in each."""
    truth = np.repeat([0.5, 1.5], 100)
    seen = Observable("x", truth, np.array([0.0, 1, 2]))
    bottom = beside_truth([Quantity(seen, {"a": truth}, np.repeat([1.0, 3.0], 100))]).axes[1]
    np.testing.assert_allclose(bottom.containers[0].lines[0].get_ydata(), [0.5 / 0.25, 0.5 / 0.75])


def test_panels_of_seven_quantities():
    values = np.random.default_rng(1).random(50)
    figure = beside_truth([Quantity(Observable(str(i), values, log=i == 3), {"a": values}) for i in range(7)])
    assert len(figure.axes) == 14
    assert [axes.get_yscale() for axes in figure.axes].count("log") == 1


def test_a_band_needs_as_many_bins_as_the_truth():
    edges, share = np.array([0.0, 1.0, 3.0]), np.array([0.25, 0.75])
    figure = band_beside_truth(edges, share, 0.1 * share, np.array([24.0, 76.0]), 100, "x")
    assert figure.axes[1].get_ylabel() == "over truth"
    with pytest.raises(InputError, match="2 bins do not fit 2 shares and 3 true counts"):
        band_beside_truth(edges, share, share, np.ones(3), 100, "x")


def test_weights_of_two_generators():
    logs, share = np.repeat([-3.0, 0.0, 3.0], [10, 80, 10]), np.repeat([0.01, 0.9 / 80, 0.0], [10, 80, 10])
    bad = TwoSample(HALF, 0.5, RNG.normal(-1, 1, 100), logs, np.full(100, 0.01), share, SAME, "trees")
    left, right = classifier_weights({"flow": evaluation().two_sample, "GAN": bad}).axes
    each = ["truth against truth", "flow", "GAN"]
    assert left.get_legend_handles_labels()[1] == [f"{name}  AUC 0.500 +- 0.010" for name in each]
    assert left.get_title(loc="left") == "Generated"
    values, edges, _ = right.patches[2].get_data()
    assert sum(values) == pytest.approx(1.0)
    assert values[edges[:-1] < -1] @ np.ones(int((edges[:-1] < -1).sum())) == pytest.approx(0.1)
    assert values[edges[1:] > 1].sum() == 0  # these events have no weight
    for axes, log_ratio in ((left, 0.1), (right, -0.1)):
        (filled,) = np.flatnonzero(axes.patches[0].get_data().values)
        assert edges[filled] <= log_ratio / np.log(10) <= edges[filled + 1]
        assert axes.patches[0].get_edgecolor() == to_rgba(MUTED)


def test_samples_of_other_truths_each_have_their_own_beside():
    tests = {name: replace(evaluation().two_sample, baseline=replace(SAME)) for name in ("top jets", "qcd jets")}
    same = [f"truth against truth, {name}" for name in tests]
    labels = classifier_weights(tests).axes[0].get_legend_handles_labels()[1]
    assert labels == [f"{name}  AUC 0.500 +- 0.010" for name in (same[0], "top jets", same[1], "qcd jets")]


def test_amplification_of_generators_stands_beside_that_of_their_samples():
    one = Estimate(1.0, 0.8, 1.2, "seeds")
    each = [
        Amplification(n, 0.5 * n, Estimate(g, g - 0.1, g + 0.1, "seeds"), one, one, one, one)
        for n, g in ((100, 1.5), (400, 2.5))
    ]
    (axes,) = amplification_by_size({"camel": each}).axes
    assert axes.get_legend_handles_labels()[1] == ["camel, flow", "camel, truth"]
    flows, truth = axes.containers
    assert flows.lines[0].get_xdata() == pytest.approx([50, 200])  # effective events
    assert flows.lines[0].get_ydata() == pytest.approx([1.5, 2.5])
    assert truth.lines[0].get_ydata() == pytest.approx([1, 1])


def test_the_table_of_two_generators():
    found = evaluation_table({"flow": evaluation(), "GAN": evaluation(value=0.7)})
    assert found.columns == ("measure", "flow", "GAN", "truth", "ideal")
    row = next(row for row in found.rows if row["measure"] == "Wasserstein distance of mass")
    assert (row["flow"].value, row["GAN"].value, row["truth"].value, row["ideal"]) == (0.1, 0.7, 0.05, 0.0)


def test_what_cannot_be_drawn():
    with pytest.raises(InputError, match="needs one quantity and one of them"):
        beside_truth([Quantity(Observable("x", np.ones(3)), {})])
    with pytest.raises(InputError, match="one length"):
        beside_truth([Quantity(Observable("x", np.ones(3)), {"flow": np.ones(3)}, np.ones(2))])
    with pytest.raises(InputError, match="no event of the truth is between 5 and 6"):
        beside_truth([Quantity(Observable("x", np.ones(3), np.array([5.0, 6.0])), {"flow": np.ones(3)})])
    with pytest.raises(InputError, match="a classifier test or more"):
        classifier_weights({})
    with pytest.raises(InputError, match="a training size or more"):
        amplification_by_size({"camel": []})
    with pytest.raises(InputError, match="needs one or more"):
        evaluation_table({})
    with pytest.raises(InputError, match="the same features"):
        evaluation_table({"flow": evaluation(), "GAN": evaluation("pt")})

"""Figures and the table of generated samples."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.generation.evaluate import Beside, Evaluation, TwoSample
from partonic.report.plots_generation import classifier_weights, evaluation_table, feature

RNG = np.random.default_rng(1)
HALF = Estimate(0.5, 0.49, 0.51, "DeLong")


def evaluation(name="mass", value=0.1):
    distance = Beside(Estimate(value, 0.0, 0.2, "x"), Estimate(0.05, 0.0, 0.1, "x"))
    test = TwoSample(HALF, HALF, 0.5, RNG.normal(size=50), RNG.normal(size=50), "trees")
    same = dict.fromkeys(("frechet", "kernel", "precision", "recall", "density", "coverage"), distance)
    return Evaluation((name,), np.ones(1), {name: distance}, two_sample=test, **same)


def test_a_feature_and_its_ratio():
    truth, ours = RNG.normal(size=5_000), RNG.normal(size=4_000)
    edges = np.linspace(-2, 2, 9)
    figure = feature(
        truth,
        {"flow": ours, "doubled": truth},
        "x [GeV]",
        weights={"doubled": np.full(5_000, 3.0)},
        bands={"flow": np.full(8, 0.1)},
        edges=edges,
        logarithmic=True,
    )
    top, bottom = figure.axes
    assert top.get_legend_handles_labels()[1] == ["truth", "flow", "doubled"]
    assert bottom.get_xlabel() == "x [GeV]"
    ratios = [container.lines[0].get_ydata() for container in bottom.containers]
    assert ratios[1] == pytest.approx(np.ones(8))
    expected = np.histogram(ours, edges)[0] / 4_000 / (np.histogram(truth, edges)[0] / 5_000)
    assert ratios[0] == pytest.approx(expected)
    assert len(feature(truth, {"flow": ours}, "x").axes[1].containers[0].lines[0].get_ydata()) == 50


def test_weights_of_two_generators():
    bad = TwoSample(HALF, HALF, 0.5, RNG.normal(-1, 1, 100), RNG.normal(1, 1, 100), "trees")
    left, right = classifier_weights({"flow": evaluation().two_sample, "GAN": bad}).axes
    assert left.get_legend_handles_labels()[1] == ["flow  AUC 0.500 +- 0.010", "GAN  AUC 0.500 +- 0.010"]
    assert left.get_title(loc="left") == "Generated events"
    assert sum(right.patches[1].get_data().values) == pytest.approx(1.0)


def test_the_table_of_two_generators():
    found = evaluation_table({"flow": evaluation(), "GAN": evaluation(value=0.7)})
    assert found.columns == ("measure", "flow", "GAN", "truth", "ideal")
    row = next(row for row in found.rows if row["measure"] == "Wasserstein distance of mass")
    assert (row["flow"].value, row["GAN"].value, row["truth"].value, row["ideal"]) == (0.1, 0.7, 0.05, 0.0)


def test_what_cannot_be_drawn():
    with pytest.raises(InputError, match="needs one of them"):
        feature(np.ones(3), {}, "x")
    with pytest.raises(InputError, match="no event of the truth is between 5 and 6"):
        feature(np.ones(3), {"flow": np.ones(3)}, "x", edges=np.array([5.0, 6.0]))
    with pytest.raises(InputError, match="a classifier test or more"):
        classifier_weights({})
    with pytest.raises(InputError, match="needs one or more"):
        evaluation_table({})
    with pytest.raises(InputError, match="the same features"):
        evaluation_table({"flow": evaluation(), "GAN": evaluation("pt")})

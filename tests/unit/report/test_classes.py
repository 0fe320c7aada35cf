"""Figures, tables and sentences on taggers of several classes."""

from dataclasses import dataclass

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.report import plots, plots_classes
from partonic.report.classes import Classification
from partonic.report.palette import SERIES
from partonic.report.tagging import Tagger


@dataclass(frozen=True)
class MadeUp:
    """The options of a run without any."""


CLASSES = ("gluon", "quark", "top", "Z")


def made_up(seed, sharpness, trainings):
    """Scores of Gaussian classes on a line, each told from its neighbours only with difficulty."""
    rng = np.random.default_rng(seed)
    labels = np.arange(1_200) % len(CLASSES)
    x = labels + rng.standard_normal((trainings, 1_200)) / sharpness
    logits = -0.5 * (sharpness * (x[:, :, None] - np.arange(len(CLASSES)))) ** 2
    scores = np.exp(logits)
    return labels, scores / scores.sum(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    labels, sharp = made_up(1, 2.0, 2)
    _, dull = made_up(2, 1.0, 1)
    result = Result.create(tmp_path_factory.mktemp("study") / "run", "made-up", MadeUp(), "made up")
    rate = Estimate.symmetric(1e3, 10, "8 batches")
    history = (plots.Training("sharp", [1.0, 0.8], [1.1, 0.9], 2),)
    taggers = [Tagger("sharp", sharp, 100, rate, 3.0, history), Tagger("dull", dull, 10, rate, 1.0)]
    return Classification(result, taggers, labels, np.ones(len(labels)), CLASSES)


def test_sharper_is_better_everywhere(study):
    assert study.best.name == "sharp"
    assert study.accuracies["sharp"].method == "seeds"
    assert study.accuracies["sharp"].value > study.accuracies["dull"].value + 0.1
    for pair, area in study.areas["sharp"].items():
        assert area.value > study.areas["dull"][pair].value
    assert study.area("sharp", "gluon", "Z") == study.area("sharp", "Z", "gluon") == study.areas["sharp"][3, 0]


def test_the_sections_show_what_was_measured(study):
    matrix, duels, histories = study.matrix(), study.one_against_one(), study.histories()
    assert [*matrix.figures, *duels.figures, *histories.figures] == ["confusion", "one-against-one", "training"]
    tables = study.result.tables
    assert len(tables["confusion"].rows) == 2 * len(CLASSES)
    for row in tables["confusion"].rows:
        assert sum(row[name].value for name in CLASSES) == pytest.approx(1)
    pairs = tables["one-against-one"].rows
    assert [(row["signal"], row["background"]) for row in pairs[:2]] == [("quark", "gluon"), ("top", "gluon")]
    assert len(pairs) == 6
    for name in ("confusion", "one-against-one", "training"):
        assert study.result.figure_path(name, "svg").stat().st_size > 1_000
    assert "worst" in study.result.figures["one-against-one"].alt


def test_each_class_has_a_panel_against_each_other_one():
    curve = plots.Curve("x", np.array([0.2, 0.5]), np.array([9.0, 3.0]), np.array([8.0, 2.0]), np.array([11.0, np.inf]))
    again = 1 + len(SERIES)
    figure = plots_classes.roc_grid({"a": [(1, curve), (again, curve)], "b": [(0, curve)]}, [*"abcdefghijkl"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a against", "b against"]
    first, later = figure.axes[0].lines
    assert first.get_color() == later.get_color()  # colours begin anew, with other dashes
    assert first._unscaled_dash_pattern != later._unscaled_dash_pattern


def test_cells_hold_shares_and_errors():
    figure = plots_classes.confusion(
        {"pfn": np.array([[0.9, 0.1], [0.25, 0.75]])}, {"pfn": np.full((2, 2), 0.01)}, "ab"
    )
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"90.0", "10.0", "25.0", "75.0", "±1.0"}


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(InputError, match="no confusion matrices"):
        plots_classes.confusion({}, {}, "ab")
    with pytest.raises(InputError, match="must be 2 by 2"):
        plots_classes.confusion({"x": np.eye(3)}, {"x": np.eye(3)}, "ab")
    with pytest.raises(InputError, match="no ROC curves"):
        plots_classes.roc_grid({"a": []}, "ab")

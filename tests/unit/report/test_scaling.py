"""Pages of taggers against the number of jets: laws where they can be fitted, gains against the first tagger."""

from dataclasses import replace

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.metrics.trials import measure
from partonic.recipes.training_size import TrainingSize
from partonic.report.plots_quenching import Profile, lund_planes, profiles
from partonic.report.plots_scaling import Learning, learning_curves
from partonic.report.scaling import Grid, curves_section, known_section, pairs_section

LABELS = np.arange(1_000) % 2


def grid(tmp_path, sizes, taggers=("flat", "steep")):
    rng = np.random.default_rng(1)
    groups = []
    for i in range(len(sizes)):
        for j in range(len(taggers)):
            shift = 1.0 + 0.3 * i * (1 + j)
            groups.append([shift * LABELS + rng.standard_normal(len(LABELS)) for _ in range(2)])
    pools = [j for _ in sizes for j in range(len(taggers))]
    result = Result.create(tmp_path / "run", "training-size", TrainingSize.preset("tiny"))
    return Grid(result, measure(groups, LABELS, pools=pools, replicas=30), taggers, sizes)


def test_the_page_shows_numbers_laws_and_gains(tmp_path):
    page = grid(tmp_path, (100, 1_000, 10_000, 100_000))
    section = curves_section(page, "Title", "Text.")
    assert (section.figures, section.tables) == (("learning",), ("sizes", "laws"))
    rows = page.result.tables["sizes"].rows
    assert [row["training jets"] for row in rows if row["model"] == "steep"] == [100, 1_000, 10_000, 100_000]
    best = [row["AUC"].value for row in rows if row["model"] == "steep"]
    assert best == sorted(best)
    assert best[-1] == page.trials.auc(page.place("steep", 100_000)).value
    laws = {(row["model"], row["y"]): row for row in page.result.tables["laws"].rows}
    assert laws["steep", "1 - AUC"]["b"].value > laws["flat", "1 - AUC"]["b"].value
    pairs = pairs_section(page, "Pairs")
    gains = page.result.tables["gains"].rows
    assert pairs.tables == ("gains",)
    assert [row["training jets"] for row in gains] == [100, 1_000, 10_000, 100_000]
    assert gains[-1]["AUC difference"].value > 0.03
    assert gains[-1]["in standard deviations"] > 3


def test_what_time_has_cut_is_marked_and_not_fitted(tmp_path):
    whole = grid(tmp_path, (100, 1_000, 10_000, 100_000))
    page = replace(whole, cut={("flat", 100_000), ("steep", 10_000), ("steep", 100_000)})
    curves_section(page, "Title", "")
    rows = page.result.tables["sizes"].rows
    assert {(row["model"], row["training jets"]) for row in rows if row["cut by time"] == "yes"} == page.cut
    assert {tagger for tagger, _ in page.laws} == {"flat"}
    law, all_sizes = page.laws["flat", "area"], whole.laws["flat", "area"]
    assert (law.freedom, all_sizes.freedom) == (0, 1)
    assert law.pivot < all_sizes.pivot


def test_two_sizes_have_no_law_and_one_tagger_no_pair(tmp_path):
    page = grid(tmp_path, (100, 1_000), ("alone",))
    assert page.laws == {}
    assert curves_section(page, "Title", "").tables == ("sizes",)
    assert pairs_section(page, "Pairs") is None
    assert "power laws" not in page.result.figures["learning"].caption


def test_what_taggers_lack_of_the_best_falls(tmp_path):
    page = grid(tmp_path, (100, 1_000, 10_000), ("steep",))
    section = known_section(page, page.place("steep", 10_000))
    assert (section.figures, section.tables) == (("known",), ("known",))
    missed = [row["to the best"].value for row in page.result.tables["known"].rows]
    assert missed == sorted(missed, reverse=True)
    assert missed[-1] == 0 < missed[1]
    figure = learning_curves([("y", [Learning("a", (1, 2), [page.trials.auc(0)] * 2)])], best=[page.trials.auc(2)])
    assert figure.axes[0].lines[0].get_ydata()[0] == page.trials.auc(2).value


def test_figures_refuse_what_they_cannot_show():
    one = Estimate.symmetric(0.5, 0.1, "test")
    with pytest.raises(InputError, match="no learning curves"):
        learning_curves([])
    with pytest.raises(InputError, match="sizes has 2, values has 1"):
        learning_curves([("y", [Learning("a", (1, 2), (one,))])])
    with pytest.raises(InputError, match="no profiles"):
        profiles([], x_label="x", y_label="y")
    with pytest.raises(InputError, match="two Lund planes"):
        lund_planes({"one": np.ones((2, 2))}, (np.arange(3.0), np.arange(3.0)))


def test_profiles_and_planes_are_drawn():
    values = [Estimate.symmetric(v, 0.01, "test") for v in (0.4, 0.5, 0.7)]
    figure = profiles([Profile("a", np.array([0, 0.1, 0.3]), values, 0.4)], x_label="x", y_label="y")
    assert figure.axes[0].get_xlabel() == "x"
    planes = {"vacuum": np.ones((4, 5)), "medium": np.full((4, 5), 2.0)}
    drawn = lund_planes(planes, (np.arange(5.0), np.arange(6.0)))
    assert [ax.get_title(loc="left") for ax in drawn.axes[:3]] == ["vacuum", "medium", "medium / vacuum"]
    ratio = drawn.axes[2].collections[0].get_array()
    assert np.allclose(ratio, 2.0)

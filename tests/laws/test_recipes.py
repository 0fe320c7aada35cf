"""Laws of every recipe: its presets exist, and its tiny one ends with finite numbers and captioned figures."""

import math

import pytest

from partonic.core.config import from_tree, to_tree
from partonic.core.estimate import Estimate
from partonic.core.registry import recipes
from partonic.core.result import Result
from partonic.recipes.launch import PRESETS


@pytest.mark.parametrize("name", recipes.names())
def test_presets_survive_being_stored(name):
    entry = recipes.get(name)
    for preset in PRESETS:
        recipe = entry.cls.preset(preset)
        assert from_tree(entry.cls, to_tree(recipe)) == recipe
    assert entry.paper.startswith("arXiv:")


@pytest.mark.parametrize("name", recipes.names())
def test_the_tiny_preset_ends_with_finite_numbers(name, tiny_runs):
    result = Result.load(tiny_runs(name))
    assert result.status == "done"
    assert result.summary
    for title, value in result.summary.items():
        assert isinstance(value, Estimate), title
        assert math.isfinite(value.value) or value.note, title
    for table in result.tables.values():
        assert table.caption
        assert table.rows
    for figure in result.figures.values():
        assert figure.caption
        assert figure.alt


def test_no_tagger_beats_the_known_truth(tiny_run):
    rows = {row["tagger"]: row for row in Result.load(tiny_run).tables["truth"].rows}
    best = rows.pop("exact likelihood ratio")["AUC"].value
    assert 0.7 < best < 0.95
    for row in rows.values():
        assert row["AUC"].value < best + 3 * row["AUC less the best"].error

"""The section that compares taggers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.recipes.top_tagging import TopTagging
from partonic.report.tagging import MOST_CURVES, Comparison, Tagger


def test_of_many_taggers_the_best_are_drawn_and_all_are_in_the_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(400) % 2
    rate = Estimate.symmetric(1e3, 10, "8 batches")
    taggers = []
    for number in range(MOST_CURVES + 3):  # the later the better
        scores = 1 / (1 + np.exp(-(0.3 + 0.2 * number) * (2 * labels - 1) - rng.standard_normal(400)))
        taggers.append(Tagger(f"tagger {number}", scores[None], 10, rate, 1.0))
    result = Result.create(tmp_path / "run", "top-tagging", TopTagging.preset("tiny"))
    study = Comparison(result, tuple(taggers), labels, np.ones(400), rng.uniform(50, 200, 400), ("QCD", "top"))
    study.performance()
    assert len(result.tables["taggers"].rows) == MOST_CURVES + 3
    figure = result.figures["roc"]
    assert f"The {MOST_CURVES} of largest area of {MOST_CURVES + 3} taggers" in figure.caption
    assert f"tagger {MOST_CURVES + 2}" in figure.alt
    assert "tagger 0," not in figure.alt

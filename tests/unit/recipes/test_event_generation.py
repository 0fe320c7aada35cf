"""The recipe event-generation: measures beside the truth, the band of a Bayesian flow, wrong options."""

from dataclasses import replace

import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.recipe import Context
from partonic.core.result import Result
from partonic.generation.catalogue import GENERATORS
from partonic.recipes.event_generation import EventGeneration

SMALL = EventGeneration("toy", ("bayesian-flow",), events=1_000, kept=300, updates=4, amplified=(60, 120), repeats=2)


def test_measures_stand_beside_the_truth(tmp_path):
    result = SMALL.run(Context(Result.create(tmp_path / "run", "event-generation", SMALL)))
    row = result.tables["generators"].rows[0]
    assert 0.3 < row["AUC"].value < 0.75
    assert row["AUC, truth against truth"].error > 0
    assert row["worst distance"].error > 0
    assert 0 < row["worst distance, truth against truth"].value < 0.5
    assert row["events a processor second"].value > 100
    inside = result.summary["bayesian-flow: bins where the truth is within one sigma"]
    assert 0.2 < inside.value <= 1
    assert [row["sample"] for row in result.tables["reweighted"].rows] == ["bayesian-flow", "truth against truth"]
    for mended in result.tables["reweighted"].rows:
        assert mended["AUC before"].error > 0
        assert 0.3 < mended["AUC after"].value < 0.75
        assert 0 < mended["effective share"].value <= 1
    amplified = result.tables["amplification"].rows
    assert [(row["density"], row["training events"]) for row in amplified] == [
        ("camel", 60), ("camel", 120), ("ring", 60), ("ring", 120)
    ]  # fmt: skip
    assert all(row["factor, truth"].value > 0.2 for row in amplified)
    assert {"generated", "band-bayesian-flow", "weights", "reweighted", "amplification"} == set(result.figures)
    assert "bayesian-flow" in (result.path / "report.html").read_text()


def test_wrong_options_end_at_once():
    with pytest.raises(UnknownNameError, match="did you mean 'coupling-flow'"):
        replace(SMALL, generators=("coupling-flows",)).check()
    with pytest.raises(UnknownNameError, match="did you mean 'pythia'"):
        EventGeneration("pithia")
    with pytest.raises(InputError, match="30 events or more, not \\[2\\]"):
        EventGeneration("toy", amplified=(2,))
    with pytest.raises(InputError, match="name each generator once"):
        EventGeneration("toy", ("diffusion", "diffusion"))
    assert set(EventGeneration().generators) <= set(GENERATORS)
    EventGeneration.preset("tiny").check()

"""Which quenched jets count as such without loss."""

from itertools import pairwise

import numpy as np
import pytest

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.events import Events
from partonic.recipes.jet_quenching import JetQuenching
from partonic.report.quenching import LOSSLESS, loss_section
from partonic.report.tagging import Tagger

N = 400


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Of jets whose score is their loss: a quarter has no path, and half of these lost energy of a softer parton."""
    rng = np.random.default_rng(1)
    labels = np.arange(N) % 2
    path, loss = rng.uniform(1, 4, N), rng.uniform(0.05, 0.3, N)
    path[:200], loss[:100], loss[100:200] = 0, 0.1 * LOSSLESS, 0.02
    path[labels == 0], loss[labels == 0] = 0, 0
    test = Events({"medium_path": path.astype(np.float32), "medium_loss": loss.astype(np.float32)})
    scores = 0.5 + np.round(loss, 3) + 1e-6 * np.arange(N)
    tagger = Tagger("toy", scores[None], 1, Estimate.symmetric(1.0, 0.1, "standard error"), 1.0)
    result = Result.create(tmp_path_factory.mktemp("run") / "run", "jet-quenching", JetQuenching.preset("tiny"))
    loss_section(result, (tagger,), test, labels)
    return result.tables


def test_jets_without_path_that_lost_energy_are_not_among_them(tables):
    row = tables["no-loss"].rows[0]
    assert row["jets without loss"] == 50
    assert row["AUC without loss"].value < 0.5  # above it with those that lost 2 %
    assert f"at most {LOSSLESS:g} of their energy" in tables["no-loss"].caption


def test_the_least_rise_is_that_of_the_flattest_step(tables):
    means = [row["mean score"] for row in tables["losses"].rows]
    rises = [after.value - before.value for before, after in pairwise(means)]
    least = tables["no-loss"].rows[0]["least rise"]
    assert least.value == pytest.approx(min(rises))
    assert 0 < least.error < 0.01 < least.value


def test_they_are_in_the_bins_of_their_loss(tables):
    rows = tables["losses"].rows
    assert rows[0]["lost share"] == "none"
    assert rows[0]["jets"] == 50
    assert sum(row["jets"] for row in rows) == N // 2
    assert rows[1]["lost share"].startswith("0.020 to ")

"""The recipe neural-integration: truth beside what is found, an integral that cannot be believed, wrong options."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.recipe import Context
from partonic.core.result import Result
from partonic.integrate import integrand, known, run
from partonic.integrate.integral import IntegrationError
from partonic.integrate.integrand import Integrand
from partonic.integrate.known import KNOWN, shares
from partonic.io.lhe import read
from partonic.recipes.neural_integration import NeuralIntegration

SMALL = NeuralIntegration(integrals=("muon-pairs",), calls=4_000, final=4_000, events=1_000, method="grid")


def test_events_and_integral_beside_the_truth(tmp_path):
    result = SMALL.run(Context(Result.create(tmp_path / "run", "neural-integration", SMALL)))
    ratio = result.summary["muon-pairs: integral over exact"]
    assert abs(ratio.value - 1) < 5 * ratio.error
    assert result.summary["muon-pairs: chi2 per bin"].value < 2
    assert len(read(result.path / "muon-pairs.lhe.gz")) == 1_000
    page = (result.path / "report.html").read_text()
    assert "Status: ok" in page
    assert "flows" in page


def test_the_processes_of_the_run_ask_the_integrand(tmp_path, monkeypatch):
    alone = SMALL.run(Context(Result.create(tmp_path / "alone", "neural-integration", SMALL)))
    asked = []
    spread = Integrand._spread
    monkeypatch.setattr(integrand, "local_processes", ThreadPoolExecutor)
    monkeypatch.setattr(integrand, "WORTH", 0.0)
    monkeypatch.setattr(Integrand, "_spread", lambda self, chunks: asked.append(self.workers) or spread(self, chunks))
    both = SMALL.run(Context(Result.create(tmp_path / "both", "neural-integration", SMALL), workers=2))
    assert set(asked) == {2}
    assert both.summary == alone.summary
    ours, theirs = (one.path / "muon-pairs.lhe.gz" for one in (alone, both))
    assert gzip.decompress(ours.read_bytes()) == gzip.decompress(theirs.read_bytes())


@pytest.mark.parametrize(
    ("method", "seconds", "assumed", "said"),
    [
        ("auto", 2e-3, 2_000, "The assumed price of a call decides"),
        ("auto", 0.0, "none", "The measured price of a call decides"),
        ("grid", 2e-3, 2_000, "The method grid was asked for"),
    ],
)
def test_the_page_tells_which_price_decides(tmp_path, method, seconds, assumed, said):
    recipe = replace(SMALL, integrals=("product",), method=method, seconds_per_call=seconds, events=100)
    result = recipe.run(Context(Result.create(tmp_path / "run", "neural-integration", recipe)))
    (row,) = json.loads((result.path / "tables" / "integrals.json").read_text())["rows"]
    assert row["assumed"] == assumed
    assert 0 < row["measured, microseconds a call"] < 2_000
    assert said in (result.path / "report.html").read_text()


def test_an_integral_that_cannot_be_believed_ends_the_run(tmp_path, monkeypatch):
    judge = run.judge
    monkeypatch.setattr(run, "judge", lambda *known: [*judge(*known), "a peak was lost"])
    result = Result.create(tmp_path / "run", "neural-integration", SMALL)
    with pytest.raises(IntegrationError, match="muon-pairs: a peak was lost"):
        SMALL.run(Context(result))
    assert "a peak was lost" in (result.path / "report.html").read_text()
    assert not (result.path / "muon-pairs.lhe.gz").exists()


@pytest.mark.parametrize("name", ["product", "camel", "ridge", "muon-pairs"])
def test_known_curves_are_those_of_the_integrand(name):
    """Shares of bins against weighted points of the channel."""
    import torch

    problem = known.known(name)
    channel = problem.channels[0]
    u = torch.rand(200_000, channel.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y, density = channel.forward(u)
    edges = np.linspace(problem.low, problem.high, 5)
    weights = (problem.function(y) / density).numpy()
    where = problem.variable(y).numpy()
    sums, _ = np.histogram(where, edges, weights=weights)
    squares, _ = np.histogram(where, edges, weights=weights**2)
    assert np.all(np.abs(sums / sums.sum() - shares(problem, edges)) < 5 * np.sqrt(squares) / sums.sum())
    assert abs(weights.mean() - problem.exact.value) < 5 * weights.std() / len(weights) ** 0.5


def test_wrong_options():
    with pytest.raises(UnknownNameError, match="did you mean 'camel'"):
        replace(SMALL, integrals=("camle",)).check()
    with pytest.raises(UnknownNameError, match="did you mean 'flow'"):
        replace(SMALL, method="flows")
    with pytest.raises(InputError, match="needs an integral"):
        replace(SMALL, integrals=())
    with pytest.raises(InputError, match="calls must be"):
        replace(SMALL, calls=10)
    assert set(SMALL.integrals) <= set(KNOWN)

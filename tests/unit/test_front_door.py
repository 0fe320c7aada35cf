"""The front door: its names and signatures, that it is quick to import, and that each of its functions works."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn
from toy_jets import toy_jets

import partonic as pn
from partonic.core.errors import FileError, InputError, PartonicError, UnknownNameError
from partonic.core.result import Result
from partonic.fit.batches import Batches
from partonic.io import formats
from partonic.models.checkpoint import Trained, save
from partonic.models.pfn import PFN
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation
from partonic.version import __version__

NAMES = ["Estimate", "Events", "__version__", "fit", "predict", "read", "run", "simulate"]
SIGNATURES = {
    "read": "(path: 'Path | str', map: 'Map | Path | str | None' = None) -> 'Events'",
    "simulate": "(process: 'str', n: 'int', **options: 'Any') -> 'Events'",
    "fit": (
        "(model: 'M', objective: 'Callable[[M, T], Tensor]', data: 'Iterable[T]', "
        "validation: 'Iterable[T] | None' = None, directory: 'Path | str | None' = None, **options: 'Any')"
        " -> 'FitResult'"
    ),
    "predict": (
        "(model: 'Trained | nn.Module | Path | str', events: 'Events', *, batch_size: 'int' = 128, "
        "device: 'str' = 'cpu') -> 'NDArray[np.float64]'"
    ),
    "run": (
        "(recipe: 'str', preset: 'str' = 'default', output: 'Path | str | None' = None, "
        "workers: 'int | None' = None, device: 'str' = 'cpu', **options: 'Any') -> 'Result'"
    ),
}


def test_its_names_are_these_and_no_others():
    assert pn.__all__ == NAMES
    assert all(hasattr(pn, name) for name in NAMES)
    assert pn.__version__ == __version__


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name):
    assert str(inspect.signature(getattr(pn, name))) == SIGNATURES[name]


def test_every_function_is_pinned():
    assert {name for name in NAMES if inspect.isfunction(getattr(pn, name))} == set(SIGNATURES)


@pytest.mark.parametrize("first", ["partonic", "partonic.fit.loop", "partonic.fit.options"])
def test_the_function_fit_is_never_replaced_by_the_package_fit(first):
    code = (
        f"import {first}, partonic\n"
        "from partonic.fit import loop\n"
        "from partonic.fit.loop import fit\n"
        "assert callable(partonic.fit) and callable(fit) and loop.fit is fit"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, partonic, partonic.cli\n"
        "heavy = {'torch', 'awkward', 'matplotlib', 'pythia8mc', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_read(tmp_path):
    jets = toy_jets(8)
    formats.write(tmp_path / "jets.parquet", jets)
    again = pn.read(tmp_path / "jets.parquet")
    assert isinstance(again, pn.Events)
    np.testing.assert_array_equal(again.collection("constituents")["px"], jets.collection("constituents")["px"])
    with pytest.raises(FileError, match=r"no file .*missing\.parquet"):
        pn.read(tmp_path / "missing.parquet")


def test_simulate():
    pytest.importorskip("pythia8mc")
    jets = pn.simulate("top", 5, detector="truth", seed=3)
    assert len(jets) == 5
    assert np.all(jets.column("label") == 1)
    assert jets.provenance["seed"] == 3
    assert jets.provenance["cross_section_pb"] > 0
    with pytest.raises(UnknownNameError, match="unknown process 'topp'; did you mean 'top'"):
        pn.simulate("topp", 5)
    with pytest.raises(UnknownNameError, match="'pilup'; did you mean 'pileup'"):
        pn.simulate("top", 5, pilup=10)
    with pytest.raises(InputError, match="'pileup' must be a number"):
        pn.simulate("top", 5, pileup="many")


def test_simulate_with_gold():
    events = pn.simulate("galton-board", 9, theta=-0.5, seed=4, rows=6)
    assert events.gold["joint_score"].shape == (9, 1)
    assert np.all(events.column("theta") == -0.5)
    with pytest.raises(UnknownNameError, match="'column'; did you mean 'columns'"):
        pn.simulate("galton-board", 9, column=3)


@pytest.fixture
def trained(tmp_path):
    """A network after two epochs, and its jets."""
    jets = toy_jets(64)
    model = PFN(width=16)
    batches = Batches(jets, representation("packed"), size=16)
    result = pn.fit(model, cross_entropy, batches, batches, tmp_path / "fit", epochs=2, learning_rate=1e-3)
    return model, jets, result


def test_fit_learns_and_says_how(trained, tmp_path):
    model, _, result = trained
    assert [record["epoch"] for record in result.history] == [1, 2]
    assert result.history[1]["validation"] < result.history[0]["validation"]
    assert not model.training
    assert (tmp_path / "fit" / "fit.pt").exists()
    with pytest.raises(UnknownNameError, match="'epoch'; did you mean 'epochs'"):
        pn.fit(model, cross_entropy, [], epoch=2)
    with pytest.raises(InputError, match="'epochs' must be a whole number"):
        pn.fit(model, cross_entropy, [], epochs="2")


def test_predict_takes_a_module_a_trained_model_and_a_checkpoint(trained, tmp_path):
    model, jets, _ = trained
    kept = Trained("pfn", {"width": 16}, model, "packed")
    save(tmp_path / "pfn.pt", kept)
    scores = [pn.predict(each, jets) for each in (model, kept, tmp_path / "pfn.pt", str(tmp_path / "pfn.pt"))]
    for other in scores[1:]:
        np.testing.assert_array_equal(scores[0], other)
    np.testing.assert_allclose(pn.predict(model, jets, batch_size=5), scores[0], atol=1e-6)
    assert scores[0].shape == (64,)
    assert np.all((scores[0] > 0) & (scores[0] < 1))


def test_predict_says_what_a_stranger_lacks(tmp_path):
    class Mine(PFN):
        pass

    with pytest.raises(InputError, match=r"class Mine is not registered as a model.*Trained"):
        pn.predict(Mine(), toy_jets(4))
    with pytest.raises(FileError, match="no file"):
        pn.predict(tmp_path / "missing.pt", toy_jets(4))
    scores = pn.predict(Trained("mine", {}, Mine(), "packed"), toy_jets(4))
    assert scores.shape == (4,)
    with pytest.raises(InputError, match="not registered"):
        pn.predict(nn.Linear(1, 1), toy_jets(4))


@pytest.mark.slow
def test_run_reads_jets_and_leaves_a_run_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))
    formats.write(tmp_path / "jets.parquet", toy_jets(300))
    options = {"data": [tmp_path / "jets.parquet"], "models": ["pfn"], "truth_jets": 0}
    result = pn.run("top-tagging", "tiny", tmp_path / "run", workers=1, **options)
    assert isinstance(result, Result)
    assert isinstance(result.summary["AUC of pfn"], pn.Estimate)
    assert (tmp_path / "run" / "report.html").exists()
    assert result.command == (
        f"partonic.run('top-tagging', preset='tiny', output='{tmp_path / 'run'}', workers=1, "
        f"data=['{tmp_path / 'jets.parquet'}'], models=['pfn'], truth_jets=0)"
    )


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("top-taging",), {}, "unknown recipe 'top-taging'; did you mean 'top-tagging'"),
        (("top-tagging", "quik"), {}, "unknown preset 'quik'; did you mean 'quick'"),
        (("top-tagging",), {"jet": 100}, "'jet'; did you mean 'jets'"),
        (("top-tagging",), {"jets": 0}, "jets must be 100 or more"),
        (("./missing.py",), {}, "no Python file"),
        (("top-tagging", "tiny"), {"workers": 0}, "workers must be 1 or above"),
    ],
)
def test_run_finds_mistakes_before_it_writes(arguments, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PartonicError, match=words):
        pn.run(*arguments, **options)
    assert list(Path().iterdir()) == []

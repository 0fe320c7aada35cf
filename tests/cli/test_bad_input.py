"""Whatever a user gets wrong ends in one clear sentence and exit code 2, and loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.io import parquet

SIMULATE = ("-o", "x.parquet")


def refused(outcome, *words):
    """Exit code 2, one sentence with these words, no traceback."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err
    sentence = outcome.err.strip().splitlines()[-1]
    assert sentence.startswith("partonic: ")
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (("simulat",), ["unknown command 'simulat'", "did you mean 'simulate'"]),
        (("run", "top-taging"), ["unknown recipe 'top-taging'", "did you mean 'top-tagging'"]),
        (("run", "./mine.py"), ["no Python file", "mine.py"]),
        (("run", "top-tagging", "--preset", "quik"), ["unknown preset 'quik'", "did you mean 'quick'"]),
        (("run", "top-tagging", "--models", "pnf"), ["unknown model 'pnf'", "did you mean 'pfn'"]),
        (("run", "top-tagging", "--models", "pfn", "pfn"), ["named twice"]),
        (("run", "top-tagging", "--jet", "500"), ["--jet"]),
        (("run", "top-tagging", "--jets", "many"), ["--jets", "many"]),
        (("run", "top-tagging", "--jets", "0"), ["jets must be 100 or more", "0"]),
        (("run", "top-tagging", "--seeds", "0"), ["seeds must be 1 or more"]),
        (("run", "top-tagging", "--seed", "-1"), ["seed must be 0 or more", "-1"]),
        (("run", "top-tagging", "--epochs", "0"), ["epochs must be 1 or more"]),
        (("run", "top-tagging", "--detector", "lhcb"), ["lhcb"]),
        (("run", "top-tagging", "--workers", "0"), ["workers must be 1 or above"]),
        (("run", "top-tagging", "--device", "abacus", "--preset", "tiny"), ["abacus"]),
        (("run", "top-tagging", "--config", "no.yaml"), ["no file no.yaml"]),
        (("run", "top-tagging", "--data", "no.h5"), ["no.h5"]),
        (("simulate",), ["PROCESS"]),
        (("simulate", "topp", "10", *SIMULATE), ["unknown process 'topp'", "did you mean 'top'"]),
        (("simulate", "top", "0", *SIMULATE), ["0", "1 or more"]),
        (("simulate", "top", "ten", *SIMULATE), ["ten"]),
        (("simulate", "top", "10", "--workers", "0", *SIMULATE), ["workers", "0"]),
        (("simulate", "top", "10", "--seed", "900000001", *SIMULATE), ["seed", "900,000,001"]),
        (("simulate", "top", "10", "--pt-min", "700", "--pt-max", "600", *SIMULATE), ["pT window", "empty"]),
        (("simulate", "top", "10", "--detector", "atlass", *SIMULATE), ["atlass", "did you mean 'atlas'"]),
        (("simulate", "top", "10", "--window", "narrow", *SIMULATE), ["narrow"]),
        (("simulate", "lhe:no.lhe", "10", *SIMULATE), ["no.lhe"]),
        (("simulate", "top", "10"), ["--output"]),
        (("simulate", "top", "10", "-o", "nowhere/x.parquet"), ["folder nowhere does not exist"]),
        (("simulate", "top", "10", "-o", "x.txt"), [".parquet"]),
        (("convert", "no.lhe", "x.parquet"), ["no file no.lhe"]),
        (("predict", "no.pt", "no.parquet", "-o", "x.parquet"), ["no file no.pt"]),
        (("report", "no-run"), ["no-run", "not a run directory"]),
        (("resume", "no-run"), ["no-run", "not a run directory"]),
        (("compare", "no-run"), ["two or more"]),
        (("compare", "no-run", "other"), ["not a run directory"]),
        (("cite", "no-run"), ["not a run directory"]),
    ],
)
def test_wrong_words(partonic, tokens, words):
    refused(partonic(*tokens), *words)
    assert {path.name for path in Path().iterdir()} <= {"cache"}, "nothing may be left behind"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jet: 10\n", ["unknown key", "'jet'", "did you mean 'jets'", "c.yaml"]),
        ("jets: many\n", ["'jets'", "whole number", "c.yaml"]),
        ("models: pfn\n", ["'models'", "a list"]),
        ("recipe: other\n", ["recipe 'other'", "'top-tagging'"]),
        ("- 1\n", ["mapping"]),
        ("a: [1\n", ["not plain YAML"]),
        ("", ["is empty"]),
    ],
)
def test_wrong_configuration_files(partonic, text, words):
    Path("c.yaml").write_text(text)
    refused(partonic("run", "top-tagging", "--config", "c.yaml"), *words)


def jets(labels, momentum=100.0, **columns):
    n = len(labels)
    rng = np.random.default_rng(1)
    fields = {name: np.full(3 * n, momentum) + rng.random(3 * n) for name in ("px", "py", "pz")}
    fields["e"] = np.sqrt(sum(values**2 for values in fields.values()))
    return Events(
        {"label": np.asarray(labels), **columns},
        collections={"constituents": Ragged.from_counts(np.full(n, 3), fields)},
    )


def two_classes():
    return jets(np.arange(200) % 2)


def with_nan():
    sample = two_classes()
    px = np.array(sample.collection("constituents")["px"])
    px[10] = np.nan
    return sample.with_collections(constituents=sample.collection("constituents").with_fields(px=px))


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (lambda: jets(np.ones(200, int)), ["one class only"]),
        (lambda: jets(np.arange(200) % 3), ["labels must be 0", "2"]),
        (with_nan, ["jets.parquet: event 4: its constituent 1 has", "nan"]),
        (lambda: two_classes().with_weights({"nominal": np.zeros(200)}), ["weights", "zero"]),
        (
            lambda: two_classes().with_weights({"nominal": np.full(200, np.nan)}),
            ["event", "nan as weight, not a finite number"],
        ),
        (lambda: two_classes().select(columns=[]).with_columns(other=np.ones(200)), ["unknown column 'label'"]),
        (lambda: two_classes().select(collections=[]), ["constituents"]),
        (lambda: jets(np.arange(4) % 2), ["jets"]),
    ],
)
def test_samples_that_cannot_be_trained_on(partonic, sample, words):
    parquet.write("jets.parquet", sample())
    refused(partonic("run", "top-tagging", "--preset", "tiny", "--data", "jets.parquet", "-o", "run"), *words)


@pytest.mark.parametrize("size", [0, 5, 2000])
def test_truncated_files(partonic, size):
    parquet.write("whole.parquet", two_classes())
    Path("cut.parquet").write_bytes(Path("whole.parquet").read_bytes()[:size])
    refused(partonic("convert", "cut.parquet", "x.parquet"), "cut.parquet")
    refused(partonic("run", "top-tagging", "--data", "cut.parquet"), "cut.parquet")
    assert not Path("x.parquet").exists()


def test_outputs_are_never_written_over(partonic):
    parquet.write("a.parquet", two_classes())
    before = Path("a.parquet").read_bytes()
    refused(partonic("simulate", "top", "10", "-o", "a.parquet"), "a.parquet exists", "--overwrite")
    refused(partonic("convert", "a.parquet", "a.parquet", "--overwrite"), "same file")
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("x")
    refused(partonic("run", "top-tagging", "--preset", "tiny", "-o", "thesis"), "not empty")
    assert Path("a.parquet").read_bytes() == before
    assert Path("thesis/chapter.tex").read_text() == "x"


def test_strangers_checkpoints_cannot_run_code(partonic):
    import pickle

    class Evil:
        def __reduce__(self):
            return (os.system, ("touch owned",))

    parquet.write("a.parquet", two_classes())
    Path("evil.pt").write_bytes(pickle.dumps(Evil()))
    refused(partonic("predict", "evil.pt", "a.parquet", "-o", "x.parquet"), "evil.pt")
    import torch

    torch.save({"model": Evil()}, "evil2.pt")
    refused(partonic("predict", "evil2.pt", "a.parquet", "-o", "x.parquet"), "evil2.pt")
    assert not Path("owned").exists()


def test_a_missing_package_is_found_before_any_long_step(partonic, monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    refused(partonic("run", "top-tagging", "--preset", "tiny", "-o", "run"), "pythia8mc", "partonic[simulate]")
    refused(partonic("simulate", "top", "10", *SIMULATE), "pythia8mc", "partonic[simulate]")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_exits_130(tmp_path, workers):
    command = [
        sys.executable,
        "-m",
        "partonic.cli",
        "simulate",
        "top",
        "100000",
        "-o",
        "x.parquet",
        "--workers",
        workers,
    ]
    group = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    chunks = tmp_path / ".x.parquet.chunks"
    deadline = time.monotonic() + 120
    while not list(chunks.glob("0*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(group.pid, signal.SIGINT)
    _, err = group.communicate(timeout=60)
    assert group.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    assert not (tmp_path / "x.parquet").exists()
    assert list(chunks.glob("0*.parquet"))

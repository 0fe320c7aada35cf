"""Each verb does what its help says, on one tiny run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partonic.io import parquet


def test_help_and_version_import_nothing_heavy():
    for flag in ("--help", "--version"):
        code = (
            "import sys; from partonic.cli import main\n"
            f"try: main(['{flag}'])\n"
            "except SystemExit as end: assert not end.code\n"
            "heavy = {'torch', 'awkward', 'matplotlib', 'numba', 'pythia8mc', 'pyarrow'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("verb", ["run", "run top-tagging", "simulate", "convert", "predict", "resume", "compare"])
def test_every_verb_has_help(partonic, verb):
    outcome = partonic(*verb.split(), "--help")
    assert outcome.code == 0
    assert "Usage" in outcome.out


def test_recipe_help_names_every_option(partonic):
    text = partonic("run", "top-tagging", "--help").out
    for flag in (
        "--jets",
        "--models",
        "--seeds",
        "--data",
        "--preset",
        "--config",
        "--output",
        "--workers",
        "--device",
    ):
        assert flag in text
    assert "half of each class" in text, "the help of an option is what its docstring says"


def test_list_names_what_can_be_chosen(partonic):
    outcome = partonic("list")
    assert outcome.code == 0
    for name in (
        "top-tagging",
        "pfn",
        "trees",
        "cnn",
        "qcd",
        "drell-yan",
        "lhe:FILE",
        "atlas",
        "parquet",
        "galton-board",
    ):
        assert name in outcome.out


def test_simulators_with_gold_write_their_events(partonic, tmp_path):
    path = tmp_path / "moons.parquet"
    given = ["two-moons", "20", "-o", path, "--theta", "-0.1", "0.4", "--seed", "2", "--limit", "2"]
    outcome = partonic("simulate", *given)
    assert outcome.code == 0, outcome.err
    assert "two-moons at theta = (-0.1, 0.4): 20 events" in outcome.out
    events = parquet.read(path)
    assert events.provenance["options"]["limit"] == 2
    assert partonic("simulate", *given).err.startswith(f"partonic: {path} exists")
    outcome = partonic("simulate", "two-moons", "5", "-o", tmp_path / "x.parquet", "--theta", "1")
    assert outcome.code == 2
    assert "theta is 2 numbers" in outcome.err


def test_a_recipe_takes_its_file_by_place(partonic):
    outcome = partonic("run", "eft-from-lhe", "missing.lhe", "--preset", "tiny")
    assert outcome.code == 2
    assert outcome.err.startswith("partonic: no file missing.lhe")


def test_doctor_finds_this_installation_well(partonic):
    outcome = partonic("doctor")
    assert outcome.code == 0, outcome.out
    assert "torch" in outcome.out


def test_the_run_directory_holds_everything(tiny_run):
    tree = json.loads((tiny_run / "result.json").read_text())
    assert tree["status"] == "done"
    assert {"config.yaml", "result.json", "report.html", "run.log"} <= {path.name for path in tiny_run.iterdir()}
    for figure in tree["figures"]:
        for ending in ("svg", "png", "pdf"):
            assert (tiny_run / "figures" / f"{figure['name']}.{ending}").stat().st_size > 1000
        assert len(figure["caption"]) > 20
        assert len(figure["alt"]) > 20
    for table in tree["tables"]:
        assert (tiny_run / "tables" / f"{table}.csv").exists()
    assert not (tiny_run / "lock").exists()


def test_predict_keeps_order_and_adds_a_score(partonic, tiny_run):
    source = next((tiny_run.parent / "cache" / "samples").glob("top-*.parquet"))
    model = tiny_run / "checkpoints" / "pfn-1.pt"
    assert partonic("predict", model, source, "-o", "scored.parquet", "--batch-size", "7").code == 0
    before, after = parquet.read(source), parquet.read("scored.parquet")
    np.testing.assert_array_equal(before.column("jet_pt"), after.column("jet_pt"))
    scores = after.column("score")
    assert np.all((scores >= 0) & (scores <= 1))
    assert np.ptp(scores) > 0
    assert partonic("predict", model, source, "-o", "scored.parquet").code == 2


def test_report_is_rebuilt_the_same(partonic, tiny_run):
    before = (tiny_run / "report.html").read_text()
    (tiny_run / "report.html").unlink()
    assert partonic("report", tiny_run).code == 0
    assert (tiny_run / "report.html").read_text() == before


def test_cite_prints_bibtex_of_what_was_used(partonic, tiny_run):
    text = partonic("cite", tiny_run).out
    for key in ("Bierlich:2022pfr", "deFavereau:2013fsa", "Komiske:2018cqr", "Cacciari:2008gp", "partonic"):
        assert key in text
    assert text.count("@") == text.count("\n}\n")


def test_compare_shows_two_runs(partonic, tiny_run):
    shutil.copytree(tiny_run, "other")
    outcome = partonic("compare", tiny_run, "other", "-o", "both.html")
    assert outcome.code == 0
    assert "AUC of pfn" in Path("both.html").read_text()
    assert "AUC of pfn" in outcome.out


def test_resume_goes_on_and_changes_nothing(partonic, tiny_run, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tiny_run.parent / "cache"))
    copy = Path("copy").resolve()
    shutil.copytree(tiny_run, copy)
    before = json.loads((copy / "result.json").read_text())["summary"]
    for name in ("cnn-1.pt", "cnn-1-scores.npz"):  # as if it had been interrupted before this model was done
        (copy / "checkpoints" / name).unlink()
    outcome = partonic("resume", copy)
    assert outcome.code == 0, outcome.err
    after = json.loads((copy / "result.json").read_text())["summary"]
    assert after == before


def test_a_stored_configuration_runs_again(partonic, tiny_run):
    outcome = partonic("run", "top-tagging", "--config", tiny_run / "config.yaml", "--jets", "50")
    assert outcome.code == 2
    assert "jets must be 100 or more" in outcome.err

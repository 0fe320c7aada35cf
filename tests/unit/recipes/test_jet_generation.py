from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from format_samples import jetnet
from toy_jets import toy_jets

import partonic as pn
from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.result import Result
from partonic.generation.clouds import as_events, clouds
from partonic.io.parquet import write
from partonic.recipes.jet_generation import JetGeneration

TINY = JetGeneration.preset("tiny")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"kinds": ("top", "top")}, InputError, "each kind of jet once"),
        ({"kinds": ()}, InputError, "each kind of jet once"),
        ({"kinds": ("topp",)}, UnknownNameError, "did you mean 'top'"),
        ({"jets": 120}, InputError, "164 or more for each kind"),
        ({"particles": 0}, InputError, "1 particle"),
        ({"data": (Path("a/g.h5"), Path("b/g.hdf5"))}, InputError, "must differ, not g, g"),
    ],
)
def test_options_out_of_range(changes, error, said):
    with pytest.raises(error, match=said):
        replace(TINY, **changes)


def test_a_file_that_is_not_there():
    with pytest.raises(FileError, match="absent"):
        replace(TINY, data=(Path("absent.h5"),)).check()


def test_jets_of_a_file_are_learned_and_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "toy.parquet", toy_jets(200, smallest=4))
    pn.run("jet-generation", preset="tiny", data=(tmp_path / "toy.parquet",), output=tmp_path / "run")
    result = Result.load(tmp_path / "run")
    drawn = pn.read(tmp_path / "run" / "toy.parquet")
    assert len(drawn) == 100
    assert drawn.collection("constituents").counts.max() <= 10
    rows = result.tables["distances"].rows
    assert [row["kind"] for row in rows] == ["toy"] * 6
    assert all(np.isfinite(row[name].value) for row in rows for name in ("generated", "truth"))
    assert "learn from" in result.facts["warnings"][0]
    assert {"jets-toy", "weights"} == set(result.figures)


def test_jetnet_files_are_clouds(tmp_path):
    """JetNet's particles are relative to the jet and massless; both descriptions give the same mass."""
    jets = pn.read(jetnet(tmp_path))
    seen = clouds(jets, 30)
    shares = jets.collection("constituents")["pt_rel"]
    total = np.add.reduceat(shares.astype(float), seen.offsets[:-1])
    np.testing.assert_allclose(seen.frame[:, 0], total * jets.column("jet_pt"), rtol=1e-4)
    c = as_events(seen).collection("constituents")
    e, px, py, pz = (
        np.add.reduceat(jets.collection("constituents")[n], seen.offsets[:-1]) for n in ("e", "px", "py", "pz")
    )
    again = [np.add.reduceat(c[name], seen.offsets[:-1]) for name in ("e", "px", "py", "pz")]
    for mine, theirs in zip(again, (e, px, py, pz), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-2)

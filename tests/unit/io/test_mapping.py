"""Maps: ROOT, Parquet and csv of foreign layouts by branch names, units, cuts, and sentences for what is wrong."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot

from partonic.core.config import write_yaml
from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.events import concatenate
from partonic.io import formats
from partonic.io.convert import convert
from partonic.io.mapping import Map, read_map

N = 60


def content():
    """Jets in MeV with lists of constituents in pt, eta, phi; a weight, a label as a float."""
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 8, N)
    total = counts.sum()
    lists = {
        "cl_pt": rng.exponential(30_000, total).astype("f4"),
        "cl_eta": rng.normal(size=total).astype("f4"),
        "cl_phi": rng.uniform(-3, 3, total).astype("f4"),
        "cl_m": np.full(total, 140, "f4"),
    }
    columns = {
        "fjet_pt": rng.uniform(1e5, 1e6, N).astype("f4"),
        "isSignal": (np.arange(N) % 2).astype("f8"),
        "weight": rng.uniform(0.5, 2, N),
        "met_x": rng.normal(size=N),
        "met_y": rng.normal(size=N),
    }
    return {name: ak.unflatten(values, counts) for name, values in lists.items()}, columns


@pytest.fixture(params=["root", "parquet"])
def file(request, tmp_path):
    lists, columns = content()
    path = tmp_path / f"ntuple.{request.param}"
    if request.param == "parquet":
        ak.to_parquet(ak.zip({**lists, **columns}, depth_limit=1), path)
        return path
    with uproot.recreate(path) as out:
        arrays = {"cl": ak.zip({name.removeprefix("cl_"): values for name, values in lists.items()}), **columns}
        out.mktree("FlatSubstructure", {name: ak.type(ak.Array(each)).content for name, each in arrays.items()})
        out["FlatSubstructure"].extend(arrays)
        out.mktree("meta", {"x": "f8"}).extend({"x": np.ones(100)})
    return path


PLAN = {
    "columns": {
        "label": "isSignal",
        "jet_pt": {"branch": "fjet_pt", "scale": 0.001},
        "met_pt": "sqrt(met_x**2 + met_y**2)",
        "year": 2018,
    },
    "weights": {"nominal": "weight"},
    "collections": {
        "constituents": {"pt": "cl_pt", "eta": "cl_eta", "phi": "cl_phi", "mass": "cl_m", "scale": 0.001, "pid": 211}
    },
}


@pytest.fixture
def plan(tmp_path, file):
    """A YAML file of the map; for ROOT with the name of the tree, which is not the one with most entries."""
    path = tmp_path / "map.yaml"
    write_yaml(path, {**PLAN, **({"tree": "FlatSubstructure"} if file.suffix == ".root" else {})})
    return path


def test_a_map_makes_a_sample(file, plan):
    lists, columns = content()
    events = formats.read(file, map=plan)
    assert events.columns["label"].dtype == np.int8
    np.testing.assert_array_equal(events.columns["label"], columns["isSignal"])
    np.testing.assert_allclose(events.columns["jet_pt"], columns["fjet_pt"] / 1000, rtol=1e-6)
    np.testing.assert_allclose(events.columns["met_pt"], np.hypot(columns["met_x"], columns["met_y"]))
    assert set(events.columns["year"].tolist()) == {2018}
    np.testing.assert_array_equal(events.weight(), columns["weight"])
    got = events.collections["constituents"]
    np.testing.assert_array_equal(got.counts, ak.num(lists["cl_pt"]))
    order = ak.argsort(lists["cl_pt"], ascending=False)
    pt, eta = (ak.flatten(lists[name][order]).to_numpy().astype(float) for name in ("cl_pt", "cl_eta"))
    np.testing.assert_allclose(np.hypot(got["px"], got["py"]), pt / 1000, rtol=1e-5)
    np.testing.assert_allclose(got["e"], np.hypot(pt * np.cosh(eta), 140) / 1000, rtol=1e-5)
    assert set(got["pid"].tolist()) == {211}
    assert events.provenance["map"]["columns"]["label"] == "isSignal"
    assert {"jet_eta", "jet_phi", "jet_mass"} <= set(events.columns)


def test_chunks_join_to_the_whole(file, plan, assert_same):
    assert_same(formats.read(file, map=plan), concatenate(list(formats.iterate(file, 7, map=plan))))


def test_cuts_choose_items_first_and_then_events(file, plan):
    whole = formats.read(file, map=plan)
    cuts = ("jet_pt > 500", "constituents.pt > 20 and abs(constituents.eta) < 1", "count(constituents) >= 1")
    chosen = formats.read(file, map=Map(**{**read_map(plan).__dict__, "cuts": cuts}))
    part = whole.collections["constituents"]
    kept = part.keep((np.hypot(part["px"], part["py"]) > 20) & (np.abs(np.arcsinh(part["pz"] / np.hypot(part["px"], part["py"]))) < 1))  # fmt: skip  # noqa: E501
    rows = np.flatnonzero((whole.columns["jet_pt"] > 500) & (kept.counts >= 1))
    assert 0 < len(rows) < N
    np.testing.assert_array_equal(chosen.columns["met_pt"], whole.columns["met_pt"][rows])
    np.testing.assert_array_equal(chosen.collections["constituents"]["px"], kept.take(rows)["px"])
    none = formats.read(file, map=Map(**{**read_map(plan).__dict__, "cuts": ("jet_pt < 0",)}))
    assert len(none) == 0


def test_convert_by_a_map(file, plan, tmp_path):
    report = convert(file, tmp_path / "out.parquet", map=plan)
    assert report.events == N
    assert "by a map" in str(report)
    assert formats.count(tmp_path / "out.parquet") == N


def test_csv_and_padded_arrays(tmp_path):
    pd.DataFrame({"m": [1, 2, 3], "w": [0.5, 0.25, 1], "is it": ["a", "b", "a"]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    plan = Map(columns={"mass": "m", "kind": "is it"}, weights={"nominal": "w"}, cuts=("kind == 'a'", "mass * 2 < 7"))
    events = formats.read(tmp_path / "a.csv", map=plan)
    assert events.columns["mass"].tolist() == [1, 3]
    with uproot.recreate(tmp_path / "padded.root") as out:
        grid = np.array([[3.0, 4.0, 0.0], [5.0, 0.0, 0.0]])
        out.mktree("t", dict.fromkeys(("PX", "PY", "PZ", "E"), ("f8", (3,)))).extend(dict.fromkeys(("PX", "PY", "PZ"), grid) | {"E": 2 * grid})  # fmt: skip  # noqa: E501
    fields = {"px": "PX", "py": "PY", "pz": "PZ", "e": "E"}
    events = formats.read(tmp_path / "padded.root", map=Map(collections={"constituents": fields}, cuts=("constituents.e > 0",)))  # fmt: skip  # noqa: E501
    assert events.collections["constituents"].counts.tolist() == [2, 1]
    assert events.collections["constituents"]["px"].tolist() == [4, 3, 5]
    np.testing.assert_allclose(events.columns["jet_pt"], np.hypot([7, 5], [7, 5]), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"x": "fjet_p"}}, r"unknown branch \(for 'x' of the map\): 'fjet_p'; did you mean 'fjet_pt'"),
        (
            {"weights": {"nominal": "wei ght"}},
            r"unknown branch \(for the weight 'nominal' of the map\): 'wei ght'; did",
        ),
        ({"columns": {"x": "sqrt(met_z)"}}, r"unknown branch .*'met_z'; did you mean 'met_[xy]'"),
        ({"columns": {"x": "cl_pt"}}, "'x' is a list in each event; lists go into collections"),
        ({"collections": {"a": {"x": "weight"}}}, "no field of 'a' is a list; single values go into columns"),
        ({"collections": {"a": {"x": "cl_pt", "y": "weight"}}}, "'a.y' is no list, although 'a.x' is"),
        ({"columns": {"label": "weight"}}, r"event 1 has the label .*, no small number"),
        ({"cuts": ("jet_p > 1",)}, r"the cut 'jet_p > 1': unknown name 'jet_p'; did you mean 'jet_pt'"),
        ({"cuts": ("constituents.ptt > 1",)}, r"unknown field of constituents 'ptt'; did you mean 'pt'"),
    ],
)
def test_what_does_not_fit_is_said(file, plan, change, message):
    tree = {"tree": "FlatSubstructure"} if file.suffix == ".root" else {}
    changed = Map(**{**PLAN, **tree, **change})
    with pytest.raises(FileError, match=rf"ntuple\.\w+: .*{message}"):
        formats.read(file, map=changed)


@pytest.mark.parametrize(
    ("tree", "kind", "message"),
    [
        ({"column": {"x": "a"}}, UnknownNameError, r"unknown key in .*map\.yaml: 'column'; did you mean 'columns'"),
        ({"columns": ["x"]}, InputError, r"map\.yaml: 'columns' must be a mapping of names"),
        ({"columns": {"x": {"branch": "a", "factor": 2}}}, UnknownNameError, "'factor'"),
        ({"cuts": ["x > 1"]}, InputError, "a map needs columns, weights or collections"),
        ({"columns": {"x": "a"}, "cuts": ["__import__('os')"]}, InputError, "unknown function '__import__'"),
        ({"collections": {"a": {"scale": 2}}}, InputError, "'a' of the map has no field"),
        (
            {"collections": {"a": {"x": "b", "scale": "c"}}},
            InputError,
            "'scale' of the collection 'a' must be a number",
        ),
    ],
)
def test_wrong_maps(tmp_path, tree, kind, message):
    path = tmp_path / "map.yaml"
    write_yaml(path, tree)
    with pytest.raises(kind, match=message):
        read_map(path)


def test_a_tree_of_something_else(tmp_path):
    pd.DataFrame({"m": [1], "n": [2]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(FileError, match=r"a\.csv is no ROOT file and has no tree 't'"):
        formats.read(tmp_path / "a.csv", map=Map(tree="t", columns={"x": "m"}))

"""JetClass files, written with uproot and pyarrow from the published description; and what we write, read back."""

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from format_samples import sample_jets

from partonic.core.errors import FileError, InputError
from partonic.events import concatenate, kinematics
from partonic.io import formats

CLASSES = ["QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"]
FLAGS = ("part_isChargedHadron", "part_isNeutralHadron", "part_isPhoton", "part_isElectron", "part_isMuon")
LISTS = (
    "part_px part_py part_pz part_energy part_deta part_dphi part_charge part_d0val part_d0err part_dzval part_dzerr"
)
JET = "jet_pt jet_eta jet_phi jet_energy jet_nparticles jet_sdmass jet_tau1 jet_tau2 jet_tau3 jet_tau4"
AUX = "aux_genpart_eta aux_genpart_phi aux_genpart_pid aux_genpart_pt aux_truth_match"
N = 40


def published(seed=4):
    """Columns and lists of the layout."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 15, N)
    total = counts.sum()
    lists = {name: rng.normal(size=total).astype("f4") for name in LISTS.split()}
    lists["part_energy"] = np.sqrt(sum(lists[f"part_p{k}"] ** 2 for k in "xyz")).astype("f4")
    kind = rng.integers(0, 5, total)
    lists["part_charge"] = np.where(np.isin(kind, (1, 2)), 0, rng.choice([-1, 1], total)).astype("f4")
    lists |= {name: (kind == i).astype("f4") for i, name in enumerate(FLAGS)}
    columns = {name: rng.uniform(1, 2, N).astype("f4") for name in (JET + " " + AUX).split()}
    columns["jet_energy"] = columns["jet_pt"] * np.cosh(columns["jet_eta"]) + 1
    columns |= {f"label_{name}": np.arange(N) % 10 == i for i, name in enumerate(CLASSES)}
    return counts, lists, columns


def write_root(path):
    counts, lists, columns = published()
    fields = {name.removeprefix("part_"): ak.unflatten(values, counts) for name, values in lists.items()}
    content = {"part": ak.zip(fields), **columns}
    with uproot.recreate(path) as file:
        file.mktree("tree", {name: ak.type(ak.Array(values)).content for name, values in content.items()})
        file["tree"].extend(content)


def write_parquet(path):
    counts, lists, columns = published()
    fields = {name: ak.unflatten(values, counts) for name, values in lists.items()}
    ak.to_parquet(ak.zip({**fields, **columns}, depth_limit=1), path)


@pytest.fixture(params=[".root", ".parquet"])
def file(request, tmp_path):
    path = tmp_path / f"jets{request.param}"
    {".root": write_root, ".parquet": write_parquet}[request.param](path)
    return path


def test_what_is_read(file):
    counts, lists, columns = published()
    jets = formats.read(file)
    assert formats.recognise(file).name == "jetclass"
    assert formats.count(file) == N
    assert jets.columns["label"].tolist() == [i % 10 for i in range(N)]
    assert jets.provenance["classes"] == CLASSES
    for name in (JET + " " + AUX).split():
        np.testing.assert_array_equal(jets.columns[name], columns[name])
    np.testing.assert_allclose(
        kinematics.mass(*np.array([columns["jet_pt"], np.zeros(N), columns["jet_pt"] * np.sinh(columns["jet_eta"])]),
                        columns["jet_energy"]),
        jets.columns["jet_mass"], rtol=1e-3,
    )  # fmt: skip
    got = jets.collections["constituents"]
    np.testing.assert_array_equal(got.counts, counts)
    rows = np.repeat(np.arange(N), counts)
    order = np.lexsort((-np.hypot(lists["part_px"], lists["part_py"]), rows))
    for field, name in (("px", "part_px"), ("e", "part_energy"), ("deta", "part_deta"), ("dz_error", "part_dzerr")):
        np.testing.assert_array_equal(got[field], lists[name][order])
    for number, name in zip((211, 130, 22, 11, 13), FLAGS, strict=True):
        np.testing.assert_array_equal(np.abs(got["pid"]) == number, lists[name][order] == 1)
    electron, hadron = np.abs(got["pid"]) == 11, np.abs(got["pid"]) == 211
    np.testing.assert_array_equal(np.sign(got["pid"][electron]), -got["charge"][electron])
    np.testing.assert_array_equal(np.sign(got["pid"][hadron]), got["charge"][hadron])


def test_chunks_join_to_the_whole(file, assert_same):
    assert_same(formats.read(file), concatenate(list(formats.iterate(file, 7))))


@pytest.mark.parametrize("ending", [".root", ".parquet"])
def test_written_files_read_back_the_same(file, tmp_path, ending, assert_same):
    jets = formats.read(file)
    other = tmp_path / f"other{ending}"
    assert formats.write(other, formats.iterate(file, 9), to="jetclass") == N
    back = formats.read(other)
    for name in ("label", "jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_tau3", "aux_genpart_pid"):
        np.testing.assert_array_equal(back.columns[name], jets.columns[name])
    for name in ("px", "py", "pz", "e", "charge", "pid", "d0", "dz_error"):
        np.testing.assert_array_equal(back.collections["constituents"][name], jets.collections["constituents"][name])


@pytest.mark.parametrize("ending", [".root", ".parquet"])
def test_branches_are_those_of_the_published_configuration(tmp_path, ending):
    """Every variable that the tool's configuration of this data set asks for, in types that it stacks."""
    path = tmp_path / f"jets{ending}"
    jets = sample_jets()
    formats.write(path, jets, to="jetclass")
    if ending == ".root":
        with uproot.open(path) as opened:
            arrays = opened["tree"].arrays()
    else:
        arrays = ak.from_parquet(path)
    wanted = {*LISTS.split(), *FLAGS, *JET.split(), *AUX.split(), *(f"label_{name}" for name in CLASSES)}
    assert wanted <= set(arrays.fields)
    marks = np.stack([arrays[f"label_{name}"].to_numpy() for name in CLASSES], axis=1)
    np.testing.assert_array_equal(marks.sum(axis=1), 1)
    expected = np.where(jets.columns["label"] == 1, CLASSES.index("Tbqq"), CLASSES.index("QCD"))
    np.testing.assert_array_equal(np.argmax(marks, axis=1), expected)
    for name in (*LISTS.split(), *FLAGS):
        np.testing.assert_array_equal(ak.num(arrays[name]), jets.collections["constituents"].counts)
    eta = np.arcsinh(arrays.part_pz / np.hypot(arrays.part_px, arrays.part_py))
    signed = (eta - arrays.jet_eta) * np.where(arrays.jet_eta < 0, -1, 1)
    np.testing.assert_allclose(ak.flatten(arrays.part_deta), ak.flatten(signed), atol=1e-5)
    np.testing.assert_allclose(arrays.jet_pt, jets.columns["jet_pt"], rtol=1e-5)


def test_parquet_is_chosen_by_name_only(tmp_path):
    formats.write(tmp_path / "a.parquet", sample_jets())
    assert formats.recognise(tmp_path / "a.parquet").name == "parquet"
    formats.write(tmp_path / "b.parquet", sample_jets(), to="jetclass")
    assert formats.recognise(tmp_path / "b.parquet").name == "jetclass"
    assert "part_px" in pq.read_schema(tmp_path / "b.parquet").names
    with pytest.raises(InputError, match=r"wrong ending .*: \.root or \.parquet"):
        formats.write(tmp_path / "b.h5", sample_jets(), to="jetclass")


def test_labels_that_are_no_class(tmp_path):
    jets = sample_jets().with_columns(label=np.full(40, 12))
    with pytest.raises(InputError, match=r"jet 1 has the label 12, .*labels that do: 0, 1, 2"):
        formats.write(tmp_path / "a.root", jets)
    assert list(tmp_path.iterdir()) == []


def test_lists_of_different_lengths(tmp_path):
    path = tmp_path / "a.parquet"
    lists = {name: [[1.0], [1.0, 2.0]] for name in ("part_px", "part_py", "part_pz")}
    ak.to_parquet(ak.zip({**lists, "part_energy": [[1.0], [1.0]]}, depth_limit=1), path)
    with pytest.raises(FileError, match="event 2 has lists of different lengths: part_px, part_energy"):
        formats.read(path)

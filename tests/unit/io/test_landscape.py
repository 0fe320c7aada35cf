"""The top-tagging HDF5 layout: files of pandas and PyTables are read, ours are read by pandas."""

import pickle
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged, concatenate, kinematics
from partonic.io import landscape, pandas_hdf5

NAMES = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")] + ["truthE", "truthPX", "truthPY", "truthPZ"]


def make_frame(n=60, seed=1):
    """Jets as the published description has them: sorted by pt, padded with zeros, truth of the tops only."""
    rng = np.random.default_rng(seed)
    p = np.zeros((n, 200, 4), np.float32)
    counts = rng.integers(1, 80, n)
    counts[:2] = 200, 1
    for jet, count in zip(p, counts, strict=True):
        pt = np.sort(rng.exponential(20, count))[::-1]
        eta, phi = rng.normal(0.5, 0.2, count), rng.normal(2, 0.2, count)
        jet[:count, 1], jet[:count, 2], jet[:count, 3] = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
        jet[:count, 0] = pt * np.cosh(eta)
    label = rng.integers(0, 2, n)
    truth = np.where(label[:, None] == 1, rng.normal(0, 300, (n, 4)), 0).astype(np.float32)
    frame = pd.DataFrame(np.concatenate([p.reshape(n, 800), truth], axis=1), columns=NAMES)
    frame["ttv"] = rng.integers(0, 3, n)
    frame["is_signal_new"] = label
    return frame, p, counts


def check(events, frame, p, counts):
    """Every number of the frame is in the events."""
    constituents = events.collections["constituents"]
    assert constituents.counts.tolist() == counts.tolist()
    for i, name in enumerate(("e", "px", "py", "pz")):
        assert constituents[name].dtype == np.float32
        np.testing.assert_array_equal(constituents.padded(name, 200), p[:, :, i])
    assert events.columns["label"].tolist() == frame["is_signal_new"].tolist()
    assert events.columns["label"].dtype == np.int8
    assert events.columns["split"].tolist() == [("train", "test", "val")[k] for k in frame["ttv"]]
    for ours, theirs in (
        ("truth_e", "truthE"),
        ("truth_px", "truthPX"),
        ("truth_py", "truthPY"),
        ("truth_pz", "truthPZ"),
    ):
        np.testing.assert_array_equal(events.columns[ours], frame[theirs])
    e, px, py, pz = p.astype(np.float64).sum(axis=1).T
    np.testing.assert_allclose(events.columns["jet_pt"], kinematics.pt(px, py), rtol=1e-6)
    np.testing.assert_allclose(events.columns["jet_mass"], kinematics.mass(px, py, pz, e), rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "table", "complib": "blosc", "complevel": 5},
        {"format": "table", "complib": "blosc:zstd", "complevel": 9},
        {"format": "table", "complib": "blosc:lz4", "complevel": 5},
        {"format": "table", "complib": "blosc:lz4hc", "complevel": 5},
        {"format": "table", "complib": "blosc:blosclz", "complevel": 1},
        {"format": "table", "complib": "blosc:zlib", "complevel": 5},
        {"format": "table", "complib": "blosc2:zstd", "complevel": 5},
        {"format": "table", "complib": "bzip2", "complevel": 5},
        {"format": "fixed", "complib": "blosc:zstd", "complevel": 5},
        {"format": "table", "complib": "zlib", "complevel": 3},
        {"format": "table"},
        {"format": "table", "data_columns": ["is_signal_new"]},
        {"format": "fixed"},
        {"format": "fixed", "complib": "blosc", "complevel": 5},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_files_of_pandas_are_read(tmp_path, options):
    frame, p, counts = make_frame()
    frame.to_hdf(tmp_path / "a.h5", key="table", **options)
    check(concatenate(list(landscape.iterate(tmp_path / "a.h5"))), frame, p, counts)
    assert landscape.count(tmp_path / "a.h5") == 60


def test_a_table_made_by_appending(tmp_path):
    frame, p, counts = make_frame()
    for part in (frame[:20], frame[20:]):
        part.to_hdf(tmp_path / "a.h5", key="table", append=True, complib="blosc", complevel=1)
    check(concatenate(list(landscape.iterate(tmp_path / "a.h5"))), frame, p, counts)


def test_reading_in_parts(tmp_path, assert_same):
    frame, _, _ = make_frame()
    frame.to_hdf(tmp_path / "a.h5", key="table", format="table")
    parts = list(landscape.iterate(tmp_path / "a.h5", 25))
    assert [len(part) for part in parts] == [25, 25, 10]
    assert_same(next(landscape.iterate(tmp_path / "a.h5")), concatenate(parts))


def test_shuffled_columns_are_found_by_name(tmp_path):
    frame, p, counts = make_frame()
    order = np.random.default_rng(3).permutation(frame.columns)
    frame[list(order)].to_hdf(tmp_path / "a.h5", key="table", format="table")
    check(next(landscape.iterate(tmp_path / "a.h5")), frame, p, counts)


def test_double_precision_and_fewer_constituents(tmp_path):
    frame, p, counts = make_frame()
    few = frame[[*NAMES[:160], *NAMES[800:], "ttv", "is_signal_new"]].astype(dict.fromkeys(NAMES[:160], "float64"))
    few.to_hdf(tmp_path / "a.h5", key="table", format="table")
    events = next(landscape.iterate(tmp_path / "a.h5"))
    assert events.collections["constituents"].counts.tolist() == np.minimum(counts, 40).tolist()
    np.testing.assert_array_equal(events.collections["constituents"].padded("px", 40), p[:, :40, 1])


def test_a_pickle_in_a_file_is_never_run(tmp_path):
    frame, p, counts = make_frame()
    path = tmp_path / "a.h5"
    frame.to_hdf(path, key="table", format="table")

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    for protocol in (0, 2, 5):
        with h5py.File(path, "a") as file:
            file["table/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps([Evil(), *NAMES], protocol))
            file["table"].attrs["non_index_axes"] = np.bytes_(pickle.dumps(Evil(), protocol))
        check(next(landscape.iterate(path)), frame, p, counts)  # by shape
        assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_pickled_names_are_read_without_unpickling(protocol):
    assert pandas_hdf5.pickled_names(pickle.dumps(NAMES, protocol)) == tuple(NAMES)
    assert pandas_hdf5.pickled_names(pickle.dumps({"a": 1}, protocol)) is None
    assert pandas_hdf5.pickled_names(b"(lp1\nS'E_0'\np2\naS'PX_0'\np3\na.") == ("E_0", "PX_0")
    assert pandas_hdf5.pickled_names(b"not a pickle") is None


def make_jets(n=30):
    """Simulated jets: unsorted constituents, more than 200 in one, truth in polar coordinates."""
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 40, n)
    counts[3] = 260
    p = rng.normal(0, 20, (3, counts.sum())).astype(np.float32)
    fields = {"px": p[0], "py": p[1], "pz": p[2], "e": np.linalg.norm(p, axis=0)}
    fields["pid"] = np.full(counts.sum(), 211)
    label = rng.integers(0, 2, n).astype(np.int8)
    columns = {
        "label": label,
        "truth_pt": 600.0 * label,
        "truth_eta": rng.normal(size=n),
        "truth_phi": rng.normal(size=n),
    }
    columns |= {"truth_mass": 173.0 * label, "split": np.array(["train", "val", "test"])[rng.integers(0, 3, n)]}
    return Events(columns, {}, {"constituents": Ragged.from_counts(counts, fields)})


def test_pandas_reads_what_is_written(tmp_path):
    jets = make_jets()
    assert landscape.write(tmp_path / "a.h5", [jets[:11], jets[11:]]) == 30
    frame = pd.read_hdf(tmp_path / "a.h5", "table")
    assert list(frame.columns) == [*NAMES, "ttv", "is_signal_new"]
    assert frame.index.tolist() == list(range(30))
    assert frame["is_signal_new"].tolist() == jets.columns["label"].tolist()
    pt = np.hypot(frame["PX_0"], frame["PY_0"])
    assert np.all(np.hypot(frame["PX_5"], frame["PY_5"]) <= pt)
    np.testing.assert_allclose(np.hypot(frame["truthPX"], frame["truthPY"]), jets.columns["truth_pt"], rtol=1e-6)
    total = np.sqrt(
        np.maximum(kinematics.mass2(*(frame[f"truth{c}"].to_numpy(float) for c in ("PX", "PY", "PZ", "E"))), 0)
    )
    np.testing.assert_allclose(total, jets.columns["truth_mass"], rtol=1e-3)
    part = pd.read_hdf(tmp_path / "a.h5", "table", start=5, stop=12, columns=["E_0", "ttv"])
    assert part.shape == (7, 2)
    assert len(pd.read_hdf(tmp_path / "a.h5", "table", where="index < 4")) == 4


def test_write_and_read_gives_the_same(tmp_path, assert_same):
    jets = make_jets()
    landscape.write(tmp_path / "a.h5", jets)
    once = next(landscape.iterate(tmp_path / "a.h5"))
    counts = jets.collections["constituents"].counts
    assert once.collections["constituents"].counts.tolist() == np.minimum(counts, 200).tolist()
    assert once.columns["split"].tolist() == jets.columns["split"].tolist()
    kept = np.sort(jets[3:4].collections["constituents"]["px"])
    assert set(once[3:4].collections["constituents"]["px"]) <= set(kept)
    landscape.write(tmp_path / "b.h5", once)
    assert_same(once, next(landscape.iterate(tmp_path / "b.h5")))


def test_an_empty_sample(tmp_path):
    landscape.write(tmp_path / "a.h5", make_jets()[:0])
    assert [len(part) for part in landscape.iterate(tmp_path / "a.h5")] == [0]
    assert len(pd.read_hdf(tmp_path / "a.h5", "table")) == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda jets: jets.with_columns(label=np.full(30, 4)), InputError, "labels 0 .* not 4"),
        (lambda jets: jets.with_columns(split=np.full(30, "other")), InputError, "not 'other'"),
        (lambda jets: jets.select(columns=["split"]), KeyError, "unknown column 'label'"),
        (lambda jets: Events(jets.columns), KeyError, "unknown collection 'constituents'"),
    ],
)
def test_what_cannot_be_written_says_so(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        landscape.write(tmp_path / "a.h5", change(make_jets()))
    with pytest.raises(InputError, match="no sample"):
        landscape.write(tmp_path / "a.h5", [])
    assert list(tmp_path.iterdir()) == []


def test_other_hdf5_files_say_so(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["jets"] = np.zeros(3)
    with pytest.raises(FileError, match="no key 'table'; it has: jets"):
        next(landscape.iterate(path))
    pd.DataFrame({"a": [1.0]}).to_hdf(path, key="table", format="table", mode="w")
    with pytest.raises(FileError, match="not the columns E_0"):
        next(landscape.iterate(path))


def test_truncated_and_damaged_files_say_so(tmp_path):
    frame, _, _ = make_frame()
    path = tmp_path / "a.h5"
    frame.to_hdf(path, key="table", format="table", complib="blosc", complevel=5)
    whole = path.read_bytes()
    for size in (8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError, match=r"a\.h5"):
            list(landscape.iterate(path))
    rng = np.random.default_rng(2)
    failed = 0
    for _ in range(40):
        broken = bytearray(whole)
        broken[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            list(landscape.iterate(path))
        except FileError:
            failed += 1
    assert 0 < failed < 40  # most of the file is numbers, which carry no checksum


def test_reading_needs_neither_pandas_nor_pytables(tmp_path):
    landscape.write(tmp_path / "a.h5", make_jets())
    code = "import sys; from partonic.io import landscape; list(landscape.iterate(sys.argv[1]));"
    code += "print({'pandas', 'tables', 'torch'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_jets_before_a_damaged_piece_come_first(tmp_path):
    frame, _, counts = make_frame()
    path = tmp_path / "a.h5"
    frame.to_hdf(path, key="table", format="table", complib="zlib", complevel=3)
    with h5py.File(path) as file:
        table = file["table/table"]
        last = table.id.get_chunk_info(table.id.get_num_chunks() - 1)
    whole = bytearray(path.read_bytes())
    whole[last.byte_offset + last.size // 2] ^= 8
    path.write_bytes(whole)
    found = []
    with pytest.raises(FileError, match=r"a\.h5 cannot be read as HDF5 in the top-tagging layout"):
        found.extend(landscape.iterate(path, 8))
    found = [count for part in found for count in part.collections["constituents"].counts]
    assert len(found) > 0
    assert found == counts[: len(found)].tolist()


def test_a_key_that_is_damaged_says_so(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.zeros(3)
    with pytest.raises(FileError, match="its key 'table' is damaged or of another kind"):
        landscape.count(tmp_path / "a.h5")

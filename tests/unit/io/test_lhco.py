"""Files of the LHC Olympics, written with pandas from the published description."""

import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from partonic.core.errors import FileError
from partonic.events import concatenate, kinematics
from partonic.io import formats, lhco

FEATURES = [f"{name}{j}" for j in ("j1", "j2") for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")]
OPTIONS = [
    {},
    {"complib": "blosc", "complevel": 5},
    {"complib": "blosc:zstd", "complevel": 9},
    {"complib": "zlib", "complevel": 1},
    {"format": "table"},
    {"format": "table", "complib": "blosc:lz4", "complevel": 5},
]


def make_particles(n=30, seed=1):
    """Massless particles (n, 700, pt eta phi) by falling pt, padded with zeros; the numbers of true ones."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(20, 400, n)
    counts[:3] = 700, 1, 0
    p = np.zeros((n, 700, 3))
    for event, count in zip(p, counts, strict=True):
        event[:count, 0] = np.sort(rng.exponential(30, count))[::-1]
        event[:count, 1] = rng.uniform(-2.5, 2.5, count)
        event[:count, 2] = rng.uniform(-np.pi, np.pi, count)
    return p, counts


def event_list(p, label=None):
    """The published frame: columns 0 to 2099, and the label as column 2100."""
    flat = p.reshape(len(p), -1)
    return pd.DataFrame(flat if label is None else np.concatenate([flat, label[:, None]], axis=1))


def feature_table(n=50, seed=2):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(0, 800, (n, 14)), columns=FEATURES)
    frame[[name for name in FEATURES if name.startswith("m")]] = rng.uniform(0, 500, (n, 2))
    frame["label"] = rng.integers(0, 2, n).astype(float)
    return frame


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())) or "plain")
def test_an_event_list(tmp_path, options):
    p, counts = make_particles()
    label = np.arange(30) % 2
    event_list(p, label).to_hdf(tmp_path / "events.h5", key="df", mode="w", **options)
    assert formats.recognise(tmp_path / "events.h5").name == "lhco"
    assert lhco.count(tmp_path / "events.h5") == 30
    events = concatenate(list(lhco.iterate(tmp_path / "events.h5", 13)))
    assert events.columns["label"].tolist() == label.tolist()
    assert events.columns["label"].dtype == np.int8
    particles = events.collections["particles"]
    assert particles.counts.tolist() == counts.tolist()
    for i, name in enumerate(("pt", "eta", "phi")):
        np.testing.assert_array_equal(particles.padded(name, 700), p[:, :, i].astype(np.float32))
    px, py, pz, e = (particles[name].astype(float) for name in ("px", "py", "pz", "e"))
    np.testing.assert_allclose(kinematics.pt(px, py), particles["pt"], rtol=1e-6)
    np.testing.assert_allclose(kinematics.eta(px, py, pz), particles["eta"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(px**2 + py**2 + pz**2), e, rtol=1e-6)


def test_a_black_box_has_no_label(tmp_path):
    p, counts = make_particles()
    event_list(p).to_hdf(tmp_path / "a.h5", key="df", mode="w", complib="blosc", complevel=5)
    events = formats.read(tmp_path / "a.h5")
    assert not events.columns
    assert events.collections["particles"].counts.tolist() == counts.tolist()


def test_particles_are_sorted(tmp_path):
    p, counts = make_particles()
    for event, count in zip(p, counts, strict=True):
        event[:count] = event[:count][::-1]
    event_list(p).to_hdf(tmp_path / "a.h5", key="df", mode="w")
    particles = formats.read(tmp_path / "a.h5").collections["particles"]
    same_event = np.diff(particles.rows) == 0
    assert np.all(np.diff(particles["pt"])[same_event] <= 0)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())) or "plain")
def test_a_table_of_features(tmp_path, options):
    frame = feature_table()
    frame.loc[4, [name for name in FEATURES if name.endswith("j2")]] = 0
    frame.to_hdf(tmp_path / "a.h5", key="df", mode="w", **options)
    assert formats.recognise(tmp_path / "a.h5").name == "lhco"
    events = formats.read(tmp_path / "a.h5")
    assert events.columns["label"].tolist() == frame["label"].astype(int).tolist()
    jets = events.collections["jets"]
    assert jets.counts.tolist() == [2] * 4 + [1] + [2] * 45
    for stored, name in (("px", "px"), ("py", "py"), ("pz", "pz"), ("m", "mass"), ("tau1", "tau1"), ("tau3", "tau3")):
        values = frame[[f"{stored}j1", f"{stored}j2"]].to_numpy(np.float32)
        np.testing.assert_array_equal(jets.padded(name, 2), values)
    mass = kinematics.mass(*(jets[name].astype(float) for name in ("px", "py", "pz", "e")))
    np.testing.assert_allclose(mass, jets["mass"], rtol=1e-2, atol=0.5)


def test_features_in_any_order_and_with_more_columns(tmp_path):
    frame = feature_table()
    frame["mjj"] = np.arange(50.0)
    frame["tau4j1"] = 0.5  # of one jet only
    shuffled = frame[list(np.random.default_rng(1).permutation(frame.columns))]
    frame.to_hdf(tmp_path / "a.h5", key="df", mode="w")
    shuffled.to_hdf(tmp_path / "b.h5", key="df", mode="w")
    a, b = formats.read(tmp_path / "a.h5"), formats.read(tmp_path / "b.h5")
    assert sorted(a.columns) == sorted(b.columns) == ["label", "mjj", "tau4j1"]
    assert a.columns["mjj"].tolist() == list(range(50))
    for name in a.collections["jets"].fields:
        np.testing.assert_array_equal(a.collections["jets"][name], b.collections["jets"][name])


def test_a_file_without_events(tmp_path):
    for name, frame in (("a.h5", event_list(make_particles()[0])[:0]), ("b.h5", feature_table()[:0])):
        frame.to_hdf(tmp_path / name, key="df", mode="w")
        assert [len(part) for part in lhco.iterate(tmp_path / name)] == [0]
        assert lhco.count(tmp_path / name) == 0


def test_a_label_that_is_none_says_where(tmp_path):
    p, _ = make_particles()
    label = np.zeros(30)
    label[11] = np.nan
    event_list(p, label).to_hdf(tmp_path / "a.h5", key="df", mode="w")
    parts = []
    with pytest.raises(FileError, match=r"a\.h5: event 12 has nan as label"):
        parts.extend(lhco.iterate(tmp_path / "a.h5", 8))
    with pytest.raises(FileError, match="event 12"):
        parts.extend(part for part in lhco.iterate(tmp_path / "a.h5", 30))
    assert [len(part) for part in parts] == [8, 3, 11]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), "neither the 2,100 nameless columns .* it has: a, b"),
        (pd.DataFrame(np.zeros((2, 5))), "neither the 2,100"),
        (pd.DataFrame({"a": ["text"]}), "no table of numbers"),
        (pd.Series([1.0]), "no table of numbers"),
    ],
)
def test_other_tables_are_not_taken_for_this_one(tmp_path, frame, message):
    frame.to_hdf(tmp_path / "a.h5", key="df", mode="w")
    with pytest.raises(FileError, match=message):
        list(lhco.iterate(tmp_path / "a.h5"))
    with pytest.raises(FileError, match="no known format"):
        formats.recognise(tmp_path / "a.h5")


def test_another_key_says_so(tmp_path):
    feature_table().to_hdf(tmp_path / "a.h5", key="events", mode="w")
    with pytest.raises(FileError, match="no key 'df'; it has: events"):
        lhco.count(tmp_path / "a.h5")


def test_more_rows_than_are_stored_are_found_before_they_are_read(tmp_path):
    path = tmp_path / "a.h5"
    feature_table().to_hdf(path, key="df", mode="w")
    with h5py.File(path, "a") as file:
        values = file["df/block0_values"][:]
        del file["df/block0_values"]
        file["df"].create_dataset("block0_values", (2**40, 14), "f8", chunks=(1024, 14))[: len(values)] = values[:, :14]
    with pytest.raises(FileError, match=r"announces .* of which the file does not store all"):
        lhco.count(path)


def test_compressed_files_are_recognised_by_a_fresh_process(tmp_path):
    event_list(make_particles(3)[0]).to_hdf(tmp_path / "a.h5", key="df", mode="w", complib="blosc", complevel=5)
    code = "import sys; from partonic.io import formats; print(formats.recognise(sys.argv[1]).name)"
    run = [sys.executable, "-c", code, tmp_path / "a.h5"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == "lhco"

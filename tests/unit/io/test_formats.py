"""Recognition by content, reading and writing by ending, conversion with its checks."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged, concatenate
from partonic.io import formats, landscape, lhe, parquet
from partonic.io.check import MomentumCheck
from partonic.io.convert import convert


@pytest.fixture
def jets(make_sample):
    """Jets that every format can hold."""
    sample = make_sample()
    particles = sample.collections["particles"]
    constituents = particles.with_fields(pid=particles["pid"])
    return Events({"label": sample.columns["label"]}, {}, {"constituents": constituents, "particles": particles})


def test_the_formats_that_there_are():
    names = {entry.name for entry in formats.FORMATS}
    assert {"csv", "hepmc"} <= names
    assert {
        "energyflow",
        "jetnet",
        "landscape",
        "lhco",
        "lhe",
        "parquet",
        "delphes",
        "jetclass",
        "nanoaod",
        "root",
    } <= names
    chosen = {ending: formats.by_ending(f"a{ending}").name for ending in (".parquet", ".h5", ".lhe", ".lhe.gz")}
    assert chosen == {".parquet": "parquet", ".h5": "landscape", ".lhe": "lhe", ".lhe.gz": "lhe"}


@pytest.mark.parametrize(
    ("ending", "name"), [(".parquet", "parquet"), (".lhe", "lhe"), (".lhe.gz", "lhe"), (".h5", "landscape")]
)
def test_files_are_recognised_by_content_not_by_name(jets, tmp_path, ending, name):
    path = tmp_path / f"jets{ending}"
    assert formats.write(path, jets) == len(jets)
    other = tmp_path / "renamed.dat"
    shutil.copy(path, other)
    assert formats.recognise(other).name == name
    assert len(formats.read(other)) == formats.count(other) == len(jets)
    assert sum(len(part) for part in formats.iterate(other, 7)) == len(jets)


def test_unknown_content_says_what_is_known(tmp_path):
    path = tmp_path / "a.parquet"
    for content, message in (
        (b"hello", "has content that is of no known format"),
        (gzip.compress(b"\x93NUMPY"), "looks like a NumPy array"),
        (b"PK\x03\x04", "zip"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=rf"a\.parquet.*{message}.*nested Parquet \(\.parquet\)"):
            formats.recognise(path)
    path.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(FileError, match="damaged gzip"):
        formats.read(path)
    pd.DataFrame({"a": [1]}).to_hdf(path, key="events", mode="w")
    with pytest.raises(FileError, match="HDF5 file of another layout"):
        formats.read(path)


def test_missing_and_empty_files(tmp_path):
    (tmp_path / "top.parquet").write_bytes(b"")
    with pytest.raises(FileError, match="is empty"):
        formats.read(tmp_path / "top.parquet")
    with pytest.raises(FileError, match=r"no file .*tpo\.parquet.*did you mean 'top\.parquet'"):
        formats.read(tmp_path / "tpo.parquet")
    with pytest.raises(FileError, match="is a folder"):
        formats.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("a.parqet", r"'\.parqet'.*did you mean '\.parquet'"), ("a", "no ending")]
)
def test_unknown_endings_say_what_is_known(sample, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        formats.write(tmp_path / name, sample)


def test_rows_must_be_positive(sample, tmp_path):
    formats.write(tmp_path / "a.parquet", sample)
    for module in (formats, parquet, lhe, landscape):
        with pytest.raises(InputError, match="1 or more, not 0"):
            list(module.iterate(tmp_path / "a.parquet", 0))


def test_cached_is_rebuilt_when_the_file_changes(sample, tmp_path, assert_same, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.parquet"
    formats.write(path, sample)
    assert_same(sample, formats.cached(path))
    assert_same(sample, formats.cached(path))
    formats.write(path, sample[:9])
    assert_same(sample[:9], formats.cached(path))
    assert len(list((tmp_path / "cache" / "events").iterdir())) == 1


def test_cached_joins_files(sample, tmp_path, assert_same):
    formats.write(tmp_path / "a.parquet", sample)
    formats.write(tmp_path / "b.parquet", sample[:4].with_provenance(seed=9))
    both = formats.cached([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "cache")
    assert_same(concatenate([sample, sample[:4]]), both)
    assert [part["seed"] for part in both.provenance["parts"]] == [3, 9]
    formats.write(tmp_path / "b.parquet", sample.select(columns=["met"]))
    with pytest.raises(FileError, match=r"b\.parquet cannot be joined to .*a\.parquet: .* is only in .*a\.parquet"):
        formats.cached([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "cache")


def test_convert_there_and_back(lhe_file, tmp_path, assert_same):
    report = convert(lhe_file, tmp_path / "a.parquet")
    assert (report.events, report.items, len(report.weights)) == (200, {"particles": 1022}, 22)
    assert report.check.sound
    text = str(report)
    assert "200 events" in text
    assert "momenta of particles: all sound (of 1,022)" in text
    assert "cHW_0p2" in text
    convert(tmp_path / "a.parquet", tmp_path / "b.lhe")
    assert_same(formats.read(lhe_file), formats.read(tmp_path / "b.lhe"))


def test_convert_counts_what_is_off(tmp_path):
    p = np.array([[1.0, 0, 0, 2], [np.nan, 0, 0, 2], [3, 0, 0, 2], [0, 0, 0, -1], [1, 2, 2, 3], [5, 0, 0, 2]])
    fields = {name: p[:, i] for i, name in enumerate(("px", "py", "pz", "e"))}
    fields["status"] = np.array([1, 1, 1, 1, 1, -2])
    events = Events(
        {},
        {"nominal": np.array([-1.0, np.inf]), "up": np.ones(2)},
        {"particles": Ragged.from_counts(np.array([2, 4]), fields)},
    )
    formats.write(tmp_path / "a.parquet", events)
    with pytest.raises(
        FileError, match=r"a\.parquet: event 1 has a momentum in 'particles' that is not finite; .* --bad drop"
    ):
        convert(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert not (tmp_path / "b.parquet").exists()
    report = convert(tmp_path / "a.parquet", tmp_path / "b.parquet", bad="keep")
    assert report.check.not_finite == {"particles": 1}
    assert report.check.below == {"particles": 2}
    assert not report.check.sound
    text = str(report)
    assert "momenta of particles: 1 not finite, 2 with E < |p| (of 6)" in text
    assert "weight nominal: 1 not finite" in text
    assert "weight nominal: 1 negative" in text


def test_convert_drops_what_is_bad(tmp_path, lhe_file, assert_same):
    sample = formats.read(lhe_file)
    px = sample.collections["particles"]["px"].copy()
    px[sample.collections["particles"].offsets[[7, 30]]] = np.inf
    bad = sample.with_collections(particles=sample.collections["particles"].with_fields(px=px))
    formats.write(tmp_path / "a.parquet", bad)
    with pytest.raises(FileError, match="event 8 has a momentum in 'particles'"):
        convert(tmp_path / "a.parquet", tmp_path / "b.parquet")
    report = convert(tmp_path / "a.parquet", tmp_path / "b.parquet", bad="drop")
    assert (report.events, report.dropped) == (198, 2)
    assert "left out: 2 events" in str(report)
    good = np.delete(np.arange(200), [7, 30])
    assert_same(sample[good], formats.read(tmp_path / "b.parquet"))


def test_convert_keeps_what_a_damaged_file_gives_on_request(tmp_path, lhe_file, assert_same):
    broken = tmp_path / "broken.lhe"
    text = gzip.decompress(lhe_file.read_bytes())
    broken.write_bytes(text[: int(len(text) * 0.7)])
    report = convert(broken, tmp_path / "a.parquet", bad="drop")
    assert 100 < report.events < 200
    assert "truncated" in report.fault
    assert "could not be read to its end" in str(report)
    whole = formats.read(lhe_file)[: report.events]
    assert_same(whole.with_provenance(source="broken.lhe"), formats.read(tmp_path / "a.parquet"))
    with pytest.raises(KeyError, match="unknown treatment of bad events 'drip'; did you mean 'drop'"):
        convert(broken, tmp_path / "b.parquet", bad="drip")


def test_a_format_is_chosen_by_name(tmp_path, jets):
    assert formats.write(tmp_path / "a.hdf5", jets, to="landscape") == len(jets)
    with pytest.raises(KeyError, match="unknown format 'landscap'; did you mean 'landscape'"):
        formats.write(tmp_path / "b.h5", jets, to="landscap")
    with pytest.raises(InputError, match=r"wrong ending for nested Parquet: \.parquet"):
        formats.write(tmp_path / "b.h5", jets, to="parquet")


def test_rounding_in_float32_is_not_off():
    rng = np.random.default_rng(1)
    p = (rng.standard_normal((3, 100_000)) * 10 ** rng.uniform(-3, 3, 100_000)).astype(np.float32)
    e = np.sqrt((p.astype(float) ** 2).sum(axis=0)).astype(np.float32)
    check = MomentumCheck()
    fields = {"px": p[0], "py": p[1], "pz": p[2], "e": e}
    check.add(Events(collections={"x": Ragged.from_counts(np.array([100_000]), fields)}))
    assert check.sound


def test_convert_says_what_the_target_cannot_hold(jets, tmp_path):
    formats.write(tmp_path / "a.parquet", jets)
    assert "200 leading constituents" in str(convert(tmp_path / "a.parquet", tmp_path / "b.h5"))


def test_convert_refuses_before_it_works(lhe_file, tmp_path):
    target = tmp_path / "a.parquet"
    convert(lhe_file, target)
    with pytest.raises(FileError, match=r"exists; .*--overwrite"):
        convert(lhe_file, target)
    assert convert(lhe_file, target, overwrite=True).events == 200
    with pytest.raises(InputError, match="the same file"):
        convert(target, tmp_path / "." / "a.parquet", overwrite=True)
    with pytest.raises(FileError, match="does not exist"):
        convert(target, tmp_path / "none" / "b.lhe")
    with pytest.raises(InputError, match=r"'\.txt'"):
        convert(target, tmp_path / "b.txt")
    with pytest.raises(KeyError, match="unknown collection 'constituents'"):
        convert(target, tmp_path / "b.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_a_fault_half_way_leaves_the_old_target(lhe_file, tmp_path):
    broken = tmp_path / "broken.lhe"
    broken.write_bytes(gzip.decompress(lhe_file.read_bytes())[:-2000])
    target = tmp_path / "a.parquet"
    convert(lhe_file, target)
    with pytest.raises(FileError, match="truncated"):
        convert(broken, target, overwrite=True)
    assert formats.count(target) == 200
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.parquet", "broken.lhe"]


def test_every_real_file_is_converted(real_data, tmp_path):
    files = [file for file in sorted(real_data.iterdir()) if file.suffix not in (".md", ".pt")]
    assert len(files) >= 15
    for file in files:
        report = convert(file, tmp_path / "a.parquet", overwrite=True)
        assert report.check.sound or file.suffix == ".csv"  # momenta there are rounded to a few digits
        assert not any(report.check.not_finite.values())
        assert formats.count(tmp_path / "a.parquet") == report.events == formats.count(file)
    with pytest.raises(FileError, match="no known format"):
        formats.read(real_data / "ParticleNet_kin.pt")

"""Parquet: what is written comes back, other readers see plain nested data, broken files say so."""

import json

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Link, Ragged, concatenate
from partonic.io import parquet


def test_write_and_read_gives_the_same(assert_same, sample, tmp_path):
    path = tmp_path / "a.parquet"
    assert parquet.write(path, sample) == len(sample)
    back = parquet.read(path)
    assert_same(sample, back)
    assert back.provenance == sample.provenance
    assert parquet.count(path) == len(sample)


def test_empty_sample_keeps_its_layout(assert_same, sample, tmp_path):
    parquet.write(tmp_path / "a.parquet", sample[:0])
    back = parquet.read(tmp_path / "a.parquet")
    assert len(back) == 0
    assert_same(sample, concatenate([back, sample]))
    assert [len(part) for part in parquet.iterate(tmp_path / "a.parquet")] == [0]


def test_chunks_are_joined_and_read_in_chunks_of_any_size(assert_same, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 8)
    path = tmp_path / "a.parquet"
    parquet.write(path, (sample[i : i + 5] for i in range(0, len(sample), 5)))
    assert pq.ParquetFile(path).metadata.num_row_groups > 2
    assert_same(sample, parquet.read(path))
    for rows in (1, 7, 1000):
        parts = list(parquet.iterate(path, rows))
        assert all(len(part) == rows for part in parts[:-1])
        assert_same(sample, concatenate(parts))


def test_provenance_may_be_completed_while_writing(sample, tmp_path):
    facts = {"process": "top"}

    def chunks():
        yield sample
        facts["acceptance"] = np.float64(0.25)
        facts["bad"] = float("nan")

    parquet.write(tmp_path / "a.parquet", chunks(), facts)
    assert parquet.read(tmp_path / "a.parquet").provenance == {"process": "top", "acceptance": 0.25, "bad": None}


def test_provenance_of_different_chunks_is_kept(sample, tmp_path):
    parquet.write(tmp_path / "a.parquet", [sample.with_provenance(seed=1), sample.with_provenance(seed=2)])
    assert [part["seed"] for part in parquet.read(tmp_path / "a.parquet").provenance["parts"]] == [1, 2]


def test_awkward_and_pandas_read_it_as_nested_data(sample, tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(path, sample)
    array = ak.from_parquet(path)
    assert ak.num(array.particles).tolist() == sample.collections["particles"].counts.tolist()
    assert ak.flatten(array.particles.px).to_numpy().dtype == np.float32
    assert array.weights["scale up"].to_numpy().tolist() == sample.weights["scale up"].tolist()
    frame = pd.read_parquet(path)
    assert frame["met"].tolist() == sample.columns["met"].tolist()
    assert len(frame["particles"][5]) == sample.collections["particles"].counts[5]
    assert set(frame["jets"][5][0]) == {"pt", "btag", "constituents"}


def test_a_file_rewritten_by_others_is_still_understood(assert_same, sample, tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(path, sample)
    table = pq.read_table(path).replace_schema_metadata(None).drop_columns(["jets"])
    pq.write_table(table, tmp_path / "b.parquet")
    back = parquet.read(tmp_path / "b.parquet")
    assert_same(sample.select(collections=["particles"]), back)
    assert back.provenance == {"source": "b.parquet"}


def test_a_stranger_file_is_read_where_possible(tmp_path):
    jets = [[{"pt": 1.0, "tags": [1, 2]}, {"pt": None, "tags": []}], None, []]
    table = pa.table(
        {
            "met": pa.array([1.0, None, 3.0], pa.float32()),
            "name": pa.array(["a", None, "a"]).dictionary_encode(),
            "price": pa.array([1, 2, 3], pa.decimal128(5, 2)),
            "when": pa.array([0, 1, 2], pa.timestamp("s")),
            "jets": pa.array(jets),
            "pt": pa.array([[1.0, 2.0], [], [3.0]], pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    events = parquet.read(tmp_path / "a.parquet")
    np.testing.assert_array_equal(events.columns["met"], np.array([1, np.nan, 3], np.float32))
    assert events.columns["name"].tolist() == ["a", "", "a"]
    assert events.columns["price"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(events.collections["jets"]["pt"], [1, np.nan])
    assert events.collections["jets"].counts.tolist() == [2, 0, 0]
    assert events.collections["pt"]["value"].tolist() == [1, 2, 3]
    assert events.provenance["left_out"] == ["when", "jets.tags"]


def test_missing_integers_are_an_error(tmp_path):
    pq.write_table(pa.table({"n": pa.array([1, None])}), tmp_path / "a.parquet")
    with pytest.raises(FileError, match=r"'n' .* 1 missing values"):
        parquet.read(tmp_path / "a.parquet")


def test_a_file_with_nothing_to_read_is_an_error(tmp_path):
    pq.write_table(pa.table({"when": pa.array([0], pa.timestamp("s"))}), tmp_path / "a.parquet")
    with pytest.raises(FileError, match="no column of numbers"):
        parquet.read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.with_columns(particles=s.columns["met"]), "two parts"),
        (lambda s: s.with_columns(met=s.columns["met"] + 1j), "complex"),
        (lambda s: s.with_columns(met=np.zeros((len(s), 0))), "axis of length 0"),
        (lambda s: s.with_columns(met=np.array([{}] * len(s))), "mixes text"),
        (lambda s: s.with_provenance(what=object()), "plain data"),
        (lambda s: s.with_collections(none=Ragged.from_counts(np.zeros(len(s)), {})), "no field"),
    ],
)
def test_what_cannot_be_written_says_so_and_leaves_nothing(sample, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        parquet.write(tmp_path / "a.parquet", change(sample))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.select(columns=["met"]), "'label' is first int8, then missing"),
        (lambda s: s.with_columns(met=s.columns["met"].astype(float)), "'met' is first float32, then float64"),
        (
            lambda s: s.with_columns(theta=s.columns["theta"][:, :1]),
            r"'theta' is first float64 \[2\], then float64 \[1\]",
        ),
        (lambda s: s.with_collections(jets=s.collections["particles"]), "'jets.pt' is first float64, then missing"),
        (lambda s: s.with_collections(more=s.collections["particles"]), "'more' is first missing, then collection"),
    ],
)
@pytest.mark.parametrize("rows", [1, 1000])
def test_samples_that_differ_are_an_error(sample, tmp_path, monkeypatch, change, message, rows):
    monkeypatch.setattr(parquet, "GROUP_ROWS", rows)
    with pytest.raises(InputError, match=message):
        parquet.write(tmp_path / "a.parquet", [sample, change(sample)])
    assert list(tmp_path.iterdir()) == []


def test_the_order_of_columns_may_differ(assert_same, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 30)
    turned = Events(
        dict(reversed(sample.columns.items())),
        dict(reversed(sample.weights.items())),
        dict(reversed(sample.collections.items())),
        sample.gold,
        sample.provenance,
    )
    parquet.write(tmp_path / "a.parquet", [sample, turned])
    assert_same(concatenate([sample, sample]), parquet.read(tmp_path / "a.parquet"))


def test_no_sample_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no sample"):
        parquet.write(tmp_path / "a.parquet", [])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_keeps_the_old_file(sample, tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(path, sample[:3])

    def chunks():
        yield sample
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parquet.write(path, chunks())
    assert parquet.count(path) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_a_missing_folder_is_one_sentence(sample, tmp_path):
    with pytest.raises(FileError, match="cannot write"):
        parquet.write(tmp_path / "none" / "a.parquet", sample)


def test_a_newer_version_is_one_sentence(sample, tmp_path):
    table = pa.table({"x": [1.0]}).replace_schema_metadata({"partonic": json.dumps({"version": 99, "provenance": {}})})
    pq.write_table(table, tmp_path / "a.parquet")
    for read in (parquet.read, lambda p: next(parquet.iterate(p))):
        with pytest.raises(FileError, match=r"newer file version 99.*upgrade"):
            read(tmp_path / "a.parquet")


@pytest.mark.parametrize("broken", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"hello, this is text"])
def test_broken_files_are_one_sentence(tmp_path, broken):
    path = tmp_path / "a.parquet"
    path.write_bytes(broken)
    for read in (parquet.read, parquet.count, lambda p: list(parquet.iterate(p))):
        with pytest.raises(FileError, match=r"a\.parquet"):
            read(path)


def test_truncated_files_are_one_sentence(sample, tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(path, sample)
    whole = path.read_bytes()
    for size in range(4, len(whole), 997):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError, match="truncated or damaged"):
            parquet.read(path)


def test_a_flipped_bit_in_the_data_is_found(make_sample, assert_same, tmp_path):
    sample = make_sample(400)
    path = tmp_path / "a.parquet"
    parquet.write(path, sample)
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    rng = np.random.default_rng(5)
    for where in rng.integers(4, len(whole), 150):
        broken = bytearray(whole)
        broken[where] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            back = parquet.read(path)
        except FileError:
            continue
        if where < footer:  # the footer carries no checksum, page headers hold lengths that are not always used
            assert_same(sample, back)


def test_links_of_a_slice_survive(assert_same, sample, tmp_path):
    part = sample[5:20]
    parquet.write(tmp_path / "a.parquet", part)
    assert_same(part, parquet.read(tmp_path / "a.parquet"))


def test_a_field_that_is_also_a_link_is_an_error(tmp_path):
    one = np.array([0, 1])
    ragged = Ragged(one, {"a": one[:1]}, {"a": Link("self", one, one[:1])})
    with pytest.raises(InputError, match="both a field and a link"):
        parquet.write(tmp_path / "a.parquet", Events(collections={"self": ragged}))

"""Splits of files: disjoint, complete, by name or column or at random, and never a sample in memory."""

import numpy as np
import pytest
import uproot

from partonic.core.errors import FileError, InputError
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.io import parquet
from partonic.io.splits import FRACTIONS, split_files


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))


def numbered(first, n, **columns):
    counts = np.arange(n) % 4
    particles = Ragged.from_counts(counts, {"px": np.repeat(np.arange(first, first + n), counts).astype(float)})
    other = Ragged.from_counts(counts, {"x": np.zeros(counts.sum())})
    return Events(
        {"number": np.arange(first, first + n), **columns}, collections={"constituents": particles, "other": other}
    )


def written(tmp_path, name, events):
    parquet.write(tmp_path / name, events)
    return tmp_path / name


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("what", ["label", "weight"])
def test_labels_and_weights_that_are_not_finite_are_named(tmp_path, what, value):
    bad = np.ones(100)
    bad[41] = value
    events = numbered(0, 100, **({"label": bad} if what == "label" else {}))
    if what == "weight":
        events = events.with_weights({"nominal": bad})
    good = (
        events.with_columns(label=np.ones(100)) if what == "label" else events.with_weights({"nominal": np.ones(100)})
    )
    files = [written(tmp_path, "a.parquet", good), written(tmp_path, "b.parquet", events)]
    with pytest.raises(FileError, match=rf"b\.parquet: event 42 has {value:g} as {what}, not a finite number"):
        split_files(files, seed=3)


def test_random_split_is_disjoint_complete_and_repeats(tmp_path):
    files = [written(tmp_path, "a.parquet", numbered(0, 600)), written(tmp_path, "b.parquet", numbered(600, 400))]
    parts = split_files(files, seed=3, collections=["constituents"])
    assert {name: len(part) for name, part in parts.items()} == {"train": 600, "validation": 100, "test": 300}
    together = np.concatenate([part.column("number") for part in parts.values()])
    np.testing.assert_array_equal(np.sort(together), np.arange(1000))
    for part in parts.values():
        assert list(part.collections) == ["constituents"]
        ragged = part.collection("constituents")
        np.testing.assert_array_equal(ragged["px"], part.column("number")[ragged.rows])
    again = split_files(files, seed=3, collections=["constituents"])
    other = split_files(files, seed=4, collections=["constituents"])
    np.testing.assert_array_equal(again["test"].column("number"), parts["test"].column("number"))
    assert not np.array_equal(other["test"].column("number"), parts["test"].column("number"))


def test_names_of_files_come_first_then_the_column(tmp_path):
    train = written(tmp_path, "train.parquet", numbered(0, 50, split=np.full(50, "test")))
    val = written(tmp_path, "val.parquet", numbered(50, 20, split=np.full(20, "test")))
    test = written(tmp_path, "test.parquet", numbered(70, 30, split=np.full(30, "train")))
    assert {name: len(part) for name, part in split_files([train, val, test], 1).items()} == {
        "train": 50,
        "validation": 20,
        "test": 30,
    }
    column = np.array(["train"] * 60 + ["test"] * 40)
    parts = split_files([written(tmp_path, "all.parquet", numbered(0, 100, split=column))], 1)
    np.testing.assert_array_equal(parts["test"].column("number"), np.arange(60, 100))
    assert len(parts["validation"]) == 9  # held out of the 60 for training
    assert len(parts["train"]) == 51


def test_a_changed_file_is_split_anew(tmp_path):
    file = written(tmp_path, "a.parquet", numbered(0, 100))
    split_files([file], 1)
    written(tmp_path, "a.parquet", numbered(1000, 100))
    assert split_files([file], 1)["train"].column("number").min() >= 1000


def test_the_arrays_are_views_of_a_file(tmp_path):
    part = split_files([written(tmp_path, "a.parquet", numbered(0, 100))], 1)["train"]
    assert not part.column("number").flags.owndata
    assert not part.collection("constituents")["px"].flags.writeable


def test_what_cannot_be_split_is_said(tmp_path):
    with pytest.raises(InputError, match="no validation events among the 3"):
        split_files([written(tmp_path, "few.parquet", numbered(0, 3))], 1)
    with pytest.raises(FileError, match=r"no file .*none\.parquet"):
        split_files([tmp_path / "none.parquet"], 1)
    assert sum(FRACTIONS.values()) == pytest.approx(1)


def test_further_files_go_to_one_sample(tmp_path):
    first = written(tmp_path, "a.parquet", numbered(0, 100))
    more = written(tmp_path, "b.parquet", numbered(100, 50))
    plain, parts = split_files([first], 1), split_files([first], 1, also={"test": [more]})
    np.testing.assert_array_equal(parts["train"].column("number"), plain["train"].column("number"))
    together = [*plain["test"].column("number"), *range(100, 150)]
    np.testing.assert_array_equal(parts["test"].column("number"), together)


def test_one_tree_of_a_file_is_split(tmp_path):
    path = tmp_path / "train.root"
    with uproot.recreate(path) as file:
        for tree, first in (("signal", 0), ("background", 500)):
            file.mktree(tree, {"x": "f8"}).extend({"x": np.arange(first, first + 100.0)})
    parts = split_files([f"{path}:background"], 1)
    together = np.sort(np.concatenate([part.column("x") for part in parts.values()]))
    np.testing.assert_array_equal(together, np.arange(500, 600))
    other = split_files([f"{path}:signal"], 1)
    assert max(part.column("x").max() for part in other.values()) == 99

"""The memory-mapped cache: the same events, only touched pages in memory, whole or not there."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged, cache, concatenate


def test_a_sample_built_in_parts_is_the_same(sample, tmp_path, assert_same):
    cache.build((sample[i : i + 5] for i in range(0, len(sample), 5)), tmp_path / "a")
    back = cache.load(tmp_path / "a")
    assert_same(sample, back)
    assert back.provenance == sample.provenance
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["data.bin", "index.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_slices_are_views_and_rows_can_be_taken(sample, tmp_path, assert_same):
    cache.build([sample], tmp_path / "a")
    back = cache.load(tmp_path / "a")
    part = back[5:20]
    assert np.shares_memory(part.collections["particles"]["px"], back.collections["particles"]["px"])
    assert_same(sample[5:20], part)
    rows = np.array([7, 3, 3, 30])
    assert_same(sample[rows], back[rows])
    with pytest.raises(ValueError, match="read-only"):
        back.columns["met"][0] = 1


def test_text_of_different_width_and_offsets_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "BLOCK", 16)
    parts = [
        Events(
            {"split": np.array(["a", "val"])},
            collections={"x": Ragged.from_counts(np.array([3, 0]), {"v": np.arange(3.0)})},
        ),
        Events(
            {"split": np.array(["train", "ü", ""], object)},
            collections={"x": Ragged.from_counts(np.array([1, 2, 0]), {"v": np.arange(3.0)})},
        ),
        Events(
            {"split": np.array([], "U1")}, collections={"x": Ragged.from_counts(np.array([], int), {"v": np.zeros(0)})}
        ),
    ]
    cache.build(parts, tmp_path / "a")
    back = cache.load(tmp_path / "a")
    assert back.columns["split"].tolist() == ["a", "val", "train", "ü", ""]
    assert back.collections["x"].offsets.tolist() == [0, 3, 3, 4, 6, 6]


def test_an_empty_sample(sample, tmp_path, assert_same):
    cache.build([sample[:0]], tmp_path / "a")
    assert len(cache.load(tmp_path / "a")) == 0
    assert_same(sample, concatenate([cache.load(tmp_path / "a"), sample]))


def test_a_cache_is_replaced_while_an_old_one_is_open(sample, tmp_path, assert_same):
    cache.build([sample], tmp_path / "a")
    old = cache.load(tmp_path / "a")
    cache.build([sample[:4]], tmp_path / "a")
    assert_same(sample, old)
    assert_same(sample[:4], cache.load(tmp_path / "a"))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.select(columns=["met"]), "columns.label"),
        (lambda s: s.with_columns(met=s.columns["met"].astype(float)), "'columns.met' is float64"),
        (lambda s: s.with_columns(theta=s.columns["theta"][:, :1]), r"'columns.theta' is float64 \(1,\)"),
    ],
)
def test_samples_that_differ_are_an_error_and_leave_nothing(sample, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        cache.build([sample, change(sample)], tmp_path / "a")
    with pytest.raises(InputError, match="no sample"):
        cache.build([], tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_keeps_the_old_cache(sample, tmp_path, assert_same):
    cache.build([sample], tmp_path / "a")

    def chunks():
        yield sample[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.build(chunks(), tmp_path / "a")
    assert_same(sample, cache.load(tmp_path / "a"))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def damage(folder, what):
    """Break a cache in one way."""
    index, data = folder / "index.json", folder / "data.bin"
    if what == "version":
        index.write_text(json.dumps({**json.loads(index.read_text()), "version": 99}))
    elif what == "no json":
        index.write_text("{")
    elif what == "truncated":
        data.write_bytes(data.read_bytes()[:-1])
    elif what == "no arrays":
        tree = json.loads(index.read_text())
        del tree["arrays"]
        index.write_text(json.dumps(tree))
    elif what == "beyond":
        tree = json.loads(index.read_text())
        tree["arrays"][0]["at"] = 10**9
        index.write_text(json.dumps(tree))
    else:
        data.unlink()


@pytest.mark.parametrize("what", ["version", "no json", "truncated", "no arrays", "beyond", "no data"])
def test_a_damaged_cache_says_so_and_is_built_again(sample, tmp_path, what, assert_same):
    key = {"size": 1, "files": ("a", 2)}
    cache.kept("a", key, lambda: [sample], tmp_path)
    damage(tmp_path / "a", what)
    with pytest.raises(FileError, match=r"damaged|version 1|cannot read"):
        cache.load(tmp_path / "a")
    assert_same(sample, cache.kept("a", key, lambda: [sample], tmp_path))


def test_kept_builds_once_until_the_key_changes(sample, tmp_path):
    built = []

    def chunks():
        built.append(1)
        return [sample]

    for key in ([1, 2], (1, 2), [1, 3], [1, 3]):
        cache.kept("a", key, chunks, tmp_path)
    assert len(built) == 2


def test_where_caches_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "mine"))
    assert cache.default_folder() == tmp_path / "mine" / "events"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "file" / "no"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache.default_folder().parent.parent == tmp_path
    with pytest.raises(FileError, match="cannot be made"):
        cache.kept("a", 1, list, tmp_path / "file" / "no")


MEASURE = """
    import sys
    import numpy as np, psutil
    from partonic.events import cache

    process = psutil.Process()
    events = cache.load(sys.argv[1])
    start = process.memory_info().rss
    part = events[100_000:100_064].collections["constituents"]["pz"].copy()
    opened = process.memory_info().rss
    total, highest = 0.0, 0
    for rows in np.random.default_rng(1).permutation(len(events)).reshape(-1, 100)[::6]:
        total += float(events[rows].collections["constituents"]["pz"].sum())
        cache.release(events)
        highest = max(highest, process.memory_info().rss)
    assert np.array_equal(part, events[100_000:100_064].collections["constituents"]["pz"])
    print(opened - start, highest - start)
"""


def test_training_like_access_does_not_load_the_sample(tmp_path):
    rng = np.random.default_rng(1)

    def chunks():
        for _ in range(12):
            counts = rng.poisson(40, 10_000)
            momenta = rng.standard_normal((4, counts.sum())).astype(np.float32)
            fields = dict(zip(("px", "py", "pz", "e"), momenta, strict=True))
            yield Events({"label": counts % 2}, collections={"constituents": Ragged.from_counts(counts, fields)})

    cache.build(chunks(), tmp_path / "a")
    size = (tmp_path / "a" / "data.bin").stat().st_size
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE), tmp_path / "a"], capture_output=True, text=True, check=True
    )
    opened, highest = (int(number) for number in out.stdout.split())
    assert size > 70e6
    assert opened < 20e6
    assert highest < 20e6

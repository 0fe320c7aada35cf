"""Events: rows chosen in every way, joined, shuffled, split; what does not fit is an error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partonic.core.errors import InputError, UnknownNameError
from partonic.events import Events, Link, Ragged, concatenate


def rows_of(events):
    """Each event as plain data: the obvious form that every choice of rows is compared with."""
    out = []
    for i in range(len(events)):
        dense = [
            {name: values[i].tolist() for name, values in group.items()}
            for group in (events.columns, events.weights, events.gold)
        ]
        items = {
            name: {key: ragged[key][ragged.offsets[i] : ragged.offsets[i + 1]].tolist() for key in ragged.fields}
            for name, ragged in events.collections.items()
        }
        out.append((dense, items))
    return out


@pytest.fixture(scope="module")
def whole(make_sample):
    events = make_sample(23)
    return events, rows_of(events)


optional = st.none() | st.integers(-30, 30)


@given(start=optional, stop=optional, step=st.none() | st.integers(1, 7) | st.integers(-7, -1))
def test_slices_are_those_of_lists(whole, start, stop, step):
    events, rows = whole
    chosen = slice(start, stop, step)
    assert rows_of(events[chosen]) == rows[chosen]


@given(st.lists(st.integers(-23, 22), max_size=40))
def test_row_numbers_are_those_of_lists(whole, index):
    events, rows = whole
    assert rows_of(events[np.array(index, dtype=int)]) == [rows[i] for i in index]
    assert rows_of(events[index]) == [rows[i] for i in index]


@given(st.lists(st.booleans(), min_size=23, max_size=23))
def test_masks_are_those_of_lists(whole, mask):
    events, rows = whole
    assert rows_of(events[np.array(mask)]) == [row for row, kept in zip(rows, mask, strict=True) if kept]


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=1, max_size=4))
def test_joining_slices_is_joining_lists(whole, cuts):
    events, rows = whole
    joined = concatenate([events[a:b] for a, b in cuts])
    assert rows_of(joined) == [row for a, b in cuts for row in rows[a:b]]


@pytest.mark.parametrize("rows", [[23], [-24], [0, 99]])
def test_rows_outside_are_an_error(whole, rows):
    with pytest.raises(InputError, match="outside the 23 events"):
        whole[0][rows]


def test_a_mask_of_wrong_length_is_an_error(whole):
    with pytest.raises(InputError, match=r"mask of shape \(3,\) does not fit 23 events"):
        whole[0][np.array([True, False, True])]


def test_slices_share_memory(sample):
    assert np.shares_memory(sample[3:9].columns["met"], sample.columns["met"])


def test_names_that_are_not_there_are_errors_with_the_nearest(sample):
    with pytest.raises(UnknownNameError, match="unknown column 'mett'; did you mean 'met'"):
        sample.column("mett")
    with pytest.raises(UnknownNameError, match="unknown collection 'jet'; did you mean 'jets'"):
        sample.collection("jet")
    with pytest.raises(UnknownNameError, match="unknown weight 'scale'; did you mean 'scale up'"):
        sample.weight("scale")
    assert sample.column("met") is sample.columns["met"]
    assert sample.collection("jets") is sample.collections["jets"]


def test_weights_are_ones_where_there_are_none():
    assert Events({"x": np.zeros(3)}).weight().tolist() == [1, 1, 1]
    events = Events({"x": np.zeros(2)}).with_weights({"nominal": np.array([-1, 2], np.float32)})
    assert events.weight().tolist() == [-1, 2]
    assert events.weight().dtype == np.float64


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "at least one column"),
        ({"columns": {"a": np.zeros(2)}, "weights": {"w": np.zeros(3)}}, "column 'a' has 2, weight 'w' has 3"),
        ({"columns": {"a": np.zeros(2)}, "gold": {"joint_score": np.zeros((3, 1))}}, "gold 'joint_score' has 3"),
        (
            {
                "columns": {"a": np.zeros(2)},
                "collections": {"c": Ragged.from_counts(np.array([1]), {"x": np.zeros(1)})},
            },
            "collection 'c' has 1",
        ),
    ],
)
def test_parts_of_different_length_are_an_error(parts, message):
    with pytest.raises(InputError, match=message):
        Events(**parts)


def test_a_link_to_nowhere_is_an_error():
    jets = Ragged(np.array([0, 1]), {}, {"constituents": Link("particle", np.array([0, 1]), np.array([0]))})
    particles = Ragged(np.array([0, 1]), {"px": np.zeros(1)})
    with pytest.raises(UnknownNameError, match=r"'jets\.constituents' 'particle'; did you mean 'particles'"):
        Events(collections={"jets": jets, "particles": particles})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.with_columns(more=s.columns["met"]), "column more is not in all"),
        (lambda s: s.select(columns=["met"]), "not in all"),
        (lambda s: s.with_weights({"down": s.columns["met"]}), "weight down is not in all"),
        (lambda s: s.select(collections=["particles"]), "collection jets is not in all"),
        (
            lambda s: s.with_collections(
                particles=s.collections["particles"].with_fields(q=s.collections["particles"]["px"])
            ),
            "field of 'particles' q",
        ),
    ],
)
def test_joining_different_columns_is_an_error(sample, change, message):
    for parts in ([sample, change(sample)], [change(sample), sample]):
        with pytest.raises(InputError, match=message):
            concatenate(parts)


def test_joining_nothing_is_an_error_and_one_is_itself(sample):
    with pytest.raises(InputError, match="no sample"):
        concatenate([])
    assert concatenate([sample]) is sample


def test_provenance_of_joined_samples(sample):
    assert concatenate([sample[:3], sample[3:]]).provenance == sample.provenance
    other = sample.with_provenance(seed=4)
    assert [part["seed"] for part in concatenate([sample, other]).provenance["parts"]] == [3, 4]


def test_shuffle_is_a_permutation_by_seed(sample):
    numbered = sample.with_columns(number=np.arange(len(sample)))
    shuffled = numbered.shuffle(1)
    number = shuffled.columns["number"]
    assert sorted(number) == list(range(len(sample)))
    assert number.tolist() != list(range(len(sample)))
    assert rows_of(shuffled) == rows_of(numbered[number])
    assert numbered.shuffle(1).columns["number"].tolist() == number.tolist()
    assert numbered.shuffle(2).columns["number"].tolist() != number.tolist()


@pytest.mark.parametrize(
    ("fractions", "sizes"),
    [
        ({"train": 0.6, "val": 0.2, "test": 0.2}, [600, 200, 200]),
        ({"train": 0.5}, [500]),
        ({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, [333, 334, 333]),
    ],
)
def test_split_by_fraction(fractions, sizes):
    events = Events({"number": np.arange(1000)})
    parts = events.split(fractions, seed=3)
    assert [len(part) for part in parts.values()] == sizes
    numbers = np.concatenate([part.columns["number"] for part in parts.values()])
    assert len(set(numbers)) == sum(sizes)
    for name, part in parts.items():
        assert set(part.columns["split"]) == {name}
        assert np.all(np.diff(part.columns["number"]) > 0)
        assert abs(np.mean(part.columns["number"]) - 500) < 60  # spread over the sample
    again = events.split(fractions, seed=3)
    assert all(np.array_equal(again[name].columns["number"], parts[name].columns["number"]) for name in parts)


@pytest.mark.parametrize("fractions", [{"a": 0.0, "b": 1.0}, {"a": -0.1}, {"a": 0.7, "b": 0.7}, {"a": float("nan")}])
def test_split_fractions_out_of_range_are_an_error(sample, fractions):
    with pytest.raises(InputError, match="above 0 and at most 1"):
        sample.split(fractions, seed=1)


@pytest.mark.parametrize("k", [2, 5, 37])
def test_every_event_is_held_out_once(sample, k):
    numbered = sample.with_columns(number=np.arange(len(sample)))
    held = []
    for rest, out in numbered.folds(k, seed=2):
        assert len(rest) + len(out) == len(sample)
        assert not set(rest.columns["number"]) & set(out.columns["number"])
        assert abs(len(out) - len(sample) / k) < 1
        held += out.columns["number"].tolist()
    assert sorted(held) == list(range(len(sample)))


@pytest.mark.parametrize("k", [0, 1, 38])
def test_folds_out_of_range_are_an_error(sample, k):
    with pytest.raises(InputError, match="between 2 and the 37 events"):
        next(sample.folds(k, seed=1))


def test_select_and_describe(sample):
    small = sample.select(columns=["met"], collections=["particles"])
    assert list(small.columns) == ["met"]
    assert list(small.collections) == ["particles"]
    assert list(small.weights) == list(sample.weights)
    total = sample.collections["particles"].total
    assert small.describe() == (
        f"37 events; columns met; weights nominal, scale up; gold joint_score, joint_ratio; particles ({total})"
    )
    with pytest.raises(UnknownNameError, match=r"unknown target of the link 'jets\.constituents'"):
        sample.select(collections=["jets"])

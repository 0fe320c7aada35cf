"""Ragged collections against plain Python lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partonic.core.errors import InputError
from partonic.events import Events, Link, Ragged

lists = st.lists(st.lists(st.integers(-100, 100), max_size=6), max_size=12)


def ragged(rows):
    """A collection of integers."""
    flat = np.array([item for row in rows for item in row], dtype=np.int64)
    return Ragged.from_counts(
        np.array([len(row) for row in rows], dtype=np.int64), {"x": flat, "p": np.stack([flat, -flat], 1)}
    )


def as_lists(collection):
    """Back to lists."""
    edges = zip(collection.offsets[:-1], collection.offsets[1:], strict=True)
    return [collection["x"][a:b].tolist() for a, b in edges]


@given(lists)
def test_there_and_back(rows):
    collection = ragged(rows)
    assert as_lists(collection) == rows
    assert len(collection) == len(rows)
    assert collection.total == sum(map(len, rows))
    assert collection.counts.tolist() == [len(row) for row in rows]
    assert collection.rows.tolist() == [i for i, row in enumerate(rows) for _ in row]


@given(lists, st.data())
def test_cut_and_take_are_those_of_lists(rows, data):
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    assert as_lists(ragged(rows).cut(start, stop)) == rows[start:stop]
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20)) if rows else []
    taken = ragged(rows).take(np.array(index, dtype=np.int64))
    assert as_lists(taken) == [rows[i] for i in index]
    np.testing.assert_array_equal(taken["p"], np.stack([taken["x"], -taken["x"]], 1))


@given(lists)
def test_keep_drops_items_not_events(rows):
    collection = ragged(rows)
    kept = collection.keep(collection["x"] > 0)
    assert as_lists(kept) == [[item for item in row if item > 0] for row in rows]


@given(lists, st.integers(0, 8))
def test_padded_cuts_and_fills(rows, length):
    expected = [(row + [7] * length)[:length] for row in rows]
    padded = ragged(rows).padded("x", length, fill=7)
    assert padded.shape == (len(rows), length)
    assert padded.tolist() == expected
    assert ragged(rows).padded("p", length).shape == (len(rows), length, 2)


def test_a_cut_shares_memory():
    collection = ragged([[1, 2], [3], [4, 5]])
    assert np.shares_memory(collection.cut(1, 3)["x"], collection["x"])


def test_fields_are_added_and_missing_ones_named():
    collection = ragged([[1], [2]]).with_fields(y=np.array([3, 4]))
    assert collection["y"].tolist() == [3, 4]
    with pytest.raises(KeyError, match="unknown field 'yy'; did you mean 'y'"):
        collection["yy"]


@pytest.mark.parametrize(
    ("offsets", "fields", "links", "message"),
    [
        ([1, 2], {"x": [1, 2]}, {}, "rising list that starts at 0"),
        ([0, 2, 1], {"x": [1]}, {}, "rising list"),
        ([], {}, {}, "rising list"),
        ([0, 2], {"x": [1, 2, 3]}, {}, "field 'x' has 3 items, the offsets say 2"),
        ([0, 2], {"x": [1, 2]}, {"l": ([0, 1], [0])}, "link 'l' does not fit the 2 items"),
        ([0, 2], {"x": [1, 2]}, {"l": ([0, 1, 2], [0])}, "link 'l' does not fit"),
    ],
)
def test_what_does_not_fit_is_an_error(offsets, fields, links, message):
    arrays = {name: np.array(values) for name, values in fields.items()}
    made = {name: Link("x", np.array(a), np.array(b)) for name, (a, b) in links.items()}
    with pytest.raises(InputError, match=message):
        Ragged(np.array(offsets, dtype=np.int64), arrays, made)


def linked(events):
    """The px of each jet's constituents, as nested lists."""
    jets, particles = events.collections["jets"], events.collections["particles"]
    link = jets.links["constituents"]
    out = []
    for event in range(len(events)):
        px = particles["px"][particles.offsets[event] : particles.offsets[event + 1]]
        items = range(jets.offsets[event], jets.offsets[event + 1])
        out.append([px[link.index[link.offsets[i] : link.offsets[i + 1]]].tolist() for i in items])
    return out


@given(st.data())
def test_links_follow_their_events(data):
    counts = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    jets = [
        data.draw(st.lists(st.lists(st.integers(0, n - 1), max_size=4) if n else st.just([]), max_size=3))
        for n in counts
    ]
    flat = [jet for event in jets for jet in event]
    link = Link(
        "particles",
        np.concatenate([[0], np.cumsum([len(jet) for jet in flat], dtype=np.int64)]).astype(np.int64),
        np.array([i for jet in flat for i in jet], dtype=np.int64),
    )
    events = Events(
        collections={
            "particles": Ragged.from_counts(np.array(counts), {"px": np.arange(sum(counts))}),
            "jets": Ragged.from_counts(
                np.array([len(event) for event in jets]), {"n": np.arange(len(flat))}, {"constituents": link}
            ),
        }
    )
    whole = linked(events)
    index = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=10))
    assert linked(events[np.array(index, dtype=np.int64)]) == [whole[i] for i in index]
    start = data.draw(st.integers(0, len(counts)))
    assert linked(events[start:]) == whole[start:]
    all_jets = events.collections["jets"]
    kept = events.with_collections(jets=all_jets.keep(all_jets["n"] % 2 == 0))
    number = iter(range(len(flat)))
    assert linked(kept) == [[jet for jet in event if next(number) % 2 == 0] for event in whole]

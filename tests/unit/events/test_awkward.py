"""Awkward arrays: there and back, sharing memory, with vector's behaviour; strangers' arrays."""

import awkward as ak
import numpy as np
import pytest
import vector

from partonic.core.errors import InputError
from partonic.events import Events, Ragged
from partonic.events.awkward import from_awkward, to_awkward


def test_there_and_back_is_the_same(sample, assert_same):
    back = from_awkward(to_awkward(sample))
    assert_same(sample, back)
    assert back.provenance == sample.provenance


def test_empty_sample(sample, assert_same):
    assert_same(sample[:0], from_awkward(to_awkward(sample[:0])))


def test_flat_arrays_are_shared(sample):
    array = to_awkward(sample)
    assert np.shares_memory(ak.flatten(array.particles).px.to_numpy(), sample.collections["particles"]["px"])


def test_cuts_made_in_awkward_are_understood(sample, assert_same):
    array = to_awkward(sample)
    mask = sample.columns["met"] > 0.5
    cut = array[mask]
    assert_same(sample[mask], from_awkward(cut))
    cut["particles"] = cut.particles[cut.particles.e > 2]
    kept = sample[mask]
    particles = kept.collections["particles"]
    back = from_awkward(cut).collections["particles"]
    np.testing.assert_array_equal(back["px"], particles.keep(particles["e"] > 2)["px"])


def test_momenta_have_vector_behaviour(sample):
    vector.register_awkward()
    particles = to_awkward(sample).particles
    fields = sample.collections["particles"]
    np.testing.assert_allclose(ak.flatten(particles.pt), np.hypot(fields["px"], fields["py"]), rtol=1e-6)


def test_links_are_lists_of_positions(sample):
    array = to_awkward(sample)
    first = int(np.argmax(ak.to_numpy(ak.sum(ak.num(array.jets.constituents, axis=2), axis=1))))
    jets = sample[first : first + 1].collections["jets"]
    link = jets.links["constituents"]
    expected = [link.index[a:b].tolist() for a, b in zip(link.offsets[:-1], link.offsets[1:], strict=True)]
    assert array.jets.constituents[first].tolist() == expected
    assert any(expected)


def test_a_strangers_array():
    array = ak.Array(
        [
            {"met": 1.0, "jets": [{"pt": 2.0, "parts": [0, 1]}], "hits": [1, 2, 3], "name": "a"},
            {"met": None, "jets": [], "hits": None, "name": "bc"},
        ]
    )
    events = from_awkward(array, links={"jets.parts": "hits"}, provenance={"from": "afar"})
    np.testing.assert_array_equal(events.columns["met"], [1.0, np.nan])
    assert events.columns["name"].tolist() == ["a", "bc"]
    assert events.collections["hits"]["value"].tolist() == [1, 2, 3]
    assert events.collections["hits"].counts.tolist() == [3, 0]
    assert events.collections["jets"].links["parts"].index.tolist() == [0, 1]
    assert events.provenance == {"from": "afar"}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ak.Array([1.0, 2.0]), "records with named fields"),
        (ak.Array([{"n": 1}, {"n": None}]), "missing values"),
        (ak.Array([{"jets": [{"parts": [1]}]}]), "a list within a list"),
        (ak.Array([{"x": 1.0}, {"x": "a"}]), "neither numbers, text"),
        (ak.Array([{"x": {"y": 1}}]), "events hold numbers|neither numbers"),
    ],
)
def test_what_cannot_be_events_says_so(array, message):
    with pytest.raises(InputError, match=message):
        from_awkward(array)


def test_a_name_that_stands_twice_is_an_error():
    ragged = Ragged.from_counts(np.array([1]), {"x": np.array([1.0])})
    with pytest.raises(InputError, match="two parts"):
        to_awkward(Events({"a": np.array([1.0])}, collections={"a": ragged}))

"""Streams of tracks, neutral particles and vertices."""

import numpy as np
import pytest
import torch
from toy_jets import permuted, toy_jets, with_kinds
from toy_tracks import toy_tracks

from partonic.core.errors import InputError
from partonic.represent import representation
from partonic.represent.impact import tracks
from partonic.represent.streams import JETS, NEUTRALS, TRACKS, VERTICES, JetStreams
from partonic.represent.vertices import vertices


def column(stream, names, name):
    """One feature of all items."""
    return stream.features[:, list(names).index(name)].numpy()


def test_each_particle_is_in_one_stream():
    events = with_kinds(toy_jets(20))
    streams = representation("streams", most=1_000)(events)
    charge = events.collection("constituents")["charge"]
    assert len(streams) == 20
    assert len(streams.tracks.features) == np.count_nonzero(charge)
    assert len(streams.neutrals.features) == np.count_nonzero(charge == 0)
    for stream, names in ((streams.tracks, TRACKS), (streams.neutrals, NEUTRALS), (streams.vertices, VERTICES)):
        assert stream.features.shape[1] == len(names)
        assert stream.offsets[-1] == len(stream.features)
        assert torch.isfinite(stream.features).all()
    assert streams.jets.shape == (20, len(JETS))


def test_the_most_displaced_track_and_the_hardest_neutral_come_last():
    events = with_kinds(toy_jets(20))
    streams = JetStreams()(events)
    for stream, names, name in ((streams.tracks, TRACKS, "significance"), (streams.neutrals, NEUTRALS, "log_pt")):
        values, first = column(stream, names, name), np.zeros(len(stream.features), dtype=bool)
        starts = stream.offsets[:-1].numpy()
        first[starts[starts < len(first)]] = True
        assert np.all((np.diff(values) >= 0) | first[1:])


def test_too_many_tracks_are_cut_at_the_least_displaced():
    events, _ = toy_tracks(10, prompt=6, displaced=4)
    few, whole = JetStreams(most=3)(events), JetStreams()(events)
    assert few.tracks.offsets.diff().tolist() == [3] * 10
    torch.testing.assert_close(few.tracks.features[:3], whole.tracks.features[7:10])
    torch.testing.assert_close(few.jets, whole.jets)  # numbers of the jet are of all


def test_vertices_are_those_that_are_found():
    events, _ = toy_tracks(30, prompt=3, displaced=4)
    found, streams = vertices(events), JetStreams()(events)
    assert streams.vertices.offsets.tolist() == found.offsets.tolist()
    assert sorted(column(streams.vertices, VERTICES, "mass")) == pytest.approx(sorted(found.mass), rel=1e-5)
    assert column(streams.tracks, TRACKS, "in_vertex").sum() == np.count_nonzero(found.member >= 0)
    assert len(tracks(events).index) == 30 * 7


def test_the_order_of_the_constituents_does_not_matter():
    events = with_kinds(toy_jets(10))
    before, after = JetStreams()(events), JetStreams()(permuted(events))
    torch.testing.assert_close(after.tracks.features, before.tracks.features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.jets, before.jets)


def test_bad_options_and_jets_are_said():
    with pytest.raises(InputError, match="1 or more items"):
        JetStreams(most=0)
    with pytest.raises(InputError, match="need charge"):
        JetStreams()(toy_jets(2))

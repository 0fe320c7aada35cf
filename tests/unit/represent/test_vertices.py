"""Secondary vertices of tracks that come from known points."""

import numpy as np
import pytest
from toy_jets import permuted, turned
from toy_tracks import toy_tracks

from partonic.represent.impact import tracks
from partonic.represent.vertices import MOST, vertices


def test_a_vertex_is_found_where_it_is_within_its_error():
    events, place = toy_tracks(400, prompt=6, displaced=3, flight=3.0)
    found = vertices(events)
    first = np.unique(found.jet, return_index=True)[1]
    assert len(first) > 0.93 * 400
    assert np.mean(np.diff(found.offsets) == 1) > 0.85
    pull = (found.flight[first] - 3.0) / found.error[first]
    # The tracks are known to 20 um across, and to many times that along the flight.
    assert np.median(np.abs(pull)) == pytest.approx(0.67, abs=0.15)
    assert np.median(np.linalg.norm(found.position[first] - place[found.jet[first]], axis=1)) < 0.5
    assert np.mean(found.tracks[first] == 3) > 0.6
    assert np.median(found.angle[first]) < 0.06
    assert np.median(found.quality[first]) < 2


def test_its_mass_and_energy_are_those_of_its_tracks():
    events, _ = toy_tracks(50, prompt=0, displaced=3, flight=5.0)
    found, own = vertices(events), tracks(events)
    whole = np.flatnonzero(found.tracks == 3)
    assert len(whole) > 30
    parts = events.collection("constituents")
    for vertex in whole[:5]:
        chosen = own.index[found.member == vertex]
        assert len(chosen) == 3
        px, py, pz, e = (parts[name][chosen].sum() for name in ("px", "py", "pz", "e"))
        assert found.mass[vertex] == pytest.approx(np.sqrt(e**2 - px**2 - py**2 - pz**2))
        jet = found.jet[vertex]
        assert found.share[vertex] == pytest.approx(e / parts["e"][parts.offsets[jet] : parts.offsets[jet + 1]].sum())


def test_prompt_jets_have_few_and_insignificant_ones():
    found = vertices(toy_tracks(400, prompt=8, displaced=0)[0])
    assert np.sum(found.flight / found.error > 5) < 0.05 * 400
    assert np.diff(found.offsets).max() <= MOST


def test_jets_of_one_track_or_none_have_none():
    for number in (0, 1):
        found = vertices(toy_tracks(5, prompt=0, displaced=number)[0])
        assert found.offsets.tolist() == [0] * 6
        assert len(found.mass) == 0


def test_the_order_of_the_tracks_and_the_azimuth_do_not_matter():
    events, _ = toy_tracks(60, prompt=5, displaced=4)
    before = vertices(events)
    for after in (vertices(permuted(events)), vertices(turned(events, 1.0))):
        assert after.offsets.tolist() == before.offsets.tolist()
        np.testing.assert_allclose(after.flight, before.flight, rtol=1e-6)
        np.testing.assert_allclose(after.mass, before.mass, rtol=1e-6)

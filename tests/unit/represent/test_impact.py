"""Impact parameters signed by the jet, on tracks from known points."""

import numpy as np
import pytest
from toy_tracks import ERROR, toy_tracks

from partonic.core.errors import InputError
from partonic.events import Events, Ragged
from partonic.represent.impact import NO_TRACK, ranked_significance, tracks


def one_track(d0, phi, axis_phi, charge=1, dz=0.0):
    """A jet of a track of 1 GeV at an azimuth and a photon of 50 GeV along an axis, both at eta = 0."""
    fields = {
        "px": np.array([np.cos(phi), 50 * np.cos(axis_phi)]),
        "py": np.array([np.sin(phi), 50 * np.sin(axis_phi)]),
        "pz": np.zeros(2),
        "e": np.array([1.01, 50.0]),
        "charge": np.array([charge, 0], dtype=np.int8),
        "pid": np.array([211, 22], dtype=np.int32),
        **{name: np.array([value, 0.0]) for name, value in (("d0", d0), ("dz", dz))},
        **{f"{name}_error": np.array([0.05, 0.0]) for name in ("d0", "dz")},
    }
    return Events(collections={"constituents": Ragged.from_counts(np.array([2]), fields)})


def test_a_decay_downstream_has_a_positive_sign():
    # From (1, 0) mm along +y the detector's d0 = (x py - y px) / pt = +1 mm; seen from the beam line that is at +x.
    along, against = (tracks(one_track(1.0, np.pi / 2, axis)) for axis in (0.3, np.pi - 0.3))
    np.testing.assert_allclose(along.point, [[1, 0, 0]], atol=1e-12)
    assert along.transverse.tolist() == [1.0]
    assert against.transverse.tolist() == [-1.0]
    assert along.significance.tolist() == [20.0]
    assert tracks(one_track(-1.0, np.pi / 2, 0.3)).transverse.tolist() == [-1.0]


def test_what_lies_along_the_track_is_no_impact_parameter():
    found = tracks(one_track(0.3, np.pi / 2, 0.3, dz=0.4))
    assert found.impact[0] == pytest.approx(0.5)  # the track runs across the beam line
    assert tracks(one_track(0.3, np.pi / 2, 0.3, charge=0)).index.size == 0


def test_prompt_tracks_have_both_signs_and_displaced_ones_are_positive():
    events, _ = toy_tracks(300, prompt=8, displaced=0)
    assert np.mean(tracks(events).significance > 0) == pytest.approx(0.5, abs=0.03)
    assert np.std(tracks(events).significance) == pytest.approx(1.0, abs=0.05)
    events, _ = toy_tracks(300, prompt=0, displaced=5)
    assert np.mean(tracks(events).transverse > 0) > 0.8
    assert np.median(tracks(events).transverse) > 5 * ERROR


def test_the_third_track_counts():
    events, _ = toy_tracks(100, prompt=6, displaced=0, seed=4)
    decays, _ = toy_tracks(100, prompt=6, displaced=4, seed=5)
    assert np.median(ranked_significance(tracks(decays), 3)) > np.median(ranked_significance(tracks(events), 3)) + 3
    first, third = (ranked_significance(tracks(events), place) for place in (1, 3))
    assert np.all(first >= third)
    assert ranked_significance(tracks(events), 7).tolist() == [NO_TRACK] * 100


def test_constituents_without_impact_parameters_are_refused():
    fields = {name: np.ones(1) for name in ("px", "py", "pz", "e")}
    with pytest.raises(InputError, match="need charge, pid, d0"):
        tracks(Events(collections={"constituents": Ragged.from_counts(np.array([1]), fields)}))

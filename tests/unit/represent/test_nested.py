"""Events of jets of particles: what stands where, and what must not matter."""

import numpy as np
import pytest
import torch
from toy_events import toy_events
from toy_jets import toy_jets

from partonic.core.errors import BadJetError, UnknownNameError
from partonic.events import Events, Link, Ragged
from partonic.represent import needed, representation
from partonic.represent.packed import Packed


def event_of(sample, row):
    """(pt, eta, phi, mass) of the jets of an event by falling pt, from sums over their particles in plain Python."""
    particles, jets = sample.collection("particles"), sample.collection("jets")
    link, found = jets.links["constituents"], []
    for jet in range(jets.offsets[row], jets.offsets[row + 1]):
        members = particles.offsets[row] + link.index[link.offsets[jet] : link.offsets[jet + 1]]
        px, py, pz, e = (particles[name][members].sum() for name in ("px", "py", "pz", "e"))
        pt, mass = np.hypot(px, py), np.sqrt(max(e**2 - px**2 - py**2 - pz**2, 0))
        found.append((pt, np.arcsinh(pz / pt), np.arctan2(py, px), mass, e))
    return sorted(found, reverse=True)


def test_features_equal_those_of_each_event_alone():
    sample = toy_events(30, seed=2)
    batch = representation("events")(sample)
    assert len(batch) == 30
    assert 0 in np.diff(batch.offsets.numpy())
    for row in range(30):
        jets = event_of(sample, row)
        start, stop = batch.offsets[row : row + 2].tolist()
        assert stop - start == len(jets)
        pts = np.array([jet[0] for jet in jets])
        met, angle = sample.column("met_pt")[row], (sample.column("met_phi")[row] - jets[0][2] if jets else 0.0)
        expected = [np.log1p(met) * np.cos(angle), np.log1p(met) * np.sin(angle), np.log1p(pts.sum()) / 5]
        np.testing.assert_allclose(batch.features[row], [*expected, len(jets) / 5], rtol=1e-4, atol=1e-5)
        for place, (pt, eta, phi, mass, e) in enumerate(jets):
            turn = np.angle(np.exp(1j * (phi - jets[0][2])))
            logs = [0.7 * (np.log(pt) - 4.5), 0.7 * (np.log(e) - 5), 0.7 * (np.log(max(mass, 0.1)) - 2.5)]
            right = [*logs, eta * (-1 if jets[0][1] < 0 else 1), turn]
            np.testing.assert_allclose(batch.jet_features[start + place], right, rtol=1e-3, atol=1e-4)


def test_particles_are_packed_as_those_of_jets():
    sample = toy_events(20, seed=3)
    batch = representation("events")(sample)
    particles, jets = sample.collection("particles"), sample.collection("jets")
    alone = Events(collections={"constituents": Ragged(jets.links["constituents"].offsets, dict(particles.fields))})
    expected = Packed()(alone)  # toy events keep the particles of their jets in order
    torch.testing.assert_close(batch.jets.features, expected.features)
    torch.testing.assert_close(batch.jets.offsets, expected.offsets)


def test_the_order_of_jets_in_the_file_does_not_matter():
    sample = toy_events(20, seed=4, fewest=1)
    jets = sample.collection("jets")
    order = np.lexsort((np.random.default_rng(1).random(jets.total), jets.rows))
    fields = {name: values[order] for name, values in jets.fields.items()}
    links = {"constituents": jets.links["constituents"].take(order)}
    mixed = sample.with_collections(jets=Ragged(jets.offsets, fields, links))
    one, other = (representation("events")(each) for each in (sample, mixed))
    torch.testing.assert_close(one.jet_features, other.jet_features)
    torch.testing.assert_close(one.jets.features, other.jets.features)


def test_a_jet_is_an_event_of_one_jet():
    jets = toy_jets(10)
    batch = representation("events")(jets)
    assert batch.offsets.tolist() == list(range(11))
    torch.testing.assert_close(batch.jets.features, Packed()(jets).features)
    assert torch.all(batch.features[:, :2] == 0)


def test_only_what_is_read_is_kept():
    sample = toy_events(5).with_collections(leptons=Ragged.from_counts(np.zeros(5, int), {"px": np.zeros(0)}))
    kept = needed(representation("events"), sample, ["label"])
    assert set(kept.collections) == {"jets", "particles"}
    assert set(kept.columns) == {"label", "met_pt", "met_phi"}
    assert set(needed(representation("events"), toy_jets(3)).collections) == {"constituents"}
    assert set(needed(representation("packed"), toy_jets(3)).columns) == set()
    with pytest.raises(UnknownNameError, match="unknown collection 'jets'"):
        needed(representation("events"), Events({"met_pt": np.zeros(2)}))
    with pytest.raises(UnknownNameError, match="unknown collection 'constituents'"):
        needed(representation("image"), sample)


def test_what_is_missing_or_bad_is_named():
    sample = toy_events(8, fewest=1)
    represent = representation("events")
    with pytest.raises(UnknownNameError, match="unknown column 'met_pt'"):
        represent(sample.select(columns=["label"]))
    jets, particles = sample.collection("jets"), sample.collection("particles")
    with pytest.raises(UnknownNameError, match="unknown link of the jets 'constituents'"):
        represent(sample.with_collections(jets=Ragged(jets.offsets, jets.fields)))
    bad = particles["e"].copy()
    bad[particles.offsets[5]] = np.nan
    with pytest.raises(BadJetError, match="the jet in row 5: its jet 0: its constituent 0 has") as error:
        represent(sample.with_collections(particles=particles.with_fields(e=bad)))
    assert error.value.row == 5
    link = jets.links["constituents"]
    offsets = link.offsets.copy()
    offsets[-1] = offsets[-2]
    empty = Link("particles", offsets, link.index[: offsets[-1]])
    with pytest.raises(BadJetError, match=r"row 7: its jet [0-9]: it has no constituent"):
        represent(sample.with_collections(jets=Ragged(jets.offsets, jets.fields, {"constituents": empty})))

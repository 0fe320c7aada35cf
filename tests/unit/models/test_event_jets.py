"""The network over the jets of an event."""

import numpy as np
import pytest
import torch
from toy_events import toy_events

from partonic.events import Ragged
from partonic.fit.batches import Batches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.metrics.tagging import auc
from partonic.models.checkpoint import Trained, load, save
from partonic.models.event_jets import EventJets
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation


@pytest.fixture
def trained():
    torch.manual_seed(1)
    return Trained("event-jets", {}, EventJets(), "events")


def shuffled(events, seed=1):
    """The same events, particles in another order; links point where they did."""
    particles, jets = events.collection("particles"), events.collection("jets")
    order = np.lexsort((np.random.default_rng(seed).random(particles.total), particles.rows))
    place = np.empty(particles.total, dtype=np.int64)
    place[order] = np.arange(particles.total)
    link = jets.links["constituents"]
    first = np.repeat(particles.offsets[jets.rows], np.diff(link.offsets))
    moved = type(link)("particles", link.offsets, place[link.index + first] - first)
    return events.with_collections(
        particles=Ragged(particles.offsets, {name: values[order] for name, values in particles.fields.items()}),
        jets=Ragged(jets.offsets, jets.fields, {"constituents": moved}),
    )


def turned(events, angle):
    """The same events rotated about the beam."""
    cos, sin = np.cos(angle), np.sin(angle)
    parts = {}
    for name in ("particles", "jets"):
        c = events.collection(name)
        parts[name] = c.with_fields(px=cos * c["px"] - sin * c["py"], py=sin * c["px"] + cos * c["py"])
    return events.with_collections(**parts).with_columns(met_phi=events.column("met_phi") + angle)


def test_an_event_does_not_know_its_batch(trained):
    events = toy_events(30, seed=2)
    whole = trained.scores(events)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(trained.scores(events, batch_size=1), whole, rtol=1e-5)
    np.testing.assert_allclose(trained.scores(events[::-1]), whole[::-1], rtol=1e-5)
    assert np.ptp(whole) > 1e-3


def test_order_of_particles_and_azimuth_do_not_matter(trained):
    events = toy_events(30, seed=3)
    before = trained.scores(events)
    np.testing.assert_allclose(trained.scores(shuffled(events)), before, rtol=1e-5)
    np.testing.assert_allclose(trained.scores(turned(events, 2.0)), before, rtol=1e-4)


def test_missing_momentum_and_every_jet_count(trained):
    events = toy_events(30, seed=4, fewest=2)
    before = trained.scores(events)
    assert np.all(trained.scores(events.with_columns(met_pt=events.column("met_pt") + 50)) != before)
    jets = events.collection("jets")
    softest = np.zeros(jets.total, dtype=bool)
    softest[jets.offsets[1:] - 1] = True
    assert np.all(trained.scores(events.with_collections(jets=jets.keep(~softest))) != before)


def test_gradients_reach_all_of_it():
    module = EventJets(outputs=3)
    out = module.train()(representation("events")(toy_events(64, seed=5)))
    assert out.shape == (64, 3)
    out.square().sum().backward()
    assert [name for name, p in module.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_events_without_any_jet_have_a_score(trained, tmp_path):
    events = toy_events(40, seed=6)
    empty = events[np.flatnonzero(events.collection("jets").counts == 0)]
    assert len(empty) > 2
    assert np.isfinite(trained.scores(empty)).all()
    save(tmp_path / "m.pt", trained)
    np.testing.assert_array_equal(load(tmp_path / "m.pt").scores(events), trained.scores(events))


def test_it_learns_which_events_have_jets_of_three_prongs(tmp_path):
    train, test, represent = (
        toy_events(400, seed=7, fewest=1),
        toy_events(300, seed=8, fewest=1),
        representation("events"),
    )
    torch.manual_seed(1)
    module = EventJets()
    held_out = Batches(test, represent, shuffle=False)
    fit(module, cross_entropy, Batches(train, represent, size=32), held_out, FitOptions(epochs=4), tmp_path)
    found = auc(Trained("event-jets", {}, module, "events").scores(test), test.column("label"))
    assert found.value > 0.75

"""Rows of a sample: jets with their constituents, or events with jets, leptons, photons, taus and missing momentum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array, Link, Ragged
from partonic.simulators import objects, tagging, truth
from partonic.simulators.cards import ATLAS, CARDS, Card, Identification
from partonic.simulators.detector import respond, truth_particles
from partonic.simulators.jets import Axes, axes, cluster, constituents, slim
from partonic.simulators.layers import cells_around
from partonic.simulators.options import Plan
from partonic.simulators.passage import medium_columns
from partonic.simulators.processes import Match
from partonic.simulators.pythia import Collisions

PAIR_DISTANCE = 0.5
"""Largest distance between a jet and its twin without a detector, as a share of the radius."""

_CLUSTER_FROM = 0.5  # truth jets down to this share of the lowest pt can be the twin of a jet


@dataclass(frozen=True)
class Seen:
    """A batch of events as a detector sees it, and the truth behind.

    Args:
        collisions: the generator's events.
        final: final particles, those of pileup too.
        particles: energy flow, or visible final particles where there is no detector.
        cells: of the calorimeters, where they are asked for.
    """

    collisions: Collisions
    final: Ragged
    particles: Ragged
    cells: Ragged | None = None


def see(collisions: Collisions, final: Ragged, detector: str, rng: np.random.Generator, *, cells: bool = False) -> Seen:
    """Send a batch through the detector ``atlas`` or ``cms``, or through none (``truth``), which has no ``cells``."""
    if detector == "truth":
        return Seen(collisions, final, truth_particles(final))
    response = respond(final, CARDS[detector], rng)
    return Seen(collisions, final, response.particles, response.cells() if cells else None)


def _chosen(where: Axes, plan: Plan) -> NDArray[np.bool_]:
    return (where.pt > plan.pt_min) & (where.pt < plan.pt_max) & (np.abs(where.eta) < plan.eta_max)


def jet_rows(seen: Seen, plan: Plan, paired: bool) -> Events:
    """A sample whose rows are the jets of a batch in the pt window that hold what their process asks for."""
    jets = cluster(seen.particles, plan.radius, plan.pt_min, "particles")
    where, event = axes(jets), jets.rows
    kept = np.flatnonzero(_chosen(where, plan))
    columns: dict[str, Array] = {}
    if plan.process.match is not None:
        kept, columns = _matched(seen.collisions.record, where, event, kept, plan.process.match, plan.radius)
        if plan.process.match.flavour:
            columns["flavour"] = truth.jet_flavours(seen.collisions.record, jets)[kept]
    others: dict[str, Ragged] = {}
    if paired:
        unpaired = truth_particles(seen.final)
        other = cluster(unpaired, plan.radius, _CLUSTER_FROM * plan.pt_min, "particles")
        twin = nearest_jets(where, event, kept, other, PAIR_DISTANCE * plan.radius)
        found = twin >= 0
        kept, twin = kept[found], twin[found]
        columns = {name: values[found] for name, values in columns.items()} | _jet_columns(axes(other), twin, "truth_")
        others["truth_constituents"] = constituents(unpaired, other, twin)
    if plan.medium is not None:
        columns |= medium_columns(seen.collisions, where, event, kept, plan.radius)
    if seen.cells is not None:
        others["cells"] = cells_around(seen.cells, _pick(where, kept), event[kept], plan.radius)
    columns = {
        "label": np.full(len(kept), plan.process.label, dtype=np.int8),
        **_jet_columns(where, kept, ""),
        **columns,
    }
    weights = {name: values[event[kept]] for name, values in seen.collisions.weights.items()}
    return Events(columns, weights, {"constituents": constituents(seen.particles, jets, kept), **others})


def _jet_columns(where: Axes, jets: NDArray[np.int64], prefix: str) -> dict[str, Array]:
    names = ("pt", "eta", "phi", "mass")
    return {f"{prefix}jet_{name}": getattr(where, name)[jets].astype(np.float32) for name in names}


def _pick(where: Axes, jets: NDArray[np.int64]) -> Axes:
    return Axes(where.pt[jets], where.eta[jets], where.phi[jets], where.mass[jets])


def _matched(
    record: Ragged, where: Axes, event: NDArray[np.int64], kept: NDArray[np.int64], match: Match, radius: float
) -> tuple[NDArray[np.int64], dict[str, Array]]:
    """The jets that hold what they should, and their truth columns."""
    found = truth.candidates(record, match)
    best = truth.match_jets(event[kept], _pick(where, kept), found, radius)
    if match.required:
        kept, best = kept[best >= 0], best[best >= 0]
    return kept, truth.truth_columns(record, found, best)


def nearest_jets(
    where: Axes, event: NDArray[np.int64], chosen: NDArray[np.int64], others: Ragged, distance: float
) -> NDArray[np.int64]:
    """For chosen jets the nearest of other jets of the same event, flat position, or -1 beyond a distance."""
    there = axes(others)
    found = truth.Candidates(others.rows, np.arange(others.total), there.eta[:, None], there.phi[:, None])
    return truth.match_jets(event[chosen], _pick(where, chosen), found, distance)


def _perfect(identification: Identification) -> Identification:
    return replace(identification, efficiency=(1.0,) * len(identification.efficiency), fall=0.0)


PERFECT = replace(
    ATLAS,
    name="truth",
    electron=_perfect(ATLAS.electron),
    muon=_perfect(ATLAS.muon),
    photon=_perfect(ATLAS.photon),
)
"""For samples without a detector: acceptance and isolation of the ATLAS card, efficiencies 1; tags are the truth."""


def event_rows(seen: Seen, plan: Plan, detector: str, paired: bool, rng: np.random.Generator) -> Events:
    """A sample whose rows are the events of a batch."""
    card = CARDS.get(detector, PERFECT)
    particles = seen.particles
    leptons = objects.leptons(particles, card, rng)
    photons = objects.photons(particles, card, rng)
    jets = cluster(particles, plan.radius, plan.pt_min, "particles")
    jets = jets.keep(objects.unique_jets(jets, leptons, photons) & _chosen(axes(jets), plan))
    kept = truth.kept_particles(seen.collisions)
    jets, tagged = _tag(jets, kept, truth.visible_taus(seen.collisions.record), particles, card, rng)
    taus = tagging.taus(jets, tagged, particles, card)
    collections = {"particles": slim(particles)}
    if paired:
        truth_jets = cluster(truth_particles(seen.final), plan.radius, plan.pt_min, "particles")
        truth_jets = Ragged(truth_jets.offsets, truth_jets.fields)
        truth_jets = truth_jets.keep(_chosen(axes(truth_jets), plan))
        every = np.arange(jets.total)
        twin = nearest_jets(axes(jets), jets.rows, every, truth_jets, PAIR_DISTANCE * plan.radius)
        local = np.where(twin >= 0, twin - truth_jets.offsets[jets.rows], -1)
        jets = jets.with_fields(truth_jet=local.astype(np.int32))
        collections["truth_jets"] = _single(truth_jets)
    collections |= {"jets": _single(jets), "leptons": _single(leptons), "photons": _single(photons)}
    collections |= {"taus": _single(taus), "truth": kept}
    return Events(_event_columns(particles, jets, plan), dict(seen.collisions.weights), collections)


def _event_columns(particles: Ragged, jets: Ragged, plan: Plan) -> dict[str, Array]:
    met, met_phi = objects.met(particles)
    n = len(particles)
    ht = np.bincount(jets.rows, kinematics.pt(jets["px"], jets["py"]), n)
    columns: dict[str, Array] = {"label": np.full(n, plan.process.label, dtype=np.int8)}
    columns |= {"met_pt": met.astype(np.float32), "met_phi": met_phi.astype(np.float32), "ht": ht.astype(np.float32)}
    return columns | {"n_jets": jets.counts.astype(np.int32)}


def _tag(
    jets: Ragged, kept: Ragged, taus: Ragged, particles: Ragged, card: Card, rng: np.random.Generator
) -> tuple[Ragged, NDArray[np.bool_]]:
    """Jets with their flavour, b tag and tau tag, and the latter once more."""
    flavour = tagging.jet_flavours(jets, truth.flavour_sources(kept), card)
    if card is PERFECT:
        b_tag, tau_tag = flavour == 5, tagging.true_taus(jets, taus, card)
    else:
        b_tag = tagging.b_tags(jets, flavour, card, rng)
        tau_tag = tagging.tau_tags(jets, particles, taus, card, rng)
    return jets.with_fields(flavour=flavour, btag=b_tag, tautag=tau_tag), tau_tag


def _single(items: Ragged) -> Ragged:
    """Numbers with a fraction in float32."""

    def single(values: Array) -> NDArray[Any]:
        """One field."""
        return values.astype(np.float32) if values.dtype == np.float64 else values

    links: dict[str, Link] = dict(items.links)
    return Ragged(items.offsets, {name: single(values) for name, values in items.fields.items()}, links)

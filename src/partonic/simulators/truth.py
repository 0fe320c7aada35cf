"""What the generator knows of a jet: the resonance or parton it comes from, and the particles worth keeping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partonic.events import kinematics
from partonic.events.ragged import Array, Ragged, offsets_from_counts
from partonic.simulators.jets import Axes
from partonic.simulators.objects import neighbours
from partonic.simulators.processes import Match
from partonic.simulators.pythia import Collisions

# Pythia's status codes: outgoing from the hard process (negative once it has radiated or decayed), and a resonance
# after all recoils, just before it decays.
_OUTGOING = 23
_RESONANCE = 22
_LAST = 62

_FLAVOUR_CONE, _FLAVOUR_PT = 0.3, 5.0

TRUTH_FIELDS = ("px", "py", "pz", "e", "pid", "status", "vx", "vy", "vz")
"""Fields of the stored truth particles: momenta (GeV), Pythia's pid and status, production vertex (mm)."""


@dataclass(frozen=True)
class Candidates:
    """Partons or resonances that a jet may come from.

    Args:
        event: event of each, (candidates,).
        index: flat position in the record, (candidates,).
        eta: of the candidate and its decay quarks, (candidates, 1 + prongs).
        phi: the same for the azimuth.
    """

    event: NDArray[np.int64]
    index: NDArray[np.int64]
    eta: Array
    phi: Array


def _directions(record: Ragged, index: NDArray[np.int64]) -> tuple[Array, Array]:
    px, py, pz = (record[name][index] for name in ("px", "py", "pz"))
    return kinematics.eta(px, py, pz), kinematics.phi(px, py)


def candidates(record: Ragged, match: Match) -> Candidates:
    """Find what jets may be matched to, without resonances that did not decay to ``match.prongs`` quarks.

    Args:
        record: Pythia's event record.
        match: what is looked for.
    """
    status = np.abs(record["status"])
    identity = np.abs(record["pid"])
    if match.prongs == 0:
        index = np.flatnonzero((status == _OUTGOING) & np.isin(identity, match.pids))
        eta, phi = _directions(record, index)
        return Candidates(_event(record, index), index, eta[:, None], phi[:, None])
    index = np.flatnonzero((status == _LAST) & np.isin(identity, match.pids))
    quarks, owner = _decay_quarks(record, match, np.flatnonzero((status == _OUTGOING) & (identity <= 6)))
    # Both are sorted by event and, within it, by the resonance's number, so that they can be looked up.
    key = _key(record, index, record["pid"][index])
    order = np.argsort(key, kind="stable")
    key, index = key[order], index[order]
    count = np.searchsorted(owner, key, side="right") - np.searchsorted(owner, key)
    whole = count == match.prongs
    key, index = key[whole], index[whole]
    prongs = quarks[np.searchsorted(owner, key)[:, None] + np.arange(match.prongs)]
    eta, phi = _directions(record, np.concatenate([index[:, None], prongs], axis=1))
    return Candidates(_event(record, index), index, eta, phi)


def _event(record: Ragged, index: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(record.offsets, index, side="right") - 1


def _key(record: Ragged, index: NDArray[np.int64], resonance: Array) -> NDArray[np.int64]:
    """One number for an event and a resonance's signed particle number (W+ counts to the top, W- to the antitop)."""
    return _event(record, index) * 256 + resonance.astype(np.int64) + 128


def _decay_quarks(
    record: Ragged, match: Match, quarks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quarks of the hard process that come from a resonance, sorted by the key of that resonance."""
    event = _event(record, quarks)
    mother = record["pid"][record.offsets[event] + record["mother1"][quarks]]
    if 6 in match.pids:
        mother = np.where(np.abs(mother) == 24, 6 * np.sign(mother), mother)
    from_it = np.isin(np.abs(mother), match.pids)
    quarks, key = quarks[from_it], _key(record, quarks[from_it], mother[from_it])
    order = np.argsort(key, kind="stable")
    return quarks[order], key[order]


def match_jets(jet_event: NDArray[np.int64], jets: Axes, found: Candidates, radius: float) -> NDArray[np.int64]:
    """For each jet the candidate all of whose parts are within ``radius`` of its axis; the nearest, or -1.

    Args:
        jet_event: event of each jet, (jets,), rising.
        jets: their directions.
        found: candidates, by rising event.
        radius: in (eta, phi).
    """
    first = np.searchsorted(found.event, jet_event)
    counts = np.searchsorted(found.event, jet_event, side="right") - first
    jet = np.repeat(np.arange(len(jet_event)), counts)
    offsets = offsets_from_counts(counts)
    candidate = np.arange(len(jet)) + np.repeat(first - offsets[:-1], counts)
    distance = kinematics.delta_r(
        jets.eta[jet][:, None], jets.phi[jet][:, None], found.eta[candidate], found.phi[candidate]
    )
    inside = np.flatnonzero(distance.max(axis=1, initial=0.0) < radius)
    nearest = inside[np.argsort(-distance[inside, 0], kind="stable")]
    best = np.full(len(jet_event), -1, dtype=np.int64)
    best[jet[nearest]] = candidate[nearest]  # the last written is the nearest
    return best


def truth_columns(record: Ragged, found: Candidates, best: NDArray[np.int64]) -> dict[str, Array]:
    """Columns ``truth_pid truth_pt truth_eta truth_phi truth_mass`` of matched jets; 0 where nothing was matched.

    Args:
        record: Pythia's event record.
        found: candidates.
        best: candidate of each jet, or -1, (jets,).
    """
    matched = best >= 0
    index = found.index[best[matched]]
    px, py, pz, e = (record[name][index] for name in ("px", "py", "pz", "e"))
    values = {
        "truth_pt": kinematics.pt(px, py),
        "truth_eta": kinematics.eta(px, py, pz),
        "truth_phi": kinematics.phi(px, py),
        "truth_mass": kinematics.mass(px, py, pz, e),
    }
    columns: dict[str, Array] = {"truth_pid": np.zeros(len(best), dtype=np.int32)}
    columns["truth_pid"][matched] = record["pid"][index]
    for name, value in values.items():
        columns[name] = np.zeros(len(best), dtype=np.float32)
        columns[name][matched] = value
    return columns


def kept_particles(collisions: Collisions) -> Ragged:
    """The truth particles that event samples carry, in the order of the record.

    These are the particles of the hard process (incoming, outgoing, resonances and their decay products), the last copy
    of every tau lepton and of every hadron with a b or c quark, and the final leptons that do not come from a hadron.

    Returns:
        The fields of :data:`TRUTH_FIELDS` (momenta and vertices in float32).
    """
    record = collisions.record
    status, identity = np.abs(record["status"]), np.abs(record["pid"])
    hard = (status >= 21) & (status <= 29)
    heavy = _heavy_hadrons(record)
    taus = _last_copies(record, np.flatnonzero((identity == 15) & (record["status"] < 0)), np.abs)
    leptons = np.flatnonzero((record["status"] > 0) & (identity >= 11) & (identity <= 16))
    index = np.unique(np.concatenate([np.flatnonzero(hard), heavy, taus, _prompt(record, leptons)]))
    fields = {name: record[name][index].astype(np.float32) for name in ("px", "py", "pz", "e")}
    fields |= {"pid": record["pid"][index], "status": record["status"][index]}
    vertices = zip(("vx", "vy", "vz"), collisions.vertex(index), strict=True)
    fields |= {name: place.astype(np.float32) for name, place in vertices}
    return Ragged(np.searchsorted(index, record.offsets), {name: fields[name] for name in TRUTH_FIELDS})


def heavy_flavour(pid: Array) -> NDArray[np.int64]:
    """5 for hadrons with a b quark, 4 for those with a c quark and no b quark, 0 for everything else."""
    number = np.abs(pid).astype(np.int64)
    digits = [number // 10**place % 10 for place in (1, 2, 3)]  # the quarks
    heaviest = np.maximum(np.maximum(digits[0], digits[1]), digits[2])
    hadron = (number > 100) & (digits[0] > 0) & (digits[1] > 0) & (number < 10**8)
    return np.where(hadron & ((heaviest == 5) | (heaviest == 4)), heaviest, 0)


def _heavy_hadrons(record: Ragged) -> NDArray[np.int64]:
    """Flat positions of the last copy of every hadron with a b or c quark."""
    return _last_copies(record, np.flatnonzero(heavy_flavour(record["pid"]) > 0), heavy_flavour)


def jet_flavours(record: Ragged, jets: Ragged) -> NDArray[np.int8]:
    """Flavour of jets by what decays in them, as experiments define it: 5 for b, 4 for c, 15 for tau, else 0.

    A jet has the flavour of the heaviest hadron of more than 5 GeV of pt within 0.3 of its axis; without one it is a
    tau jet if a tau lepton that decayed to hadrons, of more than 5 GeV without its neutrinos, is as near.

    Args:
        record: Pythia's event record.
        jets: jets of the same events with px py pz (GeV).

    Returns:
        int8 (jets,).
    """
    hadrons, taus = _heavy_hadrons(record), visible_taus(record)
    momenta = {name: record[name][hadrons] for name in ("px", "py", "pz")}
    found = Ragged(
        np.searchsorted(hadrons, record.offsets), {**momenta, "flavour": heavy_flavour(record["pid"][hadrons])}
    )
    flavour = np.zeros(jets.total, dtype=np.int8)
    rising = ((15, taus), (4, found.keep(found["flavour"] == 4)), (5, found.keep(found["flavour"] == 5)))
    for code, sources in rising:
        hard = sources.keep(kinematics.pt(sources["px"], sources["py"]) > _FLAVOUR_PT)
        jet, _ = neighbours(jets, hard, _FLAVOUR_CONE)
        flavour[jet] = code
    return flavour


def flavour_sources(kept: Ragged) -> Ragged:
    """Of the truth particles of event samples those that give a jet its flavour: outgoing partons, b and c hadrons."""
    parton = (np.abs(kept["status"]) == _OUTGOING) & ((np.abs(kept["pid"]) <= 5) | (kept["pid"] == 21))
    return kept.keep(parton | (heavy_flavour(kept["pid"]) > 0))


def visible_taus(record: Ragged) -> Ragged:
    """Tau leptons that decay to hadrons, without their neutrinos; fields px py pz e (GeV).

    Args:
        record: Pythia's event record.
    """
    index = _last_copies(record, np.flatnonzero((np.abs(record["pid"]) == 15) & (record["status"] < 0)), np.abs)
    tau, daughter = _daughters(record, index)
    identity = np.abs(record["pid"][daughter])
    to_lepton = np.bincount(tau, (identity == 11) | (identity == 13), len(index)) > 0
    seen = ~np.isin(identity, (12, 14, 16))
    fields = {
        name: np.bincount(tau[seen], record[name][daughter[seen]], len(index))[~to_lepton]
        for name in ("px", "py", "pz", "e")
    }
    return Ragged(np.searchsorted(index[~to_lepton], record.offsets), fields)


def _daughters(record: Ragged, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a particle (its place in ``index``) and a daughter (its flat position)."""
    first, last = (record[name][index].astype(np.int64) for name in ("daughter1", "daughter2"))
    count = np.where(first > 0, np.maximum(last - first, 0) + 1, 0)
    offsets = offsets_from_counts(count)
    base = record.offsets[_event(record, index)]
    particle = np.repeat(np.arange(len(index)), count)
    return particle, np.arange(len(particle)) + np.repeat(base + first - offsets[:-1], count)


def _last_copies(record: Ragged, index: NDArray[np.int64], kind: Callable[[Array], Array]) -> NDArray[np.int64]:
    """Those of the particles that have no daughter of the same kind."""
    particle, daughter = _daughters(record, index)
    own = kind(record["pid"][index])
    copied = np.zeros(len(index), dtype=bool)
    copied[particle[kind(record["pid"][daughter]) == own[particle]]] = True
    return index[~copied]


def _prompt(record: Ragged, leptons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the leptons with no hadron among their ancestors back to the hard process."""
    base = record.offsets[_event(record, leptons)]
    here, prompt = leptons, np.ones(len(leptons), dtype=bool)
    alive = np.arange(len(leptons))
    while len(alive):
        mother = record["mother1"][here]
        here = base[alive] + mother
        hadron = (np.abs(record["pid"][here]) > 100) & (np.abs(record["pid"][here]) < 10**6)
        prompt[alive[hadron]] = False
        status = np.abs(record["status"][here])
        on = ~hadron & (mother > 0) & ((status < 21) | (status > 29))
        alive, here = alive[on], here[on]
    return leptons[prompt]

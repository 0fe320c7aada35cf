"""Observables of whole events as columns: of partons in the final state, or of what a detector has seen."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Ragged

Floats = NDArray[np.float64]

FINAL = 1  # status of outgoing particles in Les Houches events
PARTONS = (1, 2, 3, 4, 5, 6, 21)
MOMENTUM = ("px", "py", "pz", "e")
JETS = 2  # leading ones that a detector's observables look at


def final_state(events: Events) -> dict[str, Floats]:
    """Observables of the outgoing particles of parton-level events, the kinds of quarks and gluons not among them.

    Other particles come first, heavier codes before lighter ones, then quarks and gluons; among equals the transverse
    momentum falls. Each has ``log_pt`` and ``rapidity``, each pair ``log_mass``, ``cos_phi`` and ``sin_phi`` of the
    difference of azimuths (GeV).

    Args:
        events: with the collection ``particles`` of Les Houches events.

    Raises:
        InputError: the events have no outgoing particle, or differ in their numbers of quarks and gluons or others.
    """
    particles = events.collection("particles")
    out = particles.keep(particles["status"] == FINAL)
    parton = np.isin(np.abs(out["pid"]), PARTONS)
    coloured = np.bincount(out.rows[parton], minlength=len(events))
    if len(out.counts) == 0 or out.counts[0] == 0 or np.ptp(out.counts) > 0 or np.ptp(coloured) > 0:
        raise InputError(
            "observables of partons need the same number of outgoing quarks and gluons, and of others, in all events; "
            "shower the file and take the observables of a detector instead"
        )
    kind = np.where(parton, 0, np.abs(out["pid"]).astype(np.int64))
    order = np.lexsort((-kinematics.pt(out["px"], out["py"]), -kind, parton, out.rows))
    p4 = np.stack([np.asarray(out[name], dtype=np.float64)[order] for name in MOMENTUM], axis=-1)
    p4 = p4.reshape(len(events), -1, 4)
    others = p4.shape[1] - int(coloured[0])
    names = [f"x{i + 1}" for i in range(others)] + [f"j{i + 1}" for i in range(int(coloured[0]))]
    return _of_objects(names, p4, np.ones(p4.shape[:2], dtype=np.bool_))


def seen(events: Events) -> dict[str, Floats]:
    """Observables of simulated events: numbers of objects, missing momentum, the two leading jets and their pair.

    What an event does not have is 0; the number of jets says so.

    Args:
        events: of the level ``events``, with the columns ``met_pt``, ``met_phi``, ``ht`` and ``n_jets`` and the
            collections ``jets``, ``leptons`` and ``photons``.
    """
    jets = events.collection("jets")
    p4, there = _leading(jets)
    columns = {name: events.collection(name).counts.astype(np.float64) for name in ("leptons", "photons")}
    columns |= {"n_jets": np.asarray(events.column("n_jets"), dtype=np.float64)}
    columns |= {f"log_{name}": np.log1p(events.column(name).astype(np.float64)) for name in ("met_pt", "ht")}
    azimuth = kinematics.phi(p4[:, 0, 0], p4[:, 0, 1])
    apart = kinematics.delta_phi(azimuth, events.column("met_phi").astype(np.float64))
    columns["cos_phi_met_j1"] = np.where(there[:, 0], np.cos(apart), 0.0)
    return columns | _of_objects([f"j{i + 1}" for i in range(JETS)], p4, there)


def _leading(jets: Ragged) -> tuple[Floats, NDArray[np.bool_]]:
    """Momenta of the leading jets, (n, JETS, 4), and whether they are there."""
    order = np.lexsort((-kinematics.pt(jets["px"], jets["py"]), jets.rows))
    rank = np.arange(jets.total) - jets.offsets[jets.rows]
    kept = order[rank < JETS]
    p4 = np.zeros((len(jets), JETS, 4))
    p4[..., 3] = 1.0
    place = jets.rows[rank < JETS], rank[rank < JETS]
    for i, name in enumerate(MOMENTUM):
        p4[(*place, i)] = jets[name][kept]
    return p4, np.arange(JETS) < jets.counts[:, None]


def _of_objects(names: list[str], p4: Floats, there: NDArray[np.bool_]) -> dict[str, Floats]:
    """Observables of objects (n, k, 4) and of their pairs; 0 where an object is not there."""
    columns: dict[str, Floats] = {}
    azimuth = kinematics.phi(p4[..., 0], p4[..., 1])
    for i, name in enumerate(names):
        px, py, pz, e = p4[:, i].T
        columns[f"log_pt_{name}"] = np.where(there[:, i], np.log1p(kinematics.pt(px, py)), 0.0)
        columns[f"rapidity_{name}"] = np.where(there[:, i], kinematics.rapidity(pz, e), 0.0)
    for i, j in combinations(range(len(names)), 2):
        pair, both = f"{names[i]}_{names[j]}", there[:, i] & there[:, j]
        apart = kinematics.delta_phi(azimuth[:, i], azimuth[:, j])
        columns[f"log_mass_{pair}"] = np.where(both, np.log1p(kinematics.mass(*(p4[:, i] + p4[:, j]).T)), 0.0)
        columns[f"cos_phi_{pair}"] = np.where(both, np.cos(apart), 0.0)
        columns[f"sin_phi_{pair}"] = np.where(both, np.sin(apart), 0.0)
    return columns

"""Which constituents of a jet does a tagger look at? Take some away and see: rules of what is removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partonic.events.events import Events
from partonic.events.kinematics import delta_r, eta, phi, pt
from partonic.represent.constituents import COLLECTION, constituents


@dataclass(frozen=True)
class Particles:
    """What a rule may look at, one value a constituent.

    Args:
        pt: transverse momentum in GeV.
        distance: delta R to the jet's axis.
        rank: 0 for the hardest of its jet, 1 for the next, ...
        share: ``rank`` over the number of constituents of its jet.
        charge: electric charge, or None where the sample has none.
    """

    pt: NDArray[np.float64]
    distance: NDArray[np.float64]
    rank: NDArray[np.int64]
    share: NDArray[np.float64]
    charge: NDArray[np.int64] | None


Rule = Callable[[Particles], NDArray[np.bool_]]

RULES: dict[str, Rule] = {
    "the hardest constituent": lambda p: p.rank == 0,
    "the 5 hardest constituents": lambda p: p.rank < 5,
    "the softer half": lambda p: p.share >= 0.5,
    "pT below 2 GeV": lambda p: p.pt < 2.0,
    "the core, dR below 0.1": lambda p: p.distance < 0.1,
    "the ring 0.1 < dR < 0.3": lambda p: (p.distance >= 0.1) & (p.distance < 0.3),
    "the ring 0.3 < dR < 0.5": lambda p: (p.distance >= 0.3) & (p.distance < 0.5),
    "the rim, dR above 0.5": lambda p: p.distance >= 0.5,
}
CHARGED_RULES: dict[str, Rule] = {
    "charged particles": lambda p: np.zeros(len(p.pt), dtype=bool) if p.charge is None else p.charge != 0,
    "neutral particles": lambda p: np.zeros(len(p.pt), dtype=bool) if p.charge is None else p.charge == 0,
}


def rules(events: Events) -> dict[str, Rule]:
    """The rules that fit a sample: those of charge only where it has charges."""
    return {**RULES, **CHARGED_RULES} if "charge" in events.collection(COLLECTION).fields else RULES


def particles(events: Events) -> Particles:
    """What rules look at, for every constituent of a sample of jets.

    Raises:
        BadJetError: a jet is empty or not finite.
    """
    jets = constituents(events)
    collection = events.collection(COLLECTION)
    row, start = collection.rows, jets.offsets[:-1]
    axis = [np.add.reduceat(values, start) for values in (jets.px, jets.py, jets.pz)]
    momentum = pt(jets.px, jets.py)
    distance = delta_r(
        eta(jets.px, jets.py, jets.pz), phi(jets.px, jets.py), eta(*axis)[row], phi(axis[0], axis[1])[row]
    )
    order = np.lexsort((-momentum, row))
    rank = np.empty(len(momentum), dtype=np.int64)
    rank[order] = np.arange(len(momentum)) - jets.offsets[row]
    charge = collection.fields.get("charge")
    return Particles(momentum, distance, rank, rank / collection.counts[row], charge)


def remove(events: Events, rule: Rule) -> Events:
    """The sample without the constituents that a rule names; a jet of which nothing would stay keeps its hardest."""
    seen = particles(events)
    collection = events.collection(COLLECTION)
    keep = ~rule(seen)
    emptied = np.bincount(collection.rows[keep], minlength=len(events)) == 0
    keep |= emptied[collection.rows] & (seen.rank == 0)
    return events.with_collections(**{COLLECTION: collection.keep(keep)})

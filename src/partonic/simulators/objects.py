"""Event-level objects from energy flow: missing momentum, isolated leptons and photons, jets without them.

Everything follows the public Delphes cards (arXiv:1307.6346), except that the missing momentum is always that of the
energy flow (the ATLAS card takes calorimeter towers). Momenta are in GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.events import kinematics
from partonic.events.ragged import Ragged, offsets_from_counts
from partonic.simulators.tracker import bins

if TYPE_CHECKING:
    from partonic.simulators.cards import Card, Identification

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEPTON_FIELDS = ("px", "py", "pz", "e", "pid", "charge", "isolation", "d0", "dz", "particle")
PHOTON_FIELDS = ("px", "py", "pz", "e", "isolation", "particle")


def met(particles: Ragged) -> tuple[Floats, Floats]:
    """Missing transverse momentum, minus the vector sum of all particles.

    Args:
        particles: energy flow with px py (GeV).

    Returns:
        Its size (GeV) and azimuth, each (events,); an event without particles has 0 and 0.
    """
    rows, events = particles.rows, len(particles)
    px = -np.bincount(rows, particles["px"], events)
    py = -np.bincount(rows, particles["py"], events)
    # Adding 0 turns -0 into 0, whose azimuth is 0 and not pi.
    return np.hypot(px, py), np.arctan2(py + 0.0, px + 0.0)


def neighbours(first: Ragged, second: Ragged, cone: float) -> tuple[Ints, Ints]:
    """All pairs of items of the same event with a distance in (eta, phi) of at most ``cone``.

    Args:
        first: items with px py pz.
        second: items with px py pz, of the same events.
        cone: largest distance.

    Returns:
        Flat positions in the first and in the second collection, each (pairs,).

    Raises:
        InputError: the collections differ in their number of events.
    """
    if len(first) != len(second):
        raise InputError(f"collections of {len(first)} and {len(second)} events have no common events")
    rows = first.rows
    partners = second.counts[rows]
    starts = offsets_from_counts(partners)
    i = np.repeat(np.arange(first.total), partners)
    j = np.arange(starts[-1]) + np.repeat(second.offsets[rows] - starts[:-1], partners)
    (eta_1, phi_1), (eta_2, phi_2) = _direction(first), _direction(second)
    with np.errstate(invalid="ignore"):
        near = np.flatnonzero(kinematics.delta_r(eta_1[i], phi_1[i], eta_2[j], phi_2[j]) <= cone)
    return i[near], j[near]


def _direction(items: Ragged) -> tuple[Floats, Floats]:
    px, py, pz = (np.asarray(items[name], dtype=np.float64) for name in ("px", "py", "pz"))
    return kinematics.eta(px, py, pz), kinematics.phi(px, py)


def identification_efficiency(pt: Floats, eta: Floats, identification: Identification) -> Floats:
    """Probability to identify a reconstructed electron, muon or photon.

    Args:
        pt: transverse momentum (GeV), (items,).
        eta: pseudorapidity, (items,).
        identification: the numbers of the card.
    """
    plateau = np.array([*identification.efficiency, 0.0])[bins(np.abs(eta), identification.eta)]
    above = np.maximum(pt - identification.fall_from, 0.0)
    chance: Floats = np.where(pt > identification.pt_min, plateau * np.exp(-identification.fall * above), 0.0)
    return chance


def _identified(particles: Ragged, pid: int, identification: Identification, rng: np.random.Generator) -> Ints:
    """Positions of the particles of a kind that the identification keeps."""
    kind = np.flatnonzero(np.abs(particles["pid"]) == pid)
    px, py, pz = (np.asarray(particles[name][kind], dtype=np.float64) for name in ("px", "py", "pz"))
    chance = identification_efficiency(kinematics.pt(px, py), kinematics.eta(px, py, pz), identification)
    return kind[rng.random(len(kind)) < chance]


def _candidates(particles: Ragged, positions: Ints) -> Ragged:
    """The particles at some positions, with their place within the event."""
    mask = np.zeros(particles.total, dtype=bool)
    mask[positions] = True
    local = np.arange(particles.total) - particles.offsets[particles.rows]
    return particles.with_fields(particle=local.astype(np.int32)).keep(mask)


def isolation(candidates: Ragged, particles: Ragged, card: Card) -> Floats:
    """Sum of the pt around each candidate, over its own pt, (candidates,).

    Args:
        candidates: leptons or photons with px py pz and ``particle``, the place within its event's energy flow.
        particles: the energy flow with px py pz pid.
        card: gives the cone, the lowest pt that counts, and whether other leptons count.
    """
    pt = kinematics.pt(particles["px"], particles["py"])
    counts = pt >= card.isolation.pt_min
    if not card.isolation.leptons:
        identity = np.abs(particles["pid"])
        counts &= (identity != 11) & (identity != 13)
    around = _candidates(particles, np.flatnonzero(counts))
    i, j = neighbours(candidates, around, card.isolation.cone)
    other = candidates["particle"][i] != around["particle"][j]
    i, j = i[other], j[other]
    total = np.bincount(i, kinematics.pt(around["px"], around["py"])[j], candidates.total)
    own = kinematics.pt(candidates["px"], candidates["py"])
    return np.asarray(total / own, dtype=np.float64)


def _isolated(candidates: Ragged, particles: Ragged, largest: Floats, card: Card, fields: tuple[str, ...]) -> Ragged:
    """The isolated candidates of each event by falling pt."""
    ratio = isolation(candidates, particles, card)
    kept = candidates.with_fields(isolation=ratio.astype(np.float32)).keep(ratio <= largest)
    order = np.lexsort((-kinematics.pt(kept["px"], kept["py"]), kept.rows))
    return Ragged(kept.offsets, {name: kept[name][order] for name in fields})


def leptons(particles: Ragged, card: Card, rng: np.random.Generator) -> Ragged:
    """Identified and isolated electrons and muons of each event, by falling pt.

    Args:
        particles: energy flow with the fields of :func:`partonic.simulators.detector.detect`.
        card: the numbers of the detector.
        rng: source of randomness.

    Returns:
        Fields px py pz e (GeV), pid, charge, isolation, d0 dz (mm) and particle (place in the event's energy flow).
    """
    electrons = _identified(particles, 11, card.electron, rng)
    muons = _identified(particles, 13, card.muon, rng)
    candidates = _candidates(particles, np.concatenate([electrons, muons]))
    is_muon = np.abs(candidates["pid"]) == 13
    largest = np.where(is_muon, card.muon.isolation_max, card.electron.isolation_max)
    return _isolated(candidates, particles, largest, card, LEPTON_FIELDS)


def photons(particles: Ragged, card: Card, rng: np.random.Generator) -> Ragged:
    """Identified and isolated photons of each event, by falling pt.

    Args:
        particles: energy flow with the fields of :func:`partonic.simulators.detector.detect`.
        card: the numbers of the detector.
        rng: source of randomness.

    Returns:
        Fields px py pz e (GeV), isolation and particle (place in the event's energy flow).
    """
    candidates = _candidates(particles, _identified(particles, 22, card.photon, rng))
    largest = np.full(candidates.total, card.photon.isolation_max)
    return _isolated(candidates, particles, largest, card, PHOTON_FIELDS)


def unique_jets(jets: Ragged, *objects: Ragged) -> NDArray[np.bool_]:
    """Whether a jet holds none of the isolated leptons and photons, (jets,): those that do are no jets of their own.

    Args:
        jets: jets with the link ``constituents`` into the energy flow.
        *objects: leptons, photons with their field ``particle``.

    Raises:
        InputError: the jets have no such link.
    """
    if "constituents" not in jets.links:
        raise InputError("jets without the link 'constituents' cannot be compared with leptons and photons")
    link = jets.links["constituents"]
    jet = np.repeat(np.arange(jets.total), np.diff(link.offsets))
    stride = 1 + max(
        (int(item.max()) for item in (link.index, *(o["particle"] for o in objects)) if len(item)), default=0
    )
    taken = np.concatenate([np.zeros(0, dtype=np.int64), *(o.rows * stride + o["particle"] for o in objects)])
    shared = np.isin(jets.rows[jet] * stride + link.index, taken)
    mask = np.ones(jets.total, dtype=bool)
    mask[jet[shared]] = False
    return mask

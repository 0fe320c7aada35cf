"""Flavour of jets and its tagging: b, c and light jets, hadronic taus, with the efficiencies of the detector cards.

The formulas are those of the public Delphes cards (arXiv:1307.6346): a jet has the heaviest flavour within a cone
around its axis, and is tagged at random with an efficiency that depends on it. Momenta are in GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partonic.events import kinematics
from partonic.simulators.objects import neighbours

if TYPE_CHECKING:
    from partonic.events.ragged import Ragged
    from partonic.simulators.cards import Card, TauTag

Floats = NDArray[np.float64]
Flavours = NDArray[np.int8]

GLUON = 21


def quark_flavour(pid: NDArray[Any]) -> Flavours:
    """Flavour that a particle gives to a jet: 1 to 5 for quarks, 21 for gluons, 5 and 4 for b and c hadrons, else 0.

    Args:
        pid: particle numbers of the Particle Data Group, (particles,).
    """
    identity = np.abs(np.asarray(pid, dtype=np.int64))
    heaviest = np.maximum(identity // 1000 % 10, identity // 100 % 10)  # heaviest quark of a baryon or a meson
    hadron = (identity > 100) & (identity < 10_000_000) & ((heaviest == 4) | (heaviest == 5))
    parton = (identity <= 5) | (identity == GLUON)
    return np.where(hadron, heaviest, np.where(parton, identity, 0)).astype(np.int8)


def _select(items: Ragged, pt_min: float, eta_max: float) -> Ragged:
    px, py, pz = (np.asarray(items[name], dtype=np.float64) for name in ("px", "py", "pz"))
    return items.keep((kinematics.pt(px, py) > pt_min) & (np.abs(kinematics.eta(px, py, pz)) <= eta_max))


def jet_flavours(jets: Ragged, sources: Ragged, card: Card) -> Flavours:
    """Flavour of each jet: the heaviest of the sources within the card's cone; gluons only where there is no quark.

    Args:
        jets: jets with px py pz.
        sources: partons, or last b and c hadrons, with px py pz pid.
        card: the numbers of the detector.

    Returns:
        5, 4, 3, 2, 1, 21 for a gluon, 0 for none, int8 (jets,).
    """
    flavour = quark_flavour(sources["pid"])
    near = _select(sources.with_fields(flavour=flavour).keep(flavour > 0), card.btag.pt_min, card.btag.eta_max)
    i, j = neighbours(jets, near, card.btag.cone)
    rank = np.zeros(jets.total, dtype=np.int8)  # 0 none, 1 gluon, 2 to 6 quarks
    found = near["flavour"][j]
    np.maximum.at(rank, i, np.where(found == GLUON, 1, found + 1).astype(np.int8))
    return np.where(rank == 1, GLUON, np.maximum(rank - 1, 0)).astype(np.int8)


def b_tag_efficiency(pt: Floats, flavour: Flavours, card: Card) -> Floats:
    """Probability to tag jets as b jets.

    Args:
        pt: transverse momentum of the jets (GeV), (jets,).
        flavour: 5 for b, 4 for c, anything else is light, (jets,).
        card: the numbers of the detector.
    """

    def heavy(scale: float, rise: float, fall: float) -> Floats:
        """The efficiency of b or c jets."""
        return np.asarray(scale * np.tanh(rise * pt) / (1 + fall * pt))

    offset, slope = card.btag.light
    light = offset + slope * pt
    chance: Floats = np.select([flavour == 5, flavour == 4], [heavy(*card.btag.beauty), heavy(*card.btag.charm)], light)
    return chance


def b_tags(jets: Ragged, flavour: Flavours, card: Card, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether each jet is tagged as a b jet, (jets,).

    Args:
        jets: jets with px py.
        flavour: see :func:`jet_flavours`, (jets,).
        card: the numbers of the detector.
        rng: source of randomness.
    """
    pt = kinematics.pt(jets["px"], jets["py"])
    return np.asarray(rng.random(jets.total) < b_tag_efficiency(pt, flavour, card))


def tau_tracks(jets: Ragged, particles: Ragged, card: Card) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Number and summed charge of the tracks near the axis of each jet, each (jets,).

    Args:
        jets: jets with px py pz.
        particles: energy flow with px py pz charge.
        card: the numbers of the detector.
    """
    hard = kinematics.pt(particles["px"], particles["py"]) >= card.tau.track_pt_min
    tracks = particles.keep(hard & (particles["charge"] != 0))
    i, j = neighbours(jets, tracks, card.tau.track_cone)
    charge = np.bincount(i, tracks["charge"][j], jets.total)
    return np.bincount(i, minlength=jets.total), np.clip(charge, -127, 127).astype(np.int8)


def true_taus(jets: Ragged, visible_taus: Ragged, card: Card) -> NDArray[np.bool_]:
    """Whether there is a hadronic tau within the card's cone around each jet, (jets,).

    Args:
        jets: jets with px py pz.
        visible_taus: hadronically decaying taus without their neutrinos, with px py pz.
        card: the numbers of the detector.
    """
    i, _ = neighbours(jets, _select(visible_taus, card.tau.pt_min, card.tau.eta_max), card.tau.cone)
    matched = np.zeros(jets.total, dtype=bool)
    matched[i] = True
    return matched


def tau_tag_efficiency(tracks: NDArray[np.int64], true: NDArray[np.bool_], tau: TauTag) -> Floats:
    """Probability to tag jets as hadronic taus.

    Args:
        tracks: number of tracks near the axis, (jets,).
        true: whether there is a hadronic tau, (jets,).
        tau: the numbers of the card.
    """
    column = np.minimum(tracks, 2)
    return np.where(true, np.array(tau.efficiency)[column], np.array(tau.mistag)[column])


def tau_tags(
    jets: Ragged, particles: Ragged, visible_taus: Ragged, card: Card, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Whether each jet is tagged as a hadronic tau, (jets,).

    Args:
        jets: jets with px py pz.
        particles: energy flow with px py pz charge.
        visible_taus: hadronically decaying taus without their neutrinos, with px py pz.
        card: the numbers of the detector.
        rng: source of randomness.
    """
    tracks, _ = tau_tracks(jets, particles, card)
    chance = tau_tag_efficiency(tracks, true_taus(jets, visible_taus, card), card.tau)
    return np.asarray(rng.random(jets.total) < chance)


def taus(jets: Ragged, tagged: NDArray[np.bool_], particles: Ragged, card: Card) -> Ragged:
    """The tau-tagged jets of each event, with the charge and number of their tracks.

    Args:
        jets: jets with px py pz e.
        tagged: see :func:`tau_tags`, (jets,).
        particles: energy flow with px py pz charge.
        card: the numbers of the detector.

    Returns:
        Fields px py pz e (GeV), charge (int8) and n_tracks (int8), in the order of the jets.
    """
    tracks, charge = tau_tracks(jets, particles, card)
    chosen = jets.with_fields(charge=charge, n_tracks=np.minimum(tracks, 127).astype(np.int8)).keep(tagged)
    fields = ("px", "py", "pz", "e", "charge", "n_tracks")
    return type(chosen)(chosen.offsets, {name: chosen[name] for name in fields})

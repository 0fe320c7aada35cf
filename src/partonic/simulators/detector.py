"""A parametrised detector: particles of an event generator become energy-flow particles, a chunk of events at once.

Each charged particle bends in the solenoid and may give a track; electrons and photons shower in the electromagnetic
calorimeter, other hadrons in the hadronic one, K0S and Lambda in both; tracks and towers merge into energy flow as in
Delphes (arXiv:1307.6346), with the numbers of its public cards (:mod:`partonic.simulators.cards`). There is no
material, no pile-up subtraction and no noise without signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError, unknown
from partonic.events.ragged import Ragged
from partonic.simulators.calorimeter import Deposits, Neutrals, grid, merge, read
from partonic.simulators.cards import ATLAS, CARDS, CMS, Calorimeter, Card
from partonic.simulators.layers import Readout, cells
from partonic.simulators.tracker import (
    MASSES,
    Floats,
    TrackSet,
    find_tracks,
    impact_error,
    impact_parameters,
    propagate,
)

__all__ = [
    "ATLAS",
    "CARDS",
    "CMS",
    "TRUTH_FIELDS",
    "Card",
    "Response",
    "detect",
    "respond",
    "truth_particles",
    "visible",
]

Fields = Mapping[str, NDArray[Any]]

TRUTH_FIELDS = ("px", "py", "pz", "e", "pid", "charge", "vx", "vy", "vz")
"""What :func:`respond` and :func:`truth_particles` need to know of each stable particle."""

CHUNK_MAX = 20_000  # events in one call; towers of all are numbered in 63 bits
ETA_MAX = 4.9  # of particles without a detector, the reach of the ATLAS calorimeters
NEUTRAL_HADRON = 130
# Neutrinos, sneutrinos, neutralinos, gravitons, dark-matter candidates.
_INVISIBLE = (12, 14, 16, 18, 39, *range(51, 61), 1000012, 1000014, 1000016, 1000022, 1000023, 1000025, 1000035)
_INVISIBLE += (1000039, 1000045)
_NONE, _ELECTROMAGNETIC, _HADRONIC, _STRANGE, _HIDDEN = range(5)


def _showers() -> NDArray[np.int8]:
    """How a particle of a given abs(pid) showers; the last entry stands for all larger numbers."""
    table = np.full(4096, _HADRONIC, dtype=np.int8)
    table[[11, 22, 111]] = _ELECTROMAGNETIC
    table[[310, 3122]] = _STRANGE
    table[13] = _NONE
    table[[pid for pid in _INVISIBLE if pid < len(table)]] = _HIDDEN
    return table


_SHOWERS = _showers()


def _shower(pid: NDArray[Any]) -> NDArray[np.int8]:
    identity = np.abs(pid)
    kind: NDArray[np.int8] = _SHOWERS[np.minimum(identity, len(_SHOWERS) - 1)]
    large = np.flatnonzero(identity >= len(_SHOWERS))
    kind[large[np.isin(identity[large], _INVISIBLE)]] = _HIDDEN
    return kind


def visible(pid: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether particles leave anything at all in a detector (neutrinos and their like do not).

    Args:
        pid: particle numbers of the Particle Data Group, any shape.
    """
    return np.asarray(_shower(np.atleast_1d(pid)).reshape(np.shape(pid)) != _HIDDEN)


def _fields(truth: Ragged) -> Fields:
    """The fields of the truth, all there."""
    missing = [name for name in TRUTH_FIELDS if name not in truth.fields]
    if missing:
        raise unknown("field of the truth particles", missing[0], truth.fields)
    return {name: truth.fields[name] for name in TRUTH_FIELDS}


def _seen(truth: Ragged, eta_max: float) -> tuple[NDArray[np.int64], Fields]:
    """Positions of the visible particles below an abs(eta), and their fields, with ``pt`` and ``shower`` (its kind)."""
    fields = _fields(truth)
    pt = np.sqrt(fields["px"] ** 2 + fields["py"] ** 2)
    shower = _shower(fields["pid"])
    seen = np.flatnonzero((np.abs(fields["pz"]) < np.sinh(eta_max) * pt) & (shower != _HIDDEN))
    return seen, {name: values[seen] for name, values in {**fields, "pt": pt, "shower": shower}.items()}


def _class(pid: NDArray[Any], charge: NDArray[Any]) -> NDArray[np.int32]:
    """What the detector calls a charged particle: +-11, +-13 or +-211."""
    identity = np.abs(pid).astype(np.int32, copy=False)
    sign = np.sign(charge).astype(np.int32)
    lepton = (identity == 11) | (identity == 13)
    number: NDArray[np.int32] = sign * np.where(lepton, -identity, 211)  # leptons: sign opposite to the charge
    return number


def _deposits(
    event: NDArray[np.int64], energy: Floats, eta: Floats, phi: Floats, share: Floats, calorimeter: Calorimeter
) -> tuple[Deposits, NDArray[np.int64]]:
    """What reaches a calorimeter, and for each particle the number of its deposit (-1 for none)."""
    hit = np.flatnonzero((share > 0) & grid(calorimeter).covers(eta))
    number = np.full(len(event), -1, dtype=np.int64)
    number[hit] = np.arange(len(hit))
    return Deposits(event[hit], eta[hit], phi[hit], energy[hit] * share[hit]), number


def _calorimeters(
    event: NDArray[np.int64],
    fields: Fields,
    eta: Floats,
    phi: Floats,
    tracks: TrackSet,
    card: Card,
    rng: np.random.Generator,
) -> tuple[tuple[Neutrals, Neutrals], tuple[Readout, Readout], Floats]:
    """Photons and neutral hadrons of the energy flow, what both calorimeters read, and the factor on each track."""
    shares = np.zeros((2, 5))
    shares[0, [_ELECTROMAGNETIC, _STRANGE]] = 1.0, card.strange_em
    shares[1, [_HADRONIC, _STRANGE]] = 1.0, 1.0 - card.strange_em
    factor = np.ones(len(tracks.index))
    neutrals, readouts = [], []
    for share, calorimeter in zip(shares, (card.ecal, card.hcal), strict=True):
        deposits, number = _deposits(event, fields["e"], eta, phi, share[fields["shower"]], calorimeter)
        tracked = number[tracks.index]
        showers = np.flatnonzero(tracked >= 0)
        towers = read(deposits, calorimeter, rng)
        excess, factor[showers] = merge(
            towers, tracked[showers], tracks.energy[showers], tracks.sigma[showers], calorimeter, rng
        )
        neutrals.append(excess)
        electron = np.abs(fields["pid"][number >= 0]) == 11
        readouts.append(Readout(calorimeter, towers, deposits.energy, electron))
    return (neutrals[0], neutrals[1]), (readouts[0], readouts[1]), factor


def _charged(fields: Fields, tracks: TrackSet, factor: Floats, card: Card, rng: np.random.Generator) -> Fields:
    """The tracks as energy-flow particles."""
    index, scale = tracks.index, tracks.scale * factor
    px, py, pz = (fields[name][index] for name in ("px", "py", "pz"))
    transverse = fields["pt"][index]
    error = impact_error(transverse, pz / transverse, card.tracker)
    d0, dz = impact_parameters(fields, index, card.solenoid.field)
    charge = fields["charge"][index]
    px, py, pz = scale * px, scale * py, scale * pz
    return {
        "px": px,
        "py": py,
        "pz": pz,
        "e": np.sqrt(px * px + py * py + pz * pz + MASSES[tracks.kind] ** 2),
        "charge": charge,
        "pid": _class(fields["pid"][index], charge),
        "d0": d0 + error * rng.standard_normal(len(index)),
        "dz": dz + error * rng.standard_normal(len(index)),
        "d0_error": error,
        "dz_error": error,
    }


def _neutral(towers: Neutrals, pid: int) -> Fields:
    """Towers as massless energy-flow particles."""
    transverse = towers.energy / np.cosh(towers.eta)
    nothing = np.zeros(len(transverse), dtype=np.float32)
    return {
        "px": transverse * np.cos(towers.phi),
        "py": transverse * np.sin(towers.phi),
        "pz": towers.energy * np.tanh(towers.eta),
        "e": towers.energy,
        "charge": nothing.astype(np.int8),
        "pid": np.full(len(transverse), pid, dtype=np.int32),
        "d0": nothing,
        "dz": nothing,
        "d0_error": nothing,
        "dz_error": nothing,
        "truth": np.full(len(transverse), -1, dtype=np.int32),
    }


_IMPACT = ("d0", "dz", "d0_error", "dz_error")
_TYPES: dict[str, Any] = {"charge": np.int8, "pid": np.int32, "truth": np.int32, **dict.fromkeys(_IMPACT, np.float32)}


def _merge(events: int, event: list[NDArray[np.int64]], parts: list[Fields]) -> Ragged:
    """Join particles of several kinds, each in order of events, to one collection."""
    rows = np.concatenate(event)
    order = np.argsort(rows, kind="stable")
    fields = {
        name: np.concatenate([part[name].astype(_TYPES.get(name, np.float64), copy=False) for part in parts])[order]
        for name in parts[0]
    }
    return Ragged.from_counts(np.bincount(rows, minlength=events), fields)


@dataclass(frozen=True)
class Response:
    """What a detector makes of a chunk of events.

    Args:
        particles: energy flow, as :func:`detect` gives it.
        calorimeters: what the electromagnetic and the hadronic calorimeter read.
    """

    particles: Ragged
    calorimeters: tuple[Readout, Readout]

    def cells(self) -> Ragged:
        """The cells of the calorimeters in their layers, see :func:`partonic.simulators.layers.cells`."""
        return cells(len(self.particles), *self.calorimeters)


def detect(truth: Ragged, card: Card, rng: np.random.Generator) -> Ragged:
    """The energy flow of :func:`respond` alone."""
    return respond(truth, card, rng).particles


def respond(truth: Ragged, card: Card, rng: np.random.Generator) -> Response:
    """Send the final particles of a chunk of events through a detector.

    Args:
        truth: stable final particles, visible or not, with flat fields px py pz e (GeV), pid, charge (units of e),
            vx vy vz (production vertex, mm).
        card: the numbers of the detector.
        rng: source of randomness; the result is a function of its state.

    Returns:
        The towers, and energy-flow particles of each event, tracks before photons before neutral hadrons, with fields
        px py pz e (GeV, float64), charge (int8), pid (int32: +-211, +-11, +-13, 22, 130), d0 dz d0_error dz_error (mm,
        float32, 0 for neutrals) and truth (int32, position of the track's particle within its event, -1 for neutrals).

    Raises:
        UnknownNameError: the truth lacks a field.
        InputError: there are too many events for one call.
    """
    if len(truth) > CHUNK_MAX:
        raise InputError(
            f"the detector takes up to {CHUNK_MAX:,} events at once, not {len(truth):,}; pass them in chunks"
        )
    reach = max(grid(card.ecal).edges[-1], grid(card.hcal).edges[-1])
    seen, fields = _seen(truth, reach + 0.5)  # bending and displaced vertices shift eta a little
    event, pt = truth.rows[seen], fields["pt"]
    arrivals = propagate(fields, pt, card.solenoid)
    eta = np.where(arrivals.reached, arrivals.eta, np.inf)
    in_tracker = np.abs(eta) <= card.tracker.efficiency_eta[-1]
    candidates = np.flatnonzero((fields["charge"] != 0) & in_tracker)
    tracks = find_tracks(fields, pt, eta, candidates, card.tracker, rng)
    (photons, hadrons), readouts, factor = _calorimeters(event, fields, eta, arrivals.phi, tracks, card, rng)
    charged = dict(_charged(fields, tracks, factor, card, rng))
    charged["truth"] = seen[tracks.index] - truth.offsets[event[tracks.index]]
    particles = _merge(
        len(truth),
        [event[tracks.index], photons.event, hadrons.event],
        [charged, _neutral(photons, 22), _neutral(hadrons, NEUTRAL_HADRON)],
    )
    return Response(particles, readouts)


def truth_particles(truth: Ragged) -> Ragged:
    """The visible particles in abs(eta) < 4.9 as a perfect detector without field would give them.

    Args:
        truth: as for :func:`respond`.

    Returns:
        The fields of :func:`respond` with exact momenta, pid by the same five classes, impact parameters of straight
        lines with errors 0, and truth for every particle.

    Raises:
        UnknownNameError: the truth lacks a field.
    """
    seen, fields = _seen(truth, ETA_MAX)
    event, charge = truth.rows[seen], fields["charge"].astype(np.int8)
    electromagnetic = fields["shower"] == _ELECTROMAGNETIC
    pid = np.where(charge != 0, _class(fields["pid"], charge), np.where(electromagnetic, 22, NEUTRAL_HADRON))
    d0, dz = impact_parameters(fields, np.arange(len(seen)), 0.0)
    bent = charge != 0
    exact = np.zeros(len(seen), dtype=np.float32)
    particles: Fields = {
        **{name: fields[name].astype(np.float64) for name in ("px", "py", "pz", "e")},
        "charge": charge,
        "pid": pid.astype(np.int32),
        "d0": np.where(bent, d0, 0.0).astype(np.float32),
        "dz": np.where(bent, dz, 0.0).astype(np.float32),
        "d0_error": exact,
        "dz_error": exact,
        "truth": (seen - truth.offsets[event]).astype(np.int32),
    }
    return Ragged.from_counts(np.bincount(event, minlength=len(truth)), particles)

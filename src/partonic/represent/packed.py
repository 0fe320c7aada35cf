"""Packed particle clouds: flat constituents and offsets, with the features of each (arXiv:2202.03772)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from partonic.core.compiled import compiled
from partonic.core.errors import InputError, unknown
from partonic.represent.batch import PackedJets
from partonic.represent.clustering import POWERS, Algorithm, cluster, leaves
from partonic.represent.constituents import constituents, fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.constituents import Constituents

FEATURES = {
    "log_pt": "(ln pt / GeV - 1.7) 0.7",
    "log_energy": "(ln E / GeV - 2.0) 0.7",
    "log_pt_share": "(ln pt / pt_jet + 4.7) 0.7",
    "log_energy_share": "(ln E / E_jet + 4.7) 0.7",
    "delta_r": "(distance to the jet's axis - 0.2) 4",
    "delta_eta": "pseudorapidity less the jet's, times the sign of the jet's",
    "delta_phi": "azimuth less the jet's, wrapped into [-pi, pi]",
}
KINEMATIC = len(FEATURES)
POSITION = slice(5, 7)
"""Columns of the place relative to the jet's axis: delta_eta and delta_phi."""

KINDS = {
    "charged_hadron": "1 or 0",
    "neutral_hadron": "1 or 0",
    "photon": "1 or 0",
    "electron": "1 or 0",
    "muon": "1 or 0",
}
_CHARGE = {"charge": "in units of e"}
_TRACKS = {
    "d0": "tanh d0 / mm, the transverse impact parameter",
    "d0_error": "its error / mm, at most 1",
    "dz": "tanh dz / mm, the longitudinal impact parameter",
    "dz_error": "its error / mm, at most 1",
}
INPUTS: dict[str, dict[str, str]] = {
    "kinematic": FEATURES,
    "charge": {**FEATURES, **_CHARGE},
    "kinds": {**FEATURES, **_CHARGE, **KINDS},
    "full": {**FEATURES, **_CHARGE, **KINDS, **_TRACKS},
}
"""Sets of features, each in its order: what a particle's momentum says, its charge, its kind, its track."""
Order = Literal["given"] | Algorithm
ORDERS = ("given", *POWERS)
NEEDED = {
    "kinematic": (),
    "charge": ("charge",),
    "kinds": ("charge", "pid"),
    "full": ("charge", "pid", "d0", "d0_error", "dz", "dz_error"),
}


@dataclass(frozen=True)
class Packed:
    """Representation of jets as packed clouds; the features and scales are those of the published transformer.

    Args:
        inputs: set of features, one of :data:`INPUTS`: ``kinematic``, ``charge``, ``kinds``, ``full``.
        max_particles: keep this many of the hardest constituents (all by default). The jet's own momentum and axis
            are always those of all constituents.
        order: ``given`` leaves the constituents in the order of the sample; ``kt`` and ``cambridge-aachen`` put them
            in that of the clustering tree's leaves, each harder branch first, for networks that read a sequence.

    Raises:
        UnknownNameError: there is no such set of features or order.
        InputError: ``max_particles`` is below 1.
    """

    inputs: str = "kinematic"
    max_particles: int | None = None
    order: Order = "given"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise unknown("order of constituents", self.order, ORDERS)
        if self.inputs not in INPUTS:
            raise unknown("set of inputs", self.inputs, INPUTS)
        if self.max_particles is not None and self.max_particles < 1:
            raise InputError(f"max_particles must be 1 or more (or none, for all), not {self.max_particles}")

    @property
    def width(self) -> int:
        """Number of features of a particle."""
        return len(INPUTS[self.inputs])

    def __call__(self, events: Events) -> PackedJets:
        """Pack the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        jets = constituents(events)
        features = np.empty((len(jets.px), len(INPUTS[self.inputs])), dtype=np.float32)
        _features(jets.offsets, *jets.arrays, features)
        for column, values in enumerate(particle_inputs(events, self.inputs), KINEMATIC):
            features[:, column] = values
        p4 = np.stack([jets.e, jets.px, jets.py, jets.pz], axis=1, dtype=np.float32, casting="same_kind")
        offsets, kept = jets.offsets, None if self.order == "given" else leaves(cluster(jets, self.order))
        if self.max_particles is not None:
            hardest, offsets = _hardest(jets, self.max_particles)
            kept = hardest if kept is None else kept[np.isin(kept, hardest)]
        if kept is not None:
            features, p4 = features[kept], p4[kept]
        return PackedJets(torch.from_numpy(features), torch.from_numpy(p4), torch.from_numpy(offsets.copy()))


def particle_inputs(events: Events, inputs: str) -> list[NDArray[Any]]:
    """The features behind the kinematic ones, each (particles,)."""
    particles = dict(zip(NEEDED[inputs], fields(events, inputs, NEEDED[inputs]), strict=True))
    values = [particles["charge"]] if inputs != "kinematic" else []
    if "pid" in NEEDED[inputs]:
        number = np.abs(particles["pid"])
        named = [number == 22, number == 11, number == 13]
        hadron = ~np.logical_or.reduce(named)
        charged = particles["charge"] != 0
        values += [hadron & charged, hadron & ~charged, *named]
    for name in ("d0", "dz") if "d0" in NEEDED[inputs] else ():
        values += [np.tanh(particles[name]), np.clip(particles[f"{name}_error"], 0, 1)]
    return values


def _hardest(jets: Constituents, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the hardest constituents of each jet in their old order, and the new offsets."""
    counts = np.diff(jets.offsets)
    rows = np.repeat(np.arange(len(jets)), counts)
    order = np.lexsort((-np.hypot(jets.px, jets.py), rows))
    place = np.arange(len(order)) - np.repeat(jets.offsets[:-1], counts)
    kept = np.sort(order[place < most])
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, most))])
    return kept, offsets


@compiled
def _features(
    offsets: NDArray[np.int64],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    e: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Fill the seven features, each clipped to [-5, 5]."""
    for jet in range(len(offsets) - 1):
        start, stop = offsets[jet], offsets[jet + 1]
        x, y, z, energy = px[start:stop].sum(), py[start:stop].sum(), pz[start:stop].sum(), e[start:stop].sum()
        pt = np.hypot(x, y)
        eta, phi = np.arcsinh(z / pt), np.arctan2(y, x)
        sign = -1.0 if eta < 0 else 1.0
        log_pt, log_energy = np.log(pt), np.log(energy)
        for i in range(start, stop):
            square = px[i] * px[i] + py[i] * py[i]
            own_log, own_log_energy = 0.5 * np.log(square), np.log(e[i])
            steep = np.log(abs(pz[i]) + np.sqrt(square + pz[i] * pz[i])) - own_log  # of arcsinh(abs(pz) / pt)
            delta_eta = ((steep if pz[i] >= 0 else -steep) - eta) * sign
            turn = np.arctan2(py[i], px[i]) - phi
            turn -= 2 * np.pi * np.rint(turn / (2 * np.pi))
            out[i, 0] = (own_log - 1.7) * 0.7
            out[i, 1] = (own_log_energy - 2.0) * 0.7
            out[i, 2] = (own_log - log_pt + 4.7) * 0.7
            out[i, 3] = (own_log_energy - log_energy + 4.7) * 0.7
            out[i, 4] = (np.sqrt(delta_eta * delta_eta + turn * turn) - 0.2) * 4
            out[i, 5] = delta_eta
            out[i, 6] = turn
            for k in range(7):
                out[i, k] = min(max(out[i, k], -5.0), 5.0)

"""Jets as streams of tracks, neutral particles and secondary vertices, for flavour tagging (arXiv:2008.10519)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.events import kinematics
from partonic.represent.batch import Segmented
from partonic.represent.constituents import COLLECTION, Constituents, constituents
from partonic.represent.impact import Tracks, ranked_significance, tracks
from partonic.represent.vertices import Vertices, vertices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events

    Floats = NDArray[np.float64]

LENGTH = 0.05  # mm, where the logarithm of a length begins to bend
TRACKS = {
    "log_pt": "ln pt / GeV",
    "log_share": "ln pt / pt_jet",
    "distance": "distance to the jet's axis, times 5",
    "log_transverse": "ln(1 + momentum across the jet's axis / GeV)",
    "significance": "signed transverse impact parameter over its error, as sign(x) ln(1 + |x|)",
    "impact_significance": "the same in space",
    "impact": "signed impact parameter in space over 0.05 mm, in the same way",
    "electron": "1 or 0",
    "muon": "1 or 0",
    "in_vertex": "1 if it belongs to a secondary vertex, else 0",
}
NEUTRALS = {
    "log_pt": "ln pt / GeV",
    "log_share": "ln pt / pt_jet",
    "distance": "distance to the jet's axis, times 5",
    "photon": "1 for a photon, 0 for a neutral hadron",
}
VERTICES = {
    "mass": "of the tracks, in GeV",
    "tracks": "number of tracks, over 4",
    "log_flight": "ln(1 + flight / 0.05 mm)",
    "log_flight_significance": "ln(1 + flight over its error)",
    "share": "of the jet's energy that its tracks carry",
    "angle": "between the flight and the jet's axis, times 5",
    "quality": "ln(1 + chi squared over degrees of freedom)",
}
JETS = {
    "log_pt": "ln pt / 100 GeV",
    "eta": "absolute pseudorapidity",
    "tracks": "number of tracks, over 10",
    "neutrals": "number of neutral particles, over 10",
    "vertices": "number of secondary vertices",
    "second_significance": "signed significance of the second track, as sign(x) ln(1 + |x|); 0 without one",
    "third_significance": "the same of the third",
}


@dataclass(frozen=True)
class Stream(Segmented):
    """Items of jets, flat.

    Args:
        features: (items, F) float32 network inputs.
        offsets: (jets + 1,) int64, where the items of each jet begin.
    """

    features: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Streams:
    """Jets as three streams of items and what is known of each as a whole.

    Args:
        tracks: by rising signed significance: the last of a jet is the most displaced one.
        neutrals: by rising pt.
        vertices: by rising significance of the flight.
        jets: (jets, F) float32.
    """

    tracks: Stream
    neutrals: Stream
    vertices: Stream
    jets: Tensor

    def __len__(self) -> int:
        return len(self.jets)

    def to(self, device: torch.device | str) -> Self:
        """The same batch with every tensor on ``device``."""
        parts = (self.tracks.to(device), self.neutrals.to(device), self.vertices.to(device))
        return type(self)(*parts, self.jets.to(device))


@dataclass(frozen=True)
class JetStreams:
    """Representation of jets as :class:`Streams`; the features are :data:`TRACKS`, :data:`NEUTRALS` and so on.

    The published network takes more features, of quality criteria that only a full detector knows.

    Args:
        most: items of a stream at most: the most displaced tracks, the hardest neutral particles.

    Raises:
        InputError: ``most`` is below 1.
    """

    most: int = 25

    def __post_init__(self) -> None:
        if self.most < 1:
            raise InputError(f"most must be 1 or more items of a stream, not {self.most}")

    @property
    def width(self) -> int:
        """Number of features of a track."""
        return len(TRACKS)

    def __call__(self, events: Events) -> Streams:
        """Sort the constituents of jets into streams and find their vertices.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack charge, pid or impact parameters.
        """
        found = tracks(events)
        known = vertices(events, found)
        jets = constituents(events)
        near = _Near.of(jets)
        pid = np.abs(events.collection(COLLECTION)["pid"])
        neutral = np.flatnonzero(events.collection(COLLECTION)["charge"] == 0)
        neutral = neutral[np.lexsort((-near.pt[neutral], near.jet[neutral]))]
        neutral_offsets = np.searchsorted(near.jet[neutral], np.arange(len(jets) + 1))
        return Streams(
            _stream(_tracks(found, known, near, pid), found.offsets, self.most),
            _stream(_neutrals(neutral, near, pid), neutral_offsets, self.most),
            _stream(_vertices(known), known.offsets, self.most),
            torch.from_numpy(_jets(found, known, np.diff(neutral_offsets), near).astype(np.float32)),
        )


@dataclass(frozen=True)
class _Near:
    """Momenta of all constituents relative to their jets, each (particles,) but for the jets' own, (jets,)."""

    jet: NDArray[np.int64]
    pt: Floats
    share: Floats
    distance: Floats
    across: Floats
    jet_pt: Floats
    jet_eta: Floats

    @classmethod
    def of(cls, jets: Constituents) -> _Near:
        row = np.repeat(np.arange(len(jets)), np.diff(jets.offsets))
        px, py, pz, _ = (np.add.reduceat(values, jets.offsets[:-1]) for values in jets.arrays)
        jet_pt, eta, phi = kinematics.pt(px, py), kinematics.eta(px, py, pz), kinematics.phi(px, py)
        pt = kinematics.pt(jets.px, jets.py)
        own = kinematics.eta(jets.px, jets.py, jets.pz), kinematics.phi(jets.px, jets.py)
        axis = np.stack([px, py, pz], axis=1)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        across = np.linalg.norm(np.cross(np.stack([jets.px, jets.py, jets.pz], axis=1), axis[row]), axis=1)
        distance = kinematics.delta_r(*own, eta[row], phi[row])
        return cls(row, pt, pt / jet_pt[row], distance, across, jet_pt, eta)


def _bent(values: Floats) -> Floats:
    """Large numbers of either sign on a logarithmic scale."""
    return np.sign(values) * np.log1p(np.abs(values))


def _tracks(found: Tracks, known: Vertices, near: _Near, pid: NDArray[Any]) -> list[Floats]:
    index = found.index
    return [
        np.log(near.pt[index]),
        np.log(near.share[index]),
        5 * near.distance[index],
        np.log1p(near.across[index]),
        _bent(found.significance),
        _bent(found.impact / found.error),
        _bent(found.impact / LENGTH),
        pid[index] == 11,
        pid[index] == 13,
        known.member >= 0,
    ]


def _neutrals(index: NDArray[np.int64], near: _Near, pid: NDArray[Any]) -> list[Floats]:
    return [np.log(near.pt[index]), np.log(near.share[index]), 5 * near.distance[index], pid[index] == 22]


def _vertices(known: Vertices) -> list[Floats]:
    return [
        known.mass,
        known.tracks / 4,
        np.log1p(known.flight / LENGTH),
        np.log1p(known.flight / known.error),
        known.share,
        5 * known.angle,
        np.log1p(known.quality),
    ]


def _jets(found: Tracks, known: Vertices, neutrals: NDArray[np.int64], near: _Near) -> Floats:
    counts = np.diff(found.offsets)
    ranked = [np.where(counts >= place, _bent(ranked_significance(found, place)), 0.0) for place in (2, 3)]
    columns = [np.log(near.jet_pt / 100), np.abs(near.jet_eta), counts / 10, neutrals / 10, np.diff(known.offsets)]
    return np.stack([*columns, *ranked], axis=1)


def _stream(columns: list[Floats], offsets: NDArray[np.int64], most: int) -> Stream:
    """Columns of items by falling importance: the first of each jet, turned so that the most important is last."""
    counts = np.minimum(np.diff(offsets), most)
    new = np.concatenate([[0], np.cumsum(counts)])
    place = np.arange(new[-1]) - np.repeat(new[:-1], counts)
    rows = np.repeat(offsets[:-1] + counts - 1, counts) - place
    features = np.stack(columns, axis=1).astype(np.float32)[rows]
    return Stream(torch.from_numpy(features), torch.from_numpy(new.astype(np.int64)))

"""Events as jets and their particles: batches of two levels, for networks over the jets of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import BadJetError, unknown
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Ragged
from partonic.represent.batch import PackedJets
from partonic.represent.constituents import COLLECTION
from partonic.represent.packed import Packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOMENTUM = ("px", "py", "pz", "e")
LIGHTEST = 0.1  # GeV: smaller jet masses count as this
JET_FEATURES = {
    "log_pt": "(ln pt / GeV - 4.5) 0.7",
    "log_energy": "(ln E / GeV - 5) 0.7",
    "log_mass": "(ln m / GeV - 2.5) 0.7, of masses above 0.1 GeV",
    "eta": "pseudorapidity, times the sign of that of the hardest jet",
    "delta_phi": "azimuth less that of the hardest jet, wrapped into [-pi, pi]",
}
EVENT_FEATURES = {
    "met_along": "ln(1 + met / GeV) times the cosine of its angle to the hardest jet, which is 0 without jets",
    "met_across": "the same times the sine",
    "log_ht": "ln(1 + sum of the jets' pt / GeV) / 5",
    "jets": "number of jets / 5",
}


@dataclass(frozen=True)
class PackedEvents:
    """Events of any number of jets of any number of particles.

    Args:
        jets: their particles, all jets of the batch one after the other, those of an event by falling pt.
        jet_features: (jets, 5) float32, :data:`JET_FEATURES`.
        offsets: (events + 1,) int64, where the jets of each event begin.
        features: (events, 4) float32, :data:`EVENT_FEATURES`.
    """

    jets: PackedJets
    jet_features: Tensor
    offsets: Tensor
    features: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to(self, device: torch.device | str) -> PackedEvents:
        """The batch on a device."""
        rest = (values.to(device) for values in (self.jet_features, self.offsets, self.features))
        return PackedEvents(self.jets.to(device), *rest)


@dataclass(frozen=True)
class JetsOfEvents:
    """Representation of events as their jets, each as a packed cloud, and missing momentum.

    It reads ``jets`` (px py pz e, and the link ``constituents`` to a collection as ``particles``) and the columns
    ``met_pt`` and ``met_phi``. A sample of jets, which has the collection ``constituents`` instead, counts as events
    of one jet each without missing momentum.

    Args:
        inputs: features of a particle, as of :class:`~partonic.represent.packed.Packed`.

    Raises:
        UnknownNameError: there is no such set of features.
    """

    inputs: str = "kinematic"

    collections: ClassVar[tuple[str, ...]] = ("jets", "particles", COLLECTION)
    columns: ClassVar[tuple[str, ...]] = ("met_pt", "met_phi")

    def __post_init__(self) -> None:
        Packed(self.inputs)

    @property
    def width(self) -> int:
        """Number of features of a particle."""
        return Packed(self.inputs).width

    def __call__(self, events: Events) -> PackedEvents:
        """Pack the events of a sample.

        Raises:
            UnknownNameError: the sample lacks jets, their link to particles, or a column.
            BadJetError: a jet has no constituent or one that is not usable; its row is that of the event.
            InputError: the constituents lack a field that the inputs need.
        """
        if "jets" not in events.collections and COLLECTION in events.collections:
            jets = events.collection(COLLECTION)
            event, met = np.arange(len(events)), np.zeros((2, len(events)))
        else:
            event, jets = _by_pt(events)
            met = np.stack([np.asarray(events.column(name), dtype=np.float64) for name in self.columns])
        try:
            packed = Packed(self.inputs)(Events(collections={COLLECTION: jets}))
        except BadJetError as error:
            row = int(event[error.row])
            place = error.row - int(np.searchsorted(event, row))
            raise BadJetError(row, f"its jet {place}: {error.reason}") from None
        offsets = np.searchsorted(event, np.arange(len(events) + 1))
        of_jets, of_events = _features(jets, event, offsets, *met)
        return PackedEvents(
            packed,
            torch.from_numpy(of_jets.astype(np.float32)),
            torch.from_numpy(offsets),
            torch.from_numpy(of_events.astype(np.float32)),
        )


def _by_pt(events: Events) -> tuple[NDArray[np.int64], Ragged]:
    """Event of each jet, and the constituents of all jets, those of an event by falling pt of the jet."""
    jets = events.collection("jets")
    if COLLECTION not in jets.links:
        raise unknown("link of the jets", COLLECTION, jets.links)
    order = np.lexsort((-kinematics.pt(jets["px"], jets["py"]), jets.rows))
    event, link = jets.rows[order], jets.links[COLLECTION].take(order)
    particles = events.collection(link.target)
    members = link.index + np.repeat(particles.offsets[event], np.diff(link.offsets))
    return event, Ragged(link.offsets, {name: values[members] for name, values in particles.fields.items()})


def _features(
    jets: Ragged, event: NDArray[np.int64], offsets: NDArray[np.int64], met: Floats, met_phi: Floats
) -> tuple[Floats, Floats]:
    """Features of the jets (jets, 5), momenta added up from their constituents, and of the events (events, 4)."""
    px, py, pz, e = (np.bincount(jets.rows, jets[name], len(jets)) for name in MOMENTUM)
    momentum, eta, phi = kinematics.pt(px, py), kinematics.eta(px, py, pz), kinematics.phi(px, py)
    mass = np.maximum(kinematics.mass(px, py, pz, e), LIGHTEST)
    counts = np.diff(offsets)
    hardest = offsets[:-1][event]
    turn = kinematics.delta_phi(phi, phi[hardest])
    side = np.where(eta[hardest] < 0, -eta, eta)
    logs = [np.log(momentum) - 4.5, np.log(e) - 5.0, np.log(mass) - 2.5]
    of_jets = np.stack([*(0.7 * values for values in logs), side, turn], axis=1)
    axis = met_phi.copy()
    axis[counts > 0] = phi[offsets[:-1][counts > 0]]
    missing = np.log1p(met)
    ht = np.bincount(event, momentum, len(counts))
    of_events = [missing * np.cos(met_phi - axis), missing * np.sin(met_phi - axis), np.log1p(ht) / 5, counts / 5]
    return of_jets, np.stack(of_events, axis=1)

r"""Jets as clouds of massless particles relative to their own axis, momentum and width, and back to four-momenta.

With the shares of momentum z and the places x of its particles, a jet has :math:`\sum z = 1`, :math:`\sum z x = 0` and
the width :math:`\sigma^2 = \sum z |x|^2`; its mass is about :math:`p_T \sigma`. What remains is the jet's shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfinv

from partonic.core.errors import InputError
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Ragged, gather_rows, offsets_from_counts
from partonic.represent.constituents import COLLECTION, constituents

Floats = NDArray[np.float64]
LEAST = 1e-5  # width of a jet of one particle, or of several that fly together
SOFTEST = 1e-9  # least share of the momentum
CENTRE = 0.5  # distance to the axis, in widths of the jet, up to which places are hardly squeezed
BEYOND, FARTHEST = 1.05, 0.9999  # the reach over the largest distance that was seen; how near to it places are told
SLOPE = 2 / np.sqrt(np.pi)


@dataclass(frozen=True)
class JetClouds:
    """Particles relative to their jet.

    Args:
        offsets: (jets + 1,) where the particles of each jet begin; each from the hardest to the softest.
        values: (particles, 3) eta and phi relative to the axis, share of the momentum.
        frame: (jets, 3) momentum (sum of the particles' pt, GeV), eta and phi of the axis (their means by pt).
        weight: (jets,) of mean 1.
    """

    offsets: NDArray[np.int64]
    values: Floats
    frame: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of particles of each jet, (jets,)."""
        return np.diff(self.offsets)

    @property
    def width(self) -> Floats:
        """Width of each jet, (jets,), at least 1e-5."""
        return np.maximum(_spread(self.values, self.offsets), LEAST)

    def __getitem__(self, rows: NDArray[Any]) -> JetClouds:
        """The jets of the given numbers."""
        offsets, items = gather_rows(self.offsets, rows)
        return JetClouds(offsets, self.values[items], self.frame[rows], self.weight[rows])


def clouds(events: Events, particles: int = 30) -> JetClouds:
    """The hardest particles of each jet, taken as massless; what is not kept is not part of the jet.

    Args:
        events: jets with the collection ``constituents``.
        particles: at most so many of each jet.

    Raises:
        InputError: fewer than two jets, ``particles`` below 1, or a weight that is negative, not finite or that adds up
            to nothing.
        BadJetError: a jet without constituents or with one that is not usable.
    """
    if particles < 1:
        raise InputError(f"a jet keeps 1 particle or more, not {particles}")
    if len(events) < 2:
        raise InputError(f"a generator of jets needs two different jets or more to learn from, not {len(events)}")
    weight = _weight(events)
    jets = constituents(events)
    pt = np.hypot(jets.px, jets.py)
    keep = _hardest(jets.offsets, pt, particles)
    offsets = offsets_from_counts(np.minimum(np.diff(jets.offsets), particles))
    phi = np.arctan2(jets.py[keep], jets.px[keep])
    first = phi[offsets[:-1]]
    turn = kinematics.delta_phi(phi, np.repeat(first, np.diff(offsets)))
    values = np.stack([np.arcsinh(jets.pz[keep] / pt[keep]), turn, pt[keep]], axis=1)
    values, axis, momentum = _centred(values, offsets)
    frame = np.column_stack([momentum, axis[:, 0], kinematics.delta_phi(axis[:, 1] + first, np.zeros(1))])
    return JetClouds(offsets, values, frame, weight)


def as_events(jets: JetClouds, **columns: NDArray[Any]) -> Events:
    """Jets with their constituents (px, py, pz, e in GeV; massless), as every tagger and writer takes them.

    The columns ``jet_pt``, ``jet_eta``, ``jet_phi`` and ``jet_mass`` (GeV) are those of the constituents' sum.

    Args:
        jets: the clouds.
        columns: further columns, (jets,) each.
    """
    pt, eta, phi = (np.repeat(jets.frame[:, i], jets.counts) for i in range(3))
    x, y, share = jets.values.T
    p4 = kinematics.from_pt_eta_phi_mass(share * pt, x + eta, y + phi, np.zeros(len(pt)))
    px, py, pz, e = (np.add.reduceat(part, jets.offsets[:-1]) for part in p4)
    made = {
        "jet_pt": kinematics.pt(px, py),
        "jet_eta": kinematics.eta(px, py, pz),
        "jet_phi": kinematics.phi(px, py),
        "jet_mass": np.maximum(kinematics.mass(px, py, pz, e), 0.0),
    }
    single = {name: part.astype(np.float32) for name, part in made.items()}
    fields = {name: part.astype(np.float32) for name, part in zip(("px", "py", "pz", "e"), p4, strict=True)}
    return Events({**single, **columns}, {"nominal": jets.weight}, {COLLECTION: Ragged(jets.offsets, fields)})


@dataclass(frozen=True)
class CloudCoordinates:
    r"""Coordinates of particles of about unit spread, for jets of any width.

    A place keeps its direction; its distance r to the axis becomes
    :math:`\frac{2}{\sqrt\pi} b\,\mathrm{erf}^{-1}(a / b) / s` with :math:`a = \mathrm{arsinh}(2 r / \sigma)` and b its
    value at the reach, beyond which no number leads. Of the share of momentum it is :math:`\ln(n z)`, shifted and
    scaled, with n particles in the jet. The way back ends with :math:`\sum z = 1`, :math:`\sum z x = 0` and the width
    that was asked for, to rounding.

    Args:
        reach: the largest distance to the axis.
        place: s, so that each component of the place has unit spread.
        centre: mean of the logarithm.
        scale: its standard deviation.
    """

    reach: float
    place: float
    centre: float
    scale: float

    @classmethod
    def fitted(cls, jets: JetClouds) -> Self:
        """Coordinates in which these jets have unit spread.

        Raises:
            InputError: all particles are alike.
        """
        weight = np.repeat(jets.weight, jets.counts)
        reach = max(BEYOND * float(_distance(jets.values).max()), LEAST)
        squeezed, logs = _shape(jets, reach)
        place = float(np.sqrt(np.average(np.mean(squeezed**2, axis=1), weights=weight)))
        centre = float(np.average(logs, weights=weight))
        scale = float(np.sqrt(np.average((logs - centre) ** 2, weights=weight)))
        if not (place > 1e-6 and scale > 1e-6):
            raise InputError("a generator of jets needs particles that differ; all of these have one place or momentum")
        return cls(reach, place, centre, scale)

    def forward(self, jets: JetClouds) -> NDArray[np.float32]:
        """The network's numbers of all particles, (particles, 3)."""
        squeezed, logs = _shape(jets, self.reach)
        return np.column_stack([squeezed / self.place, (logs - self.centre) / self.scale]).astype(np.float32)

    def inverse(self, numbers: NDArray[Any], offsets: NDArray[np.int64], frame: Floats, width: Floats) -> JetClouds:
        """Jets from the network's numbers.

        Args:
            numbers: (particles, 3).
            offsets: (jets + 1,).
            frame: (jets, 3) of the jets.
            width: (jets,) of the jets.
        """
        counts = np.diff(offsets)
        squeezed = numbers[:, :2].astype(np.float64) * self.place
        far = np.maximum(_distance(squeezed), 1e-12)
        logs = numbers[:, 2].astype(np.float64) * self.scale + self.centre
        unit = np.repeat(np.maximum(width, LEAST), counts)
        end = np.arcsinh(self.reach / (CENTRE * unit))
        places = squeezed * (CENTRE * np.sinh(end * erf(far / (SLOPE * end))) / far)[:, None]
        highest = np.repeat(np.maximum.reduceat(logs, offsets[:-1]), counts)
        values, _, _ = _centred(np.column_stack([places, np.exp(logs - highest)]), offsets)
        factor = width / np.maximum(_spread(values, offsets), LEAST)
        values[:, :2] *= np.repeat(np.where(counts > 1, factor, 0.0), counts)[:, None]
        order = np.lexsort((-values[:, 2], np.repeat(np.arange(len(counts)), counts)))
        return JetClouds(offsets, values[order], frame, np.ones(len(counts)))


def _shape(jets: JetClouds, reach: float) -> tuple[Floats, Floats]:
    """Squeezed places in widths of the jet, (particles, 2), and logarithms of shares over their mean, (particles,)."""
    x = jets.values[:, :2]
    far, unit = np.maximum(_distance(x), 1e-12), CENTRE * np.repeat(jets.width, jets.counts)
    end = np.arcsinh(reach / unit)
    inside = np.minimum(np.arcsinh(far / unit) / end, FARTHEST)
    squeezed: Floats = x * (SLOPE * end * erfinv(inside) / far)[:, None]
    return squeezed, np.log(jets.values[:, 2] * np.repeat(jets.counts, jets.counts))


def _distance(places: Floats) -> Floats:
    distance: Floats = np.hypot(places[:, 0], places[:, 1])
    return distance


def _centred(values: Floats, offsets: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Places relative to their means and shares that add up to 1, with these means (jets, 2) and the sums (jets,)."""
    counts, start = np.diff(offsets), offsets[:-1]
    total = np.add.reduceat(values[:, 2], start)
    share = np.maximum(values[:, 2] / np.repeat(total, counts), SOFTEST)
    share /= np.repeat(np.add.reduceat(share, start), counts)
    axis = np.add.reduceat(values[:, :2] * share[:, None], start, axis=0)
    return np.column_stack([values[:, :2] - np.repeat(axis, counts, axis=0), share]), axis, total


def _spread(values: Floats, offsets: NDArray[np.int64]) -> Floats:
    squares = values[:, 2] * (values[:, 0] ** 2 + values[:, 1] ** 2)
    spread: Floats = np.sqrt(np.add.reduceat(squares, offsets[:-1]))
    return spread


def _hardest(offsets: NDArray[np.int64], pt: Floats, most: int) -> NDArray[np.int64]:
    """Positions of the hardest particles of each jet, falling in pt."""
    counts = np.diff(offsets)
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((-pt, rows))
    kept: NDArray[np.int64] = order[np.arange(len(order)) - np.repeat(offsets[:-1], counts) < most]
    return kept


def _weight(events: Events) -> Floats:
    """Event weights of mean 1."""
    weight = events.weight()
    negative, unusable = int((weight < 0).sum()), int((~np.isfinite(weight)).sum())
    if negative or unusable or not weight.sum() > 0:
        raise InputError(
            f"jets to learn from need weights that are finite, not below 0 and not all 0; of {len(weight):,} weights "
            f"{negative:,} are negative and {unusable:,} NaN or infinite: leave these jets out"
        )
    scaled: Floats = weight / weight.mean()
    return scaled

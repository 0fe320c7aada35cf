"""Detector cards: every number of the ATLAS-like and the CMS-like detector in one place.

The numbers are those of the public Delphes cards ``delphes_card_ATLAS.tcl`` and ``delphes_card_CMS.tcl``
(arXiv:1307.6346): tracking efficiencies and resolutions, calorimeter granularity and resolution, energy-flow
thresholds, identification, isolation and tagging. The resolution of the impact parameters is the project's own choice.
Momenta and energies are in GeV, lengths of the solenoid in metres, impact parameters in millimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Solenoid:
    """The magnetic field volume; the calorimeter begins at its surface.

    Args:
        field: field along z (tesla).
        radius: radius of the barrel (m).
        half_length: distance of each end-cap from the centre (m).
    """

    field: float
    radius: float
    half_length: float


@dataclass(frozen=True)
class Tracks:
    """Track reconstruction of one kind of charged particle.

    Args:
        efficiency: one row for each bin of ``Tracker.efficiency_eta``, one value for each bin of ``efficiency_pt``.
        resolution: (a, b) for each bin of ``Tracker.resolution_eta``: sigma(pt)/pt = sqrt(a^2 + (b pt)^2).
    """

    efficiency: tuple[tuple[float, ...], ...]
    resolution: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Tracker:
    """The tracker; bins include their upper edge, and above the last edge in eta there are no tracks.

    Args:
        efficiency_eta: upper edges of the bins in abs(eta).
        efficiency_pt: lower edges of the bins in pt; below the first there are no tracks.
        resolution_eta: upper edges of the bins in abs(eta); the last is that of ``efficiency_eta``.
        hadron: charged hadrons.
        electron: electrons.
        muon: muons.
        impact_constant: constant term of the impact parameter's resolution (mm).
        impact_scattering: its multiple-scattering term (mm GeV), divided by p sin(theta)^1.5 and added in quadrature.
    """

    efficiency_eta: tuple[float, ...]
    efficiency_pt: tuple[float, ...]
    resolution_eta: tuple[float, ...]
    hadron: Tracks
    electron: Tracks
    muon: Tracks
    impact_constant: float = 0.010
    impact_scattering: float = 0.080


@dataclass(frozen=True)
class Region:
    """Energy resolution sigma = shape(eta) sqrt((constant E)^2 + stochastic^2 E + noise^2) up to an abs(eta).

    Args:
        eta_max: upper end of the region in abs(eta); regions follow each other.
        constant: constant term.
        stochastic: stochastic term (sqrt(GeV)).
        noise: noise term (GeV).
        shape: (a, b, c) of shape(eta) = a + b (abs(eta) - c)^2.
    """

    eta_max: float
    constant: float
    stochastic: float
    noise: float = 0.0
    shape: tuple[float, float, float] = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Calorimeter:
    """Cells and response of one calorimeter.

    Args:
        rings: (number of cells in phi, upper edges in eta of the rings with that number); the lowest edge of all only
            begins the first ring.
        regions: energy resolution by abs(eta) of the ring's centre; exact beyond the last region.
        energy_min: towers below are lost (GeV).
        significance_min: so are those below this many standard deviations.
    """

    rings: tuple[tuple[int, tuple[float, ...]], ...]
    regions: tuple[Region, ...]
    energy_min: float
    significance_min: float = 2.0


@dataclass(frozen=True)
class Identification:
    """Efficiency and isolation of electrons, muons or photons.

    Args:
        eta: upper edges of the bins in abs(eta); nothing is found above the last.
        efficiency: efficiency in each bin.
        isolation_max: largest sum of pt around the candidate over its own pt.
        pt_min: nothing is found at or below this pt (GeV).
        fall_from: above this pt (GeV) the efficiency falls as exp(-fall (pt - fall_from)).
        fall: see ``fall_from`` (1/GeV).
    """

    eta: tuple[float, ...]
    efficiency: tuple[float, ...]
    isolation_max: float
    pt_min: float = 10.0
    fall_from: float = math.inf
    fall: float = 0.0


@dataclass(frozen=True)
class Isolation:
    """What counts around a candidate.

    Args:
        cone: radius in (eta, phi).
        pt_min: lowest pt that counts (GeV).
        leptons: whether other electrons and muons count.
    """

    cone: float
    pt_min: float
    leptons: bool


@dataclass(frozen=True)
class BTag:
    """Tagging of b jets; e(pt) = scale tanh(rise pt) / (1 + fall pt) for heavy flavours.

    Args:
        beauty: (scale, rise, fall) of b jets.
        charm: the same of c jets.
        light: (a, b) of all others, e = a + b pt.
        cone: distance between a jet and the hadrons or partons that give its flavour.
        pt_min: lowest pt of those (GeV).
        eta_max: largest abs(eta) of those.
    """

    beauty: tuple[float, float, float]
    charm: tuple[float, float, float]
    light: tuple[float, float]
    cone: float = 0.5
    pt_min: float = 1.0
    eta_max: float = 2.5


@dataclass(frozen=True)
class TauTag:
    """Tagging of hadronic taus, by the number of tracks near the jet axis: none, one, more.

    Args:
        efficiency: probability to tag a jet with a true hadronic tau.
        mistag: probability to tag any other jet.
        cone: largest distance between the axis of the jet and the visible tau.
        track_cone: largest distance between the axis and a track.
        track_pt_min: lowest pt of a track (GeV).
        pt_min: lowest pt of the visible tau (GeV).
        eta_max: largest abs(eta) of the visible tau.
    """

    efficiency: tuple[float, float, float]
    mistag: tuple[float, float, float]
    cone: float
    track_cone: float = 0.2
    track_pt_min: float = 1.0
    pt_min: float = 1.0
    eta_max: float = 2.5


@dataclass(frozen=True)
class Card:
    """All numbers of a parametrised detector.

    Args:
        name: public name.
        solenoid: field and size.
        tracker: track finding.
        ecal: electromagnetic calorimeter.
        hcal: hadronic calorimeter.
        strange_em: share of the energy of K0S and Lambda in the electromagnetic calorimeter (the rest is hadronic).
        electron: identification of electrons.
        muon: identification of muons.
        photon: identification of photons.
        isolation: the isolation cone.
        btag: tagging of b jets.
        tau: tagging of hadronic taus.
    """

    name: str
    solenoid: Solenoid
    tracker: Tracker
    ecal: Calorimeter
    hcal: Calorimeter
    strange_em: float
    electron: Identification
    muon: Identification
    photon: Identification
    isolation: Isolation
    btag: BTag
    tau: TauTag


def _mirror(*edges: float) -> tuple[float, ...]:
    """Edges on both sides, rising."""
    return tuple(sorted({-edge for edge in edges} | set(edges)))


def _tracker(hadron: tuple[tuple[float, float], ...]) -> Tracker:
    """The tracker of a card: both share everything but the resolution of hadrons."""
    return Tracker(
        efficiency_eta=(1.5, 2.5),
        efficiency_pt=(0.1, 1.0, 100.0),
        resolution_eta=(0.5, 1.5, 2.5),
        hadron=Tracks(((0.70, 0.95, 0.95), (0.60, 0.85, 0.85)), hadron),
        electron=Tracks(((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)), ((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3))),
        muon=Tracks(((0.75, 0.99, 0.99), (0.70, 0.98, 0.98)), ((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4))),
    )


# Cells of 0.0174 in eta and one degree up to abs(eta) 2.958, of 10 degrees beyond.
_FORWARD = (3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35, 4.525, 4.7, 5.0)
_ECAL_RINGS = (
    (360, tuple(0.0174 * i for i in range(-169, 171))),
    (36, (*(-edge for edge in reversed(_FORWARD)), -2.958, *_FORWARD)),
)
_ATLAS_HCAL_RINGS = (
    (36, (-3.2, *(i / 10 for i in range(-25, 27)), 3.3)),
    (18, (*_mirror(2.8, 3.0, 3.5, 3.7, 3.9, 4.1, 4.3, 4.5, 4.7, 4.9), -3.3, -2.6, 3.2)),
)
_CMS_MIDDLE = (1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95)
_CMS_OUTER = (3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35)
_CMS_HCAL_RINGS = (
    (72, tuple(0.087 * i for i in range(-18, 20))),
    (36, (*_mirror(*_CMS_MIDDLE, *_CMS_OUTER), -1.653, 4.525)),
    (18, (-5.0, -4.7, -4.525, 4.7, 5.0)),
)
_ELECTRON = Identification(eta=(1.5, 2.5), efficiency=(0.95, 0.85), isolation_max=0.12)

ATLAS = Card(
    name="atlas",
    solenoid=Solenoid(field=2.0, radius=1.15, half_length=3.51),
    tracker=_tracker(((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3))),
    ecal=Calorimeter(_ECAL_RINGS, (Region(3.2, 0.0017, 0.101), Region(4.9, 0.0350, 0.285)), energy_min=0.5),
    hcal=Calorimeter(
        _ATLAS_HCAL_RINGS,
        (Region(1.7, 0.0302, 0.5205, 1.59), Region(3.2, 0.0500, 0.706), Region(4.9, 0.0942, 1.00)),
        energy_min=1.0,
    ),
    strange_em=0.3,
    electron=_ELECTRON,
    muon=Identification(eta=(1.5, 2.7), efficiency=(0.95, 0.85), isolation_max=0.25),
    photon=_ELECTRON,
    isolation=Isolation(cone=0.5, pt_min=0.5, leptons=False),
    btag=BTag(beauty=(0.80 * 30.0, 0.003, 0.086), charm=(0.20, 0.02, 0.0034), light=(0.002, 7.3e-6)),
    tau=TauTag(efficiency=(0.0, 0.70, 0.60), mistag=(0.0, 0.02, 0.01), cone=0.2),
)
"""The ATLAS-like detector."""

CMS = Card(
    name="cms",
    solenoid=Solenoid(field=3.8, radius=1.29, half_length=3.00),
    tracker=_tracker(((0.01, 1.5e-4), (0.015, 2.5e-4), (0.025, 5.5e-4))),
    ecal=Calorimeter(
        _ECAL_RINGS,
        (
            Region(1.5, 0.008, 0.11, 0.40, shape=(1.0, 0.64, 0.0)),
            Region(2.5, 0.008, 0.11, 0.40, shape=(2.16, 5.6, 2.0)),
            Region(5.0, 0.107, 2.08),
        ),
        energy_min=0.5,
    ),
    hcal=Calorimeter(_CMS_HCAL_RINGS, (Region(3.0, 0.050, 1.50), Region(5.0, 0.130, 2.70)), energy_min=1.0),
    strange_em=0.3,
    electron=_ELECTRON,
    muon=Identification((1.5, 2.4), (0.95, 0.95), isolation_max=0.25, fall_from=1000.0, fall=5.0e-4),
    photon=_ELECTRON,
    isolation=Isolation(cone=0.5, pt_min=0.5, leptons=True),
    btag=BTag(beauty=(0.85 * 25.0, 0.0025, 0.063), charm=(0.25, 0.018, 0.0013), light=(0.01, 3.8e-5)),
    tau=TauTag(efficiency=(0.6, 0.6, 0.6), mistag=(0.01, 0.01, 0.01), cone=0.5),
)
"""The CMS-like detector."""

CARDS = {"atlas": ATLAS, "cms": CMS}
"""The cards by name; no detector at all is :func:`partonic.simulators.detector.truth_particles`."""

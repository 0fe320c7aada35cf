"""High-level features of a jet: what decades of substructure physics would look at, for trees and small networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from partonic.core.errors import InputError, unknown
from partonic.events.kinematics import pt
from partonic.represent.batch import Features
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents, fields
from partonic.represent.substructure import (
    correlators,
    shapes,
    soft_drop,
    splitting_scales,
    subjet_masses,
    subjettiness,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.constituents import Constituents

DESCRIPTIONS = {
    "mass": "jet mass in GeV",
    "multiplicity": "number of constituents",
    "pt_dispersion": "root of the sum of squared pt shares (pTD): 1 for a single particle",
    "angularity": "Les Houches angularity: pt shares times the root of the distance to the axis",
    "soft_drop_mass": "mass in GeV after soft drop (cut 0.1, exponent 0)",
    "soft_drop_share": "pt share of the softer prong of the soft-drop splitting",
    "soft_drop_distance": "distance of the two prongs of the soft-drop splitting",
    "pair_mass_low": "smallest pair mass in GeV among three kT subjets: the W boson of a top jet",
    "pair_mass_middle": "middle pair mass in GeV among three kT subjets",
    "pair_mass_high": "largest pair mass in GeV among three kT subjets",
    "subjet_share_1": "pt share of the hardest of three kT subjets",
    "subjet_share_3": "pt share of the softest of three kT subjets",
    "split_12": "kT splitting scale in GeV from one subjet to two",
    "split_23": "kT splitting scale in GeV from two subjets to three",
    "split_34": "kT splitting scale in GeV from three subjets to four",
    "tau_1": "1-subjettiness: the width of the jet",
    "tau_21": "ratio of 2- to 1-subjettiness: small for two prongs",
    "tau_32": "ratio of 3- to 2-subjettiness: small for three prongs",
    "tau_43": "ratio of 4- to 3-subjettiness",
    "c_2": "energy correlators e3 / e2^2",
    "d_2": "energy correlators e3 / e2^3: small for two prongs",
    "n_2": "energy correlators 2e3 / e2^2",
}

OF_KINDS = {
    "jet_charge": "sum of the charges, each times the root of its pt share (arXiv:1209.2421)",
    "charged_multiplicity": "number of charged constituents",
    "charged_share": "pt share of charged hadrons",
    "photon_share": "pt share of photons",
    "electron_share": "pt share of electrons",
    "muon_share": "pt share of muons",
}
"""What charges and kinds of the constituents add."""
INPUTS = {"kinematic": DESCRIPTIONS, "kinds": {**DESCRIPTIONS, **OF_KINDS}}


@dataclass(frozen=True)
class JetFeatures:
    """Representation of jets as the observables of one of :data:`INPUTS`, in that order.

    A ratio whose denominator vanishes (jets of very few constituents) is 0.

    Args:
        radius: jet radius R, in which angles are measured.
        inputs: ``kinematic``, or ``kinds`` for :data:`OF_KINDS` too.

    Raises:
        UnknownNameError: there is no such set of inputs.
        InputError: the radius is not above 0.
    """

    radius: float = 0.8
    inputs: str = "kinematic"

    def __post_init__(self) -> None:
        if self.inputs not in INPUTS:
            raise unknown("set of inputs", self.inputs, INPUTS)
        if not self.radius > 0:
            raise InputError(f"the jet radius must be above 0, not {self.radius}")

    @property
    def width(self) -> int:
        """Number of observables of a jet."""
        return len(INPUTS[self.inputs])

    def __call__(self, events: Events) -> Features:
        """Compute the features of the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        jets = constituents(events)
        angular, kt = cluster(jets, "cambridge-aachen"), cluster(jets, "kt")
        tau = subjettiness(kt, 4, self.radius)
        subjets = subjet_masses(kt)
        e2, e3, two_e3 = correlators(kt).T
        columns = [
            shapes(kt, self.radius),
            soft_drop(angular, radius=self.radius),
            subjets[:, [0, 1, 2, 3, 5]],
            splitting_scales(kt, 3),
            tau[:, :1],
            _ratio(tau[:, 1:], tau[:, :-1]),
            _ratio(np.stack([e3, e3, two_e3], 1), np.stack([e2**2, e2**3, e2**2], 1)),
        ]
        if self.inputs == "kinds":
            columns.append(_of_kinds(jets, *fields(events, self.inputs, ("charge", "pid"))))
        return Features(torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32)))


def _of_kinds(jets: Constituents, charge: NDArray[Any], pid: NDArray[Any]) -> NDArray[np.float64]:
    """The observables of :data:`OF_KINDS`, (jets, 6)."""
    start, counts, number = jets.offsets[:-1], np.diff(jets.offsets), np.abs(pid)
    pt_jet = pt(np.add.reduceat(jets.px, start), np.add.reduceat(jets.py, start))
    share = pt(jets.px, jets.py) / np.repeat(pt_jet, counts)
    charged = charge != 0
    lepton = (number == 11) | (number == 13)
    terms = [charge * np.sqrt(share), charged, share * (charged & ~lepton)]
    terms += [share * (number == kind) for kind in (22, 11, 13)]
    return np.stack([np.add.reduceat(term, start, dtype=np.float64) for term in terms], axis=1)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient, 0 where the denominator vanishes."""
    usable = under > 0
    quotient: NDArray[np.float64] = np.where(usable, over / np.where(usable, under, 1.0), 0.0)
    return quotient

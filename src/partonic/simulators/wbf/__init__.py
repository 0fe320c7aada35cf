"""A Higgs boson from weak boson fusion with two operators of dimension six, every event with its exact components."""

from partonic.simulators.wbf.decays import DECAYS
from partonic.simulators.wbf.observables import OBSERVABLES, Cuts
from partonic.simulators.wbf.quadrature import Integrated, Quadrature
from partonic.simulators.wbf.simulator import CrossSection, WeakBosonFusion, features
from partonic.simulators.wbf.smearing import Smearing
from partonic.simulators.wbf.theory import (
    COMPONENTS,
    PARAMETERS,
    Constants,
    as_theta,
    basis,
    gradient,
    joint_score,
    powers,
)

__all__ = [
    "COMPONENTS",
    "DECAYS",
    "OBSERVABLES",
    "PARAMETERS",
    "Constants",
    "CrossSection",
    "Cuts",
    "Integrated",
    "Quadrature",
    "Smearing",
    "WeakBosonFusion",
    "as_theta",
    "basis",
    "features",
    "gradient",
    "joint_score",
    "powers",
]

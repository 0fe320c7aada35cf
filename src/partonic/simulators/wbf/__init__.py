"""A Higgs boson from weak boson fusion with two operators of dimension six, every event with its exact components."""

from partonic.simulators.wbf.observables import OBSERVABLES, Cuts
from partonic.simulators.wbf.simulator import CrossSection, WeakBosonFusion, features
from partonic.simulators.wbf.theory import COMPONENTS, PARAMETERS, Constants, as_theta, basis, gradient, joint_score

__all__ = [
    "COMPONENTS",
    "OBSERVABLES",
    "PARAMETERS",
    "Constants",
    "CrossSection",
    "Cuts",
    "WeakBosonFusion",
    "as_theta",
    "basis",
    "features",
    "gradient",
    "joint_score",
]

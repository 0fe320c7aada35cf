r"""The prefactor of the nucleation rate at one loop, by BubbleDet (Ekstedt, Gould and Hirvonen, arXiv:2308.15652).

Bubbles nucleate with :math:`\Gamma = A e^{-S}`, where S is :math:`S_4`, or :math:`S_3/T` at a temperature. On
dimensional grounds A is often taken as the fourth power of a mass or of T; here it is the functional determinant of the
fluctuations around the bounce, with its zero modes and, at a temperature, the growth of the negative one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.errors import FitError, InputError, require
from partonic.core.estimate import Estimate
from partonic.transitions.bounce import Bounce
from partonic.transitions.loops import Species
from partonic.transitions.potential import Potential

Floats = NDArray[np.float64]
POINTS = 2_000  # of the profile
END = 1e-7  # displacement from the false vacuum at which the profile ends, as part of that at the centre


@dataclass(frozen=True)
class Rate:
    r"""The nucleation rate of a volume, :math:`\Gamma = A e^{-S}`.

    Args:
        action: S, a number.
        log_prefactor: ln A, A in E^4.
        simple: ln of what is taken without a determinant: of :math:`T^4`, or of the fourth power of the mass in the
            false vacuum without temperature.
    """

    action: Estimate
    log_prefactor: Estimate
    simple: float

    @property
    def log_rate(self) -> Estimate:
        """Logarithm of the rate, in E^4."""
        error = math.hypot(self.action.error, self.log_prefactor.error)
        return Estimate.symmetric(self.log_prefactor.value - self.action.value, error, self.log_prefactor.method)


def nucleation_rate(found: Bounce, scalars: Sequence[Species] = (), scale: float | None = None) -> Rate:
    """The rate with its prefactor at one loop, of the field of the bounce and of further scalars.

    A potential that holds the loops of these already must not be given: they would count twice.

    Args:
        found: a solved bounce of one field; with d = 3 and a temperature above 0, or d = 4.
        scalars: fields whose squared masses depend on that of the bounce, each with its number of degrees of freedom.
        scale: of the renormalisation, in E; the mass of the field in the false vacuum if None.

    Raises:
        InputError: the bounce is not solved, has several fields or no temperature, the field is massless in the false
            vacuum, or one of the others is no scalar.
        MissingPackageError: BubbleDet is not installed.
        FitError: BubbleDet finds no determinant.
    """
    _check(found, scalars)
    require("BubbleDet", "prefactor")
    assert found.units is not None
    thermal = found.dimensions == 3
    heat = found.T if thermal else 1.0
    value, error = _determinant(found, scalars, heat, scale)
    action = Estimate.symmetric(found.action.value / heat, found.action.error / heat, found.action.method)
    mass = math.sqrt(float(found.units.potential.hessian(found.false, found.T)[0, 0]))
    simple = 4 * math.log(found.T if thermal else mass)
    return Rate(action, Estimate.symmetric(-value, error, "BubbleDet"), simple)


def _check(found: Bounce, scalars: Sequence[Species]) -> None:
    if not found.solved or found.units is None:
        raise InputError(f"only a solved bounce has a prefactor: {found.message}")
    if len(found.false) != 1:
        raise InputError(f"BubbleDet takes a bounce of one field, not of {len(found.false)}")
    if found.dimensions == 3 and not found.T > 0:
        raise InputError("a rate in 3 dimensions needs a temperature above 0; take d=4 without temperature")
    if not float(found.units.potential.hessian(found.false, found.T)[0, 0]) > 0:
        raise InputError("the field is massless in the false vacuum; there is no scale for its determinant")
    for one in scalars:
        if one.kind != "scalar":
            raise InputError(f"'{one.name}' is a {one.kind}; the prefactor takes scalars")


def _determinant(found: Bounce, scalars: Sequence[Species], heat: float, scale: float | None) -> tuple[float, float]:
    """Minus ln A and its error; fields are divided by sqrt(T) and the potential by T, as in three dimensions."""
    from BubbleDet import BubbleConfig, BubbleDeterminant, ParticleConfig

    assert found.units is not None
    potential, root = found.units.potential, math.sqrt(heat)

    def at(phi: Any) -> Floats:
        return np.asarray(phi, dtype=np.float64)[..., None] * root

    def curvature(phi: Any) -> Any:
        return potential.hessian(at(phi), found.T).detach().numpy()[..., 0, 0]

    radius = np.linspace(0, _end(found), POINTS)
    phi = found.profile(radius)[:, 0] / root
    bubble = BubbleConfig(
        lambda x: potential.value(at(x), found.T).detach().numpy() / heat,
        float(found.false[0]) / root,
        radius,
        phi,
        found.dimensions,
        dV=lambda x: potential.gradient(at(x), found.T).detach().numpy()[..., 0] * root / heat,
        d2V=curvature,
        dPhi=np.gradient(phi, radius, edge_order=2),
    )
    particles = [ParticleConfig(curvature, zero_modes="Higgs")]
    for one in scalars:
        for number in range(_masses(one, potential, found)):
            mass = _mass(one, number, at)
            particles.append(ParticleConfig(mass, dof_internal=one.number, zero_modes="None"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        determinant = BubbleDeterminant(bubble, particles, renormalisation_scale=scale, thermal=found.dimensions == 3)
        value, error = determinant.findDeterminant()
    if not (math.isfinite(value) and math.isfinite(error)):
        raise FitError("BubbleDet finds no determinant of this bounce")
    return float(value), float(error)


def _end(found: Bounce) -> float:
    """The radius at which the field has come so close to the false vacuum."""
    apart = np.abs(found.phi[:, 0] - found.false[0])
    beyond = np.flatnonzero(apart > END * apart[0])
    return float(found.radius[min(int(beyond[-1]) + 1, len(apart) - 1)])


def _masses(one: Species, potential: Potential, found: Bounce) -> int:
    return int(one.masses(potential.point(found.false, found.T)).shape[-1])


def _mass(one: Species, number: int, at: Callable[[Any], Floats]) -> Callable[[Any], Any]:
    return lambda phi: one.masses(torch.from_numpy(at(phi))).detach().numpy()[..., number]

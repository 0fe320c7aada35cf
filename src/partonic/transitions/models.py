"""Potentials with transitions, ready to use, each with points next to its minima and temperatures to look at."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.transitions.extensions import VEV, singlet, two_higgs_doublets
from partonic.transitions.potential import Potential


@dataclass(frozen=True)
class CosmicModel:
    """A potential with where to look for its phases.

    Args:
        potential: V(phi, T), GeV.
        starts: points next to its minima, each (fields,).
        temperatures: ascending, (k,), GeV.
        critical: known critical temperature in GeV; nan where it is not known.
    """

    potential: Potential
    starts: tuple[tuple[float, ...], ...]
    temperatures: NDArray[np.float64]
    critical: float = math.nan


def high_temperature(d: float = 0.15, e: float = 0.05, quartic: float = 0.1, zero: float = 75.0) -> CosmicModel:
    r"""One field at high temperature, :math:`D(T^2 - T_0^2)\phi^2 - E T \phi^3 + \lambda\phi^4/4` (hep-ph/9203203).

    Args:
        d: D.
        e: E.
        quartic: lambda.
        zero: T_0, below which the field rolls, GeV.

    Raises:
        InputError: a number is not above 0, or the cubic term is so large that there is no critical temperature.
    """
    if not min(d, e, quartic, zero) > 0 or e**2 >= quartic * d:
        raise InputError(
            f"D, E, lambda and T_0 must be above 0 and E^2 below lambda D, not {d}, {e}, {quartic}, {zero}"
        )
    critical = zero / math.sqrt(1 - e**2 / (quartic * d))

    def function(phi: Tensor, T: Tensor) -> Tensor:
        p = phi[..., 0]
        return d * (T**2 - zero**2) * p**2 - e * T * p**3 + quartic / 4 * p**4

    starts = ((1e-3 * zero,), (3 * e * zero / quartic,))
    grid = np.linspace(0.8 * zero, 1.3 * critical, 26)
    return CosmicModel(Potential(function, 1, True, name="high temperature"), starts, grid, critical)


def singlet_model(mass: float = 90.0, portal: float = 0.3, quartic: float = 0.5) -> CosmicModel:
    """The Higgs boson and a singlet at one loop, see :func:`partonic.transitions.extensions.singlet`."""
    starts = ((1.0, 150.0), (VEV, 0.1))
    return CosmicModel(singlet(mass, portal, quartic), starts, np.linspace(40.0, 160.0, 13))


def doublets_model(
    heavy: float = 180.0, pseudoscalar: float = 450.0, charged: float = 450.0, tan_beta: float = 2.0
) -> CosmicModel:
    """Two Higgs doublets at one loop, see :func:`partonic.transitions.extensions.two_higgs_doublets`.

    With the defaults a large gap between the heavy scalars makes the transition strong (arXiv:1405.5537).
    """
    cos, sin = 1 / math.hypot(1, tan_beta), tan_beta / math.hypot(1, tan_beta)
    starts = ((0.5, 1.0), (VEV * cos, VEV * sin))
    potential = two_higgs_doublets(heavy, pseudoscalar, charged, tan_beta)
    return CosmicModel(potential, starts, np.linspace(20.0, 200.0, 19))


MODELS: dict[str, Callable[..., CosmicModel]] = {
    "high-temperature": high_temperature,
    "singlet": singlet_model,
    "two-higgs-doublets": doublets_model,
}


def model(name: str, **numbers: float) -> CosmicModel:
    """A model by its name.

    Args:
        name: high-temperature, singlet or two-higgs-doublets.
        numbers: what differs from its defaults.

    Raises:
        UnknownNameError: there is none of that name, or it has no such number.
        InputError: a number is out of range.
    """
    if name not in MODELS:
        raise unknown("model of a transition", name, MODELS)
    known = [*inspect.signature(MODELS[name]).parameters]
    for number in numbers:
        if number not in known:
            raise unknown(f"number of the model {name}", number, known)
    return MODELS[name](**numbers)

"""Fits of any likelihood that torch can differentiate, by MINUIT with its gradient; HESSE and MINOS errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import FitError, InputError, unknown
from partonic.core.estimate import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MinuitFit:
    """A minimum that MINUIT calls valid.

    Args:
        values: parameters with their errors, of MINOS where it was asked and of HESSE otherwise.
        minimum: negative log-likelihood there.
        covariance: of all parameters, (p, p), 0 for fixed ones.
    """

    values: Mapping[str, Estimate]
    minimum: float
    covariance: Floats


def minuit_fit(
    negative: Callable[[Tensor], Tensor],
    start: Mapping[str, float],
    *,
    fixed: Sequence[str] = (),
    limits: Mapping[str, tuple[float, float]] | None = None,
    minos: Sequence[str] = (),
    tolerance: float = 1e-3,
) -> MinuitFit:
    """Minimise a negative log-likelihood.

    Args:
        negative: of the parameters (p,) in the order of ``start``; a scalar in torch, differentiable.
        start: parameters and first guesses.
        fixed: parameters that stay.
        limits: lower and upper limits of parameters, infinite for none.
        minos: parameters whose interval is where the profile likelihood has risen by 1/2.
        tolerance: of the estimated distance to the minimum, in units of MINUIT.

    Raises:
        UnknownNameError: a name is not in ``start``.
        InputError: the function is not finite at the start.
        FitError: there is no valid minimum, or MINOS does not find an end.
    """
    from iminuit import Minuit

    names = tuple(start)
    for name in (*fixed, *(limits or {}), *minos):
        if name not in names:
            raise unknown("parameter", name, names)

    def value(numbers: Floats) -> float:
        """The function."""
        with torch.no_grad():
            return float(negative(torch.as_tensor(np.asarray(numbers), dtype=torch.float64)))

    def slope(numbers: Floats) -> Floats:
        """Its gradient."""
        place = torch.tensor(np.asarray(numbers), dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(negative(place), place)
        found: Floats = gradient.numpy()
        return found

    first = np.array([float(start[name]) for name in names])
    if not np.isfinite(value(first)):
        raise InputError(f"the negative log-likelihood is {value(first)} at its start {dict(start)}")
    fit = Minuit(value, first, grad=slope, name=names)
    fit.errordef, fit.tol = Minuit.LIKELIHOOD, tolerance
    for name in fixed:
        fit.fixed[name] = True
    for name, pair in (limits or {}).items():
        fit.limits[name] = pair
    fit.migrad()
    if fit.valid:
        fit.hesse()
    if not fit.valid:
        place = ", ".join(f"{name} = {fit.values[name]:.4g}" for name in names)
        raise FitError(
            f"MINUIT found no valid minimum after {fit.nfcn} calls; it stands at {place} with an estimated distance of "
            f"{fit.fmin.edm:.3g}; start elsewhere or fix a parameter"
        )
    values = {
        name: Estimate.symmetric(fit.values[name], 0.0 if name in fixed else fit.errors[name], "hesse")
        for name in names
    }
    for name in minos:
        values[name] = _minos(fit, name)
    p = len(names)
    covariance = np.zeros((p, p)) if fit.covariance is None else np.array(fit.covariance)
    return MinuitFit(values, float(fit.fval), covariance)


def _minos(fit: Any, name: str) -> Estimate:
    """The interval where the profile likelihood of a parameter has risen by 1/2."""
    try:
        fit.minos(name)
    except RuntimeError as error:
        raise FitError(f"MINOS finds no interval of '{name}': {error}") from error
    ends = fit.merrors[name]
    if not ends.is_valid:
        raise FitError(f"MINOS finds no interval of '{name}'; the likelihood does not rise by 1/2 within its limits")
    return Estimate(fit.values[name], fit.values[name] + ends.lower, fit.values[name] + ends.upper, "minos")

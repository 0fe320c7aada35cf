r"""Profile likelihoods of whole events: nuisance parameters fitted at every point of a grid and for every toy at once.

The density is :math:`r(x|\theta) \exp[\nu a(x) + \nu^2 b(x)] / Z(\theta, \nu)`, where :math:`\ln Z` is taken to second
order in :math:`\nu` (its first two cumulants at each theta).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.errors import FitError, InputError
from partonic.core.rng import generator
from partonic.inference.batched import Minima, minimise
from partonic.inference.limits import Scan, checked_weights, grid
from partonic.inference.nuisance import Nuisances, Variation

Floats = NDArray[np.float64]
WIDEST = 8.0  # standard deviations that a nuisance parameter may be pulled


@dataclass(frozen=True)
class Normalisation:
    """How the integral over all events depends on nuisance parameters at m points.

    Args:
        gradient: of its logarithm, (m, k).
        curvature: (m, k, k).
        rates: expected events at the points, (m,); None for the shape alone.
    """

    gradient: Tensor
    curvature: Tensor
    rates: Tensor | None


@dataclass(frozen=True)
class EventSums:
    """What data sets enter the profile likelihood with.

    Args:
        log_ratio: sums over events at the points, (sets, m).
        linear: sums of a(x), (sets, k).
        quadratic: sums of b(x), (sets, k).
        counts: numbers of events, (sets,).
        auxiliary: observed values of the nuisance parameters, (sets, k).
    """

    log_ratio: Tensor
    linear: Tensor
    quadratic: Tensor
    counts: Tensor
    auxiliary: Tensor


@dataclass(frozen=True)
class Profiled:
    """Profile likelihoods of data sets on a grid.

    Args:
        statistic: twice the negative log-likelihood up to a constant, (sets, m); NaN where a fit did not converge.
        pulls: fitted nuisance parameters, (sets, m, k).
        converged: (sets, m).
    """

    statistic: Floats
    pulls: Floats
    converged: NDArray[np.bool_]


def normalisation(
    log_ratio: ArrayLike, weights: ArrayLike | None, nuisances: Nuisances, rates: ArrayLike | None = None
) -> Normalisation:
    """Cumulants of the variations at m points, from a sample of the reference.

    Args:
        log_ratio: of the sample, (m, n).
        weights: of the sample at the reference, all 1 if None.
        nuisances: of the same events.
        rates: expected events at the points, (m,); None for the shape alone.

    Raises:
        InputError: shapes do not go together.
    """
    table = np.asarray(log_ratio, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(nuisances.linear):
        raise InputError(f"log_ratio must have the shape (m, {len(nuisances.linear)}), not {table.shape}")
    weight = checked_weights(weights, table.shape[1])
    first, second = nuisances.moments(weight * np.exp(table - table.max(axis=1, keepdims=True)))
    expected = None if rates is None else torch.as_tensor(np.asarray(rates, dtype=np.float64))
    if expected is not None and (expected.shape != (len(table),) or not bool((expected > 0).all())):
        raise InputError(f"rates must be {len(table)} numbers above 0")
    return Normalisation(torch.from_numpy(first), torch.from_numpy(second), expected)


def profile_points(sums: EventSums, shape: Normalisation) -> Profiled:
    """Fit the nuisance parameters of every data set at every point, all together."""
    sets, m = sums.log_ratio.shape
    k = sums.linear.shape[1]
    owner, point = (part.reshape(-1) for part in torch.meshgrid(torch.arange(sets), torch.arange(m), indexing="ij"))

    def objective(rows: Tensor, nu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Negative log-likelihood, gradient and Hessian."""
        i, j = owner[rows], point[rows]
        pull = nu - sums.auxiliary[i]
        bent = torch.einsum("bkl,bl->bk", shape.curvature[j], nu)
        log_z = (nu * (shape.gradient[j] + 0.5 * bent)).sum(1)
        slope_z = shape.gradient[j] + bent
        value = 0.5 * (pull**2).sum(1) - (nu * sums.linear[i] + nu**2 * sums.quadratic[i]).sum(1)
        gradient = pull - sums.linear[i] - 2 * nu * sums.quadratic[i]
        hessian = torch.diag_embed(1 - 2 * sums.quadratic[i])
        if shape.rates is None:
            factor = sums.counts[i]
            return (
                value + factor * log_z,
                gradient + factor[:, None] * slope_z,
                hessian + factor[:, None, None] * shape.curvature[j],
            )
        expected = shape.rates[j] * torch.exp(log_z)
        outer = slope_z[:, :, None] * slope_z[:, None, :] + shape.curvature[j]
        return value + expected, gradient + expected[:, None] * slope_z, hessian + expected[:, None, None] * outer

    far = torch.full((k,), WIDEST, dtype=torch.float64)
    fits: Minima = minimise(objective, torch.zeros(len(owner), k, dtype=torch.float64), -far, far)
    value = fits.value.reshape(sets, m) - sums.log_ratio
    if shape.rates is not None:
        value = value - sums.counts[:, None] * torch.log(shape.rates)
    return Profiled((2 * value).numpy(), fits.x.reshape(sets, m, k).numpy(), fits.converged.reshape(sets, m).numpy())


def profiled_scan(
    axes: tuple[ArrayLike, ...],
    log_ratio: ArrayLike,
    variations: Sequence[Variation],
    events: float,
    weights: ArrayLike | None = None,
    *,
    rates: ArrayLike | None = None,
    replicas: int = 50,
    seed: int = 0,
) -> Scan:
    """The scan that data like the sample are expected to give when nuisance parameters are profiled.

    Args:
        axes: grid of each parameter.
        log_ratio: ratios of n events to the point that their weights are of, at the m points of the grid, (m, n).
        variations: of the same events.
        events: expected number.
        weights: of the events at the reference of the ratio, all 1 if None.
        rates: expected events at the points, (m,); None for the shape alone.
        replicas: bootstrap samples of the events for the errors, 0 for none.
        seed: of the bootstrap.

    Raises:
        InputError: shapes do not go together or a number is not allowed.
        FitError: a fit did not converge.
    """
    lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
    table, nuisances = np.asarray(log_ratio, dtype=np.float64), Nuisances.of(variations)
    if table.ndim != 2 or len(table) != len(grid(*lines)) or not np.isfinite(table).all() or not events > 0:
        raise InputError(f"log_ratio must be finite and of the shape ({len(grid(*lines))}, events), and events above 0")
    weight = checked_weights(weights, table.shape[1])
    rng = generator(seed)
    found = []
    for number in range(1 + replicas):
        drawn = weight if number == 0 else weight * rng.poisson(1.0, len(weight))
        share = torch.from_numpy(events * drawn / drawn.sum())
        columns = (torch.from_numpy(part) for part in (table.T, nuisances.linear, nuisances.quadratic))
        log_sum, linear, quadratic = ((share @ column)[None] for column in columns)
        sums = EventSums(log_sum, linear, quadratic, share.sum()[None], torch.zeros_like(linear))
        profiled = profile_points(sums, normalisation(table, drawn, nuisances, rates))
        if not profiled.converged.all():
            raise FitError(
                f"nuisance parameters did not converge at {int((~profiled.converged).sum())} of {len(table)} points; "
                "their variations are too large for an expansion, take fewer or smaller ones"
            )
        found.append(profiled.statistic.reshape([len(line) for line in lines]))
    return Scan(lines, found[0], np.array(found[1:]).reshape(-1, *found[0].shape))

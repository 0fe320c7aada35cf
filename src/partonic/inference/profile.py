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

from partonic.core.errors import FitError, InputError, unknown
from partonic.inference.batched import Minima, minimise
from partonic.inference.limits import Scan, checked_weights, grid, resampled
from partonic.inference.nuisance import Nuisances, Variation

Floats = NDArray[np.float64]
WIDEST = 8.0  # standard deviations that a nuisance parameter may be pulled


@dataclass(frozen=True)
class Normalisation:
    """How the integral over all events depends on nuisance parameters at m points, perhaps for each data set anew.

    Args:
        gradient: of its logarithm, (m, k) or (sets, m, k).
        curvature: (m, k, k) or (sets, m, k, k).
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
    first, second = nuisances.moments(np.exp(table - table.max(axis=1, keepdims=True)), weight[None])
    return Normalisation(torch.from_numpy(first[0]), torch.from_numpy(second[0]), checked_rates(rates, len(table)))


def checked_rates(rates: ArrayLike | None, m: int) -> Tensor | None:
    """Expected events at m points, (m,), once they are such; None where there are none.

    Raises:
        InputError: they are of another number, or one is not above 0.
    """
    if rates is None:
        return None
    expected = torch.as_tensor(np.asarray(rates, dtype=np.float64))
    if expected.shape != (m,) or not bool((expected > 0).all()):
        raise InputError(f"rates must be {m} numbers above 0")
    return expected


def profile_points(sums: EventSums, shape: Normalisation) -> Profiled:
    """Fit the nuisance parameters of every data set at every point, all together."""
    sets, m = sums.log_ratio.shape
    k = sums.linear.shape[1]
    gradients = shape.gradient.expand(sets, m, k).reshape(-1, k)
    curvatures = shape.curvature.expand(sets, m, k, k).reshape(-1, k, k)
    owner, point = (part.reshape(-1) for part in torch.meshgrid(torch.arange(sets), torch.arange(m), indexing="ij"))

    def objective(rows: Tensor, nu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Negative log-likelihood, gradient and Hessian."""
        i, first, second = owner[rows], gradients[rows], curvatures[rows]
        pull = nu - sums.auxiliary[i]
        bent = torch.einsum("bkl,bl->bk", second, nu)
        log_z = (nu * (first + 0.5 * bent)).sum(1)
        slope_z = first + bent
        value = 0.5 * (pull**2).sum(1) - (nu * sums.linear[i] + nu**2 * sums.quadratic[i]).sum(1)
        gradient = pull - sums.linear[i] - 2 * nu * sums.quadratic[i]
        hessian = torch.diag_embed(1 - 2 * sums.quadratic[i])
        if shape.rates is None:
            factor = sums.counts[i]
            return (
                value + factor * log_z,
                gradient + factor[:, None] * slope_z,
                hessian + factor[:, None, None] * second,
            )
        expected = shape.rates[point[rows]] * torch.exp(log_z)
        outer = slope_z[:, :, None] * slope_z[:, None, :] + second
        return value + expected, gradient + expected[:, None] * slope_z, hessian + expected[:, None, None] * outer

    far = torch.full((k,), WIDEST, dtype=torch.float64)
    fits: Minima = minimise(objective, torch.zeros(len(owner), k, dtype=torch.float64), -far, far)
    value = fits.value.reshape(sets, m) - sums.log_ratio
    if shape.rates is not None:
        value = value - sums.counts[:, None] * torch.log(shape.rates)
    return Profiled((2 * value).numpy(), fits.x.reshape(sets, m, k).numpy(), fits.converged.reshape(sets, m).numpy())


@dataclass(frozen=True)
class Profiler:
    """What profile likelihoods of data like a sample are made of: its means and cumulants, and those of resampled ones.

    Args:
        axes: grid of each parameter.
        names: of the k nuisance parameters.
        log_ratio: mean over events at the m points, (1 + replicas, m).
        linear: mean of a(x), (1 + replicas, k).
        quadratic: mean of b(x), (1 + replicas, k).
        gradient: of the normalisation, (1 + replicas, m, k).
        curvature: (1 + replicas, m, k, k).
    """

    axes: tuple[Floats, ...]
    names: tuple[str, ...]
    log_ratio: Tensor
    linear: Tensor
    quadratic: Tensor
    gradient: Tensor
    curvature: Tensor

    @classmethod
    def of(
        cls,
        axes: tuple[ArrayLike, ...],
        log_ratio: ArrayLike,
        variations: Sequence[Variation],
        weights: ArrayLike | None = None,
        *,
        replicas: int = 50,
        seed: int = 0,
    ) -> Profiler:
        """From ratios and variations of events.

        Args:
            axes: grid of each parameter.
            log_ratio: ratios of n events to the point that their weights are of, at the m points of the grid, (m, n).
            variations: of the same events.
            weights: of the events at the reference of the ratio, all 1 if None.
            replicas: bootstrap samples of the events for the errors, 0 for none.
            seed: of the bootstrap.

        Raises:
            InputError: shapes do not go together, a number is not allowed, or the events are too few to resample.
        """
        lines = tuple(np.asarray(axis, dtype=np.float64) for axis in axes)
        table, nuisances = np.asarray(log_ratio, dtype=np.float64), Nuisances.of(variations)
        shape = (len(grid(*lines)), len(nuisances.linear))
        if table.shape != shape or not np.isfinite(table).all():
            raise InputError(f"log_ratio must be finite and of the shape {shape}, not {table.shape}")
        drawn = resampled(checked_weights(weights, shape[1]), replicas, seed)
        share = drawn / drawn.sum(axis=1, keepdims=True)
        moments = nuisances.moments(np.exp(table - table.max(axis=1, keepdims=True)), drawn)
        found = (share @ table.T, share @ nuisances.linear, share @ nuisances.quadratic, *moments)
        return cls(lines, nuisances.names, *map(torch.from_numpy, found))

    def scan(self, events: float, rates: ArrayLike | None = None, names: Sequence[str] | None = None) -> Scan:
        """The expected scan in which nuisance parameters are profiled.

        Args:
            events: expected number.
            rates: expected events at the points of the grid, (m,); None for the shape alone.
            names: of the nuisance parameters that are not known, all if None; the others are held at 0.

        Raises:
            UnknownNameError: there is no such nuisance parameter.
            InputError: a number is not allowed, or none is named.
            FitError: a fit did not converge.
        """
        chosen = tuple(self.names if names is None else names)
        for name in chosen:
            if name not in self.names:
                raise unknown("nuisance parameter", name, self.names)
        if not chosen or not events > 0:
            raise InputError(f"a profile needs a nuisance parameter and events above 0, not {chosen} and {events}")
        expected = checked_rates(rates, self.log_ratio.shape[1])
        some = torch.tensor([self.names.index(name) for name in chosen])
        linear, quadratic, gradient = (part[..., some] for part in (self.linear, self.quadratic, self.gradient))
        shape = Normalisation(gradient, self.curvature[..., some[:, None], some], expected)
        counts = torch.full((len(linear),), float(events), dtype=torch.float64)
        sums = EventSums(events * self.log_ratio, events * linear, events * quadratic, counts, torch.zeros_like(linear))
        profiled = profile_points(sums, shape)
        if not profiled.converged.all():
            raise FitError(
                f"nuisance parameters did not converge at {int((~profiled.converged).any(axis=0).sum())} of "
                f"{self.log_ratio.shape[1]} points; their variations are too large for an expansion, take fewer or "
                "smaller ones"
            )
        found = profiled.statistic.reshape(-1, *[len(axis) for axis in self.axes])
        return Scan(self.axes, found[0], found[1:])


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
    """The scan that data like the sample are expected to give when all nuisance parameters are profiled.

    Args:
        axes: grid of each parameter.
        log_ratio: as in :meth:`Profiler.of`.
        variations: likewise.
        events: as in :meth:`Profiler.scan`.
        weights: as in :meth:`Profiler.of`.
        rates: as in :meth:`Profiler.scan`.
        replicas: bootstrap samples of the events for the errors, 0 for none.
        seed: of the bootstrap.

    Raises:
        InputError: shapes do not go together or a number is not allowed.
        FitError: a fit did not converge.
    """
    made = Profiler.of(axes, log_ratio, variations, weights, replicas=replicas, seed=seed)
    return made.scan(events, rates)

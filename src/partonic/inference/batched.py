"""Many small fits at once: Newton's method with exact second derivatives, bounds and damping, one row a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import FitError, InputError

TOLERANCE = 1e-9  # expected decrease of the function, half that of a likelihood ratio's statistic
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class Minima:
    """What a batch of fits found.

    Args:
        x: places of the minima, (fits, p).
        value: of the function there, (fits,); NaN where the fit did not converge.
        gradient: there, (fits, p).
        hessian: second derivatives there, (fits, p, p).
        converged: which fits ended where no step lowers the function by more than the tolerance, (fits,).
        steps: taken, (fits,).
        free: parameters that are neither fixed nor at a bound, (fits, p).
    """

    x: Tensor
    value: Tensor
    gradient: Tensor
    hessian: Tensor
    converged: Tensor
    steps: Tensor
    free: Tensor

    @property
    def covariance(self) -> Tensor:
        """Inverse of the second derivatives among free parameters, (fits, p, p); 0 elsewhere, NaN if not converged."""
        both = self.free[:, :, None] & self.free[:, None, :]
        identity = torch.eye(self.x.shape[1], dtype=self.x.dtype).expand_as(self.hessian)
        inverse, info = torch.linalg.inv_ex(torch.where(both, self.hessian, identity))
        bad = (~self.converged | (info != 0))[:, None, None]
        return torch.where(bad, torch.nan, torch.where(both, inverse, 0.0))

    def need(self, what: str) -> Minima:
        """The same minima if all fits converged.

        Args:
            what: was fitted, for the message.

        Raises:
            FitError: one did not; the message gives its state.
        """
        if bool(self.converged.all()):
            return self
        first = int((~self.converged).nonzero()[0, 0])
        place = ", ".join(f"{number:.4g}" for number in self.x[first].tolist())
        slope = float(torch.where(self.free[first], self.gradient[first], 0.0).abs().max())
        raise FitError(
            f"{int((~self.converged).sum())} of {len(self.converged)} fits of {what} did not converge; the first ended "
            f"after {int(self.steps[first])} steps at ({place}) with a slope of {slope:.3g}; start elsewhere, narrow "
            "the bounds or merge empty bins"
        )


def minimise(
    objective: Objective,
    start: Tensor,
    lower: Tensor,
    upper: Tensor,
    fixed: Tensor | None = None,
    *,
    steps: int = 200,
    tolerance: float = TOLERANCE,
) -> Minima:
    """Minimise one function a row.

    A step solves the quadratic model within the bounds; it is damped (Levenberg-Marquardt) where the second
    derivatives are not positive or the function does not fall. Rows that have converged leave the batch.

    Args:
        objective: ``(rows (b,), x (b, p)) -> value (b,), gradient (b, p), Hessian (b, p, p)``; a value that is not
            finite says that x is not allowed.
        start: first guesses, (fits, p); moved into the bounds.
        lower: bounds, (p,) or (fits, p).
        upper: likewise.
        fixed: parameters that stay at their start, (p,) or (fits, p).
        steps: at most so many.
        tolerance: expected decrease of the function at which a fit ends.

    Raises:
        InputError: a lower bound is above its upper one, or the function is not finite at the start.
    """
    shape = start.shape
    lower, upper = lower.expand(shape), upper.expand(shape)
    if bool((lower > upper).any()):
        raise InputError("a lower bound of a fit is above its upper bound")
    held = torch.zeros(shape, dtype=torch.bool) if fixed is None else fixed.expand(shape)
    x = torch.where(held, start, torch.minimum(torch.maximum(start, lower), upper))
    rows = torch.arange(shape[0])
    value, gradient, hessian = objective(rows, x)
    if not bool(torch.isfinite(value).all()):
        first = int((~torch.isfinite(value)).nonzero()[0, 0])
        raise InputError(f"the function of fit {first} is {float(value[first])} at its start {x[first].tolist()}")
    damping = torch.zeros(shape[0], dtype=x.dtype)
    converged, taken = torch.zeros(shape[0], dtype=torch.bool), torch.zeros(shape[0], dtype=torch.int64)
    for _ in range(steps):
        if not len(rows):
            break
        here, slope, curve = x[rows], gradient[rows], hessian[rows]
        bounds = (lower[rows], upper[rows])
        free = ~held[rows] & _inside(here, slope, *bounds)
        move, solved = _step(here, slope, curve, damping[rows], free, bounds)
        gain = -(move * slope).sum(1) - 0.5 * torch.einsum("bi,bij,bj->b", move, curve, move)
        small = tolerance + 1e-14 * value[rows].abs()
        done = solved & (damping[rows] < 0.1) & (gain.abs() <= small)
        converged[rows[done]] = True
        going = solved & ~done
        trial = rows[going]
        better = torch.zeros(len(rows), dtype=torch.bool)
        if len(trial):
            found = objective(trial, here[going] + move[going])
            lowers = torch.isfinite(found[0]) & (found[0] <= value[trial] - 1e-4 * gain[going] + small[going])
            into = trial[lowers]
            x[into] = (here + move)[going][lowers]
            value[into], gradient[into], hessian[into] = (part[lowers] for part in found)
            better[going.nonzero()[:, 0][lowers]] = True
        eased = torch.where(damping[rows] > 1e-5, damping[rows] / 10, 0.0)
        damping[rows] = torch.where(better, eased, torch.clamp(damping[rows] * 10, min=1e-3))
        taken[rows[~done]] += 1
        rows = rows[~done]
    free = ~held & _inside(x, gradient, lower, upper)
    value = torch.where(converged, value, torch.nan)
    return Minima(x, value, gradient, hessian, converged, taken, free)


def _inside(x: Tensor, gradient: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Parameters that are not at a bound which the function pushes them against."""
    return ~(((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0)))


def _step(
    x: Tensor, gradient: Tensor, hessian: Tensor, damping: Tensor, free: Tensor, bounds: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The damped Newton step of each row within its bounds (b, p), and whether it could be solved (b,)."""
    lower, upper = bounds[0] - x, bounds[1] - x
    diagonal = torch.diagonal(hessian, dim1=1, dim2=2)
    span = torch.where(torch.isfinite(upper - lower), (upper - lower).clamp(min=1e-300), 1.0)
    scale = torch.maximum(diagonal.abs(), gradient.abs() / span + 1e-8)
    damped = hessian + torch.diag_embed(damping[:, None] * scale)
    move, moving = torch.zeros_like(x), free
    for _ in range(4):
        both = moving[:, :, None] & moving[:, None, :]
        identity = torch.eye(x.shape[1], dtype=x.dtype).expand_as(damped)
        factor, info = torch.linalg.cholesky_ex(torch.where(both, damped, identity))
        stuck = torch.where(moving, 0.0, move)  # what has been moved to a bound
        right = -gradient - torch.einsum("bij,bj->bi", damped, stuck)
        solution = torch.cholesky_solve(right.unsqueeze(-1), factor).squeeze(-1)
        move = torch.where(moving, solution, stuck)
        beyond = moving & ((move < lower) | (move > upper))
        move = torch.minimum(torch.maximum(move, torch.where(free, lower, 0.0)), torch.where(free, upper, 0.0))
        if not bool(beyond.any()):
            break
        moving = moving & ~beyond
    return move, (info == 0) & torch.isfinite(move).all(1)

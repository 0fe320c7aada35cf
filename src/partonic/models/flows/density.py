"""Conditional densities: a linear regression whose residual a flow of zuko describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import zuko
from torch import Tensor, nn
from torch.nn.functional import softplus

from partonic.core.errors import InputError, unknown

KINDS = {"spline": zuko.flows.NSF, "affine": zuko.flows.MAF}
RIDGE = 1e-6  # of the mean variance of the observables, so that a constant one does no harm
AT_ONCE = 20_000  # draws, for the memory's sake
EDGE = 1e-6  # of the width of a box: values are kept so far from its ends


@dataclass(frozen=True)
class Line:
    """Values within a box on the whole real line by a logit, so that densities and chains need not mind its ends.

    Args:
        boxed: which values have two ends, (v,); the others are what they are.
        low: lower ends, (v,).
        range: distances of the ends, (v,), 1 for a free value.
    """

    boxed: Tensor
    low: Tensor
    range: Tensor

    @classmethod
    def within(cls, ends: Tensor) -> Line:
        """Of lower and higher ends, (v, 2), infinite for a free value."""
        boxed, one = torch.isfinite(ends).all(dim=1), torch.ones(len(ends), dtype=ends.dtype)
        return cls(boxed, torch.where(boxed, ends[:, 0], 0 * one), torch.where(boxed, ends[:, 1] - ends[:, 0], one))

    def inside(self, values: Tensor) -> Tensor:
        """Which values (b, v) are within the box, (b,)."""
        share = (values - self.low) / self.range
        return (~self.boxed | ((share >= 0) & (share <= 1))).all(dim=-1)

    def free(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values on the line, (b, v), and the logarithm of the Jacobian, (b,)."""
        logit = torch.logit(((values - self.low) / self.range).clamp(EDGE, 1 - EDGE))
        return torch.where(self.boxed, logit, values), -self._log_slope(logit)

    def bound(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """Values in the box, (b, v), of those on the line, and the logarithm of the Jacobian, (b,)."""
        values = torch.where(self.boxed, self.low + self.range * torch.sigmoid(free), free)
        return values, self._log_slope(free)

    def _log_slope(self, free: Tensor) -> Tensor:
        """Logarithm of the change of values by those on the line, (b,)."""
        slope = self.range.log() - softplus(free) - softplus(-free)
        return torch.where(self.boxed, slope, 0.0).sum(dim=-1)


class ConditionalDensity(nn.Module):
    r"""The density :math:`q(u|c)` of values u, given a context c.

    Values within a box go to the real line by a logit. A linear regression on the context, learned in closed form,
    then gives the mean and the covariance; what is left is described by an autoregressive flow (splines,
    arXiv:1906.04032, or affine, arXiv:1705.07057) that starts as the identity. For values that are jointly Gaussian
    with their context the start is already the answer.

    Args:
        values: their number.
        context: number of given values, 0 for none.
        kind: ``spline`` or ``affine``.
        transforms: number of layers.
        hidden: widths of the hidden layers of each.
        bins: of the splines.
        box: lowest and highest value of each, (values, 2), within which the density lives; infinite for a free one.
        smooth: SiLU in the networks and not ReLU, where derivatives by the context are learned too.

    Raises:
        InputError: a number is too small, or the box is empty.
        UnknownNameError: there is no such kind.
    """

    boxed: Tensor
    low: Tensor
    range: Tensor
    mean: Tensor
    width: Tensor
    slope: Tensor
    offset: Tensor
    root: Tensor

    def __init__(
        self,
        values: int,
        context: int,
        kind: str = "spline",
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        box: Sequence[Sequence[float]] | None = None,
        smooth: bool = False,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise unknown("kind of density", kind, list(KINDS))
        if values < 1 or context < 0 or transforms < 1 or bins < 2:
            raise InputError(f"a density needs a value, a layer and 2 bins, not {values}, {transforms} and {bins}")
        ends = torch.tensor([(-torch.inf, torch.inf)] * values if box is None else box, dtype=torch.float32)
        if ends.shape != (values, 2) or not bool((ends[:, 0] < ends[:, 1]).all()):
            raise InputError(f"the box has a lower and a higher end for each of {values} values, not {ends.tolist()}")
        options: dict[str, Any] = {"bins": bins} if kind == "spline" else {}
        options["activation"] = nn.SiLU if smooth else nn.ReLU
        self.flow = KINDS[kind](values, context, transforms=transforms, hidden_features=tuple(hidden), **options)
        for layer in self.flow.transform.transforms:
            last = layer.hyper[-1].parameters() if hasattr(layer, "hyper") else layer.parameters()
            for parameter in last:
                nn.init.zeros_(parameter)
        for name, value in vars(Line.within(ends)).items():
            self.register_buffer(name, value)
        self.register_buffer("mean", torch.zeros(context))
        self.register_buffer("width", torch.ones(context))
        self.register_buffer("slope", torch.zeros(context, values))
        self.register_buffer("offset", torch.zeros(values))
        self.register_buffer("root", torch.eye(values))

    def learn(self, values: Tensor, context: Tensor, weight: Tensor | None = None) -> None:
        """The linear part from a sample: values (n, v), context (n, c), weights (n,).

        Raises:
            InputError: a value is outside the box, or they do not vary in all directions.
        """
        outside = int((~self._line.inside(values)).sum())
        if outside:
            raise InputError(f"{outside:,} values are outside of the box of the density")
        share = torch.full((len(values), 1), 1 / len(values), dtype=torch.float64)
        if weight is not None:
            share = (weight.double() / weight.double().sum())[:, None]
        u, c = self._line.free(values)[0].double(), context.double()
        mean = (share * c).sum(dim=0)
        width = ((share * (c - mean).square()).sum(dim=0)).clamp_min(0.0).sqrt()
        width = torch.where(width > 0, width, torch.ones_like(width))
        c = (c - mean) / width
        centre = (share * u).sum(dim=0)
        normal = c.T @ (share * c) + RIDGE * torch.eye(c.shape[1], dtype=torch.float64)
        slope = torch.linalg.solve(normal, c.T @ (share * (u - centre)))
        rest = u - centre - c @ slope
        root, failed = torch.linalg.cholesky_ex(rest.T @ (share * rest))
        if int(failed):
            raise InputError(
                "the values of a density must vary independently of each other; one is a function of others"
            )
        learned = {"mean": mean, "width": width, "slope": slope, "offset": centre, "root": root}
        for name, value in learned.items():
            getattr(self, name).copy_(value)

    def log_prob(self, values: Tensor, context: Tensor) -> Tensor:
        """Logarithm of the density, (b,), of values (b, v) at context (b, c); minus infinity outside the box."""
        inside = self._line.inside(values)
        free, log_jacobian = self._line.free(values)
        given = self._given(context)
        rest = free - self.offset - given @ self.slope
        white = torch.linalg.solve_triangular(self.root, rest.T, upper=False).T
        result: Tensor = self._of(given).log_prob(white)
        result = result - self.root.diagonal().log().sum() + log_jacobian
        return torch.where(inside, result, torch.full_like(result, -torch.inf))

    forward = log_prob

    @torch.no_grad()
    def sample(self, context: Tensor, n: int, random: torch.Generator) -> Tensor:
        """Draws (n, b, v) at context (b, c)."""
        given = self._given(context).repeat(n, 1)
        noise = torch.randn((len(given), len(self.offset)), generator=random).to(given)
        parts = [slice(start, start + AT_ONCE) for start in range(0, len(given), AT_ONCE)]
        return torch.cat([self._draw(noise[part], given[part]) for part in parts]).reshape(n, len(context), -1)

    def _draw(self, noise: Tensor, given: Tensor) -> Tensor:
        white = self._of(given).transform.inv(noise)
        return self._line.bound(white @ self.root.T + self.offset + given @ self.slope)[0]

    def _of(self, given: Tensor) -> Any:
        """The distribution of what the regression leaves."""
        return self.flow(given if given.shape[-1] else None)

    def _given(self, context: Tensor) -> Tensor:
        return (context - self.mean) / self.width

    @property
    def _line(self) -> Line:
        return Line(self.boxed, self.low, self.range)

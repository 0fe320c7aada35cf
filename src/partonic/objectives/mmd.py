r"""Maximum mean discrepancy of single quantities: how far two samples are apart, as a kernel sees it (arXiv:0805.2368).

.. math:: \mathrm{MMD}^2 = \langle k(x, x') \rangle_{P, P} + \langle k(y, y') \rangle_{Q, Q}
    - 2 \langle k(x, y) \rangle_{P, Q}

Added to the loss of a generator for the mass of a resonance it makes the peak as narrow as the truth's
(arXiv:1907.03764).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from partonic.core.errors import InputError, unknown

KERNELS = ("breit-wigner", "gaussian")
ROWS = 128  # of a block of pairs


@dataclass(frozen=True)
class Kernel:
    r"""The mean over several widths s of :math:`s^2/(d^2 + s^2)` or :math:`e^{-d^2/2s^2}` of a difference d.

    A single width sees neither much finer structures nor samples much further apart; several together do both.

    Args:
        widths: s, in the units of the quantity, as GeV.
        kind: ``breit-wigner`` or ``gaussian``.

    Raises:
        InputError: there is no width, or one is not above 0.
        UnknownNameError: there is no such kind.
    """

    widths: tuple[float, ...]
    kind: str = "breit-wigner"

    def __post_init__(self) -> None:
        if self.kind not in KERNELS:
            raise unknown("kernel", self.kind, KERNELS)
        if not self.widths or not all(0 < width < math.inf for width in self.widths):
            raise InputError(f"a kernel needs one or more widths above 0, not {list(self.widths)}")

    def __call__(self, difference: Tensor) -> Tensor:
        """The kernel of differences of any shape."""
        return self._sums(difference * difference, None)

    def with_slope(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        """The kernel of differences of any shape, and its derivative."""
        slope = torch.zeros_like(difference)
        return self._sums(difference * difference, slope), slope.mul_(difference)

    def _sums(self, square: Tensor, slope: Tensor | None) -> Tensor:
        """The kernel of squares of differences; its derivative over the difference is added to ``slope``."""
        value, part, share = torch.zeros_like(square), torch.empty_like(square), 1 / len(self.widths)
        for width in self.widths:
            if self.kind == "gaussian":
                torch.mul(square, -0.5 / width**2, out=part).exp_()
                if slope is not None:
                    slope.add_(part, alpha=-share / width**2)
            else:
                torch.mul(square, width**-2, out=part).add_(1).reciprocal_()
                if slope is not None:
                    slope.addcmul_(part, part, value=-2 * share / width**2)
            value.add_(part, alpha=share)
        return value


def discrepancy(
    x: Tensor, y: Tensor, kernel: Kernel, weight_x: Tensor | None = None, weight_y: Tensor | None = None
) -> Tensor:
    """MMD^2 of each quantity between two weighted samples, (...); 0 is expected of equal distributions.

    No event is compared with itself, so that the estimate has no bias and may come out below 0. Memory and time go
    with the product of the numbers of events.

    Args:
        x: (..., n), the events last, two or more.
        y: (..., m), two or more.
        kernel: of the difference.
        weight_x: (n,), ones if None.
        weight_y: (m,), ones if None.
    """
    v = x.new_ones(x.shape[-1]) if weight_x is None else weight_x
    w = y.new_ones(y.shape[-1]) if weight_y is None else weight_y
    across = pair_sum(x, y, v, w, kernel) / (v.sum() * w.sum())
    return _within(x, v, kernel) + _within(y, w, kernel) - 2 * across


def _within(x: Tensor, weight: Tensor, kernel: Kernel) -> Tensor:
    """Mean kernel of two different events of a sample."""
    own = weight.square().sum()  # the kernel of no difference is 1
    return (pair_sum(x, x, weight, weight, kernel) - own) / (weight.sum().square() - own)


def pair_sum(x: Tensor, y: Tensor, v: Tensor, w: Tensor, kernel: Kernel) -> Tensor:
    r"""The sum :math:`\sum_{ij} v_i w_j k(x_i - y_j)` of each quantity, (...), and its first derivative by x and y.

    Several times faster than what torch differentiates by itself: no matrix is kept.

    Args:
        x: (..., n).
        y: (..., m).
        v: (n,), not differentiated.
        w: (m,), not differentiated.
        kernel: of the difference.
    """
    total: Tensor = _PairSum.apply(x, y, v, w, kernel)  # type: ignore[no-untyped-call]
    return total


class _PairSum(torch.autograd.Function):
    """The sum over pairs, in blocks of rows that stay in the processor's cache."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, v: Tensor, w: Tensor, kernel: Kernel) -> Tensor:
        """The sum; its derivatives are kept."""
        total, of_x, of_y = x.new_zeros(x.shape[:-1]), torch.zeros_like(x), torch.zeros_like(y)
        for start in range(0, x.shape[-1], ROWS):
            rows = slice(start, start + ROWS)
            apart = x[..., rows, None] - y[..., None, :]
            if not any(ctx.needs_input_grad):
                total += kernel(apart) @ w @ v[rows]
                continue
            value, slope = kernel.with_slope(apart)
            total += value @ w @ v[rows]
            of_x[..., rows] = v[rows] * (slope @ w)
            if ctx.needs_input_grad[1]:
                of_y -= w * (v[rows] @ slope)
        ctx.save_for_backward(of_x, of_y)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The derivatives, times that of what the sum goes into."""
        of_x, of_y = ctx.saved_tensors
        up = gradients[0][..., None]
        return up * of_x, up * of_y, None, None, None

"""Batch norm or bias, then ReLU, in fewer passes over the values than torch takes; the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.compiled import compiled
from partonic.represent.neighbours import compiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 128  # rows that are added in the precision of the values before they go into sums of double precision


def norm_relu(norm: nn.BatchNorm1d, values: Tensor) -> Tensor:
    """ReLU of the batch norm of values (rows, channels), which must not be needed elsewhere.

    In training on a processor, for a norm with weights and running means of one process, it is one compiled function;
    otherwise torch's own.
    """
    share = norm.momentum
    ours = norm.training and norm.affine and norm.track_running_stats
    if share is None or not (ours and compiles(values) and len(values) > 1 and "forward" not in norm.__dict__):
        return relu(norm(values), inplace=True)
    result, mean, variance = cast(
        "tuple[Tensor, Tensor, Tensor]",
        _NormRelu.apply(values, norm.weight, norm.bias, norm.eps),  # type: ignore[no-untyped-call]
    )
    with torch.no_grad():
        cast("Tensor", norm.num_batches_tracked).add_(1)
        cast("Tensor", norm.running_mean).lerp_(mean, share)
        cast("Tensor", norm.running_var).lerp_(variance * (len(values) / (len(values) - 1)), share)
    return result


def bias_relu_(values: Tensor, bias: Tensor) -> Tensor:
    """ReLU of values (rows, channels) plus a bias (channels,), in their place; without gradients where compiled."""
    if not compiles(values) or torch.is_grad_enabled():
        return relu(values + bias, inplace=True)
    _lift(values.numpy(), bias.numpy())
    return values


class _NormRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """Result, mean and variance over the rows."""
        rows = values.detach().contiguous()
        mean, variance = (np.empty(rows.shape[1]) for _ in range(2))
        _moments(rows.numpy(), mean, variance)
        inverse = 1 / np.sqrt(variance + eps)
        scale = weight.detach().numpy() * inverse
        shift = bias.detach().numpy() - mean * scale
        result = torch.empty_like(rows)
        kind = result.numpy().dtype
        _apply(rows.numpy(), scale.astype(kind), shift.astype(kind), result.numpy())
        ctx.save_for_backward(rows)
        ctx.fixed = mean.astype(kind), inverse.astype(kind), scale.astype(kind), shift.astype(kind)
        statistics = tuple(torch.from_numpy(one.astype(kind)) for one in (mean, variance))
        ctx.mark_non_differentiable(*statistics)
        return result, *statistics  # type: ignore[return-value]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of values, weight and bias."""
        (rows,) = ctx.saved_tensors
        mean, inverse, scale, shift = ctx.fixed
        given = gradients[0].contiguous()
        of_bias, of_weight = (np.empty(rows.shape[1]) for _ in range(2))
        _sums(rows.numpy(), given.numpy(), scale, shift, mean, of_bias, of_weight)
        of_weight *= inverse
        out = torch.empty_like(rows)
        kind, n = out.numpy().dtype, len(rows)
        tilt = (inverse * of_weight / n).astype(kind)
        _pull(rows.numpy(), given.numpy(), scale, shift, mean, (of_bias / n).astype(kind), tilt, out.numpy())
        return out, torch.from_numpy(of_weight.astype(kind)), torch.from_numpy(of_bias.astype(kind)), None


@compiled
def _moments(rows: NDArray[Any], mean: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
    n, channels = rows.shape
    one, two = np.zeros(channels), np.zeros(channels)
    first, second = np.empty(channels, rows.dtype), np.empty(channels, rows.dtype)
    for start in range(0, n, BLOCK):
        first[:], second[:] = 0, 0
        for i in range(start, min(start + BLOCK, n)):
            for c in range(channels):
                gap = rows[i, c] - rows[0, c]
                first[c] += gap
                second[c] += gap * gap
        for c in range(channels):
            one[c] += first[c]
            two[c] += second[c]
    for c in range(channels):
        offset = one[c] / n
        mean[c] = rows[0, c] + offset
        variance[c] = max(two[c] / n - offset * offset, 0.0)


@compiled
def _lift(rows: NDArray[Any], bias: NDArray[Any]) -> None:
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            rows[i, c] = max(rows[i, c] + bias[c], zero)


@compiled
def _apply(rows: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any], out: NDArray[Any]) -> None:
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            out[i, c] = max(rows[i, c] * scale[c] + shift[c], zero)


@compiled
def _sums(
    rows: NDArray[Any],
    given: NDArray[Any],
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    of_bias: NDArray[np.float64],
    of_weight: NDArray[np.float64],
) -> None:
    n, channels = rows.shape
    of_bias[:], of_weight[:] = 0, 0
    zero = rows.dtype.type(0)
    first, second = np.empty(channels, rows.dtype), np.empty(channels, rows.dtype)
    for start in range(0, n, BLOCK):
        first[:], second[:] = 0, 0
        for i in range(start, min(start + BLOCK, n)):
            for c in range(channels):
                seen = given[i, c] if rows[i, c] * scale[c] + shift[c] > zero else zero
                first[c] += seen
                second[c] += seen * (rows[i, c] - mean[c])
        for c in range(channels):
            of_bias[c] += first[c]
            of_weight[c] += second[c]


@compiled
def _pull(
    rows: NDArray[Any],
    given: NDArray[Any],
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    level: NDArray[Any],
    tilt: NDArray[Any],
    out: NDArray[Any],
) -> None:
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            seen = given[i, c] if rows[i, c] * scale[c] + shift[c] > zero else zero
            out[i, c] = scale[c] * (seen - level[c] - tilt[c] * (rows[i, c] - mean[c]))

"""Batch norm or bias, then ReLU, in fewer passes over the values than torch takes; the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import relu

from partonic.core.compiled import compiled
from partonic.represent.neighbours import compiles
from partonic.represent.segments import segment_sum, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 128  # rows that are added in the precision of the values before they go into sums of double precision


def norm_relu(
    norm: nn.BatchNorm1d, values: Tensor, layer: nn.Linear | None = None, offsets: Tensor | None = None
) -> Tensor:
    """ReLU of the batch norm of values (rows, channels), or of what a linear layer makes of them.

    In training on a processor, for a norm with weights and running means of one process, it is one compiled function;
    otherwise torch's own. A bias of the layer, which the norm takes away again, is then left out.

    Args:
        norm: in training or evaluation.
        values: (rows, channels), which must not be needed elsewhere, or (rows, inputs) of the layer.
        layer: in front of the norm.
        offsets: where jets begin and the last one ends, (jets + 1,), for the sum over the rows of each jet.

    Returns:
        (rows, channels) or (jets, channels)
    """
    share = norm.momentum
    ours = norm.training and norm.affine and norm.track_running_stats and "forward" not in norm.__dict__
    mixed = layer is not None and torch.is_autocast_enabled(values.device.type)
    if share is None or mixed or not (ours and compiles(values) and len(values) > 1):
        result = relu(norm(values if layer is None else layer(values)), inplace=True)
        return result if offsets is None else segment_sum(result, offsets)
    matrix, constant = (None, None) if layer is None else (layer.weight, layer.bias)
    result, mean, variance = cast(
        "tuple[Tensor, Tensor, Tensor]",
        _NormRelu.apply(values, matrix, constant, norm.weight, norm.bias, norm.eps, offsets),  # type: ignore[no-untyped-call]
    )
    with torch.no_grad():
        cast("Tensor", norm.num_batches_tracked).add_(1)
        cast("Tensor", norm.running_mean).lerp_(mean if constant is None else mean + constant, share)
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
    def forward(
        ctx: Any,
        values: Tensor,
        matrix: Tensor | None,
        constant: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        offsets: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Result, of each row or summed over those of each jet, mean and variance over the rows."""
        rows = values.detach().contiguous() if matrix is None else torch.mm(values, matrix.t())
        mean, variance = (np.empty(rows.shape[1]) for _ in range(2))
        _moments(rows.numpy(), mean, variance)
        inverse = 1 / np.sqrt(variance + eps)
        scale = weight.detach().numpy() * inverse
        shift = bias.detach().numpy() - mean * scale
        kind = rows.numpy().dtype
        line = scale.astype(kind), shift.astype(kind)
        if offsets is None:
            result, at = torch.empty_like(rows), np.arange(len(rows))
            _apply(rows.numpy(), *line, result.numpy())
        else:
            result, at = rows.new_empty(len(offsets) - 1, rows.shape[1]), segments(offsets).numpy()
            _apply_sum(rows.numpy(), *line, offsets.numpy(), result.numpy())
        ctx.save_for_backward(rows, *(() if matrix is None else (values, matrix)))
        ctx.fixed = mean.astype(kind), inverse.astype(kind), *line, at
        ctx.channels = None if constant is None else constant.shape
        statistics = tuple(torch.from_numpy(one.astype(kind)) for one in (mean, variance))
        ctx.mark_non_differentiable(*statistics)
        return result, *statistics  # type: ignore[return-value]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of values, matrix, constant (none: the norm takes it away), weight and bias."""
        rows, *layer = ctx.saved_tensors
        mean, inverse, scale, shift, at = ctx.fixed
        given = gradients[0].contiguous()
        of_bias, of_weight = (np.empty(rows.shape[1]) for _ in range(2))
        _sums(rows.numpy(), given.numpy(), at, scale, shift, mean, of_bias, of_weight)
        of_weight *= inverse
        slope = torch.empty_like(rows)
        kind, n = slope.numpy().dtype, len(rows)
        tilt = (inverse * of_weight / n).astype(kind)
        _pull(rows.numpy(), given.numpy(), at, scale, shift, mean, (of_bias / n).astype(kind), tilt, slope.numpy())
        of_norm = torch.from_numpy(of_weight.astype(kind)), torch.from_numpy(of_bias.astype(kind))
        of_constant = None if ctx.channels is None else slope.new_zeros(ctx.channels)
        if not layer:
            return slope, None, None, *of_norm, None, None
        values, matrix = layer
        of_values = torch.mm(slope, matrix) if ctx.needs_input_grad[0] else None
        # the product of this order is the faster one
        return of_values, torch.mm(values.t(), slope).t(), of_constant, *of_norm, None, None


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
def _apply_sum(
    rows: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any], offsets: NDArray[np.int64], out: NDArray[Any]
) -> None:
    zero = rows.dtype.type(0)
    for jet in range(len(out)):
        total = np.zeros(rows.shape[1], rows.dtype)
        for i in range(offsets[jet], offsets[jet + 1]):
            row = rows[i]
            for c in range(len(total)):
                total[c] += max(row[c] * scale[c] + shift[c], zero)
        out[jet] = total


@compiled
def _sums(
    rows: NDArray[Any],
    given: NDArray[Any],
    at: NDArray[np.int64],
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
            row, slope = rows[i], given[at[i]]
            for c in range(channels):
                seen = slope[c] if row[c] * scale[c] + shift[c] > zero else zero
                first[c] += seen
                second[c] += seen * (row[c] - mean[c])
        for c in range(channels):
            of_bias[c] += first[c]
            of_weight[c] += second[c]


@compiled
def _pull(
    rows: NDArray[Any],
    given: NDArray[Any],
    at: NDArray[np.int64],
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    level: NDArray[Any],
    tilt: NDArray[Any],
    out: NDArray[Any],
) -> None:
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        row, slope, result = rows[i], given[at[i]], out[i]
        for c in range(rows.shape[1]):
            seen = slope[c] if row[c] * scale[c] + shift[c] > zero else zero
            result[c] = scale[c] * (seen - level[c] - tilt[c] * (row[c] - mean[c]))

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
TOGETHER = 1024  # rows whose gradients stay in the cache between one product and the next
MEAN, INVERSE, SCALE, SHIFT = range(4)


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
    cast("Tensor", norm.num_batches_tracked).add_(1)
    return cast(
        "Tensor",
        _NormRelu.apply(values, matrix, constant, norm.weight, norm.bias, norm, offsets),  # type: ignore[no-untyped-call]
    )


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
        norm: nn.BatchNorm1d,
        offsets: Tensor | None,
    ) -> Tensor:
        """Result, of each row or summed over those of each jet; the norm's running means move on."""
        rows = values.detach().contiguous() if matrix is None else torch.mm(values, matrix.t())
        seen = rows.numpy()
        fixed = np.empty((4, seen.shape[1]), seen.dtype)
        running = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        means, variances = (one.detach().numpy() for one in running)
        start = np.zeros(len(means), means.dtype) if constant is None else constant.detach().numpy()
        given = weight.detach().numpy(), bias.detach().numpy()
        _fix(seen, *given, norm.eps, start, means, variances, cast(float, norm.momentum), fixed)
        if offsets is None:
            result, at = torch.empty_like(rows), np.arange(len(rows))
            _apply(seen, fixed[SCALE], fixed[SHIFT], result.numpy())
        else:
            result, at = rows.new_empty(len(offsets) - 1, rows.shape[1]), segments(offsets).numpy()
            _apply_sum(seen, fixed[SCALE], fixed[SHIFT], offsets.numpy(), result.numpy())
        ctx.save_for_backward(rows, *(() if matrix is None else (values, matrix)))
        ctx.fixed = fixed, at
        ctx.channels = None if constant is None else constant.shape
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of values, matrix, constant (none: the norm takes it away), weight and bias."""
        rows, *layer = ctx.saved_tensors
        fixed, at = ctx.fixed
        given, seen = gradients[0].contiguous().numpy(), rows.numpy()
        of_norm = rows.new_empty(2, rows.shape[1])
        tilt = np.empty((2, rows.shape[1]), seen.dtype)
        _sums(seen, given, at, fixed, of_norm.numpy(), tilt)
        of_constant = None if ctx.channels is None else rows.new_zeros(ctx.channels)
        if not layer:
            slope = torch.empty_like(rows)
            _pull(seen, given, at, fixed, tilt, slope.numpy())
            return slope, None, None, of_norm[0], of_norm[1], None, None
        values, matrix = layer
        of_values = torch.empty_like(values) if ctx.needs_input_grad[0] else None
        of_matrix = torch.zeros_like(matrix.t())  # transposed: the faster product
        room = rows.new_empty(min(len(rows), TOGETHER), rows.shape[1])
        for start in range(0, len(rows), TOGETHER):
            part = slice(start, min(start + TOGETHER, len(rows)))
            slope = room[: part.stop - start]
            _pull(seen[part], given, at[part], fixed, tilt, slope.numpy())
            of_matrix.addmm_(values[part].t(), slope)
            if of_values is not None:
                torch.mm(slope, matrix, out=of_values[part])
        return of_values, of_matrix.t(), of_constant, of_norm[0], of_norm[1], None, None


@compiled
def _fix(
    rows: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any],
    eps: float,
    start: NDArray[Any],
    means: NDArray[Any],
    variances: NDArray[Any],
    share: float,
    fixed: NDArray[Any],
) -> None:
    """Mean of each channel, the inverse of its deviation, scale and shift; the running means and variances move on."""
    n, channels = rows.shape
    one, two = np.zeros(channels), np.zeros(channels)
    first, second = np.empty(channels, rows.dtype), np.empty(channels, rows.dtype)
    for begin in range(0, n, BLOCK):
        first[:], second[:] = 0, 0
        for i in range(begin, min(begin + BLOCK, n)):
            for c in range(channels):
                gap = rows[i, c] - rows[0, c]
                first[c] += gap
                second[c] += gap * gap
        for c in range(channels):
            one[c] += first[c]
            two[c] += second[c]
    for c in range(channels):
        offset = one[c] / n
        mean = rows[0, c] + offset
        variance = max(two[c] / n - offset * offset, 0.0)
        inverse = 1 / np.sqrt(variance + eps)
        scale = weight[c] * inverse
        fixed[MEAN, c], fixed[INVERSE, c] = mean, inverse
        fixed[SCALE, c], fixed[SHIFT, c] = scale, bias[c] - mean * scale
        means[c] += share * (mean + start[c] - means[c])
        variances[c] += share * (variance * (n / (n - 1)) - variances[c])


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
    fixed: NDArray[Any],
    of_norm: NDArray[Any],
    tilt: NDArray[Any],
) -> None:
    """Gradients of the norm's weight and bias, and what the mean and the deviation take of the slope."""
    n, channels = rows.shape
    zero = rows.dtype.type(0)
    mean, inverse, scale, shift = fixed[MEAN], fixed[INVERSE], fixed[SCALE], fixed[SHIFT]
    of_weight, of_bias = np.zeros(channels), np.zeros(channels)
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
    for c in range(channels):
        of_norm[0, c], of_norm[1, c] = of_weight[c] * inverse[c], of_bias[c]
        tilt[0, c], tilt[1, c] = of_bias[c] / n, inverse[c] * inverse[c] * of_weight[c] / n


@compiled
def _pull(
    rows: NDArray[Any],
    given: NDArray[Any],
    at: NDArray[np.int64],
    fixed: NDArray[Any],
    tilt: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """The gradient of the rows in front of the norm."""
    zero = rows.dtype.type(0)
    mean, scale, shift = fixed[MEAN], fixed[SCALE], fixed[SHIFT]
    level, lean = tilt[0], tilt[1]
    for i in range(rows.shape[0]):
        row, slope, result = rows[i], given[at[i]], out[i]
        for c in range(rows.shape[1]):
            seen = slope[c] if row[c] * scale[c] + shift[c] > zero else zero
            result[c] = scale[c] * (seen - level[c] - lean[c] * (row[c] - mean[c]))

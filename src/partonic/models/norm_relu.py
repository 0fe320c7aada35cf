"""Batch norm or bias, then ReLU, in fewer passes over the values than torch takes; the same functions."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import relu

from partonic.models.set_pass import Array, Layer, lift, norm_back, norm_forth
from partonic.represent.neighbours import compiles
from partonic.represent.segments import covers, segment_sum


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
    if not _ours(norm, values, layer) or not (offsets is None or covers(offsets, len(values))):
        result = relu(norm(values if layer is None else layer(values)), inplace=True)
        return result if offsets is None else segment_sum(result, offsets)
    matrix, constant = (None, None) if layer is None else (layer.weight, layer.bias)
    cast("Tensor", norm.num_batches_tracked).add_(1)
    return cast(
        "Tensor",
        _NormRelu.apply(values, matrix, constant, norm.weight, norm.bias, norm, offsets),  # type: ignore[no-untyped-call]
    )


def _ours(norm: nn.BatchNorm1d, values: Tensor, layer: nn.Linear | None) -> bool:
    """Whether the compiled pass can take them; where they do not fit torch says what is wrong."""
    usual = norm.affine and norm.track_running_stats and norm.momentum is not None and "forward" not in norm.__dict__
    if not (norm.training and usual and compiles(values) and values.ndim == 2 and len(values) > 1):
        return False
    if layer is None:
        return norm.num_features == values.shape[1]
    fits = layer.in_features == values.shape[1] and layer.out_features == norm.num_features
    return fits and layer.weight.dtype == values.dtype and not torch.is_autocast_enabled(values.device.type)


def bias_relu_(values: Tensor, bias: Tensor) -> Tensor:
    """ReLU of values (rows, channels) plus a bias (channels,), in their place; without gradients where compiled."""
    if not compiles(values) or torch.is_grad_enabled():
        return relu(values + bias, inplace=True)
    lift(values.numpy(), bias.numpy())
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
        values = values.contiguous()
        layer = [] if matrix is None else [values, matrix.contiguous()]
        rows = values if matrix is None else values.new_empty(len(values), len(matrix))
        result = rows.new_empty(len(rows) if offsets is None else len(offsets) - 1, rows.shape[1])
        fixed = rows.new_empty(4, rows.shape[1])
        running = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        norm_forth(
            *_arrays(rows, offsets, layer),
            (weight.numpy(), bias.numpy(), running[0].numpy(), running[1].numpy()),
            norm.eps,
            cast(float, norm.momentum),
            None if constant is None else constant.numpy(),
            fixed.numpy(),
            result.numpy(),
        )
        ctx.save_for_backward(rows, offsets, fixed, *layer)
        ctx.channels = None if constant is None else constant.shape
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of values, matrix, constant (none: the norm takes it away), weight and bias."""
        rows, offsets, fixed, *layer = ctx.saved_tensors
        of_norm = rows.new_empty(2, rows.shape[1])
        of_constant = None if ctx.channels is None else rows.new_zeros(ctx.channels)
        of_values = torch.empty_like(layer[0] if layer else rows)
        of_matrix = rows.new_zeros(layer[1].shape[::-1]) if layer else None
        norm_back(
            *_arrays(rows, offsets, layer),
            gradients[0].contiguous().numpy(),
            fixed.numpy(),
            of_norm.numpy(),
            of_values.numpy(),
            None if of_matrix is None else of_matrix.numpy(),
        )
        turned = None if of_matrix is None else of_matrix.t()
        return of_values, turned, of_constant, of_norm[0], of_norm[1], None, None


def _arrays(rows: Tensor, offsets: Tensor | None, layer: list[Tensor]) -> tuple[Layer, Array, Array | None]:
    """What both compiled passes take: values and matrix of a layer, rows, where jets begin."""
    given = (layer[0].numpy(), layer[1].numpy()) if layer else None
    return given, rows.numpy(), None if offsets is None else offsets.numpy()

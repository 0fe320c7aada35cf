"""The sum over the particles of a jet of a network of each particle, in blocks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from partonic.models.folding import LinearNorm
from partonic.models.set_pass import BLOCK, Array, Arrays, slopes_through, sum_through
from partonic.represent.neighbours import compiles
from partonic.represent.segments import covers, segment_sum


def summed(network: nn.Sequential, values: Tensor, offsets: Tensor, share: Tensor | None = None) -> Tensor:
    r"""The sum :math:`\sum_i z_i \Phi(p_i)` over the particles of each jet.

    Linear layers each followed by a ReLU take one compiled pass on a processor, without an array of the last and widest
    layer; any other network takes torch's own.

    Args:
        network: of a particle.
        values: what it sees, (particles, features).
        offsets: where jets begin and the last one ends, (jets + 1,).
        share: weights of the particles, (particles,); ones if None.

    Returns:
        (jets, width)
    """
    if not (compiles(values) and len(values) and _whole(values, offsets, share) and _plain(network, values)):
        *first, linear, relu = network
        if share is None and isinstance(linear, LinearNorm) and type(relu) is nn.ReLU:
            return linear.activated(_through(first, values), offsets)
        seen = _through(network, values)
        return segment_sum(seen if share is None else share[:, None] * seen, offsets)
    layers = cast("list[nn.Linear | LinearNorm]", list(network)[::2])
    weights: list[Tensor] = []
    for layer in layers:
        weights += layer.fixed() if isinstance(layer, LinearNorm) else (layer.weight, layer.bias)
    if not torch.is_grad_enabled():
        return _forth(values.contiguous(), offsets, share, [one.contiguous() for one in weights], False)[0]
    return cast(Tensor, _Summed.apply(values, offsets, share, *weights))  # type: ignore[no-untyped-call]


def _whole(values: Tensor, offsets: Tensor, share: Tensor | None) -> bool:
    """Whether all jets and weights are there, the latter without a gradient."""
    weighted = share is None or (share.shape == values.shape[:1] and not share.requires_grad)
    return weighted and covers(offsets, len(values))


def _plain(network: nn.Sequential, values: Tensor) -> bool:
    """Whether all layers are linear ones that fit, with a bias and a ReLU behind each."""
    layers, relus = list(network)[::2], list(network)[1::2]
    if (
        values.ndim != 2
        or not values.shape[1]
        or len(layers) != len(relus)
        or any(type(layer) is not nn.ReLU for layer in relus)
    ):
        return False
    width = values.shape[1]
    for layer in layers:
        folds = isinstance(layer, LinearNorm) and not layer.norm.training
        linear = layer.layer if folds else layer
        if type(linear) is not nn.Linear or not (folds or linear.bias is not None):
            return False
        if linear.in_features != width or linear.weight.dtype != values.dtype:
            return False  # torch says what is wrong
        width = linear.out_features
    return True


def _through(network: Iterable[nn.Module], values: Tensor) -> Tensor:
    layers = list(network)
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, LinearNorm) and layers and type(layers[0]) is nn.ReLU:
            layers.pop(0)
            values = layer.activated(values)
        else:
            values = layer(values)
    return values


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, offsets: Tensor, share: Tensor | None, *weights: Tensor) -> Tensor:
        """Sums of the last layer; what the layers give stays for the gradients."""
        wanted = any(ctx.needs_input_grad)
        values, layers = values.contiguous(), [one.contiguous() for one in weights]
        out, hidden = _forth(values, offsets, share, layers, wanted)
        if wanted:
            ctx.save_for_backward(values, offsets, share, *layers, *hidden)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the values and of the layers."""
        values, offsets, share, *kept = ctx.saved_tensors
        layers = len(kept) // 3
        weights, hidden = kept[: 2 * layers], kept[2 * layers :]
        of_matrix = [matrix.new_zeros(matrix.shape[::-1]) for matrix in weights[::2]]
        of_bias = [torch.zeros_like(bias) for bias in weights[1::2]]
        of_values = torch.empty_like(values) if ctx.needs_input_grad[0] else None
        slopes_through(
            *_arrays(values, offsets, share, weights, hidden),
            gradients[0].contiguous().numpy(),
            tuple(one.numpy() for one in of_matrix),
            tuple(one.numpy() for one in of_bias),
            None if of_values is None else of_values.numpy(),
        )
        of_weights = [tensor for matrix, bias in zip(of_matrix, of_bias, strict=True) for tensor in (matrix.t(), bias)]
        return of_values, None, None, *of_weights


def _forth(
    values: Tensor, offsets: Tensor, share: Tensor | None, weights: Sequence[Tensor], wanted: bool
) -> tuple[Tensor, list[Tensor]]:
    """Sums, (jets, width), and what the layers give, of all particles where gradients are wanted."""
    rows = len(values) if wanted else min(len(values), BLOCK)
    hidden = [values.new_empty(rows, len(bias)) for bias in weights[1::2]]
    out = values.new_empty(len(offsets) - 1, len(weights[-1]))
    sum_through(*_arrays(values, offsets, share, weights, hidden), out.numpy())
    return out, hidden


def _arrays(
    values: Tensor, offsets: Tensor, share: Tensor | None, weights: Sequence[Tensor], hidden: Sequence[Tensor]
) -> tuple[Array, Array, Array | None, Arrays, Arrays, Arrays]:
    """What both compiled passes take: of the particles, of the layers (matrices, biases) and what these give."""
    shares = None if share is None else share.contiguous().numpy()
    matrices, biases, given = (tuple(one.numpy() for one in some) for some in (weights[::2], weights[1::2], hidden))
    return values.numpy(), offsets.numpy(), shares, matrices, biases, given

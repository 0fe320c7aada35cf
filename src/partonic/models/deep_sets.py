"""The sum over the particles of a jet of a network of each particle, in blocks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from partonic.core.compiled import compiled
from partonic.models.folding import LinearNorm
from partonic.models.norm_relu import bias_relu_
from partonic.represent.neighbours import compiles
from partonic.represent.segments import segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1024  # particles whose hidden layers stay in the cache
ADDED = 8  # at most so many particles are added in the precision of the values before they go into double precision


def summed(network: nn.Sequential, values: Tensor, offsets: Tensor, share: Tensor | None = None) -> Tensor:
    r"""The sum :math:`\sum_i z_i \Phi(p_i)` over the particles of each jet.

    Linear layers each followed by a ReLU take one compiled pass on a processor, without an array of the last and widest
    layer; any other network takes torch's own.

    Args:
        network: of a particle.
        values: what it sees, (particles, features).
        offsets: where jets begin and the last one ends, (jets + 1,).
        share: weights of the particles without a gradient, (particles,); ones if None.

    Returns:
        (jets, width)
    """
    if not (compiles(values) and len(values) and _plain(network)):
        *first, linear, relu = network
        if share is None and isinstance(linear, LinearNorm) and type(relu) is nn.ReLU:
            return linear.activated(_through(first, values), offsets)
        seen = _through(network, values)
        return segment_sum(seen if share is None else share[:, None] * seen, offsets)
    layers = list(network)[::2]
    weights = [
        tensor
        for layer in layers
        for tensor in (layer.fixed() if isinstance(layer, LinearNorm) else (layer.weight, layer.bias))
    ]
    return cast(Tensor, _Summed.apply(values, offsets, share, *weights))  # type: ignore[no-untyped-call]


def _plain(network: nn.Sequential) -> bool:
    layers, relus = list(network)[::2], list(network)[1::2]
    linear = all(type(layer) is nn.Linear or (isinstance(layer, LinearNorm) and not layer.training) for layer in layers)
    return linear and len(layers) == len(relus) and all(type(layer) is nn.ReLU for layer in relus)


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
        matrices, biases = weights[::2], weights[1::2]
        n = len(values)
        wanted = any(ctx.needs_input_grad)
        hidden = [values.new_empty(n if wanted else min(n, BLOCK), len(bias)) for bias in biases]
        out = np.zeros((len(offsets) - 1, len(biases[-1])))
        ends, shares = offsets.numpy(), None if share is None else share.numpy()
        for start in range(0, n, BLOCK):
            end = min(start + BLOCK, n)
            seen = values[start:end]
            for matrix, bias, kept in zip(matrices, biases, hidden, strict=True):
                part = kept[start:end] if wanted else kept[: end - start]
                torch.mm(seen, matrix.t(), out=part)
                if bias is not biases[-1]:
                    bias_relu_(part, bias)
                seen = part
            _collect(seen.numpy(), biases[-1].numpy(), ends, start, shares, out)
        if wanted:
            ctx.save_for_backward(values, offsets, share, *weights, *hidden)
        return torch.from_numpy(out.astype(values.numpy().dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the values and of the layers, block by block from the last layer to the first."""
        values, offsets, share, *kept = ctx.saved_tensors
        ends, shares = offsets.numpy(), None if share is None else share.numpy()
        layers = len(kept) // 3
        matrices, biases, hidden = kept[: 2 * layers : 2], kept[1 : 2 * layers : 2], kept[2 * layers :]
        given = gradients[0].contiguous().numpy()
        of_matrix = [torch.zeros_like(matrix.t()) for matrix in matrices]  # transposed: the faster product
        of_bias = [torch.zeros_like(bias) for bias in biases]
        of_values = torch.empty_like(values) if ctx.needs_input_grad[0] else None
        room = [values.new_empty(min(len(values), BLOCK), len(bias)) for bias in biases]
        for start in range(0, len(values), BLOCK):
            end = min(start + BLOCK, len(values))
            slope = room[-1][: end - start]
            _spread(
                hidden[-1][start:end].numpy(),
                biases[-1].numpy(),
                ends,
                start,
                shares,
                given,
                slope.numpy(),
                of_bias[-1].numpy(),
            )
            for layer, earlier in pairwise(range(layers - 1, -1, -1)):
                below = hidden[earlier][start:end]
                of_matrix[layer].addmm_(below.t(), slope)
                slope = torch.mm(slope, matrices[layer], out=room[earlier][: end - start])
                _gate(below.numpy(), slope.numpy(), of_bias[earlier].numpy())
            of_matrix[0].addmm_(values[start:end].t(), slope)
            if of_values is not None:
                torch.mm(slope, matrices[0], out=of_values[start:end])
        of_weights = [tensor for matrix, bias in zip(of_matrix, of_bias, strict=True) for tensor in (matrix.t(), bias)]
        return of_values, None, None, *of_weights


@compiled
def _collect(
    rows: NDArray[Any],
    bias: NDArray[Any],
    ends: NDArray[np.int64],
    first: int,
    shares: NDArray[Any] | None,
    out: NDArray[np.float64],
) -> None:
    """Add a block of particles, the first of them of that number, to the sums of their jets."""
    zero, one = rows.dtype.type(0), rows.dtype.type(1)
    jet = np.searchsorted(ends, first, side="right") - 1
    total = np.empty(rows.shape[1], rows.dtype)
    start = 0
    while start < len(rows):
        while ends[jet + 1] <= first + start:
            jet += 1
        total[:] = 0
        end = min(start + ADDED, len(rows), ends[jet + 1] - first)
        for i in range(start, end):
            row, share = rows[i], one if shares is None else shares[first + i]
            for c in range(len(total)):
                total[c] += share * max(row[c] + bias[c], zero)
        sums = out[jet]
        for c in range(len(total)):
            sums[c] += total[c]
        start = end


@compiled
def _spread(
    rows: NDArray[Any],
    bias: NDArray[Any],
    ends: NDArray[np.int64],
    first: int,
    shares: NDArray[Any] | None,
    given: NDArray[Any],
    out: NDArray[Any],
    of_bias: NDArray[Any],
) -> None:
    """Gradients of a block of particles from those of their jets."""
    zero, one = rows.dtype.type(0), rows.dtype.type(1)
    jet = np.searchsorted(ends, first, side="right") - 1
    total = np.zeros(rows.shape[1], rows.dtype)
    for i in range(rows.shape[0]):
        while ends[jet + 1] <= first + i:
            jet += 1
        share = one if shares is None else shares[first + i]
        for c in range(rows.shape[1]):
            out[i, c] = share * given[jet, c] if rows[i, c] + bias[c] > zero else zero
            total[c] += out[i, c]
    of_bias += total


@compiled
def _gate(rows: NDArray[Any], slope: NDArray[Any], of_bias: NDArray[Any]) -> None:
    zero = rows.dtype.type(0)
    total = np.zeros(rows.shape[1], rows.dtype)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            slope[i, c] = slope[i, c] if rows[i, c] > zero else zero
            total[c] += slope[i, c]
    of_bias += total

"""A PELICAN of few channels, jet by jet: the matrices of one jet go through all layers while they are in the cache.

The matrices of a whole batch do not fit into one, and torch takes some sixty passes over them. On the way back those of
a jet are made once more, so that nothing is kept between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from partonic.core.compiled import compiled
from partonic.represent.neighbours import compiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WIDEST = 16  # channels beyond which torch's matrix products are faster
SLOPE = 0.01  # of the leaky ReLU
# The 15 maps by what they are made of and where they end; the first two are the matrix and its transpose.
ROWS, COLUMNS, LOOPS = (3, 7, 9), (4, 8, 10), (2, 5, 6)  # of the diagonal, the columns' means, the rows' means
ALL_ROWS, ALL_LOOPS = (11, 13), (12, 14)  # of the means of the diagonal and of all
Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


def in_one_pass(matrix: Tensor, channels: int, dropout: float) -> bool:
    """Whether :func:`totals` pays and can be: few channels, single precision on a processor, nothing dropped."""
    usual = compiles(matrix) and matrix.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return usual and channels <= WIDEST and not dropout


def totals(matrix: Tensor, offsets: Tensor, enter: Tensor, blocks: Sequence[Tensor], eps: float) -> Tensor:
    """Sums over each jet's matrix, and over its diagonal, behind all blocks, (jets, 2 C).

    Args:
        matrix: (edges, inputs), jet by jet and row by row.
        offsets: (jets + 1,) where the particles of each jet begin.
        enter: (15, C, inputs) weights of the first mixture of maps.
        blocks: of all blocks together the weights (B, C, C) and biases (B, C) of the layer, the gains (B, C) of the
            norm, and the weights (B, 15, C, C) of the mixture.
        eps: of the norm.
    """
    return cast("Tensor", _Totals.apply(matrix, offsets, eps, enter, *blocks))  # type: ignore[no-untyped-call]


class _Totals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, offsets: Tensor, eps: float, *weights: Tensor) -> Tensor:
        """Sums over matrices and diagonals."""
        given, *layers = (values.detach().contiguous().numpy() for values in (matrix, *weights))
        ends, least, whole = offsets.numpy(), given.dtype.type(eps), tuple(layers)
        ctx.given = given, ends, least, whole
        out = np.zeros((len(ends) - 1, 2 * layers[0].shape[1]), given.dtype)
        _forward(given, ends, least, whole, _room(ends, layers), out)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the matrix and of all weights."""
        given, offsets, eps, layers = ctx.given
        back, drawn = tuple(np.zeros_like(layer) for layer in layers), np.empty_like(given)
        out = gradients[0].contiguous().numpy()
        _backward(given, offsets, eps, layers, _room(offsets, layers), out, back, drawn)
        return torch.from_numpy(drawn), None, None, *map(torch.from_numpy, back)


def _room(offsets: NDArray[np.int64], layers: Sequence[Array]) -> Arrays:
    """Room for the matrices of the longest jet, and for the sums along them."""
    _, channels, inputs = layers[0].shape
    longest, kind = int(np.diff(offsets).max(initial=0)), layers[0].dtype
    blocks, widest = len(layers[1]), max(channels, inputs)
    kept = inputs + blocks * (3 * channels + 1) + channels + 3 * widest + 1
    return np.empty(kept * longest**2, kind), np.empty((blocks + 1) * widest * 9 * longest, kind)


@compiled
def _mix(weight: Array, given: Array, n: int, turned: Array, sums: Array, out: Array) -> None:
    """The mixture of the 15 maps of the matrices (inputs, n n), into (C, n n); ``sums`` stay for the way back."""
    kind, inputs, channels = given.dtype.type, len(given), len(out)
    zero, share = kind(0), kind(1) / kind(n)
    for c in range(inputs):
        diagonal, columns, rows = sums[c, 0], sums[c, 1], sums[c, 2]
        columns[:] = zero
        for i in range(n):
            row = zero
            for j in range(n):
                row += given[c, i * n + j]
                columns[j] += given[c, i * n + j]
            rows[i], diagonal[i] = row, given[c, i * n + i]
        for i in range(n):
            rows[i] *= share
            columns[i] *= share
    one, two, three = sums[0, 3], sums[0, 4], sums[0, 5]
    for o in range(channels):
        level = fall = zero
        one[:], two[:], three[:] = zero, zero, zero
        for c in range(inputs):
            mean = total = zero
            for i in range(n):
                mean += sums[c, 0, i]
                total += sums[c, 2, i]
            mean, total = mean * share * share, total * share
            level += weight[11, o, c] * mean + weight[13, o, c] * total
            fall += weight[12, o, c] * mean + weight[14, o, c] * total
            for i in range(n):
                a, b, d = sums[c, 0, i], sums[c, 1, i], sums[c, 2, i]
                one[i] += weight[3, o, c] * a + weight[7, o, c] * b + weight[9, o, c] * d
                two[i] += weight[4, o, c] * a + weight[8, o, c] * b + weight[10, o, c] * d
                three[i] += weight[2, o, c] * a + weight[5, o, c] * b + weight[6, o, c] * d
        turned[:] = zero
        for c in range(inputs):
            factor = weight[1, o, c]
            for k in range(n * n):
                turned[k] += factor * given[c, k]
        for i in range(n):
            base = one[i] + level
            for j in range(n):
                out[o, i * n + j] = base + two[j] + turned[j * n + i]
            out[o, i * n + i] += three[i] + fall
        for c in range(inputs):
            factor = weight[0, o, c]
            for k in range(n * n):
                out[o, k] += factor * given[c, k]


@compiled
def _unmix(
    weight: Array, given: Array, n: int, turned: Array, sums: Array, drawn: Array, back: Array, out: Array
) -> None:
    """From the gradients (C, n n) of a mixture to those of its weights (added) and of its matrices (inputs, n n)."""
    kind, inputs, channels = given.dtype.type, len(given), len(drawn)
    zero, share = kind(0), kind(1) / kind(n)
    one, two, three = sums[0, 3], sums[0, 4], sums[0, 5]
    out[:] = zero
    sums[:inputs, 6:] = zero
    for o in range(channels):
        two[:] = zero
        level = fall = zero
        for i in range(n):
            row = zero
            for j in range(n):
                row += drawn[o, i * n + j]
                two[j] += drawn[o, i * n + j]
                turned[i * n + j] = drawn[o, j * n + i]
            one[i], three[i] = row, drawn[o, i * n + i]
            level += row
            fall += three[i]
        for c in range(inputs):
            mean = total = own = other = zero
            for i in range(n):
                mean += sums[c, 0, i]
                total += sums[c, 2, i]
            mean, total = mean * share * share, total * share
            back[11, o, c] += level * mean
            back[13, o, c] += level * total
            back[12, o, c] += fall * mean
            back[14, o, c] += fall * total
            for m in range(3):
                first = second = third = zero
                for i in range(n):
                    first += one[i] * sums[c, m, i]
                    second += two[i] * sums[c, m, i]
                    third += three[i] * sums[c, m, i]
                back[ROWS[m], o, c] += first
                back[COLUMNS[m], o, c] += second
                back[LOOPS[m], o, c] += third
            straight, across = weight[0, o, c], weight[1, o, c]
            for k in range(n * n):
                own += drawn[o, k] * given[c, k]
                other += turned[k] * given[c, k]
                out[c, k] += straight * drawn[o, k] + across * turned[k]
            back[0, o, c] += own
            back[1, o, c] += other
            mean = (weight[11, o, c] * level + weight[12, o, c] * fall) * share * share
            total = (weight[13, o, c] * level + weight[14, o, c] * fall) * share * share
            for i in range(n):
                a, b, d = one[i], two[i], three[i]
                sums[c, 6, i] += mean + weight[3, o, c] * a + weight[4, o, c] * b + weight[2, o, c] * d
                sums[c, 7, i] += share * (weight[7, o, c] * a + weight[8, o, c] * b + weight[5, o, c] * d)
                sums[c, 8, i] += total + share * (weight[9, o, c] * a + weight[10, o, c] * b + weight[6, o, c] * d)
    for c in range(inputs):
        for i in range(n):
            for j in range(n):
                out[c, i * n + j] += sums[c, 8, i] + sums[c, 7, j]
            out[c, i * n + i] += sums[c, 6, i]


@compiled
def _matrices(room: Arrays, shape: tuple[int, int, int], n: int) -> tuple[Array, Array, Array, Array, Array]:
    """Of one jet the matrices that enter, those of each block, those that leave, room for others, sums along them.

    Those of a block are its inputs, what its layer makes of them, what its norm makes of that, and the norm's factor.
    """
    inputs, channels, blocks = shape
    widest, square = max(inputs, channels), n * n
    enter = room[0][: inputs * square].reshape(inputs, square)
    at = inputs * square
    inner = room[0][at : at + blocks * (3 * channels + 1) * square].reshape(blocks, 3 * channels + 1, square)
    at += blocks * (3 * channels + 1) * square
    leave = room[0][at : at + channels * square].reshape(channels, square)
    at += channels * square
    other = room[0][at : at + (3 * widest + 1) * square].reshape(3 * widest + 1, square)
    return enter, inner, leave, other, room[1][: (blocks + 1) * widest * 9 * n].reshape(blocks + 1, widest, 9, n)


@compiled
def _through(layers: Arrays, eps: float, n: int, matrices: Arrays, sums: Array) -> None:
    """The matrices of one jet through all layers, everything kept for the way back."""
    weights, weight, bias, gain, mixed = layers
    enter, inner, leave, other = matrices
    kind, channels, blocks = enter.dtype.type, len(leave), len(weight)
    zero, slope = kind(0), kind(SLOPE)
    _mix(weights, enter, n, other[0], sums[0], inner[0, :channels])
    for b in range(blocks):
        given, hidden = inner[b, :channels], inner[b, channels : 2 * channels]
        normal, factor = inner[b, 2 * channels : 3 * channels], inner[b, 3 * channels]
        factor[:] = eps
        for o in range(channels):
            hidden[o] = bias[b, o]
            for c in range(channels):
                share = weight[b, o, c]
                for k in range(n * n):
                    hidden[o, k] += share * given[c, k]
            for k in range(n * n):
                value = hidden[o, k]
                value = value if value > zero else slope * value
                hidden[o, k] = value
                factor[k] += value * value / kind(channels)
        for k in range(n * n):
            factor[k] = kind(1) / np.sqrt(factor[k])
        for o in range(channels):
            for k in range(n * n):
                normal[o, k] = gain[b, o] * hidden[o, k] * factor[k]
        out = inner[b + 1, :channels] if b + 1 < blocks else leave
        _mix(mixed[b], normal, n, other[0], sums[b + 1], out)
        for o in range(channels):
            for k in range(n * n):
                out[o, k] = out[o, k] if out[o, k] > zero else slope * out[o, k]


@compiled
def _made(edges: Array, n: int, eps: float, layers: Arrays, room: Arrays) -> tuple[Array, Array, Array, Array, Array]:
    """All matrices of one jet and the sums along them, from its edges (n n, inputs)."""
    shape = layers[0].shape[2], layers[0].shape[1], len(layers[1])
    enter, inner, leave, other, sums = _matrices(room, shape, n)
    for k in range(enter.shape[1]):
        for c in range(len(enter)):
            enter[c, k] = edges[k, c]
    _through(layers, eps, n, (enter, inner, leave, other), sums)
    return enter, inner, leave, other, sums


@compiled
def _forward(matrix: Array, offsets: NDArray[np.int64], eps: float, layers: Arrays, room: Arrays, out: Array) -> None:
    channels, edge = layers[0].shape[1], 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        if n == 0:
            continue
        leave = _made(matrix[edge : edge + n * n], n, eps, layers, room)[2]
        for c in range(channels):
            for i in range(n):
                row = matrix.dtype.type(0)  # row by row: one sum over thousands of numbers loses digits
                for j in range(n):
                    row += leave[c, i * n + j]
                out[jet, c] += row
                out[jet, channels + c] += leave[c, i * n + i]
        edge += n * n


@compiled
def _back_through(layers: Arrays, n: int, matrices: Arrays, sums: Array, back: Arrays) -> None:
    """From the gradients of the matrices that leave a jet, in ``other``, to those of the ones that enter."""
    weights, weight, _, gain, mixed = layers
    enter, inner, leave, other = matrices
    kind, channels, blocks, inputs = enter.dtype.type, len(leave), len(weight), len(enter)
    zero, slope, widest = kind(0), kind(SLOPE), max(len(leave), len(enter))
    drawn, wanted, turned = other[:channels], other[widest : widest + channels], other[2 * widest]
    for b in range(blocks - 1, -1, -1):
        given, hidden = inner[b, :channels], inner[b, channels : 2 * channels]
        normal, factor = inner[b, 2 * channels : 3 * channels], inner[b, 3 * channels]
        after = inner[b + 1, :channels] if b + 1 < blocks else leave
        for o in range(channels):
            for k in range(n * n):
                drawn[o, k] = drawn[o, k] if after[o, k] > zero else slope * drawn[o, k]
        _unmix(mixed[b], normal, n, turned, sums[b + 1], drawn, back[4][b], wanted)
        turned[:] = zero
        for o in range(channels):
            slant = zero
            for k in range(n * n):
                slant += wanted[o, k] * hidden[o, k] * factor[k]
                turned[k] += wanted[o, k] * gain[b, o] * hidden[o, k]
            back[3][b, o] += slant
        for k in range(n * n):
            turned[k] *= factor[k] * factor[k] * factor[k] / kind(channels)
        drawn[:] = zero
        for o in range(channels):
            level = zero
            for k in range(n * n):
                value = gain[b, o] * factor[k] * wanted[o, k] - turned[k] * hidden[o, k]
                value = value if hidden[o, k] > zero else slope * value
                level += value
                wanted[o, k] = value
            back[2][b, o] += level
            for c in range(channels):
                tilt, share = zero, weight[b, o, c]
                for k in range(n * n):
                    tilt += wanted[o, k] * given[c, k]
                    drawn[c, k] += share * wanted[o, k]
                back[1][b, o, c] += tilt
    for o in range(channels):
        wanted[o] = drawn[o]
    _unmix(weights, enter, n, turned, sums[0], wanted, back[0], other[:inputs])


@compiled
def _backward(
    matrix: Array,
    offsets: NDArray[np.int64],
    eps: float,
    layers: Arrays,
    room: Arrays,
    given: Array,
    back: Arrays,
    out: Array,
) -> None:
    channels, edge = layers[0].shape[1], 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        if n == 0:
            continue
        enter, inner, leave, other, sums = _made(matrix[edge : edge + n * n], n, eps, layers, room)
        for c in range(channels):
            other[c] = given[jet, c]
            for i in range(n):
                other[c, i * n + i] += given[jet, channels + c]
        _back_through(layers, n, (enter, inner, leave, other), sums, back)
        for k in range(n * n):
            for c in range(len(enter)):
                out[edge + k, c] = other[c, k]
        edge += n * n

"""A PELICAN of few channels, jet by jet: the matrices of one jet go through a layer while they are in the cache.

The matrices of a whole batch do not fit into one, and torch takes some sixty passes over them; here are four a block
in training, between which the batch norm waits for the mean and variance of all jets, and one in evaluation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from partonic.core.compiled import compiled
from partonic.represent.neighbours import compiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WIDEST = 16  # channels beyond which torch's matrix products are faster
AT_ONCE = 32  # jets whose matrices are made together where nothing is kept for a way back
SLOPE = 0.01  # of the leaky ReLU
# The 15 maps by what they are made of and where they end; the first two are the matrix and its transpose.
ROWS, COLUMNS, LOOPS = (3, 7, 9), (4, 8, 10), (2, 5, 6)  # of the diagonal, the columns' means, the rows' means
Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


def in_one_pass(matrix: Tensor, channels: int, dropout: float, norms: Sequence[nn.Module]) -> bool:
    """Whether :func:`totals` pays and can be: few channels, single precision on a processor, nothing dropped.

    The norms are to be batch norms in the same mode, of one process and with running means.
    """
    usual = compiles(matrix) and matrix.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return (
        usual
        and channels <= WIDEST
        and not dropout
        and len({norm.training for norm in norms}) == 1
        and all(
            isinstance(norm, nn.BatchNorm1d) and norm.momentum is not None and "forward" not in norm.__dict__
            for norm in norms
        )
    )


def totals(
    matrix: Tensor,
    offsets: Tensor,
    enter: Tensor,
    layers: Sequence[nn.Linear],
    norms: Sequence[nn.BatchNorm1d],
    mixtures: Sequence[Tensor],
) -> Tensor:
    """Sums over each jet's matrix, and over its diagonal, behind all blocks, (jets, 2 C).

    Args:
        matrix: (edges, inputs), jet by jet and row by row.
        offsets: (jets + 1,) where the particles of each jet begin.
        enter: (15, C, inputs) weights of the first mixture of maps.
        layers: of each block, C to C.
        norms: of each block, behind the leaky ReLU of its layer; in training or evaluation.
        mixtures: of each block, (15, C, C) weights.
    """
    training, known = norms[0].training, None
    if not training:
        known = tuple(torch.stack([getattr(norm, of) for norm in norms]) for of in ("running_mean", "running_var"))
    pairs = [(one.weight, one.bias) for one in layers], [(norm.weight, norm.bias) for norm in norms]
    weights = [torch.stack(one) for both in pairs for one in zip(*both, strict=True)] + [torch.stack(list(mixtures))]
    jets = len(offsets) - 1
    step = max(jets, 1) if training or torch.is_grad_enabled() else AT_ONCE
    ends = [0, *((offsets[1:] - offsets[:-1]) ** 2).cumsum(0).tolist()]
    parts: list[Any] = [
        _Totals.apply(matrix[ends[a] : ends[b]], offsets[a : b + 1], norms[0].eps, known, enter, *weights)  # type: ignore[no-untyped-call]
        for a, b in pairwise([*range(0, max(jets, 1), step), jets])
    ]
    out, mean, variance = parts[0] if len(parts) == 1 else (torch.cat([part[0] for part in parts]), (), ())
    if training:
        spread = len(matrix) / max(len(matrix) - 1, 1)
        with torch.no_grad():
            for norm, one, two in zip(norms, mean, variance, strict=True):
                cast("Tensor", norm.num_batches_tracked).add_(1)
                cast("Tensor", norm.running_mean).lerp_(one, cast("float", norm.momentum))
                cast("Tensor", norm.running_var).lerp_(two * spread, cast("float", norm.momentum))
    return cast("Tensor", out)


class _Totals(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, matrix: Tensor, offsets: Tensor, eps: float, known: tuple[Tensor, Tensor] | None, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over matrices and diagonals; mean and variance (blocks, C) of what enters the norms."""
        given, enter, weight, bias, gain, shift, mixed = (
            one.detach().contiguous().numpy() for one in (matrix, *weights)
        )
        ends, channels = offsets.numpy(), enter.shape[1]
        room = _room(ends, max(enter.shape[1:]))
        kept = np.empty((len(weight) + 1, len(given) * channels), given.dtype)
        moments = np.zeros((2, *bias.shape)) if known is None else np.stack([one.numpy() for one in known])
        lines = np.empty((2, *bias.shape), given.dtype)
        _enter(given, ends, enter, room, kept[0])
        for b in range(len(weight)):
            layer = weight[b], bias[b]
            if known is None:
                _moments(kept[b], ends, layer, room, moments[:, b])
            lines[0, b] = gain[b] / np.sqrt(moments[1, b] + eps)
            lines[1, b] = shift[b] - moments[0, b] * lines[0, b]
            _block(kept[b], ends, layer, lines[:, b], mixed[b], room, kept[b + 1])
        out = np.zeros((len(ends) - 1, 2 * channels), given.dtype)
        _sum_up(kept[-1], ends, out)
        ctx.given = given, ends, kept, moments, lines, room, (enter, weight, bias, mixed)
        ctx.eps, ctx.training = eps, known is None
        statistics = [torch.from_numpy(one.astype(given.dtype)) for one in moments]
        ctx.mark_non_differentiable(*statistics)
        return torch.from_numpy(out), statistics[0], statistics[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the matrix and of all weights."""
        given, ends, kept, moments, lines, room, (enter, weight, bias, mixed) = ctx.given
        kind, inverse = given.dtype, 1 / np.sqrt(moments[1] + ctx.eps)
        of_enter, of_weight, of_bias, of_mixed = (np.zeros_like(one) for one in (enter, weight, bias, mixed))
        of_norm, drawn = np.zeros((2, *bias.shape)), np.empty(kept.shape[1], kind)
        _turn(gradients[0].contiguous().numpy(), ends, drawn)
        for b in range(len(weight) - 1, -1, -1):
            layer, line = (weight[b], bias[b]), lines[:, b]
            mean, sums = moments[0, b].astype(kind), of_norm[:, b]
            _back_mix(kept[b : b + 2], ends, layer, line, mean, mixed[b], room, drawn, of_mixed[b], sums)
            sums[0] *= inverse[b]
            pull = np.zeros((2, len(mean)), kind)
            if ctx.training:
                pull[:] = inverse[b] * sums[0] / len(given), sums[1] / len(given)
            _back_layer(kept[b], ends, layer, line[0], mean, pull, room, drawn, (of_weight[b], of_bias[b]))
        edges = np.empty_like(given)
        _back_enter(given, ends, enter, room, drawn, of_enter, edges)
        back = edges, None, None, None, of_enter, of_weight, of_bias, *of_norm.astype(kind), of_mixed
        return tuple(None if one is None else torch.from_numpy(one) for one in back)


def _room(offsets: NDArray[np.int64], widest: int) -> Arrays:
    """Room for three times the matrices of the longest jet and one more, and for the sums along them."""
    longest = int(np.diff(offsets).max(initial=0))
    return np.empty((3 * widest + 1) * longest**2, np.float32), np.empty(widest * 9 * longest, np.float32)


@compiled
def _rooms(room: Arrays, channels: int, n: int) -> tuple[Array, Array, Array, Array, Array]:
    """Three times matrices (channels, n n), one (n n,), and sums (channels, 9, n)."""
    size = channels * n * n
    one, two = room[0][:size].reshape(channels, n * n), room[0][size : 2 * size].reshape(channels, n * n)
    three, last = room[0][2 * size : 3 * size].reshape(channels, n * n), room[0][3 * size : 3 * size + n * n]
    return one, two, three, last, room[1][: channels * 9 * n].reshape(channels, 9, n)


@compiled
def _along(given: Array, n: int, sums: Array) -> None:
    """Diagonals, means of the columns and of the rows of matrices (inputs, n n)."""
    kind = given.dtype.type
    zero, share = kind(0), kind(1) / kind(max(n, 1))
    for c in range(len(given)):
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


@compiled
def _mix(weight: Array, given: Array, n: int, turned: Array, sums: Array, out: Array) -> None:
    """The mixture of the 15 maps of the matrices (inputs, n n), into (C, n n)."""
    kind, inputs, channels = given.dtype.type, len(given), len(out)
    zero, share = kind(0), kind(1) / kind(max(n, 1))
    _along(given, n, sums)
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
    zero, share = kind(0), kind(1) / kind(max(n, 1))
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
def _of(values: Array, edge: int, channels: int, n: int) -> Array:
    """The matrices (C, n n) of the jet that begins at an edge."""
    return values[edge * channels : (edge + n * n) * channels].reshape(channels, n * n)


@compiled
def _bend(values: Array, sign: Array) -> None:
    """Leaky ReLU of values (C, n n), or its slope on gradients, by the sign of others."""
    zero, slope = values.dtype.type(0), values.dtype.type(SLOPE)
    for c in range(len(values)):
        for k in range(values.shape[1]):
            values[c, k] = values[c, k] if sign[c, k] > zero else slope * values[c, k]


@compiled
def _layer(given: Array, layer: Arrays, hidden: Array) -> None:
    """Leaky ReLU of a linear layer over matrices (C, n n)."""
    weight, bias = layer
    for o in range(len(hidden)):
        hidden[o] = bias[o]
        for c in range(len(given)):
            share = weight[o, c]
            for k in range(given.shape[1]):
                hidden[o, k] += share * given[c, k]
    _bend(hidden, hidden)


@compiled
def _enter(matrix: Array, offsets: NDArray[np.int64], weight: Array, room: Arrays, out: Array) -> None:
    """The first mixture, from edges (edges, inputs) to matrices (C, n n) of each jet, one behind the other."""
    channels, edge = weight.shape[1], 0
    inputs = matrix.shape[1]
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given, _, _, turned, sums = _rooms(room, max(inputs, channels), n)
        for k in range(n * n):
            for c in range(inputs):
                given[c, k] = matrix[edge + k, c]
        made = _of(out, edge, channels, n)
        _mix(weight, given[:inputs], n, turned, sums, made)
        edge += n * n


@compiled
def _moments(kept: Array, offsets: NDArray[np.int64], layer: Arrays, room: Arrays, out: Array) -> None:
    """Mean and variance (2, C) over all edges of what enters the norm."""
    channels, edge = out.shape[1], 0
    near = np.zeros(channels, kept.dtype)  # a value of each channel: gaps to it lose no digits
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given = _of(kept, edge, channels, n)
        hidden = _rooms(room, channels, n)[0]
        _layer(given, layer, hidden)
        for c in range(channels):
            near[c] = hidden[c, 0] if edge == 0 and n > 0 else near[c]
            one = two = kept.dtype.type(0)
            for k in range(n * n):
                gap = hidden[c, k] - near[c]
                one += gap
                two += gap * gap
            out[0, c] += one
            out[1, c] += two
        edge += n * n
    for c in range(channels):
        offset = out[0, c] / max(edge, 1)
        out[0, c], out[1, c] = near[c] + offset, max(out[1, c] / max(edge, 1) - offset * offset, 0.0)


@compiled
def _normal(hidden: Array, line: Array, out: Array) -> None:
    """Matrices behind the norm, a line (2, C) of slopes and heights."""
    for c in range(len(hidden)):
        slope, height = line[0, c], line[1, c]
        for k in range(hidden.shape[1]):
            out[c, k] = slope * hidden[c, k] + height


@compiled
def _block(
    kept: Array, offsets: NDArray[np.int64], layer: Arrays, line: Array, mixed: Array, room: Arrays, out: Array
) -> None:
    """The matrices of all jets through a block."""
    channels, edge = line.shape[1], 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given, made = _of(kept, edge, channels, n), _of(out, edge, channels, n)
        hidden, _, _, turned, sums = _rooms(room, channels, n)
        _layer(given, layer, hidden)
        _normal(hidden, line, hidden)
        _mix(mixed, hidden, n, turned, sums, made)
        _bend(made, made)
        edge += n * n


@compiled
def _sum_up(kept: Array, offsets: NDArray[np.int64], out: Array) -> None:
    channels, edge = out.shape[1] // 2, 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        leave = _of(kept, edge, channels, n)
        for c in range(channels):
            for i in range(n):
                row = kept.dtype.type(0)  # row by row: one sum over thousands of numbers loses digits
                for j in range(n):
                    row += leave[c, i * n + j]
                out[jet, c] += row
                out[jet, channels + c] += leave[c, i * n + i]
        edge += n * n


@compiled
def _turn(given: Array, offsets: NDArray[np.int64], drawn: Array) -> None:
    """Gradients of the matrices that leave the last block, from those of the sums."""
    channels, edge = given.shape[1] // 2, 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        matrices = _of(drawn, edge, channels, n)
        for c in range(channels):
            matrices[c] = given[jet, c]
            for i in range(n):
                matrices[c, i * n + i] += given[jet, channels + c]
        edge += n * n


@compiled
def _back_mix(
    kept: Array,
    offsets: NDArray[np.int64],
    layer: Arrays,
    line: Array,
    mean: Array,
    mixed: Array,
    room: Arrays,
    drawn: Array,
    back: Array,
    sums_of_norm: Array,
) -> None:
    """From the gradients of what leaves a block to those of what its norm makes, and what the norm's weights need."""
    channels, edge = line.shape[1], 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given, after = _of(kept[0], edge, channels, n), _of(kept[1], edge, channels, n)
        gradient = _of(drawn, edge, channels, n)
        hidden, normal, wanted, turned, sums = _rooms(room, channels, n)
        _bend(gradient, after)
        _layer(given, layer, hidden)
        _normal(hidden, line, normal)
        _along(normal, n, sums)
        _unmix(mixed, normal, n, turned, sums, gradient, back, wanted)
        for c in range(channels):
            one = two = kept.dtype.type(0)
            for k in range(n * n):
                one += wanted[c, k] * (hidden[c, k] - mean[c])
                two += wanted[c, k]
                gradient[c, k] = wanted[c, k]
            sums_of_norm[0, c] += one
            sums_of_norm[1, c] += two
        edge += n * n


@compiled
def _back_layer(
    kept: Array,
    offsets: NDArray[np.int64],
    layer: Arrays,
    scale: Array,
    mean: Array,
    pull: Array,
    room: Arrays,
    drawn: Array,
    back: Arrays,
) -> None:
    """From the gradients of what a norm makes to those of what enters its block; ``pull`` is zero in evaluation."""
    kind, channels, edge = kept.dtype.type, len(scale), 0
    zero, slope = kind(0), kind(SLOPE)
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given, gradient = _of(kept, edge, channels, n), _of(drawn, edge, channels, n)
        hidden, wanted = _rooms(room, channels, n)[:2]
        _layer(given, layer, hidden)
        for o in range(channels):
            level = zero
            for k in range(n * n):
                value = scale[o] * (gradient[o, k] - pull[1, o] - pull[0, o] * (hidden[o, k] - mean[o]))
                value = value if hidden[o, k] > zero else slope * value
                level += value
                wanted[o, k] = value
            back[1][o] += level
        gradient[:] = zero
        for o in range(channels):
            for c in range(channels):
                tilt, share = zero, layer[0][o, c]
                for k in range(n * n):
                    tilt += wanted[o, k] * given[c, k]
                    gradient[c, k] += share * wanted[o, k]
                back[0][o, c] += tilt
        edge += n * n


@compiled
def _back_enter(
    matrix: Array, offsets: NDArray[np.int64], weight: Array, room: Arrays, drawn: Array, back: Array, out: Array
) -> None:
    """From the gradients of the first mixture to those of its weights (added) and of the edges."""
    inputs, channels, edge = matrix.shape[1], weight.shape[1], 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        given, wanted, _, turned, sums = _rooms(room, max(inputs, channels), n)
        for k in range(n * n):
            for c in range(inputs):
                given[c, k] = matrix[edge + k, c]
        _along(given[:inputs], n, sums)
        gradient = _of(drawn, edge, channels, n)
        _unmix(weight, given[:inputs], n, turned, sums, gradient, back, wanted[:inputs])
        for k in range(n * n):
            for c in range(inputs):
                out[edge + k, c] = wanted[c, k]
        edge += n * n

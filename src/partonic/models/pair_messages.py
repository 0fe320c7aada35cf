"""Messages between all particles of a jet, of which none is kept: a block of LorentzNet in one pass over its pairs.

The pairs of a batch do not fit into a cache, and torch takes some forty passes over them. Here a few hundred go through
all layers before the next ones do, and so they do on the way back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from partonic.core.blas import one_thread
from partonic.core.compiled import compiled
from partonic.represent.neighbours import compiles
from partonic.represent.references import dot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from partonic.represent.edges import Edges

AT_ONCE = 512  # pairs that go through all layers together
WIDEST = 32  # channels beyond which matrix products take most of the time, and torch has the faster ones
Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class PairLayers:
    """The layers that make a message of what two particles say.

    Args:
        norm: of the first layer's sums, before a ReLU.
        message: the second layer, before a ReLU.
        gate: to one number, whose sigmoid multiplies the message.
        move: a layer, a ReLU and a layer to one number without bias, pulling the four-vectors; ``None`` if they stay.
    """

    norm: nn.BatchNorm1d
    message: nn.Linear
    gate: nn.Linear
    move: nn.Sequential | None

    def parameters(self) -> list[Tensor]:
        """Weights and biases in the order of the kernels."""
        found = [self.norm.weight, self.norm.bias, self.message.weight, self.message.bias]
        found += [self.gate.weight, self.gate.bias]
        if self.move is not None:
            found += self.move.parameters()
        return found


def in_one_pass(values: Tensor, layers: PairLayers) -> bool:
    """Whether :func:`received` pays: few channels, single precision on a processor, in training or no gradients."""
    norm = layers.norm
    usual = norm.affine and norm.track_running_stats and norm.momentum is not None and "forward" not in norm.__dict__
    single = compiles(values) and values.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return usual and single and values.shape[1] <= WIDEST and norm.training == torch.is_grad_enabled()


def invariants(p4: Tensor, graph: Edges) -> Tensor:
    """Squared difference and product of the four-vectors (particles, 4) of each edge, (2, edges)."""
    if compiles(p4):
        return cast("Tensor", _Invariants.apply(p4, graph))  # type: ignore[no-untyped-call]
    first, second = p4[graph.first], p4[graph.second]
    return torch.stack([dot(first - second, first - second), dot(first, second)])


def received(
    own: Tensor, other: Tensor, seen: Tensor, weight: Tensor, p4: Tensor, graph: Edges, layers: PairLayers
) -> tuple[Tensor, Tensor]:
    """What each particle receives from those of its jet.

    Args:
        own: (particles, W) what the first layer makes of the particle that receives.
        other: (particles, W) and of the one that sends.
        seen: (2, edges) of their pair.
        weight: (W, 2) of the first layer for these.
        p4: (particles, 4).
        graph: the edges, without those of particles to themselves.
        layers: all others.

    Returns:
        The sums of the messages, (particles, W); and of the differences of four-vectors times what ``move`` makes of
        the messages, (particles, 4), zero where there is no such layer.
    """
    norm = layers.norm
    fixed = None if norm.training else (cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var))
    sums, pull, mean, variance = cast(
        "tuple[Tensor, ...]",
        _Received.apply(own, other, seen, weight, p4, graph, norm.eps, fixed, *layers.parameters()),  # type: ignore[no-untyped-call]
    )
    if norm.training:
        with torch.no_grad():
            share, n = cast("float", norm.momentum), len(graph)
            cast("Tensor", norm.num_batches_tracked).add_(1)
            cast("Tensor", norm.running_mean).lerp_(mean, share)
            cast("Tensor", norm.running_var).lerp_(variance * (n / max(n - 1, 1)), share)
    return sums, pull


class _Invariants(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, p4: Tensor, graph: Edges) -> Tensor:
        """Squared differences and products."""
        ctx.graph, ctx.p4 = graph, _arrays([p4])[0]
        out = p4.new_empty(2, len(graph))
        _products(graph.offsets.numpy(), ctx.p4, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gradient of the four-vectors."""
        out = np.zeros_like(ctx.p4)
        _product_gradients(ctx.graph.offsets.numpy(), ctx.p4, _arrays(gradients)[0], out)
        return torch.from_numpy(out), None


class _Received(torch.autograd.Function):
    """Inside everything stands channel by channel, (W, particles) or (W, edges): loops over edges run on vectors."""

    @staticmethod
    def forward(
        ctx: Any,
        own: Tensor,
        other: Tensor,
        seen: Tensor,
        weight: Tensor,
        p4: Tensor,
        graph: Edges,
        eps: float,
        fixed: tuple[Tensor, Tensor] | None,
        *parameters: Tensor,
    ) -> tuple[Tensor, ...]:
        """Sums of messages and pulls; mean and variance of the first layer."""
        pairs = _arrays([own.t(), other.t(), seen, weight, p4.t()])
        kind, width, offsets = pairs[0].dtype, own.shape[1], graph.offsets.numpy()
        rows, longest = np.empty((len(own), 3), np.int64), int(np.diff(offsets).max(initial=0))
        _rows(offsets, rows)
        room = np.zeros((5, width * max(AT_ONCE, longest)), kind)
        if fixed is None:
            mean, variance = np.zeros(width), np.zeros(width)
            _moments(rows, pairs, room, mean, variance)
        else:
            mean, variance = (one.numpy().astype(np.float64) for one in fixed)
        inverse = 1 / np.sqrt(variance + eps)
        gamma, beta, *layers = _arrays(parameters)
        scale = gamma * inverse
        norm = tuple(one.astype(kind) for one in (scale, beta - mean * scale, mean, inverse))
        sums, pull = np.zeros(pairs[0].shape, kind), np.zeros(pairs[4].shape, kind)
        with one_thread():
            _send(rows, pairs, norm, _whole(layers), room, sums, pull)
        ctx.fixed = rows, pairs, norm, layers, room
        statistics = tuple(torch.from_numpy(one.astype(kind)) for one in (mean, variance))
        ctx.mark_non_differentiable(*statistics)
        return torch.from_numpy(sums).t(), torch.from_numpy(pull).t(), *statistics

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all tensors."""
        rows, pairs, norm, layers, room = ctx.fixed
        given = _arrays([gradients[0].t(), gradients[1].t()])
        back = tuple(np.zeros_like(one) for one in pairs)
        of_layers = [np.zeros_like(one) for one in layers]
        values = np.empty((pairs[2].shape[1], pairs[0].shape[0]), pairs[0].dtype)
        of_norm = np.zeros((2, values.shape[1]))
        turn = values.reshape(-1)
        with one_thread():
            _receive(rows, pairs, norm, _whole(layers), given, back, _whole(of_layers), room, turn, of_norm)
        _normalised(rows, pairs, norm, of_norm / max(len(values), 1), turn, room, back)
        own, other, seen, weight, p4 = (torch.from_numpy(one) for one in back)
        bias, gamma = (torch.from_numpy(one.astype(values.dtype)) for one in of_norm)
        rest = [torch.from_numpy(one) for one in of_layers]
        return own.t(), other.t(), seen, weight, p4.t(), None, None, None, gamma, bias, *rest


def _arrays(tensors: Sequence[Tensor]) -> Arrays:
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)


def _whole(layers: Sequence[Array]) -> Arrays:
    """The layers with empty ones where nothing moves."""
    if len(layers) > 4:
        return tuple(layers)
    width, kind = layers[0].shape[1], layers[0].dtype
    return (*layers, np.zeros((0, width), kind), np.zeros(0, kind), np.zeros((1, 0), kind))


@compiled
def _products(offsets: NDArray[np.int64], p4: Array, out: Array) -> None:
    edge = 0
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            for j in range(offsets[jet], offsets[jet + 1]):
                if i != j:
                    a, b, c, d = p4[i, 0] - p4[j, 0], p4[i, 1] - p4[j, 1], p4[i, 2] - p4[j, 2], p4[i, 3] - p4[j, 3]
                    out[0, edge] = a * a - (b * b + c * c + d * d)
                    out[1, edge] = p4[i, 0] * p4[j, 0] - (
                        p4[i, 1] * p4[j, 1] + p4[i, 2] * p4[j, 2] + p4[i, 3] * p4[j, 3]
                    )
                    edge += 1


@compiled
def _product_gradients(offsets: NDArray[np.int64], p4: Array, given: Array, out: Array) -> None:
    edge, kind = 0, p4.dtype.type
    signs = np.array([1, -1, -1, -1]).astype(p4.dtype)
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            for j in range(offsets[jet], offsets[jet + 1]):
                if i != j:
                    apart, product = kind(2) * given[0, edge], given[1, edge]
                    for c in range(4):
                        pull = apart * (p4[i, c] - p4[j, c])
                        out[i, c] += signs[c] * (pull + product * p4[j, c])
                        out[j, c] += signs[c] * (product * p4[i, c] - pull)
                    edge += 1


@compiled
def _rows(offsets: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    """Of each particle where its jet begins and ends, and its first edge."""
    edge = 0
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            out[i, 0], out[i, 1], out[i, 2] = offsets[jet], offsets[jet + 1], edge
            edge += offsets[jet + 1] - offsets[jet] - 1


@compiled
def _take(rows: NDArray[np.int64], start: int, room: int) -> tuple[int, int]:
    """The particle behind those whose edges are taken together, and the number of these edges."""
    n, stop = 0, start
    while stop < len(rows) and (stop == start or n + rows[stop, 1] - rows[stop, 0] - 1 <= room):
        n += rows[stop, 1] - rows[stop, 0] - 1
        stop += 1
    return stop, n


@compiled
def _first(rows: NDArray[np.int64], pairs: Arrays, start: int, stop: int, out: Array) -> None:
    """Sums of the first layer (W, edges) for the edges of some particles."""
    own, other, seen, weight, _ = pairs
    for i in range(start, stop):
        begin, end, edge = rows[i]
        at, n = edge - rows[start, 2], end - begin - 1
        apart, product = seen[0, edge : edge + n], seen[1, edge : edge + n]
        for c in range(len(own)):
            base, one, two = own[c, i], weight[c, 0], weight[c, 1]
            before, behind, into = other[c, begin:], other[c, begin + 1 :], out[c, at : at + n]
            for k in range(i - begin):
                into[k] = base + before[k] + one * apart[k] + two * product[k]
            for k in range(i - begin, n):
                into[k] = base + behind[k] + one * apart[k] + two * product[k]


@compiled
def _moments(rows: NDArray[np.int64], pairs: Arrays, room: Array, mean: Array, variance: Array) -> None:
    width, most = len(mean), room.shape[1] // len(mean)
    near = np.zeros(width, room.dtype)  # any value among them: what is left is small enough to be squared
    total, start = 0, 0
    while start < len(rows):
        stop, n = _take(rows, start, most)
        row = room[0, : width * n].reshape(width, n)
        _first(rows, pairs, start, stop, row)
        for c in range(width):
            if total == 0 and n > 0:
                near[c] = row[c, 0]
            first = second = room.dtype.type(0)
            for k in range(n):
                gap = row[c, k] - near[c]
                first += gap
                second += gap * gap
            mean[c] += first
            variance[c] += second
        total, start = total + n, stop
    for c in range(width):
        offset = mean[c] / max(total, 1)
        mean[c] = near[c] + offset
        variance[c] = max(variance[c] / max(total, 1) - offset * offset, 0.0)


@compiled
def _layers(row: Array, norm: Arrays, layers: Arrays, work: Arrays, gates: Array, pulls: Array) -> None:
    """Hidden values, messages, what moves (W, edges); gates and pulls (edges,); the row becomes gated messages."""
    weight, bias, gate, level, push, lift, pull = layers
    hidden, message, moved = work
    width, n = row.shape
    zero, one = row.dtype.type(0), row.dtype.type(1)
    for c in range(width):
        slope, shift = norm[0][c], norm[1][c]
        for k in range(n):
            hidden[c, k] = max(row[c, k] * slope + shift, zero)
    np.dot(weight, hidden, message)
    gates[:n] = level[0]
    for c in range(width):
        slope, shift = gate[0, c], bias[c]
        for k in range(n):
            message[c, k] = max(message[c, k] + shift, zero)
            gates[k] += message[c, k] * slope
    for k in range(n):
        gates[k] = one / (one + np.exp(-gates[k]))
    for c in range(width):
        for k in range(n):
            row[c, k] = message[c, k] * gates[k]
    if len(lift) > 0:
        np.dot(push, row, moved)
        pulls[:n] = zero
        for c in range(width):
            slope, shift = pull[0, c], lift[c]
            for k in range(n):
                moved[c, k] = max(moved[c, k] + shift, zero)
                pulls[k] += moved[c, k] * slope


@compiled
def _views(room: Array, width: int, n: int) -> tuple[Array, Arrays]:
    """A row and three arrays (width, n) for what is made of it."""
    size = width * n
    hidden, message = room[1, :size].reshape(width, n), room[2, :size].reshape(width, n)
    return room[0, :size].reshape(width, n), (hidden, message, room[3, :size].reshape(width, n))


@compiled
def _send(
    rows: NDArray[np.int64], pairs: Arrays, norm: Arrays, layers: Arrays, room: Array, sums: Array, pull: Array
) -> None:
    p4, width, most = pairs[4], len(sums), room.shape[1] // len(sums)
    gates, pulls, start = np.empty(most, room.dtype), np.empty(most, room.dtype), 0
    while start < len(rows):
        stop, n = _take(rows, start, most)
        row, work = _views(room, width, n)
        _first(rows, pairs, start, stop, row)
        _layers(row, norm, layers, work, gates, pulls)
        for i in range(start, stop):
            begin, end, edge = rows[i]
            at = edge - rows[start, 2]
            for c in range(width):
                sums[c, i] = _total(row[c, at : at + end - begin - 1])
            if len(layers[5]) > 0:
                for k in range(end - begin - 1):
                    j = begin + k + (begin + k >= i)
                    for c in range(4):
                        pull[c, i] += pulls[at + k] * (p4[c, i] - p4[c, j])
        start = stop


@compiled
def _pulled(
    rows: NDArray[np.int64], span: tuple[int, int], p4: Array, given: Array, pulls: Array, drawn: Array, back: Array
) -> None:
    """Gradients of the four-vectors, and ``drawn`` (edges,) of the pulls."""
    for i in range(span[0], span[1]):
        begin, end, edge = rows[i]
        at = edge - rows[span[0], 2]
        for k in range(end - begin - 1):
            j = begin + k + (begin + k >= i)
            value = given[0, i] * (p4[0, i] - p4[0, j])
            for c in range(1, 4):
                value += given[c, i] * (p4[c, i] - p4[c, j])
            drawn[at + k] = value
            for c in range(4):
                back[c, i] += pulls[at + k] * given[c, i]
                back[c, j] -= pulls[at + k] * given[c, i]


@compiled
def _receive(
    rows: NDArray[np.int64],
    pairs: Arrays,
    norm: Arrays,
    layers: Arrays,
    given: Arrays,
    back: Arrays,
    of_layers: Arrays,
    room: Array,
    values: Array,
    of_norm: Array,
) -> None:
    """Back to the normalised sums of the first layer, whose gradients become ``values`` (W, edges of a turn)."""
    weight, _, gate, _, push, _, pull = layers
    of_weight, of_bias, of_gate, of_level, of_push, of_lift, of_pull = of_layers
    width, most, start = len(of_bias), room.shape[1] // len(of_bias), 0
    zero, one = room.dtype.type(0), room.dtype.type(1)
    back_weight, back_push = np.ascontiguousarray(weight.T), np.ascontiguousarray(push.T)
    gates, pulls, drawn = np.empty(most, room.dtype), np.empty(most, room.dtype), np.empty(most, room.dtype)
    while start < len(rows):
        stop, n = _take(rows, start, most)
        row, work = _views(room, width, n)
        hidden, message, moved = work
        sent = room[4, : width * n].reshape(width, n)
        _first(rows, pairs, start, stop, row)
        _layers(row, norm, layers, work, gates, pulls)
        sent[:] = zero
        if len(layers[5]) > 0:
            _pulled(rows, (start, stop), pairs[4], given[1], pulls, drawn, back[4])
            for c in range(width):
                of_pull[0, c] += _product(drawn[:n], moved[c])
                factor = pull[0, c]
                for k in range(n):
                    moved[c, k] = drawn[k] * factor if moved[c, k] > zero else zero
                of_lift[c] += _total(moved[c])
            of_push += np.dot(moved, row.T)
            np.dot(back_push, moved, sent)
        for i in range(start, stop):
            at = rows[i, 2] - rows[start, 2]
            for c in range(width):
                sent[c, at : at + rows[i, 1] - rows[i, 0] - 1] += given[0][c, i]
        drawn[:n] = zero
        for c in range(width):
            for k in range(n):
                drawn[k] += sent[c, k] * message[c, k]
        for k in range(n):
            drawn[k] *= gates[k] * (one - gates[k])
            of_level[0] += drawn[k]
        for c in range(width):
            of_gate[0, c] += _product(drawn[:n], message[c])
            factor = gate[0, c]
            for k in range(n):
                sent[c, k] = sent[c, k] * gates[k] + drawn[k] * factor if message[c, k] > zero else zero
            of_bias[c] += _total(sent[c])
        of_weight += np.dot(sent, hidden.T)
        first = width * rows[start, 2]
        value = values[first : first + width * n].reshape(width, n)
        np.dot(back_weight, sent, value)
        _first(rows, pairs, start, stop, row)
        for c in range(width):
            centre = norm[2][c]
            for k in range(n):
                value[c, k] = value[c, k] if hidden[c, k] > zero else zero
                row[c, k] -= centre
            of_norm[0, c] += _total(value[c])
            of_norm[1, c] += _product(value[c], row[c]) * norm[3][c]
        start = stop


@compiled
def _normalised(
    rows: NDArray[np.int64], pairs: Arrays, norm: Arrays, mean: Array, values: Array, room: Array, back: Arrays
) -> None:
    """From the gradients of the normalised sums to those of the particles, invariants and their weights."""
    weight, (scale, _, middle, inverse) = pairs[3], norm
    kind, width, start = values.dtype.type, len(scale), 0
    most = room.shape[1] // width
    while start < len(rows):
        stop, n = _take(rows, start, most)
        row, edge = room[0, : width * n].reshape(width, n), rows[start, 2]
        value = values[width * edge : width * (edge + n)].reshape(width, n)
        _first(rows, pairs, start, stop, row)
        apart, product = pairs[2][0, edge : edge + n], pairs[2][1, edge : edge + n]
        of_apart, of_product = back[2][0, edge : edge + n], back[2][1, edge : edge + n]
        for c in range(width):
            level, tilt = kind(mean[0, c]), kind(mean[1, c]) * inverse[c]
            factor, centre, one, two = scale[c], middle[c], weight[c, 0], weight[c, 1]
            drawn = row[c]
            for k in range(n):
                drawn[k] = factor * (value[c, k] - level - tilt * (drawn[k] - centre))
            back[3][c, 0] += _product(drawn, apart)
            back[3][c, 1] += _product(drawn, product)
            for k in range(n):
                of_apart[k] += one * drawn[k]
            for k in range(n):
                of_product[k] += two * drawn[k]
        for i in range(start, stop):
            begin, end, at = rows[i]
            at -= edge
            for c in range(width):
                drawn = row[c, at : at + end - begin - 1]
                back[0][c, i] = _total(drawn)
                before, behind = back[1][c, begin:], back[1][c, begin + 1 :]
                for k in range(i - begin):
                    before[k] += drawn[k]
                for k in range(i - begin, end - begin - 1):
                    behind[k] += drawn[k]
        start = stop


@compiled
def _product(one: Array, two: Array) -> Any:
    total = one.dtype.type(0)
    for k in range(len(one)):
        total += one[k] * two[k]
    return total


@compiled
def _total(values: Array) -> Any:
    total = values.dtype.type(0)
    for k in range(len(values)):
        total += values[k]
    return total

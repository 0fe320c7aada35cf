r"""Losses of plain networks :math:`\ln \hat r(x, \theta)` with their gradients, of a few rows at a time in one pass.

A row is an event at one theta. The slope by theta is the gradient of the network, found on the way back through it;
what depends on the slope goes forward once more. All of a few rows stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.compiled import compiled

Singles = NDArray[np.float32]
Shape = NDArray[np.int64]
Layers = tuple[Any, ...]

AT_ONCE = 128  # rows that go through all layers together
CLASSIFIER, EXACT_CLASSIFIER, REGRESSION = 0, 1, 2
TANH, SILU = 0, 1
LN_2, INVERSE_LN_2 = np.float32(np.log(2)), np.float32(1 / np.log(2))


@compiled
def loss_and_gradient(table: Singles, flat: Singles, shape: Shape, strength: float, gradient: Singles) -> float:
    """The mean loss of all rows, and its gradient by the parameters.

    Args:
        table: (rows, columns): observables, theta, theta of the denominator (if that is free), score, weights as
            numerator and denominator, label, logarithm of the joint ratio.
        flat: mean and width of the observables, centre and unit of theta, unit of the score's errors, and the
            parameters: first layer's weight for x and for theta and its bias, weight and bias of each further one.
        shape: kind of loss, of activation, whether the denominator is free, number of observables, of parameters theta,
            and the widths of the hidden layers.
        strength: of the error of the score; 0 for none.
        gradient: (parameters,) receives the gradient; zeros at first.
    """
    free, d, p, widest, total = shape[2], shape[3], shape[4], max(shape[3], shape[4]), 0
    for k in range(5, len(shape)):
        widest, total = max(widest, shape[k]), total + shape[k]
    rows = AT_ONCE * (1 + free)
    x, theta = np.empty((rows, d), np.float32), np.empty((rows, p), np.float32)
    room, spare = np.empty((4, rows * total), np.float32), np.empty((3, max(rows, widest) * widest), np.float32)
    value, slope = np.empty((rows, 1), np.float32), np.empty((rows, p), np.float32)
    parameters = flat[2 * d + 3 * p :]
    lost = 0.0
    for begin in range(0, len(table), AT_ONCE):
        some = table[begin : begin + AT_ONCE]
        n = len(some) * (1 + free)
        _inputs(some, flat, shape, x, theta)
        _forward(x[:n], theta[:n], parameters, shape, room, value[:n])
        if strength > 0:
            _slopes(n, parameters, shape, room, slope[:n])
        lost += _loss(some, flat, shape, strength / len(table), len(table), value, slope)
        if strength > 0:
            _through_slopes(slope[:n], parameters, shape, room, spare, gradient)
        _backward(x[:n], theta[:n], value[:n], parameters, shape, strength > 0, room, spare, gradient)
    return lost / len(table)


@compiled
def _inputs(some: Singles, flat: Singles, shape: Shape, x: Singles, theta: Singles) -> None:
    """Standardised observables and theta, those of free denominators behind the others."""
    d, p, n = shape[3], shape[4], len(some)
    for at in range(1 + shape[2]):
        for i in range(n):
            for c in range(d):
                x[at * n + i, c] = (some[i, c] - flat[c]) / flat[d + c]
            for c in range(p):
                theta[at * n + i, c] = (some[i, d + at * p + c] - flat[2 * d + c]) / flat[2 * d + p + c]


@compiled
def _layer(values: Singles, shape: Shape, at: int) -> Layers:
    """Weight and bias of the layer behind a hidden one."""
    start = shape[5] * (shape[3] + shape[4] + 1)
    for k in range(5, 5 + at):
        start += shape[k + 1] * (shape[k] + 1)
    into = shape[5 + at]
    out = shape[6 + at] if at + 6 < len(shape) else 1
    end = start + into * out
    return values[start:end].reshape(out, into), values[end : end + out]


@compiled
def _first(values: Singles, shape: Shape) -> Layers:
    """Weights for x and theta of the first layer, and its bias."""
    w, d, p = shape[5], shape[3], shape[4]
    for_x, for_theta = values[: w * d].reshape(w, d), values[w * d : w * (d + p)].reshape(w, p)
    return for_x, for_theta, values[w * (d + p) : w * (d + p + 1)]


@compiled
def _rows(room: Singles, n: int, shape: Shape, at: int) -> Layers:
    """Of a hidden layer its values, their derivatives, second derivatives and pulls, each (n, width)."""
    w, start = shape[5 + at], 0
    for k in range(5, 5 + at):
        start += n * shape[k]
    hidden, first = room[0, start : start + n * w].reshape(n, w), room[1, start : start + n * w].reshape(n, w)
    return hidden, first, room[2, start : start + n * w].reshape(n, w), room[3, start : start + n * w].reshape(n, w)


@compiled
def _forward(x: Singles, theta: Singles, parameters: Singles, shape: Shape, room: Singles, value: Singles) -> None:
    n, below = len(x), x
    weight, for_theta, bias = _first(parameters, shape)
    for at in range(len(shape) - 5):
        hidden, first, second, more = _rows(room, n, shape, at)
        np.dot(below, weight.T, hidden)
        if at == 0:
            np.dot(theta, for_theta.T, more)
            for i in range(n):
                for j in range(hidden.shape[1]):
                    hidden[i, j] += more[i, j]
        _activate(shape[1], hidden, bias, first, second)
        below = hidden
        weight, bias = _layer(parameters, shape, at)
    np.dot(below, weight.T, value)
    for i in range(n):
        value[i, 0] += bias[0]


@compiled
def _activate(kind: int, sums: Singles, bias: Singles, first: Singles, second: Singles) -> None:
    """The hyperbolic tangent or SiLU of sums plus bias, in place, and its first two derivatives.

    Both are made of exp(-z), z the size of the sum or twice that: a power of 2, whose bits are written, times that of
    what remains between -1/2 and 1/2, a polynomial. Vector instructions do all of it.
    """
    n, width = sums.shape
    one, two, zero = np.float32(1), np.float32(2), np.float32(0)
    times = two if kind == TANH else one
    bits, rest = np.empty(width, np.int32), np.empty(width, np.float32)
    power = bits.view(np.float32)
    for i in range(n):
        for j in range(width):
            sums[i, j] += bias[j]
            z = min(times * abs(sums[i, j]) * INVERSE_LN_2, np.float32(126))
            whole = np.int32(z + np.float32(0.5))
            bits[j] = (np.int32(127) - whole) << np.int32(23)
            rest[j] = (np.float32(whole) - z) * LN_2
        for j in range(width):
            r = rest[j]
            series = np.float32(1 / 120) + r * (np.float32(1 / 720) + r * np.float32(1 / 5040))
            series = np.float32(0.5) + r * (np.float32(1 / 6) + r * (np.float32(1 / 24) + r * series))
            small = (one + r * (one + r * series)) * power[j]
            a, share = sums[i, j], one / (one + small)
            if kind == TANH:
                size, slope = (one - small) * share, np.float32(4) * small * share * share
                value = size if a >= zero else -size
                bend = -two * value * slope
            else:
                sigmoid, other = (share, small * share) if a >= zero else (small * share, share)
                value = a * sigmoid
                slope = sigmoid + value * other
                bend = other * (two * slope - value)
            sums[i, j], first[i, j], second[i, j] = value, slope, bend


@compiled
def _slopes(n: int, parameters: Singles, shape: Shape, room: Singles, slope: Singles) -> None:
    """Gradients by theta of the network, and of it by all sums."""
    last = len(shape) - 6
    above = _rows(room, n, shape, last)[3]
    for at in range(last, -1, -1):
        _, first, second, pulls = _rows(room, n, shape, at)
        weight = _layer(parameters, shape, at)[0]
        if at < last:
            np.dot(above, weight, pulls)
        for i in range(n):
            for j in range(pulls.shape[1]):
                pull = pulls[i, j] if at < last else weight[0, j]
                second[i, j] *= pull
                pulls[i, j] = pull * first[i, j]
        above = pulls
    np.dot(above, _first(parameters, shape)[1], slope)


@compiled
def _loss(
    some: Singles, flat: Singles, shape: Shape, strength: float, total: int, value: Singles, slope: Singles
) -> float:
    """The sum of the losses; their derivatives over the number of rows take the places of values and slopes."""
    kind, free, d, p, n = shape[0], shape[2], shape[3], shape[4], len(some)
    lost = 0.0
    for i in range(n):
        above, below, label, known = some[i, -4], some[i, -3], some[i, -2], some[i, -1]
        log_ratio = value[i, 0] - value[n + i, 0] if free else value[i, 0]
        if kind == REGRESSION:
            ratio, inverse = np.exp(log_ratio), np.exp(-log_ratio)
            direct, reverse = ratio - np.exp(known), inverse - np.exp(-known)
            lost += 0.5 * (above * reverse * reverse + below * direct * direct)
            by_ratio = below * direct * ratio - above * reverse * inverse
        else:
            weight = 0.5 * (above + below)
            target = weight * label if kind == CLASSIFIER else 0.5 * above
            small = np.exp(-abs(log_ratio))
            lost += weight * (max(log_ratio, 0) + np.log1p(small)) - target * log_ratio
            by_ratio = weight * ((1 if log_ratio >= 0 else small) / (1 + small)) - target
        value[i, 0] = by_ratio / total
        for c in range(p if strength > 0 else 0):
            unit, scale = flat[2 * d + p + c], flat[2 * d + 2 * p + c]
            error = slope[i, c] / unit - some[i, d + (1 + free) * p + c]
            lost += strength * total * above * (error * scale) ** 2
            slope[i, c] = 2 * strength * above * error * scale * scale / unit
    if free:
        for i in range(n):
            value[n + i, 0] = -value[i, 0]
            for c in range(p):
                slope[n + i, c] = np.float32(0)
    return lost


@compiled
def _add_product(left: Singles, right: Singles, spare: Singles, out: Singles) -> None:
    """Add to ``out`` the product of ``left`` transposed, (n, a), and ``right``, (n, b)."""
    a, b = out.shape
    product = spare[: a * b].reshape(a, b)
    np.dot(left.T, right, product)
    for i in range(a):
        for j in range(b):
            out[i, j] += product[i, j]


@compiled
def _add_rows(rows: Singles, out: Singles) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j] += rows[i, j]


@compiled
def _through_slopes(
    slope: Singles, parameters: Singles, shape: Shape, room: Singles, spare: Singles, gradient: Singles
) -> None:
    """Gradients through the slopes, of the parameters and (in place of the second derivatives) of the sums."""
    n, rising = len(slope), slope
    weight, of_weight = _first(parameters, shape)[1], _first(gradient, shape)[1]
    for at in range(len(shape) - 5):
        _, first, second, pulls = _rows(room, n, shape, at)
        _add_product(pulls, rising, spare[2], of_weight)
        above = spare[at % 2, : first.size].reshape(first.shape)
        np.dot(rising, weight.T, above)
        for i in range(n):
            for j in range(above.shape[1]):
                second[i, j] *= above[i, j]
                above[i, j] *= first[i, j]
        rising = above
        weight, of_weight = _layer(parameters, shape, at)[0], _layer(gradient, shape, at)[0]
    _add_rows(rising, of_weight[0])


@compiled
def _backward(
    x: Singles,
    theta: Singles,
    of_value: Singles,
    parameters: Singles,
    shape: Shape,
    slopes: bool,
    room: Singles,
    spare: Singles,
    gradient: Singles,
) -> None:
    """Gradients through the values and what the slopes gave to the sums."""
    n, last, falling = len(x), len(shape) - 6, of_value
    for at in range(last, -1, -1):
        hidden, first, sources, below = _rows(room, n, shape, at)
        of_weight, of_bias = _layer(gradient, shape, at)
        _add_product(falling, hidden, spare[2], of_weight)
        if at < last or shape[2] == 0:  # of differences the last bias drops out
            _add_rows(falling, of_bias)
        np.dot(falling, _layer(parameters, shape, at)[0], below)
        for i in range(n):
            for j in range(below.shape[1]):
                below[i, j] = below[i, j] * first[i, j] + (sources[i, j] if slopes else np.float32(0))
        falling = below
    of_x, of_theta, of_bias = _first(gradient, shape)
    _add_product(falling, x, spare[2], of_x)
    _add_product(falling, theta, spare[2], of_theta)
    _add_rows(falling, of_bias)

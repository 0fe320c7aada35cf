"""Compiled passes through the layers of a network of each particle: products, norms, ReLUs and sums over jets.

A block of particles goes through a product and what follows it while it is in the processor's cache.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address

from partonic.core.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]
Layer = tuple[Array, Array] | None

BLOCK = 1024  # particles whose hidden layers stay in the cache
TOGETHER = 256  # rows that are added in the precision of the values before they go into sums of double precision
ADDED = 8  # the same for particles of a jet
MEAN, INVERSE, SCALE, SHIFT = range(4)


def _products() -> dict[str, int]:
    """Where the matrix products of single and double precision are: torch's own, else those of scipy."""
    names = ("sgemm", "dgemm")
    try:
        own = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        return {name: ctypes.cast(own[f"{name}_"], ctypes.c_void_p).value or 0 for name in names}
    except (OSError, AttributeError):
        return {name: get_cython_function_address("scipy.linalg.cython_blas", name) for name in names}


for _name, _place in _products().items():
    binding.add_symbol(f"partonic_{_name}", _place)
_SIGNATURE = types.void(*[types.uintp] * 13)
_SINGLE = types.ExternalFunction("partonic_sgemm", _SIGNATURE)
_DOUBLE = types.ExternalFunction("partonic_dgemm", _SIGNATURE)


@compiled
def _multiply(a: Array, b: Array, out: Array, flip_a: bool, flip_b: bool, add: bool) -> None:
    """The product of two matrices, each turned or not, into an array or added to it; rows lie one behind the other."""
    turned, straight = ord("T"), ord("N")
    flags = np.array([turned if flip_b else straight, turned if flip_a else straight], np.uint8)
    inner = a.shape[0] if flip_a else a.shape[1]
    sizes = np.array([out.shape[1], out.shape[0], inner, b.shape[1], a.shape[1], out.shape[1]], np.int32)
    factors = np.array([1, 1 if add else 0], out.dtype)
    f, s, x = flags.ctypes.data, sizes.ctypes.data, factors.ctypes.data
    first, second, result, step = a.ctypes.data, b.ctypes.data, out.ctypes.data, out.itemsize
    if step == 4:
        _SINGLE(f, f + 1, s, s + 4, s + 8, x, second, s + 12, first, s + 16, x + step, result, s + 20)
    else:
        _DOUBLE(f, f + 1, s, s + 4, s + 8, x, second, s + 12, first, s + 16, x + step, result, s + 20)
    factors[0] = flags[0] + sizes[0]  # used once more: the compiler frees an array behind its last use, address or not


@compiled
def sum_through(
    values: Array,
    ends: Array,
    shares: Array | None,
    matrices: Arrays,
    biases: Arrays,
    hidden: Arrays,
    out: Array,
) -> None:
    """Sums over the particles of each jet of linear layers, each with a ReLU behind it.

    Args:
        values: of the particles, (particles, features).
        ends: where jets begin and the last one ends, (jets + 1,).
        shares: weights of the particles, (particles,), or None for ones.
        matrices: of the layers, (outputs, inputs) each.
        biases: of the layers, (outputs,) each.
        hidden: what the layers give, (particles, outputs) each, the last one without bias and ReLU; with BLOCK rows
            they hold one block after another.
        out: the sums, (jets, outputs of the last layer).
    """
    n, last = len(values), len(matrices) - 1
    kept = len(hidden[0]) == n
    total = np.zeros(out.shape)
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        place = start if kept else 0
        seen = values[start:end]
        for k in range(last + 1):
            rows = hidden[k][place : place + end - start]
            _multiply(seen, matrices[k], rows, False, True, False)
            if k < last:
                lift(rows, biases[k])
            seen = rows
        _collect(seen, biases[last], ends, start, shares, total)
    out[:] = total


@compiled
def slopes_through(
    values: Array,
    ends: Array,
    shares: Array | None,
    matrices: Arrays,
    biases: Arrays,
    hidden: Arrays,
    given: Array,
    of_matrix: Arrays,
    of_bias: Arrays,
    of_values: Array | None,
) -> None:
    """Gradients of :func:`sum_through`, block by block from the last layer to the first.

    Args:
        values: as there.
        ends: as there.
        shares: as there.
        matrices: as there.
        biases: as there.
        hidden: of all particles.
        given: gradients of the sums.
        of_matrix: zeros, to which the gradients of the matrices are added, (inputs, outputs) each: the faster product.
        of_bias: zeros, to which those of the biases are added.
        of_values: where those of the values go, or None.
    """
    n, last = len(values), len(matrices) - 1
    widest = 0
    for matrix in matrices:
        widest = max(widest, len(matrix))
    room = np.empty((2, min(n, BLOCK) * widest), values.dtype)
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        size = end - start
        slope = room[last % 2, : size * len(matrices[last])].reshape(size, len(matrices[last]))
        _spread(hidden[last][start:end], biases[last], ends, start, shares, given, slope, of_bias[last])
        for k in range(last, 0, -1):
            below = hidden[k - 1][start:end]
            _multiply(below, slope, of_matrix[k], True, False, True)
            width = len(matrices[k - 1])
            earlier = room[(k - 1) % 2, : size * width].reshape(size, width)
            _multiply(slope, matrices[k], earlier, False, False, False)
            _gate(below, earlier, of_bias[k - 1])
            slope = earlier
        _multiply(values[start:end], slope, of_matrix[0], True, False, True)
        if of_values is not None:
            _multiply(slope, matrices[0], of_values[start:end], False, False, False)


@compiled
def norm_forth(
    layer: Layer,
    rows: Array,
    ends: Array | None,
    norm: tuple[Array, Array, Array, Array],
    eps: float,
    share: float,
    constant: Array | None,
    fixed: Array,
    out: Array,
) -> None:
    """ReLU of a batch norm of rows, or of what a layer makes of values; the norm's running means move on.

    Args:
        layer: what it takes, (rows, inputs), and its matrix, (channels, inputs); None for no layer.
        rows: what the norm takes, (rows, channels); with a layer its outputs are written here, without its bias.
        ends: where jets begin and the last one ends, for sums over the rows of each jet, or None.
        norm: weight, bias, running mean and running variance.
        eps: added to the variance.
        share: of these rows in the running means.
        constant: the layer's bias, which only the running mean sees, or None.
        fixed: mean, inverse deviation, scale and shift of each channel are written here, (4, channels).
        out: the result, (rows, channels) or (jets, channels).
    """
    n, channels = rows.shape
    weight, bias, means, variances = norm
    one, two = np.zeros(channels), np.zeros(channels)
    first, second = np.empty(channels, rows.dtype), np.empty(channels, rows.dtype)
    for start in range(0, n, TOGETHER):
        part = rows[start : start + TOGETHER]
        if layer is not None:
            _multiply(layer[0][start : start + TOGETHER], layer[1], part, False, True, False)
        _moments(part, rows[0], first, second)
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
        seen = mean if constant is None else mean + constant[c]
        means[c] += share * (seen - means[c])
        variances[c] += share * (variance * (n / (n - 1)) - variances[c])
    _apply(rows, fixed[SCALE], fixed[SHIFT], ends, out)


@compiled
def norm_back(
    layer: Layer,
    rows: Array,
    ends: Array | None,
    given: Array,
    fixed: Array,
    of_norm: Array,
    of_values: Array,
    of_matrix: Any,
) -> None:
    """Gradients of :func:`norm_forth`.

    Args:
        layer: as there.
        rows: as there.
        ends: as there.
        given: gradients of the result.
        fixed: as there.
        of_norm: those of the norm's weight and bias are written here, (2, channels).
        of_values: those of the values, or of the rows where there is no layer, are written here.
        of_matrix: zeros, to which those of the matrix are added, (inputs, channels): the faster product; or None.
    """
    n, channels = rows.shape
    tilt = np.empty((2, channels), rows.dtype)
    _sums(rows, given, ends, fixed, of_norm, tilt)
    if layer is None:
        _pull(rows, given, ends, 0, fixed, tilt, of_values)
        return
    values, matrix = layer
    room = np.empty((min(n, TOGETHER), channels), rows.dtype)
    for start in range(0, n, TOGETHER):
        end = min(start + TOGETHER, n)
        slope = room[: end - start]
        _pull(rows[start:end], given, ends, start, fixed, tilt, slope)
        _multiply(values[start:end], slope, of_matrix, True, False, True)
        _multiply(slope, matrix, of_values[start:end], False, False, False)


@compiled
def lift(rows: Array, bias: Array) -> None:
    """ReLU of rows (n, channels) plus a bias (channels,), in their place."""
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            rows[i, c] = max(rows[i, c] + bias[c], zero)


@compiled
def _collect(rows: Array, bias: Array, ends: Array, first: int, shares: Array | None, out: NDArray[np.float64]) -> None:
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
    rows: Array, bias: Array, ends: Array, first: int, shares: Array | None, given: Array, out: Array, of_bias: Array
) -> None:
    """Gradients of a block of particles from those of their jets."""
    zero, one = rows.dtype.type(0), rows.dtype.type(1)
    jet = np.searchsorted(ends, first, side="right") - 1
    total = np.zeros(rows.shape[1], rows.dtype)
    for i in range(rows.shape[0]):
        while ends[jet + 1] <= first + i:
            jet += 1
        share = one if shares is None else shares[first + i]
        row, slope, result = rows[i], given[jet], out[i]
        for c in range(rows.shape[1]):
            seen = share * slope[c] if row[c] + bias[c] > zero else zero
            result[c] = seen
            total[c] += seen
    of_bias += total


@compiled
def _gate(rows: Array, slope: Array, of_bias: Array) -> None:
    zero = rows.dtype.type(0)
    total = np.zeros(rows.shape[1], rows.dtype)
    for i in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            slope[i, c] = slope[i, c] if rows[i, c] > zero else zero
            total[c] += slope[i, c]
    of_bias += total


@compiled
def _moments(rows: Array, origin: Array, first: Array, second: Array) -> None:
    """Sums over rows of what lies above the origin, and of its square."""
    first[:], second[:] = 0, 0
    for i in range(len(rows)):
        row = rows[i]
        for c in range(len(first)):
            gap = row[c] - origin[c]
            first[c] += gap
            second[c] += gap * gap


@compiled
def _apply(rows: Array, scale: Array, shift: Array, ends: Array | None, out: Array) -> None:
    zero = rows.dtype.type(0)
    if ends is None:
        for i in range(rows.shape[0]):
            for c in range(rows.shape[1]):
                out[i, c] = max(rows[i, c] * scale[c] + shift[c], zero)
        return
    for jet in range(len(out)):
        total = np.zeros(rows.shape[1], rows.dtype)
        for i in range(ends[jet], ends[jet + 1]):
            row = rows[i]
            for c in range(len(total)):
                total[c] += max(row[c] * scale[c] + shift[c], zero)
        out[jet] = total


@compiled
def _sums(rows: Array, given: Array, ends: Array | None, fixed: Array, of_norm: Array, tilt: Array) -> None:
    """Gradients of the norm's weight and bias, and what the mean and the deviation take of the slope."""
    n, channels = rows.shape
    zero = rows.dtype.type(0)
    mean, inverse, scale, shift = fixed[MEAN], fixed[INVERSE], fixed[SCALE], fixed[SHIFT]
    of_weight, of_bias = np.zeros(channels), np.zeros(channels)
    first, second = np.empty(channels, rows.dtype), np.empty(channels, rows.dtype)
    jet = 0
    for start in range(0, n, TOGETHER):
        first[:], second[:] = 0, 0
        for i in range(start, min(start + TOGETHER, n)):
            if ends is not None:
                while ends[jet + 1] <= i:
                    jet += 1
            row, slope = rows[i], given[i if ends is None else jet]
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
def _pull(rows: Array, given: Array, ends: Array | None, start: int, fixed: Array, tilt: Array, out: Array) -> None:
    """The gradient in front of the norm of some rows, the first of them of that number."""
    zero = rows.dtype.type(0)
    mean, scale, shift = fixed[MEAN], fixed[SCALE], fixed[SHIFT]
    level, lean = tilt[0], tilt[1]
    jet = 0
    for i in range(rows.shape[0]):
        if ends is not None:
            while ends[jet + 1] <= start + i:
                jet += 1
        row, slope, result = rows[i], given[start + i if ends is None else jet], out[i]
        for c in range(rows.shape[1]):
            seen = slope[c] if row[c] * scale[c] + shift[c] > zero else zero
            result[c] = scale[c] * (seen - level[c] - lean[c] * (row[c] - mean[c]))

"""The spline on the processor: one pass forward and one backward over each number, instead of some forty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from partonic.core.compiled import compiled

Floats = NDArray[Any]


@compiled
def _evaluate(x: Floats, e: Floats, least: float, inverse: bool, y: Floats, log: Floats) -> None:
    """Values and logarithms of derivatives, (n,) each, from the exponentials of the free parameters, (n, 3K + 1)."""
    bins = e.shape[1] // 3
    scale = 1.0 - least * bins
    for i in range(len(x)):
        row = e[i]
        sum_w, sum_h = 0.0, 0.0
        for j in range(bins):
            sum_w += row[j]
            sum_h += row[bins + j]
        sum_w, sum_h = scale / sum_w, scale / sum_h
        left, bottom, k, at = 0.0, 0.0, 0, x[i]
        w, h = least + row[0] * sum_w, least + row[bins] * sum_h
        while k < bins - 1 and at >= (bottom + h if inverse else left + w):
            left, bottom, k = left + w, bottom + h, k + 1
            w, h = least + row[k] * sum_w, least + row[bins + k] * sum_h
        d0, d1, s = row[2 * bins + k], row[2 * bins + k + 1], h / w
        bend = d0 + d1 - 2 * s
        if inverse:
            rise = max(at - bottom, 0.0)
            a, b, c = h * (s - d0) + rise * bend, h * d0 - rise * bend, -s * rise
            xi = 2 * c / (-b - math.sqrt(max(b * b - 4 * a * c, 0.0)))
        else:
            xi = (at - left) / w
        xi = min(max(xi, 0.0), 1.0)
        eta = xi * (1 - xi)
        below = s + bend * eta
        ratio = s / below
        slope = ratio * ratio * (d1 * xi * xi + 2 * s * eta + d0 * (1 - xi) * (1 - xi))
        value = left + w * xi if inverse else bottom + h * (s * xi * xi + d0 * eta) / below
        y[i] = min(max(value, 0.0), 1.0)
        log[i] = -math.log(slope) if inverse else math.log(slope)


@compiled
def _gradients(
    x: Floats, e: Floats, least: float, inverse: bool, by_value: Floats, by_log: Floats, by_x: Floats, by_free: Floats
) -> None:
    """Gradients with respect to the argument, (n,), and the free parameters, (n, 3K + 1).

    ``x`` is the argument of the spline in both directions: for the inverse, what that returned. With
    :math:`x = f^{-1}(y)` and A the total gradient at x, the inverse passes A/f' to y and -A/f' to f's parameters.
    """
    bins = e.shape[1] // 3
    scale = 1.0 - least * bins
    for i in range(len(x)):
        row = e[i]
        sum_w, sum_h = 0.0, 0.0
        for j in range(bins):
            sum_w += row[j]
            sum_h += row[bins + j]
        left, k, at = 0.0, 0, x[i]
        w, h = least + scale * row[0] / sum_w, least + scale * row[bins] / sum_h
        while k < bins - 1 and at >= left + w:
            left, k = left + w, k + 1
            w, h = least + scale * row[k] / sum_w, least + scale * row[bins + k] / sum_h
        d0, d1, s = row[2 * bins + k], row[2 * bins + k + 1], h / w
        xi = min(max((at - left) / w, 0.0), 1.0)
        eta, bend = xi * (1 - xi), d0 + d1 - 2 * s
        above, below = s * xi * xi + d0 * eta, s + bend * eta
        part = d1 * xi * xi + 2 * s * eta + d0 * (1 - xi) * (1 - xi)
        slope = s * s * part / (below * below)
        log_xi = 2 * (d1 * xi + s * (1 - 2 * xi) - d0 * (1 - xi)) / part - 2 * bend * (1 - 2 * xi) / below
        gy, gl = by_value[i], by_log[i]
        if inverse:
            total = (gy - gl * log_xi / w) / slope
            by_x[i] = total
            gy, gl = -total, -gl
        g_xi = gy * slope * w + gl * log_xi
        if not inverse:
            by_x[i] = g_xi / w
        square = h / (below * below)
        g_s = gy * square * (xi * xi * below - above * (1 - 2 * eta))
        g_s += gl * (2 / s + 2 * eta / part - 2 * (1 - 2 * eta) / below)
        g_0 = gy * square * eta * (below - above) + gl * ((1 - xi) * (1 - xi) / part - 2 * eta / below)
        g_1 = -gy * square * eta * above + gl * (xi * xi / part - 2 * eta / below)
        g_h, g_w, g_left = gy * above / below + g_s / w, -(g_s * s + g_xi * xi) / w, -g_xi / w
        mean_w, mean_h = row[k] * g_w, row[bins + k] * g_h
        for j in range(k):
            mean_w += row[j] * g_left
            mean_h += row[bins + j] * gy
        mean_w, mean_h = mean_w / sum_w, mean_h / sum_h
        out = by_free[i]
        for j in range(bins):
            own_w = g_left if j < k else (g_w if j == k else 0.0)
            own_h = gy if j < k else (g_h if j == k else 0.0)
            out[j] = scale * row[j] / sum_w * (own_w - mean_w)
            out[bins + j] = scale * row[bins + j] / sum_h * (own_h - mean_h)
            out[2 * bins + j] = 0.0
        out[3 * bins] = 0.0
        out[2 * bins + k] = g_0 * d0
        out[2 * bins + k + 1] = g_1 * d1


def _flat(values: Tensor) -> Floats:
    array: Floats = values.detach().contiguous().numpy()
    return array


class FastSpline(torch.autograd.Function):
    """The spline with its gradient by the kernels above; see :func:`partonic.models.flows.spline.spline`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, free: Tensor, least: float, inverse: bool) -> tuple[Tensor, Tensor]:
        """Values and logarithms of derivatives."""
        exponentials = torch.exp(free.detach()).contiguous()
        value, log = (np.empty(tuple(x.shape), _flat(x).dtype) for _ in range(2))
        rows = _flat(exponentials).reshape(-1, free.shape[-1])
        _evaluate(_flat(x).reshape(-1), rows, least, inverse, value.reshape(-1), log.reshape(-1))
        values = torch.from_numpy(value)
        ctx.save_for_backward(values if inverse else x.detach(), exponentials)
        ctx.least, ctx.inverse = least, inverse
        return values, torch.from_numpy(log)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_value: Tensor, by_log: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients with respect to the argument and the free parameters."""
        x, exponentials = ctx.saved_tensors
        by_x, by_free = torch.empty_like(x), torch.empty_like(exponentials)
        _gradients(
            _flat(x).reshape(-1),
            _flat(exponentials).reshape(-1, exponentials.shape[-1]),
            ctx.least,
            ctx.inverse,
            _flat(by_value).reshape(-1),
            _flat(by_log).reshape(-1),
            by_x.numpy().reshape(-1),
            by_free.numpy().reshape(-1, exponentials.shape[-1]),
        )
        return by_x, by_free, None, None

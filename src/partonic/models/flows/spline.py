r"""Monotonic rational-quadratic splines on the unit interval (Gregory and Delbourgo 1982; arXiv:1906.04032).

Between two knots, with slope :math:`s` of the chord, derivatives :math:`\delta_0, \delta_1` at the knots and
:math:`\xi \in [0, 1]`,

.. math:: y = y_k + h\,\frac{s\xi^2 + \delta_0\,\xi(1-\xi)}{s + (\delta_0 + \delta_1 - 2s)\,\xi(1-\xi)}.

Free parameters of a spline with K bins are 3K + 1 numbers: logarithms of widths and of heights up to a factor, and the
logarithms of the derivatives at the knots. All zero is the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.models.flows.spline_kernels import FastSpline

LEAST = 1e-4  # width and height of a bin, as a share of the interval
LARGEST = 8.0  # of a free parameter


def bins_of(parameters: Tensor) -> int:
    """Number of bins that parameters (..., 3K + 1) describe.

    Raises:
        InputError: their number is not 3K + 1 for any K of 2 or more.
    """
    count = parameters.shape[-1]
    if count < 7 or count % 3 != 1:
        raise InputError(f"a spline of K bins takes 3K + 1 parameters, 7 or more, not {count}")
    return count // 3


def spline(x: Tensor, parameters: Tensor, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
    r"""The spline, or its inverse, with the logarithm of the derivative of what is returned.

    Args:
        x: in [0, 1], (n, dimensions).
        parameters: free parameters, (n, dimensions, 3K + 1).
        inverse: solve for the argument instead.

    Returns:
        Values in [0, 1] and :math:`\ln|\mathrm{d}y/\mathrm{d}x|` (of the inverse where that was asked), both (n,
        dimensions).

    Raises:
        InputError: the shapes do not fit.
    """
    bins_of(parameters)
    if parameters.shape[:-1] != x.shape:
        raise InputError(f"parameters of shape {tuple(parameters.shape)} do not fit values of {tuple(x.shape)}")
    free = parameters.clamp(-LARGEST, LARGEST)
    if x.device.type == "cpu" and x.dtype == parameters.dtype and x.dtype in (torch.float32, torch.float64):
        values, logs = FastSpline.apply(x, free, LEAST, inverse)  # type: ignore[no-untyped-call]
        return values, logs
    return plain_spline(x, free, inverse=inverse)


def plain_spline(x: Tensor, free: Tensor, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """What :func:`spline` gives, by plain tensor operations: for other devices, and to test the fast one.

    Args:
        x: in [0, 1], (n, dimensions).
        free: parameters, (n, dimensions, 3K + 1).
        inverse: solve for the argument instead.
    """
    bins = bins_of(free)
    widths, heights = (_shares(part) for part in (free[..., :bins], free[..., bins : 2 * bins]))
    slopes = torch.exp(free[..., 2 * bins :])
    lefts, bottoms = (torch.cumsum(part, -1) - part for part in (widths, heights))
    knots = bottoms if inverse else lefts
    cell = ((x[..., None] >= knots).sum(-1, keepdim=True) - 1).clamp(0, bins - 1)
    left, bottom, w, h = (part.gather(-1, cell).squeeze(-1) for part in (lefts, bottoms, widths, heights))
    d0, d1 = (slopes.gather(-1, cell + k).squeeze(-1) for k in (0, 1))
    s = h / w
    if inverse:
        rise, bend = (x - bottom).clamp(min=0), d0 + d1 - 2 * s
        a, b, c = h * (s - d0) + rise * bend, h * d0 - rise * bend, -s * rise
        xi = (2 * c / (-b - torch.sqrt((b * b - 4 * a * c).clamp(min=0)))).clamp(0, 1)
    else:
        xi = ((x - left) / w).clamp(0, 1)
    eta = xi * (1 - xi)
    below = s + (d0 + d1 - 2 * s) * eta
    log = 2 * torch.log(s / below) + torch.log(d1 * xi**2 + 2 * s * eta + d0 * (1 - xi) ** 2)
    if inverse:
        return (left + w * xi).clamp(0, 1), -log
    return (bottom + h * (s * xi**2 + d0 * eta) / below).clamp(0, 1), log


def _shares(free: Tensor) -> Tensor:
    """Positive shares of the interval, each at least ``LEAST``."""
    return LEAST + (1 - LEAST * free.shape[-1]) * torch.softmax(free, -1)

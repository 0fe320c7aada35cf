"""Interpolation between a nominal and its variations by one standard deviation (HistFactory, CERN-OPEN-2012-016)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

ADDITIVE = ("code0", "code2", "code4p")
MULTIPLICATIVE = ("code1", "code4")
Derivatives = tuple[Tensor, Tensor, Tensor]


def additive(code: str, alpha: Tensor, down: Tensor, up: Tensor) -> Derivatives:
    r"""What is added to the nominal, with its first and second derivative by :math:`\alpha`.

    ``code0`` is linear on each side, ``code2`` quadratic inside \|alpha\| <= 1 and linear outside, ``code4p`` a
    polynomial of sixth order inside and linear outside.

    Args:
        code: code0, code2 or code4p.
        alpha: parameters in standard deviations, any shape.
        down: variation by -1 less the nominal, of a shape that goes with alpha.
        up: variation by +1 less the nominal, likewise.

    Returns:
        Three tensors of the common shape.
    """
    even, odd = 0.5 * (up + down), 0.5 * (up - down)
    zero = torch.zeros_like(alpha * up)
    high, low = alpha > 1, alpha < -1
    if code == "code0":
        slope = torch.where(alpha >= 0, up, -down)
        return alpha * slope, slope + zero, zero
    if code == "code2":
        value = torch.where(high, up + (odd + 2 * even) * (alpha - 1), even * alpha**2 + odd * alpha)
        value = torch.where(low, down + (odd - 2 * even) * (alpha + 1), value)
        inside = alpha.clamp(-1.0, 1.0)
        return value, 2 * even * inside + odd, torch.where(high | low, 0.0, 2 * even + zero)
    square, eighth = alpha**2, even / 8
    value = alpha * odd + eighth * square * (15 + square * (3 * square - 10))
    first = odd + eighth * alpha * (30 + square * (18 * square - 40))
    second = eighth * (30 + square * (90 * square - 120))
    value = torch.where(high, alpha * up, torch.where(low, -alpha * down, value))
    first = torch.where(high, up, torch.where(low, -down, first))
    return value, first, torch.where(high | low, 0.0, second)


def multiplicative(code: str, alpha: Tensor, down: Tensor, up: Tensor) -> Derivatives:
    r"""The factor on the nominal, with its first and second derivative by :math:`\alpha`.

    ``code1`` is exponential on each side, ``code4`` a polynomial of sixth order inside \|alpha\| < 1 that goes over
    smoothly into the exponentials outside.

    Args:
        code: code1 or code4.
        alpha: parameters in standard deviations, (n, batch).
        down: factor at -1, above 0, (n, 1).
        up: factor at +1, above 0, (n, 1).

    Returns:
        Three tensors (n, batch).
    """
    rate = torch.where(alpha >= 0, torch.log(up), -torch.log(down))
    outside = torch.exp(rate * alpha)
    if code == "code1":
        return outside, rate * outside, rate**2 * outside
    ones, log_up, log_down = torch.ones_like(up), torch.log(up), torch.log(down)
    conditions = torch.cat(
        [up - ones, down - ones, log_up * up, -log_down * down, log_up**2 * up, log_down**2 * down], 1
    )
    coefficients = conditions @ _INVERSE.T  # (n, 6) of alpha, ..., alpha^6
    powers = torch.arange(1, 7, dtype=alpha.dtype)
    inside = alpha.clamp(-1.0, 1.0)
    value = 1 + inside * _horner(coefficients, inside)
    first = _horner(coefficients * powers, inside)
    second = _horner(coefficients[:, 1:] * (powers * (powers - 1))[1:], inside)
    far = alpha.abs() >= 1
    return (
        torch.where(far, outside, value),
        torch.where(far, rate * outside, first),
        torch.where(far, rate**2 * outside, second),
    )


def _horner(coefficients: Tensor, alpha: Tensor) -> Tensor:
    """Polynomial of rising powers from 0: coefficients (n, order), alpha (n, batch)."""
    total = torch.zeros_like(alpha)
    for column in reversed(range(coefficients.shape[1])):
        total = total * alpha + coefficients[:, column : column + 1]
    return total


def _inverse() -> Tensor:
    """From value less 1, slope and curvature at +1 and -1 to the coefficients of alpha to the powers 1 to 6."""
    powers = np.arange(1, 7)
    rows = []
    for order in range(3):
        factor = np.array([np.prod(power - np.arange(order)) for power in powers], dtype=np.float64)
        rows += [factor, factor * (-1.0) ** (powers - order)]
    return torch.from_numpy(np.linalg.inv(np.array(rows)))


_INVERSE = _inverse()

"""Integrands with known integrals."""

import math

import torch

WIDTH = 0.2


def product(x):
    """The product of 2 x: integral 1."""
    return (2 * x).prod(1)


def camel(x):
    """Two Gaussian peaks on the diagonal."""
    norm = (WIDTH * math.sqrt(math.pi)) ** x.shape[1]
    return sum(0.5 * torch.exp(-((x - m) ** 2).sum(1) / WIDTH**2) for m in (0.25, 0.75)) / norm


def camel_integral(dim):
    return (0.5 * (math.erf(0.75 / WIDTH) + math.erf(0.25 / WIDTH))) ** dim


def ridge(x):
    """A Gaussian ridge on the diagonal, which no grid can follow."""
    return torch.exp(-((x[:, 0] - x[:, 1]) ** 2) / (2 * 0.05**2)) * (1 + x[:, 2])


def ridge_integral():
    s = 0.05
    inner = s * math.sqrt(2 * math.pi) * math.erf(1 / (s * math.sqrt(2))) - 2 * s * s * (1 - math.exp(-0.5 / s**2))
    return 1.5 * inner


def signed(x):
    """A peak, and a dip of half its size elsewhere."""
    s, d = 0.2, 0.3
    up = torch.exp(-((x - 0.5 + d) ** 2).sum(1) / (2 * s * s))
    return up - 0.5 * torch.exp(-((x - 0.5 - d) ** 2).sum(1) / (2 * s * s))


def signed_integral():
    def one(m):
        return 0.2 * math.sqrt(math.pi / 2) * (math.erf((1 - m) / 0.2 / 2**0.5) + math.erf(m / 0.2 / 2**0.5))

    return one(0.2) ** 2 - 0.5 * one(0.8) ** 2

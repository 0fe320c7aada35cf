"""Integrands of the integration benchmark with their exact integrals, by closed forms and quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy import integrate, special
from torch import Tensor

from partonic.integrate.channels import CubeMap, Product
from partonic.integrate.maps import Partons, Separate
from partonic.phasespace.maps import BreitWigner, Flat, Power

Function = Callable[[Tensor], Tensor]
S, M, G, X_MIN, DELTA = 13000.0**2, 91.1876, 2.4952, 1e-4, 0.01
LOG = math.log(X_MIN)


@dataclass(frozen=True)
class Case:
    """An integrand over the unit cube, its integral, and channels where it has several."""

    dim: int
    function: Function
    exact: float
    channels: tuple[CubeMap, ...] = field(default=())


def product(dim: int = 4) -> Case:
    return Case(dim, lambda x: (2 * x).prod(1), 1.0)


def camel(dim: int, width: float = 0.2, first: float = 0.5) -> Case:
    norm, humps = (width * math.sqrt(math.pi)) ** dim, ((first, 0.25), (1 - first, 0.75))

    def function(x: Tensor) -> Tensor:
        return sum(share * torch.exp(-((x - m) ** 2).sum(1) / width**2) for share, m in humps) / norm  # type: ignore[return-value]

    one = 0.5 * float(special.erf(0.75 / width) + special.erf(0.25 / width))
    return Case(dim, function, one**dim)


def signed() -> Case:
    s, d = 0.2, 0.3

    def function(x: Tensor) -> Tensor:
        up = torch.exp(-((x - 0.5 + d) ** 2).sum(1) / (2 * s * s))
        return up - 0.5 * torch.exp(-((x - 0.5 - d) ** 2).sum(1) / (2 * s * s))

    def one(m: float) -> float:
        return s * math.sqrt(math.pi / 2) * float(special.erf((1 - m) / s / 2**0.5) + special.erf(m / s / 2**0.5))

    return Case(2, function, one(0.2) ** 2 - 0.5 * one(0.8) ** 2)


def lorentz(x: Tensor, m: float, g: float) -> Tensor:
    return (g / math.pi) / ((x - m) ** 2 + g**2)


def lorentz_integral(m: float, g: float) -> float:
    return (math.atan((1 - m) / g) + math.atan(m / g)) / math.pi


def _drell_yan(u1: Tensor, u2: Tensor) -> Tensor:
    """A Breit-Wigner in x1 x2 S, with x1 and x2 logarithmic: a ridge along the diagonal."""
    x1, x2 = torch.exp(LOG * u1), torch.exp(LOG * u2)
    s = x1 * x2 * S
    return (x1 * x2) ** 0.8 * ((1 - x1) * (1 - x2)) ** 3 * s / ((s - M * M) ** 2 + (M * G) ** 2) * 1e3


def _rest(u: Tensor) -> Tensor:
    ring = lorentz(0.5 * (u[:, 2] + u[:, 5]), 0.5, 0.02) / (2 - 2 * u[:, 2] + DELTA)
    return ring * (1 + 0.5 * torch.cos(2 * math.pi * u[:, 3])) * lorentz(u[:, 4], 0.4, 0.005)


def _exact_drell_yan() -> float:
    peak = math.log(M * M / S) / LOG

    def inner(total: float) -> float:
        low, high = max(0.0, total - 1), min(1.0, total)
        x, w = np.polynomial.legendre.leggauss(64)
        u = torch.from_numpy(0.5 * (low + high) + 0.5 * (high - low) * x)
        return float((torch.from_numpy(w) * _drell_yan(u, total - u)).sum()) * 0.5 * (high - low)

    places = sorted([1.0, *(peak + d for d in (-0.1, -0.02, 0.0, 0.02, 0.1))])
    first: float = integrate.quad(inner, 0, 2, points=places, limit=400, epsrel=1e-8)[0]

    def ring(u: float) -> float:
        ends = (math.atan((0.5 * (u + k) - 0.5) / 0.02) / math.pi for k in (0, 1))
        low, high = ends
        return 2 * (high - low) / (2 - 2 * u + DELTA)

    second: float = integrate.quad(ring, 0, 1, points=[0.9, 0.98], limit=400, epsrel=1e-10)[0]
    return first * second * lorentz_integral(0.4, 0.005)


def unmapped() -> Case:
    return Case(6, lambda u: _drell_yan(u[:, 0], u[:, 1]) * _rest(u), _exact_drell_yan())


def mapped() -> Case:
    """The same integrand, with a channel that the library builds: the resonance of the pair, an even rapidity."""
    peak = BreitWigner(M, G, X_MIN**2 * S, S)
    partons = Partons(peak, math.sqrt(S), X_MIN, logarithmic=True)
    channel = Product(((partons, (0, 1)), (Separate((Flat(0.0, 1.0),) * 4), (2, 3, 4, 5))))
    return replace(unmapped(), channels=(channel,))


RESONANCES = ((0, 1, 0.3, 0.003), (2, 3, 0.6, 0.01))


def resonance(y: Tensor, number: int) -> Tensor:
    a, b, m, g = RESONANCES[number]
    return lorentz(y[:, a], m, g) / (y[:, b] + DELTA)


def two_channels() -> Case:
    """Two resonances with a t channel each, their interference, and correlations of the other variables."""

    def function(y: Tensor) -> Tensor:
        one, two = resonance(y, 0), resonance(y, 1)
        shared = torch.exp(-(((y[:, 4] + y[:, 5] - 1) / 0.15) ** 2) - ((y[:, 6] - y[:, 7]) / 0.2) ** 2)
        return (one + two + torch.sqrt(one * two)) * shared * (0.3 + y[:, 4])

    def root(m: float, g: float) -> float:
        places = [m, m - 5 * g, m + 5 * g]
        value: float = integrate.quad(
            lambda v: math.sqrt(g / math.pi / ((v - m) ** 2 + g * g)), 0, 1, points=places, limit=400
        )[0]
        return value

    t, root_t = math.log(101.0), 2 * (math.sqrt(1.01) - math.sqrt(0.01))
    x, w = np.polynomial.legendre.leggauss(400)
    x, w = 0.5 * (x + 1), 0.5 * w
    a, b = np.meshgrid(x, x)
    both = np.outer(w, w)
    first = (both * np.exp(-(((a + b - 1) / 0.15) ** 2)) * (0.3 + a)).sum()
    second = (both * np.exp(-(((a - b) / 0.2) ** 2))).sum()
    peaks = [lorentz_integral(m, g) * t for *_, m, g in RESONANCES]
    cross = root(0.3, 0.003) * root(0.6, 0.01) * root_t**2
    return Case(8, function, float((sum(peaks) + cross) * first * second), tuple(_channel(k) for k in (0, 1)))


def _channel(number: int) -> Separate:
    a, b, m, g = RESONANCES[number]
    maps: list[Flat | Power | Peak] = [Flat(0.0, 1.0)] * 8
    maps[a], maps[b] = Peak(m, g), Power(0.0, 1.0, 1.0, DELTA)
    return Separate(tuple(maps))


@dataclass(frozen=True)
class Peak:
    """The map of a Lorentz peak in (0, 1)."""

    middle: float
    width: float

    def forward(self, u: Tensor) -> Tensor:
        """The variable."""
        low, high = (math.atan((end - self.middle) / self.width) for end in (0.0, 1.0))
        return (self.middle + self.width * torch.tan(low + (high - low) * u)).clamp(0, 1)

    def inverse(self, x: Tensor) -> Tensor:
        """Back."""
        low, high = (math.atan((end - self.middle) / self.width) for end in (0.0, 1.0))
        return (torch.atan((x - self.middle) / self.width) - low) / (high - low)

    def density(self, x: Tensor) -> Tensor:
        """Density du/dx."""
        return lorentz(x, self.middle, self.width) / lorentz_integral(self.middle, self.width)


CASES: dict[str, Callable[[], Case]] = {
    "prod4": product,
    "camel4": lambda: camel(4),
    "camel8": lambda: camel(8),
    "camel16": lambda: camel(16),
    "camel16, uneven": lambda: camel(16, first=0.8),
    "signed2": signed,
    "bwt6": unmapped,
    "bwt6m": mapped,
    "mc8": two_channels,
}

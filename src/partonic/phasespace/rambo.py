r"""Momenta spread evenly over the phase space of n massless particles, with the inverse (Plaetzer, arXiv:1308.2922).

Particle after particle splits off from the rest: one number gives the mass of the rest, two give the direction, so that
3n - 4 numbers make n momenta, one to one. All points have the same weight, the volume

.. math:: V_n = (2\pi)^{4-3n} \left(\frac{\pi}{2}\right)^{n-1} \frac{s^{n-2}}{(n-1)!\,(n-2)!}.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from partonic.core.errors import InputError


def volume(n: int, energy: float) -> float:
    r"""Volume of the phase space :math:`\prod \mathrm{d}^3p_i/[(2\pi)^3 2E_i]\,(2\pi)^4\delta^4`, in GeV^(2n - 4).

    Args:
        n: number of massless particles, 2 or more.
        energy: in their rest frame, in GeV.
    """
    _check(n)
    flat = (math.pi / 2) ** (n - 1) * energy ** (2 * n - 4) / (math.factorial(n - 1) * math.factorial(n - 2))
    return flat * (2 * math.pi) ** (4 - 3 * n)


def _check(n: int) -> None:
    if n < 2:
        raise InputError(f"a phase space needs 2 particles or more, not {n}")


def _share(v: Tensor, power: int) -> Tensor:
    """Cumulative distribution of v = (mass of the rest / mass)^2: (p + 1) v^p - p v^(p + 1)."""
    return v**power * (power + 1 - power * v)


def _solve(u: Tensor, power: int) -> Tensor:
    """The v in (0, 1) with ``_share(v) = u``, by bisection and then Newton's method."""
    low, high = torch.zeros_like(u), torch.ones_like(u)
    for _ in range(20):
        middle = 0.5 * (low + high)
        below = _share(middle, power) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    v = 0.5 * (low + high)
    for _ in range(4):
        slope = power * (power + 1) * v ** (power - 1) * (1 - v)
        step = (_share(v, power) - u) / slope.clamp_min(1e-300)
        v = torch.minimum(torch.maximum(v - step, low), high)
    return v


def boost(p4: Tensor, frame: Tensor, *, back: bool = False) -> Tensor:
    """Momenta of the rest frame of ``frame`` as seen from outside, or ``back`` into it.

    Args:
        p4: (..., 4) as (E, px, py, pz).
        frame: time-like momentum, (..., 4).
        back: from outside into the rest frame.
    """
    mass = torch.sqrt((frame[..., 0] ** 2 - (frame[..., 1:] ** 2).sum(-1)).clamp_min(1e-300))
    direction = -frame[..., 1:] if back else frame[..., 1:]
    along = (p4[..., 1:] * direction).sum(-1)
    energy = (p4[..., 0] * frame[..., 0] + along) / mass
    factor = (p4[..., 0] + energy) / (mass + frame[..., 0])
    return torch.cat([energy[..., None], p4[..., 1:] + factor[..., None] * direction], -1)


def forward(u: Tensor, energy: float) -> Tensor:
    """Momenta in the rest frame of all.

    Args:
        u: numbers in (0, 1), (points, 3n - 4).
        energy: total energy, in GeV.

    Returns:
        Momenta (E, px, py, pz) in GeV, (points, n, 4).

    Raises:
        InputError: the number of columns is not 3n - 4 for any n.
    """
    if u.ndim != 2 or u.shape[1] < 2 or (u.shape[1] + 4) % 3:
        raise InputError(f"n momenta take 3n - 4 numbers a point, not the shape {tuple(u.shape)}")
    n = (u.shape[1] + 4) // 3
    mass = torch.full_like(u[:, 0], energy)
    frame = torch.stack([mass, *[torch.zeros_like(mass)] * 3], -1)
    momenta = []
    for i in range(n - 1):
        left = n - 2 - i  # massless particles beyond one in the rest
        rest = mass * torch.sqrt(_solve(u[:, i], left)) if left else torch.zeros_like(mass)
        cos, phi = 2 * u[:, n - 2 + 2 * i] - 1, 2 * math.pi * u[:, n - 1 + 2 * i]
        p = (mass * mass - rest * rest) / (2 * mass)
        sin = torch.sqrt((1 - cos) * (1 + cos))
        direction = torch.stack([sin * torch.cos(phi), sin * torch.sin(phi), cos], -1) * p[:, None]
        momenta.append(boost(torch.cat([p[:, None], direction], -1), frame))
        others = torch.cat([torch.sqrt(p * p + rest * rest)[:, None], -direction], -1)
        frame, mass = boost(others, frame), rest
    momenta.append(frame)
    return torch.stack(momenta, 1)


def inverse(momenta: Tensor) -> Tensor:
    """The numbers that give the momenta, (points, 3n - 4).

    Args:
        momenta: massless, in the rest frame of all, (points, n, 4).
    """
    n = momenta.shape[1]
    _check(n)
    frame = momenta.sum(1)
    mass = frame[:, 0]
    masses, angles = [], []
    for i in range(n - 1):
        left = n - 2 - i
        seen = boost(momenta[:, i], frame, back=True)
        frame = momenta[:, i + 1 :].sum(1)
        if left:
            rest = torch.sqrt((mass * (mass - 2 * seen[:, 0])).clamp_min(0.0))
            masses.append(_share((rest / mass) ** 2, left))
            mass = rest
        angles.append(0.5 * (1 + seen[:, 3] / seen[:, 0]))
        angles.append(torch.remainder(torch.atan2(seen[:, 2], seen[:, 1]) / (2 * math.pi), 1.0))
    return torch.stack([*masses, *angles], 1)

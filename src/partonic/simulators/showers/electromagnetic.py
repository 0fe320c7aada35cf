r"""Electromagnetic showers as Grindhammer and Peters parametrise them (hep-ex/0001020, homogeneous media).

Along the axis the energy follows a Gamma distribution of the depth t (in radiation lengths) whose maximum T and shape
:math:`\alpha` fluctuate, their logarithms jointly Gaussian:

.. math:: \frac{\mathrm{d}E}{E\,\mathrm{d}t} = \frac{(\beta t)^{\alpha - 1} \beta e^{-\beta t}}{\Gamma(\alpha)},
          \qquad T = \frac{\alpha - 1}{\beta} .

Across, at :math:`\tau = t / T` and with the radius r in units of the Moliere radius, it is a core and a tail,

.. math:: f(r) = p \frac{2 r R_C^2}{(r^2 + R_C^2)^2} + (1 - p) \frac{2 r R_T^2}{(r^2 + R_T^2)^2} .

It is laid down in a finite number of spots of equal energy.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc

from partonic.simulators.showers.geometry import Absorber, Floats

LEAST_ENERGY = 0.5  # GeV; weaker showers take the shape of one of this energy
LEAST_SHAPE = 1.05  # of alpha: a shower has a maximum


def mean_logs(energy: Floats, medium: Absorber) -> Floats:
    r"""Means of ln T and :math:`\ln \alpha`, (..., 2), at energies in GeV (equations in appendix A.1.2)."""
    y = _log_energy(energy, medium)
    return np.stack([np.log(y - 0.812), np.log(0.81 + (0.458 + 2.26 / medium.number) * y)], axis=-1)


def covariance_of_logs(energy: Floats, medium: Absorber) -> Floats:
    r"""Covariance of ln T and :math:`\ln \alpha`, (..., 2, 2), at energies in GeV."""
    y = _log_energy(energy, medium)
    first, second, correlation = 1 / (-1.4 + 1.26 * y), 1 / (-0.58 + 0.86 * y), 0.705 - 0.023 * y
    mixed = correlation * first * second
    return np.stack([np.stack([first**2, mixed], -1), np.stack([mixed, second**2], -1)], -2)


def draw_logs(energy: Floats, medium: Absorber, shift: Floats, rng: np.random.Generator) -> Floats:
    r"""Draw ln T and :math:`\ln \alpha`, (n, 2).

    Args:
        energy: in GeV, (n,).
        medium: in which the shower develops.
        shift: of the mean of ln T, (n,).
        rng: source of randomness.
    """
    root = np.linalg.cholesky(covariance_of_logs(energy, medium))
    normal = rng.standard_normal((len(energy), 2))
    logs: Floats = mean_logs(energy, medium) + np.einsum("nij,nj->ni", root, normal)
    logs[:, 0] += shift
    return logs


def shape_of(logs: Floats) -> tuple[Floats, Floats]:
    r"""T in radiation lengths and :math:`\alpha`, (n,) each, from their logarithms (n, 2)."""
    return np.exp(logs[:, 0]), np.maximum(np.exp(logs[:, 1]), LEAST_SHAPE)


def energy_before(depth: Floats, logs: Floats) -> Floats:
    """Share of the energy before some depths.

    Args:
        depth: in radiation lengths, (edges,) or (n, edges); none before 0.
        logs: of T and alpha, (n, 2).

    Returns:
        (n, edges), between 0 and 1.
    """
    maximum, alpha = shape_of(logs)
    beta = (alpha - 1) / maximum
    share: Floats = gammainc(alpha[:, None], beta[:, None] * np.maximum(depth, 0.0))
    return share


def energy_within(radius: Floats, tau: Floats, energy: Floats, medium: Absorber) -> Floats:
    """Share of the energy of a slice within some radii (the integral of f).

    Args:
        radius: in units of the Moliere radius, (rings,).
        tau: depth of the slice over that of the maximum, (n, layers).
        energy: of the shower in GeV, (n,).
        medium: in which it develops.

    Returns:
        (n, layers, rings), between 0 and 1.
    """
    log_energy, number = np.log(np.maximum(energy, LEAST_ENERGY))[:, None], medium.number
    core = 0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * number) * tau
    fall, rise = np.exp(-2.59 * (tau - 0.645)), np.exp((0.3585 + 0.0412 * log_energy) * (tau - 0.645))
    tail = (0.659 - 0.00309 * number) * (fall + rise)
    position = (0.401 + 0.00187 * number - tau) / (1.313 - 0.0686 * log_energy)
    p = np.clip((2.632 - 0.00094 * number) * np.exp(position - np.exp(position)), 0.0, 1.0)
    squares = np.asarray(radius) ** 2
    within = [squares / (squares + width[..., None] ** 2) for width in (core, tail)]
    share: Floats = p[..., None] * within[0] + (1 - p[..., None]) * within[1]
    return share


def spots_of(energy: Floats, medium: Absorber) -> Floats:
    """Mean number of spots of a shower of an energy in GeV, 93 ln(Z) E^0.876."""
    number: Floats = 93.0 * np.log(medium.number) * energy**0.876
    return number


def spots_before(depth: Floats, logs: Floats, medium: Absorber) -> Floats:
    """Share of the spots before some depths, as :func:`energy_before`; they come later and with less order."""
    maximum, alpha = shape_of(logs)
    late = np.maximum(alpha * (0.639 + 0.00334 * medium.number), LEAST_SHAPE)
    beta = (late - 1) / (maximum * (0.698 + 0.00212 * medium.number))
    share: Floats = gammainc(late[:, None], beta[:, None] * np.maximum(depth, 0.0))
    return share


def _log_energy(energy: Floats, medium: Absorber) -> Floats:
    log: Floats = np.log(np.maximum(energy, LEAST_ENERGY) / medium.critical_energy)
    return log

r"""The theory of the example: the Standard Model and the operators O_W and O_WW (arXiv:1805.00013, eq. 27).

.. math:: \mathcal{L} = \mathcal{L}_\mathrm{SM}
    + \frac{f_W}{\Lambda^2} \frac{i g}{2} (D^\mu\phi)^\dagger \sigma^a (D^\nu\phi) W^a_{\mu\nu}
    - \frac{f_{WW}}{\Lambda^2} \frac{g^2}{4} (\phi^\dagger\phi) W^a_{\mu\nu} W^{\mu\nu a},
    \qquad \theta = \frac{v^2}{\Lambda^2} (f_W, f_{WW}).

The amplitude is linear in theta, so that each event carries six numbers :math:`c`, its morphing components, with
:math:`\mathrm{d}\sigma(\theta) = c \cdot (1, \theta_1, \theta_2, \theta_1^2, \theta_1\theta_2, \theta_2^2)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError

Floats = NDArray[np.float64]
PARAMETERS = ("f_W", "f_WW")
COMPONENTS = ("1", "f_W", "f_WW", "f_W^2", "f_W f_WW", "f_WW^2")


@dataclass(frozen=True)
class Constants:
    """Masses, couplings and scales; energies in GeV.

    Args:
        energy: of the two protons in their rest frame.
        higgs_mass: of the stable Higgs boson.
        w_mass: of the W.
        z_mass: of the Z.
        sin2: squared sine of the weak mixing angle.
        alpha: electromagnetic coupling at the mass of the Z.
        vev: vacuum expectation value v of the Higgs field.
        scale: factorisation scale.
        photons: include the fusion of photons, alone and with the Z, which the operators bring.

    Raises:
        InputError: a number is not above 0, or ``sin2`` is not below 1.
    """

    energy: float = 13_000.0
    higgs_mass: float = 125.0
    w_mass: float = 80.385
    z_mass: float = 91.1876
    sin2: float = 0.2312
    alpha: float = 0.00781751
    vev: float = 246.22
    scale: float = 80.385
    photons: bool = True

    def __post_init__(self) -> None:
        for name in ("energy", "higgs_mass", "w_mass", "z_mass", "sin2", "alpha", "vev", "scale"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} of weak boson fusion must be above 0, not {value}")
        if self.sin2 >= 1:
            raise InputError(f"sin2 is the squared sine of an angle, below 1, not {self.sin2}")

    @property
    def weak(self) -> float:
        """Coupling g of SU(2)."""
        return math.sqrt(4 * math.pi * self.alpha / self.sin2)

    @property
    def electric(self) -> float:
        """Coupling e."""
        return math.sqrt(4 * math.pi * self.alpha)

    @property
    def sin(self) -> float:
        """Sine of the mixing angle."""
        return math.sqrt(self.sin2)

    @property
    def cos(self) -> float:
        """Cosine of the mixing angle."""
        return math.sqrt(1 - self.sin2)


def as_theta(theta: Any) -> Floats:
    """Points (f_W, f_WW), (..., 2), checked.

    Raises:
        InputError: the last axis is not of length 2, or a number is not finite.
    """
    values = np.asarray(theta, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != len(PARAMETERS):
        raise InputError(f"theta of weak boson fusion has two numbers, f_W and f_WW, not the shape {values.shape}")
    if not np.all(np.isfinite(values)):
        raise InputError("theta of weak boson fusion must be finite")
    return values


def basis(theta: Any) -> Floats:
    """The polynomials (1, a, b, a^2, ab, b^2) of theta = (a, b), (..., 6)."""
    values = as_theta(theta)
    a, b = values[..., 0], values[..., 1]
    return np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=-1)


def gradient(theta: Any) -> Floats:
    """The derivatives of :func:`basis` by theta, (..., 2, 6)."""
    values = as_theta(theta)
    a, b = values[..., 0], values[..., 1]
    zero, one = np.zeros_like(a), np.ones_like(a)
    by_a = np.stack([zero, one, zero, 2 * a, b, zero], axis=-1)
    by_b = np.stack([zero, zero, one, zero, a, 2 * b], axis=-1)
    return np.stack([by_a, by_b], axis=-2)


def joint_score(components: Floats, theta: Any) -> Floats:
    """The gradient of ln dsigma by theta at one point, (events, 2), from components (events, 6)."""
    score: Floats = (components @ gradient(theta).T) / (components @ basis(theta))[:, None]
    return score

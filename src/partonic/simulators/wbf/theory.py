r"""The theory of the example: the Standard Model and the operators O_W and O_WW (arXiv:1805.00013, eq. 27).

.. math:: \mathcal{L} = \mathcal{L}_\mathrm{SM}
    + \frac{f_W}{\Lambda^2} \frac{i g}{2} (D^\mu\phi)^\dagger \sigma^a (D^\nu\phi) W^a_{\mu\nu}
    - \frac{f_{WW}}{\Lambda^2} \frac{g^2}{4} (\phi^\dagger\phi) W^a_{\mu\nu} W^{\mu\nu a},
    \qquad \theta = \frac{v^2}{\Lambda^2} (f_W, f_{WW}).

The amplitude is linear in theta, so that each event carries six numbers :math:`c`, its morphing components, with
:math:`\mathrm{d}\sigma(\theta) = c \cdot (1, \theta_1, \theta_2, \theta_1^2, \theta_1\theta_2, \theta_2^2)`. Where
the Higgs boson decays by the same operators, production times decay is a polynomial of degree four, with fifteen.
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
        z_width: of the Z, in decays (the bosons that fuse are spacelike).
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
    z_width: float = 2.4952
    sin2: float = 0.2312
    alpha: float = 0.00781751
    vev: float = 246.22
    scale: float = 80.385
    photons: bool = True

    def __post_init__(self) -> None:
        for name in ("energy", "higgs_mass", "w_mass", "z_mass", "z_width", "sin2", "alpha", "vev", "scale"):
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


def powers(degree: int = 2) -> tuple[tuple[int, int], ...]:
    """Powers of (f_W, f_WW) in each monomial up to a degree: those of lower degree first, then those with more f_W."""
    return tuple((order - b, b) for order in range(degree + 1) for b in range(order + 1))


def degree_of(components: int) -> int:
    """The degree of the polynomial that has so many components: 2 of six, 4 of fifteen.

    Raises:
        InputError: there is none.
    """
    for degree in (2, 4):
        if len(powers(degree)) == components:
            return degree
    raise InputError(f"weak boson fusion has 6 components, or 15 with a decay to four leptons, not {components}")


def basis(theta: Any, degree: int = 2) -> Floats:
    """The monomials of theta = (a, b) in the order of :func:`powers`: (1, a, b, a^2, ab, b^2, ...), (..., 6 or 15)."""
    values = as_theta(theta)
    a, b = values[..., 0], values[..., 1]
    return np.stack([a**i * b**j for i, j in powers(degree)], axis=-1)


def gradient(theta: Any, degree: int = 2) -> Floats:
    """The derivatives of :func:`basis` by theta, (..., 2, 6 or 15)."""
    values = as_theta(theta)
    a, b = values[..., 0], values[..., 1]
    by_a = np.stack([i * a ** max(i - 1, 0) * b**j for i, j in powers(degree)], axis=-1)
    by_b = np.stack([j * a**i * b ** max(j - 1, 0) for i, j in powers(degree)], axis=-1)
    return np.stack([by_a, by_b], axis=-2)


def multiplication() -> Floats:
    """How the products of two times six components add up to fifteen, (15, 6, 6) of 0 and 1."""
    table = np.zeros((15, 6, 6))
    place = {pair: row for row, pair in enumerate(powers(4))}
    for i, (a, b) in enumerate(powers()):
        for j, (c, d) in enumerate(powers()):
            table[place[a + c, b + d], i, j] = 1
    return table


def product(first: Floats, second: Floats) -> Floats:
    """Components of the product of two quadratic polynomials: (..., 6) and (..., 6) to (..., 15)."""
    result: Floats = np.einsum("kij,...i,...j->...k", multiplication(), first, second, optimize=True)
    return result


def joint_score(components: Floats, theta: Any) -> Floats:
    """The gradient of ln dsigma by theta at one point, (events, 2), from components (events, 6 or 15)."""
    degree = degree_of(components.shape[-1])
    score: Floats = (components @ gradient(theta, degree).T) / (components @ basis(theta, degree))[:, None]
    return score

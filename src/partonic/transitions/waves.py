r"""Gravitational waves of a first-order phase transition, by the templates of the LISA cosmology working group.

A transition is described by its strength alpha, its rate beta/H, its temperature and the number of relativistic
degrees of freedom; the plasma's kinetic energy, :math:`K = \kappa\alpha/(1+\alpha)`, follows from the velocity of the
walls (:mod:`partonic.transitions.fluid`). The templates of 2019 (arXiv:1910.13125 for sound waves; arXiv:1512.06239
for turbulence and collisions) have one break; those of 2024 (arXiv:2403.03723) have two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, unknown
from partonic.transitions.fluid import SOUND, efficiency

Floats = NDArray[np.float64]
Template = Literal["2019", "2024"]
TEMPLATES = ("2019", "2024")
HUBBLE = 0.678  # of the templates, in 100 km/s/Mpc
NARROWEST = 1e-3  # thickness of the sound shell over the bubble's radius; walls at the speed of sound have none
SOUND_2019, EFFICIENCY_2019 = 2.061, 0.012
SOUND_2024, COLLISIONS_2024, TURBULENCE_2024, EDDIES = 0.11, 0.05, 4.37e-3, 2.0
HIGGSLESS = 0.6  # kinetic energy of colliding bubbles over that of single ones, in the simulations behind 2024


class Strength(Protocol):
    """What the waves of a transition depend on, besides the velocity of its walls."""

    @property
    def alpha(self) -> float:
        """Freed energy over that of the radiation."""
        ...

    @property
    def beta_over_hubble(self) -> float:
        """Rate at which nucleation speeds up, in units of the Hubble rate."""
        ...

    @property
    def temperature(self) -> float:
        """When bubbles collide, GeV."""
        ...

    @property
    def degrees(self) -> float:
        """Relativistic degrees of freedom, g*."""
        ...


@dataclass(frozen=True)
class Numbers:
    """A transition given by its numbers.

    Args:
        alpha: freed energy over that of the radiation.
        beta_over_hubble: beta/H.
        temperature: GeV.
        degrees: g*; the default is that of the Standard Model's plasma.

    Raises:
        InputError: one of them is not above 0.
    """

    alpha: float
    beta_over_hubble: float
    temperature: float
    degrees: float = 106.75

    def __post_init__(self) -> None:
        for name in ("alpha", "beta_over_hubble", "temperature", "degrees"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} of a transition must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class WaveSpectrum:
    r"""Spectra :math:`h^2\Omega(f)` today; frequencies in Hz, any shape.

    Args:
        strength: the transition.
        wall_velocity: of the bubbles.
        efficiency: kappa, share of the energy not in the walls that moves the plasma.
        kinetic: K, kinetic energy of the plasma over all energy.
        radius: mean distance of bubbles in Hubble lengths, H R.
        template: 2019 or 2024.
        turbulence_share: energy of turbulence over that of sound.
        wall_share: freed energy that stays in the walls until they collide.
    """

    strength: Strength
    wall_velocity: float
    efficiency: float
    kinetic: float
    radius: float
    template: Template
    turbulence_share: float
    wall_share: float

    @property
    def hubble_frequency(self) -> float:
        """The Hubble rate at the transition, as a frequency today, Hz."""
        return float(1.65e-5 * (self.strength.temperature / 100) * (self.strength.degrees / 100) ** (1 / 6))

    @property
    def redshifted(self) -> float:
        """Energy density in waves today over that at the transition, times h^2."""
        return float(3.57e-5 * HUBBLE**2 * (100 / self.strength.degrees) ** (1 / 3))

    @property
    def duration(self) -> float:
        """How long sound lasts before shocks form, in Hubble times, at most 1."""
        return min(1.0, self.radius / math.sqrt(0.75 * self.kinetic))

    def sound(self, frequency: ArrayLike) -> Floats:
        """Of sound waves after the bubbles have collided."""
        f = _frequencies(frequency)
        size = self.redshifted * self.kinetic**2 * self.radius * self.duration
        if self.template == "2019":
            peak = 26e-6 / self.radius * (self.strength.temperature / 100) * (self.strength.degrees / 100) ** (1 / 6)
            x = f / peak
            sound: Floats = SOUND_2019 * EFFICIENCY_2019 * size * x**3 * (7 / (4 + 3 * x**2)) ** 3.5
            return sound
        first, second = (
            0.2 * self.hubble_frequency / self.radius,
            0.5 * self.hubble_frequency / self.radius / self._shell,
        )
        return SOUND_2024 * size * _two_breaks(f, first, second, (3, 1, -3), (2, 4), _shell_norm(second / first))

    def turbulence(self, frequency: ArrayLike) -> Floats:
        """Of magnetised turbulence."""
        f = _frequencies(frequency)
        part = self.turbulence_share * self.kinetic
        if self.template == "2019":
            rate, g = self.strength.beta_over_hubble, self.strength.degrees
            peak = 2.7e-5 * rate / self.wall_velocity * (self.strength.temperature / 100) * (g / 100) ** (1 / 6)
            x = f / peak
            shape = x**3 / ((1 + x) ** (11 / 3) * (1 + 8 * math.pi * f / self.hubble_frequency))
            turbulent: Floats = 3.35e-4 / rate * part**1.5 * (100 / g) ** (1 / 3) * self.wall_velocity * shape
            return turbulent
        if part == 0:
            return np.zeros_like(f)
        first = math.sqrt(3 * part) / (2 * EDDIES) * self.hubble_frequency / self.radius
        second = 2.2 * self.hubble_frequency / self.radius
        size = TURBULENCE_2024 * self.redshifted * part**2 * self.radius**2
        return size * _two_breaks(f, first, second, (3, 1, -8 / 3), (4, 2.15), 1.0)

    def collisions(self, frequency: ArrayLike) -> Floats:
        """Of the walls themselves as they collide."""
        f = _frequencies(frequency)
        rate, g, wall = self.strength.beta_over_hubble, self.strength.degrees, self.wall_velocity
        energy = self.wall_share * self.strength.alpha / (1 + self.strength.alpha)
        if self.template == "2019":
            peak = 1.65e-5 * rate * 0.62 / (1.8 - 0.1 * wall + wall**2) * (self.strength.temperature / 100)
            x = f / (peak * (g / 100) ** (1 / 6))
            size = 1.67e-5 / rate**2 * energy**2 * (100 / g) ** (1 / 3) * 0.11 * wall**3 / (0.42 + wall**2)
            collided: Floats = size * 3.8 * x**2.8 / (1 + 2.8 * x**3.8)
            return collided
        x = f / (0.11 * self.hubble_frequency * rate)
        size = COLLISIONS_2024 * self.redshifted * energy**2 / rate**2
        return size * x**2.4 * (0.5 + 0.5 * x**1.2) ** -4

    def total(self, frequency: ArrayLike) -> Floats:
        """The sum of the three."""
        return self.sound(frequency) + self.turbulence(frequency) + self.collisions(frequency)

    @property
    def _shell(self) -> float:
        """Thickness of the sound shell over the radius of the bubble."""
        return max(NARROWEST, abs(self.wall_velocity - SOUND) / max(self.wall_velocity, SOUND))


def gravitational_waves(
    transition: Strength,
    wall_velocity: float,
    template: Template = "2024",
    *,
    turbulence_share: float = 0.05,
    wall_share: float = 0.0,
) -> WaveSpectrum:
    """The spectrum of gravitational waves of a transition.

    Args:
        transition: its strength, rate and temperature: a found one, or ``Numbers``.
        wall_velocity: of the bubbles, in units of the speed of light.
        template: of 2019 or 2024.
        turbulence_share: energy of turbulence over that of sound; 0 leaves it out.
        wall_share: freed energy that the walls keep until they collide, 0 unless they run away.

    Raises:
        InputError: a number is out of its range, or no stationary wall is that slow.
        UnknownNameError: there is no such template.
    """
    if template not in TEMPLATES:
        raise unknown("template", str(template), TEMPLATES)
    for name, share in (("turbulence_share", turbulence_share), ("wall_share", wall_share)):
        if not 0 <= share <= 1:
            raise InputError(f"{name} is between 0 and 1, not {share}")
    for name in ("alpha", "beta_over_hubble", "temperature", "degrees"):
        if not getattr(transition, name) > 0:
            raise InputError(f"{name} of a transition must be above 0, not {getattr(transition, name)}")
    alpha = transition.alpha
    kappa = efficiency(alpha, wall_velocity) * (1 - wall_share)
    kinetic = kappa * alpha / (1 + alpha) * (HIGGSLESS if template == "2024" else 1.0)
    radius = (8 * math.pi) ** (1 / 3) * max(wall_velocity, SOUND) / transition.beta_over_hubble
    return WaveSpectrum(transition, wall_velocity, kappa, kinetic, radius, template, turbulence_share, wall_share)


def _frequencies(frequency: ArrayLike) -> Floats:
    f = np.asarray(frequency, dtype=np.float64)
    if not (f > 0).all():
        raise InputError("frequencies must be above 0 Hz")
    return f


def _two_breaks(
    f: Floats,
    first: float,
    second: float,
    slopes: tuple[float, float, float],
    sharpness: tuple[float, float],
    at: float,
) -> Floats:
    """Three power laws joined at two frequencies, with the value ``at`` at the second."""
    n1, n2, n3 = slopes
    a1, a2 = sharpness

    def shape(x: Floats) -> Floats:
        low = (x / first) ** n1 * (1 + (x / first) ** a1) ** ((n2 - n1) / a1)
        return np.asarray(low * (1 + (x / second) ** a2) ** ((n3 - n2) / a2))

    return at * shape(f) / shape(np.asarray(second))


def _shell_norm(ratio: float) -> float:
    """Value at the second break of the shape of sound waves of unit integral over ln f."""
    return (math.sqrt(2) + 2 * ratio / (1 + ratio**2)) / math.pi

r"""What detectors of gravitational waves can see: LISA and a pair of advanced LIGO detectors.

A background is seen with the signal-to-noise ratio :math:`\rho^2 = t \int (\Omega(f)/\Omega_n(f))^2 df`, where
:math:`\Omega_n` holds the noise, the response and the number of channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import spherical_jn

from partonic.core.errors import InputError

Floats = NDArray[np.float64]
LIGHT = 299_792_458.0  # m/s
YEAR = 365.2425 * 86_400  # s
HUBBLE_100 = 1e5 / 3.0857e22  # 100 km/s/Mpc, 1/s
LISA_ARM = 2.5e9  # m
POINTS = 4_000

# Corner, and directions of the two arms, of Hanford and Livingston in metres, Earth-fixed (LIGO-T980044).
HANFORD = (
    (-2.161414928e6, -3.834695183e6, 4.600350224e6),
    (-0.223891216, 0.799830697, 0.556905359),
    (-0.913978490, 0.026095321, -0.404922650),
)
LIVINGSTON = (
    (-7.427604192e4, -5.496283721e6, 3.224257016e6),
    (-0.954574615, -0.141579994, -0.262187738),
    (0.297740169, -0.487910627, -0.820544948),
)


@dataclass(frozen=True)
class Detector:
    """A detector of a stochastic background.

    Args:
        name: of it.
        noise: function of frequencies in Hz -> h^2 Omega_n.
        lowest: frequency of its band, Hz.
        highest: frequency of its band, Hz.
        seconds: of data.
    """

    name: str
    noise: Callable[[Floats], Floats]
    lowest: float
    highest: float
    seconds: float

    @property
    def frequencies(self) -> Floats:
        """Through the band, evenly in the logarithm, (points,)."""
        return np.geomspace(self.lowest, self.highest, POINTS)


def lisa(years: float = 4.0, duty: float = 0.75) -> Detector:
    """LISA with its arms of 2.5 million km, channels A and E (arXiv:1908.00546, equations 52 to 59).

    Args:
        years: of the mission.
        duty: part of them with data.

    Raises:
        InputError: there is no data.
    """
    return Detector("LISA", _lisa_noise, 1e-5, 0.5, _seconds(years, duty))


def advanced_ligo(years: float = 1.0, duty: float = 1.0) -> Detector:
    """Hanford and Livingston at design sensitivity, correlated.

    The noise is the analytic curve of arXiv:0903.0338 (table 1), the correlation that of Allen and Romano,
    gr-qc/9710117.

    Args:
        years: of observation.
        duty: part of them with data from both.

    Raises:
        InputError: there is no data.
    """
    return Detector("aLIGO", _ligo_noise, 20.0, 1_000.0, _seconds(years, duty))


def signal_to_noise(spectrum: Callable[[Floats], ArrayLike], detector: Detector) -> float:
    """Signal-to-noise ratio of a background.

    Args:
        spectrum: function of frequencies in Hz -> h^2 Omega, as ``WaveSpectrum.total``.
        detector: that sees it.
    """
    f = detector.frequencies
    ratio = np.asarray(spectrum(f)) / detector.noise(f)
    return math.sqrt(detector.seconds * float(np.trapezoid(ratio**2 * f, np.log(f))))


def power_law_sensitivity(detector: Detector, frequency: ArrayLike, threshold: float = 10.0) -> Floats:
    """Envelope of all power laws that are just seen (arXiv:1310.5300): h^2 Omega at frequencies in Hz, same shape.

    Args:
        detector: that sees them.
        frequency: Hz.
        threshold: signal-to-noise ratio of what counts as seen.
    """
    f = np.asarray(frequency, dtype=np.float64)
    envelope = np.zeros_like(f)
    for slope in np.linspace(-8, 8, 65):
        unit = signal_to_noise(lambda x, n=slope: x**n, detector)  # type: ignore[misc]
        envelope = np.maximum(envelope, threshold / unit * f**slope)
    return envelope


def overlap(frequency: ArrayLike) -> Floats:
    """Correlation of what Hanford and Livingston see of an isotropic background, 1 for detectors in one place."""
    f = np.asarray(frequency, dtype=np.float64)
    (here, *arms), (there, *others) = HANFORD, LIVINGSTON
    first, second = _tensor(arms), _tensor(others)
    apart = np.array(there) - np.array(here)
    distance = float(np.linalg.norm(apart))
    s = apart / distance
    a = 2 * math.pi * f * distance / LIGHT
    j0, j1, j2 = (spherical_jn(order, a) for order in range(3))
    j1, j2 = j1 / a, j2 / a**2
    full, once, twice = np.sum(first * second), (first @ s) @ (second @ s), (s @ first @ s) * (s @ second @ s)
    return np.asarray(
        full * (5 * j0 - 10 * j1 + 5 * j2)
        + once * (-10 * j0 + 40 * j1 - 50 * j2)
        + twice * (2.5 * j0 - 25 * j1 + 87.5 * j2)
    )


def _seconds(years: float, duty: float) -> float:
    if not (years > 0 and 0 < duty <= 1):
        raise InputError(f"a detector needs years above 0 and a duty between 0 and 1, not {years} and {duty}")
    return years * duty * YEAR


def _tensor(arms: list[tuple[float, float, float]]) -> Floats:
    """Response of a detector with two arms, (3, 3)."""
    x, y = (np.array(arm) for arm in arms)
    return np.asarray((np.outer(x, x) - np.outer(y, y)) / 2)


def _lisa_noise(f: Floats) -> Floats:
    turns = 2 * math.pi * f * LISA_ARM / LIGHT
    optical = (1.5e-11 / LISA_ARM) ** 2
    acceleration = (3e-15 / LISA_ARM) ** 2 * (1 + (4e-4 / f) ** 2) / (2 * math.pi * f) ** 4
    cos = np.cos(turns)
    noise = (4 + 2 * cos) * optical + 8 * (1 + cos + cos**2) * acceleration
    response = 9 / 20 / (1 + (0.75 * turns) ** 2)
    return np.asarray(4 * math.pi**2 / (3 * HUBBLE_100**2) * f**3 * noise / response / math.sqrt(2))


def _ligo_noise(f: Floats) -> Floats:
    x = f / 215
    strain = 1e-49 * (x**-4.14 - 5 * x**-2 + 111 * (1 - x**2 + x**4 / 2) / (1 + x**2 / 2))
    single = 10 * math.pi**2 / (3 * HUBBLE_100**2) * f**3 * strain
    return np.asarray(single / (math.sqrt(2) * np.maximum(np.abs(overlap(f)), 1e-12)))

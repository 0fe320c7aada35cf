"""Spectra of gravitational waves: integrals, peaks, slopes; noise and signal-to-noise ratios."""

import math

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.transitions.sensitivity import (
    HANFORD,
    LIGHT,
    LIVINGSTON,
    Detector,
    advanced_ligo,
    lisa,
    overlap,
    power_law_sensitivity,
    signal_to_noise,
)
from partonic.transitions.waves import TEMPLATES, Numbers, gravitational_waves

STRONG = Numbers(0.2, 100, 100)
FREQUENCIES = np.geomspace(1e-9, 1e3, 40_001)


def test_integral_of_sound_waves():
    """3 F (Gamma U^2)^2 H R 0.012 over ln f, with the time sound lasts (the erratum of arXiv:1704.05871)."""
    waves = gravitational_waves(STRONG, 0.9, "2019")
    expected = 3 * waves.redshifted * waves.kinetic**2 * waves.radius * 0.012 * waves.duration
    assert math.isclose(np.trapezoid(waves.sound(FREQUENCIES), np.log(FREQUENCIES)), expected, rel_tol=1e-3)


@pytest.mark.parametrize("wall", [0.3, 0.6, 0.95])
def test_integral_of_sound_waves_with_two_breaks(wall):
    waves = gravitational_waves(STRONG, wall)
    expected = 0.11 * waves.redshifted * waves.kinetic**2 * waves.radius * waves.duration
    assert math.isclose(np.trapezoid(waves.sound(FREQUENCIES), np.log(FREQUENCIES)), expected, rel_tol=1e-5)


def test_worked_point():
    """Peak at 26 microhertz / (H R) (T / 100 GeV) (g / 100)^(1/6)."""
    waves = gravitational_waves(Numbers(0.2, 100, 100, 100), 0.9, "2019")
    radius = (8 * math.pi) ** (1 / 3) * 0.9 / 100
    kinetic = waves.efficiency * 0.2 / 1.2
    size = 2.061 * 1.641e-5 * kinetic**2 * radius * 0.012 * radius / math.sqrt(0.75 * kinetic)
    assert math.isclose(float(waves.sound(26e-6 / radius)), size, rel_tol=1e-4)
    assert math.isclose(FREQUENCIES[waves.sound(FREQUENCIES).argmax()], 26e-6 / radius, rel_tol=1e-3)


def test_sound_lasts_a_hubble_time_at_most():
    assert gravitational_waves(Numbers(1e-3, 5, 100), 0.9).duration == 1
    assert gravitational_waves(STRONG, 0.9).duration < 1


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    ("part", "low", "high"), [("sound", 3, None), ("turbulence", 3, None), ("collisions", None, -1)]
)
def test_slopes_far_from_the_peak(template, part, low, high):
    spectrum = getattr(gravitational_waves(STRONG, 0.9, template, turbulence_share=1, wall_share=0.5), part)

    def slope(f):
        return math.log(float(spectrum(1.01 * f)) / float(spectrum(f))) / math.log(1.01)

    slow, fast = slope(1e-12), slope(1e6)
    expected = {
        "sound": (3, -4 if template == "2019" else -3),
        "turbulence": (3, -5 / 3 if template == "2019" else -8 / 3),
    }
    expected["collisions"] = (2.8, -1) if template == "2019" else (2.4, -2.4)
    assert math.isclose(slow, expected[part][0], abs_tol=0.01)
    assert math.isclose(fast, expected[part][1], abs_tol=0.02)


def test_peak_of_collisions():
    """arXiv:2403.03723: 0.05 F (alpha / (1 + alpha))^2 / (beta/H)^2 at 0.11 beta/H Hubble frequencies."""
    waves = gravitational_waves(Numbers(1.0, 50, 100), 0.99, wall_share=1.0)
    peak = 0.11 * waves.hubble_frequency * 50
    assert math.isclose(float(waves.collisions(peak)), 0.05 * waves.redshifted * 0.25 / 2500, rel_tol=1e-12)
    assert (waves.collisions(FREQUENCIES) <= waves.collisions(peak) * (1 + 1e-12)).all()


def test_the_whole_is_the_sum_and_shares_can_be_left_out():
    waves = gravitational_waves(STRONG, 0.9, wall_share=0.2)
    parts = waves.sound(1e-3) + waves.turbulence(1e-3) + waves.collisions(1e-3)
    assert float(waves.total(1e-3)) == float(parts)
    quiet = gravitational_waves(STRONG, 0.9, turbulence_share=0)
    assert float(quiet.turbulence(1e-3)) == 0
    assert float(quiet.collisions(1e-3)) == 0


def test_noise_of_lisa_at_low_frequencies():
    """The long-wavelength form, 40/3 (optical + 4 acceleration), over sqrt 2 for two channels."""
    f = 1e-4
    optical = (1.5e-11 / 2.5e9) ** 2
    acceleration = (3e-15 / 2.5e9) ** 2 * (1 + 16) / (2 * math.pi * f) ** 4
    hubble = 1e5 / 3.0857e22
    expected = 4 * math.pi**2 / (3 * hubble**2) * f**3 * 40 / 3 * (optical + 4 * acceleration) / math.sqrt(2)
    assert math.isclose(float(lisa().noise(np.array(f))), expected, rel_tol=1e-4)


def test_ratio_by_another_quadrature():
    waves = gravitational_waves(STRONG, 0.9, "2019")
    f = np.linspace(1e-5, 0.1, 2_000_001)
    square = lisa().seconds * np.trapezoid((waves.total(f) / lisa().noise(f)) ** 2, f)
    assert math.isclose(signal_to_noise(waves.total, lisa()), math.sqrt(square), rel_tol=1e-3)
    assert math.isclose(lisa().seconds, 3 * 365.2425 * 86400)


def test_flat_signal_on_flat_noise():
    detector = Detector("flat", np.ones_like, 1.0, 2.0, 100.0)
    assert math.isclose(signal_to_noise(lambda f: 3 * np.ones_like(f), detector), 30, rel_tol=1e-6)


def test_power_laws_on_the_envelope_are_just_seen():
    envelope = power_law_sensitivity(lisa(), FREQUENCIES)
    for slope in (-2.0, 0.0, 3.0):
        level = np.min(envelope / FREQUENCIES**slope)
        seen = signal_to_noise(lambda f, n=slope, a=level: a * f**n, lisa())
        assert math.isclose(seen, 10, rel_tol=0.01)


def test_overlap_against_the_average_over_the_sky():
    """5/8pi times the integral of both patterns and the phase over directions and polarisations."""
    cos, weight = np.polynomial.legendre.leggauss(120)
    angle = np.arange(240) * 2 * np.pi / 240
    theta = np.arccos(cos)[:, None]
    n = np.stack(np.broadcast_arrays(np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), cos[:, None]), -1)
    p = np.stack(np.broadcast_arrays(-np.sin(angle), np.cos(angle), 0 * theta), -1)
    q = np.cross(n, p)
    apart = np.array(LIVINGSTON[0]) - np.array(HANFORD[0])

    def patterns(detector):
        x, y = np.array(detector[1]), np.array(detector[2])
        plus = ((p @ x) ** 2 - (q @ x) ** 2 - (p @ y) ** 2 + (q @ y) ** 2) / 2
        return plus, (p @ x) * (q @ x) - (p @ y) * (q @ y)

    for f in (1.0, 30.0, 90.0):
        phase = np.cos(2 * np.pi * f * (n @ apart) / LIGHT)
        product = sum(a * b for a, b in zip(patterns(HANFORD), patterns(LIVINGSTON), strict=True))
        exact = 5 / (8 * np.pi) * np.sum(weight[:, None] * product * phase) * 2 * np.pi / 240
        assert math.isclose(float(overlap(f)), exact, abs_tol=1e-6)


def test_ligo_sees_what_happens_at_high_temperatures_and_lisa_does_not():
    hot, cold = Numbers(5.0, 10, 3e8), Numbers(5.0, 10, 100)
    ratios = {
        name: [signal_to_noise(gravitational_waves(one, 0.95).total, detector) for one in (hot, cold)]
        for name, detector in (("ligo", advanced_ligo()), ("lisa", lisa()))
    }
    assert ratios["ligo"][0] > 1e3 * ratios["ligo"][1]
    assert ratios["lisa"][1] > 1e3 * ratios["lisa"][0]


def test_bad_input():
    with pytest.raises(InputError, match="alpha"):
        Numbers(0, 100, 100)
    with pytest.raises(InputError, match="beta_over_hubble"):
        Numbers(0.1, -1, 100)
    with pytest.raises(UnknownNameError, match="did you mean '2024'"):
        gravitational_waves(STRONG, 0.9, "2023")
    with pytest.raises(InputError, match="turbulence_share"):
        gravitational_waves(STRONG, 0.9, turbulence_share=2)
    with pytest.raises(InputError, match="above 0 Hz"):
        gravitational_waves(STRONG, 0.9).total([0.0])
    with pytest.raises(InputError, match="years"):
        lisa(0)

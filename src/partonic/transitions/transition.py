r"""A first-order phase transition from its potential: when bubbles appear, how fast, how strong.

Bubbles nucleate with the rate :math:`\Gamma = T^4 e^{-S_3/T}` in a universe filled by radiation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.threads import single_thread
from partonic.transitions.bounce import Bounce, bounce
from partonic.transitions.phases import Phase, critical, phases
from partonic.transitions.potential import Potential

Floats = NDArray[np.float64]
Outcome = Literal["nucleates", "trapped", "no barrier", "no transition"]
PLANCK = 1.2209e19  # GeV
PERCOLATED = 0.34  # volume in bubbles, overlaps counted twice, when they connect
STEPS = 30
SMOOTH = 1.01  # phases whose ends are this close follow each other
METHOD = "error of the bounce"


@dataclass(frozen=True)
class Escape:
    """How hard the false vacuum is to leave at one temperature.

    Args:
        temperature: GeV.
        bounce: the bubble.
        exponent: S3/T.
        slope: d(S3/T)/dT, 1/GeV, by the envelope theorem.
    """

    temperature: float
    bounce: Bounce
    exponent: Estimate
    slope: float


@dataclass(frozen=True)
class Transition:
    """What became of a phase.

    Args:
        status: ``nucleates``; ``trapped`` (bubbles stay too rare); ``no barrier`` (a smooth transition); ``no
            transition`` (no phase becomes deeper).
        message: the status in a sentence.
        false: the phase that is left (None without transition).
        true: that which follows.
        critical: temperature at which both are equally deep, GeV; nan without.
        nucleation: temperature at which S3/T = 140 - 4 ln(T / 100 GeV), GeV.
        nucleation_integral: temperature at which one bubble was expected in each Hubble volume, GeV.
        percolation: temperature at which bubbles with walls at the speed of light connect, GeV.
        strength: alpha at nucleation, from the trace of the energy-momentum tensor.
        rate: beta/H at nucleation.
        radius: of the bubble at nucleation, where the fields are halfway, 1/GeV.
        degrees: relativistic degrees of freedom, g*.
        escapes: all bounces that were solved, by ascending temperature.
        seconds: processor time.
    """

    status: Outcome
    message: str
    false: Phase | None
    true: Phase | None
    critical: float
    nucleation: Estimate
    nucleation_integral: Estimate
    percolation: Estimate
    strength: Estimate
    rate: Estimate
    radius: float
    degrees: float
    escapes: tuple[Escape, ...]
    seconds: float

    @property
    def alpha(self) -> float:
        """Strength at nucleation."""
        return self.strength.value

    @property
    def beta_over_hubble(self) -> float:
        """Rate at nucleation."""
        return self.rate.value

    @property
    def temperature(self) -> float:
        """Of nucleation, GeV."""
        return self.nucleation.value

    def exponents(self) -> tuple[Floats, Floats]:
        """Temperatures (k,) in GeV and S3/T there, (k,)."""
        return (
            np.array([one.temperature for one in self.escapes]),
            np.array([one.exponent.value for one in self.escapes]),
        )

    def exponent(self, temperatures: ArrayLike) -> Floats:
        """S3/T at temperatures (n,) in GeV by a curve with the values and slopes of the bounces, (n,).

        Raises:
            InputError: there are no bounces, or a temperature lies beyond theirs.
        """
        wanted = np.atleast_1d(np.asarray(temperatures, dtype=np.float64))
        if not self.escapes:
            raise InputError(f"there are no bounces: {self.message}")
        low, high = self.escapes[0].temperature, self.escapes[-1].temperature
        if not ((wanted >= low) & (wanted <= high)).all():
            raise InputError(
                f"bounces were solved from T = {low:g} to {high:g} GeV, not at {wanted.min():g} to {wanted.max():g}"
            )
        return _exponents(_curve(self.escapes, self.critical), wanted)


@single_thread()
def transition(
    potential: Potential, temperatures: ArrayLike, starts: Sequence[ArrayLike], degrees: float = 106.75
) -> Transition:
    """Follow the phases of a potential and find when the hot one decays.

    Args:
        potential: V, which depends on temperature; GeV.
        temperatures: to follow phases through, ascending, (k,).
        starts: points next to the minima, each (fields,).
        degrees: relativistic degrees of freedom, g*.

    Returns:
        The transition out of the phase that is deepest at the highest temperature; what stood in the way is told by
        its status.

    Raises:
        InputError: see :func:`partonic.transitions.phases.phases`; or there is no g*.
    """
    begun = time.process_time()
    if not degrees > 0:
        raise InputError(f"the number of degrees of freedom must be above 0, not {degrees}")
    found = phases(potential, temperatures, starts)
    false = found[0]
    pairs = [(T, other) for other in found[1:] if (T := critical(false, other)) is not None]
    if not pairs:
        return _without(found, begun, degrees)
    high, true = max(pairs, key=lambda pair: pair[0])
    low = max(false.temperatures[0], true.temperatures[0])
    search = _Search(potential, false, true, low, high)
    status, message = search.run()
    if status != "nucleates":
        nothing = _unknown(message)
        return Transition(
            status,
            message,
            false,
            true,
            high,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            math.nan,
            degrees,
            search.sorted(),
            time.process_time() - begun,
        )
    last = search.nearest(search.nucleation())
    T = last.temperature
    error = last.exponent.error / abs(last.slope + 4 / T)
    beta = T * last.slope
    strength = _strength(potential, false.at(T), true.at(T), T, degrees)
    integral, percolation = _by_integral(search, degrees)
    return Transition(
        status,
        f"bubbles nucleate at {T:.6g} GeV, {100 * (1 - T / high):.2g} % below the critical temperature",
        false,
        true,
        high,
        Estimate.symmetric(T, max(error, abs(search.missing(last) / (last.slope + 4 / T))), METHOD),
        integral,
        percolation,
        Estimate.symmetric(strength, 4 * strength * error / T, METHOD),
        Estimate.symmetric(beta, abs(beta) * last.exponent.error / last.exponent.value * 10 + 1e-6 * abs(beta), METHOD),
        _half_radius(last.bounce),
        degrees,
        search.sorted(),
        time.process_time() - begun,
    )


class _Search:
    """Bounces at temperatures between the end of the phases and the critical one, each from its nearest neighbour."""

    def __init__(self, potential: Potential, false: Phase, true: Phase, low: float, high: float) -> None:
        self.potential, self.false, self.true, self.low, self.high = potential, false, true, low, high
        self.found: list[Escape] = []
        self.ended: tuple[Outcome, str] | None = None

    def sorted(self) -> tuple[Escape, ...]:
        return tuple(sorted(self.found, key=lambda one: one.temperature))

    def nearest(self, T: float) -> Escape:
        return min(self.found, key=lambda one: abs(one.temperature - T))

    @staticmethod
    def missing(one: Escape) -> float:
        """By how much S3/T is too large for nucleation."""
        return one.exponent.value - 140 + 4 * math.log(one.temperature / 100)

    def at(self, T: float) -> Escape | None:
        """Solve at a temperature; None where there is no barrier any more."""
        start = self.nearest(T).bounce if self.found else None
        solved = bounce(self.potential, self.false.at(T), self.true.at(T), T, 3, start=start)
        if solved.status in ("no barrier", "no deeper vacuum"):
            return None
        if not solved.solved:
            raise InputError(f"at T = {T:g} GeV the bounce is not solved: {solved.message}")
        exponent = Estimate.symmetric(solved.action.value / T, solved.action.error / T, METHOD)
        slope = (solved.temperature_slope() - exponent.value) / T
        one = Escape(T, solved, exponent, slope)
        self.found.append(one)
        return one

    def run(self) -> tuple[Outcome, str]:
        """Newton's method on (S3/T)^(-1/2), which is almost linear below the critical temperature, in a bracket."""
        low, high = self.low, self.high
        T = high - 0.1 * (high - low)
        for _ in range(STEPS):
            one = self.at(T)
            if one is None:  # below where the barrier vanishes
                low = T
                T = 0.5 * (low + high)
                continue
            gap = self.missing(one)
            low, high = (low, T) if gap > 0 else (T, high)
            target = 140 - 4 * math.log(T / 100)
            root = one.exponent.value**-0.5
            step = (target**-0.5 - root) / (-0.5 * one.slope * one.exponent.value**-1.5)
            if abs(step) < 1e-7 * T:
                return "nucleates", ""
            bounded = T + step
            T = bounded if low < bounded < high and one.slope > 0 else 0.5 * (low + high)
            if high - low < 1e-7 * high or (gap > 0 and self.low * (1 + 1e-3) + 1e-3 * self.high > T):
                break
        smallest = min((one.exponent.value for one in self.found), default=math.inf)
        if smallest == math.inf:
            return "no barrier", "there is no barrier between the phases: the transition is smooth"
        return "trapped", f"bubbles stay too rare: S3/T is {smallest:.4g} at least, and nucleation takes about 140"

    def nucleation(self) -> float:
        return min(self.found, key=lambda one: abs(self.missing(one))).temperature

    def curve(self) -> CubicHermiteSpline:
        """(S3/T)^(-1/2) through all bounces, with their slopes, and 0 at the critical temperature."""
        return _curve(self.sorted(), self.high)


def _curve(escapes: Sequence[Escape], high: float) -> CubicHermiteSpline:
    T = [one.temperature for one in escapes]
    kept = [one for i, one in enumerate(escapes) if i == 0 or T[i] - T[i - 1] > 1e-6 * T[i]]
    roots = np.array([one.exponent.value**-0.5 for one in kept])
    slopes = np.array([-0.5 * one.slope * one.exponent.value**-1.5 for one in kept])
    last = kept[-1].temperature
    return CubicHermiteSpline(
        [*[one.temperature for one in kept], high], [*roots, 0.0], [*slopes, -roots[-1] / (high - last)]
    )


def _by_integral(search: _Search, degrees: float) -> tuple[Estimate, Estimate]:
    """Nucleation by the expected number of bubbles, and percolation; bounces are added until the curve stands."""
    rough = search.nucleation()
    for guess in (0.995, 1.003):
        T = search.high - guess * (search.high - rough) if guess < 1 else rough - 0.15 * (search.high - rough)
        if search.low < T < search.high:
            search.at(T)
    first = _crossing(lambda T: _expected(search.curve(), T, search.high, degrees) - 1, search)
    second = _crossing(lambda T: _volume(search.curve(), T, search.high, degrees) - PERCOLATED, search)
    return first, second


def _crossing(function: Callable[[float], float], search: _Search) -> Estimate:
    """Where a criterion is met, checked by a bounce there; the error is how far that moves it."""
    low = search.sorted()[0].temperature
    values: list[float] = []
    for _ in range(2):
        if function(low) < 0:
            return _unknown("not reached at the temperatures at which bounces were solved")
        values.append(float(brentq(function, low, search.high * (1 - 1e-9), xtol=1e-10 * low, rtol=1e-12)))
        if len(values) < 2:
            search.at(values[0])
    one = search.nearest(values[1])
    error = max(abs(values[1] - values[0]), one.exponent.error / abs(one.slope))
    return Estimate.symmetric(values[1], error, METHOD)


def _exponents(curve: CubicHermiteSpline, T: Floats) -> Floats:
    return np.asarray(np.maximum(curve(T), 1e-3) ** -2.0)


def _expected(curve: CubicHermiteSpline, T: float, high: float, degrees: float) -> float:
    """Bubbles in a Hubble volume until T: integral of dT/T Gamma/H^4."""
    hotter = np.linspace(T, high, 2_001)
    hubble = 1 / (2 * math.pi) * math.sqrt(45 / (math.pi * degrees))  # 2 zeta
    rate = 4 * np.log(hubble * PLANCK / hotter) - _exponents(curve, hotter)
    return float(np.trapezoid(np.exp(np.minimum(rate, 700.0)) / hotter, hotter))


def _volume(curve: CubicHermiteSpline, T: float, high: float, degrees: float) -> float:
    """Volume in bubbles at T, those that overlap counted twice (arXiv:2305.02357, equation 3)."""
    hotter = np.linspace(T, high, 2_001)
    hubble = math.sqrt(8 * math.pi**3 * degrees / 90) / PLANCK  # H / T^2
    grown = (1 / T - 1 / hotter) / hubble
    rate = np.exp(-_exponents(curve, hotter)) / (hubble * hotter**2)
    return float(4 * math.pi / 3 * np.trapezoid(rate * grown**3, hotter))


def _strength(potential: Potential, false: Floats, true: Floats, T: float, degrees: float) -> float:
    both = np.stack([false, true])
    depth = potential.value(both, T).detach().numpy()
    slope = potential.dT(both, T).detach().numpy()
    freed = depth[0] - depth[1] - T / 4 * (slope[0] - slope[1])
    return float(freed / (math.pi**2 / 30 * degrees * T**4))


def _half_radius(found: Bounce) -> float:
    """Where the fields have gone half of the way from the bubble's centre to the false vacuum."""
    way = np.linalg.norm(found.phi - found.false, axis=1)
    return float(np.interp(0.5, 1 - way / way[0], found.radius))


def _without(found: list[Phase], begun: float, degrees: float) -> Transition:
    """No two phases are equally deep at any temperature."""
    false = found[0]
    status: Outcome = "no transition"
    message = "no phase becomes deeper than that of the highest temperature while both exist"
    if any(other.temperatures[0] < false.temperatures[0] <= other.temperatures[-1] * SMOOTH for other in found[1:]):
        status, message = "no barrier", "one phase goes over into the other without a barrier: the transition is smooth"
    nothing = _unknown(message)
    return Transition(
        status,
        message,
        None,
        None,
        math.nan,
        nothing,
        nothing,
        nothing,
        nothing,
        nothing,
        math.nan,
        degrees,
        (),
        time.process_time() - begun,
    )


def _unknown(why: str) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, METHOD, why)

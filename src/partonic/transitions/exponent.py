"""S3/T between two temperatures from a few bounces and their slopes: a polynomial that says how wrong it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import KroghInterpolator

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.threads import single_thread
from partonic.transitions.bounce import Bounce, bounce
from partonic.transitions.phases import Phase
from partonic.transitions.potential import Potential

Floats = NDArray[np.float64]
BOUNCES = 4
FINE = 200  # temperatures at which two polynomials are compared


@dataclass(frozen=True)
class Exponents:
    r"""The exponent of the nucleation rate as a function of temperature.

    It is :math:`p(T)^{-2}` with the polynomial p that has the values and slopes of :math:`(S_3/T)^{-1/2}` at the
    temperatures of the bounces; this root is almost linear up to the critical temperature.

    Args:
        temperatures: of the bounces, ascending, (k,), GeV.
        bounces: solved there.
        error: largest error of S3/T anywhere between the temperatures, as part of it: that of the bounces, and what
            leaving out the slopes at both ends changes.
        seconds: processor time of the bounces.
    """

    temperatures: Floats
    bounces: tuple[Bounce, ...]
    error: float
    seconds: float

    def at(self, temperatures: ArrayLike) -> list[Estimate]:
        """S3/T at temperatures (n,) in GeV.

        Raises:
            InputError: a temperature lies beyond those of the bounces.
        """
        wanted = np.atleast_1d(np.asarray(temperatures, dtype=np.float64))
        low, high = self.temperatures[[0, -1]]
        if not ((wanted >= low) & (wanted <= high)).all():
            raise InputError(
                f"S3/T is known from T = {low:g} to {high:g} GeV, not at {wanted.min():g} to {wanted.max():g}"
            )
        values = _polynomial(self.temperatures, self.bounces, len(self.bounces))(wanted) ** -2.0
        return [Estimate.symmetric(float(one), self.error * float(one), "bounces and their slopes") for one in values]


@single_thread()
def exponents(
    potential: Potential, false: Phase, true: Phase, low: float, high: float, bounces: int = BOUNCES
) -> Exponents:
    """Solve bounces at a few temperatures, each from its neighbour, for the exponent at all between.

    Args:
        potential: V, which depends on temperature; GeV.
        false: the phase that decays.
        true: that into which it does.
        low: lowest temperature, GeV.
        high: highest temperature, GeV, below the critical one.
        bounces: their number, 3 or more.

    Raises:
        InputError: the temperatures do not ascend, there are too few bounces, a phase does not exist there, or a bounce
            is not solved.
    """
    if not 0 < low < high:
        raise InputError(f"temperatures go from a lower to a higher one above 0, not from {low:g} to {high:g}")
    if bounces < 3:
        raise InputError(f"a curve takes 3 bounces or more, not {bounces}")
    hot = 0.5 * (low + high) + 0.5 * (high - low) * chebyshev.chebpts2(bounces)
    hot[[0, -1]] = low, high
    found: list[Bounce] = []
    for T in hot:
        one = bounce(potential, false.at(T), true.at(T), T, 3, start=found[-1] if found else None)
        if not one.solved:
            raise InputError(f"at T = {T:g} GeV the bounce is not solved: {one.message}")
        found.append(one)
    fine = np.linspace(low, high, FINE)
    full, poorer = (_polynomial(hot, found, slopes)(fine) ** -2.0 for slopes in (bounces, bounces - 2))
    solved = max(one.action.error / one.action.value for one in found)
    error = float(np.abs(poorer / full - 1).max()) + solved
    return Exponents(hot, tuple(found), error, sum(one.seconds for one in found))


def _polynomial(hot: Floats, found: Sequence[Bounce], slopes: int) -> KroghInterpolator:
    """Values and slopes of (S3/T)^(-1/2); the slopes of ``slopes`` bounces in the middle."""
    spared = (len(found) - slopes) // 2
    nodes, values = [], []
    for i, (T, one) in enumerate(zip(hot, found, strict=True)):
        exponent = one.action.value / T
        nodes.append(T)
        values.append(exponent**-0.5)
        if spared <= i < len(found) - spared:
            nodes.append(T)
            values.append(-0.5 * exponent**-1.5 * (one.temperature_slope() - exponent) / T)
    return KroghInterpolator(nodes, values)

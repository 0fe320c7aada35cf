"""How an error falls with the number of training jets: a power law down to a floor, fitted to correlated points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2 as chi2_law

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.sample import Floats

EXPONENTS = (0.02, 4.0)
STEPS, ZOOMS = 200, 3  # of each scan; how often that over the exponents narrows down to where chi2 is low


@dataclass(frozen=True)
class PowerLaw:
    r"""The law :math:`y(N) = a\,(N / N_0)^{-b} + c` with :math:`a, c \ge 0`.

    Args:
        amplitude: a, what is above the floor at the size :math:`N_0`.
        exponent: b.
        floor: c, what no number of jets takes away.
        pivot: :math:`N_0`, the geometric mean of the sizes.
        chi2: of the best fit, with the covariance of the points.
        freedom: number of points less 3.
    """

    amplitude: Estimate
    exponent: Estimate
    floor: Estimate
    pivot: float
    chi2: float
    freedom: int

    def __call__(self, sizes: ArrayLike) -> Floats:
        """The law at some sizes, of their shape."""
        ratio = np.asarray(sizes, dtype=np.float64) / self.pivot
        found: Floats = self.amplitude.value * ratio**-self.exponent.value + self.floor.value
        return found

    @property
    def p_value(self) -> float:
        """Chance of a larger chi2 where the law holds; NaN where there are no degrees of freedom."""
        return float(chi2_law.sf(self.chi2, self.freedom)) if self.freedom > 0 else math.nan


def fit_power_law(sizes: Sequence[float], values: ArrayLike, covariance: ArrayLike) -> PowerLaw:
    """Fit the law by least squares; the interval of each parameter is where the least chi2 rises by less than 1.

    For a given exponent the law is linear, so the exponent is scanned from 0.02 to 4 and the rest solved: no start
    value, no iteration that could end elsewhere. An interval that ends at 0.02, 4 or 0 says so in its note.

    Args:
        sizes: (points,) numbers of training jets.
        values: (points,) errors, as 1 - AUC.
        covariance: (points, points) of the values; the test jets that all points share correlate them.

    Raises:
        InputError: fewer than three different sizes, a size not above 0, shapes that differ, or a covariance that is
            not positive.
    """
    n, y, cov = np.asarray(sizes, float), np.asarray(values, float), np.asarray(covariance, float)
    if y.shape != n.shape or cov.shape != (len(n), len(n)):
        raise InputError(f"{len(n)} sizes need as many values and a square covariance, not {y.shape} and {cov.shape}")
    if len(np.unique(n)) < 3:
        raise InputError(f"a power law with a floor needs three sizes or more, not {len(np.unique(n))}")
    if not np.all(n > 0):
        raise InputError(f"the number of training jets must be above 0, not {n.min():g}")
    try:
        whiten = np.linalg.inv(np.linalg.cholesky(cov))
    except np.linalg.LinAlgError as error:
        raise InputError("the covariance of the points is not positive: a point has no error") from error
    pivot = float(np.exp(np.log(n).mean()))
    scan: Floats = np.geomspace(*EXPONENTS, STEPS)
    for _ in range(ZOOMS):
        _, chi2 = _bounded(*_linear(whiten, y, n / pivot, scan))
        low = np.flatnonzero(chi2 <= chi2.min() + 9)
        scan = np.geomspace(scan[max(low[0] - 1, 0)], scan[min(low[-1] + 1, STEPS - 1)], STEPS)
    best, spread, least = _linear(whiten, y, n / pivot, scan)
    bounded, chi2 = _bounded(best, spread, least)
    i = int(np.argmin(chi2))
    exponent = _interval(scan, chi2, float(scan[i]), EXPONENTS, "the scan ends there")
    amplitude, floor = (_profiled(best, spread, least, column, float(bounded[i, column])) for column in (0, 1))
    return PowerLaw(amplitude, exponent, floor, pivot, float(chi2[i]), len(n) - 3)


def _linear(whiten: Floats, y: Floats, ratio: Floats, exponents: Floats) -> tuple[Floats, Floats, Floats]:
    """Best (a, c) of each exponent (exponents, 2), their covariance (exponents, 2, 2) and its chi2 (exponents,)."""
    powers = ratio[None, :] ** -exponents[:, None]
    design = np.stack([powers, np.ones_like(powers)], axis=2)  # (exponents, points, 2)
    design, target = whiten @ design, whiten @ y
    spread = np.linalg.inv(design.transpose(0, 2, 1) @ design)
    best = np.einsum("bij,bpj,p->bi", spread, design, target)
    residual = target - np.einsum("bpi,bi->bp", design, best)
    least = (residual**2).sum(axis=1)
    return best.astype(np.float64), spread.astype(np.float64), least.astype(np.float64)


def _bounded(best: Floats, spread: Floats, least: Floats) -> tuple[Floats, Floats]:
    """The same with a and c held at 0 or above: (a, c) and chi2 of each exponent."""
    found, chi2 = best.copy(), least.copy()
    for column in (1, 0):
        low = found[:, column] < 0
        other = 1 - column
        shift = spread[low, other, column] / spread[low, column, column]
        chi2[low] = least[low] + best[low, column] ** 2 / spread[low, column, column]
        found[low, other] = np.maximum(best[low, other] - shift * best[low, column], 0.0)
        found[low, column] = 0.0
    return found, chi2


def _profiled(best: Floats, spread: Floats, least: Floats, column: int, value: float) -> Estimate:
    """Interval of a (column 0) or c (column 1): the least chi2 over the exponents for each of its values."""
    _, chi2 = _bounded(best, spread, least)
    likely = chi2 < chi2.min() + 4
    reach = float((best[likely, column] + 2 * np.sqrt(spread[likely, column, column])).max(initial=value))
    scan = np.linspace(0.0, max(reach, value, 1e-12), 5 * STEPS)
    pull = (scan[:, None] - best[None, likely, column]) ** 2 / spread[None, likely, column, column]
    profile = (least[None, likely] + pull).min(axis=1)
    return _interval(scan, profile, value, (0.0, math.inf), "it cannot be below 0")


def _interval(scan: Floats, chi2: Floats, value: float, limits: tuple[float, float], why: str) -> Estimate:
    """Where chi2 is within 1 of its least value."""
    inside: NDArray[np.int64] = np.flatnonzero(chi2 <= chi2.min() + 1)
    low, high = float(scan[inside[0]]), float(scan[inside[-1]])
    ends = [f"{end:g}" for end, limit in zip((low, high), limits, strict=True) if math.isclose(end, limit)]
    note = f"the interval ends at {' and '.join(ends)}: {why}" if ends else ""
    return Estimate(value, min(low, value), max(high, value), "chi2", note)

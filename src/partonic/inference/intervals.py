"""Test statistics of the likelihood ratio, asymptotic p-values, CLs and expected bands (Cowan et al., 1007.1727)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate

Floats = NDArray[np.float64]
STATISTICS = ("t_mu", "q0", "q_mu", "q_tilde")
BANDS = (-2.0, -1.0, 0.0, 1.0, 2.0)
LEVELS = (0.6826894921, 0.9544997361, 0.9973002039)  # of 1, 2 and 3 standard deviations


def threshold(level: float, parameters: int) -> float:
    r"""The value of :math:`-2 \Delta \ln L` that holds a share of toys: 2.30, 5.99 (0.95), 11.83 for two parameters.

    Args:
        level: share between 0 and 1.
        parameters: number of parameters that the region is in.

    Raises:
        InputError: the level is not between 0 and 1, or there is no parameter.
    """
    if not 0 < level < 1 or parameters < 1:
        raise InputError(f"a level is between 0 and 1 and needs a parameter, not {level} and {parameters}")
    return float(chi2.ppf(level, parameters))


def profile_statistic(kind: str, mu: ArrayLike, mu_hat: ArrayLike, constrained: ArrayLike, best: ArrayLike) -> Floats:
    r"""Test statistic from negative log-likelihoods.

    ``t_mu`` (eq. 8) is :math:`-2 \ln \lambda(\mu)`, ``q0`` (eq. 12) is 0 where the best strength is negative, ``q_mu``
    (eq. 14) and ``q_tilde`` (eq. 16) are 0 where it is above mu; for ``q_tilde`` the best fit is one with mu >= 0.

    Args:
        kind: t_mu, q0, q_mu or q_tilde.
        mu: tested strength, 0 for q0.
        mu_hat: best strength.
        constrained: negative log-likelihood at mu, minimised over all others.
        best: negative log-likelihood of the best fit.

    Returns:
        The statistic in the common shape; NaN where a fit did not converge.

    Raises:
        UnknownNameError: no such statistic.
    """
    if kind not in STATISTICS:
        raise unknown("test statistic", kind, STATISTICS)
    tested, found = np.asarray(mu, dtype=np.float64), np.asarray(mu_hat, dtype=np.float64)
    t = 2 * np.maximum(np.asarray(constrained, dtype=np.float64) - np.asarray(best, dtype=np.float64), 0.0)
    if kind == "t_mu":
        return np.asarray(t)
    away = found < 0 if kind == "q0" else found > tested
    return np.where(away & ~np.isnan(t), 0.0, t)


@dataclass(frozen=True)
class PValues:
    """How often the test statistic would be at least as large as it is.

    Args:
        tested: under the tested hypothesis (CLs+b).
        background: under the alternative that the Asimov data stand for (CLb).
    """

    tested: Floats
    background: Floats

    @property
    def cls(self) -> Floats:
        """CLs, the ratio of the two."""
        ratio: Floats = self.tested / np.maximum(self.background, 1e-300)
        return ratio


def p_values(kind: str, q: ArrayLike, asimov: ArrayLike) -> PValues:
    r"""Asymptotic p-values.

    Of ``q_tilde`` the second branch (eq. 64) holds above :math:`\mu^2/\sigma^2`, the value of the Asimov data.

    Args:
        kind: t_mu, q0, q_mu or q_tilde.
        q: the statistic of the data.
        asimov: the statistic of the Asimov data of the alternative.

    Raises:
        UnknownNameError: no such statistic.
    """
    if kind not in STATISTICS:
        raise unknown("test statistic", kind, STATISTICS)
    root = np.sqrt(np.asarray(q, dtype=np.float64))
    away = np.sqrt(np.asarray(asimov, dtype=np.float64))
    if kind == "t_mu":
        tail = norm.sf(root - away) + norm.sf(root + away)
        return PValues(2 * norm.sf(root), tail)
    tested, background = norm.sf(root), norm.sf(root - away)
    if kind == "q_tilde":
        beyond = root > away
        safe = np.where(away > 0, away, 1.0)
        tested = np.where(beyond, norm.sf((root**2 + away**2) / (2 * safe)), tested)
        background = np.where(beyond, norm.sf((root**2 - away**2) / (2 * safe)), background)
    return PValues(np.asarray(tested), np.asarray(background))


def expected_cls(asimov: ArrayLike, bands: tuple[float, ...] = BANDS) -> Floats:
    """CLs that data of the alternative would give, at its median and at standard deviations away from it.

    Args:
        asimov: the statistic of the Asimov data, (m,).
        bands: standard deviations; negative ones give the stronger exclusions.

    Returns:
        (m, bands).
    """
    root, n = np.sqrt(np.asarray(asimov, dtype=np.float64))[..., None], np.asarray(bands)
    ratio: Floats = norm.sf(root - n) / norm.cdf(n)
    return ratio


def significance(p: ArrayLike) -> Floats:
    """One-sided p-values as standard deviations."""
    z: Floats = norm.isf(np.asarray(p, dtype=np.float64))
    return z


def discovery(signal: ArrayLike, background: ArrayLike, error: ArrayLike = 0.0) -> Floats:
    r"""Median significance of a counting experiment (eq. 97), :math:`\sqrt{2[(s+b)\ln(1+s/b)-s]}`.

    With an uncertainty of the background it is that of a second count which measures the background with this error.

    Args:
        signal: expected signal.
        background: expected background, above 0.
        error: standard deviation of the background, 0 for none.

    Raises:
        InputError: the background is not above 0 or an argument is negative.
    """
    s, b, sigma = (np.asarray(value, dtype=np.float64) for value in (signal, background, error))
    if not ((b > 0).all() and (s >= 0).all() and (sigma >= 0).all()):
        raise InputError("a counting experiment needs a background above 0, a signal and an error of 0 or above")
    known = sigma == 0
    variance = np.where(known, 1.0, sigma**2)
    plain = (s + b) * np.log1p(s / b) - s
    measured = (s + b) * np.log((s + b) * (b + variance) / (b**2 + (s + b) * variance))
    measured = measured - b**2 / variance * np.log1p(variance * s / (b * (b + variance)))
    root: Floats = np.sqrt(2 * np.maximum(np.where(known, plain, measured), 0.0))
    return root


def bracket(x: Floats, y: Floats, level: float, what: str) -> tuple[float, float]:
    """The first two neighbouring points between which a curve falls to a level.

    Args:
        x: rising, (n,).
        y: values of the curve, (n,).
        level: that it falls to.
        what: the curve is, for the message.

    Raises:
        InputError: it does not begin above the level or does not fall to it.
    """
    below = np.flatnonzero(y <= level)
    if not y[0] >= level or len(below) == 0:
        raise InputError(
            f"{what} goes from {y[0]:.3g} to {y[-1]:.3g} between {x[0]:g} and {x[-1]:g} and does not fall through "
            f"{level:g}; widen the range that is searched"
        )
    right = max(int(below[0]), 1)
    return float(x[right - 1]), float(x[right])


def share(passed: int, total: int, note: str = "") -> Estimate:
    """A share of toys with its binomial error (Wilson's interval).

    Raises:
        InputError: there is no toy.
    """
    if total < 1:
        raise InputError("a share needs at least one toy")
    fraction = passed / total
    middle = (passed + 0.5) / (total + 1)
    half = np.sqrt(passed * (total - passed) / total + 0.25) / (total + 1)
    return Estimate(fraction, float(max(middle - half, 0.0)), float(min(middle + half, 1.0)), "binomial", note)

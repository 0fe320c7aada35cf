"""Intervals of counted fractions: exact binomial, with effective counts where jets carry weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

LEVEL = 0.6826894921370859
"""Probability of a central interval of one standard deviation."""

TAIL = 0.5 * (1 - LEVEL)
FEW = 25
"""Below this many background jets a rejection says what it rests on."""

Floats = NDArray[np.float64]


def effective_count(weights: NDArray[Any]) -> float:
    """Number of unweighted jets of the same relative error, (sum w)^2 / sum w^2; 0 for no weight at all."""
    squares = float(np.sum(np.square(weights)))
    return float(np.sum(weights)) ** 2 / squares if squares > 0 else 0.0


def clopper_pearson(passed: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    """Central 68.3 % interval of a fraction that never covers less (Clopper and Pearson, Biometrika 26 (1934) 404).

    With nothing passed the upper end is the one-sided limit at 84.1 %, ``1 - 0.159^(1 / total)``; for a rare pass it
    becomes the Poisson interval of Garwood.

    Args:
        passed: counts, any shape; effective counts need not be whole.
        total: counts that they are of.

    Returns:
        Lower and upper ends in [0, 1].
    """
    n = np.asarray(total, dtype=np.float64)
    k = np.clip(np.asarray(passed, dtype=np.float64), 0.0, n)
    low = np.where(k > 0, betaincinv(np.maximum(k, 1e-300), n - k + 1, TAIL), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1e-300), 1 - TAIL), 1.0)
    return low, high


def effective_total(fraction: ArrayLike, passed_squares: ArrayLike, squares: ArrayLike, total: ArrayLike) -> Floats:
    r"""Number of unweighted jets of which a fraction would have the variance of this weighted one.

    The variance of :math:`\epsilon = \sum_{\rm pass} w / \sum w` is
    :math:`[(1-\epsilon)^2 \sum_{\rm pass} w^2 + \epsilon^2 \sum_{\rm fail} w^2] / (\sum w)^2`; equated to
    :math:`\epsilon (1-\epsilon) / n`. Without weights n is the number of jets.

    Args:
        fraction: weighted fraction that passes.
        passed_squares: sum of the squared weights that pass.
        squares: sum of all squared weights.
        total: sum of all weights.
    """
    e, p2, s2, s = (np.asarray(x, dtype=np.float64) for x in (fraction, passed_squares, squares, total))
    variance = ((1 - e) ** 2 * p2 + e * e * (s2 - p2)) / s**2
    spread = e * (1 - e)
    usable = (variance > 0) & (spread > 0)
    return np.where(usable, spread / np.where(usable, variance, 1.0), s**2 / s2)


def few(jets: float, *, weighted: bool) -> str:
    """The caveat of a rejection that rests on few background jets; empty from 25 jets up."""
    if jets >= FEW:
        return ""
    number = f"{int(jets + 1e-6)}" if jets >= 1 else f"{jets:.1f}"  # 24.7 effective jets are not 25
    kind = "effective background" if weighted else "background"
    return f"rests on {number} {kind} jet{'' if number == '1' else 's'}"

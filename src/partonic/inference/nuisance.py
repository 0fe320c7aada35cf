r"""Systematic uncertainties of whole events: :math:`\exp[\nu a(x) + \nu^2 b(x)]` on the weight of each (1907.10621)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.inference.limits import checked_weights

Floats = NDArray[np.float64]
BLOCK = 512  # events whose products are summed together


@dataclass(frozen=True)
class Variation:
    r"""What one nuisance parameter, constrained by a unit Gaussian about 0, does to the weight of each event.

    Args:
        name: of the parameter.
        linear: :math:`a(x)`, (n,).
        quadratic: :math:`b(x)`, (n,).
    """

    name: str
    linear: Floats
    quadratic: Floats

    def log_weight(self, nu: float) -> Floats:
        """Logarithm of the factor on the weight of each event, (n,)."""
        value: Floats = nu * self.linear + nu**2 * self.quadratic
        return value


def weight_variation(name: str, nominal: ArrayLike, up: ArrayLike, down: ArrayLike | None = None) -> Variation:
    """From event weights at +1 and -1 standard deviation: of another scale, other densities, named weights of a file.

    Args:
        name: of the nuisance parameter.
        nominal: weights, or densities, (n,), above 0.
        up: at +1, (n,), above 0.
        down: at -1, (n,); the inverse factor of ``up`` if None.

    Raises:
        InputError: lengths differ, or a weight is not above 0.
    """
    middle, high = (np.asarray(values, dtype=np.float64) for values in (nominal, up))
    low = middle**2 / np.where(high > 0, high, 1.0) if down is None else np.asarray(down, dtype=np.float64)
    for what, values in (("nominal", middle), ("up", high), ("down", low)):
        if values.shape != middle.shape or values.ndim != 1 or len(values) == 0:
            raise InputError(f"{name}: weights must have the shape (n,), {what} has {values.shape}")
        if not (np.isfinite(values).all() and (values > 0).all()):
            bad = int((~(np.isfinite(values) & (values > 0))).sum())
            raise InputError(
                f"{name}: {bad} of {len(values)} {what} weights are not finite numbers above 0; leave these events out"
            )
    plus, minus = np.log(high / middle), np.log(low / middle)
    return Variation(name, (plus - minus) / 2, (plus + minus) / 2)


def luminosity(relative: float, n: int, name: str = "luminosity") -> Variation:
    """The same factor ``1 + relative`` at +1 on all n events; it needs the term of the rate to matter.

    Raises:
        InputError: the relative uncertainty is not above 0 and finite, or there is no event.
    """
    if not (relative > 0 and np.isfinite(relative)):
        raise InputError(f"the relative uncertainty of the {name} must be above 0 and finite, not {relative}")
    if n < 1:
        raise InputError(f"the {name} needs the number of events, 1 or more, not {n}")
    return Variation(name, np.full(n, np.log1p(relative)), np.zeros(n))


def shift_variation(
    name: str, values: ArrayLike, up: ArrayLike, down: ArrayLike, bins: int = 30, weights: ArrayLike | None = None
) -> Variation:
    """From an observable that moves, as by the jet energy scale: ratios of histograms of its values.

    Args:
        name: of the nuisance parameter.
        values: of the observable in each event, (n,).
        up: of the same events at +1 (n,), or of others, (any,) with equal weights.
        down: likewise at -1.
        bins: of equal content of ``values``; their ratios are interpolated between the middles of bins.
        weights: of the events, all 1 if None.

    Raises:
        InputError: lengths differ, a bin is empty, there are fewer than 2 bins, or a value is not finite.
    """
    if bins < 2:
        raise InputError(f"{name}: ratios of histograms need 2 bins or more, not {bins}")
    x, high, low = (np.asarray(column, dtype=np.float64) for column in (values, up, down))
    weight = checked_weights(weights, len(x))
    if not all(np.isfinite(column).all() and column.ndim == 1 for column in (x, high, low)):
        raise InputError(f"{name}: values must be finite and of the shape (n,)")
    inner = np.quantile(x, np.arange(1, bins) / bins)
    place = np.searchsorted(inner, x, side="right")
    shares = []
    for column in (x, high, low):
        own = weight if len(column) == len(x) else np.ones(len(column))
        content = np.bincount(np.searchsorted(inner, column, side="right"), own, minlength=bins)
        if not (content > 0).all():
            raise InputError(
                f"{name}: bin {int(np.flatnonzero(~(content > 0))[0])} of {bins} is empty; take fewer bins"
            )
        shares.append(content / own.sum())
    middles = np.bincount(place, weight * x, minlength=bins) / np.bincount(place, weight, minlength=bins)
    plus, minus = (np.interp(x, middles, np.log(share / shares[0])) for share in shares[1:])
    return Variation(name, (plus - minus) / 2, (plus + minus) / 2)


@dataclass(frozen=True)
class Nuisances:
    """Several nuisance parameters of the same events.

    Args:
        names: k of them.
        linear: (n, k).
        quadratic: (n, k).
    """

    names: tuple[str, ...]
    linear: Floats
    quadratic: Floats

    @classmethod
    def of(cls, variations: Sequence[Variation]) -> Nuisances:
        """Put variations side by side.

        Raises:
            InputError: there is none, two have one name, or they are of different numbers of events.
        """
        names = tuple(one.name for one in variations)
        if not names or len(set(names)) < len(names):
            raise InputError(f"nuisance parameters need one name each, not: {', '.join(names) or 'none'}")
        if len({len(one.linear) for one in variations}) > 1:
            told = ", ".join(f"{one.name} has {len(one.linear)}" for one in variations)
            raise InputError(f"variations must be of the same events, but {told}")
        return cls(
            names, np.stack([one.linear for one in variations], 1), np.stack([one.quadratic for one in variations], 1)
        )

    def moments(self, weights: Floats, factors: Floats) -> tuple[Floats, Floats]:
        r"""Gradient (r, m, k), curvature (r, m, k, k) of :math:`\ln E[\exp(\nu a + \nu^2 b)]` at 0.

        Args:
            weights: of the n events at m points, (m, n).
            factors: on the weights of each event, the same at all points, in r samples, (r, n).
        """
        n, k = self.linear.shape
        first, second = np.triu_indices(k)
        products = self.linear[:, first] * self.linear[:, second]
        columns = np.concatenate([np.ones((n, 1)), self.linear, self.quadratic, products], axis=1)
        sums = np.zeros((len(weights), len(factors) * columns.shape[1]))
        for start in range(0, n, BLOCK):
            few = slice(start, start + BLOCK)
            sums += weights[:, few] @ (factors.T[few, :, None] * columns[few, None]).reshape(-1, sums.shape[1])
        table = sums.reshape(len(weights), len(factors), -1).transpose(1, 0, 2)
        mean, bent, squares = np.split(table[..., 1:] / table[..., :1], [k, 2 * k], axis=-1)
        curvature = np.empty((*mean.shape, k))
        curvature[..., first, second] = curvature[..., second, first] = squares
        curvature -= mean[..., :, None] * mean[..., None, :]
        return mean, curvature + (2 * bent)[..., None] * np.eye(k)

r"""Fisher information: of whole events, of the rate, of histograms; profiled; ellipses (1612.05261, 1805.00020)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.inference.intervals import threshold
from partonic.inference.limits import checked_weights

Floats = NDArray[np.float64]
ENOUGH = 100_000  # events; the score has a heavy tail


@dataclass(frozen=True)
class Information:
    """A Fisher information matrix with its statistical error.

    Args:
        matrix: (p, p).
        replicas: the same from resampled events, (replicas, p, p); none where it is exact.
        parameters: names, p of them.
        note: a caveat, as few events.
    """

    matrix: Floats
    replicas: Floats
    parameters: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        p = len(self.parameters)
        if self.matrix.shape != (p, p) or self.replicas.shape[1:] != (p, p):
            raise InputError(f"the information on {p} parameters has the shape ({p}, {p}), not {self.matrix.shape}")

    def element(self, i: int, j: int) -> Estimate:
        """One element with its error."""
        return self._estimate(float(self.matrix[i, j]), self.replicas[:, i, j])

    def determinant(self) -> Estimate:
        """Determinant with its error."""
        return self._estimate(float(np.linalg.det(self.matrix)), np.linalg.det(self.replicas))

    def bound(self, parameter: str) -> Estimate:
        """Smallest standard deviation of an unbiased estimate of a parameter, all others unknown (Cramer-Rao).

        Raises:
            InputError: there is no such parameter, or the matrix is singular.
        """
        i = self._index(parameter)
        invertible(self.matrix)
        spread = [np.sqrt(np.linalg.inv(one)[i, i]) for one in self.replicas if np.linalg.eigvalsh(one)[0] > 0]
        return self._estimate(float(np.sqrt(np.linalg.inv(self.matrix)[i, i])), np.array(spread))

    def profiled(self, keep: Sequence[str]) -> Information:
        """Information on some parameters when all others are unknown (Schur's complement).

        Raises:
            InputError: there is no such parameter, or the block of the others is singular.
        """
        index = [self._index(name) for name in keep]
        rest = [i for i in range(len(self.parameters)) if i not in index]
        matrix = _schur(self.matrix, index, rest)
        replicas = np.array([_schur(one, index, rest) for one in self.replicas]).reshape(-1, len(index), len(index))
        return Information(matrix, replicas, tuple(keep), self.note)

    def plus(self, other: Information) -> Information:
        """Information of two independent measurements (or of shape and rate).

        Raises:
            InputError: they are on different parameters.
        """
        if self.parameters != other.parameters:
            raise InputError(f"information on {self.parameters} and on {other.parameters} cannot be added")
        replicas = self.replicas
        if len(other.replicas):
            both = len(self.replicas) == len(other.replicas)
            replicas = self.replicas + other.replicas if both else self.matrix + other.replicas
            if len(self.replicas) and not both:
                raise InputError("information with different numbers of replicas cannot be added")
        elif len(replicas):
            replicas = replicas + other.matrix
        return Information(self.matrix + other.matrix, replicas, self.parameters, self.note or other.note)

    def ellipse(self, level: float = 0.6826894921, points: int = 181, centre: ArrayLike = (0.0, 0.0)) -> Floats:
        """Border of the expected region of two parameters, (points, 2).

        Raises:
            InputError: the matrix is not of two parameters, or not positive.
        """
        if len(self.parameters) != 2:
            raise InputError("an ellipse is of two parameters: profile the others first")
        invertible(self.matrix)
        values, vectors = np.linalg.eigh(self.matrix)
        angle = np.linspace(0, 2 * np.pi, points)
        circle = np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(threshold(level, 2) / values)[:, None]
        border: Floats = (vectors @ circle).T + np.asarray(centre, dtype=np.float64)
        return border

    def _index(self, parameter: str) -> int:
        if parameter not in self.parameters:
            raise InputError(f"no parameter '{parameter}'; there are: {', '.join(self.parameters)}")
        return self.parameters.index(parameter)

    def _estimate(self, value: float, replicas: Floats) -> Estimate:
        if len(replicas) < 2:
            return Estimate(value, value, value, "exact", self.note)
        return Estimate.symmetric(value, float(np.std(replicas, ddof=1)), "bootstrap", self.note)


def event_information(
    score: ArrayLike,
    events: float,
    weights: ArrayLike | None = None,
    *,
    parameters: Sequence[str] = (),
    replicas: int = 100,
    seed: int = 0,
) -> Information:
    r"""Information in the shape of events, :math:`N E[s s^T]` with the mean of the score taken off.

    With the learned score of observables it is the information in these, with the exact score of the parton level the
    most that any observable holds. The score has a heavy tail, so fewer than 100,000 events warn.

    Args:
        score: derivative of the log-probability of each event by the parameters, (n, p).
        events: expected number N.
        weights: of the events at the point of the score, (n,), all 1 if None.
        parameters: names.
        replicas: bootstrap samples for the error.
        seed: of the bootstrap.

    Raises:
        InputError: shapes do not go together, a number is not finite, or the expected number is not above 0.
    """
    s = np.asarray(score, dtype=np.float64)
    if s.ndim != 2:
        raise InputError(f"a score has the shape (events, parameters), not {s.shape}")
    if not np.isfinite(s).all():
        row = int(np.flatnonzero(~np.isfinite(s).all(axis=1))[0])
        raise InputError(f"the score of event {row + 1:,} is {s[row]}; it must be finite")
    if len(s) < 2:
        raise InputError(f"{len(s)} events have no Fisher information; give 2 or more, better {ENOUGH:,}")
    if not events > 0:
        raise InputError(f"the expected number of events must be above 0, not {events}")
    weight = checked_weights(weights, len(s))
    note = ""
    effective = weight.sum() ** 2 / (weight**2).sum()
    if effective < ENOUGH:
        note = f"rests on {effective:,.0f} events, and the score has a heavy tail: take {ENOUGH:,} or more"
        warnings.warn(f"Fisher information {note}", stacklevel=2)
    squares = (s[:, :, None] * s[:, None, :]).reshape(len(s), -1)
    table = np.concatenate([s, squares], axis=1)
    rng, p = generator(seed), s.shape[1]
    rows = [weight] + [weight * rng.poisson(1.0, len(s)) for _ in range(replicas)]
    means = np.array([row @ table / row.sum() for row in rows])
    found = events * (means[:, p:].reshape(-1, p, p) - means[:, :p, None] * means[:, None, :p])
    return Information(found[0], found[1:], _names(parameters, p), note)


def rate_information(
    sigma: float, gradient: ArrayLike, luminosity: float, *, parameters: Sequence[str] = ()
) -> Information:
    r"""Information in the number of events, :math:`L \nabla\sigma \nabla\sigma^T / \sigma`.

    Args:
        sigma: cross section, above 0.
        gradient: its derivatives by the parameters, (p,).
        luminosity: in the inverse unit of the cross section.
        parameters: names.

    Raises:
        InputError: the cross section is not above 0.
    """
    slope = np.asarray(gradient, dtype=np.float64)
    if not sigma > 0:
        raise InputError(f"the cross section must be above 0, not {sigma}")
    matrix = luminosity * np.outer(slope, slope) / sigma
    return Information(matrix, np.zeros((0, *matrix.shape)), _names(parameters, len(slope)))


def histogram_information(
    contents: ArrayLike,
    gradients: ArrayLike,
    *,
    parameters: Sequence[str] = (),
    shape_only: bool = False,
    resampled: tuple[ArrayLike, ArrayLike] | None = None,
) -> Information:
    r"""Information in a histogram, :math:`\sum_b \nabla\nu_b \nabla\nu_b^T / \nu_b`.

    Args:
        contents: expected events a bin, (bins,), above 0.
        gradients: their derivatives, (bins, p).
        parameters: names.
        shape_only: leave out what the total number tells.
        resampled: contents (replicas, bins) and gradients (replicas, bins, p) of the same histogram filled with
            resampled events, for the error; None where the contents are exact.

    Raises:
        InputError: a bin is empty, or shapes do not go together.
    """
    rate, slope = np.asarray(contents, dtype=np.float64), np.asarray(gradients, dtype=np.float64)
    matrix = _in_bins(rate, slope, shape_only)
    replicas = np.zeros((0, *matrix.shape))
    if resampled is not None:
        rates, slopes = (np.asarray(values, dtype=np.float64) for values in resampled)
        if rates.shape[1:] != rate.shape or slopes.shape != (len(rates), *slope.shape):
            raise InputError(
                f"resampled contents and gradients are (replicas, {len(rate)}) and (replicas, {len(rate)}, "
                f"{slope.shape[1]}), not of the shapes {rates.shape} and {slopes.shape}"
            )
        replicas = np.array([_in_bins(*pair, shape_only) for pair in zip(rates, slopes, strict=True)])
    return Information(matrix, replicas.reshape(-1, *matrix.shape), _names(parameters, slope.shape[1]))


def constraint_information(widths: ArrayLike, *, parameters: Sequence[str] = ()) -> Information:
    """Information of Gaussian constraints, of widths (p,); infinite for none."""
    matrix = np.diag(np.asarray(widths, dtype=np.float64) ** -2)
    return Information(matrix, np.zeros((0, *matrix.shape)), _names(parameters, len(matrix)))


def invertible(matrix: Floats) -> None:
    """Refuse a matrix that is not positive definite.

    Raises:
        InputError: it is not; the message gives its smallest eigenvalue.
    """
    values = np.linalg.eigvalsh(matrix)
    if not values[0] > 1e-12 * max(values[-1], 1e-300):
        raise InputError(
            f"the information is singular (eigenvalues {', '.join(f'{v:.3g}' for v in values)}): a direction is flat"
        )


def _in_bins(rate: Floats, slope: Floats, shape_only: bool) -> Floats:
    """The information in expected events (bins,) with the derivatives (bins, p), (p, p)."""
    if slope.ndim != 2 or rate.shape != slope.shape[:1]:
        raise InputError(f"contents (bins,) and gradients (bins, p) have the shapes {rate.shape} and {slope.shape}")
    if not (rate > 0).all():
        raise InputError(f"bin {int(np.flatnonzero(~(rate > 0))[0])} expects no events; merge it with its neighbour")
    matrix: Floats = (slope / rate[:, None]).T @ slope
    total = slope.sum(axis=0)
    return matrix - np.outer(total, total) / rate.sum() if shape_only else matrix


def _schur(matrix: Floats, keep: list[int], rest: list[int]) -> Floats:
    block = matrix[np.ix_(keep, keep)]
    if not rest:
        return block
    others = matrix[np.ix_(rest, rest)]
    invertible(others)
    cross = matrix[np.ix_(keep, rest)]
    left: Floats = block - cross @ np.linalg.solve(others, cross.T)
    return left


def _names(parameters: Sequence[str], p: int) -> tuple[str, ...]:
    return tuple(parameters) or tuple(f"theta{i + 1}" for i in range(p))

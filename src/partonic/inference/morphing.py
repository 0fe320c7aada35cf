r"""Polynomials in theta that every event carries: basis, gradient, and components from weights at a few points.

Where amplitudes are linear in the parameters, the weight of an event is :math:`w(\theta) = \sum_k c_k \phi_k(\theta)`
with monomials :math:`\phi_k` of degree two (arXiv:1805.00020, section II.C). The weights at as many points as there are
monomials fix the components :math:`c_k`, and with them the event at any theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations_with_replacement
from operator import mul
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError, unknown

Floats = NDArray[np.float64]
Theta = TypeVar("Theta", Floats, Tensor)

NAMED = 6  # monomials in an error
SINGULAR = 1e-10  # of the largest singular value of the basis, each parameter in units of its largest value


@dataclass(frozen=True)
class Morphing:
    r"""The monomials :math:`\phi_k(\theta) = \prod_i \theta_i^{n_{ki}}` of a polynomial in theta.

    Args:
        powers: :math:`n_{ki}`, (k, p), integers of 0 or more, no row twice.
        parameters: names of the p parameters, ``t1``, ``t2``, ... where none are given.

    Raises:
        InputError: the powers are of another shape, negative or there twice, or the number of names is wrong.

    Example:
        >>> Morphing.polynomial(2).monomials
        ('1', 't1', 't2', 't1^2', 't1 t2', 't2^2')
    """

    powers: tuple[tuple[int, ...], ...]
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        table = np.asarray(self.powers)
        if table.ndim != 2 or table.size == 0 or not np.issubdtype(table.dtype, np.integer) or table.min() < 0:
            raise InputError("the powers of a morphing basis are a table (monomials, parameters) of integers from 0 on")
        if len(np.unique(table, axis=0)) < len(table):
            raise InputError("a monomial stands twice in the powers of a morphing basis")
        names = tuple(self.parameters) or tuple(f"t{i + 1}" for i in range(table.shape[1]))
        if len(set(names)) != table.shape[1]:
            raise InputError(f"a basis of {table.shape[1]} parameters needs as many different names, not {list(names)}")
        object.__setattr__(self, "powers", tuple(tuple(int(n) for n in row) for row in table))
        object.__setattr__(self, "parameters", names)

    @classmethod
    def polynomial(cls, parameters: int | Sequence[str], degree: int = 2) -> Morphing:
        """All monomials up to a degree, those of lower degree first: (1, t1, .., tp, t1^2, t1 t2, .., tp^2).

        Args:
            parameters: their number, or their names.
            degree: highest sum of powers.

        Raises:
            InputError: there is no parameter, or the degree is below 1.
        """
        count = parameters if isinstance(parameters, int) else len(parameters)
        if count < 1 or degree < 1:
            raise InputError(f"a polynomial needs 1 parameter and degree 1 or more, not {count} and {degree}")
        factors = [c for order in range(degree + 1) for c in combinations_with_replacement(range(count), order)]
        powers = tuple(tuple(chosen.count(i) for i in range(count)) for chosen in factors)
        return cls(powers, () if isinstance(parameters, int) else tuple(parameters))

    def restricted(self, parameters: Sequence[str]) -> tuple[Morphing, NDArray[np.int64]]:
        """The polynomial with all other parameters at 0.

        Args:
            parameters: that are kept, in their new order.

        Returns:
            The polynomial in these, and the places of its monomials in this one: ``components[:, places]`` are its
            components.

        Raises:
            UnknownNameError: there is no such parameter.
            InputError: one is named twice, or none.
        """
        for name in parameters:
            if name not in self.parameters:
                raise unknown("parameter", name, self.parameters)
        if not parameters or len(set(parameters)) < len(parameters):
            raise InputError(f"name one parameter or more, each once, not {list(parameters)}")
        table = np.array(self.powers)
        kept = [self.parameters.index(name) for name in parameters]
        places = np.flatnonzero(np.delete(table, kept, axis=1).sum(axis=1) == 0)
        powers = [tuple(int(n) for n in row) for row in table[places][:, kept]]
        order = sorted(range(len(places)), key=lambda i: (sum(powers[i]), [-n for n in powers[i]]))
        return Morphing(tuple(powers[i] for i in order), tuple(parameters)), places[order]

    def __len__(self) -> int:
        return len(self.powers)

    @property
    def degree(self) -> int:
        """Highest sum of powers."""
        return max(sum(row) for row in self.powers)

    @property
    def monomials(self) -> tuple[str, ...]:
        """The monomials in words, as ``"f_W^2"``, ``"f_W f_WW"``, and ``"1"``."""
        return tuple(self._words(row) for row in self.powers)

    def _words(self, row: tuple[int, ...]) -> str:
        pairs = [(name, n) for name, n in zip(self.parameters, row, strict=True) if n]
        return " ".join(name if n == 1 else f"{name}^{n}" for name, n in pairs) or "1"

    def basis(self, theta: Theta) -> Theta:
        """The monomials at theta.

        Args:
            theta: (..., p), an array or a tensor.

        Returns:
            (..., k), of the same kind.

        Raises:
            InputError: the last axis is not of length p, or a number of an array is not finite.
        """
        checked = self._checked(theta)
        return _stack([_monomial(checked, row) for row in self.powers], checked)

    def gradient(self, theta: Theta) -> Theta:
        """The derivatives of the monomials by theta.

        Args:
            theta: (..., p), an array or a tensor.

        Returns:
            (..., k, p), of the same kind.

        Raises:
            InputError: the last axis is not of length p, or a number of an array is not finite.
        """
        checked = self._checked(theta)
        rows = [_stack([_derivative(checked, row, i) for i in range(len(row))], checked) for row in self.powers]
        return _stack(rows, checked, axis=-2)

    def _checked(self, theta: Theta) -> Theta:
        if not isinstance(theta, Tensor):
            theta = as_numbers("theta", theta)
            if not np.all(np.isfinite(theta)):
                raise InputError("theta must be finite")
        if theta.ndim == 0 or theta.shape[-1] != len(self.parameters):
            names = ", ".join(self.parameters)
            raise InputError(
                f"theta has the {len(self.parameters)} parameters {names}, not the shape {tuple(theta.shape)}"
            )
        return theta

    def condition(self, points: ArrayLike) -> float:
        """Ratio of the largest to the smallest singular value of the basis at the points, infinite if they do not span.

        Args:
            points: (k', p); the number depends on their units.
        """
        return float(np.linalg.cond(self.basis(np.atleast_2d(np.asarray(points, dtype=np.float64)))))

    def components(self, weights: ArrayLike, points: ArrayLike) -> Floats:
        """The components whose polynomial takes the given weights at the points, by least squares.

        Args:
            weights: of each event at each point, (n, k').
            points: (k', p), at least as many as there are monomials.

        Returns:
            (n, k), with ``components @ basis(theta)`` the weight at theta.

        Raises:
            InputError: a weight is not finite, the shapes disagree, or the points do not span the polynomial; the
                message names the monomials that stay open.
        """
        places = self._checked(np.atleast_2d(as_numbers("the points", points)))
        values = np.atleast_2d(as_numbers("the weights", weights))
        if values.ndim != 2 or values.shape[1] != len(places):
            raise InputError(
                f"weights at {len(places)} points are an array (events, {len(places)}), not {values.shape}"
            )
        if not np.all(np.isfinite(values)):
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise InputError(f"the weights of event {row + 1:,} are not all finite")
        units = np.maximum(np.abs(places).max(axis=0), np.finfo(float).tiny)
        scaled = self.basis(places / units)
        self._check_span(scaled)
        solved = np.linalg.lstsq(scaled, values.T, rcond=None)[0]
        result: Floats = np.ascontiguousarray((solved / self.basis(units)[:, None]).T)
        return result

    def _check_span(self, scaled: Floats) -> None:
        _, values, directions = np.linalg.svd(scaled)
        rank = int(np.sum(values > SINGULAR * values[0]))
        if rank < len(self):
            open_ = np.abs(directions[rank:]).max(axis=0) > 1e-6
            lost = [name for name, missing in zip(self.monomials, open_, strict=True) if missing]
            names = ", ".join(lost[:NAMED]) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
            raise InputError(
                f"singular basis: the {len(scaled)} points have rank {rank} and the polynomial has {len(self)} "
                f"monomials; open stay {names}; give weights at more points"
            )

    def form(self, components: ArrayLike) -> Floats:
        r"""The symmetric matrices M with :math:`w(\theta) = (1, \theta)^T M (1, \theta)`.

        Args:
            components: (..., k), of a polynomial of degree 2.

        Returns:
            (..., p + 1, p + 1); positive semidefinite where the weight is nowhere negative.

        Raises:
            InputError: the degree is not 2, or the last axis is not of length k.
        """
        values = np.asarray(components, dtype=np.float64)
        if self.degree != 2 or values.ndim == 0 or values.shape[-1] != len(self):
            shape = values.shape
            raise InputError(
                f"a quadratic form needs components of degree 2, (..., {len(self)}), not degree "
                f"{self.degree} and the shape {shape}"
            )
        size = len(self.parameters) + 1
        matrix = np.zeros((*values.shape[:-1], size, size))
        for k, row in enumerate(self.powers):
            factors = [i + 1 for i, n in enumerate(row) for _ in range(n)]
            a, b = [0] * (2 - len(factors)) + factors
            matrix[..., a, b] += 0.5 * values[..., k]
            matrix[..., b, a] += 0.5 * values[..., k]
        return matrix


def _stack(parts: list[Theta], like: Theta, axis: int = -1) -> Theta:
    stack: Any = torch.stack if isinstance(like, Tensor) else np.stack
    joined: Theta = stack(parts, axis)
    return joined


def _monomial(theta: Theta, row: tuple[int, ...]) -> Theta:
    factors = [theta[..., i] for i, n in enumerate(row) for _ in range(n)]
    return reduce(mul, factors) if factors else theta[..., 0] ** 0


def _derivative(theta: Theta, row: tuple[int, ...], i: int) -> Theta:
    lowered = tuple(max(n - (j == i), 0) for j, n in enumerate(row))
    return _monomial(theta, lowered) * row[i]

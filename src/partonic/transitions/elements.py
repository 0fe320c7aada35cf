"""Elements along the radius: polynomials on pieces between breakpoints, joined at their ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from partonic.transitions.scaled import Array

DEGREE = 8


@dataclass(frozen=True)
class Reference:
    """Polynomials on [-1, 1] by their values at Gauss-Lobatto nodes.

    Args:
        nodes: (degree + 1,).
        points: Gauss points of integrals, (points,).
        weights: theirs.
        values: of the polynomials at the points, (points, degree + 1).
        slopes: their derivatives.
        to_legendre: values at nodes to Legendre coefficients, (degree + 1, degree + 1).
    """

    nodes: Array
    points: Array
    weights: Array
    values: Array
    slopes: Array
    to_legendre: Array


@lru_cache(maxsize=4)
def reference(degree: int = DEGREE) -> Reference:
    """The polynomials of a degree."""
    inner = legendre.Legendre.basis(degree).deriv().roots()
    nodes = np.concatenate([[-1.0], np.sort(inner.real), [1.0]])
    points, weights = legendre.leggauss(degree + 3)
    to_legendre = np.linalg.inv(legendre.legvander(nodes, degree))
    rows = [legendre.legval(points, legendre.legder(row)) for row in np.eye(degree + 1)]
    return Reference(
        nodes,
        points,
        weights,
        legendre.legvander(points, degree) @ to_legendre,
        np.stack(rows, 1) @ to_legendre,
        to_legendre,
    )


@dataclass(frozen=True)
class Mesh:
    """Elements between breakpoints.

    Args:
        breaks: increasing, (elements + 1,).
    """

    breaks: Array

    @property
    def elements(self) -> int:
        """Their number."""
        return len(self.breaks) - 1

    @property
    def sizes(self) -> Array:
        """Lengths of the elements, (elements,)."""
        return np.diff(self.breaks)

    @property
    def nodes(self) -> Array:
        """All nodes, shared ends once, (elements * degree + 1,)."""
        each = self._spread(reference().nodes)
        return np.concatenate([each[:, :-1].ravel(), self.breaks[-1:]])

    @property
    def points(self) -> Array:
        """Points of integrals, (elements, points)."""
        return self._spread(reference().points)

    @property
    def weights(self) -> Array:
        """Weights of integrals over the radius, (elements, points)."""
        found: Array = self.sizes[:, None] / 2 * reference().weights
        return found

    @property
    def members(self) -> NDArray[np.intp]:
        """Numbers of the nodes of each element, (elements, degree + 1)."""
        return np.arange(self.elements)[:, None] * DEGREE + np.arange(DEGREE + 1)

    def at_points(self, nodal: Array) -> tuple[Array, Array]:
        """Values and derivatives at the points, (elements, points, fields), of values at nodes (nodes, fields)."""
        each, ref = nodal[self.members], reference()
        values = np.einsum("qa,ean->eqn", ref.values, each)
        slopes = np.einsum("qa,ean->eqn", ref.slopes, each) * (2 / self.sizes)[:, None, None]
        return values, slopes

    def interpolate(self, nodal: Array, x: Array) -> Array:
        """Values (..., fields) anywhere inside (the end values beyond)."""
        x = np.clip(x, self.breaks[0], self.breaks[-1])
        element = np.clip(np.searchsorted(self.breaks, x, side="right") - 1, 0, self.elements - 1)
        z = 2 * (x - self.breaks[element]) / self.sizes[element] - 1
        coefficients = np.einsum("ka,ean->ekn", reference().to_legendre, nodal[self.members])
        polynomials = legendre.legvander(z, DEGREE).reshape(*z.shape, DEGREE + 1)
        found: Array = np.einsum("...k,...kn->...n", polynomials, coefficients[element])
        return found

    def roughness(self, nodal: Array) -> Array:
        """Size of the two highest Legendre coefficients of each element, (elements,)."""
        coefficients = np.einsum("ka,ean->ekn", reference().to_legendre, nodal[self.members])
        found: Array = np.linalg.norm(coefficients[:, -2:], axis=2).sum(1)
        return found

    def bisected(self, which: NDArray[np.bool_]) -> Mesh:
        """A mesh with some elements (elements,) of bool cut in two."""
        middle = (self.breaks[:-1] + self.breaks[1:])[which] / 2
        return Mesh(np.sort(np.concatenate([self.breaks, middle])))

    def _spread(self, z: Array) -> Array:
        middle = (self.breaks[:-1] + self.breaks[1:]) / 2
        found: Array = middle[:, None] + self.sizes[:, None] / 2 * z
        return found

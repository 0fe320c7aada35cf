r"""The radial equation of the bounce, :math:`\phi'' + (d - 1) \phi' / r = \nabla V`, by Newton's method on elements.

Radii are :math:`r = \lambda \rho` with the size :math:`\lambda` of the bubble as one more unknown, and the wall is held
at its place in :math:`\rho`. Thin walls, whose place hardly matters to the action, are thereby as well posed as thick
ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu
from scipy.special import kve

from partonic.transitions.elements import Mesh, reference
from partonic.transitions.scaled import Array, ScaledPotential

STEPS = 40
DONE = 1e-10  # a Newton step of this part of the distance between the vacua ends the iteration
STUCK = 1e-6  # a step as small as that which does not shrink any more is rounding


@dataclass(frozen=True)
class Radial:
    """A solution, in units of the scaled potential.

    Args:
        mesh: elements in rho.
        nodal: fields at the nodes, (nodes, fields).
        size: lambda.
        converged: whether Newton's method was.
        steps: that it took.
    """

    mesh: Mesh
    nodal: Array
    size: float
    converged: bool
    steps: int


def sphere(d: int) -> float:
    """Surface of the unit sphere in d dimensions."""
    return float(2 * math.pi ** (d / 2) / math.gamma(d / 2))


class RadialProblem:
    """Rows and derivatives of the equation on a mesh.

    Args:
        potential: in its own units.
        d: dimensions.
        mesh: elements.
    """

    def __init__(self, potential: ScaledPotential, d: int, mesh: Mesh) -> None:
        self.potential, self.d, self.mesh = potential, d, mesh
        n = potential.fields
        self.weights = mesh.weights * mesh.points ** (d - 1)
        ref = reference()
        slopes = ref.slopes[None] * (2 / mesh.sizes)[:, None, None]
        self.stiffness = np.einsum("eq,eqa,eqb->eab", self.weights, slopes, slopes)
        self.count = len(mesh.nodes) * n
        numbers = (mesh.members[:, :, None] * n + np.arange(n)).reshape(mesh.elements, -1)
        self.numbers = numbers
        width = numbers.shape[1]
        self.rows = np.repeat(numbers, width, axis=1).ravel()
        self.columns = np.tile(numbers, (1, width)).ravel()
        curvature, self.axes = np.linalg.eigh(potential.hessian(np.zeros(n)))
        self.masses = np.sqrt(np.maximum(curvature, 0))
        self.edge = float(mesh.breaks[-1])

    def residual(self, nodal: Array, size: float) -> tuple[Array, Array]:
        """Rows of the equation (nodes * fields,) and their derivative by lambda."""
        ref = reference()
        values, _ = self.mesh.at_points(nodal)
        force = self.weights[..., None] * self.potential.gradient(values)
        pushed = np.einsum("qa,eqn->ean", ref.values, force)
        stiff = np.einsum("eab,ebn->ean", self.stiffness, nodal[self.mesh.members])
        rows = self._gather(stiff + size**2 * pushed)
        rows[-self.potential.fields :] += self.tail(size) @ nodal[-1]
        return rows, self._gather(2 * size * pushed)

    def matrix(self, nodal: Array, size: float) -> csc_matrix:
        """Derivative of the rows by the fields at the nodes."""
        ref, n = reference(), self.potential.fields
        values, _ = self.mesh.at_points(nodal)
        bend = size**2 * self.weights[..., None, None] * self.potential.hessian(values)
        products = np.einsum("qa,qb->qab", ref.values, ref.values)
        blocks = np.einsum("qab,eqnm->eanbm", products, bend, optimize=True)
        for k in range(n):
            blocks[:, :, k, :, k] += self.stiffness
        last = np.arange(self.count - n, self.count)
        entries = np.concatenate([blocks.ravel(), self.tail(size).ravel()])
        rows = np.concatenate([self.rows, np.repeat(last, n)])
        columns = np.concatenate([self.columns, np.tile(last, n)])
        return coo_matrix((entries, (rows, columns)), shape=(self.count, self.count)).tocsc()

    def tail(self, size: float) -> Array:
        """Minus the slope at the outer edge for each displacement there, times rho^(d-1), (fields, fields)."""
        order, z = self.d / 2 - 1, self.masses * size * self.edge
        rate = np.full(len(z), 2 * order)
        massive = z > 1e-6
        rate[massive] = z[massive] * kve(order + 1, z[massive]) / kve(order, z[massive])
        found: Array = (self.axes * (rate * self.edge ** (self.d - 2))) @ self.axes.T
        return found

    def action(self, nodal: Array, size: float) -> tuple[float, float]:
        """The action, and what the identity of Derrick leaves of it (0 for an exact solution)."""
        d, mesh = self.d, self.mesh
        values, slopes = mesh.at_points(nodal)
        kinetic = size ** (d - 2) * float((self.weights * (slopes**2).sum(2)).sum()) / 2
        inside = float(self.potential.value(nodal[0])) * mesh.breaks[0] ** d / d
        potential = size**d * (float((self.weights * self.potential.value(values)).sum()) + inside)
        outer = nodal[-1]
        pull = self.tail(size) @ outer
        beyond = size ** (d - 2) * float(outer @ pull) / 2
        speed = float(pull @ pull) / self.edge ** (2 * d - 2) / size**2
        edge = (size * self.edge) ** d * (speed / 2 - float(self.potential.value(outer)))
        total = kinetic + potential + beyond
        left = ((d - 2) * kinetic + d * potential + edge) * 2 / (d * (d - 2))
        return sphere(d) * total, sphere(d) * left

    def negative_modes(self, nodal: Array, size: float) -> int:
        """Number of directions in which the action has a maximum; 1 for a bounce."""
        matrix = self.matrix(nodal, size)
        options = {"SymmetricMode": True, "DiagPivotThresh": 0.0}
        factors = splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options=options)
        return int((factors.U.diagonal() < 0).sum())

    def _gather(self, each: Array) -> Array:
        found = np.bincount(self.numbers.ravel(), weights=each.ravel(), minlength=self.count)
        return np.asarray(found, dtype=np.float64)


def newton(problem: RadialProblem, nodal: Array, size: float = 1.0, steps: int = STEPS) -> Radial:
    """Solve the equation from a first guess, with steps as long as they shrink the next one.

    Args:
        problem: the equation on a mesh.
        nodal: first guess at the nodes, (nodes, fields).
        size: first guess of lambda.
        steps: at most so many.
    """
    place, across = _hold(problem, nodal)
    held = float(nodal[place] @ across)

    def rows(nodal: Array, size: float) -> tuple[Array, Array]:
        found, by_size = problem.residual(nodal, size)
        return np.append(found, nodal[place] @ across - held), by_size

    before = math.inf
    right, by_size = rows(nodal, size)
    for step in range(1, steps + 1):
        solve = _bordered(problem, nodal, size, by_size, place, across)
        move = None if solve is None else solve(-right)
        if solve is None or move is None:
            return Radial(problem.mesh, nodal, size, False, step)
        length, scale = _length(move), 1.0
        if length < DONE or (length < STUCK and length > 0.5 * before):
            return Radial(problem.mesh, nodal + move[:-1].reshape(nodal.shape), size + move[-1], True, step)
        while True:
            there, bigger = nodal + scale * move[:-1].reshape(nodal.shape), size + scale * move[-1]
            if bigger > 0.05 * size:
                right, by_size = rows(there, bigger)
                following = solve(-right)
                if following is not None and _length(following) <= (1 - scale / 4) * length:
                    break
            scale /= 2
            if scale < 1e-3:
                return Radial(problem.mesh, nodal, size, False, step)
        nodal, size, before = there, bigger, length
    return Radial(problem.mesh, nodal, size, False, steps)


def _hold(problem: RadialProblem, nodal: Array) -> tuple[int, Array]:
    """The node in the middle of the wall and the direction across it."""
    _, slopes = problem.mesh.at_points(nodal)
    steep = int((slopes**2).sum(2).max(1).argmax())
    place = int(problem.mesh.members[steep, problem.mesh.members.shape[1] // 2])
    across = nodal[place + 1] - nodal[place - 1]
    return place, across / (np.linalg.norm(across) + 1e-300)


def _bordered(
    problem: RadialProblem, nodal: Array, size: float, by_size: Array, place: int, across: Array
) -> Callable[[Array], Array | None] | None:
    """Solver of the linear equations for fields and lambda together; None where they are singular."""
    n, count = problem.potential.fields, problem.count
    inner = problem.matrix(nodal, size).tocoo()
    held = place * n + np.arange(n)
    everything = np.arange(count)
    matrix = coo_matrix(
        (
            np.concatenate([inner.data, by_size, across]),
            (
                np.concatenate([inner.row, everything, np.full(n, count)]),
                np.concatenate([inner.col, np.full(count, count), held]),
            ),
        ),
        shape=(count + 1, count + 1),
    ).tocsc()
    if not np.isfinite(matrix.data).all():
        return None
    try:
        factors = splu(matrix, permc_spec="NATURAL")
    except RuntimeError:
        return None

    def solve(right: Array) -> Array | None:
        if not np.isfinite(right).all():
            return None
        found: Array = factors.solve(right)
        return found if np.isfinite(found).all() else None

    return solve


def _length(move: Array) -> float:
    found = math.sqrt(float(np.mean(move[:-1] ** 2)) + float(move[-1]) ** 2)
    return found if math.isfinite(found) else math.inf

"""From a rough profile to a solution of the radial equation whose error is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partonic.transitions.elements import Mesh
from partonic.transitions.profile import Guess, first_mesh, vacuum_masses
from partonic.transitions.radial import Radial, RadialProblem, newton
from partonic.transitions.scaled import Array, ScaledPotential

ROUGH = 1e-7  # elements whose two highest coefficients are larger are cut in two
ROUNDS = 6  # of cutting
LARGEST = 160  # elements
EDGE = 1e-4  # displacement at the outer edge beyond which the tail is not linear
ABOVE = 1.02  # a solution whose action is so much above the tunnelling potential's is another one


@dataclass(frozen=True)
class Polished:
    """A solution of the radial equation, in units of the scaled potential.

    Args:
        radial: the solution.
        action: S.
        error: its estimated error, as part of it.
        derrick: what Derrick's identity leaves, as part of the action.
        masses: smallest at the false and at the true vacuum.
    """

    radial: Radial
    action: float
    error: float
    derrick: float
    masses: tuple[float, float]


def polish(potential: ScaledPotential, rough: Guess, d: int, bound: float) -> Polished | None:
    """Solve from a guess; None where Newton's method does not lead to a bounce below an upper bound of the action.

    Args:
        potential: in its own units.
        rough: first guess.
        d: dimensions.
        bound: of the action.
    """
    mesh = first_mesh(potential, rough)
    found = _solve(potential, d, mesh, rough(mesh.nodes), 1.0)
    if found is None or not 0 < found.action <= ABOVE * bound:
        return None
    return found


def polish_again(potential: ScaledPotential, before: ScaledPotential, polished: Polished, d: int) -> Polished | None:
    """Solve from the solution for a neighbouring potential; None where that does not lead to a bounce."""
    radial = polished.radial
    old, new = before.true * before.length, potential.true * potential.length
    phi = radial.nodal * before.length
    phi = phi + np.outer(phi @ old / float(old @ old), new - old)
    mesh = Mesh(radial.mesh.breaks[::2] if radial.mesh.elements % 2 == 0 else radial.mesh.breaks)
    phi = radial.mesh.interpolate(phi, mesh.nodes) / potential.length
    ratio = before.radius_unit / potential.radius_unit * radial.size
    return _solve(potential, d, Mesh(mesh.breaks * ratio), phi, 1.0)


def _solve(potential: ScaledPotential, d: int, mesh: Mesh, nodal: Array, size: float) -> Polished | None:
    """Newton's method on meshes that are cut where they are rough, then once more on one twice as fine."""
    problem = RadialProblem(potential, d, mesh)
    found = newton(problem, nodal, size)
    for _ in range(ROUNDS):
        if not found.converged or not 0.3 < found.size < 3:
            return None
        rough = found.mesh.roughness(found.nodal) > ROUGH
        if not rough.any() or found.mesh.elements > LARGEST:
            break
        problem, found = _finer(problem, found, rough)
    if not found.converged or float(np.linalg.norm(found.nodal[-1])) > EDGE:
        return None
    coarse, _ = problem.action(found.nodal, found.size)
    if problem.negative_modes(found.nodal, found.size) != 1:
        return None
    problem, found = _finer(problem, found, np.ones(found.mesh.elements, dtype=bool))
    if not found.converged:
        return None
    action, left = problem.action(found.nodal, found.size)
    depth = -float(potential.value(found.nodal[0]))
    rounding = 1e-14 * (1 + abs(potential.bottom) / potential.height) / min(depth, 1.0) if depth > 0 else np.inf
    error = (abs(action - coarse) + abs(left)) / abs(action) + rounding
    return Polished(found, action, error, left / action, vacuum_masses(potential))


def _finer(problem: RadialProblem, found: Radial, which: NDArray[np.bool_]) -> tuple[RadialProblem, Radial]:
    mesh = found.mesh.bisected(which)
    finer = RadialProblem(problem.potential, problem.d, mesh)
    return finer, newton(finer, found.mesh.interpolate(found.nodal, mesh.nodes), found.size)

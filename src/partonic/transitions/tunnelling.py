r"""The tunnelling potential: the bounce as a minimum over functions on a finite interval (Espinosa, arXiv:1805.03680).

Along a path from the false vacuum to the release point the tunnelling potential :math:`V_t \le V` falls
monotonically. The least of

.. math:: S[V_t] = C_d \int \frac{(V - V_t)^{d/2}}{|V_t'|^{d-1}} dl,
   \qquad C_d = \frac{(d-1)^{d-1} (2\pi)^{d/2}}{\Gamma(1 + d/2)}

over :math:`V_t`, the path and the release point is the action of the bounce (arXiv:1811.09185): no shooting, no
boundary condition at infinity, and any :math:`V_t` gives an upper bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from scipy.optimize import minimize

from partonic.transitions.scaled import Array, ScaledPotential

PENALTY = 1e4  # for V_t above V
GENTLE = 0.14  # largest first guess of eps in V_t' ~ s (1 - s + eps)


@dataclass(frozen=True)
class Basis:
    r"""Nodes on [0, 1], dense at both ends, and the functions that V_t and the path are made of.

    Args:
        s: nodes, (nodes,).
        weights: of the integral over s.
        cumulative: (nodes, nodes), integrals from 0 to each node.
        slopes: (nodes, coefficients) Legendre polynomials of :math:`\log V_t'`.
        bends: (nodes, modes) of the path, :math:`s (1 - s) P_k`.
        bend_slopes: their derivatives by s.
    """

    s: Array
    weights: Array
    cumulative: Array
    slopes: Array
    bends: Array
    bend_slopes: Array


@lru_cache(maxsize=8)
def make_basis(coefficients: int, modes: int, nodes: int) -> Basis:
    """A basis; see :class:`Basis`."""
    x, w = legendre.leggauss(nodes)
    u = (x + 1) / 2
    s, ds = u * u * (3 - 2 * u), 6 * u * (1 - u)
    to_legendre = (legendre.legvander(x, nodes - 1) * w[:, None]).T * (2 * np.arange(nodes) + 1)[:, None] / 2
    unit = np.eye(nodes)
    integrals = np.stack([legendre.legval(x, legendre.legint(unit[j], lbnd=-1)) for j in range(nodes)], 1)
    cumulative = integrals @ to_legendre / 2 * ds[None, :]
    z = 2 * s - 1
    flat = (s * (1 - s))[:, None]
    values = legendre.legvander(z, max(modes - 1, 0))[:, :modes]
    rows = [legendre.legval(z, 2 * legendre.legder(np.eye(modes)[k])) for k in range(modes)]
    first = np.asarray(np.stack(rows, 1) if rows else values, dtype=np.float64)
    slopes = np.asarray(legendre.legvander(z, coefficients)[:, 1:], dtype=np.float64)
    weights = np.asarray(w / 2 * ds, dtype=np.float64)
    return Basis(s, weights, cumulative, slopes, flat * values, (1 - 2 * s)[:, None] * values + flat * first)


@dataclass(frozen=True)
class TunnellingPath:
    """A tunnelling potential along a path, in scaled fields.

    Args:
        s: nodes from the false vacuum (0) to the release point (1), (nodes,).
        phi: fields, (nodes, fields).
        speed: length of d phi / d s, (nodes,).
        gap: U - U_t, (nodes,).
        fall: -d U_t / d s, (nodes,).
        log_action: logarithm of the action, in units of the scaled potential.
        parameters: what it was made of, to go on from.
        coefficients: how many of them are of V_t'.
    """

    s: Array
    phi: Array
    speed: Array
    gap: Array
    fall: Array
    log_action: float
    parameters: Array
    coefficients: int

    @property
    def action(self) -> float:
        """The action, an upper bound of the bounce's, in units of the scaled potential."""
        return math.exp(self.log_action) if self.log_action < 700 else math.inf


class TunnellingProblem:
    """The action of a tunnelling potential and its gradient by all parameters.

    The parameters are the coefficients of log V_t', log eps, the release point and the modes of the path.

    Args:
        potential: in its own units.
        d: dimensions.
        coefficients: of V_t.
        modes: of the path, for each field (none for one field).
        nodes: of the integral.
    """

    def __init__(
        self, potential: ScaledPotential, d: int, coefficients: int = 8, modes: int = 5, nodes: int = 64
    ) -> None:
        self.potential, self.d = potential, d
        self.modes = modes if potential.fields > 1 else 0
        self.basis = make_basis(coefficients, self.modes, nodes)
        self.coefficients = coefficients
        self.log_constant = (d - 1) * math.log(d - 1) + d / 2 * math.log(2 * math.pi) - math.lgamma(1 + d / 2)
        self.depth = 1.0
        # release points are measured from the true vacuum by the distance over which U rises by its depth there
        curvature, axes = np.linalg.eigh(potential.hessian(potential.aim))
        depth = max(-float(potential.value(potential.aim)), 1e-12)
        reach = np.minimum(np.sqrt(2 * depth / np.maximum(np.abs(curvature), 1e-12)), 1.0)
        self.reach = (axes * reach) @ axes.T

    def start(self, release: float) -> Array:
        """Parameters of the straight path to a part of the way to the aim."""
        n, k = self.potential.fields, self.coefficients
        parameters = np.zeros(k + 1 + n + self.modes * n)
        aim = self.potential.aim
        parameters[k] = math.log(min(GENTLE, max(float(np.linalg.norm(self.reach @ aim) / (aim @ aim)), 1e-3)))
        parameters[k + 1 : k + 1 + n] = np.linalg.solve(self.reach, (release - 1) * aim)
        return parameters

    def released(self, parameters: Array) -> Array:
        """The release point, (fields,)."""
        k, n = self.coefficients, self.potential.fields
        found: Array = self.potential.aim + self.reach @ parameters[k + 1 : k + 1 + n]
        return found

    def adopted(self, path: TunnellingPath) -> Array:
        """The parameters of a path that was made of a smaller basis."""
        n, k, size = self.potential.fields, path.coefficients, self.coefficients
        found = np.zeros(size + 1 + n + self.modes * n)
        found[:k] = path.parameters[:k]
        rest = path.parameters[k:]
        found[size : size + len(rest)] = rest
        return found

    def objective(self, parameters: Array) -> tuple[float, Array]:
        """Logarithm of the action, with a penalty where V_t is above V, and its gradient."""
        path, growth, share = self._evaluate(parameters)
        b, n, k, d = self.basis, self.potential.fields, self.coefficients, self.d
        depth = float(path.fall @ b.weights)
        if not (depth > 0 and np.isfinite(path.log_action)):
            return 1e10, np.zeros_like(parameters)
        below = np.minimum(path.gap, 0) / self.depth
        value = path.log_action + PENALTY * float(b.weights @ below**2)
        fraction = self._integrand(path)
        fraction /= fraction.sum()
        by_gap = np.where(path.gap > 0, d / 2 * fraction / np.maximum(path.gap, 1e-300), 0.0)
        by_gap += 2 * PENALTY * b.weights * below / self.depth
        by_fall = -(d - 1) * fraction / path.fall
        g, big = path.fall / depth, b.cumulative @ path.fall / depth
        by_depth = float(by_gap @ big + by_fall @ g)
        by_g = depth * (b.cumulative.T @ by_gap + by_fall)
        by_growth = (by_g - b.weights * float(by_g @ g)) / share
        gradient = np.empty_like(parameters)
        gradient[:k] = (by_growth * growth) @ b.slopes
        small = np.exp(parameters[k])
        gradient[k] = float((by_growth * growth / (1 - b.s + small)).sum() * small)
        gradient_of_u = self.potential.gradient(np.vstack([path.phi, self.released(parameters)]))
        by_phi = by_gap[:, None] * gradient_of_u[:-1]
        step, _ = self._velocity(parameters)
        by_step = (d * fraction / path.speed**2)[:, None] * step
        by_release = b.s @ by_phi + by_step.sum(0) - by_depth * gradient_of_u[-1]
        gradient[k + 1 : k + 1 + n] = self.reach @ by_release
        gradient[k + 1 + n :] = (b.bends.T @ by_phi + b.bend_slopes.T @ by_step).ravel()
        return value, gradient

    def path(self, parameters: Array) -> TunnellingPath:
        """The tunnelling potential of parameters."""
        return self._evaluate(parameters)[0]

    def solve(self, parameters: Array, steps: int) -> TunnellingPath:
        """Minimise from parameters by a quasi-Newton method, at most so many steps."""
        self.depth = max(-float(self.potential.value(self.released(parameters))), 1e-12)
        found = minimize(self.objective, parameters, jac=True, method="BFGS", options={"maxiter": steps, "gtol": 1e-6})
        return self.path(found.x)

    def _velocity(self, parameters: Array) -> tuple[Array, Array]:
        """Slopes by s and fields at the nodes, (nodes, fields)."""
        b, n, k = self.basis, self.potential.fields, self.coefficients
        release, bend = self.released(parameters), parameters[k + 1 + n :].reshape(self.modes, n)
        return release + b.bend_slopes @ bend, b.s[:, None] * release + b.bends @ bend

    def _evaluate(self, parameters: Array) -> tuple[TunnellingPath, Array, float]:
        """The path, the unnormalised fall of V_t and its integral."""
        b, k = self.basis, self.coefficients
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            step, phi = self._velocity(parameters)
            growth = b.s * (1 - b.s + np.exp(parameters[k])) * np.exp(b.slopes @ parameters[:k])
            share = float(b.weights @ growth)
            u = self.potential.value(np.vstack([phi, self.released(parameters)]))
            depth = -float(u[-1])
            gap = u[:-1] + depth * (b.cumulative @ growth) / share
            speed = np.linalg.norm(step, axis=1)
            path = TunnellingPath(b.s, phi, speed, gap, depth * growth / share, math.inf, parameters, k)
            total = float(self._integrand(path).sum()) if depth > 0 else math.nan
            log_action = self.log_constant + math.log(total) if total > 0 and math.isfinite(total) else math.inf
        return replace(path, log_action=log_action), growth, share

    def _integrand(self, path: TunnellingPath) -> Array:
        d = self.d
        found: Array = self.basis.weights * np.maximum(path.gap, 0) ** (d / 2) * path.speed**d / path.fall ** (d - 1)
        return found


def releases(potential: ScaledPotential) -> list[float]:
    """Parts of the straight way to the aim where U is below 0: release points to begin from."""
    share = np.concatenate([np.geomspace(1e-6, 1e-2, 200, endpoint=False), np.linspace(1e-2, 1, 2000)])
    u = potential.value(share[:, None] * potential.aim)
    above = np.flatnonzero(u >= 0)
    crossing = float(share[above[-1]]) if len(above) else 0.0
    near = crossing * np.array([1.02, 1.1, 1.3, 1.6, 2.0, 3.0])
    far = crossing + (1 - crossing) * np.array([0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.999])
    found = np.concatenate([near[near < 1], far])
    return [float(one) for one in found if float(potential.value(one * potential.aim)) < 0]


def tunnel(problem: TunnellingProblem, steps: int, start: TunnellingPath | None = None) -> TunnellingPath | None:
    """The least action over V_t, path and release point.

    Args:
        problem: the potential, with the true vacuum below the false one, and the basis.
        steps: of the minimisation, at most.
        start: what to go on from; the best of straight paths if None.

    Returns:
        None where no straight path has a finite action.
    """
    if start is not None:
        return problem.solve(problem.adopted(start), steps)
    starts = [problem.start(release) for release in releases(problem.potential)]
    found = min(starts, key=lambda one: problem.path(one).log_action, default=None)
    if found is None or not math.isfinite(problem.path(found).log_action):
        return None
    return problem.solve(found, steps)

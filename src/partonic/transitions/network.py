"""A bounce as a neural network: tanh features along the radius, the output layer by Gauss-Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.equations.features import Features
from partonic.transitions.bounce import Bounce
from partonic.transitions.elements import Mesh
from partonic.transitions.radial import RadialProblem, sphere
from partonic.transitions.scaled import Array

STEPS = 12
CUT = 1e-14  # singular values below this part of the largest are left out


@dataclass(frozen=True)
class NetworkBounce:
    """A bounce by a network.

    Args:
        action: S, with the change to a network of half as many features as its error.
        radius: collocation points, (points,), 1/E.
        phi: fields there, (points, fields), E.
        residual: largest left-over of the radial equation, as part of the largest force.
    """

    action: Estimate
    radius: Array
    phi: Array
    residual: float


def network_bounce(found: Bounce, *, features: int = 8, seed: int = 0) -> NetworkBounce:
    """Solve the radial equation once more by another discretisation, to check the first.

    The hidden layer stays as it is drawn, its bends spread as the elements of the first solution are; the output layer
    and the size of the bubble fulfil the equation at collocation points, in the sense of least squares.

    Args:
        found: a solved bounce.
        features: for each element of its mesh before the last refinement.
        seed: of the features.

    Raises:
        InputError: the bounce is not solved, or there are fewer than two features an element.
    """
    if not found.solved or found.polished is None or found.units is None:
        raise InputError(f"a network can only check a solved bounce; {found.message}")
    if features < 2:
        raise InputError(f"a network needs two features an element or more, not {features}")
    (small, _), (value, rest) = (_solve(found, count, seed) for count in (max(features // 2, 1), features))
    unit = found.units.action_unit(found.dimensions)
    action = Estimate.symmetric(value * unit, abs(value - small) * unit, "a network of half as many features")
    radius, phi, residual = rest
    return NetworkBounce(action, radius, phi, residual)


def _solve(found: Bounce, count: int, seed: int) -> tuple[float, tuple[Array, Array, float]]:
    """Action in units of the scaled potential; radius, fields and residual."""
    assert found.polished is not None
    assert found.units is not None
    units, d, radial = found.units, found.dimensions, found.polished.radial
    mesh, n = radial.mesh, units.fields
    problem = RadialProblem(units, d, mesh)
    layer = _draw(Mesh(mesh.breaks[::2]), count, seed)
    rho = mesh.points.ravel()
    held = float(mesh.nodes[int(np.argmin(np.abs(np.linalg.norm(radial.nodal, axis=1) - _half(radial.nodal))))])
    where = torch.from_numpy(np.concatenate([rho, [mesh.breaks[0], mesh.breaks[-1], held]]))[None]
    jets = layer.jets(where)
    value, first, second = jets[0].numpy(), jets[1][0].numpy(), jets[2][0, 0].numpy()
    m = len(rho)
    linear = second[:m] + (d - 1) / rho[:, None] * first[:m]
    weights = np.sqrt(mesh.weights.ravel())
    output = np.linalg.lstsq(value[:m], mesh.interpolate(radial.nodal, rho), rcond=CUT)[0]
    size, across = radial.size, mesh.interpolate(radial.nodal, np.array([held]))[0]
    target = float(across @ across)
    best = np.inf
    for _ in range(STEPS):
        phi = value @ output
        force = units.gradient(phi[:m])
        tail = problem.tail(size) / problem.edge ** (d - 1)
        rows = [(weights[:, None] * (linear @ output - size**2 * force)).ravel(), first[m] @ output]
        rows += [first[m + 1] @ output + tail @ phi[m + 1], [float(phi[m + 2] @ across) - target]]
        left = np.concatenate([np.asarray(row) for row in rows])
        cost = float(left @ left)
        if not cost < 0.25 * best:
            break
        best = cost
        bend = size**2 * weights[:, None, None] * units.hessian(phi[:m])
        inner = np.einsum("mf,ij->mifj", weights[:, None] * linear, np.eye(n)) - np.einsum(
            "mij,mf->mifj", bend, value[:m]
        )
        by_size = np.concatenate([(-2 * size * weights[:, None] * force).ravel(), np.zeros(2 * n + 1)])
        edges = [np.einsum("f,ij->ifj", first[m], np.eye(n))]
        edges += [np.einsum("f,ij->ifj", first[m + 1], np.eye(n)) + np.einsum("f,ij->ifj", value[m + 1], tail)]
        edges += [np.einsum("f,j->fj", value[m + 2], across)[None]]
        matrix = np.concatenate([inner.reshape(m * n, -1), *[edge.reshape(len(edge), -1) for edge in edges]])
        matrix = np.column_stack([matrix, by_size])
        lengths = np.linalg.norm(matrix, axis=0) + 1e-300
        move = np.linalg.lstsq(matrix / lengths, -left, rcond=CUT)[0] / lengths
        output, size = output + move[:-1].reshape(output.shape), size + float(move[-1])
    phi, slope = (value @ output)[:m], (first @ output)[:m]
    volume = mesh.weights.ravel() * rho ** (d - 1)
    kinetic = size ** (d - 2) * float(volume @ (slope**2).sum(1)) / 2
    inside = float(units.value(phi[0])) * mesh.breaks[0] ** d / d
    potential = size**d * (float(volume @ units.value(phi)) + inside)
    force = size**2 * units.gradient(phi)
    residual = float(np.abs(linear @ output - force).max() / np.abs(force).max())
    radius = rho * size * units.radius_unit
    return sphere(d) * (kinetic + potential), (radius, units.fields_of(phi), residual)


def _draw(mesh: Mesh, count: int, seed: int) -> Features:
    """Features that bend at random points of each element, as sharply as it is short."""
    rng = np.random.default_rng(seed)
    low, high = float(mesh.breaks[0]), float(mesh.breaks[-1])
    centres = (mesh.breaks[:-1, None] + mesh.sizes[:, None] * rng.random((mesh.elements, count))).ravel()
    slopes = (rng.uniform(0.5, 1.5, (mesh.elements, count)) / mesh.sizes[:, None]).ravel() * (high - low) / 2
    z = 2 * (centres - low) / (high - low) - 1
    ends = (torch.tensor([low], dtype=torch.float64), torch.tensor([high], dtype=torch.float64))
    return Features(torch.from_numpy(slopes[:, None]), torch.from_numpy(-slopes * z), *ends)


def _half(nodal: Array) -> float:
    return 0.5 * float(np.linalg.norm(nodal, axis=1).max())

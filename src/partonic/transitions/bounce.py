"""The bounce: how a false vacuum decays by tunnelling or thermal activation, its action and how wrong that may be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.threads import single_thread
from partonic.transitions.polish import Polished, polish, polish_again
from partonic.transitions.potential import Potential
from partonic.transitions.profile import guess
from partonic.transitions.radial import sphere
from partonic.transitions.scaled import Array, ScaledPotential, scaled
from partonic.transitions.tunnelling import TunnellingPath, TunnellingProblem, tunnel

Status = Literal["solved", "upper bound only", "no barrier", "no deeper vacuum"]

STAGES = (
    (8, 5, 40),
    (8, 5, 150),
    (12, 8, 300),
)  # coefficients of V_t, modes of the path, steps: until a polish succeeds
SAME = 1e-12  # vacua whose depths differ by this part of the barrier are equally deep
NEAR = (
    0.5  # a false vacuum that lies further from where it was promised (part of the distance of the two) is another one
)


@dataclass(frozen=True)
class Bounce:
    r"""The bounce :math:`\phi(r)`.

    Args:
        status: ``solved``; ``upper bound only`` (the radial equation was not solved, the action is that of the
            tunnelling potential); ``no barrier`` (the action is 0); ``no deeper vacuum`` (the action is infinite).
        message: the status in a sentence.
        action: :math:`S_d` with its error, S_4 a number, S_3 in E (S_3/T is a number).
        dimensions: d.
        T: temperature.
        false: the false vacuum, (fields,).
        true: the true vacuum, (fields,).
        radius: increasing, (points,), 1/E.
        phi: fields at the radii, (points, fields), E.
        derrick: what the identity (d - 2) T + d U = 0 leaves, as part of the action.
        negative_modes: directions in which the action has a maximum; 1 for the bounce, 0 where not known.
        seconds: processor time.
        units: the potential in its own units (None where nothing was solved).
        polished: the solution on elements (None where there is none).
    """

    status: Status
    message: str
    action: Estimate
    dimensions: int
    T: float
    false: Array
    true: Array
    radius: Array
    phi: Array
    derrick: float = math.nan
    negative_modes: int = 0
    seconds: float = 0.0
    units: ScaledPotential | None = None
    polished: Polished | None = None

    @property
    def solved(self) -> bool:
        """Whether the radial equation was solved."""
        return self.status == "solved"

    def profile(self, r: NDArray[np.float64] | float) -> Array:
        """Fields at radii (...) in 1/E -> (..., fields).

        Raises:
            InputError: there is no profile.
        """
        if self.polished is None or self.units is None:
            raise InputError(f"this bounce has no profile: {self.message}")
        radial = self.polished.radial
        rho = np.asarray(r, dtype=np.float64) / (radial.size * self.units.radius_unit)
        edge = radial.mesh.breaks[-1]
        inside = radial.mesh.interpolate(radial.nodal, rho)
        decay = np.exp(-self.polished.masses[0] * radial.size * np.maximum(rho - edge, 0))
        return self.units.fields_of(inside * decay[..., None])

    def integrate(self, density: Callable[[Any], Any]) -> float:
        r"""The integral of a density over the bubble, :math:`\int d^dx\, f(\phi(r))`.

        Args:
            density: f of fields (points, fields) -> (points,), NumPy or torch; 0 in the false vacuum.

        Raises:
            InputError: there is no profile.
        """
        if self.polished is None or self.units is None:
            raise InputError(f"this bounce has no profile: {self.message}")
        radial, d = self.polished.radial, self.dimensions
        values, _ = radial.mesh.at_points(radial.nodal)
        weights = (radial.mesh.weights * radial.mesh.points ** (d - 1)).ravel()
        weights = np.append(weights, radial.mesh.breaks[0] ** d / d)
        phi = np.vstack([values.reshape(-1, self.units.fields), radial.nodal[:1]])
        found = np.asarray(density(self.units.fields_of(phi)), dtype=np.float64)
        return float(sphere(d) * (radial.size * self.units.radius_unit) ** d * (weights @ found))

    def temperature_slope(self) -> float:
        r"""Slope :math:`dS/dT = \int d^dx\, [\partial_T V(\phi) - \partial_T V(\phi_f)]`, by the envelope theorem.

        Raises:
            InputError: there is no profile.
        """
        if self.units is None:
            raise InputError(f"this bounce has no profile: {self.message}")
        potential = self.units.potential
        outside = float(potential.dT(self.false, self.T))
        return self.integrate(lambda phi: potential.dT(phi, self.T).detach().numpy() - outside)


@single_thread()
def bounce(
    potential: Potential, false: Any, true: Any, T: float = 0.0, d: int = 3, *, start: Bounce | None = None
) -> Bounce:
    """The bounce from a false to a deeper vacuum, in O(d)-symmetric form.

    The tunnelling potential (see :mod:`partonic.transitions.tunnelling`) gives an upper bound and a first profile; the
    radial equation is then solved by Newton's method (:mod:`partonic.transitions.radial`).

    Args:
        potential: V.
        false: the false vacuum or a point next to it, (fields,).
        true: the deeper vacuum or a point next to it, (fields,).
        T: temperature, for the potential alone.
        d: 3 for thermal activation, 4 for tunnelling at zero temperature.
        start: the bounce of a neighbouring potential or temperature, to go on from.

    Returns:
        The bounce; what could not be solved is told by its status.

    Raises:
        InputError: T below zero, another d, the vacua are one point, or one of them is no minimum.
    """
    begun = time.process_time()
    if d not in (3, 4):
        raise InputError(f"a bounce has 3 dimensions (thermal) or 4 (vacuum), not {d}")
    low, high = _vacua(potential, false, true, T)
    trivial = _trivial(potential, low, high, T, d)
    if trivial is not None:
        return trivial
    units = scaled(potential, low, high, _aim(potential, low, high, true, T), T)
    polished = None
    path: TunnellingPath | None = None
    if start is not None and start.polished is not None and start.units is not None and start.dimensions == d:
        polished = polish_again(units, start.units, start.polished, d)
    for coefficients, modes, steps in STAGES:
        if polished is not None:
            break
        path = tunnel(TunnellingProblem(units, d, coefficients, modes), steps, path)
        rough = guess(units, path, d) if path is not None else None
        if path is None or rough is None:
            continue
        polished = polish(units, rough, d, bound=path.action)
    seconds = time.process_time() - begun
    if polished is not None:
        return _solved(units, polished, T, d, high, seconds)
    return _bound(units, path, T, d, high, seconds)


def _solved(units: ScaledPotential, polished: Polished, T: float, d: int, true: Array, seconds: float) -> Bounce:
    radial, unit = polished.radial, units.action_unit(d)
    value = polished.action * unit
    error = polished.error * abs(value)
    return Bounce(
        "solved",
        f"the bounce is solved: S_{d} = {value:.8g}, right to {polished.error:.1e} of it",
        Estimate.symmetric(value, error, "finer elements and Derrick's identity"),
        d,
        T,
        units.false,
        true,
        radial.mesh.nodes * radial.size * units.radius_unit,
        units.fields_of(radial.nodal),
        polished.derrick,
        1,
        seconds,
        units,
        polished,
    )


def _bound(
    units: ScaledPotential, path: TunnellingPath | None, T: float, d: int, true: Array, seconds: float
) -> Bounce:
    empty = np.empty((0, units.fields))
    value = path.action * units.action_unit(d) if path is not None else math.inf
    rough = guess(units, path, d) if path is not None else None
    return Bounce(
        "upper bound only",
        f"the radial equation was not solved; the tunnelling potential says that S_{d} is at most {value:.6g}",
        Estimate(value, 0.0, value, "upper bound of the tunnelling potential"),
        d,
        T,
        units.false,
        true,
        np.empty(0) if rough is None else rough.radius * units.radius_unit,
        empty if rough is None else units.fields_of(rough.phi),
        seconds=seconds,
        units=units,
    )


def _vacua(potential: Potential, false: Any, true: Any, T: float) -> tuple[Array, Array]:
    """Both minima, followed from the points that were given."""
    given = [potential.point(one, T) for one in (false, true)]
    apart = float((given[1] - given[0]).norm())
    if not apart > 1e-12 * float(given[0].norm() + given[1].norm()):
        raise InputError(
            f"the false and the true vacuum are the same point ({', '.join(f'{x:.6g}' for x in given[0].tolist())})"
        )
    settled = potential.settled(torch.stack(given), T)
    if settled is not None:
        return settled[0].numpy(), settled[1].numpy()
    found = []
    for name, point in zip(("false", "true"), given, strict=True):
        slope, bend = potential.gradient(point, T), potential.hessian(point, T)
        if float(slope.norm()) < 1e-8 * float(bend.abs().max()) * apart:
            potential.require_minimum(point, T, f"the {name} vacuum")
        there = potential.minimise(point, T)
        if name == "false" and float((there - point).norm()) > NEAR * apart:
            raise InputError(
                f"'{potential.name}' has no minimum next to the promised false vacuum "
                f"({', '.join(f'{x:.6g}' for x in point.tolist())}): from there it falls to "
                f"({', '.join(f'{x:.6g}' for x in there.tolist())})"
            )
        found.append(there.detach().numpy())
    if np.linalg.norm(found[1] - found[0]) < 1e-6 * apart:
        raise InputError("from the points given as the false and the true vacuum V falls to the same minimum")
    return found[0], found[1]


def _aim(potential: Potential, false: Array, true: Array, given: Any, T: float) -> Array:
    """Where the first path goes: the point given as true where its minimum is far from it and it is deep enough."""
    point = potential.point(given, T).numpy()
    far = np.linalg.norm(true - point) > 0.2 * np.linalg.norm(point - false)
    deep = float(potential.value(point, T)) < float(potential.value(false, T))
    return point if far and deep else true


def _trivial(potential: Potential, false: Array, true: Array, T: float, d: int) -> Bounce | None:
    """The result where there is nothing to solve."""
    rows = false + np.linspace(0, 1, 401)[:, None] * (true - false)
    along = potential.value(rows, T).detach().numpy()
    if not np.isfinite(along).all():
        raise InputError(f"'{potential.name}' is not finite on the way from the false to the true vacuum")
    none = (np.empty(0), np.empty((0, len(false))))
    height = float(along.max() - along.min())
    drop = float(along[0] - along[-1])
    if drop <= SAME * height:
        depth = "lies above the false one" if drop < -SAME * height else "is as deep as the false one"
        said = f"the vacuum promised as true {depth} (V differs by {-drop:.3g}): nothing decays"
        action = Estimate(math.inf, math.inf, math.inf, "exact")
        return Bounce("no deeper vacuum", said, action, d, T, false, true, *none)
    curvature = np.linalg.eigvalsh(potential.hessian(false, T).detach().numpy())
    if along[1:].max() <= along[0] and curvature[0] <= 1e-9 * np.abs(curvature).max():
        said = "no barrier separates the vacua: the false one rolls down"
        return Bounce("no barrier", said, Estimate(0.0, 0.0, 0.0, "exact"), d, T, false, true, *none)
    return None

"""Phases of a potential: its minima, followed through temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from partonic.core.errors import InputError
from partonic.core.threads import single_thread
from partonic.transitions.potential import Potential

Floats = NDArray[np.float64]
HALVINGS = 10  # of a step in temperature, to find where a phase ends
NEAR = 1e-3  # after a step as small as this part of the field the second derivatives are not taken anew
NEWTON = 20  # steps from the minimum at the last temperature
JUMP = 0.25  # a minimum that moves by more than this part of its distance from the origin is another one
CROSSED = 1e-11  # last step to a critical temperature, as part of it
SAME = 1e-3  # minima closer than this part of their size are one


@dataclass(frozen=True)
class Phase:
    """A minimum at the temperatures at which it exists.

    Args:
        potential: whose.
        temperatures: ascending, (k,), in the potential's unit of energy (GeV).
        phi: the minimum at each, (k, fields).
        depth: the potential there, (k,).
    """

    potential: Potential
    temperatures: Floats
    phi: Floats
    depth: Floats

    def at(self, T: float) -> Floats:
        """The minimum at a temperature, (fields,).

        Raises:
            InputError: the phase does not exist there.
        """
        low, high = self.temperatures[0], self.temperatures[-1]
        if not low <= T <= high:
            raise InputError(f"this phase exists from T = {low:g} to {high:g}, not at {T:g}")
        near = PchipInterpolator(self.temperatures, self.phi)(T) if len(self.temperatures) > 1 else self.phi[0]
        found = follow(self.potential, near, T)
        return near if found is None else found

    def value(self, T: float) -> float:
        """The potential in the minimum at a temperature.

        Raises:
            InputError: the phase does not exist there.
        """
        at = int(np.searchsorted(self.temperatures, T))
        if at < len(self.temperatures) and self.temperatures[at] == T:
            return float(self.depth[at])
        return float(self.potential.value(self.at(T), T))


def follow(potential: Potential, near: ArrayLike, T: float) -> Floats | None:
    """The minimum next to a point by Newton's method, (fields,); None where there is none.

    Args:
        potential: V.
        near: a point close to it, (fields,).
        T: temperature.
    """
    point = torch.as_tensor(np.asarray(near, dtype=np.float64))
    size = float(point.norm()) + 1e-3 * (T + 1)
    bend, length = potential.hessian(point, T), 1.0
    for _ in range(NEWTON):
        if not bool(torch.isfinite(bend).all()) or float(torch.linalg.eigvalsh(bend)[0]) <= 0:
            return None
        move = torch.linalg.solve(bend, -potential.gradient(point, T))
        length = float(move.norm())
        if length > JUMP * size:
            return None
        point = point + move
        if length < 1e-9 * size:
            break
        if length > NEAR * size:
            bend = potential.hessian(point, T)
    return point.numpy() if float(torch.linalg.eigvalsh(bend)[0]) > 0 else None


def trace(potential: Potential, start: ArrayLike, temperatures: ArrayLike, at: float) -> Phase:
    """A phase through the temperatures around one of them, as far as it exists.

    Args:
        potential: V.
        start: a point next to the minimum, (fields,).
        temperatures: ascending, (k,).
        at: the temperature, one of them, at which the start belongs.

    Raises:
        InputError: there is no minimum.
    """
    grid = np.asarray(temperatures, dtype=np.float64)
    middle = int(np.argmin(np.abs(grid - at)))
    first = follow(potential, start, grid[middle])
    first = potential.minimise(start, grid[middle]).numpy() if first is None else first
    found = {float(grid[middle]): first}
    for ahead in (grid[middle + 1 :], grid[:middle][::-1]):
        T, last = float(grid[middle]), first
        ahead_of_last = np.zeros_like(first)  # change of the minimum with temperature
        for further in ahead:
            there = follow(potential, last + ahead_of_last * (further - T), further)
            there = follow(potential, last, further) if there is None else there
            if there is None:
                found.update(_until_the_end(potential, last, T, float(further)))
                break
            ahead_of_last = (there - last) / (further - T)
            T, last = float(further), there
            found[T] = last
    kept = np.array(sorted(found))
    phi = np.array([found[T] for T in kept])
    return Phase(potential, kept, phi, potential.value(phi, kept).detach().numpy())


def _until_the_end(potential: Potential, last: Floats, T: float, gone: float) -> dict[float, Floats]:
    """The minimum on the way from T, where it is, to ``gone``, where it is not any more, by halving."""
    found = {}
    for _ in range(HALVINGS):
        middle = 0.5 * (T + gone)
        there = follow(potential, last, middle)
        if there is None:
            gone = middle
        else:
            T, last = middle, there
            found[T] = last
    return found


@single_thread()
def phases(potential: Potential, temperatures: ArrayLike, starts: Sequence[ArrayLike]) -> list[Phase]:
    """All phases that points lead to, from the lowest and from the highest temperature.

    Args:
        potential: V, which depends on temperature.
        temperatures: ascending, (k,), two or more.
        starts: points of field space, each (fields,).

    Returns:
        The phases, that with the lowest potential at the highest temperature first.

    Raises:
        InputError: the potential does not depend on temperature, the temperatures do not ascend from 0 or above, or no
            point leads to a minimum.
    """
    grid = np.asarray(temperatures, dtype=np.float64)
    if not potential.temperature_dependent:
        raise InputError(f"'{potential.name}' does not depend on temperature, so it has no transitions")
    if grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all() or grid[0] < 0:
        raise InputError("temperatures must be two or more, ascending, none below 0")
    found: list[Phase] = []
    for T in (grid[-1], grid[0]):
        for start in starts:
            try:
                minimum = potential.minimise(start, T).abs().numpy()
                minimum = minimum if follow(potential, minimum, T) is not None else potential.minimise(start, T).numpy()
            except InputError:
                continue
            if not any(_contains(phase, minimum, T) for phase in found):
                found.append(trace(potential, minimum, grid, T))
    if not found:
        raise InputError(f"no point given leads to a minimum of '{potential.name}'; give points next to its minima")
    return sorted(found, key=lambda phase: (-phase.temperatures[-1], phase.depth[-1]))


def critical(one: Phase, other: Phase) -> float | None:
    """Temperature at which two phases are equally deep, the highest; None if there is none."""
    low = max(one.temperatures[0], other.temperatures[0])
    high = min(one.temperatures[-1], other.temperatures[-1])
    grid = np.union1d(one.temperatures, other.temperatures)
    grid = grid[(grid >= low) & (grid <= high)]
    if len(grid) < 2:
        return None
    apart = np.array([one.value(T) - other.value(T) for T in grid])
    places = np.flatnonzero(apart[:-1] * apart[1:] < 0)
    if len(places) == 0:
        return None
    place = places[-1]
    return _crossing(one, other, float(grid[place]), float(grid[place + 1]), apart[place : place + 2])


def _crossing(one: Phase, other: Phase, low: float, high: float, apart: Floats) -> float:
    """Newton's method between two temperatures on the difference of the depths, (2,) at both; minima do not move it."""
    T = float(low - apart[0] * (high - low) / (apart[1] - apart[0]))
    for _ in range(NEWTON):
        phi = np.stack([one.at(T), other.at(T)])
        depth, slope = (float(v[0] - v[1]) for v in (one.potential.value(phi, T), one.potential.dT(phi, T)))
        low, high = (T, high) if depth * apart[0] > 0 else (low, T)
        there = T - depth / slope if slope else math.inf
        there = there if low <= there <= high else 0.5 * (low + high)
        if abs(there - T) < CROSSED * T:
            return there
        T = there
    return T


def _contains(phase: Phase, point: Floats, T: float) -> bool:
    """Whether the phase goes through a point (up to the signs of fields that the potential does not know)."""
    place = int(np.argmin(np.abs(phase.temperatures - T)))
    if not np.isclose(phase.temperatures[place], T):
        return False
    there = phase.phi[place]
    return bool(np.linalg.norm(np.abs(there) - np.abs(point)) < SAME * (np.linalg.norm(there) + 1e-3 * (T + 1)))

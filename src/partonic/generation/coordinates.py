r"""Coordinates in which generators learn: each physical quantity on the real line or a circle, and back, exactly.

Coordinates decide what a generator can do: a resonance whose mass is a coordinate keeps its width, a cut that is the
end of a range is never crossed, and momenta that are built from masses and angles are on shell and balanced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.generation.lines import AxisMap, Boxed, Circular

Floats = NDArray[np.float64]


class Coordinates(Protocol):
    """A map of physical values (n, k) to coordinates u (n, d)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the k physical values."""
        ...

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which of the d coordinates are angles from -pi to pi; the others are on the real line."""
        ...

    def forward(self, values: Floats) -> Floats:
        """Coordinates (n, d) of physical values (n, k)."""
        ...

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, k) of coordinates (n, d)."""
        ...

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,), v the independent ones of the values."""
        ...


@dataclass(frozen=True)
class Columns:
    """Each quantity for itself.

    Args:
        names: of the physical values.
        maps: of each.

    Raises:
        InputError: there are not as many maps as names.

    Example:
        >>> coordinates = Columns(("pt", "phi"), (Logarithm(20.0), Circular()))
    """

    names: tuple[str, ...]
    maps: tuple[AxisMap, ...]

    def __post_init__(self) -> None:
        if not self.names or len(self.maps) != len(self.names):
            raise InputError(f"each of {len(self.names)} quantities needs one map, not {len(self.maps)} in all")

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which coordinates are angles."""
        return tuple(one.circular for one in self.maps)

    def forward(self, values: Floats) -> Floats:
        """Coordinates (n, k) of physical values (n, k).

        Raises:
            InputError: the shape is wrong, or a value is outside of its range.
        """
        rows = checked(values, len(self.names), "physical values")
        return np.stack([_named(self.names[i], one, rows[:, i]) for i, one in enumerate(self.maps)], axis=1)

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, k) of coordinates (n, k).

        Raises:
            InputError: the shape is wrong.
        """
        rows = checked(u, len(self.names), "coordinates")
        return np.stack([one.inverse(rows[:, i]) for i, one in enumerate(self.maps)], axis=1)

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,)."""
        rows = checked(values, len(self.names), "physical values")
        total: Floats = np.sum([one.log_slope(rows[:, i]) for i, one in enumerate(self.maps)], axis=0)
        return total


@dataclass(frozen=True)
class Pair:
    r"""Two light particles within cuts, by their invariant mass; no coordinate leads outside of the cuts.

    The physical values are :math:`p_{T1}, \eta_1, p_{T2}, \eta_2` and :math:`\Delta\phi = \phi_1 - \phi_2`; momenta in
    GeV. The coordinates are the mass, :math:`m^2 = 2 p_{T1} p_{T2} (\cosh\Delta\eta - \cos\Delta\phi)`, the angle
    :math:`\Delta\phi - \pi`, and the places of :math:`\Delta\eta`, :math:`(\eta_1 + \eta_2)/2` and
    :math:`\frac12 \ln(p_{T1}/p_{T2})` in the ranges that the cuts and the coordinates before leave to each.

    Args:
        mass: map of the mass in GeV, as :class:`~partonic.generation.lines.Resonant`.
        pt_min: smallest transverse momentum of each, in GeV.
        eta_max: largest pseudorapidity of each.
        lowest: smallest mass in GeV, at least twice the smallest transverse momentum.
        names: of the physical values.

    Raises:
        InputError: a cut is not above 0, or the masses begin below twice the smallest transverse momentum.
    """

    mass: AxisMap
    pt_min: float
    eta_max: float
    lowest: float
    names: tuple[str, ...] = ("pt1", "eta1", "pt2", "eta2", "dphi")

    def __post_init__(self) -> None:
        if not (self.pt_min > 0 and self.eta_max > 0):
            raise InputError(f"cuts of a pair must be above 0, not {self.pt_min} GeV and {self.eta_max}")
        if self.lowest < 2 * self.pt_min:
            raise InputError(
                f"masses from {self.lowest:g} GeV need a pt_min of {self.lowest / 2:g} GeV at most, not {self.pt_min:g}"
            )
        if len(self.names) != 5:
            raise InputError(f"a pair has five values, not {len(self.names)}: {', '.join(self.names)}")

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which coordinates are angles: the second."""
        return (False, True, False, False, False)

    def forward(self, values: Floats) -> Floats:
        """Coordinates (n, 5) of physical values (n, 5).

        Raises:
            InputError: the shape is wrong, or an event is outside of the cuts.
        """
        rows = checked(values, 5, "physical values")
        mass, angle, places, _ = self._places(rows)
        return np.stack([_named("mass", self.mass, mass), _AROUND.forward(angle), *map(_SHARE.forward, places)], axis=1)

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, 5) of coordinates (n, 5); momenta in GeV.

        Raises:
            InputError: the shape is wrong.
        """
        rows = checked(u, 5, "coordinates")
        mass, angle = np.maximum(self.mass.inverse(rows[:, 0]), self.lowest), _AROUND.inverse(rows[:, 1])
        first, second, third = (_SHARE.inverse(rows[:, i]) for i in (2, 3, 4))
        gap = first * self._widest(mass, angle)
        middle = second * (self.eta_max - 0.5 * np.abs(gap))
        product = np.maximum(mass**2 / (2 * (np.cosh(gap) - np.cos(angle))), self.pt_min**2)
        ratio = third * np.log(np.sqrt(product) / self.pt_min)
        root = np.sqrt(product)
        momenta = (np.maximum(root * np.exp(sign * ratio), self.pt_min) for sign in (1, -1))
        one, two = momenta
        return np.stack([one, middle + 0.5 * gap, two, middle - 0.5 * gap, angle], axis=1)

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,)."""
        rows = checked(values, 5, "physical values")
        mass, _, places, ranges = self._places(rows)
        momenta = np.log(0.5 * mass / (rows[:, 0] * rows[:, 2])) + self.mass.log_slope(mass)
        inner = sum(_SHARE.log_slope(place) - np.log(width) for place, width in zip(places, ranges, strict=True))
        result: Floats = momenta + inner
        return result

    def _places(self, rows: Floats) -> tuple[Floats, Floats, tuple[Floats, ...], tuple[Floats, ...]]:
        """Mass, angle, and the three others as shares of their ranges, with these ranges."""
        one, eta1, two, eta2, angle = rows.T
        outside = (np.minimum(one, two) < self.pt_min) | (np.maximum(abs(eta1), abs(eta2)) > self.eta_max)
        bad = np.flatnonzero(outside)
        if len(bad):
            raise InputError(
                f"{len(bad):,} of {len(rows):,} pairs are outside of the cuts (transverse momenta from {self.pt_min:g} "
                f"GeV, pseudorapidities to {self.eta_max:g}); the first is event {bad[0]}"
            )
        gap = eta1 - eta2
        mass = np.sqrt(2 * one * two * (np.cosh(gap) - np.cos(angle)))
        parts = (gap, 0.5 * (eta1 + eta2), 0.5 * np.log(one / two))
        open_to = (
            self._widest(mass, angle),
            self.eta_max - 0.5 * np.abs(gap),
            0.5 * np.log(one * two) - np.log(self.pt_min),
        )
        ranges = tuple(np.maximum(width, 1e-12) for width in open_to)
        places = tuple(np.clip(part / width, -1, 1) for part, width in zip(parts, ranges, strict=True))
        return mass, angle, places, ranges

    def _widest(self, mass: Floats, angle: Floats) -> Floats:
        """Largest distance in pseudorapidity that the cuts allow, (n,)."""
        reach = np.arccosh(np.maximum(mass**2 / (2 * self.pt_min**2) + np.cos(angle), 1.0))
        return np.minimum(reach, 2 * self.eta_max)


@dataclass(frozen=True)
class Fitted:
    """Coordinates that become about Gaussian on a sample, by a smooth map of each; angles stay.

    Args:
        base: the physical coordinates.
        maps: of each of its coordinates.
    """

    base: Coordinates
    maps: tuple[AxisMap, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        return self.base.names

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which coordinates are angles."""
        return self.base.circular

    def forward(self, values: Floats) -> Floats:
        """Coordinates (n, d) of physical values (n, k)."""
        u = self.base.forward(values)
        return np.stack([one.forward(u[:, i]) for i, one in enumerate(self.maps)], axis=1)

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, k) of coordinates (n, d)."""
        rows = checked(u, len(self.maps), "coordinates")
        return self.base.inverse(np.stack([one.inverse(rows[:, i]) for i, one in enumerate(self.maps)], axis=1))

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,)."""
        u = self.base.forward(values)
        total: Floats = self.base.log_jacobian(values)
        for i, one in enumerate(self.maps):
            total = total + one.log_slope(u[:, i])
        return total


def check_names(coordinates: Coordinates, names: Sequence[str]) -> None:
    """Refuse a sample whose values are not those of the coordinates.

    Raises:
        InputError: the names differ.
    """
    if tuple(names) != tuple(coordinates.names):
        raise InputError(
            f"the coordinates take {', '.join(coordinates.names)}, and the sample has {', '.join(names)}; give these "
            "columns in this order"
        )


def checked(values: Floats, columns: int, what: str) -> Floats:
    """Rows of so many finite numbers.

    Raises:
        InputError: the shape is wrong, or a number is not finite.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise InputError(f"{what} need the shape (events, {columns}), not {rows.shape}")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(f"{what} of {len(bad):,} events are NaN or infinite, the first those of event {bad[0]}")
    return rows


def _named(name: str, one: AxisMap, x: Floats) -> Floats:
    try:
        return one.forward(x)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


_AROUND, _SHARE = Circular(np.pi), Boxed(-1.0, 1.0)

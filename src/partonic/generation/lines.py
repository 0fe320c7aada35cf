"""Maps of one physical quantity to the real line or to the circle, with their slopes, for generators to learn on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit, ndtri

from partonic.core.errors import InputError

Floats = NDArray[np.float64]
EDGE = 1e-9  # of the width of a range: values are kept so far from its ends
EVEN = 0.05  # of the events counts as even around a circle, so that no part of it is empty
SECTORS = 24  # of a turn, among which the rarest is sought
FEWEST = 20  # different values for each knot of a fitted map


class AxisMap(Protocol):
    """A map of a quantity x to u."""

    @property
    def circular(self) -> bool:
        """Whether u is an angle from -pi to pi; on the real line otherwise."""
        ...

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,)."""
        ...

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        ...

    def log_slope(self, x: Floats) -> Floats:
        r""":math:`\ln|\mathrm{d}u/\mathrm{d}x|` at x, (n,)."""
        ...


@dataclass(frozen=True)
class Straight:
    """A quantity of any value, :math:`u = (x - c)/s`.

    Args:
        centre: c.
        scale: s, above 0.

    Raises:
        InputError: the scale is not above 0.
    """

    centre: float = 0.0
    scale: float = 1.0
    circular = False

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise InputError(f"the scale of a straight map must be above 0, not {self.scale}")

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,)."""
        return (x - self.centre) / self.scale

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        return self.centre + self.scale * u

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        return np.full(len(x), -math.log(self.scale))


@dataclass(frozen=True)
class Logarithm:
    r"""A quantity that is above a threshold, as a transverse momentum: :math:`u = \ln(x - x_0)`.

    Args:
        low: :math:`x_0`, in the unit of x.
    """

    low: float = 0.0
    circular = False

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,).

        Raises:
            InputError: a value is not above the threshold.
        """
        _inside(x, x > self.low, f"above {self.low:g}")
        return np.log(x - self.low)

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        return self.low + np.exp(u)

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        return -np.log(x - self.low)


@dataclass(frozen=True)
class Boxed:
    """A quantity within a range, as a pseudorapidity with a cut: the logit of its place in the range.

    Args:
        low: lower end.
        high: upper end.

    Raises:
        InputError: the ends are not finite or do not rise.
    """

    low: float
    high: float
    circular = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise InputError(f"a range needs two finite ends that rise, not {self.low} and {self.high}")

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,).

        Raises:
            InputError: a value is outside of the range.
        """
        _inside(x, (x >= self.low) & (x <= self.high), f"from {self.low:g} to {self.high:g}")
        return _logit((x - self.low) / (self.high - self.low))

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        values: Floats = self.low + (self.high - self.low) * expit(u)
        return values

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        u = _logit((x - self.low) / (self.high - self.low))
        result: Floats = -log_expit(u) - log_expit(-u) - math.log(self.high - self.low)
        return result


@dataclass(frozen=True)
class Circular:
    """An angle, :math:`u = x - c` in [-pi, pi).

    Args:
        centre: c, the angle in the middle, in radians; physical angles come back in [-pi, pi).
    """

    centre: float = 0.0
    circular = True

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,)."""
        return wrapped(x - self.centre)

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        return wrapped(u + self.centre)

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, zeros (n,)."""
        return np.zeros(len(x))


@dataclass(frozen=True)
class Resonant:
    r"""The mass of a resonance within a window: the logit of the relativistic Breit-Wigner's integral up to it.

    The integral is :math:`\arctan[(m^2 - M^2)/(M\Gamma)]`, from 0 to 1 over the window, so that the peak is spread over
    the whole range of u.

    Args:
        mass: M in GeV.
        width: :math:`\Gamma` in GeV; what a detector makes of it is as good.
        low: lower end of the window in GeV.
        high: upper end in GeV, may be infinite.

    Raises:
        InputError: a number is out of range, or the resonance is outside of its window.
    """

    mass: float
    width: float
    low: float = 0.0
    high: float = math.inf
    circular = False

    def __post_init__(self) -> None:
        if not (0 <= self.low < self.high and self.mass > 0 and self.width > 0):
            raise InputError(
                f"a resonance needs mass and width above 0 and a window that rises, not {self.mass} and {self.width} "
                f"GeV in {self.low} to {self.high} GeV"
            )
        if not self.low < self.mass < self.high:
            raise InputError(
                f"the resonance of {self.mass:g} GeV is outside of its window from {self.low:g} to {self.high:g} GeV"
            )

    @property
    def _ends(self) -> tuple[float, float]:
        scale = self.mass * self.width
        top = math.pi / 2 if math.isinf(self.high) else math.atan((self.high**2 - self.mass**2) / scale)
        return math.atan((self.low**2 - self.mass**2) / scale), top

    def _share(self, x: Floats) -> Floats:
        first, last = self._ends
        return (np.arctan((x * x - self.mass**2) / (self.mass * self.width)) - first) / (last - first)

    def forward(self, x: Floats) -> Floats:
        """U of masses in GeV, both (n,).

        Raises:
            InputError: a mass is outside of the window.
        """
        _inside(x, (x >= self.low) & (x <= self.high), f"a mass from {self.low:g} to {self.high:g} GeV")
        return _logit(self._share(x))

    def inverse(self, u: Floats) -> Floats:
        """Masses in GeV of u, both (n,)."""
        first, last = self._ends
        square = self.mass**2 + self.mass * self.width * np.tan(first + (last - first) * expit(u))
        masses: Floats = np.sqrt(np.clip(square, self.low**2, self.high**2))
        return masses

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dm, (n,), m in GeV."""
        first, last = self._ends
        scale, u = self.mass * self.width, _logit(self._share(x))
        peak = 2 * x * scale / ((x * x - self.mass**2) ** 2 + scale**2) / (last - first)
        result: Floats = np.log(peak) - log_expit(u) - log_expit(-u)
        return result


@dataclass(frozen=True)
class Gaussianised:
    """A smooth map under which a sample becomes about Gaussian; :func:`fit_gaussianised` makes it.

    Between its knots it is a monotonic rational-quadratic spline (Gregory and Delbourgo 1982), outside a straight line.

    Args:
        knots: values of x that rise.
        images: their u.
        slopes: du/dx there.
    """

    knots: tuple[float, ...]
    images: tuple[float, ...]
    slopes: tuple[float, ...]
    circular = False

    def forward(self, x: Floats) -> Floats:
        """U of x, both (n,)."""
        left, h, w, d0, d1, bottom = self._cell(x, self.knots)
        s, xi = h / w, np.clip((x - left) / w, 0, 1)
        value = bottom + h * (s * xi**2 + d0 * xi * (1 - xi)) / (s + (d0 + d1 - 2 * s) * xi * (1 - xi))
        return value + self._beyond(x, self.knots, np.array(self.slopes))

    def inverse(self, u: Floats) -> Floats:
        """X of u, both (n,)."""
        left, h, w, d0, d1, bottom = self._cell(u, self.images)
        s, rise = h / w, np.clip(u - bottom, 0, h)
        bend = d0 + d1 - 2 * s
        a, b, c = h * (s - d0) + rise * bend, h * d0 - rise * bend, -s * rise
        xi = 2 * c / (-b - np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)))
        inside: Floats = left + w * xi
        return inside + self._beyond(u, self.images, 1 / np.array(self.slopes))

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        left, h, w, d0, d1, _ = self._cell(x, self.knots)
        s, xi = h / w, np.clip((x - left) / w, 0, 1)
        eta = xi * (1 - xi)
        above = d1 * xi**2 + 2 * s * eta + d0 * (1 - xi) ** 2
        return 2 * np.log(s / (s + (d0 + d1 - 2 * s) * eta)) + np.log(above)

    def _cell(self, at: Floats, grid: Sequence[float]) -> tuple[Floats, ...]:
        knots, images, slopes = (np.array(one) for one in (self.knots, self.images, self.slopes))
        k = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, len(knots) - 2)
        height, width = images[k + 1] - images[k], knots[k + 1] - knots[k]
        return knots[k], height, width, slopes[k], slopes[k + 1], images[k]

    @staticmethod
    def _beyond(at: Floats, grid: Sequence[float], slopes: Floats) -> Floats:
        ends: Floats = slopes[0] * np.minimum(at - grid[0], 0) + slopes[-1] * np.maximum(at - grid[-1], 0)
        return ends


@dataclass(frozen=True)
class Unrolled:
    """An angle cut open where it is rare and spread over the real line, for networks that know no circles.

    Args:
        cut: the angle where it is cut, in radians.
        spread: map of the logit of the share of a turn behind the cut.
    """

    cut: float
    spread: Gaussianised
    circular = False

    def _share(self, x: Floats) -> Floats:
        return _logit(((x - self.cut) % (2 * np.pi)) / (2 * np.pi))

    def forward(self, x: Floats) -> Floats:
        """U of angles, both (n,)."""
        return self.spread.forward(self._share(x))

    def inverse(self, u: Floats) -> Floats:
        """Angles in [-pi, pi) of u, both (n,)."""
        return wrapped(self.cut + 2 * np.pi * expit(self.spread.inverse(u)))

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        share = self._share(x)
        result: Floats = self.spread.log_slope(share) - log_expit(share) - log_expit(-share) - math.log(2 * math.pi)
        return result


@dataclass(frozen=True)
class Evened:
    """An angle turned and stretched so that a sample is about even around the circle.

    Args:
        cut: the angle that becomes -pi, in radians.
        spread: map of the angle behind the cut, 0 to 2 pi, to -pi to pi, with equal slopes at both ends.
    """

    cut: float
    spread: Gaussianised
    circular = True

    def forward(self, x: Floats) -> Floats:
        """U of angles, both (n,)."""
        return wrapped(self.spread.forward((x - self.cut) % (2 * np.pi)))

    def inverse(self, u: Floats) -> Floats:
        """Angles in [-pi, pi) of u, both (n,)."""
        return wrapped(self.cut + self.spread.inverse(wrapped(u)))

    def log_slope(self, x: Floats) -> Floats:
        """Logarithm of du/dx, (n,)."""
        return self.spread.log_slope((x - self.cut) % (2 * np.pi))


def fit_evened(x: ArrayLike, weight: ArrayLike | None = None, knots: int = 24) -> Evened:
    """The map that spreads a sample about evenly around the circle.

    Args:
        x: (n,) angles in radians.
        weight: (n,) event weights, not negative; ones if not given.
        knots: at most; there is one for every 20 events at most.
    """
    angles = np.asarray(x, dtype=np.float64)
    mass = np.ones(len(angles)) if weight is None else np.asarray(weight, dtype=np.float64)
    cut = _rarest(angles, mass)
    opened = (angles - cut) % (2 * np.pi)
    order = np.argsort(opened)
    share = (np.cumsum(mass[order]) - 0.5 * mass[order]) / mass.sum()
    grid = np.concatenate([[0.0], opened[order], [2 * np.pi]])
    height = (1 - EVEN) * np.concatenate([[0.0], share, [1.0]]) + EVEN * grid / (2 * np.pi)
    count = int(np.clip(len(angles) // FEWEST, 4, knots))
    images = np.linspace(0, 1, count + 1)
    at = np.interp(images, height, grid)
    chords = np.diff(2 * np.pi * images) / np.diff(at)
    end = math.sqrt(chords[0] * chords[-1])
    slopes = np.concatenate([[end], np.sqrt(chords[1:] * chords[:-1]), [end]])
    parts = (at, 2 * np.pi * images - np.pi, slopes)
    return Evened(cut, Gaussianised(*(tuple(float(v) for v in part) for part in parts)))


def _rarest(angles: Floats, weight: ArrayLike | None) -> float:
    """The angle around which there are fewest events."""
    counts, edges = np.histogram(wrapped(angles), SECTORS, (-np.pi, np.pi), weights=weight)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return float(edges[np.argmin(smooth)] + np.pi / SECTORS)


def fit_unrolled(x: ArrayLike, weight: ArrayLike | None = None, knots: int = 24) -> Unrolled:
    """Cut an angle open where it is rarest, and make it about Gaussian.

    Args:
        x: (n,) angles in radians.
        weight: (n,) event weights, not negative; ones if not given.
        knots: see :func:`fit_gaussianised`.

    Raises:
        InputError: as :func:`fit_gaussianised`.
    """
    angles = np.asarray(x, dtype=np.float64)
    cut = _rarest(angles, weight)
    opened = _logit(((angles - cut) % (2 * np.pi)) / (2 * np.pi))
    return Unrolled(cut, fit_gaussianised(opened, weight, knots))


def fit_gaussianised(x: ArrayLike, weight: ArrayLike | None = None, knots: int = 24) -> Gaussianised:
    """The map that makes a sample about Gaussian.

    Args:
        x: (n,) values.
        weight: (n,) event weights, not negative; ones if not given.
        knots: at most; there is one for every 20 different values at most.

    Raises:
        InputError: the values are all alike, or take so few values that no density describes them.
    """
    values = np.asarray(x, dtype=np.float64)
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    different, where = np.unique(values, return_inverse=True)
    if len(different) < min(len(values), 3):
        raise InputError(
            f"a quantity takes {len(different)} different values in {len(values):,} events: it has no density; leave "
            "it out, or give it as context"
        )
    if len(different) < 3:
        spread = float(np.std(values))
        return Gaussianised((values.mean() - spread, values.mean() + spread), (-1.0, 1.0), (1 / spread, 1 / spread))
    total = np.bincount(where, weights=mass)
    share = (np.cumsum(total) - 0.5 * total) / total.sum()
    reach = min(3.0, -float(ndtri(max(2.0 / len(different), 1e-3))))
    count = int(np.clip(len(different) // FEWEST, 3, knots))
    images = np.linspace(-max(reach, 0.5), max(reach, 0.5), count)
    at = np.interp(images, ndtri(np.clip(share, 1e-12, 1 - 1e-12)), different)
    keep = np.concatenate([[True], np.diff(at) > 1e-12 * np.ptp(different)])
    at, images = at[keep], images[keep]
    if len(at) < 2:
        raise InputError("nearly all events have the same value of a quantity: it has no density; leave it out")
    chords = np.diff(images) / np.diff(at)
    inner = np.sqrt(chords[1:] * chords[:-1])
    slopes = np.concatenate([chords[:1], inner, chords[-1:]])
    return Gaussianised(*(tuple(float(v) for v in part) for part in (at, images, slopes)))


def wrapped(angle: Floats) -> Floats:
    """An angle in [-pi, pi), (n,)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _logit(share: Floats) -> Floats:
    result: Floats = logit(np.clip(share, EDGE, 1 - EDGE))
    return result


def _inside(x: Floats, good: NDArray[np.bool_], where: str) -> None:
    bad = np.flatnonzero(~good)
    if len(bad):
        raise InputError(
            f"{len(bad):,} of {len(x):,} values are not {where}; the first is {x[bad[0]]:g}, event {bad[0]}"
        )

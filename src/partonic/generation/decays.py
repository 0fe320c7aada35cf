r"""Momenta of many particles by the masses and angles of a chain of decays: on shell, and balanced where that is asked.

Every particle with products is one coordinate (its mass) and two angles of its first product: in its rest frame, whose
z axis is where it flies in the rest frame of its parent. The whole system has its rapidity, and its transverse momentum
where that is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.generation.coordinates import checked
from partonic.generation.lines import AxisMap, Boxed, Circular, Straight

Floats = NDArray[np.float64]
COSINE, AROUND, PLAIN = Boxed(-1.0, 1.0), Circular(), Straight()
BALANCE = 1e-6  # of the sum of the energies: transverse momentum that counts as none
SLIGHTLY = 1e-9  # a mass is at least so much above those of the products, as a share


@dataclass(frozen=True)
class Decay:
    """A particle of the chain.

    Args:
        name: of the particle.
        mass: in GeV for a final one; the map of its mass for one with products.
        products: none, or two.
        above: whether the map takes what the mass is above those of the products, as for a system without resonance.

    Raises:
        InputError: there are not 0 or 2 products, or mass and products do not fit.
    """

    name: str
    mass: AxisMap | float
    products: tuple[Decay, ...] = ()
    above: bool = False

    def __post_init__(self) -> None:
        if len(self.products) not in (0, 2):
            raise InputError(f"'{self.name}' decays to two products, or is final; not to {len(self.products)}")
        if bool(self.products) == isinstance(self.mass, float | int):
            raise InputError(f"'{self.name}' needs a map of its mass if it decays, and a mass in GeV if it is final")

    def final(self) -> Iterator[Decay]:
        """The final particles, in order."""
        if not self.products:
            yield self
        for product in self.products:
            yield from product.final()

    def decaying(self) -> Iterator[Decay]:
        """The particles with products, this one first."""
        if self.products:
            yield self
        for product in self.products:
            yield from product.decaying()


@dataclass(frozen=True)
class Decays:
    """Coordinates of the final particles of a chain; physical values are px py pz of each, in GeV.

    Args:
        system: the whole, which decays.
        balanced: whether its transverse momentum is zero.

    Raises:
        InputError: the system is final, or two final particles have one name.

    Example:
        >>> top = Decay("t", Resonant(172.5, 1.4, 120.0, 230.0), (Decay("b", 0.0), Decay("w", 80.4)))
    """

    system: Decay
    balanced: bool = True

    def __post_init__(self) -> None:
        if not self.system.products:
            raise InputError(f"the system '{self.system.name}' needs products")
        if len(set(self.names)) < len(self.names):
            raise InputError(
                f"final particles need different names, not {', '.join(one.name for one in self.system.final())}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        return tuple(f"{one.name}_{axis}" for one in self.system.final() for axis in ("px", "py", "pz"))

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which coordinates are angles."""
        count = len(list(self.system.decaying()))
        return (False,) * (count + (1 if self.balanced else 3)) + (False, True) * count

    def forward(self, values: Floats) -> Floats:
        """Coordinates: masses, rapidity (and transverse momentum), cosine and azimuth of each decay, (n, d).

        Raises:
            InputError: the shape is wrong, momenta are not balanced, or a mass is outside of its range.
        """
        momenta = self._momenta(values)
        total = momenta.sum(axis=0)
        if self.balanced:
            check_balance(total)
        masses, angles = self._described(momenta)
        sides = [0.5 * np.log((total[:, 0] + total[:, 3]) / (total[:, 0] - total[:, 3]))]
        sides += [] if self.balanced else [total[:, 1], total[:, 2]]
        columns = [self._map(one).forward(self._free(one, masses)) for one in self.system.decaying()]
        for cosine, azimuth in angles:
            sides += [COSINE.forward(cosine), AROUND.forward(azimuth)]
        return np.stack(columns + sides, axis=1)

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, k) of coordinates (n, d); a mass below those of its products becomes their sum.

        Raises:
            InputError: the shape is wrong.
        """
        rows = checked(u, len(self.circular), "coordinates")
        chain = list(self.system.decaying())
        behind = len(chain) + (1 if self.balanced else 3)
        masses: dict[str, Floats] = {}
        for number, one in reversed(list(enumerate(chain))):
            least = sum((self._mass(product, masses, len(rows)) for product in one.products), np.zeros(len(rows)))
            value = self._map(one).inverse(rows[:, number])
            masses[one.name] = np.maximum(value + least if one.above else value, least * (1 + SLIGHTLY))
        angles = {
            one.name: (COSINE.inverse(rows[:, behind + 2 * i]), AROUND.inverse(rows[:, behind + 2 * i + 1]))
            for i, one in enumerate(chain)
        }
        momenta = np.stack(self._built(self.system, masses, angles))
        sides = [] if self.balanced else [rows[:, len(chain) + 1], rows[:, len(chain) + 2]]
        zero = np.zeros(len(rows))
        px, py = sides or (zero, zero)
        across = np.sqrt(masses[self.system.name] ** 2 + px**2 + py**2)
        rapidity = rows[:, len(chain)]
        flight = np.stack([across * np.cosh(rapidity), px, py, across * np.sinh(rapidity)], axis=-1)
        moved = boosted(momenta, flight)
        values: Floats = moved[..., 1:].transpose(1, 0, 2).reshape(len(rows), -1)
        return values

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,); of balanced events v lacks the last transverse momentum."""
        momenta = self._momenta(values)
        masses, angles = self._described(momenta)
        total = -np.log(2 * momenta[..., 0]).sum(axis=0) - np.log(masses[self.system.name])
        for one, (cosine, _) in zip(self.system.decaying(), angles, strict=True):
            mass = masses[one.name]
            first, second = (self._mass(product, masses, len(mass)) for product in one.products)
            total = total + self._map(one).log_slope(self._free(one, masses)) + COSINE.log_slope(cosine)
            total = total - np.log(two_body(mass, first, second) / (4 * mass))
            if one is not self.system:
                total = total - np.log(2 * mass)
        result: Floats = total
        return result

    def _momenta(self, values: Floats) -> Floats:
        """Momenta e px py pz of the final particles, (particles, n, 4)."""
        rows = checked(values, len(self.names), "physical values")
        three = rows.reshape(len(rows), -1, 3).transpose(1, 0, 2)
        mass = np.array([float(one.mass) for one in self.system.final()])[:, None]  # type: ignore[arg-type]
        return np.concatenate([np.sqrt(mass**2 + (three**2).sum(axis=-1))[..., None], three], axis=-1)

    def _described(self, momenta: Floats) -> tuple[dict[str, Floats], list[tuple[Floats, Floats]]]:
        """Masses by name, and cosine and azimuth of each decay in the order of the chain."""
        masses: dict[str, Floats] = {}
        angles: list[tuple[Floats, Floats]] = []

        def visit(one: Decay, inside: Floats) -> None:
            """Take a particle apart, with the momenta of its final particles in its own frame."""
            masses[one.name] = _mass_of(inside.sum(axis=0))
            start = len(list(one.products[0].final()))
            parts = (inside[:start], inside[start:])
            flight = parts[0].sum(axis=0)
            length = np.sqrt((flight[:, 1:] ** 2).sum(axis=1))
            cosine = np.clip(flight[:, 3] / np.maximum(length, 1e-300), -1, 1)
            angles.append((cosine, np.arctan2(flight[:, 2], flight[:, 1])))
            for product, part in zip(one.products, parts, strict=True):
                if product.products:
                    own = part.sum(axis=0)
                    turned = _turned_back(part, own)
                    visit(product, boosted(turned, _flipped(turned.sum(axis=0))))

        visit(self.system, boosted(momenta, _flipped(momenta.sum(axis=0))))
        return masses, angles

    def _built(self, one: Decay, masses: dict[str, Floats], angles: dict[str, tuple[Floats, Floats]]) -> list[Floats]:
        """Momenta of the final particles in the frame of one particle, (n, 4) each."""
        cosine, azimuth = angles[one.name]
        own = [self._mass(product, masses, len(cosine)) for product in one.products]
        length = two_body(masses[one.name], *own)
        sine = np.sqrt(np.maximum(1 - cosine**2, 0.0))
        axis = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=1)
        found: list[Floats] = []
        for product, mass, sign in zip(one.products, own, (1.0, -1.0), strict=True):
            energy = np.sqrt(mass**2 + length**2)
            flight = np.concatenate([energy[:, None], sign * length[:, None] * axis], axis=1)
            if not product.products:
                found.append(flight)
                continue
            along = np.stack([energy, 0 * length, 0 * length, length], axis=1)
            inside = np.stack(self._built(product, masses, angles))
            found += list(_turned(boosted(inside, along), flight))
        return found

    @staticmethod
    def _mass(one: Decay, masses: dict[str, Floats], n: int) -> Floats:
        return masses[one.name] if one.products else np.full(n, float(one.mass))  # type: ignore[arg-type]

    @staticmethod
    def _map(one: Decay) -> AxisMap:
        return one.mass  # type: ignore[return-value]

    def _free(self, one: Decay, masses: dict[str, Floats]) -> Floats:
        """What the map of a particle takes."""
        mass = masses[one.name]
        if not one.above:
            return mass
        least = sum(self._mass(product, masses, len(mass)) for product in one.products)
        return np.maximum(mass - least, SLIGHTLY * mass)


def check_balance(total: Floats) -> None:
    """Refuse events whose sums of momenta, (n, 4), have a transverse part.

    Raises:
        InputError: as above.
    """
    away = np.hypot(total[:, 1], total[:, 2])
    bad = np.flatnonzero(away > BALANCE * total[:, 0])
    if len(bad):
        raise InputError(
            f"the transverse momenta of {len(bad):,} events do not add up to 0 (event {bad[0]}: {away[bad[0]]:.3g} "
            "GeV); use balanced=False"
        )


def two_body(mass: Floats, first: Floats, second: Floats) -> Floats:
    """Momentum of the two products of a decay in the rest frame, GeV, (n,), from the three masses in GeV."""
    square = (mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)
    momentum: Floats = np.sqrt(np.maximum(square, 1e-300)) / (2 * mass)
    return momentum


def boosted(momenta: Floats, flight: Floats) -> Floats:
    """Momenta (..., n, 4) as e px py pz, from the rest frame of a particle to where it has the momentum (n, 4)."""
    mass = _mass_of(flight)
    energy, inside = momenta[..., 0], momenta[..., 1:]
    along = (inside * flight[:, 1:]).sum(axis=-1)
    total = (energy * flight[:, 0] + along) / mass
    shift = (energy + total) / (flight[:, 0] + mass)
    return np.concatenate([total[..., None], inside + shift[..., None] * flight[:, 1:]], axis=-1)


def _mass_of(momentum: Floats) -> Floats:
    square = momentum[..., 0] ** 2 - (momentum[..., 1:] ** 2).sum(axis=-1)
    mass: Floats = np.sqrt(np.maximum(square, 1e-300))
    return mass


def _flipped(momentum: Floats) -> Floats:
    flipped: Floats = momentum * np.array([1.0, -1.0, -1.0, -1.0])
    return flipped


def _frame(flight: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit vectors x y z, (n, 3) each, of a frame whose z axis is a direction of flight."""
    z = flight[:, 1:] / np.sqrt((flight[:, 1:] ** 2).sum(axis=1))[:, None]
    azimuth = np.arctan2(z[:, 1], z[:, 0])
    y = np.stack([-np.sin(azimuth), np.cos(azimuth), np.zeros(len(z))], axis=1)
    return np.cross(y, z), y, z


def _turned(momenta: Floats, flight: Floats) -> Floats:
    """Momenta (..., n, 4) given in the frame of a flight direction, in the frame of the direction itself."""
    axes = _frame(flight)
    space = sum(momenta[..., 1 + i, None] * axis for i, axis in enumerate(axes))
    return np.concatenate([momenta[..., :1], space], axis=-1)


def _turned_back(momenta: Floats, flight: Floats) -> Floats:
    """The inverse of :func:`_turned`."""
    space = [(momenta[..., 1:] * axis).sum(axis=-1) for axis in _frame(flight)]
    return np.stack([momenta[..., 0], *space], axis=-1)

r"""Momenta of many particles by those of the products of each decay in its rest frame.

Seen from the laboratory the mass of a fast particle is a small difference of large numbers; in its rest frame it is
:math:`m = \sqrt{m_1^2 + k^2} + \sqrt{m_2^2 + k^2}` of one momentum k. No mass is a coordinate: a network that makes
these momenta has to learn how narrow a resonance is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.generation.coordinates import checked
from partonic.generation.decays import boosted, check_balance

Floats = NDArray[np.float64]
Chain: TypeAlias = "str | tuple[Chain, Chain]"
"""The name of a final particle, or the two products of one that decays."""


@dataclass(frozen=True)
class RestFrames:
    """Coordinates of the final particles of two chains of decays; physical values are px py pz of each, in GeV.

    The coordinates, in GeV, are the momentum of the first chain, that of the second (its pz alone where the two
    balance), then for each particle that decays, in order, the momentum of its first product in its rest frame, which
    is reached from the laboratory without a rotation.

    Args:
        chains: the two, of names and pairs.
        masses: of the final particles in order, in GeV.
        balanced: whether the transverse momenta add up to zero.

    Raises:
        InputError: there are not two chains, two final particles have one name, or the masses do not fit to them.

    Example:
        >>> tops = RestFrames((("b", ("u", "dbar")), ("bbar", ("d", "ubar"))), (4.8, 0, 0, 4.8, 0, 0))
    """

    chains: tuple[Chain, Chain]
    masses: tuple[float, ...]
    balanced: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.chains, tuple) or any(len(one) != 2 for one in _decaying(self.chains)):
            raise InputError(f"rest frames need two chains of names and of pairs, not {self.chains!r}")
        found = list(_final(self.chains))
        if len(set(found)) < len(found):
            raise InputError(f"final particles need different names, not {', '.join(found)}")
        if len(self.masses) != len(found) or not all(mass >= 0 for mass in self.masses):
            raise InputError(
                f"each of {', '.join(found)} needs a mass of 0 GeV or more, not {', '.join(map(str, self.masses))}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        return tuple(f"{one}_{axis}" for one in _final(self.chains) for axis in ("px", "py", "pz"))

    @property
    def circular(self) -> tuple[bool, ...]:
        """Which coordinates are angles: none."""
        return (False,) * self._first_decay + (False, False, False) * (len(list(_decaying(self.chains))) - 1)

    @property
    def _first_decay(self) -> int:
        """Where the coordinates of the decays begin."""
        return 4 if self.balanced else 6

    def forward(self, values: Floats) -> Floats:
        """Coordinates (n, d) of physical values (n, k), in GeV.

        Raises:
            InputError: the shape is wrong, or momenta are not balanced.
        """
        momenta = self._momenta(values)
        if self.balanced:
            check_balance(momenta.sum(axis=0))
        columns: list[Floats] = []
        start = 0
        for chain in self.chains:
            stop = start + len(list(_final(chain)))
            flight = momenta[start:stop].sum(axis=0)
            columns.append(flight[:, 3:] if self.balanced and columns else flight[:, 1:])
            start = stop
        columns += [inside[0, :, 1:] for inside, _ in self._taken_apart(momenta)]
        return np.concatenate(columns, axis=1)

    def inverse(self, u: Floats) -> Floats:
        """Physical values (n, k) of coordinates (n, d), in GeV.

        Raises:
            InputError: the shape is wrong.
        """
        rows = checked(u, len(self.circular), "coordinates")
        first = rows[:, :3]
        second = np.concatenate([-first[:, :2], rows[:, 3:4]], axis=1) if self.balanced else rows[:, 3:6]
        products = iter(np.split(rows[:, self._first_decay :], len(list(_decaying(self.chains))) - 1, axis=1))
        masses = iter(self.masses)
        found: list[Floats] = []
        for chain, flight in zip(self.chains, (first, second), strict=True):
            inside, mass = _built(chain, products, masses, len(rows))
            found += list(boosted(inside, _on_shell(flight, mass)))
        values: Floats = np.stack(found)[..., 1:].transpose(1, 0, 2).reshape(len(rows), -1)
        return values

    def log_jacobian(self, values: Floats) -> Floats:
        r""":math:`\ln|\partial u/\partial v|`, (n,); of balanced events v lacks the last transverse momentum.

        Of two products of energies :math:`E_i`, and :math:`\omega_i` in the rest frame, each decay gives
        :math:`\frac{\omega_1 \omega_2}{\omega_1 + \omega_2} \frac{E_1 + E_2}{E_1 E_2}`.
        """
        momenta = self._momenta(values)
        result = np.zeros(momenta.shape[1])
        for inside, outside in self._taken_apart(momenta):
            for pair, sign in ((inside, 1), (outside, -1)):
                energy = pair[..., 0]
                result += sign * (np.log(energy).sum(axis=0) - np.log(energy.sum(axis=0)))
        return result

    def resonances(self, u: Tensor) -> Tensor:
        """Masses (b, decays) in GeV of the particles that decay, in order, of coordinates (b, d); differentiable."""
        products = iter(u[:, self._first_decay :].reshape(len(u), -1, 3).square().sum(2).unbind(1))
        finals = iter(self.masses)

        def squares(one: Chain) -> tuple[Tensor | float, list[Tensor]]:
            """Square of the mass of a particle, and the masses of those that decay, itself first."""
            if isinstance(one, str):
                return next(finals) ** 2, []
            momentum = next(products) + 1e-6  # a root has no slope at 0
            (first, found), (second, others) = squares(one[0]), squares(one[1])
            mass = (momentum + first).sqrt() + (momentum + second).sqrt()
            return mass.square(), [mass, *found, *others]

        return torch.stack([mass for chain in self.chains for mass in squares(chain)[1]], 1)

    def _momenta(self, values: Floats) -> Floats:
        """Momenta e px py pz of the final particles, (particles, n, 4)."""
        rows = checked(values, len(self.names), "physical values")
        three = rows.reshape(len(rows), -1, 3).transpose(1, 0, 2)
        return np.stack([_on_shell(one, np.full(len(one), m)) for one, m in zip(three, self.masses, strict=True)])

    def _taken_apart(self, momenta: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Momenta of the two products of each decay, (2, n, 4): in its rest frame, and in the laboratory."""

        def visit(one: Chain, inside: Floats, outside: Floats) -> Iterator[tuple[Floats, Floats]]:
            """Of a particle, from its final ones: in the frame of its parent, and in the laboratory."""
            if isinstance(one, str):
                return
            flight = inside.sum(axis=0) * np.array([1.0, -1.0, -1.0, -1.0])
            own, cut = boosted(inside, flight), len(list(_final(one[0])))
            halves = [(part[:cut], part[cut:]) for part in (own, outside)]
            pairs = [np.stack([first.sum(axis=0), second.sum(axis=0)]) for first, second in halves]
            yield pairs[0], pairs[1]
            for product, within, without in zip(one, *halves, strict=True):
                yield from visit(product, within, without)

        start = 0
        for chain in self.chains:
            part = momenta[start : start + len(list(_final(chain)))]
            start += len(part)
            yield from visit(chain, part, part)


def _final(one: Chain) -> Iterator[str]:
    """Names of the final particles, in order."""
    if isinstance(one, str):
        yield one
        return
    for product in one:
        yield from _final(product)


def _decaying(one: Chain) -> Iterator[tuple[Chain, Chain]]:
    """What decays, itself first."""
    if isinstance(one, str):
        return
    yield one
    for product in one:
        yield from _decaying(product)


def _built(one: Chain, products: Iterator[Floats], masses: Iterator[float], n: int) -> tuple[Floats, Floats]:
    """Momenta of the final particles of one particle in its rest frame, (particles, n, 4), and its mass, (n,)."""
    if isinstance(one, str):
        mass = np.full(n, next(masses))
        return _on_shell(np.zeros((n, 3)), mass)[None], mass
    momentum = next(products)
    parts, energy = [], np.zeros(n)
    for product, sign in zip(one, (1, -1), strict=True):
        inside, mass = _built(product, products, masses, n)
        flight = _on_shell(sign * momentum, mass)
        parts.append(flight[None] if isinstance(product, str) else boosted(inside, flight))
        energy = energy + flight[:, 0]
    return np.concatenate(parts), energy


def _on_shell(momentum: Floats, mass: Floats) -> Floats:
    """Momenta e px py pz, (n, 4), of momenta (n, 3) and masses (n,)."""
    energy = np.sqrt(mass**2 + (momentum**2).sum(axis=1))
    return np.concatenate([energy[:, None], momentum], axis=1)

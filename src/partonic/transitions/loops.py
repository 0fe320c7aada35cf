r"""Effective potentials from masses: tree level, Coleman-Weinberg, thermal and daisy terms at one loop.

.. math::
    V(\phi, T) = V_0 + \sum_i \frac{\pm n_i}{64\pi^2} m_i^4 \left(\ln\frac{m_i^2}{\mu^2} - c_i\right)
    + \frac{T^4}{2\pi^2} \sum_i n_i J_i(m_i^2/T^2) + V_{daisy}

in the MS-bar scheme and Landau gauge; the minus sign is that of fermions, c is 5/6 for vectors and 3/2 otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.transitions.potential import Potential
from partonic.transitions.thermal import thermal_boson, thermal_fermion

Kind = Literal["scalar", "vector", "fermion"]
Daisy = Literal["arnold-espinosa", "parwani", "none"]
CONSTANTS = {"scalar": 1.5, "vector": 5 / 6, "fermion": 1.5}
DAISIES = ("arnold-espinosa", "parwani", "none")
TINY = 1e-200  # a fourth power of a mass over the scale that is smaller has no logarithm any more
COLDEST = 1e-3  # GeV; there are no thermal terms up to this temperature


@dataclass(frozen=True)
class Species:
    """Particles whose masses depend on the fields.

    Args:
        name: of them.
        kind: scalar, vector or fermion.
        number: degrees of freedom of each mass (6 for a W, 3 for a Z, 12 for a quark and its antiparticle).
        masses: function of phi (..., fields) -> squared masses (..., k), k of them with that number each.
        dressed: squared masses with their thermal corrections, function of phi and T (...) -> (..., k), for the daisy
            terms; None for particles without.
        dressed_number: degrees of freedom of each dressed mass, as 2 for the longitudinal W; ``number`` if None.
        infrared: mass in GeV below which the logarithm of the vacuum's loop stays what it is, for Goldstone bosons.
    """

    name: str
    kind: Kind
    number: float
    masses: Callable[[Tensor], Tensor]
    dressed: Callable[[Tensor, Tensor], Tensor] | None = None
    dressed_number: float | None = None
    infrared: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in CONSTANTS:
            raise unknown("kind of particle", self.kind, CONSTANTS)
        if not self.number > 0:
            raise InputError(f"'{self.name}' must have a number of degrees of freedom above 0, not {self.number}")
        if self.kind == "fermion" and self.dressed is not None:
            raise InputError(f"'{self.name}' is a fermion; only bosons have daisy terms")

    @property
    def rings(self) -> float:
        """Degrees of freedom of each dressed mass."""
        return self.number if self.dressed_number is None else self.dressed_number


def coleman_weinberg(masses: Tensor, scale: float, kind: Kind, infrared: float = 0.0) -> Tensor:
    """One degree of freedom's share of the vacuum's loop, without its sign; real part, elementwise.

    Args:
        masses: squared, GeV^2.
        scale: of the renormalisation, GeV.
        kind: scalar, vector or fermion.
        infrared: mass in GeV that takes over in the logarithm of smaller ones.
    """
    return _vacuum(masses, scale, CONSTANTS[kind], infrared)


def loop_potential(
    tree: Callable[[Tensor], Tensor],
    species: Sequence[Species],
    fields: int,
    scale: float,
    *,
    daisy: Daisy = "arnold-espinosa",
    name: str = "one-loop potential",
) -> Potential:
    """The potential at one loop and at any temperature.

    Args:
        tree: potential at tree level with its counterterms, phi (..., fields) -> (...), GeV^4.
        species: all that runs in loops.
        fields: number of background fields.
        scale: of the renormalisation, GeV.
        daisy: ``arnold-espinosa`` (hep-ph/9212235: only the cubic term is resummed), ``parwani`` (hep-ph/9204216: all
            masses are dressed) or ``none``.
        name: for messages.

    Raises:
        InputError: there is no scale.
        UnknownNameError: there is no such way to resum daisies.
    """
    if daisy not in DAISIES:
        raise unknown("daisy resummation", daisy, DAISIES)
    if not scale > 0:
        raise InputError(f"the scale of the renormalisation must be above 0, not {scale}")

    parts = [part for one in species for part in _parts(one, daisy == "parwani")]
    groups = [_Group(kept, scale, fields) for kept in _by_statistics(parts) if kept]
    rings = [one for one in species if one.dressed is not None] if daisy == "arnold-espinosa" else []

    def function(phi: Tensor, T: Tensor) -> Tensor:
        hot = T.clamp_min(COLDEST).expand(phi.shape[:-1])
        total = tree(phi)
        for group in groups:
            total = total + group(phi, hot)
        for one in rings:
            total = total + _rings(one, phi, hot)
        return total

    return Potential(function, fields, temperature_dependent=True, name=name)


@dataclass(frozen=True)
class _Part:
    """Masses that run in loops, as a function of phi and T, with their number of degrees of freedom."""

    masses: Callable[[Tensor, Tensor], Tensor]
    number: float
    kind: Kind
    infrared: float


def _parts(one: Species, parwani: bool) -> list[_Part]:
    bare = _Part(lambda phi, T: one.masses(phi), one.number, one.kind, one.infrared)  # noqa: ARG005
    if one.dressed is None or not parwani:
        return [bare]
    dressed = _Part(one.dressed, one.rings, one.kind, one.infrared)
    return [dressed, replace(bare, number=one.number - one.rings)] if one.rings < one.number else [dressed]


def _by_statistics(parts: Sequence[_Part]) -> tuple[list[_Part], list[_Part]]:
    return [one for one in parts if one.kind != "fermion"], [one for one in parts if one.kind == "fermion"]


class _Group:
    """All species of one statistics, evaluated together."""

    def __init__(self, parts: list[_Part], scale: float, fields: int) -> None:
        self.parts, self.scale = parts, scale
        self.sign, self.thermal = (-1, thermal_fermion) if parts[0].kind == "fermion" else (1, thermal_boson)
        trial = torch.ones(fields, dtype=torch.float64)
        counts = [one.masses(trial, torch.ones_like(trial[0])).shape[-1] for one in parts]

        def each(values: list[float]) -> Tensor:
            return torch.repeat_interleave(torch.tensor(values, dtype=torch.float64), torch.tensor(counts))

        self.number = each([one.number for one in parts])
        self.constant = each([CONSTANTS[one.kind] for one in parts])
        self.infrared = each([one.infrared for one in parts])

    def __call__(self, phi: Tensor, T: Tensor) -> Tensor:
        """Vacuum and thermal terms, (...)."""
        masses, hot = torch.cat([one.masses(phi, T) for one in self.parts], -1), T[..., None]
        vacuum = self.sign * _vacuum(masses, self.scale, self.constant, self.infrared)
        bath = hot**4 / (2 * math.pi**2) * self.thermal(masses / hot**2)
        return ((vacuum + torch.where(hot > COLDEST, bath, 0.0)) * self.number).sum(-1)


def _vacuum(masses: Tensor, scale: float, constant: Tensor | float, infrared: Tensor | float) -> Tensor:
    square = masses**2
    ratio = (square + infrared**4) / scale**4
    safe = torch.where(ratio > TINY, ratio, 1.0)
    return square * (0.5 * torch.log(safe) - constant) / (64 * math.pi**2)


def _rings(one: Species, phi: Tensor, T: Tensor) -> Tensor:
    """The cubic terms of dressed masses instead of bare ones, (...)."""
    assert one.dressed is not None
    grown = _three_halves(one.dressed(phi, T)).sum(-1) - _three_halves(one.masses(phi)).sum(-1)
    return -one.rings * torch.where(T > COLDEST, T, 0.0) / (12 * math.pi) * grown


def _three_halves(x: Tensor) -> Tensor:
    """x^(3/2), 0 for negative ones."""
    positive = x > 0
    safe = torch.where(positive, x, 1.0)
    return torch.where(positive, safe * torch.sqrt(safe), 0.0)


def eigenvalues(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Of symmetric matrices ((a, b), (b, c)), ascending, (..., 2); differentiable where both are equal, too."""
    square = ((a - c) / 2) ** 2 + b**2
    root = torch.sqrt(square + 1e-24 * (a**2 + c**2 + b**2) + 1e-10)  # GeV^4; keeps second derivatives finite
    return torch.stack([(a + c) / 2 - root, (a + c) / 2 + root], -1)


def counterterms(
    loop: Callable[[Tensor], Tensor], terms: Sequence[Callable[[Tensor], Tensor]], vacuum: Sequence[float]
) -> list[float]:
    """Coefficients of terms that undo a loop's slope and second derivatives in the vacuum.

    Args:
        loop: phi (..., fields) -> (...), what the loops add at zero temperature.
        terms: of the counterterm potential, likewise.
        vacuum: where, (fields,).

    Returns:
        One coefficient for each term.

    Raises:
        InputError: the terms cannot do it.
    """
    point = torch.tensor(vacuum, dtype=torch.float64)

    def conditions(function: Callable[[Tensor], Tensor]) -> Tensor:
        slope = torch.func.jacrev(function)(point)
        bend = torch.func.jacrev(torch.func.jacrev(function))(point)
        size = point.abs().max()
        return torch.cat([slope * size, bend.flatten() * size**2])

    matrix = torch.stack([conditions(term) for term in terms], 1)
    right = -conditions(loop)
    found = torch.linalg.lstsq(matrix, right[:, None], driver="gelsd").solution[:, 0]
    if float((matrix @ found - right).norm()) > 1e-8 * float(right.norm()) + 1e-12:
        raise InputError("the terms cannot undo the slope and second derivatives of the loops in the vacuum")
    return [float(value) for value in found]

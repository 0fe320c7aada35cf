r"""Extensions of the Standard Model with their potentials at one loop: a singlet, a second Higgs doublet.

Masses are in GeV. Counterterms keep the vacuum and the masses of its neutral scalars at their values of tree level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.transitions.loops import Daisy, Species, coleman_weinberg, counterterms, eigenvalues, loop_potential
from partonic.transitions.potential import Potential

VEV, HIGGS, TOP, W_MASS, Z_MASS = 246.22, 125.1, 172.8, 80.38, 91.19
WEAK, HYPER = 2 * W_MASS / VEV, 2 * math.sqrt(Z_MASS**2 - W_MASS**2) / VEV
YUKAWA = math.sqrt(2) * TOP / VEV
GAUGE = 3 * WEAK**2 / 16 + HYPER**2 / 16  # of a doublet's thermal mass squared over T^2


def singlet(
    mass: float = 90.0,
    portal: float = 0.3,
    quartic: float = 0.5,
    *,
    daisy: Daisy = "arnold-espinosa",
) -> Potential:
    r"""The Higgs boson h and a singlet s with a Z2 symmetry; fields (h, s).

    Tree level: :math:`-\mu^2 h^2/2 + \lambda h^4/4 + \mu_s^2 s^2/2 + \lambda_s s^4/4 + \lambda_{hs} h^2 s^2/2`
    (Espinosa, Konstandin and Riva, arXiv:1107.5441). With the defaults the plasma is first in a phase with s alone, and
    a strong transition leads to that with h alone.

    Args:
        mass: of the singlet in today's vacuum, GeV.
        portal: lambda_hs.
        quartic: lambda_s.
        daisy: how daisies are resummed.

    Raises:
        InputError: the potential is unbounded below at tree level, or there is no such mass.
    """
    if not mass > 0:
        raise InputError(f"the singlet's mass must be above 0, not {mass}")
    own = HIGGS**2 / (2 * VEV**2)
    if not (quartic > 0 and portal > -math.sqrt(own * quartic)):
        raise InputError(
            f"the potential is unbounded below: it needs quartic above 0 and portal above -sqrt({own:.3f} quartic), "
            f"not {quartic} and {portal}"
        )
    bare = mass**2 - portal * VEV**2
    heat = {"h": GAUGE + YUKAWA**2 / 4 + own / 2 + portal / 12, "s": quartic / 4 + portal / 3}

    def tree(phi: Tensor) -> Tensor:
        h, s = phi[..., 0] ** 2, phi[..., 1] ** 2
        return own / 4 * h * (h - 2 * VEV**2) + bare / 2 * s + quartic / 4 * s**2 + portal / 2 * h * s

    def scalars(phi: Tensor, T: Tensor | float = 0.0) -> Tensor:
        h, s = phi[..., 0], phi[..., 1]
        first = own * (3 * h**2 - VEV**2) + portal * s**2 + heat["h"] * T**2
        return eigenvalues(first, 2 * portal * h * s, bare + 3 * quartic * s**2 + portal * h**2 + heat["s"] * T**2)

    def goldstones(phi: Tensor, T: Tensor | float = 0.0) -> Tensor:
        h, s = phi[..., 0] ** 2, phi[..., 1] ** 2
        return (own * (h - VEV**2) + portal * s + heat["h"] * T**2)[..., None]

    species = [
        Species("scalars", "scalar", 1, scalars, scalars),
        Species("Goldstone bosons", "scalar", 3, goldstones, goldstones, infrared=HIGGS),
        *_gauge_bosons(lambda phi: phi[..., 0] ** 2, 11 / 6),
        Species("top", "fermion", 12, lambda phi: (YUKAWA**2 / 2 * phi[..., 0] ** 2)[..., None]),
    ]
    terms = [lambda phi: phi[..., 0] ** 2, lambda phi: phi[..., 0] ** 4, lambda phi: phi[..., 1] ** 2]
    return _renormalised(tree, species, terms, (VEV, 0.0), daisy, "singlet")


def two_higgs_doublets(
    heavy: float = 300.0,
    pseudoscalar: float = 450.0,
    charged: float = 450.0,
    tan_beta: float = 2.0,
    *,
    soft: float | None = None,
    daisy: Daisy = "arnold-espinosa",
) -> Potential:
    r"""Two Higgs doublets with a softly broken Z2 symmetry, aligned, their neutral CP-even fields (h1, h2).

    The lighter neutral scalar is the Higgs boson, with the couplings of the Standard Model; quarks up couple to the
    second doublet (Branco and others, arXiv:1106.0034).

    Args:
        heavy: mass of the heavier neutral scalar, GeV.
        pseudoscalar: mass, GeV.
        charged: mass, GeV.
        tan_beta: ratio of the vacuum expectation values, second over first.
        soft: m_12^2 over sin(beta) cos(beta), GeV^2; ``heavy`` squared if None.
        daisy: how daisies are resummed.

    Raises:
        InputError: a mass or tan_beta is not above 0, or the potential is unbounded below at tree level.
    """
    for name, value in (("heavy", heavy), ("pseudoscalar", pseudoscalar), ("charged", charged), ("tan_beta", tan_beta)):
        if not value > 0:
            raise InputError(f"{name} must be above 0, not {value}")
    m2 = heavy**2 if soft is None else soft
    cos, sin = 1 / math.hypot(1, tan_beta), tan_beta / math.hypot(1, tan_beta)
    v2 = VEV**2
    l1 = (HIGGS**2 + (heavy**2 - m2) * tan_beta**2) / v2
    l2 = (HIGGS**2 + (heavy**2 - m2) / tan_beta**2) / v2
    l345 = (HIGGS**2 - heavy**2 + m2) / v2
    l5 = (m2 - pseudoscalar**2) / v2
    l4 = l5 + 2 * (pseudoscalar**2 - charged**2) / v2
    l3 = l345 - l4 - l5
    if not (l1 > 0 and l2 > 0 and l3 + min(0.0, l4 - abs(l5)) > -math.sqrt(l1 * l2)):
        raise InputError("the potential of the two doublets is unbounded below with these masses; lower soft")
    mix = m2 * sin * cos
    m11 = mix * tan_beta - v2 / 2 * (l1 * cos**2 + l345 * sin**2)
    m22 = mix / tan_beta - v2 / 2 * (l2 * sin**2 + l345 * cos**2)
    heat1 = GAUGE + l1 / 4 + l3 / 6 + l4 / 12
    heat2 = GAUGE + l2 / 4 + l3 / 6 + l4 / 12 + YUKAWA**2 / sin**2 / 4

    def tree(phi: Tensor) -> Tensor:
        a, b = phi[..., 0], phi[..., 1]
        quartic = l1 / 8 * a**4 + l2 / 8 * b**4 + l345 / 4 * a**2 * b**2
        return m11 / 2 * a**2 + m22 / 2 * b**2 - mix * a * b + quartic

    def matrix(own: float, other: float, across: float) -> Species:
        """Masses of one pair of scalars: their couplings to the own field, the other and the product of both."""

        def masses(phi: Tensor, T: Tensor | float = 0.0) -> Tensor:
            a, b = phi[..., 0], phi[..., 1]
            first = m11 + own * l1 / 2 * a**2 + other / 2 * b**2 + heat1 * T**2
            second = m22 + own * l2 / 2 * b**2 + other / 2 * a**2 + heat2 * T**2
            return eigenvalues(first, -mix + across * a * b, second)

        return Species("scalars", "scalar", 1, masses, masses, infrared=HIGGS if own == 1 else 0.0)

    pair = matrix(1, l3, (l4 + l5) / 2)
    species = [
        matrix(3, l345, l345),
        matrix(1, l3 + l4 - l5, l5),
        Species("charged scalars", "scalar", 2, pair.masses, pair.dressed, infrared=HIGGS),
        *_gauge_bosons(lambda phi: (phi**2).sum(-1), 2.0),
        Species("top", "fermion", 12, lambda phi: (YUKAWA**2 / (2 * sin**2) * phi[..., 1] ** 2)[..., None]),
    ]
    powers = ((2, 0), (0, 2), (4, 0), (0, 4), (2, 2))
    terms = [partial(_monomial, power) for power in powers]
    return _renormalised(tree, species, terms, (VEV * cos, VEV * sin), daisy, "two Higgs doublets")


def _monomial(powers: tuple[int, int], phi: Tensor) -> Tensor:
    return phi[..., 0] ** powers[0] * phi[..., 1] ** powers[1]


def _gauge_bosons(square: Callable[[Tensor], Tensor], debye: float) -> list[Species]:
    """W, Z and photon; ``square`` gives the sum of squared doublet fields, ``debye`` their thermal mass over g T."""

    def w_mass(phi: Tensor, T: Tensor | float = 0.0) -> Tensor:
        return (WEAK**2 / 4 * square(phi) + debye * WEAK**2 * T**2)[..., None]

    def neutral(phi: Tensor, T: Tensor | float = 0.0) -> Tensor:
        h = square(phi) / 4
        return eigenvalues(WEAK**2 * (h + debye * T**2), -WEAK * HYPER * h, HYPER**2 * (h + debye * T**2))

    return [
        Species("W", "vector", 6, w_mass, w_mass, 2),
        Species("Z and photon", "vector", 3, neutral, neutral, 1),
    ]


def _renormalised(
    tree: Callable[[Tensor], Tensor],
    species: list[Species],
    terms: Sequence[Callable[[Tensor], Tensor]],
    vacuum: tuple[float, float],
    daisy: Daisy,
    name: str,
) -> Potential:
    """The one-loop potential with the counterterms that keep the vacuum."""

    def vacuum_loop(phi: Tensor) -> Tensor:
        total = torch.zeros_like(phi[..., 0])
        for one in species:
            sign = -one.number if one.kind == "fermion" else one.number
            total = total + sign * coleman_weinberg(one.masses(phi), VEV, one.kind, one.infrared).sum(-1)
        return total

    coefficients = counterterms(vacuum_loop, terms, vacuum)

    def with_counterterms(phi: Tensor) -> Tensor:
        return tree(phi) + sum(c * term(phi) for c, term in zip(coefficients, terms, strict=True))

    return loop_potential(with_counterterms, species, 2, VEV, daisy=daisy, name=name)

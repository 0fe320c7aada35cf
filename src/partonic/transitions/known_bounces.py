"""Potentials whose bounce actions are known to eight digits: what solvers are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.transitions.potential import Potential

# Table 1 of arXiv:1901.03714: c_i and c_0 of (sum c_i (x_i - 1)^2 - c_0) sum x_i^2
COEFFICIENTS: dict[int, tuple[tuple[float, ...], float]] = {
    2: ((1.8, 0.2), 0.3),
    3: ((0.684373, 0.181928, 0.295089), 0.284821),
    4: ((0.534808, 0.77023, 0.838912, 0.00517238), 0.258889),
    5: ((0.4747, 0.234808, 0.57023, 0.138912, 0.517238), 0.658889),
    6: ((0.34234, 0.4747, 0.234808, 0.57023, 0.138912, 0.517238), 0.658889),
    7: ((0.5233, 0.34234, 0.4747, 0.234808, 0.57023, 0.138912, 0.517238), 0.65889),
    8: ((0.2434, 0.5233, 0.34234, 0.4747, 0.234808, 0.57023, 0.138912, 0.51723), 0.658889),
}


def quartic(c: float) -> Potential:
    """One field, x^4/4 - (c + 1) x^3/3 + c x^2/2: vacua at 0 and 1, equally deep at c = 1/2, no barrier at c = 0."""
    return Potential(
        lambda p: (p**4 / 4 - (c + 1) * p**3 / 3 + c * p**2 / 2)[..., 0],
        1,
        gradient_function=lambda p: p**3 - (c + 1) * p**2 + c * p,
        hessian_function=lambda p: (3 * p**2 - 2 * (c + 1) * p + c)[..., None],
        name=f"quartic {c:g}",
    )


def two_fields(c: float) -> Potential:
    """Two fields, (x^2 + 5 y^2)(5 (x - 1)^2 + (y - 1)^2) + c (y^4/4 - y^3/3): thin walls at c = 2, thick at c = 80."""

    def value(p: Tensor) -> Tensor:
        x, y = p[..., 0], p[..., 1]
        return (x**2 + 5 * y**2) * (5 * (x - 1) ** 2 + (y - 1) ** 2) + c * (y**4 / 4 - y**3 / 3)

    return Potential(value, 2, name=f"two fields {c:g}")


def bowls(centre: np.ndarray, c0: float, name: str = "bowls") -> Potential:
    """Any number of fields, (sum c_i (x_i - 1)^2 - c_0) sum x_i^2 with coefficients c (fields,)."""
    c = torch.as_tensor(np.asarray(centre, dtype=np.float64))
    one = torch.eye(len(c), dtype=torch.float64)

    def gradient(p: Tensor) -> Tensor:
        inner = ((c * (p - 1) ** 2).sum(-1) - c0)[..., None]
        return 2 * c * (p - 1) * (p * p).sum(-1)[..., None] + 2 * p * inner

    def hessian(p: Tensor) -> Tensor:
        inner = ((c * (p - 1) ** 2).sum(-1) - c0)[..., None, None]
        size = (p * p).sum(-1)[..., None, None]
        across = (2 * c * (p - 1))[..., :, None] * (2 * p)[..., None, :]
        return 2 * (one * c) * size + across + across.transpose(-1, -2) + 2 * one * inner

    return Potential(
        lambda p: ((c * (p - 1) ** 2).sum(-1) - c0) * (p * p).sum(-1),
        len(c),
        gradient_function=gradient,
        hessian_function=hessian,
        name=name,
    )


def benchmark_point(fields: int) -> Potential:
    """The benchmark potentials BP1 to BP8 of one to eight fields (arXiv:1901.03714, Table 1).

    Raises:
        InputError: fewer fields than one or more than eight.
    """
    if not 1 <= fields <= 8:
        raise InputError(f"the benchmark potentials have 1 to 8 fields, not {fields}")
    if fields == 1:
        return Potential(lambda p: 0.1 * (p**4 - 8 * p**3 + 10 * p**2)[..., 0], 1, name="BP1")
    c, c0 = COEFFICIENTS[fields]
    return bowls(np.array(c), c0, f"BP{fields}")


@dataclass(frozen=True)
class KnownBounce:
    """A bounce whose action is known.

    Args:
        make: the potential.
        true: next to the true vacuum; the false one is at the origin.
        dimensions: 3 or 4.
        action: S, right to its last digit or two.
        thin: whether the wall is so thin that the action is known to 1e-7 only.
    """

    make: Callable[[], Potential]
    true: tuple[float, ...]
    dimensions: int
    action: float
    thin: bool = False


def _quartic(c: float, dimensions: int, action: float) -> KnownBounce:
    return KnownBounce(lambda: quartic(c), (1.0,), dimensions, action, thin=c >= 0.49)


def _point(fields: int, action: float) -> KnownBounce:
    return KnownBounce(lambda: benchmark_point(fields), (5.0,) if fields == 1 else (1.0,) * fields, 3, action)


KNOWN: dict[str, KnownBounce] = {
    "quartic-0.2": _quartic(0.2, 3, 6.62981963),
    "quartic-0.47": _quartic(0.47, 3, 1093.18305),
    "quartic-0.49": _quartic(0.49, 3, 9869.253),
    "quartic-0.499": _quartic(0.499, 3, 987303.5),
    "quartic-0.4995": _quartic(0.4995, 3, 3949225.5),
    "quartic-0.2-vacuum": _quartic(0.2, 4, 138.654401),
    "quartic-0.47-vacuum": _quartic(0.47, 4, 204979.956),
    "bp1": _point(1, 52.4133262),
    "two-fields-thin": KnownBounce(lambda: two_fields(2.0), (1.0, 1.0), 3, 1770.39531),
    "two-fields-thick": KnownBounce(lambda: two_fields(80.0), (1.0, 1.0), 3, 4.45671092),
    "bp2": _point(2, 20.8363337),
    "bp3": _point(3, 21.9557713),
    "bp4": _point(4, 55.875814),
    "bp5": _point(5, 16.2668688),
    "bp6": _point(6, 24.4543738),
    "bp7": _point(7, 36.6704987),
    "bp8": _point(8, 46.0055822),
}


def known_bounce(name: str) -> KnownBounce:
    """A known bounce by its name.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name not in KNOWN:
        raise unknown("bounce", name, KNOWN)
    return KNOWN[name]


def random_potential(fields: int, rng: np.random.Generator) -> tuple[Potential, tuple[float, ...], int]:
    """A potential at random, from thin walls to thick ones and of any size, with its true vacuum and dimensions.

    Args:
        fields: one (a quartic) or more (bowls of :func:`bowls`, tilted).
        rng: random generator.
    """
    dimensions = int(rng.choice([3, 4]))
    size, height = 10 ** rng.uniform(-1, 3), 10 ** rng.uniform(-1, 2)
    if fields == 1:
        inner = quartic(float(rng.uniform(0.02, 0.497)))
    else:
        c = rng.uniform(0.1, 1.0, fields)
        inner = bowls(c, float(rng.uniform(0.03, 0.6) * c.sum()))
    scale = height * size**4

    def value(p: Tensor) -> Tensor:
        return scale * inner.value(p / size)

    return Potential(value, fields, name=f"random, {fields} fields"), (size,) * fields, dimensions

r"""Maps of a number in (0, 1) to a kinematic variable, with their densities and inverses.

Each map :math:`x = F^{-1}(u)` follows one peak of a matrix element; its ``density`` is
:math:`p(x) = \mathrm{d}u/\mathrm{d}x`, so that :math:`\int f\,\mathrm{d}x = \langle f(x)/p(x) \rangle_u`. Limits may
be tensors, one for each point, where a range depends on variables drawn before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError

Limit = float | Tensor


def _rising(kind: str, low: Limit, high: Limit) -> None:
    if not bool(torch.all(torch.as_tensor(high) > torch.as_tensor(low))):
        raise InputError(f"the upper limit of a {kind} map must be above the lower one")


@dataclass(frozen=True)
class Flat:
    """A variable without a peak, uniform between limits.

    Args:
        low: lower limit.
        high: upper limit.

    Raises:
        InputError: the limits do not rise.
    """

    low: Limit
    high: Limit

    def __post_init__(self) -> None:
        _rising("flat", self.low, self.high)

    def forward(self, u: Tensor) -> Tensor:
        """The variable at u, (n,)."""
        return self.low + (self.high - self.low) * u

    def inverse(self, x: Tensor) -> Tensor:
        """Back to u, (n,)."""
        return (x - self.low) / (self.high - self.low)

    def density(self, x: Tensor) -> Tensor:
        """Density du/dx at x, (n,)."""
        return torch.ones_like(x) / (self.high - self.low)


@dataclass(frozen=True)
class Power:
    r"""A variable that falls as :math:`(x + m^2)^{-\nu}`: propagators of a t channel, soft and collinear peaks.

    Args:
        low: lower limit, above ``-scale``.
        high: upper limit.
        exponent: :math:`\nu`.
        scale: :math:`m^2`, of the unit of x.

    Raises:
        InputError: the limits do not rise, or the pole is within them.
    """

    low: Limit
    high: Limit
    exponent: float = 1.0
    scale: Limit = 0.0

    def __post_init__(self) -> None:
        _rising("power", self.low, self.high)
        if not bool(torch.all(torch.as_tensor(self.low + self.scale) > 0)):
            raise InputError("the lower limit of a power map must be above its pole")

    def _primitive(self, x: Tensor) -> Tensor:
        y = x + self.scale
        return torch.log(y) if self.exponent == 1 else y ** (1 - self.exponent) / (1 - self.exponent)

    def _ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        ends = (torch.as_tensor(limit, dtype=like.dtype) for limit in (self.low, self.high))
        low, high = (self._primitive(end) for end in ends)
        return low, high

    def forward(self, u: Tensor) -> Tensor:
        """The variable at u, (n,)."""
        low, high = self._ends(u)
        value = low + (high - low) * u
        if self.exponent == 1:
            return torch.exp(value) - self.scale
        return (value * (1 - self.exponent)) ** (1 / (1 - self.exponent)) - self.scale

    def inverse(self, x: Tensor) -> Tensor:
        """Back to u, (n,)."""
        low, high = self._ends(x)
        return (self._primitive(x) - low) / (high - low)

    def density(self, x: Tensor) -> Tensor:
        """Density du/dx at x, (n,)."""
        low, high = self._ends(x)
        return (x + self.scale) ** -self.exponent / (high - low)


def t_channel(mass: float, low: Limit, high: Limit, exponent: float = 2.0) -> Power:
    r"""The map of :math:`|t|` for a propagator :math:`1/(|t| + m^2)`, squared by default.

    Args:
        mass: of what is exchanged, in GeV; 0 needs a lower limit above 0.
        low: smallest :math:`|t|`, in GeV^2.
        high: largest, in GeV^2.
        exponent: power of the propagator.
    """
    return Power(low, high, exponent, mass * mass)


@dataclass(frozen=True)
class BreitWigner:
    r"""The squared mass of a resonance, :math:`p(s) \propto 1/[(s - m^2)^2 + m^2 \Gamma^2]`.

    Args:
        mass: m in GeV.
        width: :math:`\Gamma` in GeV, above 0.
        low: smallest s, in GeV^2.
        high: largest s, in GeV^2.
        off_shell: whether the mass may be out of the range, so that a tail is followed.

    Raises:
        InputError: the limits do not rise, mass or width is not above 0, or the mass is out of the range.
    """

    mass: float
    width: float
    low: Limit = 0.0
    high: Limit = math.inf
    off_shell: bool = False

    def __post_init__(self) -> None:
        _rising("Breit-Wigner", self.low, self.high)
        if not (self.mass > 0 and self.width > 0):
            raise InputError(f"a Breit-Wigner map needs mass and width above 0, not {self.mass} and {self.width} GeV")
        ends = [torch.as_tensor(limit) for limit in (self.low, self.high)]
        if not self.off_shell and not bool((ends[0] <= self.mass**2).all() & (ends[1] >= self.mass**2).all()):
            raise InputError(
                f"the resonance of mass {self.mass:g} GeV is outside of the range of its Breit-Wigner map: its square "
                f"{self.mass**2:g} GeV^2 must be between {float(ends[0].max()):g} and {float(ends[1].min()):g} GeV^2; "
                "mend the limits, or say off_shell=True to follow its tail"
            )

    def _angle(self, s: Tensor) -> Tensor:
        return torch.atan((s - self.mass**2) / (self.mass * self.width))

    def _ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        low, high = (self._angle(torch.as_tensor(limit, dtype=like.dtype)) for limit in (self.low, self.high))
        return low, high

    def forward(self, u: Tensor) -> Tensor:
        """The squared mass at u, (n,), in GeV^2."""
        low, high = self._ends(u)
        return self.mass**2 + self.mass * self.width * torch.tan(low + (high - low) * u)

    def inverse(self, s: Tensor) -> Tensor:
        """Back to u, (n,)."""
        low, high = self._ends(s)
        return (self._angle(s) - low) / (high - low)

    def density(self, s: Tensor) -> Tensor:
        """Density du/ds at s, (n,), in 1/GeV^2."""
        low, high = self._ends(s)
        scale = self.mass * self.width
        return scale / ((s - self.mass**2) ** 2 + scale * scale) / (high - low)

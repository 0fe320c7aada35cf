"""A measured number with its interval and how that was found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

LONGEST = 7  # decimals of a number; smaller errors are given by their power of ten


@dataclass(frozen=True)
class Estimate:
    """A value, its central 68.3 % interval, and the method behind it.

    Args:
        value: the measured number (``nan`` where nothing could be measured, with a note that says why).
        low: lower end of the interval (may be ``-inf`` or ``nan``).
        high: upper end of the interval (may be ``inf`` or ``nan``).
        method: how the interval was found, as ``"binomial"``, ``"bootstrap"`` or ``"seeds"``.
        note: a caveat to show beside the number, as ``"rests on 11 background jets"``.
    """

    value: float
    low: float
    high: float
    method: str
    note: str = ""

    @classmethod
    def symmetric(cls, value: float, error: float, method: str, note: str = "") -> Estimate:
        """Build ``value +- error``."""
        return cls(float(value), float(value - error), float(value + error), method, note)

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return 0.5 * (self.high - self.low)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; a number that is not finite becomes ``None``."""
        return {k: (None if isinstance(v, float) and not math.isfinite(v) else v) for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, tree: dict[str, Any]) -> Estimate:
        """Read back what :meth:`to_dict` gave; ``None`` becomes ``nan`` (value) or the open end of the interval."""
        value, low, high = tree["value"], tree["low"], tree["high"]
        return cls(
            math.nan if value is None else value,
            -math.inf if low is None else low,
            math.inf if high is None else high,
            tree["method"],
            tree.get("note", ""),
        )

    def __str__(self) -> str:
        """Give the value and its error, rounded to two digits of that: ``0.9812 +- 0.0011``, ``(1.20 +- 0.30)e-9``."""
        bounds = [f"> {self.low:.3g}"] if math.isfinite(self.low) else []
        bounds += [f"< {self.high:.3g}"] if math.isfinite(self.high) else []
        if not math.isfinite(self.value):
            return " and ".join(bounds) or "not measured"
        if len(bounds) < 2:
            return f"{self.value:.4g} ({bounds[0]})" if bounds else f"{self.value:.4g}"
        down, up = self.value - self.low, self.high - self.value
        smallest = min(x for x in (down, up, math.inf) if x > 0)
        if not math.isfinite(smallest):
            return f"{self.value:.6g}"
        digits = max(0, 1 - math.floor(math.log10(smallest)))
        even = abs(up - down) < 0.2 * max(up, down)
        if digits > LONGEST:
            return self._short(even, down, up)
        if even:
            return f"{self.value:.{digits}f} +- {self.error:.{digits}f}"
        return f"{self.value:.{digits}f} +{up:.{digits}f} -{down:.{digits}f}"

    def _short(self, even: bool, down: float, up: float) -> str:
        """With so small an error that decimals do not serve."""
        largest = max(abs(self.value), down, up)
        if max(down, up) > 1e-5 * largest and largest < 1e-3:
            power = max(-300, math.floor(math.log10(largest)))
            value, less, more = (number / 10.0**power for number in (self.value, down, up))
            digits = min(LONGEST, max(0, 1 - math.floor(math.log10(max(min(less, more), 1e-6)))))
            errors = f"+- {(less + more) / 2:.{digits}f}" if even else f"+{more:.{digits}f} -{less:.{digits}f}"
            return f"({value:.{digits}f} {errors})e{power}"
        return f"{self.value:.7g} +- {self.error:.1e}" if even else f"{self.value:.7g} +{up:.1e} -{down:.1e}"

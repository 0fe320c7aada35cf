"""Are momenta and weights sound: finite numbers, energies not below momenta."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from partonic.events import kinematics
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Ragged

MOMENTUM = ("px", "py", "pz", "e")
# m^2 > -1e-6 E^2: rounding of a massless particle in float32 gives about 2e-7 E^2.
ROUNDING = 1e-6
SPACELIKE = -2  # status of an intermediate space-like propagator in Les Houches events


@dataclass
class MomentumCheck:
    """Counts what is off while samples pass by.

    Args:
        momenta: collection -> number of four-momenta looked at.
        not_finite: collection -> number with a component that is not finite.
        below: collection -> number with ``E < |p|`` beyond rounding.
        weights: name -> number of weights that are not finite.
        negative: number of negative nominal weights.
    """

    momenta: dict[str, int] = field(default_factory=dict)
    not_finite: dict[str, int] = field(default_factory=dict)
    below: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    negative: int = 0

    def add(self, events: Events) -> dict[int, str]:
        """Look at a sample; gives the rows with something that is not finite, and what that is."""
        bad: dict[int, str] = {}
        for name, ragged in events.collections.items():
            if all(component in ragged.fields for component in MOMENTUM):
                finite, below = check_momenta(ragged)
                if not np.all(finite):
                    items = np.flatnonzero(~finite)
                    rows = np.searchsorted(ragged.offsets, items, side="right") - 1
                    bad |= dict.fromkeys(rows.tolist(), f"a momentum in '{name}'")
                self.momenta[name] = self.momenta.get(name, 0) + ragged.total
                self.not_finite[name] = self.not_finite.get(name, 0) + int(np.count_nonzero(~finite))
                self.below[name] = self.below.get(name, 0) + int(np.count_nonzero(below))
        for name, values in events.weights.items():
            rows = np.flatnonzero(~np.isfinite(values))
            self.weights[name] = self.weights.get(name, 0) + len(rows)
            bad |= dict.fromkeys(rows.tolist(), f"a weight '{name}'")
        if NOMINAL in events.weights:
            self.negative += int(np.count_nonzero(np.asarray(events.weights[NOMINAL]) < 0))
        return bad

    @property
    def sound(self) -> bool:
        """Whether nothing is off."""
        return not any(any(found.values()) for found in (self.not_finite, self.below, self.weights))

    def lines(self) -> list[str]:
        """What was found, for people."""
        lines = []
        for name, number in self.momenta.items():
            off = [f"{self.not_finite[name]:,} not finite"] if self.not_finite[name] else []
            off += [f"{self.below[name]:,} with E < |p|"] if self.below[name] else []
            lines.append(f"momenta of {name}: {', '.join(off) or 'all sound'} (of {number:,})")
        lines += [f"weight {name}: {number:,} not finite" for name, number in self.weights.items() if number]
        if self.negative:
            lines.append(f"weight {NOMINAL}: {self.negative:,} negative")
        return lines


def check_momenta(ragged: Ragged) -> tuple[Array, Array]:
    """Which items (items,) have finite momenta, and which an energy below their momentum beyond rounding."""
    px, py, pz, e = (np.asarray(ragged[name], dtype=np.float64) for name in MOMENTUM)
    finite = np.isfinite(px) & np.isfinite(py) & np.isfinite(pz) & np.isfinite(e)
    with np.errstate(invalid="ignore", over="ignore"):
        below = finite & ((kinematics.mass2(px, py, pz, e) < -ROUNDING * e * e) | (e < 0))
    if "status" in ragged.fields:
        below &= np.asarray(ragged["status"]) != SPACELIKE
    return finite, below

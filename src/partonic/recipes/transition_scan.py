"""A plane of phase transitions: how strong each is and whether gravitational waves of it would be seen."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.files import append
from partonic.core.parallel import ordered
from partonic.core.progress import progress
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_positive, check_wall
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.transitions.scan import Scanned, Scanner

Floats = NDArray[np.float64]

SEEN = 10.0  # signal-to-noise ratio
LOGARITHMIC = 20.0  # ratio of the ends of an axis from which its points are equally spaced in the logarithm
CHECKED = 3  # points of the generic plane whose bounce is solved anew
PLANE = (
    "Each point is a transition of its own. The colour is the signal-to-noise ratio of a detector by the templates of "
    "the LISA cosmology working group; within the lines it is 10 or more. Where there is no colour there is no "
    "transition of first order, or bubbles stay too rare, or no stationary wall has this velocity."
)
CHECK = (
    "All generic potentials share one family of bounces, taken from splines. Here the bounce of a point's own "
    "potential is solved anew: its action, and the rate from its own slope in temperature."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"points": (4, 3)},
    "quick": {"points": (17, 13)},
    "default": {},
    "benchmark": {"model": "high-temperature", "x": "zero", "x_range": (50.0, 1e8), "y": "e", "y_range": (0.02, 0.11),
                  "points": (15, 15)},
}  # fmt: skip


@register_recipe("transition-scan", paper="arXiv:1905.00911")
@dataclass(frozen=True)
class TransitionScan:
    """Transition scan: a plane of two parameters with the strength of each transition and what LISA and LIGO would see.

    Args:
        model: generic (depth, barrier and separation of a potential), singlet,
            two-higgs-doublets or high-temperature.
        x: parameter along the plane; depth is E_alpha in GeV.
        x_range: its ends; points are spaced in the logarithm where these are far apart.
        y: parameter across; barrier is E_m in units of E_alpha.
        y_range: its ends.
        points: along and across.
        wall_velocity: of the bubbles, in units of the speed of light.
        template: of the waves.
        years: that each detector measures.
        degrees: relativistic degrees of freedom.
    """

    model: str = "generic"
    x: str = "depth"
    x_range: tuple[float, float] = (10.0, 1e9)
    y: str = "barrier"
    y_range: tuple[float, float] = (0.3, 1.1)
    points: tuple[int, int] = (31, 25)
    wall_velocity: float = 0.95
    template: Literal["2019", "2024"] = "2024"
    years: float = 4.0
    degrees: float = 106.75

    def __post_init__(self) -> None:
        for name, (low, high) in (("x_range", self.x_range), ("y_range", self.y_range)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise InputError(f"{name} goes from a lower to a higher number, not from {low} to {high}")
        if min(self.points) < 2:
            raise InputError(f"a plane has 2 points or more along each side, not {self.points}")
        if self.x == self.y:
            raise InputError(f"x and y are the same parameter, {self.x}; name two")
        check_wall(self.wall_velocity)
        check_positive(self, "degrees", "years")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find an unknown model or parameter.

        Raises:
            UnknownNameError: there is none of that name.
        """
        from partonic.transitions.scan import parameters

        known = parameters(self.model)
        for name in (self.x, self.y):
            if name not in known:
                raise unknown(f"parameter of {self.model}", name, known)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        total = self.points[0] * self.points[1]
        return (
            f"transition-scan: {total:,} transitions of the {self.model} potential with {context.workers} processes; "
            f"everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        axes = [_axis(*end) for end in ((self.x_range, self.points[0]), (self.y_range, self.points[1]))]
        found = self._scan(context, axes)
        sections = [self._plane(result, axes, found)]
        if self.model == "generic":
            sections.append(self._check(result, axes, found))
        result.facts["title"] = "Transition scan"
        result.facts["abstract"] = (
            f"{len(found):,} transitions of the {self.model} potential, {self.x} against {self.y}; walls of velocity "
            f"{self.wall_velocity:g}, {self.years:g} years of each detector, templates of {self.template}."
        )
        result.facts["citations"] = ["partonic", "arXiv:1905.00911", "arXiv:1910.13125", "arXiv:2403.03723"]
        write_page(result, sections)
        return result

    def _scanner(self) -> Scanner:
        from partonic.transitions.scan import Scanner

        return Scanner(self.model, self.wall_velocity, self.template, self.years, self.degrees)

    def _scan(self, context: Context, axes: list[Floats]) -> list[Scanned]:
        """All points, row by row; those of an interrupted run are taken from its file."""
        from partonic.transitions.scan import Scanned

        file = context.result.checkpoint("points.jsonl")
        kept = [Scanned(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []
        items = [{self.x: float(x), self.y: float(y)} for y in axes[1] for x in axes[0]]
        make = partial(_made, self._scanner())
        with progress("scanning", len(items), "points") as bar:
            bar.advance(len(kept))
            with closing(ordered(make, items[len(kept) :], context.workers, context.executor)) as results:
                for one in results:
                    append(file, json.dumps(asdict(one)) + "\n")
                    kept.append(one)
                    bar.advance(1)
        return kept

    def _plane(self, result: Result, axes: list[Floats], found: list[Scanned]) -> Section:
        from partonic.report.plots_scan import Panel, planes
        from partonic.report.style import save_figure

        shape = (len(axes[1]), len(axes[0]))
        table = {
            name: np.array([getattr(one, name) for one in found]).reshape(shape) for name in ("lisa", "ligo", "alpha")
        }
        titles = {"lisa": "LISA", "ligo": "Advanced LIGO", "alpha": "Strength alpha"}
        panels = [Panel(titles[name], values, SEEN if name != "alpha" else None) for name, values in table.items()]
        happens = np.array([one.status == "nucleates" for one in found])
        seen = {titles[name]: float(np.mean(table[name] >= SEEN)) for name in ("lisa", "ligo")}
        save_figure(
            result,
            "plane",
            planes(axes[0], axes[1], panels, (_told(self.x), _told(self.y))),
            f"Signal-to-noise ratios and strength over the plane of {self.x} and {self.y}.",
            "; ".join(f"{name} sees {share:.0%} of the points" for name, share in seen.items()) + ".",
        )
        n = len(found)
        for name, share in {
            "transitions": float(happens.mean()),
            **{f"seen by {k}": v for k, v in seen.items()},
        }.items():
            spacing = 1 / min(self.points)
            result.summary[f"share of the plane: {name}"] = Estimate(
                share, max(0.0, share - spacing), min(1.0, share + spacing), "spacing of the points", f"{n} points"
            )
        statuses = [one.status for one in found]
        rows = [{"outcome": name, "points": statuses.count(name)} for name in sorted(set(statuses))]
        result.add_table("outcomes", "What came of the points.", rows)
        return Section("The plane", PLANE, ("plane",), ("outcomes",))

    def _check(self, result: Result, axes: list[Floats], found: list[Scanned]) -> Section:
        """Some points solved anew, bounce by bounce."""
        from partonic.transitions.bounce import bounce
        from partonic.transitions.generic import generic_transition

        good = [i for i, one in enumerate(found) if one.status == "nucleates"]
        rows = []
        for i in [good[k] for k in np.linspace(0, len(good) - 1, min(CHECKED, len(good))).astype(int)]:
            numbers = {self.x: float(axes[0][i % len(axes[0])]), self.y: float(axes[1][i // len(axes[0])])}
            one = generic_transition(**numbers, degrees=self.degrees)
            own = bounce(one.potential, [0.0], [one.true], one.temperature)
            rate = own.temperature_slope() - own.action.value / one.temperature
            error = own.action.error / own.action.value
            rows.append(
                {
                    **{name: f"{value:.4g}" for name, value in numbers.items()},
                    "S3/T": one.action / one.temperature,
                    "its own bounce": Estimate.symmetric(
                        own.action.value / one.temperature, error * own.action.value / one.temperature, "finer solution"
                    ),
                    "beta/H": one.beta_over_hubble,
                    "by its own slope": rate,
                }
            )
        result.add_table("check", "Points of the plane and the bounce of each one's own potential.", rows)
        return Section("The family of bounces", CHECK, (), ("check",))


def _made(scanner: Scanner) -> Scanner:
    return scanner


def _axis(ends: tuple[float, float], points: int) -> Floats:
    low, high = ends
    return np.geomspace(low, high, points) if low > 0 and high / low > LOGARITHMIC else np.linspace(low, high, points)


def _told(name: str) -> str:
    return {"depth": "E_alpha [GeV]", "barrier": "E_m / E_alpha", "separation": "v / E_alpha"}.get(name, name)

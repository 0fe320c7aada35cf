"""Bubbles of a deeper vacuum: how they nucleate, beside the classic methods, and how they grow."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_numbers
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.transitions.bounce import Bounce
    from partonic.transitions.known_bounces import KnownBounce

TEXT = (
    "A false vacuum decays through bubbles. The profile of the critical bubble, the bounce, is a saddle point of the "
    "action. It is found here as the minimum of another functional, the tunnelling potential, and then as the solution "
    "of the radial equation. Beside it stand the known action, the thin-wall formula, the bounce of a polygon in place "
    "of the potential, shooting, and CosmoTransitions where it is installed. What is called the error of a classic "
    "method is its distance from the known action."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"potentials": ("quartic-0.2", "two-fields-thick"), "polygon": 12, "shooting": False, "growth": 1.0},
    "quick": {"potentials": ("quartic-0.2", "quartic-0.47", "two-fields-thick", "bp3")},
    "default": {},
    "benchmark": {
        "potentials": (
            "quartic-0.2",
            "quartic-0.47",
            "quartic-0.49",
            "quartic-0.4995",
            "quartic-0.2-vacuum",
            "two-fields-thin",
            "two-fields-thick",
            "bp1",
            "bp2",
            "bp3",
            "bp4",
            "bp8",
        ),
        "polygon": 200,
    },
}


@dataclass(frozen=True)
class Other:
    """A bounce by another method.

    Args:
        action: S.
        radius: (points,); none where the method gives no profile.
        phi: (points, fields).
    """

    action: float
    radius: Any = ()
    phi: Any = ()


@register_recipe("bubble-nucleation", paper="arXiv:1811.09185")
@dataclass(frozen=True)
class BubbleNucleation:
    """Bubble nucleation: bounces of known potentials, beside the classic methods, and how the bubble grows.

    Args:
        potentials: names of known bounces, see partonic.transitions.known_bounces.
        polygon: pieces of the polygonal bounce (one field); 0 leaves it out.
        shooting: whether to shoot, too (one field).
        growth: how long to follow the bubble of the first potential, in units of its radius; 0 leaves it out.
    """

    potentials: tuple[str, ...] = (
        "quartic-0.2",
        "quartic-0.47",
        "quartic-0.2-vacuum",
        "two-fields-thick",
        "bp2",
        "bp8",
    )
    polygon: int = 100
    shooting: bool = True
    growth: float = 4.0

    def __post_init__(self) -> None:
        check_numbers(self, polygon=0, growth=0)
        if 0 < self.polygon < 4:
            raise InputError(f"polygon must be 0 or 4 and more pieces, not {self.polygon}")
        if not self.potentials or len(set(self.potentials)) < len(self.potentials):
            raise InputError("bubble-nucleation needs each potential once and at least one, as --potentials bp2")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find unknown potentials.

        Raises:
            UnknownNameError: there is no such potential.
        """
        from partonic.transitions.known_bounces import known_bounce

        for name in self.potentials:
            known_bounce(name)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        shots = " and some seconds for the shooting of each single field" if self.shooting else ""
        count = len(self.potentials)
        return (
            f"bubble-nucleation: {count} bounces of about 0.3 s each{shots}; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.transitions.bounce import bounce
        from partonic.transitions.known_bounces import known_bounce

        result, sections = context.result, []
        for number, name in enumerate(self.potentials):
            case = known_bounce(name)
            potential = case.make()
            found = bounce(potential, [0.0] * potential.fields, case.true, d=case.dimensions)
            sections.append(self._section(result, name, case, found))
            if number == 0 and self.growth > 0 and found.solved:
                sections.append(_growth(result, name, found, self.growth))
        result.facts["title"] = "Bubble nucleation"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:1811.09185", "arXiv:1901.03714", "arXiv:1803.01853"]
        write_page(result, sections)
        return result

    def _section(self, result: Result, name: str, case: KnownBounce, found: Bounce) -> Section:
        """Actions and figures of one potential."""
        slug = name.replace(".", "-")
        result.summary[f"action of {name}"] = found.action
        others = self._others(case, found)
        rows: list[dict[str, Any]] = [{"method": "tunnelling potential and radial equation", "action": found.action}]
        known = Estimate.symmetric(case.action, (1e-7 if case.thin else 1e-8) * case.action, "digits that are known")
        rows.append({"method": "known", "action": known})
        for method, other in others.items():
            off = abs(other.action - case.action)
            told = Estimate.symmetric(other.action, off, "distance from the known action")
            rows.append({"method": method, "action": told})
        for row in rows:
            row["off by"] = "-" if row["method"] == "known" else f"{row['action'].value / case.action - 1:+.1e}"
        result.add_table(
            f"{slug}-actions",
            f"Action of the bounce in {case.dimensions} dimensions, {name}; off by: part of the known action.",
            rows,
        )
        figures = [] if not found.solved else [f"{slug}-profile"]
        if found.solved:
            _draw_profile(result, slug, name, found, others)
        if found.solved and found.phi.shape[1] == 2:
            _draw_path(result, slug, name, found, others)
            figures.append(f"{slug}-path")
        words = f"{found.message[0].upper()}{found.message[1:]}."
        fields = found.phi.shape[1]
        return Section(
            f"{name}, {fields} field{'' if fields == 1 else 's'}", words, tuple(figures), (f"{slug}-actions",)
        )

    def _others(self, case: KnownBounce, found: Bounce) -> dict[str, Other]:
        """What other methods find."""
        from partonic.transitions.polygonal import polygonal_bounce
        from partonic.transitions.shooting import shoot, thin_wall

        potential, d = case.make(), case.dimensions
        methods: dict[str, Other] = {}
        if potential.fields == 1:
            ends = (float(found.false[0]), float(found.true[0]))
            methods["thin-wall formula"] = Other(thin_wall(potential, *ends, d=d))
            if self.polygon:
                polygon = polygonal_bounce(potential, *ends, d=d, pieces=self.polygon)
                methods[f"polygon of {self.polygon} pieces"] = Other(polygon.action, polygon.radius, polygon.phi)
            if self.shooting:
                shot = shoot(potential, *ends, d=d)
                methods["shooting"] = Other(shot.action, shot.radius, shot.phi)
        peer = _cosmotransitions(case, found)
        if peer is not None:
            methods["CosmoTransitions"] = peer
        return methods


def _cosmotransitions(case: KnownBounce, found: Bounce) -> Other | None:
    """Its action and profile; None where it is not installed or fails."""
    try:
        from cosmoTransitions import pathDeformation, tunneling1D
    except ImportError:
        return None
    potential = case.make()
    ends = [found.true, found.false]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if potential.fields == 1:
                one = tunneling1D.SingleFieldInstanton(
                    *(float(end[0]) for end in ends),
                    lambda x: potential.value(np.asarray(x)[..., None]).numpy(),
                    lambda x: potential.gradient(np.asarray(x)[..., None]).numpy()[..., 0],
                    alpha=case.dimensions - 1,
                )
                profile = one.findProfile()
                return Other(float(one.findAction(profile)), profile.R, np.asarray(profile.Phi)[:, None])
            several = pathDeformation.fullTunneling(
                ends,
                lambda x: potential.value(x).numpy(),
                lambda x: potential.gradient(x).numpy(),
                tunneling_init_params={"alpha": case.dimensions - 1},
            )
            return Other(float(several.action), several.profile1D.R, several.Phi)
        except Exception:  # noqa: BLE001  (it raises whatever its root finders do)
            return None


def _draw_profile(result: Result, slug: str, name: str, found: Bounce, others: dict[str, Other]) -> None:
    from partonic.report.plots_bounce import profiles
    from partonic.report.style import save_figure

    drawn = {method: (one.radius, one.phi[:, 0]) for method, one in others.items() if len(one.radius) > 1}
    radius = np.linspace(0, found.radius[-1], 400)
    phi = found.profile(radius)
    keep = np.linalg.norm(phi - found.false, axis=1) > 1e-3 * np.linalg.norm(phi[0] - found.false)
    last = min(len(radius), int(np.flatnonzero(keep)[-1]) + 20)
    figure = profiles(radius[:last], phi[:last], drawn)
    caption = f"Fields of the bubble of {name} along its radius, in units of its potential."
    start = ", ".join(f"{value:.4g}" for value in phi[0])
    save_figure(result, f"{slug}-profile", figure, caption, f"{caption} At the centre they are {start}.")


def _draw_path(result: Result, slug: str, name: str, found: Bounce, others: dict[str, Other]) -> None:
    from partonic.report.plots_bounce import paths
    from partonic.report.style import save_figure

    assert found.units is not None
    corners = np.vstack([found.phi, found.false, found.true])
    margin = 0.25 * np.ptp(corners, axis=0) + 1e-3
    low, high = corners.min(0) - margin, corners.max(0) + margin
    x, y = (np.linspace(low[k], high[k], 120) for k in range(2))
    grid = np.stack(np.meshgrid(x, y), -1)
    values = found.units.potential.value(grid, found.T).numpy()
    straight = np.vstack([found.false, found.true])
    lines = {"bounce": found.phi, "straight": straight}
    lines |= {method: one.phi for method, one in others.items() if len(one.radius) > 1}
    figure = paths(x, y, values, lines, straight)
    caption = f"The bounce of {name} in the plane of its fields, on contours of the potential."
    end = ", ".join(f"{value:.4g}" for value in found.phi[0])
    save_figure(result, f"{slug}-path", figure, caption, f"{caption} It ends at ({end}).")


def _growth(result: Result, name: str, found: Bounce, radii: float) -> Section:
    from partonic.report.plots_bounce import growing
    from partonic.report.style import save_figure
    from partonic.transitions.growth import grow

    size = float(found.radius[int(np.abs(found.phi[:, 0] - (found.phi[0, 0] + found.false[0]) / 2).argmin())])
    rough, bubble = (grow(found, radii * size, points=points) for points in (600, 1200))
    exact = np.sqrt(bubble.wall[0] ** 2 + bubble.times**2) if found.dimensions == 4 else None
    figure = growing(bubble.radius, bubble.times, bubble.phi[:, :, 0], bubble.wall, exact)
    change = abs(float(bubble.speed[-1] - rough.speed[-1]))
    speed = Estimate.symmetric(float(bubble.speed[-1]), change, "change from a grid of half as many points")
    result.summary[f"speed of the wall of {name}"] = speed
    caption = f"The bubble of {name} after its nucleation: the first field at five times, and the place of its wall."
    save_figure(
        result, "growth", figure, caption, f"{caption} At the end it moves at {speed.value:.3f} of light's speed."
    )
    words = (
        f"After {bubble.times[-1]:.3g} the wall moves at {speed} of the speed of light; the energy has changed by "
        f"{bubble.energy_error:.1e} of what moves."
    )
    return Section("Growth", words, ("growth",), ())

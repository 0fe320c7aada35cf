"""A phase transition of the early universe: phases, bubbles, gravitational waves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_positive, check_wall
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.transitions.models import CosmicModel
    from partonic.transitions.transition import Transition

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"model": "high-temperature"},
    "quick": {},
    "default": {},
    "benchmark": {},
}
PHASES = (
    "Minima of the potential followed through temperature. A transition of first order begins at the critical "
    "temperature, at which two of them are equally deep, and waits for bubbles."
)
BUBBLES = (
    "The universe leaves the hot phase when a bubble has appeared in each Hubble volume: about when S3/T has fallen to "
    "140 - 4 ln(T / 100 GeV). Its slope there is the rate of the transition, found from the bubble itself."
)
WAVES = (
    "Sound waves and turbulence behind the bubbles' walls, by the templates of the LISA cosmology working group. The "
    "templates of 2019 and of 2024 differ by more than any error of the transition's numbers; their spread is what is "
    "given as the error of the signal-to-noise ratio. A shaded region is seen with a ratio of 10 or more."
)


@register_recipe("phase-transition", paper="arXiv:1910.13125")
@dataclass(frozen=True)
class PhaseTransition:
    """Phase transition: phases of a potential, when bubbles nucleate, and the gravitational waves that LISA may see.

    Args:
        model: singlet, two-higgs-doublets or high-temperature, see partonic.transitions.models.
        wall_velocity: of the bubbles, in units of the speed of light.
        degrees: relativistic degrees of freedom.
        years: that LISA flies.
    """

    model: str = "singlet"
    wall_velocity: float = 0.9
    degrees: float = 106.75
    years: float = 4.0

    def __post_init__(self) -> None:
        check_wall(self.wall_velocity)
        check_positive(self, "degrees", "years")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find an unknown model.

        Raises:
            UnknownNameError: there is no such model.
        """
        from partonic.core.errors import unknown
        from partonic.transitions.models import MODELS

        if self.model not in MODELS:
            raise unknown("model of a transition", self.model, MODELS)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        return (
            f"phase-transition: about ten bounces of the {self.model} model; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.transitions.models import model
        from partonic.transitions.transition import transition

        result, chosen = context.result, model(self.model)
        found = transition(chosen.potential, chosen.temperatures, chosen.starts, self.degrees)
        sections = [_phases(result, chosen, found)]
        if found.status == "nucleates":
            sections += [_bubbles(result, found), self._waves(result, found)]
        result.facts["title"] = "Phase transition"
        result.facts["abstract"] = f"The {self.model} model: {found.message}."
        result.facts["citations"] = ["partonic", "arXiv:1910.13125", "arXiv:2403.03723", "arXiv:1004.4187"]
        write_page(result, sections)
        return result

    def _waves(self, result: Result, found: Transition) -> Section:
        """Spectra by both templates beside the reach of LISA."""
        from partonic.report.plots_transition import spectra
        from partonic.report.style import save_figure
        from partonic.transitions.sensitivity import lisa, power_law_sensitivity, signal_to_noise
        from partonic.transitions.waves import TEMPLATES, gravitational_waves

        detector, f = lisa(self.years), np.geomspace(1e-6, 1, 400)
        waves = {name: gravitational_waves(found, self.wall_velocity, name) for name in TEMPLATES}  # type: ignore[arg-type]
        lines = {f"Total, {name}": one.total(f) for name, one in waves.items()}
        lines |= {f"Sound, {name}": one.sound(f) for name, one in waves.items()}
        band = np.geomspace(detector.lowest, detector.highest, 200)
        save_figure(
            result,
            "spectra",
            spectra(f, lines, {"LISA": (band, power_law_sensitivity(detector, band))}),
            f"Gravitational waves today for walls of velocity {self.wall_velocity:g}, beside what LISA sees.",
            "Peaks: " + "; ".join(f"{name} {one.max():.1e} at {f[one.argmax()]:.1e} Hz" for name, one in lines.items()),
        )
        ratios = [signal_to_noise(one.total, detector) for one in waves.values()]
        result.summary["signal-to-noise ratio of LISA"] = Estimate(
            math.sqrt(min(ratios) * max(ratios)), min(ratios), max(ratios), "templates of 2019 and 2024"
        )
        return Section("Gravitational waves", WAVES, ("spectra",), ())


def _phases(result: Result, chosen: CosmicModel, found: Transition) -> Section:
    from partonic.report.plots_transition import phase_lines
    from partonic.report.style import save_figure
    from partonic.transitions.phases import phases

    lines = [found.false, found.true] if found.false is not None and found.true is not None else []
    kept = [one for one in lines if one is not None] or phases(chosen.potential, chosen.temperatures, chosen.starts)
    marked = {"Critical": found.critical, "Nucleation": found.nucleation.value}
    save_figure(
        result,
        "phases",
        phase_lines([(one.temperatures, one.phi) for one in kept], marked),
        "Fields in the phases against temperature.",
        f"{len(kept)} phases; critical at {found.critical:.4g} GeV, nucleation at {found.nucleation.value:.4g} GeV.",
    )
    exact = chosen.critical
    error = abs(found.critical - exact) if math.isfinite(exact) else 1e-8 * found.critical
    result.summary["critical temperature [GeV]"] = Estimate.symmetric(
        found.critical,
        error,
        "distance from the exact one" if math.isfinite(exact) else "tolerance of the root",
        "" if math.isfinite(found.critical) else found.message,
    )
    return Section("Phases", PHASES, ("phases",), ())


def _bubbles(result: Result, found: Transition) -> Section:
    from partonic.report.plots_transition import exponents
    from partonic.report.style import save_figure

    hot, values = found.exponents()
    fine = np.linspace(hot[0], hot[-1], 200)
    save_figure(
        result,
        "exponent",
        exponents(fine, found.exponent(fine), 140 - 4 * np.log(fine / 100), (hot, values)),
        "The exponent of the nucleation rate: bounces, and a curve with their values and slopes.",
        f"S3/T rises from {values.min():.4g} to {values.max():.4g}; nucleation at {found.temperature:.5g} GeV.",
    )
    numbers = {
        "nucleation temperature [GeV]": found.nucleation,
        "one bubble in each Hubble volume [GeV]": found.nucleation_integral,
        "percolation temperature [GeV]": found.percolation,
        "strength alpha": found.strength,
        "rate beta/H": found.rate,
    }
    result.summary.update(numbers)
    rows = [{"quantity": name, "value": value} for name, value in numbers.items()]
    result.add_table("numbers", "The transition in numbers; errors are numerical ones.", rows)
    return Section("Bubbles", BUBBLES, ("exponent",), ("numbers",))

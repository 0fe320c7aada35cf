"""Integrals by adapted grids and flows, each beside its exact value and an exact distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_numbers, need_simulation
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.integrate.integral import Integral
    from partonic.integrate.known import KnownIntegral
    from partonic.integrate.unweighted import UnweightedPoints

TEXT = (
    "First a grid for each separate peak is adapted (VEGAS); flows are trained on top where the price of a call of the "
    "integrand makes them pay. The integral comes from a fixed density and is compared with what the pilot found; a "
    "twentieth of the points stays with the grids, so that a lost peak is met. The effective share of points is that "
    "of equal weights that would know as much."
)
BINS = 30

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"integrals": ("muon-pairs", "ridge"), "calls": 8_000, "final": 8_000, "events": 500},
    "quick": {"calls": 50_000, "final": 50_000, "events": 5_000},
    "default": {},
    "benchmark": {
        "integrals": ("product", "camel", "ridge", "muon-pairs", "drell-yan", "boson-fusion"),
        "calls": 400_000,
        "final": 400_000,
    },
}


@register_recipe("neural-integration", paper="arXiv:2311.01548")
@dataclass(frozen=True)
class NeuralIntegration:
    """Neural integration: cross sections and other integrals with their truth, and events of equal weight.

    Args:
        integrals: names of known integrals, see partonic.integrate.known.
        calls: of each integrand, to adapt grids and train flows.
        final: calls for the integral itself.
        events: of equal weight to draw.
        method: auto, grid or flow.
        seconds_per_call: price of a call of the integrand that decides for flows; 0 measures it.
        precision: relative, that will be wanted; it decides with the price.
        seed: of everything random.
    """

    integrals: tuple[str, ...] = ("camel", "ridge", "muon-pairs")
    calls: int = 200_000
    final: int = 200_000
    events: int = 20_000
    method: str = "auto"
    seconds_per_call: float = 1e-3
    precision: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, calls=2_000, final=2_000, events=100, seed=0)
        if not self.integrals:
            raise InputError("neural-integration needs an integral, as --integrals camel")
        if self.method not in ("auto", "grid", "flow"):
            raise unknown("method of integration", self.method, ("auto", "grid", "flow"))

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find unknown integrals and missing packages.

        Raises:
            UnknownNameError: there is no such integral.
            MissingPackageError: parton densities are needed and not installed.
        """
        from partonic.integrate.known import KNOWN, NEED_SIMULATION

        for name in self.integrals:
            if name not in KNOWN:
                raise unknown("integral", name, KNOWN)
            if name in NEED_SIMULATION:
                need_simulation()

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        return (
            f"neural-integration: {len(self.integrals)} integrals of {self.calls + self.final:,} calls, up to some "
            f"{self.calls * 4e-4:,.0f} processor seconds each for flows; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a run that was interrupted goes on with what is stored."""
        from partonic.integrate.integral import IntegrationError
        from partonic.integrate.known import known
        from partonic.integrate.run import IntegrateOptions, integrate

        result, sections, rows, failed = context.result, [], [], []
        options = IntegrateOptions(
            calls=self.calls,
            final=self.final,
            method=self.method,
            precision=self.precision,
            seconds_per_call=self.seconds_per_call,
            seed=self.seed,
        )
        for name in self.integrals:
            problem = known(name)
            folder = result.checkpoint(name)
            found = integrate(
                problem.function,
                problem.channels,
                options,
                workers=context.workers,
                executor=context.executor,
                directory=folder,
            )
            rows.append(_row(problem, found, self.seconds_per_call))
            result.summary[f"{name}: integral over exact"] = _ratio(found.estimate, problem.exact)
            result.summary[f"{name}: effective share of points"] = _plain(found.effective, "of the final points")
            sections.append(self._section(context, problem, found))
            if found.status != "ok":
                failed.append(f"{name}: {found.reasons[0]}")
        result.add_table("integrals", "Integrals, what is known of them, and what flows would cost or save.", rows)
        result.facts["title"] = "Neural integration"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:2311.01548", "arXiv:1906.04032", "hep-ph/9806432"]
        write_page(result, [Section("Integrals", self._decides(), (), ("integrals",)), *sections])
        if failed:
            raise IntegrationError(f"these integrals cannot be believed: {'; '.join(failed)}")
        return result

    def _decides(self) -> str:
        """Which price decides for flows, in a sentence."""
        if self.method != "auto":
            return f"The method {self.method} was asked for; no price decides."
        if self.seconds_per_call:
            return "The assumed price of a call decides between grids and flows, whatever the measured one is."
        return "The measured price of a call decides between grids and flows; none is assumed."

    def _section(self, context: Context, problem: KnownIntegral, found: Integral) -> Section:
        from partonic.integrate.unweighted import unweight, write_lhe

        result = context.result
        said = [problem.about, f"Status: {found.status}.", *found.reasons]
        price = str(found.price)
        said.append(f"{price[0].upper()}{price[1:]}.")
        if found.status != "ok":
            return Section(problem.name, " ".join(said), (), ())
        made = unweight(found, self.events, seed=self.seed, workers=context.workers, executor=context.executor)
        said.append(
            f"Of the points {100 * made.efficiency.value:.1f} % became events; {100 * made.overweight.value:.2g} % of "
            "the integral is overweight."
        )
        if problem.process is not None:
            write_lhe(result.path / f"{problem.name}.lhe.gz", problem.process, made)
            said.append(f"The events are in {problem.name}.lhe.gz.")
        _draw(result, problem, found, made)
        return Section(problem.name, " ".join(said), (problem.name,), ())


def _row(problem: KnownIntegral, found: Integral, assumed: float) -> dict[str, Any]:
    price = found.price
    return {
        "integral": problem.name,
        "status": found.status,
        "method": found.method,
        "found": found.estimate,
        "exact": problem.exact.value,
        "deviations": (found.estimate.value - problem.exact.value)
        / float(np.hypot(found.estimate.error, problem.exact.error)),
        "effective share": found.effective,
        "of the grids": found.pilot.effective,
        "efficiency of unweighting": found.measurement.efficiency,
        "calls": found.calls,
        "break-even, microseconds a call": price.break_even * 1e6,
        "measured, microseconds a call": found.seconds_per_call * 1e6,
        "assumed": assumed * 1e6 if assumed else "none",
    }


def _ratio(found: Estimate, exact: Estimate) -> Estimate:
    error = float(np.hypot(found.error, exact.error)) / exact.value
    return Estimate.symmetric(found.value / exact.value, error, found.method, found.note)


def _plain(value: float, note: str) -> Estimate:
    return Estimate(value, float("-inf"), float("inf"), "points", note)


def _draw(result: Result, problem: KnownIntegral, found: Integral, made: UnweightedPoints) -> None:
    from partonic.integrate.known import shares
    from partonic.report.plots_integrals import beside_truth
    from partonic.report.style import save_figure

    edges = np.linspace(problem.low, problem.high, BINS + 1)
    counts, _ = np.histogram(problem.variable(made.points).numpy(), edges)
    total = max(1, counts.sum())
    truth = shares(problem, edges)
    expected = np.sqrt(truth * (1 - truth) / total)
    chi2 = float((((counts / total - truth) / np.maximum(expected, 1e-12)) ** 2).sum())
    result.summary[f"{problem.name}: chi2 per bin"] = Estimate.symmetric(
        chi2 / (BINS - 1), float(np.sqrt(2 / (BINS - 1))), "binomial"
    )
    stages = [("grids", found.pilot.effective)]
    stages += [(f"round {number}", value) for number, value in enumerate(found.learning, 1)]
    stages.append(("final", found.effective))
    save_figure(
        result,
        problem.name,
        beside_truth(edges, counts / total, expected, truth, problem.label, stages),
        f"{problem.name}: events of equal weight and the exact distribution; how even the weights became.",
        f"{total:,} events in {BINS} bins with a chi2 of {chi2:.0f}; effective share of points from "
        f"{stages[0][1]:.3f} to {stages[-1][1]:.3f}.",
    )

"""Posteriors learned from simulations alone, on problems whose posterior is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.recipes.common import check_numbers
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.inference.posterior import Posterior
    from partonic.inference.priors import Prior

Floats = NDArray[np.float64]

PROBLEMS = ("gaussian-linear", "gaussian-mixture", "two-moons")
METHODS = ("npe", "nle", "nre", "abc")
RANK_DRAWS, BINS = 99, 10
KEPT = 0.02  # share of the simulations that the rejection keeps
TEXT = (
    "NPE learns the posterior density itself, NLE the likelihood and NRE its ratio to the evidence, which hybrid Monte "
    "Carlo then turns into draws; the rejection (ABC) keeps the simulations nearest to the observed event and moves "
    "them there by a regression. The exact draws come from each problem's closed form. A classifier that cannot tell "
    "learned from exact draws has an AUC of 0.5."
)
TOLD = {
    "gaussian-linear": "A Gaussian about theta with a Gaussian prior: the posterior is Gaussian.",
    "gaussian-mixture": "A wide and a narrow Gaussian about the same theta: a posterior of two scales.",
    "two-moons": "Two crescents, since theta and its mirror image give the same event.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"pairs": 500, "epochs": 1, "draws": 200, "events": 1, "ranked": 50,
             "problems": ("gaussian-linear", "two-moons"), "methods": ("npe", "nre", "abc")},
    "quick": {"pairs": 4_000, "epochs": 25, "ranked": 200},
    "default": {},
    "benchmark": {"pairs": 100_000, "ranked": 2_000, "events": 20, "checked": ("npe", "nle", "nre")},
}  # fmt: skip


@register_recipe("posterior-toys", paper="arXiv:2101.04653")
@dataclass(frozen=True)
class PosteriorToys:
    """Posterior toys: NPE, NLE, NRE and ABC beside exact posteriors, with ranks and coverage.

    Args:
        problems: gaussian-linear (of two parameters), gaussian-mixture, two-moons.
        methods: npe, nle, nre, abc.
        pairs: simulations that each method sees; a rejection has them for each event.
        events: observed events on which posteriors are compared with the exact ones.
        draws: of each posterior.
        ranked: events whose truth is ranked among draws, 50 or more.
        checked: methods whose ranks and coverage are looked at (nle takes long).
        epochs: passes over the pairs, at most.
        seed: of everything random.
    """

    problems: tuple[str, ...] = PROBLEMS
    methods: tuple[str, ...] = METHODS
    pairs: int = 10_000
    events: int = 5
    draws: int = 2_000
    ranked: int = 500
    checked: tuple[str, ...] = ("npe", "nre")
    epochs: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, pairs=500, events=1, draws=100, ranked=5 * BINS, epochs=1, seed=0)
        for kind, names, known in (
            ("problem", self.problems, PROBLEMS),
            ("method", self.methods, METHODS),
            ("method whose ranks are checked", self.checked, METHODS[:3]),
        ):
            for name in names:
                if name not in known:
                    raise unknown(kind, name, known)
            if len(set(names)) < len(names) or not (names or kind.endswith("checked")):
                raise InputError(f"name each {kind} once, at least one; there are: {', '.join(known)}")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Nothing is needed beyond the package."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        trainings = len(self.problems) * sum(name != "abc" for name in self.methods)
        return (
            f"posterior-toys: {trainings} trainings on {self.pairs:,} pairs; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        result = context.result
        sections = [self._problem(result, name, number) for number, name in enumerate(self.problems)]
        result.facts["title"] = "Posterior toys"
        result.facts["abstract"] = TEXT
        if self.pairs < 2_000:
            result.facts["warnings"] = [
                f"Only {self.pairs:,} simulations: this run shows that everything works, not how well it works."
            ]
        papers = ("arXiv:2101.04653", "arXiv:1605.06376", "arXiv:1805.07226", "arXiv:2002.03712", "arXiv:1804.06788")
        result.facts["citations"] = ["partonic", *papers, "arXiv:2302.03026", "arXiv:1906.04032"]
        write_page(result, sections)
        return result

    def _problem(self, result: Result, name: str, number: int) -> Section:
        """Train on one problem and compare."""
        from partonic.report.plots_posterior import clouds
        from partonic.report.style import save_figure

        problem, rng = _Problem(name), generator(self.seed, number)
        theta = problem.prior.sample(self.pairs, rng)
        x = problem.simulate(theta, rng)
        learned = {way: self._learn(result, name, way, theta, x, problem.prior) for way in self.methods if way != "abc"}
        seen = problem.simulate(problem.prior.sample(self.events, rng), rng)
        exact = [problem.posterior(event, self.draws, rng) for event in seen]
        rows, shown = [], {"exact": exact[0]}
        for way in self.methods:
            found = self._draw(problem, learned.get(way), seen, rng)
            shown[way.upper()] = found[0].theta
            rows.append({"method": way.upper(), **_compared(found, exact, self.seed)})
            result.summary[f"AUC of {way.upper()} on {name}"] = rows[-1]["AUC against exact draws"]
        result.add_table(
            f"{name}-draws",
            f"{name}: learned beside exact posteriors of {self.events} events, {self.draws:,} draws each. Error of the "
            "mean in exact widths and width over the exact one, mean over events and parameters with the error of "
            "that mean; the classifier sees the first event.",
            rows,
        )
        save_figure(
            result,
            f"{name}-draws",
            clouds({way: draws[:, :2] for way, draws in shown.items()}, ("theta 1", "theta 2")),
            f"{name}: draws of the posterior of one event, exact and learned.",
            f"Panels of draws of two parameters of {name}; " + "; ".join(_said(row) for row in rows) + ".",
        )
        figures, tables = self._checks(result, name, problem, learned, rng)
        return Section(name, TOLD[name], (f"{name}-draws", *figures), (f"{name}-draws", *tables))

    def _learn(self, result: Result, name: str, way: str, theta: Floats, x: Floats, prior: Prior) -> Posterior:
        from partonic.inference.posterior import OPTIONS, Posterior, train_posterior

        file = result.checkpoint(f"{name}-{way}.pt")
        if not file.exists():
            options = replace(OPTIONS, epochs=min(self.epochs, OPTIONS.epochs))
            directory = result.checkpoint(f"{name}-{way}")
            train_posterior(
                theta, x, prior, method=way, seed=self.seed, options=options, directory=directory
            ).save(file)  # fmt: skip
        return Posterior.load(file)

    def _draw(
        self, problem: _Problem, posterior: Posterior | None, seen: Floats, rng: np.random.Generator
    ) -> list[_Draws]:
        """Draws at each event (m, d), by rejection where there is no learned posterior."""
        if posterior is not None:
            drawn = posterior.sample(seen, self.draws, rng)
            return [_Draws(each, np.full(self.draws, 1 / self.draws)) for each in drawn.swapaxes(0, 1)]
        from partonic.inference.rejection import reject

        keep = max(seen.shape[1] + 2, int(KEPT * self.pairs))
        how = {"simulations": self.pairs, "keep": keep, "rng": rng}
        kept = [reject(problem.simulate, problem.prior, event, **how) for event in seen]
        return [_Draws(one.theta, one.weight / one.weight.sum()) for one in kept]

    def _checks(
        self,
        result: Result,
        name: str,
        problem: _Problem,
        learned: Mapping[str, Posterior],
        rng: np.random.Generator,
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Ranks and coverage of what was learned; names of the figures and of the table."""
        from partonic.inference.posterior_checks import simulation_based_calibration, tarp
        from partonic.report.plots_posterior import coverage, ranks
        from partonic.report.style import save_figure

        truth = problem.prior.sample(self.ranked, rng)
        x = problem.simulate(truth, rng)
        draws = {way: learned[way].sample(x, RANK_DRAWS, rng) for way in self.checked if way in learned}
        if not draws:
            return (), ()
        found = {way: simulation_based_calibration(each, truth, bins=BINS) for way, each in draws.items()}
        curves = {way.upper(): tarp(each, truth, rng) for way, each in draws.items()}
        rows = [
            {
                "method": way.upper(),
                "smallest p-value of the ranks": float(one.p_values.min()),
                "ranks": "uneven" if one.rejected else "even",
                "coverage of 68.3 % regions": curves[way.upper()].at(0.683),
                "p-value of the coverage": curves[way.upper()].p_value,
            }
            for way, one in found.items()
        ]
        result.add_table(
            f"{name}-checks",
            f"{name}: ranks of {self.ranked:,} truths among {RANK_DRAWS} draws each (even at 1 % with Bonferroni's "
            "correction over the parameters), and coverage of regions about random points.",
            rows,
        )
        uneven = [way.upper() for way, one in found.items() if one.rejected]
        drawn = {
            "ranks": (
                ranks({way.upper(): one.histogram(BINS) for way, one in found.items()}),
                "ranks of the truth; in the band lie 95 % of the bins of a right posterior.",
                f"Histograms of ranks; uneven: {', '.join(uneven) or 'none'}.",
            ),
            "coverage": (
                coverage(curves),
                "truths in regions about random points; right posteriors follow the diagonal.",
                "; ".join(f"{way}: {one.at(0.683)} inside 68.3 % regions" for way, one in curves.items()),
            ),
        }
        for kind, (figure, caption, alt) in drawn.items():
            save_figure(result, f"{name}-{kind}", figure, f"{name}: {caption}", alt)
        return tuple(f"{name}-{kind}" for kind in drawn), (f"{name}-checks",)


@dataclass(frozen=True)
class _Draws:
    """Draws of a posterior (n, p) and their weights (n,), which add up to 1."""

    theta: Floats
    weight: Floats

    @property
    def mean(self) -> Floats:
        """Of each parameter, (p,)."""
        result: Floats = self.weight @ self.theta
        return result

    @property
    def width(self) -> Floats:
        """Standard deviation of each parameter, (p,)."""
        result: Floats = np.sqrt(self.weight @ (self.theta - self.mean) ** 2)
        return result


class _Problem:
    """A simulator with its prior and exact posterior."""

    def __init__(self, name: str) -> None:
        from partonic.inference.priors import FlatPrior, NormalPrior
        from partonic.simulators.gaussian_linear import GaussianLinear
        from partonic.simulators.gaussian_mixture import GaussianMixture
        from partonic.simulators.two_moons import TwoMoons

        self.prior: Prior
        self._linear = GaussianLinear(2)
        flat: dict[str, GaussianMixture | TwoMoons] = {"gaussian-mixture": GaussianMixture(), "two-moons": TwoMoons()}
        self._flat = flat.get(name)
        if self._flat is None:
            self.prior = NormalPrior(np.zeros(2), np.full(2, np.sqrt(self._linear.prior_variance)))
        else:
            self.prior = FlatPrior(np.full(2, -self._flat.limit), np.full(2, self._flat.limit))

    def simulate(self, theta: Floats, rng: np.random.Generator) -> Floats:
        """One event at each theta."""
        events = (self._flat or self._linear).simulate(theta, len(theta), rng)
        return np.asarray(events.column("x"), dtype=np.float64)

    def posterior(self, x: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Exact draws at one event, (n, 2)."""
        if self._flat is not None:
            return self._flat.posterior(x, n, rng)
        mean, spread = self._linear.posterior(x)
        return rng.normal(mean, spread, (n, len(mean)))


def _compared(found: list[_Draws], exact: list[Floats], seed: int) -> dict[str, Estimate]:
    """Learned draws of some events beside exact ones."""
    from partonic.inference.closure import classifier_test

    width = np.array([one.std(axis=0) for one in exact])
    shift = np.array([one.mean for one in found]) - np.array([one.mean(axis=0) for one in exact])
    ratio = np.array([one.width for one in found]) / width
    none = np.zeros(len(exact[0]))
    told = classifier_test(found[0].theta, exact[0], none, weight_theta=found[0].weight, seed=seed)
    return {"error of the mean": _mean(np.abs(shift) / width), "width": _mean(ratio), "AUC against exact draws": told}


def _mean(values: Floats) -> Estimate:
    flat = values.ravel()
    return Estimate.symmetric(float(flat.mean()), float(flat.std(ddof=1) / np.sqrt(len(flat))), "standard error")


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['method']}: width {row['width']} of the exact one"

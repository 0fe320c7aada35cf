"""Higgs production through weak boson fusion: limits on two operators from whole events, beside the true likelihood."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError, require, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.core.threads import single_thread
from partonic.recipes.common import check_numbers
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.events.events import Events
    from partonic.inference.limits import Scan
    from partonic.inference.morphing import Morphing
    from partonic.inference.samples import MorphedSample
    from partonic.simulators.wbf import WeakBosonFusion

LEVELS = ("parton", "smeared")
LEARNED = ("quadratic", "alices", "rascal", "sally")
SHARES = (0.68, 0.95, 0.997)
BOX = (-1.0, 1.0)
SHOWN = (0.5, -0.5)  # theta of the figure of ratios and of the classifier test
CHECKED = ((0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5))
HISTOGRAM = ("log_pt_j1", "abs_delta_phi")
PHOTONS = 2.27e-3  # branching ratio of a Higgs boson of 125 GeV to two photons (arXiv:1610.07922)
TEXT = (
    "Two operators of dimension six, O_W and O_WW, change how a Higgs boson is made by weak bosons that two quarks "
    "emit. The likelihood of every event is known here at all values of their coefficients (in units of v²/Λ²), so the "
    "limits that learned ratios promise stand beside the true ones: with momenta of quarks, and behind a detector, "
    "where the truth is an integral over transfer functions. Everything is expected from events of the Standard Model, "
    "and uses their shape alone unless it says rate; limits with systematic uncertainties use their number too."
)

TINY = {"train_events": 1_000, "test_events": 300, "epochs": 2, "grid": 7, "thetas": 5, "toys": 40, "replicas": 5}
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"levels": ("smeared",), "methods": ("quadratic", "sally"), **TINY},
    "quick": {"train_events": 30_000, "test_events": 5_000, "epochs": 8, "grid": 17, "toys": 300},
    "default": {},
    "benchmark": {"train_events": 200_000, "test_events": 100_000, "grid": 25, "toys": 2_000},
}


@register_recipe("wbf-eft", paper="arXiv:1805.00013")
@dataclass(frozen=True)
class WbfEft:
    """Weak boson fusion: expected limits on f_W and f_WW, learned beside true, with momenta of quarks and smeared.

    Args:
        levels: parton (momenta of the quarks), smeared (transfer functions of a detector), or both.
        methods: of learning: quadratic, alices, rascal, sally.
        events: number of events that the limits are expected from.
        many: number of events that limits with systematic uncertainties are expected from too, since few hardly feel
            them.
        train_events: events to learn from, half of the Standard Model and half of a grid in theta.
        test_events: events of the Standard Model that the limits are computed with.
        epochs: passes over the training events.
        grid: points of each coefficient between -1 and 1.
        thetas: random points at which the error of the learned ratio is averaged.
        toys: pseudo-experiments for the coverage.
        replicas: resampled test samples for the errors of the limits.
        seed: of everything random.
    """

    levels: tuple[str, ...] = LEVELS
    methods: tuple[str, ...] = LEARNED
    events: int = 36
    many: int = 1_000
    train_events: int = 80_000
    test_events: int = 20_000
    epochs: int = 12
    grid: int = 21
    thetas: int = 40
    toys: int = 1_000
    replicas: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        least = {
            "events": 1,
            "many": self.events + 1,
            "train_events": 500,
            "test_events": 100,
            "grid": 5,
            "thetas": 1,
            "toys": 10,
        }
        check_numbers(self, **least, epochs=1, replicas=2, seed=0)
        for what, chosen, known in (("level", self.levels, LEVELS), ("method", self.methods, LEARNED)):
            for name in chosen:
                if name not in known:
                    raise unknown(what, name, known)
            if not chosen or len(set(chosen)) < len(chosen):
                raise InputError(f"name each {what} once, at least one of {', '.join(known)}")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing packages.

        Raises:
            MissingPackageError: the parton densities that ship with Pythia are missing.
        """
        require("pythia8mc", "simulate")

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        count = len(self.levels) * len(self.methods)
        return (
            f"wbf-eft: {len(self.levels)} x ({self.train_events:,} + {self.test_events:,} events), {count} trainings "
            f"of {self.epochs} epochs; everything goes to {context.result.path}"
        )

    @single_thread()
    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.simulators.wbf import Smearing, WeakBosonFusion

        result, sections = context.result, []
        for level in self.levels:
            fusion = WeakBosonFusion(smearing=Smearing() if level == "smeared" else None)
            study = _Study(self, result, level, fusion)
            study.learn()
            sections += study.sections()
        section = fusion.cross_section.at((0.0, 0.0))
        luminosity = 1e-3 * self.events / section.value
        result.facts["title"] = "Weak boson fusion and two operators"
        result.facts["abstract"] = TEXT
        result.facts["data"] = {
            "cross section within the cuts": f"{section} pb at leading order",
            "luminosity": f"{self.events} events are {luminosity:.3g} / fb if every Higgs boson is seen, "
            f"{luminosity / PHOTONS:.3g} / fb in decays to two photons",
        }
        papers = ["arXiv:1805.00013", "arXiv:1805.00020", "arXiv:1805.12244", "arXiv:1907.10621"]
        result.facts["citations"] = ["partonic", *papers, "arXiv:1912.01703"]
        write_page(result, sections)
        return result


@dataclass
class _Study:
    """Everything of one level; ratios are (points, test events) tables by name, the truth first."""

    options: WbfEft
    result: Result
    level: str
    fusion: WeakBosonFusion
    ratios: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    def learn(self) -> None:
        """Simulate, know the truth, train."""
        from partonic.fit.options import FitOptions
        from partonic.inference.ratio import OPTIONS, ExactRatio, train_ratio
        from partonic.inference.score import train_score
        from partonic.inference.summaries import histogram_ratio

        options, self.morphing = self.options, _morphing()
        stream = LEVELS.index(self.level)
        line = np.linspace(*BOX, 9)
        points = np.stack([part.ravel() for part in np.meshgrid(line, line)], axis=1)
        points = np.concatenate([points, np.zeros_like(points)])
        train = self.fusion.simulate(points, options.train_events, generator(options.seed, stream, 0))
        self.train, self.how = train, FitOptions(**{**vars(OPTIONS), "epochs": options.epochs, "seed": options.seed})
        self.test = self.fusion.simulate((0.0, 0.0), options.test_events, generator(options.seed, stream, 1))
        self.sample = _sample(train, self.morphing)
        self.x = _sample(self.test, self.morphing).x
        started = time.process_time()
        self.integrated = self.fusion.integrated(self.test)
        exact = ExactRatio(self.integrated.components, self.sample.sigma, self.morphing)
        self._add("truth", lambda theta: exact.log_ratio(self.x, theta), started)
        for name in options.methods:
            folder = self.result.checkpoint(f"{self.level}-{name}")
            started = time.process_time()
            if name == "sally":
                score = train_score(self.sample, options=self.how, directory=folder)
                bins = _bins(len(self.sample), 16, 16)
                ratio: Any = histogram_ratio(self.sample, score.score, bins)
                self.scores[name] = score.score(self.x)
            else:
                ratio = train_ratio(self.sample, method=name, box=BOX, options=self.how, directory=folder)
                if name == "quadratic":
                    self.scores[name] = ratio.score(self.x)
            self._add(name, partial(ratio.log_ratio, self.x), started)
        started = time.process_time()
        columns = [self.fusion.observables.index(name) for name in HISTOGRAM]
        self.histogram = histogram_ratio(self.sample, lambda x: x[:, columns], _bins(len(self.sample), 12, 10))
        self._add("histogram", lambda theta: self.histogram.log_ratio(self.x, theta), started)

    def _add(self, name: str, ratio: Callable[[Any], Any], started: float) -> None:
        self.ratios[name] = ratio
        self.seconds[name] = time.process_time() - started

    def sections(self) -> list[Section]:
        """Tables and figures of this level."""
        from partonic.inference.limits import grid

        line = np.linspace(*BOX, self.options.grid)
        axes, points = (line, line), grid(line, line)
        self.tables_of_ratio = {name: ratio(points) for name, ratio in self.ratios.items()}
        first = self._limits(axes, points)
        return [first, self._uncertainties(), self._information(), self._coverage(axes), self._closure()]

    def _limits(self, axes: tuple[Any, Any], points: Any) -> Section:
        from partonic.inference.limits import expected_scan, rate_scan
        from partonic.report.plots_inference import contours, ratios
        from partonic.report.style import save_figure

        options, level = self.options, self.level
        scans: dict[str, Scan] = {
            name: expected_scan(axes, table, options.events, replicas=options.replicas, seed=options.seed)
            for name, table in self.tables_of_ratio.items()
        }
        sigma = self.sample.resampled_sigma(options.replicas, generator(options.seed, 11))
        rates = options.events * (sigma @ self.morphing.basis(points).T) / sigma[:, :1]
        scans["rate"] = rate_scan(axes, rates, options.events)
        errors = self._errors()
        rows = []
        for name, scan in scans.items():
            row: dict[str, Any] = {"method": name, "error of ln r squared": errors.get(name, "-")}
            row |= {f"{100 * share:g} % area": scan.area(share) for share in SHARES}
            for i, parameter in enumerate(self.morphing.parameters):
                low, high = scan.along(i, others=0.0).interval(0.95)
                row |= {f"{parameter} from": low, f"{parameter} to": high}
            spent = self.seconds.get(name)
            row["processor seconds"] = "-" if spent is None else _once(spent)
            rows.append(row)
            self.result.summary[f"95 % area, {name}, {level} level"] = scan.area(0.95)
        self.result.add_table(
            f"limits-{level}",
            f"Expected from {options.events} events at {level} level: mean squared error of ln r over {options.thetas} "
            "random theta, areas of the regions within the square from -1 to 1 (4 in all), 95 % intervals of one "
            "coefficient with the other 0, processor seconds (of the truth its integrals, of a method its training).",
            rows,
        )
        save_figure(
            self.result,
            f"contours-{level}",
            contours(scans, SHARES, self.morphing.parameters, point=(0.0, 0.0)),
            f"Expected regions from {options.events} events at {level} level, shape alone; rate: the number of events "
            "alone. Methods that learn the whole event should lie on the truth.",
            "Contours; areas at 95 %: " + "; ".join(f"{name} {scan.area(0.95)}" for name, scan in scans.items()) + ".",
        )
        learned = {name: self.ratios[name]([SHOWN])[0] for name in (*options.methods, "histogram")}
        save_figure(
            self.result,
            f"ratios-{level}",
            ratios(self.ratios["truth"]([SHOWN])[0], learned, at=str(SHOWN)),
            "Each point is an event of the Standard Model: its learned and its exact log ratio.",
            f"Scatter of learned against exact log ratios at theta {SHOWN} for {', '.join(learned)}.",
        )
        text = ""
        if level == "smeared":
            error = self.integrated.error(SHOWN)
            text = (
                "Jets and Higgs boson are smeared; the truth of each event is the integral of its six components over "
                f"the transfer functions. Its own error in ln r at theta = {SHOWN} is {np.median(error):.5f} for half "
                f"of the events and {error.max():.4f} at most."
            )
        names = (f"contours-{level}", f"ratios-{level}")
        return Section(f"Limits, {level} level", text, names, (f"limits-{level}",))

    def _uncertainties(self) -> Section:
        from partonic.recipes.wbf_uncertainties import Uncertain, learned_variations, uncertain_section
        from partonic.simulators.wbf import joint_score

        options, name = self.options, self.options.methods[0]
        given = Uncertain(
            level=self.level,
            fusion=self.fusion,
            test=self.test,
            x=self.x,
            ratios={one: self.ratios[one] for one in ("truth", name)},
            score=joint_score(self.integrated.components, (0, 0)),
            sigma=self.sample.sigma,
            morphing=self.morphing,
            numbers=(options.events, options.many),
            grid=options.grid,
            replicas=options.replicas,
            seed=options.seed,
        )
        folder = self.result.checkpoint(f"{self.level}-responses")
        weight = self.sample.weights((0.0, 0.0))[0].clip(min=0.0)
        learned = learned_variations(self.fusion, self.train, weight, self.x, self.how, folder)
        return uncertain_section(self.result, given, learned)

    def _errors(self) -> dict[str, Estimate]:
        """Mean squared error of ln r over random theta, with its error over events."""
        theta = generator(self.options.seed, 9).uniform(*BOX, (self.options.thetas, 2))
        exact = self.ratios["truth"](theta)
        found = {}
        for name, ratio in self.ratios.items():
            if name != "truth":
                squares = ((ratio(theta) - exact) ** 2).mean(axis=0)
                error = squares.std(ddof=1) / np.sqrt(len(squares))
                found[name] = Estimate.symmetric(float(squares.mean()), float(error), "standard error")
        return found

    def _information(self) -> Section:
        from partonic.inference.fisher import (
            Information,
            event_information,
            histogram_information,
            rate_information,
        )
        from partonic.report.plots_inference import ellipses
        from partonic.report.style import save_figure
        from partonic.simulators.wbf import joint_score

        n, names = self.options.events, self.morphing.parameters
        exact = joint_score(self.integrated.components, (0, 0)) - joint_score(self.sample.sigma[None], (0, 0))
        found = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the table and its caption say how few events there are
            for name, score in {"truth": exact, **self.scores}.items():
                found[name] = event_information(score, n, parameters=names, replicas=100, seed=self.options.seed)
        basis, slope = self.morphing.basis(np.zeros(2)), self.morphing.gradient(np.zeros(2))
        rng = generator(self.options.seed, 10)
        filled = [self.histogram.components[None], self.histogram.resampled(self.sample, 100, rng)]
        components = np.concatenate(filled)
        components *= n / (components @ basis).sum(axis=1)[:, None, None]
        rates, slopes = components @ basis, components @ slope
        found["histogram"] = histogram_information(
            rates[0], slopes[0], parameters=names, shape_only=True, resampled=(rates[1:], slopes[1:])
        )
        sigmas = self.sample.resampled_sigma(100, generator(self.options.seed, 8))
        counts = [rate_information(one[0], one @ slope, n / one[0]).matrix for one in sigmas]
        found["rate"] = Information(counts[0], np.array(counts[1:]), names)
        rows = [
            {
                "information of": name,
                f"{names[0]} {names[0]}": one.element(0, 0),
                f"{names[0]} {names[1]}": one.element(0, 1),
                f"{names[1]} {names[1]}": one.element(1, 1),
            }
            for name, one in found.items()
        ]
        table, figure = f"information-{self.level}", f"ellipses-{self.level}"
        self.result.add_table(
            table,
            f"Fisher information of {n} events at the Standard Model, {self.level} level, from {len(exact):,} events; "
            "the score has a heavy tail, so that its error is itself uncertain below 100,000. Quadratic and sally: of "
            "their learned score.",
            rows,
        )
        lowest = {name: np.linalg.eigvalsh(one.matrix)[0] / np.trace(one.matrix) for name, one in found.items()}
        drawn = {name: one for name, one in found.items() if lowest[name] > 1e-6}
        save_figure(
            self.result,
            figure,
            ellipses(drawn, names, point=(0.0, 0.0), methods=list(self.ratios)),
            "Ellipses of 68 % from the Fisher information at the Standard Model; that of the rate alone has a flat "
            "direction and is not shown. Where the limits above are wider than these, the likelihood is no Gaussian.",
            f"Ellipses of {', '.join(drawn)}.",
        )
        return Section(f"Fisher information, {self.level} level", "", (figure,), (table,))

    def _coverage(self, axes: tuple[Any, Any]) -> Section:
        from partonic.inference.toys import toy_scans

        rows = []
        for name, table in self.tables_of_ratio.items():
            rng = generator(self.options.seed, 7)
            scans = toy_scans(axes, table, None, self.options.events, self.options.toys, rng)
            row: dict[str, Any] = {"method": name}
            row |= {f"{100 * share:g} %": scans.coverage(_origin(axes), share) for share in SHARES[:2]}
            rows.append(row)
        self.result.summary[f"coverage at 95 %, {rows[0]['method']}, {self.level} level"] = rows[0]["95 %"]
        name = f"coverage-{self.level}"
        self.result.add_table(
            name,
            f"Share of {self.options.toys:,} pseudo-experiments of {self.options.events} events of the Standard Model "
            "whose asymptotic region holds it. The same events for all methods.",
            rows,
        )
        text = (
            "The regions take the asymptotic distribution of the likelihood ratio; what they really cover, pseudo-"
            "experiments say. Where the truth itself does not cover, it is the asymptotic distribution that fails."
        )
        return Section(f"Coverage, {self.level} level", text, (), (name,))

    def _closure(self) -> Section:
        from partonic.inference.closure import classifier_test, mean_ratio

        rows = []
        names = ("truth", *(name for name in self.options.methods if name != "sally"))
        few = slice(None, self.options.test_events)  # the rest of a large training sample would only cost time
        above, weight = self.sample.x[few], self.sample.weights(SHOWN)[0][few].clip(min=0.0)
        for name in names:
            means = mean_ratio(self.ratios[name](CHECKED))
            row: dict[str, Any] = {"method": name}
            row |= {f"mean at {point}": mean for point, mean in zip(CHECKED, means, strict=True)}
            log_ratio = self.ratios[name]([SHOWN])[0]
            row["AUC"] = classifier_test(above, self.x, log_ratio, weight_theta=weight, seed=self.options.seed)
            rows.append(row)
        title = f"closure-{self.level}"
        self.result.add_table(
            title,
            "The mean of the ratio over events of the Standard Model, which is 1 for the true one, and the AUC of a "
            f"classifier between events of theta = {SHOWN} and reweighted ones of the Standard Model, 0.5 where it "
            "cannot tell them apart.",
            rows,
        )
        return Section(f"Closure, {self.level} level", "What can be tested without the truth.", (), (title,))


def _morphing() -> Morphing:
    from partonic.inference.morphing import Morphing
    from partonic.simulators.wbf import PARAMETERS

    return Morphing.polynomial(PARAMETERS)


def _sample(events: Events, morphing: Morphing) -> MorphedSample:
    from partonic.inference.samples import MorphedSample
    from partonic.simulators.wbf import features

    return MorphedSample(features(events), events.gold["components"], morphing)


def _bins(events: int, first: int, second: int) -> tuple[int, int]:
    """Numbers of bins, fewer where there would be fewer than 60 events in each."""
    shrink = min(1.0, np.sqrt(events / 60 / first / second))
    return max(2, int(first * shrink)), max(2, int(second * shrink))


def _once(seconds: float) -> Estimate:
    value = float(f"{seconds:.3g}")
    return Estimate(value, value, value, "range of runs", "one run")


def _origin(axes: tuple[Any, Any]) -> tuple[float, float]:
    """The point of the grid next to the Standard Model: itself where the number of points is odd."""
    middle = [float(axis[np.abs(axis).argmin()]) for axis in axes]
    return middle[0], middle[1]

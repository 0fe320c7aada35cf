"""Likelihood ratios from a classifier, calibrated, and what they say of the share of a signal, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.recipes.common import check_numbers
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.inference.limits import Scan

Floats = NDArray[np.float64]
TEXT = (
    "A classifier learns to tell events of p1 from events of p0. Its logit is the logarithm of their likelihood ratio, "
    "as far as it has learned it; a calibration on other events mends what is wrong as a function of that logit. Both "
    "densities are mixtures of Gaussians, so that the ratio is known event by event."
)
SHARE = (
    "Data of a share theta of signal have the likelihood (1 - theta) + theta r(x) per event. A ratio that is wrong "
    "moves the share, or makes its interval too narrow or too wide: how many experiments have an interval that holds "
    "the true theta says so."
)
WAYS = ("classifier", "isotonic", "histogram")
LEVELS = (0.3, 0.5, 0.6826894921, 0.8, 0.9, 0.95)
LEVEL = 0.6826894921
POINTS = 61  # of the grid in the share
BATCH = 500  # events

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"dimensions": (1,), "train": 2_000, "calibration": 2_000, "test": 2_000, "toys": 20, "epochs": 2},
    "quick": {"dimensions": (1, 5), "train": 20_000, "calibration": 10_000, "test": 10_000, "toys": 200, "epochs": 6},
    "default": {},
    "benchmark": {"train": 1_000_000, "calibration": 500_000, "test": 100_000, "toys": 1000, "epochs": 20},
}


@register_recipe("ratio-by-classifier", paper="arXiv:1506.02169")
@dataclass(frozen=True)
class RatioByClassifier:
    """Likelihood ratio by classifier: learned, calibrated and exact, and the share of signal that each measures.

    Args:
        dimensions: numbers of observables, each a problem of its own.
        family: number of the problem, which fixes means and covariances.
        train: events that the classifier learns from, half of them signal.
        calibration: events for the calibration, half of them signal.
        test: events of the comparison with the truth, half of them signal.
        share: true share of signal in the experiments.
        events: of each experiment.
        toys: number of experiments.
        epochs: passes over the training events.
        seed: of everything random.
    """

    dimensions: tuple[int, ...] = (1, 2, 5)
    family: int = 1
    train: int = 200_000
    calibration: int = 100_000
    test: int = 40_000
    share: float = 0.3
    events: int = 200
    toys: int = 400
    epochs: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"train": 500, "calibration": 500, "test": 500, "events": 1, "toys": 2}
        check_numbers(self, **least, seed=0, family=0)
        if not self.dimensions or min(self.dimensions) < 1 or len(set(self.dimensions)) < len(self.dimensions):
            raise InputError(f"dimensions are different numbers of 1 or more, not {list(self.dimensions)}")
        if not 0 < self.share < 1:
            raise InputError(f"share must be between 0 and 1, not {self.share}")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Nothing is needed beyond the package."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        return (
            f"ratio-by-classifier: {len(self.dimensions)} x {self.epochs} epochs on {self.train:,} events; "
            f"everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        result, sections = context.result, []
        for d in self.dimensions:
            study = _Study(self, d, context)
            rows = study.quality()
            result.add_table(f"quality-{d}", study.caption, rows)
            covered = study.measure()
            study.draw(covered)
            name = _named(d)
            figures = (f"ratio-{d}", f"share-{d}", f"coverage-{d}")
            sections.append(Section(name, SHARE, figures, (f"quality-{d}", f"share-{d}")))
        result.facts["title"] = "Likelihood ratio by classifier"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:1506.02169"]
        write_page(result, sections)
        return result


def _named(d: int) -> str:
    return f"{d} observable{'s' if d > 1 else ''}"


class _Study:
    """One problem: its learned, calibrated and exact log-ratios of events, each a function (n, d) -> (n,)."""

    def __init__(self, recipe: RatioByClassifier, d: int, context: Context) -> None:
        from partonic.inference.calibration import calibrate
        from partonic.simulators.carl_mixtures import CarlMixtures

        self.recipe, self.d, self.result = recipe, d, context.result
        self.problem = CarlMixtures(dimensions=d, family=recipe.family)
        learned = self._learn(context)
        x, label = self._events(recipe.calibration, 1)
        seen = learned.log_ratio(x, [[1.0]])[0]
        self.calibrations = {way: calibrate(seen, label, 1 - label, way) for way in ("isotonic", "histogram")}
        self.learned = learned
        self.x, self.label = self._events(recipe.test, 2)
        self.logs = {"exact": self.truth(self.x), **self.of(self.x)}
        self.caption = (
            f"Ratios r of {len(self.x):,} events of {_named(d)}, half of each density, and s = r / (1 + r). The "
            "mean of r over p0 is 1 for the true one; a classifier cannot tell p1 from reweighted p0 if the AUC is 0.5."
        )

    def _events(self, n: int, stream: int) -> tuple[Floats, Floats]:
        """Events, half of them signal, and their labels."""
        rng = generator(self.recipe.seed, self.d, stream)
        label = np.repeat([1.0, 0.0], [n // 2, n - n // 2])
        events = self.problem.simulate(label, n, rng)
        return np.asarray(events.column("x"), dtype=np.float64), label

    def _learn(self, context: Context) -> Any:
        from partonic.inference.batches import Cutting
        from partonic.inference.ratio import OPTIONS, train_ratio
        from partonic.inference.samples import LabelledSample

        recipe = self.recipe
        x, label = self._events(recipe.train, 0)
        sample = LabelledSample(x, np.ones((len(x), 1)), label, np.zeros(1), parameters=("theta",))
        options = replace(OPTIONS, epochs=recipe.epochs, seed=recipe.seed, device=context.device)
        place = context.result.path / "checkpoints" / f"classifier-{self.d}"
        cutting = Cutting(size=BATCH, seed=recipe.seed)
        how: dict[str, Any] = {"options": options, "cutting": cutting, "directory": place}
        learned = train_ratio(sample, method="carl", box=(0.0, 1.0), **how)
        learned.save(context.result.path / "checkpoints" / f"ratio-{self.d}.pt")
        return learned

    def of(self, x: Floats) -> dict[str, Floats]:
        """Learned log-ratios, as they are and calibrated."""
        raw = self.learned.log_ratio(x, [[1.0]])[0]
        return {"classifier": raw, **{way: one(raw) for way, one in self.calibrations.items()}}

    def truth(self, x: Floats) -> Floats:
        """The exact log-ratio."""
        from partonic.events.events import Events

        events = Events({"x": x})
        result: Floats = self.problem.log_prob(events, 1.0) - self.problem.log_prob(events, 0.0)
        return result

    def quality(self) -> list[dict[str, Any]]:
        """One row a way: error of the ratio, its mean, and whether reweighted events can be told."""
        from partonic.inference.closure import classifier_test, mean_ratio

        above, below = self.label == 1, self.label == 0
        rows = []
        for name, logs in self.logs.items():
            row: dict[str, Any] = {"ratio": name}
            if name != "exact":
                row["squared error of ln r"] = _mean((logs - self.logs["exact"]) ** 2)
                row["squared error of s"] = _mean((expit(logs) - expit(self.logs["exact"])) ** 2)
            row["mean of r over p0"] = mean_ratio(logs[below])[0]
            row["AUC of reweighted events"] = classifier_test(self.x[above], self.x[below], logs[below])
            rows.append(row)
            if name == "classifier":
                self.result.summary[f"squared error of s, {_named(self.d)}"] = row["squared error of s"]
        return rows

    def measure(self) -> dict[str, list[Estimate]]:
        """The table of measured shares, and the coverage of each way."""
        recipe = self.recipe
        rng = generator(recipe.seed, self.d, 3)
        toys = self.problem.simulate(recipe.share, recipe.toys * recipe.events, rng)
        x = np.asarray(toys.column("x"), dtype=np.float64)
        grid = np.append(np.linspace(0.0, 1.0, POINTS), recipe.share)
        covered, rows = {}, []
        for name, logs in {"exact": self.truth(x), **self.of(x)}.items():
            q = _statistic(logs, grid).reshape(len(grid), recipe.toys, recipe.events).sum(axis=2)
            best = grid[q.argmin(axis=0)]
            covered[name] = _covered(q[-1] - q.min(axis=0))
            held = covered[name][LEVELS.index(LEVEL)]
            rows.append({"ratio": name, "mean measured share": _mean(best), "coverage of 68.3 %": held})
            self.result.summary[f"coverage of 68.3 % intervals, {_named(self.d)}, {name}"] = held
        caption = (
            f"The share of signal measured in {recipe.toys} experiments of {recipe.events} events with a true share of "
            f"{recipe.share:g}."
        )
        self.result.add_table(f"share-{self.d}", caption, rows)
        return covered

    def draw(self, covered: dict[str, list[Estimate]]) -> None:
        """The three figures."""
        from partonic.report.plots_limits import coverages, profiles
        from partonic.report.plots_ratios import agreement
        from partonic.report.style import save_figure

        exact, learned = self.logs["exact"], {name: self.logs[name] for name in WAYS}
        wrong = self.result.summary[f"squared error of s, {_named(self.d)}"]
        caption = "Learned less exact log-likelihood ratio against the exact one: median and central 68 %."
        alt = f"The line at 0 is the truth. The classifier's s = r / (1 + r) is off by a mean square of {wrong}."
        save_figure(self.result, f"ratio-{self.d}", agreement(exact, learned), caption, alt)
        scans = {name: self._scan(logs) for name, logs in self.logs.items()}
        caption = f"Expected likelihood of the share of signal in {self.recipe.events} events."
        alt = "; ".join(f"{name}: smallest at a share of {scan.best()[0]:.3f}" for name, scan in scans.items()) + "."
        figure = profiles(scans, "Share of signal", thresholds={"68 %": 1.0, "95 %": 3.84})
        save_figure(self.result, f"share-{self.d}", figure, caption, alt)
        held = {name: values[LEVELS.index(LEVEL)] for name, values in covered.items()}
        alt = "Intervals of 68.3 % hold the truth in: " + "; ".join(f"{k} {v}" for k, v in held.items()) + "."
        caption = "Coverage of the intervals of the share; on the line it is as it should be."
        save_figure(self.result, f"coverage-{self.d}", coverages(LEVELS, covered), caption, alt)

    def _scan(self, logs: Floats) -> Scan:
        """Expected scan of the share: the test events, half and half, are weighted to the true share."""
        from partonic.inference.limits import expected_scan

        axis = np.linspace(0.0, 1.0, POINTS)
        weights = np.where(self.label == 1, self.recipe.share, 1 - self.recipe.share)
        table = -0.5 * _statistic(logs, axis)
        return expected_scan((axis,), table, self.recipe.events, weights, replicas=0)


def _statistic(logs: Floats, grid: Floats) -> Floats:
    r"""Twice the negative log-likelihood of each event, :math:`-2 \ln[(1 - \theta) + \theta r]`, (m, n)."""
    with np.errstate(divide="ignore"):
        return -2 * np.logaddexp(np.log(1 - grid)[:, None], np.log(grid)[:, None] + logs)


def _mean(values: Floats) -> Estimate:
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate.symmetric(float(values.mean()), error, "standard error")


def _covered(statistics: Floats) -> list[Estimate]:
    from partonic.inference.intervals import share, threshold

    return [share(int((statistics <= threshold(level, 1)).sum()), len(statistics)) for level in LEVELS]

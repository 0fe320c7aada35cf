"""What a network that knows of a systematic uncertainty gains over one that does not, where the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

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
    from partonic.inference.samples import LabelledSample

Floats = NDArray[np.float64]
Ratio = Callable[[Floats, Floats], Floats]
TEXT = (
    "Events are Gaussian about mu + s nu, where nu is a systematic uncertainty known to one standard deviation. The "
    "parameterised network learns the likelihood ratio as a function of mu and nu and is profiled over nu; the blind "
    "one has only seen nu = 0; the smeared one has seen nu vary from event to event, which a systematic uncertainty "
    "never does. The exact profile likelihood is a closed form."
)
MU, NU = 1.6, 4.0  # half the ranges of the training and of the scans
LEVELS = (0.3, 0.5, 0.6826894921, 0.8, 0.9, 0.95)
LEVEL = 0.6826894921
WAYS = ("profiled", "blind", "smeared")
WIDTHS = (32, 32, 32)  # of the hidden layers: x is one number

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"train": 4_000, "test": 2_000, "toys": 20, "epochs": 2, "points": 15},
    "quick": {"train": 100_000, "test": 10_000, "toys": 200, "epochs": 10},
    "default": {},
    "benchmark": {"train": 1_000_000, "test": 50_000, "toys": 1000, "epochs": 20},
}


@register_recipe("learning-under-uncertainty", paper="arXiv:2105.08742")
@dataclass(frozen=True)
class LearningUnderUncertainty:
    """Learning under uncertainty: a parameterised, profiled network against a nuisance-blind one, beside the truth.

    Args:
        train: events that each network learns from.
        test: events of the expected intervals.
        toys: experiments of the coverage.
        events: in each experiment.
        shift: s, by which one standard deviation of nu moves the mean of x, whose spread is 1.
        epochs: passes over the training events.
        points: of the grid in mu; that in nu has half as many.
        seed: of everything random.
    """

    train: int = 300_000
    test: int = 20_000
    toys: int = 400
    events: int = 40
    shift: float = 0.3
    epochs: int = 12
    points: int = 33
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, train=1000, test=100, toys=2, events=1, points=7, seed=0)
        widest = MU / 4
        if not 0 < self.shift <= 0.35:
            raise InputError(f"shift must be above 0 and at most 0.35, not {self.shift}")
        if self.exact_width > widest:
            raise InputError(
                f"an interval of +-{self.exact_width:.2g} does not fit the range of the training, +-{MU:g}; take more "
                f"events or a smaller shift, for at most +-{widest:.2g}"
            )

    @property
    def exact_width(self) -> float:
        """Half the exact profiled interval of mu at 68.3 %."""
        return float(np.sqrt(1 / self.events + self.shift**2))

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Nothing is needed beyond the package."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        return (
            f"learning-under-uncertainty: 3 trainings on {self.train:,} events, {self.toys} experiments of "
            f"{self.events} events; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.inference.limits import grid
        from partonic.simulators.gaussian_nuisance import GaussianNuisance

        result, simulator = context.result, GaussianNuisance(self.shift)
        ratios = {way: self._learn(way, simulator, context) for way in WAYS}
        axes = (np.linspace(-MU, MU, self.points), np.linspace(-NU, NU, self.points // 2 + 1))
        x = np.asarray(simulator.simulate((0.0, 0.0), self.test, generator(self.seed, 9)).column("x"))
        scans = {"exact": self._exact(axes[0])}
        planes = {way: self._plane(way, ratios[way], axes, x) for way in WAYS}
        scans |= {way: _one(plane) for way, plane in planes.items()}
        scans["exact, nu known"] = self._exact(axes[0], known=True)
        points = grid(*axes)
        error = ratios["profiled"](x, points) - self._log_ratio(x, points)
        self._intervals(result, scans, error)
        toys = self._toys(simulator)
        covered = {way: self._coverage(way, ratios[way], axes, toys) for way in WAYS}
        covered["exact"] = self._exact_coverage(simulator, toys)
        self._coverages(result, covered)
        self._draw(result, scans, planes["profiled"], axes, covered)
        result.facts["title"] = "Learning under uncertainty"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:2105.08742", "arXiv:1601.07913", "arXiv:1506.02169"]
        expected = Section("Expected intervals", self._words(result), ("profiles", "plane"), ("intervals",))
        write_page(result, [expected, Section("Coverage", COVERAGE, ("coverage",), ("coverage",))])
        return result

    def _learn(self, way: str, simulator: Any, context: Context) -> Ratio:
        """Train one network; gives log-ratios (m, n) of events x (n,) at points (m, 2) or (m, 1)."""
        from partonic.inference.ratio import OPTIONS, train_ratio

        sample = self._sample(way, simulator, generator(self.seed, 1, WAYS.index(way)))
        box = np.array([[-MU, MU], [-NU, NU]])[: sample.theta.shape[1]]
        options = replace(OPTIONS, epochs=self.epochs, seed=self.seed, device=context.device)
        learned = train_ratio(
            sample,
            method="carl",
            box=box,
            widths=WIDTHS,
            options=options,
            directory=context.result.path / "checkpoints" / way,
        )
        return lambda x, theta: learned.log_ratio(x[:, None], theta)

    def _sample(self, way: str, simulator: Any, rng: np.random.Generator) -> LabelledSample:
        """Events at random theta and at the reference; the smeared way draws nu for each event."""
        from partonic.inference.samples import LabelledSample

        n = self.train // 2
        theta = np.zeros((2 * n, 2))
        theta[:, 0] = rng.uniform(-MU, MU, 2 * n)
        at = np.concatenate([theta[:n], np.zeros((n, 2))])
        if way == "profiled":
            theta[:, 1] = rng.uniform(-NU, NU, 2 * n)
            at[:n] = theta[:n]
        elif way == "smeared":
            at[:, 1] = rng.normal(0.0, 1.0, 2 * n)
        x = np.asarray(simulator.simulate(at, 2 * n, rng).column("x"))
        used = 2 if way == "profiled" else 1
        label = np.repeat([1.0, 0.0], n)
        return LabelledSample(x[:, None], theta[:, :used], label, np.zeros(used))

    def _log_ratio(self, x: Floats, theta: Floats) -> Floats:
        """The exact log-ratio to (0, 0), (m, n)."""
        mean = theta[:, 0] + self.shift * theta[:, 1]
        return mean[:, None] * x - 0.5 * mean[:, None] ** 2

    def _exact(self, axis: Floats, known: bool = False) -> Scan:
        """The exact expected profile of mu."""
        from partonic.inference.limits import Scan

        width2 = 1 / self.events + (0.0 if known else self.shift**2)
        return Scan((axis,), axis**2 / width2, np.zeros((0, len(axis))))

    def _plane(self, way: str, ratio: Ratio, axes: tuple[Floats, Floats], x: Floats) -> Scan:
        """Expected scan of mu and nu with the constraint of nu, or of mu alone."""
        from partonic.inference.limits import Scan, expected_scan, grid

        used = axes if way == "profiled" else axes[:1]
        scan = expected_scan(used, ratio(x, grid(*used)), self.events, replicas=40, seed=self.seed)
        if way != "profiled":
            return scan
        return Scan(scan.axes, scan.q + axes[1] ** 2, scan.replicas + axes[1] ** 2)

    def _toys(self, simulator: Any) -> Floats:
        """Experiments (toys, events) at mu = 0, each with a nu of its own drawn from its constraint."""
        rng = generator(self.seed, 5)
        nu = np.repeat(rng.normal(0.0, 1.0, self.toys), self.events)
        theta = np.stack([np.zeros(len(nu)), nu], axis=1)
        drawn = np.asarray(simulator.simulate(theta, len(nu), rng).column("x"), dtype=np.float64)
        return drawn.reshape(self.toys, self.events)

    def _coverage(self, way: str, ratio: Ratio, axes: tuple[Floats, Floats], toys: Floats) -> list[Estimate]:
        """Share of toys whose interval holds mu = 0, at each level."""
        from partonic.inference.limits import Scan, grid

        used = axes if way == "profiled" else axes[:1]
        statistics = []
        for x in toys:
            q = -2 * ratio(x, grid(*used)).sum(axis=1).reshape([len(axis) for axis in used])
            if way == "profiled":
                q = q + axes[1] ** 2
            (fine,), curve = _one(Scan(used, q, np.zeros((0, *q.shape)))).fine()
            statistics.append(np.interp(0.0, fine, curve))
        return _covered(np.array(statistics))

    def _exact_coverage(self, simulator: Any, toys: Floats) -> list[Estimate]:
        from partonic.events.events import Events

        return _covered(np.array([simulator.profile(Events({"x": x}), 0.0) for x in toys]))

    def _intervals(self, result: Result, scans: dict[str, Scan], error: Floats) -> None:
        """The table of expected intervals and the headline numbers."""
        exact = _half(*scans["exact"].interval(LEVEL)).value
        rows = []
        for name, scan in scans.items():
            low, high = scan.interval(LEVEL)
            width = _half(low, high)
            row: dict[str, Any] = {"likelihood": name, "from": low, "to": high, "half the width": width}
            row["over the exact one"] = Estimate.symmetric(
                width.value / exact, width.error / exact, width.method, width.note
            )
            rows.append(row)
            if name in WAYS:
                result.summary[f"width of the {name} interval over the exact one"] = row["over the exact one"]
        squares = (error**2).mean(axis=0)
        spread = float(squares.std(ddof=1) / np.sqrt(len(squares)))
        result.summary["mean squared error of log r, profiled"] = Estimate.symmetric(
            float(squares.mean()), spread, "standard error"
        )
        result.add_table(
            "intervals",
            f"Expected 68.3 % intervals of mu of {self.events} events with s = {self.shift:g}; errors from resampled "
            "test events, not from other trainings.",
            rows,
        )

    def _coverages(self, result: Result, covered: dict[str, list[Estimate]]) -> None:
        rows = []
        for name, values in covered.items():
            rows.append({"likelihood": name, **{f"{100 * a:.0f} %": v for a, v in zip(LEVELS, values, strict=True)}})
            result.summary[f"coverage of 68.3 % intervals, {name}"] = values[LEVELS.index(LEVEL)]
        result.add_table("coverage", f"Share of {self.toys} experiments whose interval holds the true mu.", rows)

    def _draw(
        self,
        result: Result,
        scans: dict[str, Scan],
        plane: Scan,
        axes: tuple[Floats, Floats],
        covered: dict[str, list[Estimate]],
    ) -> None:
        from partonic.inference.limits import Scan
        from partonic.report.plots_inference import contours
        from partonic.report.plots_limits import coverages, profiles
        from partonic.report.style import save_figure

        ratio = result.summary["width of the profiled interval over the exact one"]
        caption = "Expected likelihood ratio of mu: profiled over nu, and by networks that do not know nu."
        alt = f"The profiled network's curve is {ratio} times as wide as the exact one; the blind one is too narrow."
        save_figure(result, "profiles", profiles(scans, "mu", thresholds={"68 %": 1.0, "95 %": 3.84}), caption, alt)
        mean = axes[0][:, None] + self.shift * axes[1]
        exact = Scan(axes, self.events * mean**2 + axes[1] ** 2, np.zeros((0, *mean.shape)))
        figure = contours({"exact": exact, "learned": plane}, (LEVEL, 0.95), ("mu", "nu"), point=(0.0, 0.0))
        caption = "Expected regions of mu and nu: exact, and of the parameterised network."
        alt = "Tilted ellipses of 68.3 and 95 %: a larger mu goes with a smaller nu; the exact one and the learned one."
        save_figure(result, "plane", figure, caption, alt)
        blind = result.summary["coverage of 68.3 % intervals, blind"]
        profiled = result.summary["coverage of 68.3 % intervals, profiled"]
        alt = f"Intervals of 68.3 % cover in {profiled} of experiments when profiled and in {blind} when blind."
        caption = "Coverage of intervals by experiments, each with a nu of its own; on the line it is as it should be."
        save_figure(result, "coverage", coverages(LEVELS, covered), caption, alt)

    def _words(self, result: Result) -> str:
        told = {way: result.summary[f"width of the {way} interval over the exact one"] for way in WAYS}
        words = (
            f"Over the exact half width of {self.exact_width:.4f} the profiled network's is {told['profiled']}, the "
            f"blind one's {told['blind']} and the smeared one's {told['smeared']}."
        )
        if max(told["blind"].value, told["smeared"].value) < 1:
            words += " The latter two are narrower because they leave out what is not known, not for knowing more."
        row = next(row for row in result.tables["intervals"].rows if row["likelihood"] == "profiled")
        middle = 0.5 * (row["from"].value + row["to"].value)
        if abs(middle) > 3 * row["from"].error:
            words += (
                f" The middle of the profiled one is {abs(middle) / self.exact_width:.0%} of the exact half width off "
                "0, more than the test events explain: so far one training is off, and another seed moves it elsewhere."
            )
        return words


COVERAGE = (
    "Each experiment has one nu, drawn from its constraint, which moves all of its events together. Intervals that "
    "know nothing of it hold the true mu less often than they say."
)


def _one(scan: Scan) -> Scan:
    """The scan of mu, profiled over nu where there is one."""
    return scan.along(0)


def _half(low: Estimate, high: Estimate) -> Estimate:
    """Half the width between two ends."""
    error = float(np.hypot(low.error, high.error)) / 2
    return Estimate.symmetric((high.value - low.value) / 2, error, low.method, low.note or high.note)


def _covered(statistics: Floats) -> list[Estimate]:
    from partonic.inference.intervals import share, threshold

    return [share(int((statistics <= threshold(level, 1)).sum()), len(statistics)) for level in LEVELS]

"""Limits on coefficients of an effective field theory from a file of events with weights at benchmark points."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError, require, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.recipes.common import check_numbers, need_simulation
from partonic.recipes.weighted_events import Weighted, from_file, own_events
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.inference.limits import Scan
    from partonic.inference.morphing import Morphing
    from partonic.inference.ratio import RatioEstimator
    from partonic.inference.samples import MorphedSample

Floats = NDArray[np.float64]

LEVELS = ("parton", "truth", "atlas", "cms")
SHARES = (0.68, 0.95)
REACH = 14.0  # of the statistic on each axis, which the scan goes up to
FURTHEST = 1000.0
PRESENTED = 500_000  # events that the network sees in training, over and over
NOTHING = 1e-9  # of information
BELIEVED = 3  # errors that a mean ratio may be off 1
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
TEXT = (
    "Each event carries weights at several values of the coefficients of an effective field theory. The "
    "weights are solved for the polynomial in the coefficients that they are values of, which gives the weight of "
    "every event at any value. From that a network learns the likelihood ratio of what is seen, and the limits are "
    "what events like these are expected to give where all coefficients are 0."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"events": 1_200, "epochs": 2, "grid": 7, "replicas": 5},
    "quick": {"events": 10_000, "grid": 17},
    "default": {},
    "benchmark": {"events": 200_000, "grid": 25},
}


@register_recipe("eft-from-lhe", paper="arXiv:1805.00020", argument="file")
@dataclass(frozen=True)
class EftFromLhe:
    """EFT from LHE: limits on two coefficients from events with weights at benchmark points (MadGraph's reweighting).

    Args:
        file: the Les Houches events; without one, own events of weak boson fusion, whose likelihood is known.
        parameters: the two that are limited, all others at 0; those that the events say most of if none are named.
        level: what is seen: parton (momenta of the file), or jets and more behind Pythia and truth, atlas or cms.
        expected: number of events that the limits are expected from, where all coefficients are 0.
        events: of the file to use, at most.
        epochs: passes over the training events, which are half of all; 12 to 200, the more the fewer events, if none.
        grid: points of each coefficient.
        replicas: resampled test samples for the errors of the limits.
        seed: of everything random.
    """

    file: Path | None = None
    parameters: tuple[str, ...] = ()
    level: str = "parton"
    expected: float = 100.0
    events: int = 60_000
    epochs: int | None = None
    grid: int = 21
    replicas: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, events=500, grid=5, replicas=2, seed=0)
        if self.level not in LEVELS:
            raise unknown("level", self.level, LEVELS)
        if self.level != "parton" and self.file is None:
            raise InputError(f"level {self.level} needs a file, to shower its events")
        if not self.expected > 0:
            raise InputError(f"expected must be above 0 events, not {self.expected}")
        if len(self.parameters) not in (0, 2) or len(set(self.parameters)) < len(self.parameters):
            raise InputError(f"name two different parameters, or none, not {list(self.parameters)}")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find a missing file, weights that are no benchmarks, and missing packages.

        Raises:
            FileError: the file cannot be read.
            InputError: its weights do not say where they stand or do not span the polynomial.
            UnknownNameError: there is no such parameter.
            MissingPackageError: a package of the simulation, or the densities that ship with Pythia, are missing.
        """
        if self.file is None:
            require("pythia8mc", "simulate")
            return
        if self.level != "parton":
            need_simulation()
        from partonic.inference.benchmarks import with_components
        from partonic.io import lhe

        _, morphing = with_components(next(lhe.iterate(self.file, 20)))
        morphing.restricted(self.parameters or morphing.parameters)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        shower = "" if self.level == "parton" else " through Pythia and a detector where the cache has none"
        return (
            f"eft-from-lhe: up to {self.events:,} events{shower}, one training, "
            f"{self.grid} x {self.grid} points; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study."""
        result = context.result
        if self.file is None:
            data = own_events(self.events, self.seed)
        else:
            data = from_file(self.file, self.level, self.events, self.seed, context)
        pair, sections = _information(result, data, self)
        sections += _limits(result, data, pair, self)
        result.tables = {"limits": result.tables["limits"], **result.tables}  # the first is what the terminal shows
        result.facts["title"] = f"Effective field theory from {data.title}"
        result.facts["abstract"] = TEXT
        result.facts["data"] = {
            "events": f"{len(data.events):,} of {data.title}, {data.cross_section} pb",
            "luminosity": f"{self.expected:g} events are {1e-3 * self.expected / data.cross_section.value:.3g} / fb if "
            "every one is seen",
        }
        result.facts["citations"] = ["partonic", "arXiv:1805.00020", "arXiv:1805.00013", "arXiv:1912.01703"]
        write_page(result, sections)
        return result


def _information(result: Result, data: Weighted, options: EftFromLhe) -> tuple[tuple[str, ...], list[Section]]:
    """Tables of the basis, the cross section and the Fisher information; the two parameters that are limited."""
    from partonic.inference.benchmarks import smallest_eigenvalues
    from partonic.inference.fisher import event_information, rate_information

    morphing, components = data.morphing, data.events.gold["components"]
    zero = np.zeros(len(morphing.parameters))
    weight = data.events.weight() * (components @ morphing.basis(zero))
    lowest = smallest_eigenvalues(components, morphing)
    steps = np.abs(data.benchmarks.points)
    steps = np.where(steps > 0, steps, np.inf).min(axis=0)
    basis = [
        ("weights", len(data.benchmarks)),
        ("monomials", len(morphing)),
        ("condition number", f"{morphing.condition(data.benchmarks.points):.4g}"),
        (
            "condition number in units of the smallest steps",
            f"{morphing.condition(data.benchmarks.points / steps):.4g}",
        ),
        ("smallest eigenvalue of an event's form over its weight", f"{lowest.min():.2g}"),
    ]
    result.add_table(
        "basis",
        "The polynomial and the points that fix it; a form without negative eigenvalues gives no weight below 0.",
        [{"quantity": name, "value": str(value)} for name, value in basis],
    )
    of_file = data.cross_section.error / data.cross_section.value
    section = [
        Estimate.symmetric(one.value, float(np.hypot(one.error, of_file * one.value)), one.method)
        for one in _mean(components, data.events.weight())
    ]
    rows = [{"monomial": name, "pb": value} for name, value in zip(morphing.monomials, section, strict=True)]
    result.add_table(
        "cross-section",
        "The cross section as a polynomial in the coefficients, with the errors of the sample and of the whole.",
        rows,
    )
    score = components @ morphing.gradient(zero) / (components @ morphing.basis(zero))[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the table says how few events there are
        shape = event_information(score, options.expected, weight, parameters=morphing.parameters, seed=options.seed)
    sigma = np.array([value.value for value in section])
    at_zero = float(sigma @ morphing.basis(zero))
    gradient = morphing.gradient(zero)
    slope = sigma @ gradient
    slopes = [
        Estimate.symmetric(value, error, "standard error")
        for value, error in zip(slope, np.sqrt(np.square([one.error for one in section]) @ gradient**2), strict=True)
    ]
    rate = rate_information(at_zero, slope, options.expected / at_zero, parameters=morphing.parameters)
    total = shape.plus(rate)
    result.add_table(
        "information",
        f"Fisher information at 0 of {options.expected:g} events, every momentum and flavour of the partons known: one "
        "standard deviation of each coefficient, all others at 0, for the shape of the events, their number, and both.",
        [
            {
                "coefficient": name,
                "shape": _alone(shape.element(i, i)),
                "number": _of_number(slopes[i], at_zero, options.expected),
                "both": _of_both(shape.element(i, i), slopes[i], at_zero, options.expected),
            }
            for i, name in enumerate(morphing.parameters)
        ],
    )
    best = np.argsort(-np.diag(total.matrix))[:2]
    pair = options.parameters or tuple(morphing.parameters[i] for i in sorted(best))
    result.summary["cross section in pb"] = data.cross_section
    text = (
        f"{len(data.benchmarks)} weights fix {len(morphing)} monomials in {', '.join(morphing.parameters)}. The "
        "condition number is by how much rounding of the weights can grow in the components."
    )
    return pair, [Section("From weights to a polynomial", text, (), ("basis", "cross-section", "information"))]


def _mean(components: Floats, weight: Floats) -> list[Estimate]:
    share = weight / weight.sum()
    mean = share @ components
    error = np.sqrt((share**2) @ (components - mean) ** 2)
    return [Estimate.symmetric(m, e, "standard error") for m, e in zip(mean, error, strict=True)]


def _alone(information: Estimate) -> Estimate:
    """The standard deviation that belongs to a diagonal element."""
    if information.value < NOTHING:
        return Estimate(np.nan, np.nan, np.nan, information.method, "the events do not depend on it at first order")
    value = information.value**-0.5
    error = 0.5 * information.error * value**3
    return Estimate.symmetric(value, error if error > NOTHING * value else 0.0, information.method, information.note)


def _of_number(slope: Estimate, at_zero: float, expected: float) -> Estimate:
    """The standard deviation of a coefficient that the number of events alone gives, with the error of its slope."""
    if abs(slope.value) < NOTHING * at_zero:
        return Estimate(np.nan, np.nan, np.nan, slope.method, "the number does not depend on it at first order")
    value = at_zero / abs(slope.value) / np.sqrt(expected)
    return Estimate.symmetric(value, value * slope.error / abs(slope.value), slope.method)


def _of_both(shape: Estimate, slope: Estimate, at_zero: float, expected: float) -> Estimate:
    """The standard deviation that shape and number give, with the errors of the information in both."""
    number = expected * (slope.value / at_zero) ** 2
    error = 2 * expected * abs(slope.value) * slope.error / at_zero**2
    total = Estimate.symmetric(shape.value + number, float(np.hypot(shape.error, error)), shape.method, shape.note)
    return _alone(total)


def _limits(result: Result, data: Weighted, pair: tuple[str, ...], options: EftFromLhe) -> list[Section]:
    """Train on one half, scan with the other."""
    from partonic.fit.options import FitOptions
    from partonic.inference.limits import grid, rate_scan
    from partonic.inference.ratio import OPTIONS, ExactRatio, train_ratio
    from partonic.inference.samples import MorphedSample

    morphing, places = data.morphing.restricted(pair)
    whole = MorphedSample(data.x, data.events.gold["components"][:, places], morphing, data.events.weight())
    order = generator(options.seed, 1).permutation(len(whole))
    training, test = whole[order[: len(order) // 2]], order[len(order) // 2 :]
    axes = tuple(np.linspace(-end, end, options.grid) for end in _reach(whole, options))
    points, box = grid(*axes), np.array([[axis[0], axis[-1]] for axis in axes])
    epochs = options.epochs or int(np.clip(PRESENTED // len(training), 12, 200))
    how = FitOptions(**{**vars(OPTIONS), "epochs": epochs, "seed": options.seed})
    learned = train_ratio(training, box=box, options=how, directory=result.checkpoint("ratio"))
    tables = {"weights": ExactRatio(whole.components[test], whole.sigma, morphing).log_ratio(test, points)}
    if data.truth is not None:
        exact = ExactRatio(data.truth[test][:, places], whole.sigma, morphing)
        tables = {"truth": exact.log_ratio(test, points), **tables}
    tables["learned"] = learned.log_ratio(whole.x[test], points)
    weight = whole.weights(np.zeros(2))[0, test]
    sigma, zero = whole.resampled_sigma(options.replicas, generator(options.seed, 2)), morphing.basis(np.zeros(2))
    rates = options.expected * (sigma @ morphing.basis(points).T) / (sigma @ zero)[:, None]
    scans = {name: _scan(axes, table, weight, rates[0], options) for name, table in tables.items()}
    scans["number"] = rate_scan(axes, rates, options.expected)
    shape = {name: _scan(axes, table, weight, None, options) for name, table in tables.items()}
    _tables(result, scans, shape, pair)
    _warn(result, shape["learned"], len(training))
    closure = _closure(result, learned, morphing, tables, points, weight, box)
    return [_regions(result, scans, pair, learned), closure]


def _reach(sample: MorphedSample, options: EftFromLhe) -> list[float]:
    """Where along each axis the statistic of all that the events know is REACH on both sides."""
    weight, found = sample.weights(np.zeros(2))[0], []
    sigma, zero = sample.sigma, sample.morphing.basis(np.zeros(2))
    for axis in np.eye(2):
        end = 0.01
        while end < FURTHEST:
            basis = sample.morphing.basis(np.stack([end * axis, -end * axis]))
            ratio = (basis @ sample.components.T) / (sample.components @ zero)
            if not np.all(ratio > 0):
                raise InputError(f"an event has no weight above 0 within {end:.3g} of 0, before the limits are reached")
            rate = basis @ sigma / (zero @ sigma)
            statistic = (
                2 * options.expected * (rate - 1) - 2 * options.expected * (np.log(ratio) @ weight) / weight.sum()
            )
            if statistic.min() >= REACH:
                break
            end *= 1.3
        found.append(end)
    return found


def _scan(axes: tuple[Floats, ...], table: Floats, weight: Floats, rates: Floats | None, options: EftFromLhe) -> Scan:
    from partonic.inference.limits import expected_scan

    how = {"replicas": options.replicas, "seed": options.seed}
    return expected_scan(axes, table, options.expected, weight, rates=rates, **how)


def _warn(result: Result, scan: Scan, events: int) -> None:
    """Say where the learned ratio excludes the theta of the very events it is evaluated on."""
    from scipy.interpolate import RectBivariateSpline

    from partonic.inference.intervals import threshold

    at_zero = float(RectBivariateSpline(*scan.axes, scan.q)(0.0, 0.0)[0, 0]) - float(scan.q.min())
    if at_zero > threshold(SHARES[0], 2):
        sentence = (
            f"The learned likelihood of {events:,} training events excludes the theta of the test events at 68 % (its "
            f"statistic is {at_zero:.2g} there): take more events or epochs before you believe its limits."
        )
        result.facts["warnings"] = [sentence]


SHORT = {"truth": "exact", "weights": "generator", "learned": "learned", "number": "number alone"}
NAMES = {
    "truth": "the exact likelihood of what is seen",
    "weights": "all that the generator knows, flavours too",
    "learned": "the learned likelihood of what is seen",
    "number": "the number of events alone",
}


def _tables(result: Result, scans: dict[str, Scan], shape: dict[str, Scan], pair: tuple[str, ...]) -> None:
    rows = []
    for used, chosen in (("shape and number", scans), ("shape", shape)):
        for name, scan in chosen.items():
            row: dict[str, Any] = {"from": NAMES[name], "used": used if name != "number" else "number"}
            row["95 % area"] = scan.area(0.95)
            for i, parameter in enumerate(pair):
                row[f"{parameter} from"], row[f"{parameter} to"] = scan.along(i, others=0.0).interval(0.95)
            rows.append(row)
    result.add_table(
        "limits",
        f"Expected limits at 95 %: the area of the region of {pair[0]} and {pair[1]}, and intervals of each with the "
        "other at 0, with errors from resampled events.",
        rows,
    )
    for name in ("truth", "learned", "number"):
        if name in scans:
            result.summary[f"95 % area, {NAMES[name]}"] = scans[name].area(0.95)


def _closure(
    result: Result,
    learned: RatioEstimator,
    morphing: Morphing,
    tables: dict[str, Floats],
    points: Floats,
    weight: Floats,
    box: Floats,
) -> Section:
    """The mean ratio, which is 1 for the true one, and its distance from the truth where that is known."""
    from partonic.inference.closure import mean_ratio

    places = [int(np.argmin(np.abs(points / box[:, 1] - corner).sum(axis=1))) for corner in np.array(CORNERS) / 2]
    rows: list[dict[str, Any]] = []
    for place, mean in zip(places, mean_ratio(tables["learned"][places], weight), strict=True):
        row: dict[str, Any] = {
            name: f"{value:.3g}" for name, value in zip(morphing.parameters, points[place], strict=True)
        }
        row["mean ratio"] = mean
        if "truth" in tables:
            square = (tables["learned"][place] - tables["truth"][place]) ** 2
            row["squared error of ln r"] = _mean(square[:, None], weight)[0]
        rows.append(row)
    result.add_table(
        "closure",
        f"The learned ratio ({learned.method}) over events of theta = 0: its mean is 1 for the true one.",
        rows,
    )
    text = _verdict([row["mean ratio"] for row in rows])
    return Section("Can the learned ratio be believed?", text, (), ("closure",))


def _verdict(means: list[Estimate]) -> str:
    """What the means of a learned ratio say of it: each is 1 for the true one."""
    off = [abs(mean.value - 1) for mean in means]
    pulls = [one / max(mean.error, 1e-300) for one, mean in zip(off, means, strict=True)]
    if max(pulls) < BELIEVED:
        return f"All means are within {BELIEVED} of their errors of 1: nothing here speaks against the ratio."
    worst = int(np.argmax(pulls))
    return (
        f"A mean is off 1 by {off[worst]:.2g}, {pulls[worst]:.2g} times its error: the learned ratio is wrong at that "
        "point, and regions are wrong by more than their errors tell, which are of resampled events. More events to "
        "learn from mend it."
    )


def _regions(result: Result, scans: dict[str, Scan], pair: tuple[str, ...], learned: RatioEstimator) -> Section:
    from partonic.report.plots_inference import contours
    from partonic.report.style import save_figure

    figure = contours({SHORT[name]: scan for name, scan in scans.items()}, SHARES, pair, point=(0.0, 0.0))
    areas = "; ".join(f"{NAMES[name]}: {scan.area(0.95)}" for name, scan in scans.items())
    caption = (
        f"Expected regions of {pair[0]} and {pair[1]}, all other coefficients at 0, from shape and number of events. "
        f"{'; '.join(f'{SHORT[name]}: {NAMES[name]}' for name in scans)}."
    )
    save_figure(result, "regions", figure, caption, f"Areas at 95 %: {areas}.")
    text = (
        f"Half of the events train the ratio ({learned.reason}), the other half give the limits. What the generator "
        "knows of an event, with the flavours and the incoming partons, is more than anyone sees: it bounds what can "
        "be learned, and where a learned region ends inside of that one, it is wrong."
    )
    return Section("Limits", text, ("regions",), ("limits",))

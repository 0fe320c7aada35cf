"""Weak boson fusion with what is not known: factorisation scale, parton densities, energies of jets, luminosity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.report.page import Section

if TYPE_CHECKING:
    from partonic.events.events import Events
    from partonic.fit.options import FitOptions
    from partonic.inference.limits import Scan
    from partonic.inference.morphing import Morphing
    from partonic.inference.nuisance import Variation
    from partonic.simulators.wbf import WeakBosonFusion

Floats = NDArray[np.float64]
Ratio = Callable[[Any], Any]

SCALE, DENSITIES, LUMINOSITY = "factorisation scale", "parton densities", "luminosity"
ENERGY = "jet energy scale"  # behind a detector
OTHER = "NNPDF31_lo_as_0130"  # the densities whose difference to the nominal ones is one standard deviation
RELATIVE = 0.02  # uncertainty of the luminosity
JETS = 1.02  # energies of all jets at one standard deviation
MEANING = {
    SCALE: "half, twice the mass of the W",
    DENSITIES: f"to another fit ({OTHER.split('_')[0]}) and as far back",
    LUMINOSITY: f"{RELATIVE:.0%}",
    ENERGY: f"{JETS - 1:.0%}, of all jets alike",
}
FEW = 20_000  # test events that the profiles rest on
NODES = {"points": 16, "scrambles": 2}  # of the quadrature: the errors of a ratio cancel where its points are shared
REACH = 4.5  # standard deviations of the Fisher information, that a scan goes to
SHARES = (0.68, 0.95)


@dataclass(frozen=True)
class Uncertain:
    """What the limits with uncertainties are made of.

    Args:
        level: parton or smeared.
        fusion: the simulator.
        test: events of the Standard Model.
        x: their observables.
        ratios: name -> function of theta (m, 2) to ln r of the test events (m, n): ``truth`` and the learned one.
        score: exact score of the test events at the Standard Model, (n, 2).
        sigma: components of the cross section.
        morphing: the polynomial.
        numbers: of events that limits are expected from, rising; the last ones are drawn.
        grid: points of each coefficient.
        replicas: resampled test samples.
        seed: of the resampling.
    """

    level: str
    fusion: WeakBosonFusion
    test: Events
    x: Floats
    ratios: Mapping[str, Ratio]
    score: Floats
    sigma: Floats
    morphing: Morphing
    numbers: tuple[int, int]
    grid: int
    replicas: int
    seed: int


def others(fusion: WeakBosonFusion) -> dict[str, tuple[WeakBosonFusion, WeakBosonFusion | None]]:
    """The simulators at +1 and -1 standard deviation of what changes the density of events."""
    scale = fusion.constants.scale
    up, down = (replace(fusion, constants=replace(fusion.constants, scale=one)) for one in (2 * scale, scale / 2))
    found: dict[str, tuple[WeakBosonFusion, WeakBosonFusion | None]] = {
        SCALE: (up, down),
        DENSITIES: (replace(fusion, densities=OTHER), None),
    }
    if fusion.smearing is not None:
        both = (replace(fusion.smearing, energy_scale=one) for one in (JETS, 1 / JETS))
        higher, lower = (replace(fusion, smearing=one) for one in both)
        found[ENERGY] = (higher, lower)
    return found


def joint_ratios(fusion: WeakBosonFusion, events: Events) -> dict[str, tuple[Floats, Floats | None]]:
    """Weights of events of the Standard Model at +1 and -1 over the nominal ones, all latents known: the gold."""
    nominal = fusion.unscaled_joint(events)[:, 0]

    def ratio(other: WeakBosonFusion) -> Floats:
        result: Floats = other.unscaled_joint(events)[:, 0] / nominal
        return result

    pairs = others(fusion).items()
    return {name: (ratio(up), None if down is None else ratio(down)) for name, (up, down) in pairs}


def exact_variations(fusion: WeakBosonFusion, events: Events) -> list[Variation]:
    """The exact response of the density of what is seen, at the Standard Model."""
    from partonic.inference.nuisance import weight_variation
    from partonic.simulators.wbf import Quadrature

    fusion = replace(fusion, quadrature=Quadrature(**NODES))
    nominal, found = fusion.unscaled_standard(events), []
    for name, (up, down) in others(fusion).items():
        lower = None if down is None else down.unscaled_standard(events)
        found.append(weight_variation(name, nominal, up.unscaled_standard(events), lower))
    return found


def learned_variations(
    fusion: WeakBosonFusion, train: Events, weight: Floats, x: Floats, options: FitOptions, directory: Any
) -> list[Variation]:
    """The response that a network learns from the weights of training events, for events with observables x.

    Args:
        fusion: the simulator.
        train: events to learn from.
        weight: of these in a sample of the Standard Model.
        x: observables of other events, (n, d).
        options: of the fit.
        directory: where the fit saves its state.
    """
    from partonic.inference.responses import train_responses
    from partonic.simulators.wbf import features

    ratios = joint_ratios(fusion, train)
    learned = train_responses(features(train), ratios, weight, options=options, directory=directory)
    return learned.variations(x)


def uncertain_section(result: Result, given: Uncertain, learned: list[Variation]) -> Section:
    """Limits with nuisance parameters profiled and without, exact and learned.

    Args:
        result: where tables and figures go.
        given: the study.
        learned: responses of the test events that a network has learned.
    """
    from partonic.inference.nuisance import luminosity

    few = slice(None, FEW)
    rate = luminosity(RELATIVE, len(given.x[few]), LUMINOSITY)
    exact = exact_variations(given.fusion, given.test[few])
    estimated = [replace(one, linear=one.linear[few], quadratic=one.quadratic[few]) for one in learned]
    table = f"uncertainties-{given.level}"
    result.add_table(
        table,
        "What is not known, at -1 and +1 standard deviation: the relative change of the rate; the spread over events "
        f"of the exact change of the logarithm of their density, and the error of the one that a network has learned. "
        f"The other densities are {OTHER}.",
        [_row(*pair) for pair in zip([*exact, rate], [*estimated, rate], strict=True)],
    )
    variations = {name: [*(exact if name == "truth" else estimated), rate] for name in given.ratios}
    rows: list[dict[str, Any]] = []
    drawn: dict[str, Scan] = {}
    for number in given.numbers:
        more, drawn = _limits(given, number, variations)
        rows += more
    limits, figure = f"profiled-{given.level}", f"profiled-{given.level}"
    name = next(name for name in given.ratios if name != "truth")
    result.add_table(
        limits,
        f"Expected from the shape of events and their number, {given.level} level, when nuisance parameters are fitted "
        f"at every point (profiled): areas at 95 %, exact and learned ({name}), and exact intervals with the other "
        "coefficient at 0.",
        rows,
    )
    _draw(result, figure, given, drawn)
    energies = "" if given.fusion.smearing is None else ", or of the energies of its jets,"
    text = (
        f"Each event responds to a change of the scale or the densities{energies} as its momenta say: exactly for the "
        "truth, "
        f"and for {name} as a network has learned it from the weights of training events, which depend on what no "
        "observer sees. Few events say so little that the uncertainties hardly matter; many do not. All regions share "
        f"{len(given.x[few]):,} test events, whose own fluctuation moves them together off the cross."
    )
    return Section(f"Systematic uncertainties, {given.level} level", text, (figure,), (table, limits))


def _row(exact: Variation, learned: Variation) -> dict[str, Any]:
    row: dict[str, Any] = {"uncertainty": exact.name, "-1 and +1": MEANING[exact.name]}
    for sign in (-1.0, 1.0):
        factor = np.exp(exact.log_weight(sign)) - 1
        row[f"rate at {sign:+.0f}"] = _mean(factor)
    same = learned is exact
    row["spread over events"] = "-" if same else _root((exact.linear - exact.linear.mean()) ** 2)
    row["error of the learned one"] = "-" if same else _root((learned.linear - exact.linear) ** 2)
    return row


def _mean(values: Floats) -> Estimate:
    return Estimate.symmetric(values.mean(), values.std(ddof=1) / np.sqrt(len(values)), "standard error")


def _root(squares: Floats) -> Estimate:
    """Root of a mean square, with its error."""
    mean = _mean(squares)
    root = float(np.sqrt(mean.value))
    return Estimate.symmetric(root, mean.error / max(2 * root, 1e-300), mean.method)


def _axis_ends(given: Uncertain, events: int) -> list[float]:
    """How far a scan goes along each coefficient, at most 1."""
    from partonic.inference.fisher import invertible

    information = events * np.cov(given.score.T)
    invertible(information)
    return [min(1.0, REACH * float(np.sqrt(one))) for one in np.diag(np.linalg.inv(information))]


def _limits(
    given: Uncertain, events: int, variations: Mapping[str, list[Variation]]
) -> tuple[list[dict[str, Any]], dict[str, Scan]]:
    """Rows of the table for one number of events, and the scans without and with all uncertainties."""
    from partonic.inference.limits import expected_scan, grid
    from partonic.inference.profile import Profiler

    axes = tuple(np.linspace(-end, end, given.grid) for end in _axis_ends(given, events))
    points, how = grid(*axes), {"replicas": given.replicas, "seed": given.seed}
    rates = events * (given.morphing.basis(points) @ given.sigma) / given.sigma[0]
    tables = {name: ratio(points)[:, :FEW] for name, ratio in given.ratios.items()}
    profilers = {name: Profiler.of(axes, table, variations[name], **how) for name, table in tables.items()}
    scans = {"none": {name: expected_scan(axes, table, events, rates=rates, **how) for name, table in tables.items()}}
    single = [one.name for one in variations["truth"]]
    for what, names in (*((one, (one,)) for one in single), ("all", None)):
        scans[what] = {name: one.scan(events, rates, names) for name, one in profilers.items()}
    rows = []
    for what, found in scans.items():
        row: dict[str, Any] = {"events": f"{events:,}", "profiled": what}
        row |= {f"95 % area, {name}": scan.area(0.95) for name, scan in found.items()}
        for i, parameter in enumerate(given.morphing.parameters):
            low, high = found["truth"].along(i, others=0.0).interval(0.95)
            row |= {f"{parameter} from": low, f"{parameter} to": high}
        rows.append(row)
    drawn: dict[str, Scan] = {}
    for name in tables:
        drawn |= {name: scans["none"][name], f"{name}, profiled": scans["all"][name]}
    return rows, drawn


def _draw(result: Result, figure: str, given: Uncertain, scans: Mapping[str, Scan]) -> None:
    from partonic.report.plots_inference import contours
    from partonic.report.style import save_figure

    number = f"{given.numbers[-1]:,}"
    save_figure(
        result,
        figure,
        contours(scans, SHARES, given.morphing.parameters, point=(0.0, 0.0)),
        f"Expected regions from the shape and the number of {number} events at {given.level} level, with everything "
        "but the coefficients known, and with all that is uncertain profiled. What is learned should lie "
        "on the truth, profiled or not.",
        "Contours; areas at 95 %: " + "; ".join(f"{name} {scan.area(0.95)}" for name, scan in scans.items()) + ".",
    )

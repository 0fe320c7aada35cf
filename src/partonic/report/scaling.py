"""The sections of a page that compares taggers at several numbers of training jets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.metrics.scaling import PowerLaw, fit_power_law
from partonic.metrics.trials import QUANTITIES, Quantity, Trials
from partonic.report.page import Section
from partonic.report.plots_scaling import Learning, learning_curves
from partonic.report.style import save_figure

FREE = 2  # sizes that a power law with a floor always goes through
AXES: dict[Quantity, str] = {"area": "1 - AUC", "background": "Background passing, $1/R_{50}$"}
NAMES: dict[Quantity, str] = {"area": "1 - AUC", "background": "1 / R50"}


@dataclass(frozen=True)
class Grid:
    """Taggers trained on several numbers of jets, measured on the same test jets.

    Args:
        result: the run that figures and tables are saved in.
        trials: their groups, one a size and tagger, taggers fastest.
        taggers: names.
        sizes: numbers of training jets, rising.
        cut: taggers and sizes whose trainings ended before they had learned out, because their time was over.
    """

    result: Result
    trials: Trials
    taggers: Sequence[str]
    sizes: Sequence[int]
    cut: Collection[tuple[str, int]] = ()

    def place(self, tagger: str, size: int) -> int:
        """The group of a tagger at a size."""
        return list(self.sizes).index(size) * len(self.taggers) + list(self.taggers).index(tagger)

    @cached_property
    def laws(self) -> dict[tuple[str, Quantity], PowerLaw]:
        """The power laws through the errors of trainings that were not cut.

        None for fewer than three sizes of these, or where a point has no error.
        """
        found: dict[tuple[str, Quantity], PowerLaw] = {}
        for tagger in self.taggers:
            sizes = [size for size in self.sizes if (tagger, size) not in self.cut]
            places = [self.place(tagger, size) for size in sizes]
            for quantity in QUANTITIES if len(sizes) > FREE else ():
                covariance = self.trials.covariance(places, quantity)
                if np.linalg.eigvalsh(covariance)[0] > 1e-9 * covariance.max():
                    values = [self.trials.mean(place, quantity) for place in places]
                    found[tagger, quantity] = fit_power_law(sizes, values, covariance)
        return found


def curves_section(grid: Grid, title: str, text: str) -> Section:
    """Errors against the number of training jets with the fitted laws, the numbers and the parameters as tables."""
    lines = "Lines: the fitted power laws. " if grid.laws else ""
    first, last = ({t: grid.trials.auc(grid.place(t, size)) for t in grid.taggers} for size in _ends(grid))
    save_figure(
        grid.result,
        "learning",
        learning_curves(_panels(grid)),
        "What a perfect tagger would not miss (left) and the background that passes where half of the signal does "
        f"(right) against the number of training jets; lower is better. {lines}Errors: test sample and scatter of "
        "trainings.",
        "Both fall with the number of training jets: "
        + "; ".join(f"{tagger} from AUC {first[tagger]} to {last[tagger]}" for tagger in grid.taggers)
        + ".",
    )
    grid.result.add_table(
        "sizes",
        "Area under the ROC curve and background rejection at half of the signal: means over the trainings, with the "
        "errors of the test sample and of the scatter of trainings, which is taken to be the same share of the error "
        "at all sizes of a tagger."
        + (" Trainings that time has cut could have learned more: the laws leave them out." if grid.cut else ""),
        [_measured(grid, tagger, size) for tagger in grid.taggers for size in grid.sizes],
    )
    tables = ["sizes"]
    if grid.laws:
        grid.result.add_table(
            "laws",
            "The law y = a (N / N0)^-b + c fitted to the errors with the covariance of the test jets that all sizes "
            "share; N0 is the geometric mean of the sizes, and c what no number of jets would take away.",
            [_parameters(tagger, quantity, law) for (tagger, quantity), law in grid.laws.items()],
        )
        tables.append("laws")
    return Section(title, text, ("learning",), tuple(tables))


def _panels(grid: Grid) -> list[tuple[str, list[Learning]]]:
    """Both errors of each tagger against the number of training jets."""
    return [
        (
            AXES[quantity],
            [
                Learning(
                    tagger,
                    grid.sizes,
                    [grid.trials.estimate(grid.place(tagger, size), quantity) for size in grid.sizes],
                    grid.laws.get((tagger, quantity)),
                )
                for tagger in grid.taggers
            ],
        )
        for quantity in QUANTITIES
    ]


def _ends(grid: Grid) -> tuple[int, int]:
    return grid.sizes[0], grid.sizes[-1]


def _measured(grid: Grid, tagger: str, size: int) -> dict[str, Any]:
    place = grid.place(tagger, size)
    return {
        "model": tagger,
        "training jets": size,
        "trainings": len(grid.trials.values[place]),
        "AUC": grid.trials.auc(place),
        "R50": grid.trials.rejection(place),
        **({"cut by time": "yes" if (tagger, size) in grid.cut else "no"} if grid.cut else {}),
    }


def _parameters(tagger: str, quantity: Quantity, law: PowerLaw) -> dict[str, Any]:
    chi2 = f"{law.chi2:.1f} / {law.freedom}" if law.freedom else "no freedom: three sizes"
    return {
        "model": tagger,
        "y": NAMES[quantity],
        "a": law.amplitude,
        "b": law.exponent,
        "c": law.floor,
        "N0": round(law.pivot),
        "chi2 / freedom": chi2,
    }


def pairs_section(grid: Grid, title: str) -> Section | None:
    """Each tagger against the first one at each size; None where there is one tagger."""
    if len(grid.taggers) < 2:
        return None
    reference = grid.taggers[0]
    rows: list[dict[str, Any]] = []
    curves = []
    for tagger in grid.taggers[1:]:
        gains: list[Estimate] = []
        for size in grid.sizes:
            gain = grid.trials.gain(grid.place(tagger, size), grid.place(reference, size))
            gains.append(gain)
            rows.append(
                {
                    "model": f"{tagger} against {reference}",
                    "training jets": size,
                    "AUC difference": gain,
                    "in standard deviations": round(gain.significance, 1),
                }
            )
        curves.append(Learning(tagger, grid.sizes, gains))
    save_figure(
        grid.result,
        "gains",
        learning_curves([(f"AUC less that of {reference}", curves)], logarithmic=False),
        f"By how much each tagger is better than {reference} trained on the same jets. Errors: paired bootstrap of the "
        "test jets and scatter of trainings.",
        "AUC differences at the smallest and largest size: "
        + "; ".join(f"{curve.name} {curve.values[0]} and {curve.values[-1]}" for curve in curves)
        + ".",
    )
    grid.result.add_table(
        "gains", f"Each tagger against {reference} on the same test jets, trained on as many jets.", rows
    )
    return Section(title, "", ("gains",), ("gains",))


def known_section(grid: Grid, exact: int) -> Section:
    """Taggers beside the best possible one, trained on few and on many jets whose likelihood ratio is known.

    Args:
        grid: the taggers on such jets.
        exact: the group of the trials that holds the exact likelihood ratio.
    """
    best = [grid.trials.estimate(exact, quantity) for quantity in QUANTITIES]
    area = replace(grid.trials.auc(exact), note="")  # nothing was trained
    rows: list[dict[str, Any]] = []
    for tagger in grid.taggers:
        for size in grid.sizes:
            place = grid.place(tagger, size)
            missed = grid.trials.gain(exact, place)
            rows.append({"model": tagger, "training jets": size, "AUC": grid.trials.auc(place), "to the best": missed})
    save_figure(
        grid.result,
        "known",
        learning_curves(_panels(grid), best=best),
        "The same taggers, trained anew on jets whose likelihood ratio is known. No tagger can lie below the line of "
        "the exact likelihood ratio beyond its errors. Errors: test sample.",
        f"The exact likelihood ratio has AUC {area}; "
        + "; ".join(f"{row['model']} from {row['training jets']:,} jets {row['AUC']}" for row in rows)
        + ".",
    )
    grid.result.add_table(
        "known",
        f"Areas under the ROC curve where the best possible one is {area}, and what each tagger "
        "lacks of it; the difference is paired, on the same jets.",
        rows,
    )
    text = (
        "Where would more jets lead? For real jets nobody knows. Here the number of constituents is Poisson and their "
        "transverse momenta are independent log-normal, with other means for signal than for background: the exact "
        "likelihood ratio is a sum over constituents, and what a tagger lacks of it is what more jets, or more steps, "
        "can still give."
    )
    return Section("How far is the best possible tagger?", text, ("known",), ("known",))

"""The section of a page that shows single variables beside taggers: what a cut on each of them can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.result import Result
from partonic.metrics.seeds import roc_band
from partonic.metrics.tagging import auc, inverse, rejection
from partonic.report import plots
from partonic.report.page import Section
from partonic.report.style import save_figure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Variable:
    """A variable to cut on.

    Args:
        name: what the page calls it.
        values: (jets,) of the test jets.
        sign: 1 where signal has large values, -1 where it has small ones; from other jets than the test ones.
        description: of the table.
        curve: whether it is drawn, too.
    """

    name: str
    values: Floats
    sign: int
    description: str
    curve: bool = True


def sign_of(values: ArrayLike, labels: ArrayLike) -> int:
    """1 where jets of label 1 have the larger values, else -1."""
    return 1 if auc(values, labels).value >= 0.5 else -1


def curve_of(name: str, scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> plots.Curve:
    """ROC curve of one score with its statistical band and its area in the legend."""
    band = roc_band([scores], labels, weights)
    return plots.Curve(
        name,
        band.signal_efficiency,
        inverse(band.background_efficiency),
        inverse(band.statistical_high),
        inverse(band.statistical_low),
        note=f"AUC {auc(scores, labels, weights).value:.3f}",
    )


def variables_section(
    result: Result,
    variables: list[Variable],
    taggers: Mapping[str, Floats],
    labels: NDArray[np.int64],
    weights: Floats,
    classes: tuple[str, str],
    *,
    text: str,
    expected: plots.Curve | None = None,
) -> Section:
    """Cuts on single variables beside taggers.

    Args:
        result: the run.
        variables: what to cut on.
        taggers: name -> (jets,) scores of those that are drawn beside them.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights.
        classes: names of labels 0 and 1.
        text: of the section.
        expected: a curve that theory predicts, drawn in black.
    """
    background, signal = classes
    drawn = [curve_of(name, scores, labels, weights) for name, scores in taggers.items()]
    drawn += [curve_of(one.name, one.sign * one.values, labels, weights) for one in variables if one.curve]
    rows: list[dict[str, Any]] = [
        {
            "variable": one.name,
            "AUC": auc(one.sign * one.values, labels, weights),
            "R50": rejection(one.sign * one.values, labels, weights),
            f"{signal} jets have": "more" if one.sign > 0 else "less",
            "what it is": one.description,
        }
        for one in variables
    ]
    rows.sort(key=lambda row: row["AUC"].value, reverse=True)
    save_figure(
        result,
        "variables",
        plots.roc(drawn, truth=expected, signal=signal, background=background),
        f"Cuts on single variables beside {' and '.join(taggers)}, on {len(labels):,} test jets, with 68 % bands."
        + (f" Black: {expected.name}." if expected else ""),
        f"ROC curves; the best single variable is {rows[0]['variable']}, AUC {rows[0]['AUC']}, then "
        + ", ".join(f"{row['variable']} {row['AUC'].value:.3f}" for row in rows[1:4])
        + ".",
    )
    result.add_table(
        "variables",
        "Area under the ROC curve and background rejection at 50 % signal efficiency of a cut on one variable; which "
        "side of the cut is kept was chosen on the validation jets.",
        rows,
    )
    return Section("Single variables", text, ("variables",), ("variables",))

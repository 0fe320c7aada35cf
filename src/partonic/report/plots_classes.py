"""Figures of taggers of several classes: confusion matrices and each class against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.report.palette import SERIES
from partonic.report.plots import Curve
from partonic.report.plots_jets import Observable
from partonic.report.style import (
    RULE,
    Array,
    canvas,
    colour_of,
    dashes_of,
    histogram,
    legend_above,
    plain,
    same_lengths,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

DEEPEST = 0.55  # of a cell's colour: its number stays readable on light and on dark pages
CELL = 0.62  # inches
PANEL = 2.9


@styled
def confusion(models: Mapping[str, Array], errors: Mapping[str, Array], classes: Sequence[str]) -> Canvas:
    """Confusion matrices side by side, the share and its error in percent in each cell.

    Args:
        models: name -> (classes, classes) shares, a row for each true class.
        errors: name -> (classes, classes) their errors.
        classes: names, in the order of rows and columns.

    Raises:
        InputError: there is no matrix, or one does not fit the classes.
    """
    if not models:
        raise InputError("there are no confusion matrices to draw")
    size = len(classes)
    side = CELL * size + 1.1
    figure, axes = canvas(1, len(models), width=max(side * len(models), 4.0), height=side + 0.6, share_y=True)
    for ax, (name, shares) in zip(axes[0], models.items(), strict=True):
        for table in (shares, errors[name]):
            if np.shape(table) != (size, size):
                raise InputError(
                    f"a confusion matrix of {size} classes must be {size} by {size}, not {np.shape(table)}"
                )
        _cells(ax, shares, errors[name])
        ax.set(title=plain(name), xlabel="Taken for", xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
        ax.set_xticks(range(size), [plain(one) for one in classes], rotation=40, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(size), [plain(one) for one in classes])
        ax.tick_params(which="both", length=0)
    axes[0, 0].set_ylabel("True class")
    return figure


def _cells(ax: Axes, shares: Array, errors: Array) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.ndindex(shares.shape):
        share = float(shares[row, column])
        place = (column - 0.5, row - 0.5)
        ax.add_patch(Rectangle(place, 1, 1, facecolor=SERIES[0], alpha=DEEPEST * share, linewidth=0))
        ax.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=RULE, linewidth=0.6))
        ax.text(column, row - 0.1, f"{100 * share:.1f}", ha="center", va="center", fontsize=8.5)
        ax.text(column, row + 0.25, f"±{100 * errors[row, column]:.1f}", ha="center", va="center", fontsize=6.5)


@styled
def roc_grid(panels: Mapping[str, Sequence[tuple[int, Curve]]], classes: Sequence[str]) -> Canvas:
    """ROC curves of each class against each other one, a panel for each signal, bands of the finite test sample.

    A curve ends where no background jet passes.

    Args:
        panels: signal class -> pairs of the background class and its curve (x = signal efficiency, y = rejection).
        classes: names of all, so that each keeps its colour and line in every panel.

    Raises:
        InputError: there is no curve, or arrays differ in length.
    """
    if not any(panels.values()):
        raise InputError("there are no ROC curves to draw")
    columns = 2 if len(panels) in (2, 4) else min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure, axes = canvas(rows, columns, width=PANEL * columns + 0.4, height=2.6 * rows + 0.7, share_y=True)
    places = list(axes.ravel())
    for ax in places[len(panels) :]:
        ax.remove()
    drawn: dict[int, Any] = {}
    highest = 10.0
    for number, (signal, curves) in enumerate(panels.items()):
        ax = places[number]
        for background, curve in curves:
            x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
            same_lengths(**curve.columns())
            some = np.isfinite(y)
            style = {"color": colour_of(background), "linestyle": dashes_of(background + background // len(SERIES))}
            (line,) = ax.plot(x[some], y[some], linewidth=1.4, **style)
            drawn.setdefault(background, line)
            if curve.low is not None and curve.high is not None:
                high = np.where(np.isfinite(curve.high), curve.high, 1e12)
                colour = colour_of(background)
                ax.fill_between(x[some], curve.low[some], high[some], color=colour, alpha=0.2, linewidth=0)
            highest = max(highest, float(np.max(y[some & (x >= 0.2)], initial=1.0)))
        ax.set(title=f"{plain(signal)} against", yscale="log", xlim=(0, 1))
        if number >= len(panels) - columns:
            ax.set_xlabel("Signal efficiency")
        if number % columns == 0:
            ax.set_ylabel(r"Rejection $1/\varepsilon_B$")
    for ax in places[: len(panels)]:
        ax.set_ylim(1, 2 * highest)
    order = sorted(drawn)
    legend_above(
        figure, places[0], columns=min(len(order), 6), handles=[drawn[i] for i in order],
        labels=[plain(classes[i]) for i in order],
    )  # fmt: skip
    return figure


@styled
def class_summary(
    observables: Sequence[Observable], labels: Array, weights: Array | None, classes: Sequence[str]
) -> Canvas:
    """Distributions of jet quantities of several classes, one panel each, normalised, with statistical errors.

    Args:
        observables: what to show; values that are not finite are left out.
        labels: (N,) 0 to classes - 1.
        weights: (N,) or None.
        classes: their names.

    Raises:
        InputError: there is no observable, or arrays differ in length.
    """
    if not observables:
        raise InputError("there are no jet quantities to draw")
    columns = min(len(observables), 3)
    rows = math.ceil(len(observables) / columns)
    figure, axes = canvas(rows, columns, width=max(PANEL * columns + 0.4, 4.4), height=2.9 * rows + 0.6)
    places = list(axes.ravel())
    for ax in places[len(observables) :]:
        ax.remove()
    for ax, observable in zip(places, observables, strict=False):
        same_lengths(values=observable.values, labels=labels, weights=weights)
        edges = observable.binning()
        for number, name in enumerate(classes):
            mask = np.asarray(labels) == number
            some = None if weights is None else np.asarray(weights)[mask]
            density, error = histogram(np.asarray(observable.values)[mask], some, edges)
            colour = colour_of(number)
            line = {"color": colour, "linestyle": dashes_of(number + number // len(SERIES)), "linewidth": 1.3}
            ax.stairs(density, edges, label=plain(name), **line)
            centres, filled = 0.5 * (edges[1:] + edges[:-1]), density > 0
            ax.errorbar(centres[filled], density[filled], error[filled], fmt="none", ecolor=colour, elinewidth=0.7)
        ax.set(xlabel=observable.label, xlim=(edges[0], edges[-1]))
        if observable.log:
            ax.set_yscale("log")
        else:
            ax.set_ylim(bottom=0)
    for ax in places[: len(observables) : columns]:
        ax.set_ylabel("Jets, normalised to unit area")
    legend_above(figure, places[0], columns=min(len(classes), 6))
    return figure

"""Figures of how well models do: ROC curves, calibration, training history, importance, removal test.

Every function takes arrays and returns a matplotlib figure; :func:`partonic.report.style.save_figure` saves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report.style import (
    INK,
    MUTED,
    RULE,
    Array,
    canvas,
    colour_of,
    dashes_of,
    legend_above,
    marker_of,
    plain,
    same_lengths,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

POINTS = 400  # of a curve; more are not seen and only make the page larger


@dataclass(frozen=True)
class Curve:
    """A curve of one model and its bands.

    Args:
        name: of the model.
        x: (N,).
        y: (N,).
        low: (N,) lower end of the 68.3 % statistical interval.
        high: (N,) its upper end.
        spread_low: (N,) 16 % quantile over trainings with other seeds.
        spread_high: (N,) 84 % quantile over these.
        note: stands behind the name in the legend, as ``"AUC 0.981"``.
    """

    name: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    spread_low: Array | None = None
    spread_high: Array | None = None
    note: str = ""

    @property
    def label(self) -> str:
        """What the legend says."""
        return f"{plain(self.name)}  {self.note}" if self.note else plain(self.name)

    def columns(self) -> dict[str, Array]:
        """The arrays that are there, by name, as float64 of one length."""
        names = ("x", "y", "low", "high", "spread_low", "spread_high")
        found = {name: np.asarray(getattr(self, name), float) for name in names if getattr(self, name) is not None}
        same_lengths(**found)
        return found


@dataclass(frozen=True)
class Reliability:
    """What a model says against what happens.

    Args:
        name: of the model.
        predicted: (B,) mean score a bin.
        observed: (B,) fraction of signal in it.
        low: (B,) lower end of the 68.3 % interval of ``observed``.
        high: (B,) its upper end.
        error: expected calibration error, shown in the legend.
    """

    name: str
    predicted: Array
    observed: Array
    low: Array
    high: Array
    error: Estimate | None = None


@dataclass(frozen=True)
class Training:
    """Losses of one training.

    Args:
        name: of the model; several trainings may share it (seeds).
        train: (epochs,) mean training loss.
        validation: (epochs,) validation loss, or empty.
        chosen: epoch (counted from 1) whose state was kept.
    """

    name: str
    train: Sequence[float]
    validation: Sequence[float] = ()
    chosen: int | None = None


@styled
def roc(
    curves: Sequence[Curve],
    *,
    truth: Curve | None = None,
    signal: str = "top",
    background: str = "QCD",
    working_points: Sequence[float] = (0.3, 0.5),
) -> Canvas:
    """Background rejection against signal efficiency, logarithmic, with bands.

    Args:
        curves: x = signal efficiency, y = background rejection 1 / efficiency; points that are not finite are left out.
        truth: the best that any model can reach, where it is known; drawn in black.
        signal: name of the class with label 1.
        background: name of the class with label 0.
        working_points: signal efficiencies that are marked.

    Raises:
        InputError: there is no curve, or arrays differ in length.
    """
    _some(curves, "ROC curves")
    figure, axes = canvas(width=6.2, height=4.5)
    ax = axes[0, 0]
    top = 10.0
    for i, curve in enumerate(curves):
        columns = _thinned(curve.columns())
        x, y, colour = columns["x"], columns["y"], colour_of(i)
        _band(ax, columns, "spread_low", "spread_high", colour, 0.16)
        _band(ax, columns, "low", "high", colour, 0.34)
        ax.plot(x, y, color=colour, linestyle=dashes_of(i), label=curve.label)
        top = max(top, float(np.nanmax(np.where(x >= 0.1, y, np.nan), initial=1.0)))
    if truth is not None:
        columns = _thinned(truth.columns())
        ax.plot(columns["x"], columns["y"], color=INK, linewidth=1.1, label=truth.label)
        _band(ax, columns, "low", "high", INK, 0.15)
    for point in working_points:
        ax.axvline(point, color=RULE, linewidth=0.9, zorder=0)
        ax.annotate(
            f"R{100 * point:.0f}", (point, 0), (3, 6), xycoords=("data", "axes fraction"), textcoords="offset points",
            fontsize=8, color=MUTED,
        )  # fmt: skip
    ax.set(yscale="log", xlim=(0, 1), ylim=(1, 3 * top))
    ax.set_xlabel(f"Signal efficiency $\\varepsilon_S$ ({plain(signal)})")
    ax.set_ylabel(f"Background rejection $1/\\varepsilon_B$ ({plain(background)})")
    _legend_with_bands(ax, curves)
    return figure


def _band(ax: Axes, columns: Mapping[str, Array], low: str, high: str, colour: str, alpha: float) -> None:
    if low in columns and high in columns:
        bottom, top = np.maximum(columns[low], 1e-3), np.nan_to_num(columns[high], nan=np.nan, posinf=1e12)
        ax.fill_between(columns["x"], bottom, top, color=colour, alpha=alpha, linewidth=0)


def _legend_with_bands(ax: Axes, curves: Sequence[Curve]) -> None:
    from matplotlib.patches import Patch

    handles, labels = ax.get_legend_handles_labels()
    for attribute, alpha, text in (("low", 0.45, "statistical, 68 %"), ("spread_low", 0.2, "seeds, 16 to 84 %")):
        if any(getattr(curve, attribute) is not None for curve in curves):
            handles.append(Patch(color=MUTED, alpha=alpha, linewidth=0))
            labels.append(text)
    ax.legend(handles=handles, labels=labels, loc="upper right")


def _thinned(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Finite points only, and of these at most ``POINTS`` at about equal distances along the drawn curve."""
    keep = np.isfinite(columns["x"]) & np.isfinite(columns["y"]) & (columns["y"] > 0)
    kept = {name: values[keep] for name, values in columns.items()}
    if keep.sum() <= POINTS:
        return kept
    x, y = kept["x"], np.log(kept["y"])
    step = np.abs(np.diff(x)) / max(np.ptp(x), 1e-12) + np.abs(np.diff(y)) / max(np.ptp(y), 1e-12)
    length = np.concatenate([[0.0], np.cumsum(step)])
    index = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)).clip(0, len(x) - 1))
    return {name: values[index] for name, values in kept.items()}


@styled
def calibration(curves: Sequence[Reliability], *, signal: str = "top") -> Canvas:
    """Reliability diagram with the diagonal, and the difference to it below.

    Args:
        curves: one a model; bins that are not finite are left out.
        signal: name of the class with label 1.

    Raises:
        InputError: there is no curve, or arrays differ in length.
    """
    _some(curves, "reliability curves")
    figure, axes = canvas(2, height=4.6, heights=(3, 1), share_x=True)
    main, below = axes[:, 0]
    main.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 2)), label="perfect")
    below.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
    reach = 0.02
    for i, curve in enumerate(curves):
        same_lengths(predicted=curve.predicted, observed=curve.observed, low=curve.low, high=curve.high)
        x, y = curve.predicted, curve.observed
        bars = _bars(y, curve.low, curve.high)
        style = {"color": colour_of(i), "fmt": marker_of(i), "markersize": 4.5, "linewidth": 1, "elinewidth": 1.1}
        note = f"  ECE {_signs(curve.error)}" if curve.error is not None else ""
        main.errorbar(x, y, bars, linestyle=dashes_of(i), label=plain(curve.name) + note, **style)
        below.errorbar(x, y - x, bars, linestyle="none", **style)
        reach = max(reach, float(np.nanmax(np.abs(y - x) + bars.max(axis=0), initial=0.0)))
    main.set(xlim=(0, 1), ylim=(0, 1), ylabel=f"Fraction of {plain(signal)}")
    below.set(xlabel="Mean score in the bin", ylabel="difference", ylim=(-1.15 * reach, 1.15 * reach))
    legend_above(figure, main)
    figure.align_ylabels()
    return figure


@styled
def history(
    trainings: Sequence[Training], *, models: Sequence[str] = (), quantity: str = "Loss (binary cross-entropy)"
) -> Canvas:
    """Training and validation loss against the epoch, with the epoch that was kept.

    Args:
        trainings: one a model and seed; those of one name share a colour.
        models: all models in the order of the other figures, so that each keeps its colour.
        quantity: label of the y axis.

    Raises:
        InputError: there is no training, or one has no epoch.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    _some(trainings, "trainings")
    names = list(dict.fromkeys([*models, *(training.name for training in trainings)]))
    shown = sorted({names.index(training.name) for training in trainings})
    figure, axes = canvas(height=3.6)
    ax = axes[0, 0]
    for training in trainings:
        i = names.index(training.name)
        same_lengths(train=np.asarray(training.train))
        epochs = np.arange(1, len(training.train) + 1)
        alone = "." if len(epochs) == 1 else None
        ax.plot(epochs, training.train, marker=alone, color=colour_of(i), linestyle=(0, (2, 1.5)), linewidth=1)
        checked = np.asarray(training.validation, float)
        ax.plot(epochs[: len(checked)], checked, color=colour_of(i), linewidth=1.5)
        if training.chosen is not None and 1 <= training.chosen <= len(checked):
            chosen = (training.chosen, checked[training.chosen - 1])
            ax.plot(*chosen, marker_of(i), color=colour_of(i), markersize=7, markeredgecolor=INK, markeredgewidth=0.8)
    handles: list[Any] = [
        Line2D([], [], color=colour_of(i), marker=marker_of(i), markeredgecolor=INK, markeredgewidth=0.8) for i in shown
    ]
    handles += [Line2D([], [], color=MUTED, linestyle=(0, (2, 1.5)), linewidth=1), Line2D([], [], color=MUTED)]
    labels = [*(plain(names[i]) for i in shown), "training", "validation (marker: epoch kept)"]
    legend_above(figure, ax, handles=handles, labels=labels)
    ax.set(xlabel="Epoch", ylabel=quantity, xlim=(0.5, max(len(training.train) for training in trainings) + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.xaxis.minorticks_off()
    return figure


@styled
def importance(values: Mapping[str, Estimate], quantity: str, *, most: int = 15, model: int = 0) -> Canvas:
    """Bars with errors, largest first: what a model loses without each input.

    Args:
        values: input -> loss with its error.
        quantity: label of the x axis, as ``"AUC lost when shuffled"``.
        most: at most so many inputs.
        model: index of the model in the other figures; gives its colour.

    Raises:
        InputError: nothing finite to show.
    """
    finite = {name: value for name, value in values.items() if np.isfinite(value.value)}
    _some(finite, "importances")
    shown = sorted(finite.items(), key=lambda item: item[1].value, reverse=True)[:most]
    figure, axes = canvas(height=0.9 + 0.27 * len(shown))
    ax = axes[0, 0]
    x = np.array([value.value for _, value in shown])
    bars = _bars(x, [value.low for _, value in shown], [value.high for _, value in shown])
    rows = np.arange(len(shown))
    ax.barh(rows, x, height=0.64, color=colour_of(model), alpha=0.35)
    ax.errorbar(x, rows, xerr=bars, fmt=marker_of(model), color=colour_of(model), markersize=4, elinewidth=1.2)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(rows, [plain(name) for name, _ in shown])
    ax.tick_params(axis="y", which="both", length=0)
    ax.set(xlabel=quantity, ylim=(len(shown) - 0.4, -0.6))
    ax.grid(axis="x", color=RULE, linewidth=0.6)
    return figure


def _bars(values: Array, low: Array | Sequence[float], high: Array | Sequence[float]) -> Array:
    """Lengths of error bars, shape (2, N): never negative, 0 where an end is open."""
    down = np.asarray(values, float) - np.asarray(low, float)
    up = np.asarray(high, float) - np.asarray(values, float)
    bars = np.stack([down, up])
    return np.where(np.isfinite(bars), bars, 0.0).clip(0.0)


def _signs(value: Estimate) -> str:
    return str(value).replace("+-", "±")


def _some(things: Sequence[Any] | Mapping[str, Any], what: str) -> None:
    if not things:
        raise InputError(f"there are no {what} to draw")

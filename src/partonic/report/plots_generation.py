"""Figures of generated samples: features beside the truth with their ratio, the weights of a classifier, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.result import Table
from partonic.report.plots_jets import Observable
from partonic.report.style import (
    INK,
    MUTED,
    Array,
    canvas,
    colour_of,
    dashes_of,
    histogram,
    legend_above,
    marker_of,
    plain,
    same_lengths,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from partonic.generation.amplification import Amplification
    from partonic.generation.evaluate import Evaluation, Separation, TwoSample

BINS = 50  # of the weights of a classifier
RATIOS = (0.5, 1.5)
PANEL, HEIGHT = 3.2, 3.3  # inches of one of several panels, its ratio included
COLUMNS = 3


@dataclass(frozen=True)
class Quantity:
    """A quantity of the truth and of generated samples.

    Args:
        truth: values (n,) with their label and binning, which is found from them where there is none.
        generated: name of the generator -> (m,).
        weight: of the truth, (n,); ones if None.
        weights: name of the generator -> (m,); ones where there is none.
        bands: name of the generator -> relative error of its learned density in each bin, (bins,), shaded.
    """

    truth: Observable
    generated: Mapping[str, Array]
    weight: Array | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)
    bands: Mapping[str, Array] = field(default_factory=dict)


@styled
def beside_truth(quantities: Sequence[Quantity]) -> Canvas:
    """Densities of the truth (filled) and of each generator (lines), and below them their ratios.

    The grey band is the statistical error of the truth, the bars of a generator that of its own events.

    Args:
        quantities: one a panel, all of the same generators.

    Raises:
        InputError: there is no quantity or generator, lengths differ, or no event of the truth is in the bins.
    """
    if not quantities or not all(one.generated for one in quantities):
        raise InputError("a figure of generated samples needs one quantity and one of them or more")
    columns, rows = min(len(quantities), COLUMNS), -(-len(quantities) // COLUMNS)
    width, height = (5.0, 4.2) if len(quantities) == 1 else (PANEL * columns + 0.4, HEIGHT * rows)
    figure, axes = canvas(2 * rows, columns, width=width, height=height, heights=(2.5, 1.0) * rows)
    for place in range(rows * columns):
        main, below = (axes[2 * (place // columns) + i, place % columns] for i in (0, 1))
        if place >= len(quantities):
            main.remove()
            below.remove()
            continue
        _panel(main, below, quantities[place])
        if place % columns == 0:
            main.set_ylabel("Density")
            below.set_ylabel("over truth")
    legend_above(figure, axes[0, 0], columns=3)
    figure.align_ylabels()
    return figure


def _panel(main: Axes, below: Axes, one: Quantity) -> None:
    """One quantity, and its ratios to the truth."""
    same_lengths(truth=one.truth.values, weights=one.weight)
    edges = one.truth.binning()
    truth, error = histogram(one.truth.values, one.weight, edges)
    there = truth > 0
    if not there.any():
        raise InputError(f"no event of the truth is between {edges[0]:g} and {edges[-1]:g} in '{one.truth.label}'")
    middle = 0.5 * (edges[1:] + edges[:-1])
    main.stairs(truth, edges, fill=True, color=INK, alpha=0.15)
    main.stairs(truth, edges, color=INK, label="truth")
    band = np.divide(error, truth, out=np.zeros(len(truth)), where=there)
    below.stairs(1 + band, edges, baseline=1 - band, fill=True, color=MUTED, alpha=0.3)
    below.axhline(1.0, color=INK, linewidth=0.8)
    for i, (name, values) in enumerate(one.generated.items()):
        density, spread = histogram(values, one.weights.get(name), edges)
        colour = colour_of(i)
        main.stairs(
            density, edges, baseline=None, color=colour, linestyle=dashes_of(i), linewidth=1.3, label=plain(name)
        )
        ratio, bar = (
            np.divide(part, truth, out=np.full(len(truth), np.nan), where=there) for part in (density, spread)
        )
        below.errorbar(middle, ratio, bar, fmt="o", markersize=2, linewidth=0.8, color=colour)
        if name in one.bands:
            low, high = ratio * (1 - one.bands[name]), ratio * (1 + one.bands[name])
            below.fill_between(middle, low, high, step="mid", color=colour, alpha=0.25, linewidth=0)
    main.set_yscale("log" if one.truth.log else "linear")
    if not one.truth.log:
        main.set_ylim(bottom=0)
    main.tick_params(labelbottom=False)
    below.set(xlabel=one.truth.label, ylim=RATIOS)
    for axes in (main, below):
        axes.set_xlim(edges[0], edges[-1])


@styled
def classifier_weights(tests: Mapping[str, TwoSample]) -> Canvas:
    r"""Histograms of the weight :math:`p_{\rm truth} / p_{\rm generated}` that a classifier gives to events.

    A faithful generator has a narrow peak at 1. Generated events of small weight should not be there; true events of
    large weight are what the generator misses (arXiv:2305.16774). In grey the same of one half of the truth against the
    other: as wide as the noise of the classifier makes it.

    Args:
        tests: name of the generator -> its classifier test.

    Raises:
        InputError: there is no test.
    """
    if not tests:
        raise InputError("a figure of classifier weights needs a classifier test or more")
    figure, axes = canvas(1, 2, width=8.0, height=3.6, share_y=True)
    lines = _weight_lines(tests)
    reach = max(float(np.abs(np.quantile(one.log_ratio, [1e-3, 1 - 1e-3])).max()) for one, _ in lines)
    reach = float(np.clip(reach / np.log(10), 0.3, 4.0))
    edges = np.linspace(-reach, reach, BINS + 1)
    for ax, of, title in zip(axes[0], ("", "_truth"), ("Generated", "Truth"), strict=True):
        for one, style in lines:
            logs = np.clip(getattr(one, f"log_ratio{of}") / np.log(10), edges[0], edges[-1])
            shares = np.histogram(logs, edges, weights=getattr(one, f"weight{of}"))[0]
            ax.stairs(shares, edges, **style)
        ax.axvline(0.0, color=MUTED, linewidth=0.8)
        ax.set(title=title, xlabel="Weight of the classifier, log10", yscale="log")
    axes[0, 0].set(ylabel="Share")
    legend_above(figure, axes[0, 0])
    return figure


def _weight_lines(tests: Mapping[str, TwoSample]) -> list[tuple[Separation, dict[str, Any]]]:
    """What is drawn, and how: each generator's, and before it its truth against truth, once if that is one for all."""
    shared = len({id(test.baseline) for test in tests.values()}) == 1
    lines: list[tuple[Separation, dict[str, Any]]] = []
    for i, (name, test) in enumerate(tests.items()):
        each: list[tuple[Separation, str, str]] = [(test, colour_of(i), plain(name))]
        if i == 0 or not shared:
            each.insert(0, (test.baseline, MUTED, f"truth against truth{'' if shared else f', {plain(name)}'}"))
        for one, colour, label in each:
            lines.append((one, {"color": colour, "linestyle": dashes_of(i), "label": f"{label}  AUC {one.auc}"}))
    return lines


@styled
def amplification_by_size(found: Mapping[str, Sequence[Amplification]]) -> Canvas:
    """Factors of amplification against the size of the training sample: generators (full), the samples (open).

    Args:
        found: name of a density -> one for each size.

    Raises:
        InputError: there is none.
    """
    if not found or not all(found.values()):
        raise InputError("a figure of amplification needs a density and a training size or more")
    figure, axes = canvas(1, 1)
    ax = axes[0, 0]
    ax.axhline(1.0, color=MUTED, linewidth=0.8)
    for i, (name, each) in enumerate(found.items()):
        style = {"color": colour_of(i), "markersize": 4.5, "linewidth": 1.0, "fmt": marker_of(i)}
        size = np.array([one.effective for one in each]) * (1 + 0.05 * i)
        for kind, key, mark in (("flow", "factor", {}), ("truth", "truth", {"markerfacecolor": "none", "alpha": 0.6})):
            values = [getattr(one, key) for one in each]
            heights, errors = ([getattr(one, part) for one in values] for part in ("value", "error"))
            shift = 1.02 if kind == "truth" else 1.0
            ax.errorbar(size * shift, heights, errors, label=f"{plain(name)}, {kind}", **style, **mark)
    ax.set(xscale="log", xlabel="Training events", ylabel="Equivalent over training events", ylim=(0, None))
    legend_above(figure, ax)
    return figure


@styled
def band_beside_truth(edges: Array, share: Array, spread: Array, truth: Array, events: int, label: str) -> Canvas:
    """What a Bayesian generator says of each bin (band: spread of its weights) and the truth; pulls below.

    Args:
        edges: of the bins, (bins + 1,).
        share: of the generated events, (bins,).
        spread: of the shares from draw to draw of the weights, (bins,).
        truth: counts of the truth, (bins,), all of its events.
        events: number of events of the truth, inside the bins or not.
        label: of the quantity.

    Raises:
        InputError: the numbers of bins differ.
    """
    if not len(edges) - 1 == len(share) == len(spread) == len(truth):
        raise InputError(f"{len(edges) - 1} bins do not fit {len(share)} shares and {len(truth)} true counts")
    figure, axes = canvas(2, 1, height=4.4, heights=(2.4, 1.0), share_x=True)
    main, below = axes[0, 0], axes[1, 0]
    width = np.diff(edges)
    low, high = (share - spread) / width, (share + spread) / width
    main.stairs(high, edges, baseline=low, fill=True, color=colour_of(0), alpha=0.35, label="generator, one sigma")
    main.stairs(share / width, edges, baseline=None, color=colour_of(0), linewidth=1.1)
    exact, error = truth / events, np.sqrt(truth) / events
    middle = 0.5 * (edges[1:] + edges[:-1])
    style = {"fmt": "o", "markersize": 2.8, "color": "0.25", "elinewidth": 0.9}
    main.errorbar(middle, exact / width, error / width, label="truth", **style)
    some = exact > 0
    ratio = [
        np.divide(part, exact, out=np.full(len(exact), np.nan), where=some) for part in (low * width, high * width)
    ]
    below.stairs(ratio[1], edges, baseline=ratio[0], fill=True, color=colour_of(0), alpha=0.35)
    below.errorbar(middle[some], np.ones(some.sum()), (error / np.maximum(exact, 1e-300))[some], **style)
    main.set(ylabel="Density", ylim=(0, None))
    below.set(xlabel=plain(label), ylabel="over truth", ylim=RATIOS, xlim=(edges[0], edges[-1]))
    legend_above(figure, main)
    return figure


def evaluation_table(evaluations: Mapping[str, Evaluation], name: str = "evaluation") -> Table:
    """What was measured of each generator, beside truth against truth.

    Args:
        evaluations: name of the generator -> its evaluation, all of the same truth and features.
        name: of the table's file.

    Raises:
        InputError: there is no evaluation, or they are of other features.
    """
    if not evaluations:
        raise InputError("a table of evaluations needs one or more")
    every = {generator: list(one.rows()) for generator, one in evaluations.items()}
    measures = [[row["measure"] for row in rows] for rows in every.values()]
    if any(others != measures[0] for others in measures):
        raise InputError("the evaluations of a table must have the same features and resonances")
    first = next(iter(every.values()))
    rows = tuple(
        {
            "measure": row["measure"],
            **{generator: rows[i]["generated"] for generator, rows in every.items()},
            "truth": row["truth"],
            "ideal": row["ideal"],
        }
        for i, row in enumerate(first)
    )
    caption = (
        "Generated samples against the truth. The column truth has the same of one half of the truth against the "
        "other; for a resonance, its own peak. Distances of features are in their units; Fréchet and kernel distance "
        "see values of a feature up to 5 units of its quantiles from its median."
    )
    return Table(name, caption, ("measure", *every, "truth", "ideal"), rows)

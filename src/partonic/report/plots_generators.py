"""Figures of several generators beside one truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.plots_jets import Observable
from partonic.report.style import MUTED, canvas, colour_of, dashes_of, histogram, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

RATIOS = (0.6, 1.4)
PANEL, HEIGHT = 3.2, 3.3  # inches of one of several panels, its ratio included
COLUMNS = 3


@styled
def generators_beside_truth(observables: Sequence[Observable], generated: Mapping[str, Array]) -> Canvas:
    """Quantities of the truth (filled) and of each generator (lines), their ratios below with the error of the truth.

    Args:
        observables: the truth with its binning (found from the truth where it has none), d of them.
        generated: name -> the same quantities of its events, (n, d).

    Raises:
        InputError: there is no generator, or a generator has other quantities.
    """
    if not generated or not observables:
        raise InputError("there is no generator to draw beside the truth, or no quantity of it")
    for name, values in generated.items():
        if values.ndim != 2 or values.shape[1] != len(observables):
            raise InputError(f"'{name}' needs values of the shape (n, {len(observables)}), not {values.shape}")
    columns, rows = min(len(observables), COLUMNS), -(-len(observables) // COLUMNS)
    width, height = PANEL * columns + 0.4, HEIGHT * rows
    figure, axes = canvas(2 * rows, columns, heights=(2.4, 1.0) * rows, width=width, height=height)
    for place in range(rows * columns):
        main, below = axes[2 * (place // columns), place % columns], axes[2 * (place // columns) + 1, place % columns]
        if place >= len(observables):
            main.remove()
            below.remove()
            continue
        _panel(main, below, observables[place], {name: values[:, place] for name, values in generated.items()})
        if place % columns == 0:
            main.set_ylabel("Density")
            below.set_ylabel("over truth")
    legend_above(figure, axes[0, 0], columns=3)
    figure.align_ylabels()
    return figure


def _panel(main: Axes, below: Axes, observable: Observable, generated: Mapping[str, Array]) -> None:
    """One quantity: the truth, and values (n,) of each generator."""
    edges = observable.binning()
    truth, error = histogram(observable.values, None, edges)
    main.stairs(truth, edges, fill=True, color=MUTED, alpha=0.25, label="truth")
    some = truth > 0
    band = np.divide(error, truth, out=np.zeros(len(truth)), where=some)
    below.stairs(1 + band, edges, baseline=1 - band, fill=True, color=MUTED, alpha=0.25)
    for i, (name, values) in enumerate(generated.items()):
        density, _ = histogram(values, None, edges)
        style = {"color": colour_of(i), "linestyle": dashes_of(i), "linewidth": 1.2}
        main.stairs(density, edges, baseline=None, label=plain(name), **style)
        ratio = np.divide(density, truth, out=np.full(len(truth), np.nan), where=some)
        below.stairs(ratio, edges, baseline=None, **style)
    main.set_yscale("log" if observable.log else "linear")
    if not observable.log:
        main.set_ylim(bottom=0)
    for axes in (main, below):
        axes.set_xlim(edges[0], edges[-1])
    main.tick_params(labelbottom=False)
    below.set(xlabel=observable.label, ylim=RATIOS)


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

"""Figures of generated jets beside true ones: histograms with their ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.report.plots_jets import Observable
from partonic.report.style import CLASS_COLOURS, MUTED, canvas, histogram, legend_above, same_lengths, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

PANEL, HEIGHT = 3.2, 3.3  # inches of one of several panels, its ratio included
COLUMNS = 3
RATIOS = (0.5, 1.5)


@dataclass(frozen=True)
class Matched:
    """A quantity of generated jets, or of their particles, and of true ones.

    Args:
        truth: with its binning, found from the truth where it has none.
        generated: (M,).
        weight: of the truth, (N,); ones if None.
    """

    truth: Observable
    generated: Array
    weight: Array | None = None


@styled
def jets_beside_truth(quantities: Sequence[Matched]) -> Canvas:
    """Distributions of the truth (filled) and of generated jets (points), their ratio below each, with errors.

    Args:
        quantities: one a panel.

    Raises:
        InputError: there is nothing to draw, or lengths differ.
    """
    if not quantities:
        raise InputError("there are no quantities of generated jets to draw")
    columns, rows = min(len(quantities), COLUMNS), -(-len(quantities) // COLUMNS)
    figure, axes = canvas(
        2 * rows, columns, width=PANEL * columns + 0.4, height=HEIGHT * rows, heights=(2.5, 1.0) * rows
    )
    for place in range(rows * columns):
        main, below = (axes[2 * (place // columns) + i, place % columns] for i in (0, 1))
        if place >= len(quantities):
            main.remove()
            below.remove()
            continue
        one = quantities[place]
        same_lengths(truth=one.truth.values, weights=one.weight)
        edges = one.truth.binning()
        _panel(
            main, below, edges, histogram(one.truth.values, one.weight, edges), histogram(one.generated, None, edges)
        )
        if one.truth.log:
            main.set_yscale("log")
        else:
            main.set_ylim(bottom=0)
        below.set_xlabel(one.truth.label)
        if place % columns == 0:
            main.set_ylabel("Density")
            below.set_ylabel("over truth")
    legend_above(figure, axes[0, 0])
    figure.align_ylabels()
    return figure


def _panel(main: Axes, below: Axes, edges: Array, truth: tuple[Array, Array], made: tuple[Array, Array]) -> None:
    """One quantity: densities with errors (bins,) of both samples."""
    blue, red = CLASS_COLOURS
    (right, right_error), (ours, our_error) = truth, made
    main.stairs(right, edges, fill=True, color=blue, alpha=0.3, label="truth")
    main.stairs(right, edges, color=blue, linewidth=1.1)
    middles, both = 0.5 * (edges[1:] + edges[:-1]), right > 0
    style: dict[str, Any] = {"fmt": "o", "color": red, "markersize": 2.6, "elinewidth": 0.9}
    some = ours > 0
    main.errorbar(middles[some], ours[some], our_error[some], label="generated", **style)
    band = np.divide(right_error, right, out=np.zeros(len(right)), where=both)
    below.stairs(1 + band, edges, baseline=1 - band, fill=True, color=blue, alpha=0.3)
    below.axhline(1, color=MUTED, linewidth=0.8)
    below.errorbar(middles[both], ours[both] / right[both], our_error[both] / right[both], **style)
    below.set(ylim=RATIOS)
    for axes in (main, below):
        axes.set_xlim(edges[0], edges[-1])
        axes.minorticks_off()
    main.tick_params(labelbottom=False)

"""Figures of integrals: a distribution beside its truth, and how even the weights became."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array


@styled
def beside_truth(
    edges: Array, shares: Array, errors: Array, truth: Array, label: str, learning: Sequence[tuple[str, float]]
) -> Canvas:
    """Events of equal weight in bins with the exact shares (left), and the effective share of points (right).

    Args:
        edges: of the bins, (bins + 1,).
        shares: of the events, (bins,).
        errors: of the shares, (bins,).
        truth: exact shares, (bins,).
        label: of the variable.
        learning: name and effective share of points of each stage.

    Raises:
        InputError: the numbers of bins differ.
    """
    if not len(edges) - 1 == len(shares) == len(errors) == len(truth):
        raise InputError(f"{len(edges) - 1} bins do not fit {len(shares)} shares and {len(truth)} true ones")
    figure, axes = canvas(1, 2, width=9.0, height=3.4)
    middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    left, right = axes[0]
    left.stairs(truth / width, edges, color="0.3", label="exact")
    style = {"fmt": "o", "markersize": 3, "color": colour_of(0)}
    left.errorbar(middle, shares / width, errors / width, label="events of equal weight", **style)
    left.set(xlabel=plain(label), ylabel="Density", ylim=(0, None))
    names, values = zip(*learning, strict=True)
    right.plot(range(len(values)), values, marker="o", color=colour_of(1))
    right.set_xticks(range(len(names)), names, rotation=30)
    right.set(ylabel="Effective share of points", ylim=(0, 1))
    legend_above(figure, left)
    return figure

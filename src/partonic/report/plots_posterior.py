"""Figures of posteriors: draws beside exact ones, ranks of the truth, coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from partonic.core.errors import InputError
from partonic.report.style import INK, MUTED, Array, canvas, colour_of, dashes_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.inference.posterior_checks import Tarp

SHOWN = 600  # draws of a panel


@styled
def clouds(draws: Mapping[str, Array], names: tuple[str, str]) -> Canvas:
    """Draws of two parameters, a panel each.

    Args:
        draws: name -> (n, 2); the exact ones first, which give the range.
        names: of the parameters.

    Raises:
        InputError: there is nothing to draw.
    """
    if not draws:
        raise InputError("draws of one posterior or more are needed")
    columns = len(draws)
    figure, axes = canvas(1, columns, width=2.2 * columns, height=2.6, share_y=True)
    first = np.asarray(next(iter(draws.values())))
    low, high = np.quantile(first, [0.002, 0.998], axis=0)
    room = 0.25 * (high - low) + 1e-12
    for i, (ax, (name, cloud)) in enumerate(zip(axes[0], draws.items(), strict=True)):
        points = np.asarray(cloud)[:SHOWN]
        colour = INK if i == 0 else colour_of(i - 1)
        ax.plot(points[:, 0], points[:, 1], linestyle="none", marker="o", markersize=1.3, color=colour)
        ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
        ax.set(title=plain(name), xlabel=plain(names[0]))
    axes[0, 0].set_ylabel(plain(names[1]))
    return figure


@styled
def ranks(histograms: Mapping[str, NDArray[np.int64]]) -> Canvas:
    """Histograms of ranks of the truth, a panel each, with the band in which 95 % of even counts lie.

    Args:
        histograms: name -> (p, bins), of the same p parameters.

    Raises:
        InputError: there is nothing to draw.
    """
    if not histograms:
        raise InputError("ranks of one posterior or more are needed")
    columns = len(histograms)
    figure, axes = canvas(1, columns, width=max(3.2, 2.6 * columns), height=2.7, share_y=True)
    for ax, (name, counts) in zip(axes[0], histograms.items(), strict=True):
        bins, events = counts.shape[1], int(counts[0].sum())
        edges = np.linspace(0, 1, bins + 1)
        ax.axhspan(*binom.interval(0.95, events, 1 / bins), color=MUTED, alpha=0.25, linewidth=0)
        for i, row in enumerate(counts):
            look = {"color": colour_of(i % 8), "linestyle": dashes_of(i)}
            ax.stairs(row, edges, label=f"theta {i + 1}", linewidth=1.1, **look)
        ax.set(title=plain(name), xlabel="Rank of the truth among draws", xlim=(0, 1))
    axes[0, 0].set(ylabel="Events", ylim=(0, None))  # once all panels are filled: they share the axis
    legend_above(figure, axes[0, 0], columns=5)
    return figure


@styled
def coverage(curves: Mapping[str, Tarp]) -> Canvas:
    """Share of truths in regions about random points against the regions' credibility.

    Args:
        curves: name -> coverage.

    Raises:
        InputError: there is nothing to draw.
    """
    if not curves:
        raise InputError("the coverage of one posterior or more is needed")
    figure, axes = canvas(height=3.7)
    ax = axes[0, 0]
    events = min(one.events for one in curves.values())
    line = np.linspace(0, 1, 51)
    half = 1.96 * np.sqrt(line * (1 - line) / events)
    ax.fill_between(line, line - half, line + half, color=MUTED, alpha=0.25, linewidth=0)
    ax.plot(line, line, color=INK, linewidth=0.9)
    for i, (name, one) in enumerate(curves.items()):
        ax.plot(one.levels, one.coverage, label=plain(name), color=colour_of(i), linestyle=dashes_of(i))
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Credibility of the region", ylabel="Truths inside")
    legend_above(figure, ax, columns=2)
    return figure

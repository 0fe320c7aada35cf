"""Figures of learned likelihood ratios beside the exact ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import MUTED, canvas, colour_of, dashes_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

BINS = 25
OUTER = 0.005  # share of the events that is left out at either end
LARGEST = 8.0  # of the logarithms that are drawn: beyond, either density hardly has an event


@styled
def agreement(exact: Array, learned: Mapping[str, Array]) -> Canvas:
    """Learned less exact log-likelihood ratio against the exact one: median (line) and central 68 % (band).

    Drawn where the exact one is between -8 and 8.

    Args:
        exact: of each event, (n,).
        learned: name -> of the same events, (n,).

    Raises:
        InputError: there is nothing to draw, too little in that range, or the lengths differ.
    """
    truth = np.asarray(exact, dtype=np.float64)
    if not learned or len(truth) < BINS or any(np.shape(values) != truth.shape for values in learned.values()):
        raise InputError(f"the agreement of ratios needs {BINS} events or more, the same for all ratios")
    figure, axes = canvas(height=3.9)
    ax = axes[0, 0]
    inner = np.argsort(truth)[int(OUTER * len(truth)) : len(truth) - int(OUTER * len(truth))]
    inner = inner[np.abs(truth[inner]) <= LARGEST]
    if len(inner) < BINS:
        raise InputError(
            f"{len(inner)} events have an exact ln r between -{LARGEST:g} and {LARGEST:g}, too few to draw"
        )
    parts = np.array_split(inner, BINS)
    middle = [float(np.median(truth[part])) for part in parts]
    for i, (name, values) in enumerate(learned.items()):
        away = np.asarray(values, dtype=np.float64) - truth
        low, line, high = np.array([np.quantile(away[part], [0.16, 0.5, 0.84]) for part in parts]).T
        ax.fill_between(middle, low, high, color=colour_of(i), alpha=0.18, linewidth=0)
        ax.plot(middle, line, label=plain(name), color=colour_of(i), linestyle=dashes_of(i), linewidth=1.5)
    ax.axhline(0.0, color=MUTED, linewidth=0.9, linestyle=":")
    ax.set(xlabel="Exact ln r", ylabel="Learned less exact ln r")
    legend_above(figure, ax, columns=3)
    return figure

"""Figures against the number of training jets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report.style import canvas, colour_of, dashes_of, legend_above, marker_of, plain, same_lengths, styled

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array


@dataclass(frozen=True)
class Learning:
    """A quantity of one model (or way to train) at several numbers of training jets.

    Args:
        name: of the model.
        sizes: (points,) numbers of training jets.
        values: (points,) with their errors.
        law: a fit, drawn through the points; none if None.
    """

    name: str
    sizes: Sequence[int]
    values: Sequence[Estimate]
    law: Callable[[Array], Array] | None = None


@styled
def learning_curves(
    panels: Sequence[tuple[str, Sequence[Learning]]],
    *,
    logarithmic: bool = True,
    best: Sequence[Estimate] = (),
) -> Canvas:
    """Errors or gains against the number of training jets, one panel a quantity, one colour a model.

    Args:
        panels: label of the y axis and the models of each panel, in the same order of models.
        logarithmic: the y axes, too.
        best: of each panel the value that nothing can go beyond, drawn as a line with its band; none if empty.

    Raises:
        InputError: there is nothing to draw, or sizes and values differ in length.
    """
    if not panels or any(not curves for _, curves in panels):
        raise InputError("there are no learning curves to draw")
    from matplotlib.ticker import NullFormatter

    figure, axes = canvas(1, len(panels), width=3.6 * len(panels) + 0.6, height=3.9)
    for i, limit in enumerate(best):
        axes[0, i].axhspan(limit.low, limit.high, color="0.5", alpha=0.25, linewidth=0)
        axes[0, i].axhline(limit.value, color="0.2", linewidth=1.2, label="exact likelihood ratio")
    for ax, (label, curves) in zip(axes[0], panels, strict=True):
        for i, curve in enumerate(curves):
            same_lengths(sizes=np.asarray(curve.sizes), values=np.asarray(curve.values, dtype=object))
            x, y = np.asarray(curve.sizes, float), np.array([value.value for value in curve.values])
            ends = np.array([[value.value - value.low, value.high - value.value] for value in curve.values]).T
            bars = np.where(np.isfinite(ends), ends, 0.0).clip(0.0)
            style = {"color": colour_of(i), "markersize": 4.5, "elinewidth": 1.2}
            line = "none" if curve.law is not None else dashes_of(i)
            ax.errorbar(x, y, bars, fmt=marker_of(i), linestyle=line, linewidth=1, label=plain(curve.name), **style)
            if curve.law is not None:
                fine = np.geomspace(x.min() / 1.3, x.max() * 1.3, 200)
                ax.plot(fine, curve.law(fine), color=colour_of(i), linestyle=dashes_of(i), linewidth=1.2)
        ax.set(xscale="log", xlabel="Training jets", ylabel=label)
        sizes = sorted({size for curve in curves for size in curve.sizes})
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.xaxis.set_minor_formatter(NullFormatter())
        if logarithmic:
            ax.set_yscale("log")
    legend_above(figure, axes[0, 0], columns=4)
    return figure

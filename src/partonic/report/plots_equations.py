"""Figures of solved differential equations: solution, error and residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, dashes_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

SMALLEST = 1e-17  # differences of double precision that are exactly 0 are drawn here


@dataclass(frozen=True)
class Line:
    """One way of solving along a line through the domain.

    Args:
        name: of the way.
        values: (points,) the field.
        error: (points,) its distance from the exact solution, or the estimate where none is known.
        residual: (points,) what the equation leaves over.
    """

    name: str
    values: Array
    error: Array
    residual: Array


@styled
def solutions(x: Array, lines: Sequence[Line], exact: Array | None, *, along: str = "x") -> Canvas:
    """Solution (left), error (middle) and residual (right) along a line, the last two on a logarithmic axis.

    Args:
        x: (points,) where.
        lines: the ways of solving.
        exact: (points,) the known solution; None if there is none.
        along: what x is.

    Raises:
        InputError: there is nothing to draw.
    """
    if not lines:
        raise InputError("there are no solutions to draw")
    figure, axes = canvas(1, 3, width=9.6, height=3.4)
    for i, line in enumerate(lines):
        style = {"color": colour_of(i), "linestyle": dashes_of(i), "linewidth": 1.4}
        axes[0, 0].plot(x, line.values, label=plain(line.name), **style)
        axes[0, 1].plot(x, np.maximum(np.abs(line.error), SMALLEST), **style)
        axes[0, 2].plot(x, np.maximum(np.abs(line.residual), SMALLEST), **style)
    if exact is not None:
        few = slice(None, None, max(1, len(x) // 20))
        axes[0, 0].plot(x[few], exact[few], "o", color="0.3", markersize=3, fillstyle="none", label="exact")
    error = "Error" if exact is not None else "Estimated error"
    for ax, label in zip(axes[0], ("Solution", error, "Residual"), strict=True):
        ax.set(xlabel=along, ylabel=label)
    for ax in axes[0, 1:]:
        ax.set_yscale("log")
    legend_above(figure, axes[0, 0], columns=3)
    return figure

"""Figures of planes of two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import INK, Array, canvas, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

DECADES = 8.0  # that the colours span, at most


@dataclass(frozen=True)
class Panel:
    """A quantity over the plane.

    Args:
        title: its name.
        values: (across, along); nan or 0 is left white.
        line: value at which a line is drawn; None for none.
    """

    title: str
    values: Array
    line: float | None = None


@styled
def planes(x: Array, y: Array, panels: Sequence[Panel], names: tuple[str, str]) -> Canvas:
    """Quantities over a plane in logarithmic colours, a panel each.

    Args:
        x: points along, (k,).
        y: points across, (m,).
        panels: quantities (m, k).
        names: of the two parameters.

    Raises:
        InputError: there is nothing to draw, or a shape is wrong.
    """
    if not panels or any(panel.values.shape != (len(y), len(x)) for panel in panels):
        raise InputError(f"a plane needs quantities of the shape ({len(y)}, {len(x)})")
    figure, axes = canvas(1, len(panels), width=3.3 * len(panels), height=3.3, share_y=True)
    for ax, panel in zip(axes[0], panels, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.where(panel.values > 0, np.log10(panel.values), np.nan)
        some = np.isfinite(level)
        top = float(level[some].max()) if some.any() else 0.0
        bottom = max(float(level[some].min()) if some.any() else 0.0, top - DECADES)
        mesh = ax.pcolormesh(x, y, level, shading="nearest", cmap="viridis", vmin=bottom, vmax=max(top, bottom + 1e-9))
        bar = figure.colorbar(mesh, ax=ax, location="bottom", pad=0.02)
        bar.set_label(f"log10 of {plain(panel.title)}")
        if panel.line is not None and some.any() and bottom < np.log10(panel.line) < top:
            ax.contour(x, y, np.where(some, level, bottom), levels=[np.log10(panel.line)], colors=INK, linewidths=1.4)
        ax.set(title=plain(panel.title), xlabel=plain(names[0]))
        if x[0] > 0 and not np.allclose(np.diff(x), x[1] - x[0]):
            ax.set_xscale("log")
    axes[0, 0].set_ylabel(plain(names[1]))
    return figure

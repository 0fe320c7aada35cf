"""Figures of quenched jets: scores against the true energy loss, and average Lund planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report.style import (
    MUTED,
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
    from matplotlib.figure import Figure as Canvas

RATIO = (0.5, 2.0)


@dataclass(frozen=True)
class Profile:
    """A mean in bins of another quantity.

    Args:
        name: of the model.
        x: (bins,) mean of the quantity in each bin.
        values: (bins,) means with their errors.
        level: what is expected without any effect, drawn as a line.
    """

    name: str
    x: Array
    values: Sequence[Estimate]
    level: float


@styled
def profiles(curves: Sequence[Profile], *, x_label: str, y_label: str) -> Canvas:
    """Means against a quantity, one colour a model; dashed, the level without any effect.

    Args:
        curves: one a model.
        x_label: the quantity.
        y_label: what the mean is of.

    Raises:
        InputError: there is nothing to draw, or lengths differ.
    """
    if not curves:
        raise InputError("there are no profiles to draw")
    figure, axes = canvas(height=3.9)
    ax = axes[0, 0]
    for i, curve in enumerate(curves):
        same_lengths(x=np.asarray(curve.x), values=np.asarray(curve.values, dtype=object))
        y = [value.value for value in curve.values]
        bars = [value.error for value in curve.values]
        style: dict[str, Any] = {"color": colour_of(i), "markersize": 4.5, "elinewidth": 1.2, "linewidth": 1}
        ax.errorbar(curve.x, y, bars, fmt=marker_of(i), linestyle=dashes_of(i), label=plain(curve.name), **style)
        ax.axhline(curve.level, color=colour_of(i), linewidth=0.8, linestyle=(0, (2, 3)))
    ax.set(xlabel=x_label, ylabel=y_label)
    legend_above(figure, ax, columns=4)
    return figure


@styled
def lund_planes(planes: Mapping[str, Array], edges: tuple[Array, Array]) -> Canvas:
    """Average primary Lund planes of two classes, and their ratio.

    Args:
        planes: name -> emissions a jet and unit area (angles, momenta), two of them; the second is divided by the
            first.
        edges: of ln(R / delta) and ln(kt / GeV).

    Raises:
        InputError: there are not two planes.
    """
    if len(planes) != 2:
        raise InputError(f"two Lund planes are compared, not {len(planes)}")
    from matplotlib.colors import LogNorm

    figure, axes = canvas(1, 3, width=10.2, height=3.5)
    (first, low), (second, high) = planes.items()
    top = max(float(low.max()), float(high.max()), 1e-9)
    for ax, (name, plane) in zip(axes[0], planes.items(), strict=False):
        shown = ax.pcolormesh(*edges, plane.T, vmin=0, vmax=top, cmap="viridis", rasterized=True)
        ax.set_title(plain(name))
    figure.colorbar(shown, ax=list(axes[0, :2]), label="emissions a jet and unit area", pad=0.02)
    enough = low > 0.01 * top
    ratio = np.where(enough, high / np.where(enough, low, 1.0), np.nan)
    ax = axes[0, 2]
    shown = ax.pcolormesh(*edges, ratio.T.clip(*RATIO), norm=LogNorm(*RATIO), cmap="RdBu_r", rasterized=True)
    ax.set_title(plain(f"{second} / {first}"))
    ax.set_facecolor(MUTED)
    bar = figure.colorbar(shown, ax=ax, ticks=[0.5, 0.7, 1.0, 1.4, 2.0], pad=0.02)
    bar.ax.set_yticklabels(["0.5", "0.7", "1", "1.4", "2"])
    bar.ax.minorticks_off()
    for ax in axes[0]:
        ax.set_xlabel("$\\ln\\,(R\\,/\\,\\Delta)$")
    axes[0, 0].set_ylabel("$\\ln\\,(k_t\\,/\\,\\mathrm{GeV})$")
    return figure

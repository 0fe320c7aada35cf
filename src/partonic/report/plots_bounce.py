"""Figures of bubbles: profiles, paths on contours of the potential, growth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, dashes_of, legend_above, marker_of, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

SHOWN = 25  # markers of a method that is drawn as points


@styled
def profiles(radius: Array, phi: Array, others: Mapping[str, tuple[Array, Array]]) -> Canvas:
    """Fields along the radius as lines, other methods as markers.

    Args:
        radius: (points,).
        phi: (points, fields).
        others: name -> radius (points,) and the first field (points,).

    Raises:
        InputError: there is no profile to draw.
    """
    if len(radius) < 2:
        raise InputError("there is no profile to draw")
    figure, axes = canvas(1, 1, height=3.4)
    ax = axes[0, 0]
    for k in range(phi.shape[1]):
        name = f"Field {k + 1}" if phi.shape[1] > 1 else "Bounce"
        ax.plot(radius, phi[:, k], color=colour_of(k), linestyle=dashes_of(k), label=name)
    for i, (name, (r, values)) in enumerate(others.items()):
        at = np.linspace(r[0], min(r[-1], radius[-1]), SHOWN)
        look = {"color": "0.25", "markersize": 4, "fillstyle": "none", "linestyle": ""}
        ax.plot(at, np.interp(at, r, values), marker=marker_of(i), label=plain(name), **look)
    ax.set(xlabel="Radius", ylabel="Field", xlim=(0, radius[-1]))
    legend_above(figure, ax, columns=2)
    return figure


@styled
def paths(x: Array, y: Array, values: Array, lines: Mapping[str, Array], vacua: Array) -> Canvas:
    """Paths of bounces on contours of a potential of two fields.

    Args:
        x: (columns,) first field.
        y: (rows,) second field.
        values: (rows, columns) the potential.
        lines: name -> path (points, 2).
        vacua: (2, 2), the false and the true one.
    """
    figure, axes = canvas(1, 1, height=4.0)
    ax = axes[0, 0]
    low, bottom = float(values.min()), float(np.quantile(values, 0.7))
    ax.contour(x, y, values, levels=np.linspace(low, bottom, 24), colors="0.7", linewidths=0.7)
    for i, (name, line) in enumerate(lines.items()):
        ax.plot(line[:, 0], line[:, 1], color=colour_of(i), linestyle=dashes_of(i), linewidth=1.8, label=plain(name))
    for point, name, marker in zip(vacua, ("false vacuum", "true vacuum"), ("o", "s"), strict=True):
        ax.plot(*point, marker=marker, color="0.1", linestyle="", label=name)
    ax.set(xlabel="Field 1", ylabel="Field 2")
    legend_above(figure, ax, columns=2)
    return figure


@styled
def growing(radius: Array, times: Array, phi: Array, wall: Array, exact: Array | None) -> Canvas:
    """A growing bubble: profiles at some times (left), the place of its wall (right).

    Args:
        radius: (points,).
        times: (times,).
        phi: (times, points), one field.
        wall: (times,).
        exact: (times,) where it must be; None where that is not known.
    """
    figure, axes = canvas(1, 2, width=8.0, height=3.4)
    for i, number in enumerate(np.linspace(0, len(times) - 1, 5).astype(int)):
        label = f"t = {times[number]:.3g}"
        axes[0, 0].plot(radius, phi[number], color=colour_of(i), linestyle=dashes_of(i), label=label)
    axes[0, 0].set(xlabel="Radius", ylabel="Field")
    axes[0, 1].plot(times, wall, color=colour_of(0), label="wall")
    if exact is not None:
        axes[0, 1].plot(times, exact, "o", color="0.25", fillstyle="none", markersize=4, label="exact")
    axes[0, 1].plot(times, wall[0] + times, color="0.6", linestyle=":", label="light")
    axes[0, 1].set(xlabel="Time", ylabel="Radius of the wall")
    axes[0, 1].legend(loc="upper left")
    legend_above(figure, axes[0, 0], columns=5)
    return figure

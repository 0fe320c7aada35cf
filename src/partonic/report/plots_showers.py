"""Figures of showers: the mean energy in the voxels of a cylinder, and curves beside those of the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, legend_above, marker_of, plain, same_lengths, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

    Measured = tuple[Array, Array]

SMALLEST = 1e-5  # of the largest density: where the colours end
FINE = 6  # straight lines around a sector


@styled
def mean_showers(means: Mapping[str, Array], depths: Array, radii: Array) -> Canvas:
    """Mean energy a volume of each sample: along the axis (above) and across it, all layers together (below).

    Args:
        means: name -> mean energy of the voxels in GeV, (layers, rings, sectors).
        depths: between the layers in cm, (layers + 1,).
        radii: between the rings in cm from 0, (rings + 1,).

    Raises:
        InputError: there is no sample, or voxels do not fit the edges.
    """
    from matplotlib.colors import LogNorm

    shapes = {np.shape(mean)[:2] for mean in means.values()}
    if shapes != {(len(depths) - 1, len(radii) - 1)}:
        raise InputError(
            f"{len(depths) - 1} layers and {len(radii) - 1} rings do not fit voxels of {shapes or 'nothing'}"
        )
    area = np.pi * np.diff(np.asarray(radii) ** 2)
    along = {name: mean.sum(axis=2) / (np.diff(depths)[:, None] * area) for name, mean in means.items()}
    across = {name: mean.sum(axis=0) / (area[:, None] / mean.shape[2]) for name, mean in means.items()}
    figure, axes = canvas(2, len(means), width=3.2 * len(means) + 0.8, height=6.0, share_y=True)
    for row, maps in enumerate((along, across)):
        top = max(float(values.max()) for values in maps.values()) or 1.0
        scale = LogNorm(SMALLEST * top, top)
        for column, (name, values) in enumerate(maps.items()):
            panel = axes[row, column]
            shown = np.maximum(values, SMALLEST * top)
            if row == 0:
                drawn = panel.pcolormesh(depths, radii, shown.T, norm=scale, rasterized=True)
                panel.set(title=plain(name), xlabel="Depth [cm]")
            else:
                turn = np.linspace(0, 2 * np.pi, FINE * values.shape[1] + 1)
                fine = np.repeat(shown, FINE, axis=1)
                x, y = np.outer(radii, np.cos(turn)), np.outer(radii, np.sin(turn))
                drawn = panel.pcolormesh(x, y, fine, norm=scale, rasterized=True)
                panel.set(xlabel="x [cm]", aspect="equal", adjustable="datalim")
        figure.colorbar(drawn, ax=list(axes[row]), label=("GeV / cm$^3$", "GeV / cm$^2$")[row])
        axes[row, 0].set_ylabel(("Radius [cm]", "y [cm]")[row])
    return figure


@dataclass(frozen=True)
class ShowerCurve:
    """A curve of each sample.

    Args:
        x: (points,).
        truth: values and errors of the simulator, both (points,).
        found: name -> values and errors of the others, both (points,).
        x_label: of x.
        y_label: of the values.
    """

    x: Array
    truth: Measured
    found: Mapping[str, Measured]
    x_label: str
    y_label: str


@styled
def shower_curves(curves: Sequence[ShowerCurve]) -> Canvas:
    """Curves beside those of the simulator (above), and the ratio to these (below).

    Args:
        curves: one a column.

    Raises:
        InputError: there is no curve, or the numbers of points differ.
    """
    if not curves:
        raise InputError("a figure of curves needs one at least")
    figure, axes = canvas(2, len(curves), width=4.6 * len(curves), height=4.4, heights=(2.4, 1.2))
    for curve, (above, below) in zip(curves, axes.T, strict=True):
        values, errors = curve.truth
        same_lengths(x=curve.x, simulator=values, errors=errors)
        above.plot(curve.x, values, color="0.3", linewidth=1.2, label="simulator")
        below.axhline(1, color="0.3", linewidth=1.0)
        safe = np.where(values != 0, values, np.nan)
        below.fill_between(curve.x, 1 - errors / safe, 1 + errors / safe, color="0.85", linewidth=0)
        step = float(np.diff(curve.x).min()) if len(curve.x) > 1 else 1.0
        for i, (name, (mine, spread)) in enumerate(curve.found.items()):
            same_lengths(**{"x": curve.x, plain(name): mine, "its errors": spread})
            at = curve.x + 0.1 * step * (i - 0.5 * (len(curve.found) - 1))
            style = {"fmt": marker_of(i), "markersize": 4, "color": colour_of(i)}
            above.errorbar(at, mine, spread, label=plain(name), **style)
            below.errorbar(at, mine / safe, spread / safe, **style)
        top = max(
            float(np.nanmax(each)) for each in (values, *(mine + spread for mine, spread in curve.found.values()))
        )
        above.set(ylabel=plain(curve.y_label), ylim=(0, 1.08 * top or None))
        above.tick_params(labelbottom=False)
        below.set(xlabel=plain(curve.x_label), ylabel="Ratio")
    legend_above(figure, axes[0, 0], columns=3)
    return figure

"""Figures of limits on a theory: expected contours, ellipses of Fisher information, learned beside exact ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.inference.fisher import Information
from partonic.inference.intervals import threshold
from partonic.inference.limits import Scan
from partonic.report.style import INK, MUTED, canvas, colour_of, dashes_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

SHOWN = 1500  # events of a scatter plot


def _look(index: int) -> dict[str, Any]:
    """The first one is the truth, in black; the others have the colours of the series."""
    if index == 0:
        return {"color": INK, "linestyle": "-", "linewidth": 2.2}
    return {"color": colour_of(index - 1), "linestyle": dashes_of(index), "linewidth": 1.4}


@styled
def contours(
    scans: Mapping[str, Scan], levels: Sequence[float], parameters: Sequence[str], *, point: tuple[float, float]
) -> Canvas:
    """Borders of the regions of two parameters, a panel for each level, all methods in each.

    Args:
        scans: name -> scan over two parameters; the truth first.
        levels: shares that the regions hold.
        parameters: names of the two.
        point: the true one, marked by a cross.

    Raises:
        InputError: there is nothing to draw, or a scan has one parameter.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    if not scans or any(len(scan.axes) != 2 for scan in scans.values()):
        raise InputError("contours need one scan or more, of two parameters")
    figure, axes = canvas(1, len(levels), width=3.4 * len(levels), height=3.9, share_y=True)
    for panel, level in zip(axes[0], levels, strict=True):
        for i, scan in enumerate(scans.values()):
            (first, second), q = scan.fine()
            look = _look(i)
            drawn = {"colors": [look["color"]], "linestyles": [look["linestyle"]], "linewidths": [look["linewidth"]]}
            cut = threshold(level, 2)
            if q.min() < cut < q.max():
                panel.contour(first, second, q.T, levels=[cut], **drawn)
        panel.plot(*point, "+", color=MUTED, markersize=8)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.set(title=f"{level:.1%}".replace(".0%", "%"), xlabel=plain(parameters[0]), box_aspect=1)
    axes[0, 0].set_ylabel(plain(parameters[1]))
    handles = [Line2D([], [], **_look(i)) for i in range(len(scans))]
    legend_above(figure, axes[0, 0], columns=4, handles=handles, labels=[plain(name) for name in scans])
    return figure


@styled
def ellipses(
    matrices: Mapping[str, Information],
    parameters: Sequence[str],
    *,
    point: tuple[float, float],
    methods: Sequence[str] = (),
) -> Canvas:
    """Ellipses of 68 % that Fisher matrices of two parameters promise.

    Args:
        matrices: name -> information; the truth first.
        parameters: names of the two.
        point: theta of the information.
        methods: all methods in the order of the other figures, so that each keeps its colour.

    Raises:
        InputError: there is nothing to draw, or an information is not of two parameters or singular.
    """
    if not matrices:
        raise InputError("there is no Fisher information to draw")
    figure, axes = canvas(width=4.6, height=4.6)
    ax = axes[0, 0]
    order = list(dict.fromkeys([*methods, *matrices]))
    for name, information in matrices.items():
        border = information.ellipse(centre=point)
        ax.plot(border[:, 0], border[:, 1], label=plain(name), **_look(order.index(name)))
    ax.plot(*point, "+", color=MUTED, markersize=8)
    ax.set(xlabel=plain(parameters[0]), ylabel=plain(parameters[1]), box_aspect=1)
    legend_above(figure, ax, columns=3)
    return figure


@styled
def ratios(exact: Array, learned: Mapping[str, Array], *, at: str) -> Canvas:
    """Learned log ratios of events against the exact ones, a panel for each method.

    Args:
        exact: (n,).
        learned: name -> (n,).
        at: theta of the ratio, as text.

    Raises:
        InputError: there is nothing to draw.
    """
    if not learned or len(exact) == 0:
        raise InputError("there are no ratios to draw")
    count = len(learned)
    figure, axes = canvas(1, count, width=max(2.6 * count, 4.0), height=3.1, share_y=True)
    few = slice(None, None, max(1, len(exact) // SHOWN))
    every = np.concatenate([exact[few], *(one[few] for one in learned.values())])
    low, high = np.quantile(every, [0.002, 0.998])
    for i, (panel, (name, values)) in enumerate(zip(axes[0], learned.items(), strict=True)):
        panel.plot([low, high], [low, high], color=INK, linewidth=0.8)
        style = {"markersize": 1.6, "alpha": 0.5, "color": colour_of(i), "rasterized": True}
        panel.plot(exact[few], values[few], ".", **style)
        panel.set(title=plain(name), xlabel=f"Exact ln r at {at}", xlim=(low, high), ylim=(low, high), box_aspect=1)
    axes[0, 0].set_ylabel("Learned ln r")
    return figure

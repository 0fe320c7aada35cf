"""Small ticks that are quick to draw: those of an axis as one line of markers, with the same look as one by one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoMinorLocator, NullLocator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


@contextmanager
def without_minor(figure: Figure) -> Iterator[None]:
    """A figure whose linear axes have no small ticks, which have no text and so no part in where things are placed."""
    found = [axis for axis in _axes(figure) if isinstance(axis.get_minor_locator(), AutoMinorLocator)]
    before = [axis.get_minor_locator() for axis in found]
    for axis in found:
        axis.set_minor_locator(NullLocator())
    try:
        yield
    finally:
        for axis, locator in zip(found, before, strict=True):
            axis.set_minor_locator(locator)


def bundle_minor(figure: Figure) -> None:
    """Draw the small ticks of each axis as two lines of markers, unless they have labels or a grid.

    matplotlib makes five artists for each tick and places them anew for each file, which takes most of the time that a
    figure takes. The places of the ticks must stand: they no longer follow the limits of the axes.

    Args:
        figure: with axes in their final places.
    """
    places = {axis: _unlabelled(axis) for axis in _axes(figure)}
    for axis, locations in places.items():
        if locations is not None:
            _draw(axis, locations)
    for axis, locations in places.items():
        if locations is not None:
            axis.set_minor_locator(NullLocator())


def _axes(figure: Figure) -> list[Axis]:
    """The straight axes of a figure that show small ticks."""
    both = [axis for axes in figure.axes if axes.name == "rectilinear" for axis in (axes.xaxis, axes.yaxis)]
    return [axis for axis in both if not isinstance(axis.get_minor_locator(), NullLocator)]


def _unlabelled(axis: Axis) -> NDArray[Any] | None:
    """Places of the small ticks in view, (ticks,); ``None`` where they have labels or grid lines."""
    locations = np.asarray(axis.get_minorticklocs(), dtype=float)
    if any(axis.get_minor_formatter().format_ticks(locations.tolist())):
        return None
    if axis.get_minor_ticks(1)[0].gridline.get_visible():
        return None
    at, ends = axis.get_transform().transform(locations), axis.get_transform().transform(axis.get_view_interval())
    margin = 1e-10 * (ends.max() - ends.min())
    kept: NDArray[Any] = locations[(at >= ends.min() - margin) & (at <= ends.max() + margin)]
    return kept


def _draw(axis: Axis, locations: NDArray[Any]) -> None:
    """One line of markers for each side of the axes that has small ticks."""
    tick, across = axis.get_minor_ticks(1)[0], axis is axis.axes.xaxis
    for one in (tick.tick1line, tick.tick2line):
        if one.get_visible() and len(locations):
            line = Line2D([], [])
            line.update_from(one)
            x, y = (np.resize(values, len(locations)) for values in one.get_data())
            line.set_data(*((locations, y) if across else (x, locations)))
            line.set_zorder(axis.get_zorder())
            line.set_in_layout(False)
            axis.axes.add_artist(line)
            line.set_clip_on(False)

"""The look that all figures share, and how they are saved with their text alternative."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.core.result import Figure, Result
from partonic.report.palette import DASHES, LIGHT, MARKERS, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Array = NDArray[Any]
P = ParamSpec("P")

INK, MUTED, RULE = LIGHT["ink"], LIGHT["muted"], LIGHT["rule"]
CLASS_COLOURS = (LIGHT["background"], LIGHT["signal"])  # of labels 0 and 1
WIDTH = 5.0  # inches of a figure with one panel; the page shows two of them beside each other
PNG_DPI = 200
LONGEST = 28  # characters of a name in a figure

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "axes.xmargin": 0.02,
    "figure.facecolor": LIGHT["paper"],
    "axes.facecolor": LIGHT["paper"],
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.pad": 5,
    "ytick.major.pad": 5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "partonic",
    "path.simplify": True,
}


def styled(draw: Callable[P, Canvas]) -> Callable[P, Canvas]:
    """Let a drawing function work in the common look, whatever the user's own settings of matplotlib are."""

    @functools.wraps(draw)
    def inside(*args: P.args, **options: P.kwargs) -> Canvas:
        """Draw in the common look."""
        import matplotlib as mpl

        with mpl.rc_context({**mpl.rcParamsDefault, **RC, "backend": mpl.rcParams["backend"]}):
            return draw(*args, **options)

    return inside


def canvas(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = WIDTH,
    height: float = 4.0,
    heights: tuple[float, ...] | None = None,
    share_x: bool = False,
    share_y: bool = False,
) -> tuple[Canvas, NDArray[Any]]:
    """A figure in the common look.

    Args:
        rows: panels below each other.
        columns: panels beside each other.
        width: in inches.
        height: in inches.
        heights: relative heights of the rows.
        share_x: one x axis for the panels of a column.
        share_y: one y axis for the panels of a row.

    Returns:
        The figure and its axes, shape (rows, columns).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: NDArray[Any] = figure.subplots(
        rows,
        columns,
        squeeze=False,
        sharex="col" if share_x else False,
        sharey="row" if share_y else False,
        gridspec_kw={"height_ratios": heights} if heights else None,
    )
    return figure, axes


def plain(name: object) -> str:
    """A name that comes from outside as text for matplotlib: no mathematics in it, never hidden, not too long."""
    text = " ".join(str(name).split())
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") or not text else text


def colour_of(index: int) -> str:
    """Colour of the i-th model; the same in every figure that lists the models in one order."""
    return SERIES[index % len(SERIES)]


def dashes_of(index: int) -> Any:
    """Line style of the i-th model."""
    return DASHES[index % len(DASHES)]


def marker_of(index: int) -> str:
    """Marker of the i-th model."""
    return MARKERS[index % len(MARKERS)]


def legend_above(figure: Canvas, axes: Axes, columns: int = 2, **options: Any) -> None:
    """What the axes show, listed above the panels, where it can cover no data."""
    handles, labels = axes.get_legend_handles_labels()
    entries = {"handles": handles, "labels": labels, **options}
    figure.legend(**entries, loc="outside upper left", ncols=columns, borderaxespad=0.2, columnspacing=1.8)


def same_lengths(**arrays: Array | None) -> int:
    """The common length of the arrays.

    Raises:
        InputError: they differ, or there is nothing in them; the message names them.
    """
    lengths = {name: len(values) for name, values in arrays.items() if values is not None}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InputError(f"a figure needs arrays of one length, but {told}")
    (n,) = set(lengths.values())
    if n == 0:
        raise InputError(f"a figure needs at least one entry in {', '.join(lengths)}")
    return n


def histogram(values: Array, weights: Array | None, edges: Array) -> tuple[Array, Array]:
    """Normalised density and its error a bin.

    Args:
        values: (N,).
        weights: (N,) or None; negative ones count.
        edges: (B + 1,).

    Returns:
        Density (B,), of unit area over all finite values, and its statistical error (B,), sqrt(sum w^2) likewise.
    """
    use = np.isfinite(values)
    w = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    values, w = np.asarray(values, dtype=float)[use], w[use]
    total = w.sum()
    scale = 1.0 / (total * np.diff(edges)) if total > 0 else np.zeros(len(edges) - 1)
    content, _ = np.histogram(values, edges, weights=w)
    squares, _ = np.histogram(values, edges, weights=w**2)
    return content * scale, np.sqrt(squares) * scale


def save_figure(result: Result, name: str, figure: Canvas, caption: str, alt: str) -> Figure:
    """Save a figure as svg, png and pdf under ``figures/`` and list it for the page.

    Args:
        result: the run.
        name: file name without ending.
        figure: what a function of :mod:`partonic.report.plots` returned.
        caption: what it shows and what to take from it.
        alt: text alternative: what a reader who cannot see it has to know.

    Raises:
        InputError: the name cannot be a file name, or there is no text alternative.
        FileError: it cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise InputError(f"a figure's name becomes a file name: use letters, digits and hyphens, not '{name}'")
    if not alt.strip():
        raise InputError(f"the figure '{name}' needs a text alternative (alt)")
    import matplotlib as mpl

    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a user's name may be in any script
        _lay_out(figure)
        for ending in ("svg", "png", "pdf"):
            with atomic(result.figure_path(name, ending)) as aside:
                _print(figure, ending, aside)
    entry = Figure(name, caption, alt)
    result.figures[name] = entry
    return entry


def _lay_out(figure: Canvas) -> None:
    """Find places for all that a figure shows; no file that is written of it has to look again."""
    from partonic.report.ticks import bundle_minor, without_minor

    engine = figure.get_layout_engine()
    if engine is not None:
        with without_minor(figure):
            for axes in figure.axes:
                locator: Any = axes.get_axes_locator()
                axes.apply_aspect(locator(axes, None) if locator else None)
            engine.execute(figure)
        figure.set_layout_engine("none")
    bundle_minor(figure)


def _print(figure: Canvas, ending: str, path: Path) -> None:
    """Write a file of the figure with one drawing pass (``savefig`` takes two), without a date in it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    target: Any
    if ending == "svg":
        target = FigureCanvasSVG(figure)
        target.print_svg(path, metadata={"Date": None})
    elif ending == "pdf":
        target = FigureCanvasPdf(figure)
        target.print_pdf(path, metadata={"CreationDate": None})
    else:
        figure.set_dpi(PNG_DPI)
        target = FigureCanvasAgg(figure)
        target.print_png(path)

"""Figures of jets and of what models do to them: scores, images, masses before and after a cut, data summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import (
    CLASS_COLOURS,
    MUTED,
    WIDTH,
    Array,
    canvas,
    colour_of,
    histogram,
    legend_above,
    marker_of,
    plain,
    same_lengths,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

CLASSES = ("QCD", "top")  # names of labels 0 and 1
PANEL = 3.3  # inches of one of several panels


@dataclass(frozen=True)
class Observable:
    """A quantity of jets and its binning.

    Args:
        label: of the axis, with its unit, as ``"Jet $p_T$ [GeV]"``.
        values: (N,).
        edges: (B + 1,) bin edges; up to 40 bins between the 0.1 % and 99.9 % quantiles if None.
        log: logarithmic y axis.
    """

    label: str
    values: Array
    edges: Array | None = None
    log: bool = False

    def binning(self) -> Array:
        """The edges, (B + 1,)."""
        if self.edges is not None:
            return np.asarray(self.edges, float)
        finite = np.asarray(self.values, float)[np.isfinite(self.values)]
        if len(finite) == 0:
            raise InputError(f"nothing finite to draw of '{self.label}'")
        low, high = np.quantile(finite, (0.001, 0.999))
        bins = int(np.clip(math.sqrt(len(finite)), 8, 40))
        if np.all(finite == np.round(finite)):  # whole numbers: as many of them in each bin
            step = max(1, math.ceil((high - low) / bins))
            return np.arange(math.floor(low) - 0.5, high + step, step)
        return np.linspace(low, high if high > low else low + 1.0, bins + 1)


@styled
def scores(
    models: Mapping[str, Array],
    labels: Array,
    weights: Array | None = None,
    *,
    classes: tuple[str, str] = CLASSES,
    bins: int = 40,
) -> Canvas:
    """Distributions of the scores of both classes, one panel a model, logarithmic, with statistical errors.

    Args:
        models: name -> scores between 0 and 1, (N,).
        labels: (N,) 0 or 1.
        weights: (N,) or None.
        classes: names of labels 0 and 1.
        bins: number of bins.

    Raises:
        InputError: there is no model, or arrays differ in length.
    """
    if not models:
        raise InputError("there are no scores to draw")
    edges = np.linspace(0.0, 1.0, bins + 1)
    figure, panels = _panels(len(models), share_y=True)
    for ax, (name, values) in zip(panels, models.items(), strict=False):
        same_lengths(scores=values, labels=labels, weights=weights)
        _both_classes(ax, values, labels, weights, edges, classes)
        ax.set(title=plain(name), xlabel="Score", yscale="log", xlim=(0, 1))
    panels[0].set_ylabel("Jets, normalised to unit area")
    legend_above(figure, panels[0])
    return figure


@styled
def jet_summary(
    observables: Sequence[Observable],
    labels: Array,
    weights: Array | None = None,
    *,
    classes: tuple[str, str] = CLASSES,
) -> Canvas:
    """Distributions of jet quantities (pT, mass, multiplicity) of both classes, one panel each.

    Args:
        observables: what to show.
        labels: (N,) 0 or 1.
        weights: (N,) or None.
        classes: names of labels 0 and 1.

    Raises:
        InputError: there is no observable, or arrays differ in length.
    """
    if not observables:
        raise InputError("there are no jet quantities to draw")
    figure, panels = _panels(len(observables))
    for ax, observable in zip(panels, observables, strict=False):
        same_lengths(values=observable.values, labels=labels, weights=weights)
        edges = observable.binning()
        _both_classes(ax, observable.values, labels, weights, edges, classes)
        ax.set(xlabel=observable.label, xlim=(edges[0], edges[-1]))
        if observable.log:
            ax.set_yscale("log")
        else:
            ax.set_ylim(bottom=0)
    panels[0].set_ylabel("Jets, normalised to unit area")
    legend_above(figure, panels[0])
    return figure


def _panels(n: int, *, share_y: bool = False) -> tuple[Canvas, list[Any]]:
    """A figure of n panels, at most three in a row; places that stay empty are removed."""
    columns = min(n, 3)
    rows = math.ceil(n / columns)
    width = WIDTH if columns == 1 else PANEL * columns + 0.4
    figure, axes = canvas(rows, columns, width=width, height=3.3 * rows, share_y=share_y)
    panels = list(axes.ravel())
    for ax in panels[n:]:
        ax.remove()
    return figure, panels[:n]


def _both_classes(
    ax: Axes, values: Array, labels: Array, weights: Array | None, edges: Array, classes: tuple[str, str]
) -> None:
    import mplhep

    chosen, values = np.asarray(labels), np.asarray(values)
    for label in (0, 1):
        mask = chosen == label
        density, error = histogram(values[mask], None if weights is None else np.asarray(weights)[mask], edges)
        colour, name = CLASS_COLOURS[label], plain(classes[label])
        if label == 0:
            mplhep.histplot(density, edges, ax=ax, histtype="fill", color=colour, alpha=0.25, edges=False)
        style = {"color": colour, "linewidth": 1.3, "linestyle": "-" if label == 0 else (0, (5, 1.2))}
        mplhep.histplot(density, edges, ax=ax, histtype="step", edges=False, yerr=False, label=name, **style)
        centres = 0.5 * (edges[1:] + edges[:-1])
        some = density != 0
        ax.errorbar(centres[some], density[some], error[some], fmt="none", ecolor=colour, elinewidth=0.9)


@styled
def jet_images(images: Mapping[str, Array], half_width: float, *, decades: float = 4.5) -> Canvas:
    r"""Average jet images side by side on one logarithmic colour scale.

    Args:
        images: class -> mean fraction of the jet's pT a pixel, shape (P, P), rows along phi', columns along eta'.
        half_width: the image covers -half_width to half_width in eta' and phi'.
        decades: reach of the colour scale below the brightest pixel; what is fainter stays empty.

    Raises:
        InputError: there is no image, or none holds a positive pixel.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MultipleLocator

    arrays = {name: np.asarray(image, float) for name, image in images.items()}
    brightest = max((float(np.nanmax(image, initial=0.0)) for image in arrays.values()), default=0.0)
    if brightest <= 0:
        raise InputError("there are no jet images to draw (no positive pixel)")
    faintest = brightest * 10.0**-decades
    norm = LogNorm(faintest, brightest)
    figure, axes = canvas(1, len(arrays), width=PANEL * len(arrays) + 0.9, height=3.5, share_y=True)
    reach = (-half_width, half_width, -half_width, half_width)
    for ax, (name, image) in zip(axes[0], arrays.items(), strict=True):
        visible = np.ma.masked_less(image, faintest)
        shown = ax.imshow(visible, norm=norm, cmap="viridis", origin="lower", extent=reach, interpolation="nearest")
        ax.set(title=plain(name), xlabel=r"$\eta'$")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(half_width / 2))
    axes[0, 0].set_ylabel(r"$\varphi'$")
    bar = figure.colorbar(shown, ax=list(axes[0]), pad=0.02, label=r"Mean fraction of jet $p_T$ a pixel")
    if bar.solids is not None:
        bar.solids.set_rasterized(True)  # one picture instead of 256 shapes
    return figure


@styled
def mass_sculpting(
    mass: Array,
    selected: Mapping[str, Array],
    weights: Array | None = None,
    *,
    edges: Array | None = None,
    label: str = "QCD jet mass [GeV]",
    all_label: str = "all QCD jets",
) -> Canvas:
    """Background mass before and after the cut of each model, normalised, with the ratio to all below.

    Args:
        mass: (N,) of background jets, in GeV.
        selected: model -> (N,) booleans, who passes its cut.
        weights: (N,) or None.
        edges: (B + 1,) bin edges in GeV; up to the 99.5 % quantile, the fewer jets pass the wider, if None.
        label: of the x axis.
        all_label: name of the uncut distribution.

    Raises:
        InputError: nothing to draw, or arrays differ in length.
    """
    import mplhep
    from matplotlib.ticker import LogLocator, NullFormatter

    same_lengths(mass=mass, weights=weights, **selected)
    if edges is None:
        fewest = min((int(np.count_nonzero(mask)) for mask in selected.values()), default=len(mass))
        bins = int(np.clip(2 * math.sqrt(fewest), 6, 30))
        edges = np.linspace(0.0, max(float(np.nanquantile(mass, 0.995)), 1.0), bins + 1)
    everything, _ = histogram(mass, weights, edges)
    figure, axes = canvas(2, height=4.6, heights=(2.6, 1), share_x=True)
    main, below = axes[:, 0]
    colour = CLASS_COLOURS[0]
    mplhep.histplot(everything, edges, ax=main, histtype="fill", color=colour, alpha=0.3, edges=False, label=all_label)
    below.axhline(1, color=MUTED, linewidth=1)
    highest, largest, smallest = float(everything.max()), 3.0, 0.4
    middles, widths = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    for i, (name, mask) in enumerate(selected.items()):
        passes = np.asarray(mask, bool)
        density, error = histogram(mass[passes], None if weights is None else weights[passes], edges)
        style = {"fmt": marker_of(i), "color": colour_of(i), "markersize": 3.6, "elinewidth": 1}
        some = density != 0
        centres = middles + 0.2 * (i - 0.5 * (len(selected) - 1)) * widths  # beside each other, not over
        main.errorbar(
            centres[some], density[some], error[some], label=f"passes {plain(name)} ({passes.sum():,} jets)", **style
        )
        both = some & (everything > 0)
        ratio = density[both] / everything[both]
        below.errorbar(centres[both], ratio, error[both] / everything[both], **style)
        highest = max(highest, min(2 * density.max(initial=0.0), (density + error).max(initial=0.0)))
        largest, smallest = max(largest, 1.6 * ratio.max(initial=0.0)), min(smallest, 0.6 * ratio.min(initial=1.0))
    main.set(ylabel="Jets, normalised to unit area", xlim=(edges[0], edges[-1]), ylim=(0, 1.08 * highest))
    below.set(xlabel=label, ylabel="ratio to all", yscale="log", ylim=(max(smallest, 1e-3), largest))
    below.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter(NullFormatter())
    legend_above(figure, main)
    figure.align_ylabels()
    return figure

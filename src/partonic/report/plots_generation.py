"""Figures of generated samples: features beside the truth with their ratio, the weights of a classifier, the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.core.result import Table
from partonic.report.style import INK, MUTED, Array, canvas, colour_of, dashes_of, legend_above, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.generation.evaluate import Evaluation, TwoSample

BINS = 50
TAIL = 1e-3  # of the truth on either side that a figure leaves out


@styled
def feature(
    truth: Array,
    generated: Mapping[str, Array],
    label: str,
    *,
    weight_truth: Array | None = None,
    weights: Mapping[str, Array] | None = None,
    bands: Mapping[str, Array] | None = None,
    edges: Array | None = None,
    logarithmic: bool = False,
) -> Canvas:
    """Densities of one feature, and below them their ratios to the truth.

    The grey band is what truth against truth would give, the statistical error of both samples; the bars of a
    generator are the error of its own events.

    Args:
        truth: (n,).
        generated: name of the generator -> (m,).
        label: of the axis, with the unit.
        weight_truth: (n,); ones if None.
        weights: name of the generator -> (m,); ones where there is none.
        bands: name of the generator -> relative error of its learned density in each bin, (bins,), shaded.
        edges: of the bins, rising; 50 bins over the central 99.8 % of the truth if None.
        logarithmic: the upper panel's axis.

    Raises:
        InputError: there is no generator, or no event of the truth in the bins.
    """
    if not generated:
        raise InputError("a figure of generated samples needs one of them or more")
    ends = np.asarray(_edges(truth) if edges is None else edges, dtype=np.float64)
    middle, width = 0.5 * (ends[1:] + ends[:-1]), np.diff(ends)
    shares, errors = _shares(truth, weight_truth, ends)
    if not shares.sum() > 0:
        raise InputError(f"no event of the truth is between {ends[0]:g} and {ends[-1]:g}")
    there = shares > 0
    below = np.where(there, shares, 1.0)
    band = np.where(there, np.sqrt(2) * errors / below, np.nan)
    figure, axes = canvas(2, width=5.0, height=4.2, heights=(2.6, 1.0), share_x=True)
    top, bottom = axes[:, 0]
    top.stairs(shares / width, ends, color=INK, fill=True, alpha=0.15)
    top.stairs(shares / width, ends, color=INK, label="truth")
    bottom.fill_between(middle, 1 - band, 1 + band, step="mid", color=MUTED, alpha=0.3, linewidth=0)
    bottom.axhline(1.0, color=INK, linewidth=0.8)
    for i, (name, values) in enumerate(generated.items()):
        ours, error = _shares(values, (weights or {}).get(name), ends)
        colour = colour_of(i)
        top.stairs(ours / width, ends, color=colour, linestyle=dashes_of(i), linewidth=1.4, label=plain(name))
        ratio, bar = (np.where(there, numbers / below, np.nan) for numbers in (ours, error))
        bottom.errorbar(middle, ratio, bar, fmt="o", markersize=2, linewidth=0.8, color=colour)
        if bands is not None and name in bands:
            spread = np.asarray(bands[name], dtype=np.float64)
            low, high = ratio * (1 - spread), ratio * (1 + spread)
            bottom.fill_between(middle, low, high, step="mid", color=colour, alpha=0.25, linewidth=0)
    top.set(ylabel="Density", yscale="log" if logarithmic else "linear")
    if not logarithmic:
        top.set_ylim(0, None)
    bottom.set(xlabel=label, ylabel="Ratio", ylim=(0.5, 1.5), xlim=(ends[0], ends[-1]))
    legend_above(figure, top, columns=3)
    return figure


def _edges(truth: Array) -> Array:
    low, high = np.quantile(truth, [TAIL, 1 - TAIL])
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _shares(values: Array, weight: Array | None, edges: Array) -> tuple[Array, Array]:
    """Share of all events that each bin holds, and its statistical error."""
    ones = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    share = ones / ones.sum()
    return np.histogram(values, edges, weights=share)[0], np.sqrt(np.histogram(values, edges, weights=share**2)[0])


@styled
def classifier_weights(tests: Mapping[str, TwoSample]) -> Canvas:
    r"""Histograms of the weight :math:`p_{\rm truth} / p_{\rm generated}` that a classifier gives to events.

    A faithful generator has a narrow peak at 1. Generated events of small weight should not be there; true events of
    large weight are what the generator misses (arXiv:2305.16774).

    Args:
        tests: name of the generator -> its classifier test.

    Raises:
        InputError: there is no test.
    """
    if not tests:
        raise InputError("a figure of classifier weights needs a classifier test or more")
    figure, axes = canvas(1, 2, width=8.0, height=3.6, share_y=True)
    reach = max(float(np.abs(np.quantile(one.log_ratio, [1e-3, 1 - 1e-3])).max()) for one in tests.values())
    reach = float(np.clip(reach / np.log(10), 0.3, 4.0))
    edges = np.linspace(-reach, reach, BINS + 1)
    for ax, key, title in zip(
        axes[0], ("log_ratio", "log_ratio_truth"), ("Generated events", "Events of the truth"), strict=True
    ):
        for i, (name, test) in enumerate(tests.items()):
            logs = np.clip(getattr(test, key) / np.log(10), edges[0], edges[-1])
            shares = np.histogram(logs, edges)[0] / len(logs)
            colour, dashes = colour_of(i), dashes_of(i)
            ax.stairs(shares, edges, color=colour, linestyle=dashes, label=f"{plain(name)}  AUC {test.auc}")
        ax.axvline(0.0, color=MUTED, linewidth=0.8)
        ax.set(title=title, xlabel="Weight of the classifier, log10", yscale="log")
    axes[0, 0].set(ylabel="Share of the events")
    legend_above(figure, axes[0, 0])
    return figure


def evaluation_table(evaluations: Mapping[str, Evaluation], name: str = "evaluation") -> Table:
    """What was measured of each generator, beside truth against truth.

    Args:
        evaluations: name of the generator -> its evaluation, all of the same truth and features.
        name: of the table's file.

    Raises:
        InputError: there is no evaluation, or they are of other features.
    """
    if not evaluations:
        raise InputError("a table of evaluations needs one or more")
    every = {generator: list(one.rows()) for generator, one in evaluations.items()}
    measures = [[row["measure"] for row in rows] for rows in every.values()]
    if any(others != measures[0] for others in measures):
        raise InputError("the evaluations of a table must have the same features and resonances")
    first = next(iter(every.values()))
    rows = tuple(
        {
            "measure": row["measure"],
            **{generator: rows[i]["generated"] for generator, rows in every.items()},
            "truth": row["truth"],
            "ideal": row["ideal"],
        }
        for i, row in enumerate(first)
    )
    caption = (
        "Generated samples against the truth. The column truth has the same of one half of the truth against the "
        "other; for a resonance, its own peak. Distances of features are in their units."
    )
    return Table(name, caption, ("measure", *every, "truth", "ideal"), rows)

"""Figures of limits: profile likelihoods, coverage by toys, CLs against the strength of a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report.style import INK, MUTED, canvas, colour_of, dashes_of, legend_above, marker_of, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.inference.hypotests import StrengthTests
    from partonic.inference.limits import Scan

HIGHEST = 12.0  # of the statistic that is drawn
BANDS = ("#f6e8a8", "#b9ddb4")  # of two and one standard deviations


def _look(index: int) -> dict[str, Any]:
    """The first one is the truth, in black; the others have the colours of the series."""
    if index == 0:
        return {"color": INK, "linestyle": "-", "linewidth": 2.2}
    return {"color": colour_of(index - 1), "linestyle": dashes_of(index), "linewidth": 1.4}


@styled
def profiles(scans: Mapping[str, Scan], parameter: str, *, thresholds: Mapping[str, float]) -> Canvas:
    """The statistic of one parameter against its value.

    Args:
        scans: name -> scan of one parameter; the truth first.
        parameter: its name.
        thresholds: name -> value of the statistic, drawn as lines, as ``{"68 %": 1.0}``.

    Raises:
        InputError: there is nothing to draw, or a scan has two parameters.
    """
    if not scans or any(len(scan.axes) != 1 for scan in scans.values()):
        raise InputError("profiles are drawn of one scan or more, each of one parameter")
    figure, axes = canvas(height=3.9)
    ax = axes[0, 0]
    for i, (name, scan) in enumerate(scans.items()):
        (x,), q = scan.fine()
        ax.plot(x, q, label=plain(name), **_look(i))
    for label, value in thresholds.items():
        ax.axhline(value, color=MUTED, linewidth=0.9, linestyle=":")
        ax.annotate(label, (0.99, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=MUTED)
    ax.set(ylim=(0, HIGHEST), xlabel=plain(parameter), ylabel="-2 ln of the likelihood ratio")
    legend_above(figure, ax, columns=2)
    return figure


@styled
def coverages(levels: Sequence[float], found: Mapping[str, Sequence[Estimate]]) -> Canvas:
    """Share of toys whose interval holds the truth, against what it should be.

    Args:
        levels: nominal shares.
        found: name -> share at each level, with its error.

    Raises:
        InputError: there is nothing to draw, or a method has another number of levels.
    """
    if not found or any(len(values) != len(levels) for values in found.values()):
        raise InputError(f"coverages are drawn of one method or more, each at {len(levels)} levels")
    figure, axes = canvas(height=3.9)
    ax = axes[0, 0]
    ax.plot([0, 1], [0, 1], color=INK, linewidth=0.9)
    for i, (name, values) in enumerate(found.items()):
        y = np.array([value.value for value in values])
        ends = np.array([[value.value - value.low, value.high - value.value] for value in values]).T
        ax.errorbar(levels, y, np.maximum(ends, 0), fmt=marker_of(i), color=colour_of(i), label=plain(name))
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Share of toys that should be covered", ylabel="Share that is covered")
    legend_above(figure, ax, columns=2)
    return figure


@styled
def cls_bands(tests: StrengthTests, *, level: float = 0.05) -> Canvas:
    """CLs against the strength: observed, expected, and the bands of one and two standard deviations.

    Args:
        tests: of rising strengths.
        level: at which a strength is excluded.

    Raises:
        InputError: fewer than two strengths were tested.
    """
    if len(tests.mu) < 2:
        raise InputError("CLs is drawn of two strengths or more")
    figure, axes = canvas(height=3.9)
    ax, expected = axes[0, 0], tests.expected
    for (low, high), colour, label in zip(((0, 4), (1, 3)), BANDS, ("2 sigma", "1 sigma"), strict=True):
        ax.fill_between(tests.mu, expected[:, low], expected[:, high], color=colour, label=f"expected, {label}")
    ax.plot(tests.mu, expected[:, 2], color=INK, linestyle="--", label="expected")
    ax.plot(tests.mu, tests.cls, color=INK, marker="o", markersize=3, label="observed")
    ax.axhline(level, color=colour_of(1), linewidth=1)
    ax.set(yscale="log", ylim=(min(level / 20, 1e-3), 1.5), xlabel="Strength of the signal", ylabel="CLs")
    legend_above(figure, ax, columns=2)
    return figure

"""Figures of phase transitions: phases, the exponent of the rate, spectra of gravitational waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, dashes_of, legend_above, marker_of, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array


@styled
def phase_lines(phases: Sequence[tuple[Array, Array]], marked: Mapping[str, float]) -> Canvas:
    """Fields in each phase against temperature.

    Args:
        phases: temperatures (k,) and fields (k, fields) of each.
        marked: name -> temperature, drawn as lines where finite.

    Raises:
        InputError: there are no phases.
    """
    if not phases:
        raise InputError("there are no phases to draw")
    figure, axes = canvas(1, 1, height=3.6)
    ax = axes[0, 0]
    for i, (hot, phi) in enumerate(phases):
        for k in range(phi.shape[1]):
            ax.plot(
                hot,
                np.abs(phi[:, k]),
                color=colour_of(i),
                linestyle=dashes_of(k),
                label=f"Phase {i + 1}, field {k + 1}",
            )
    for k, (name, at) in enumerate(marked.items()):
        if np.isfinite(at):
            ax.axvline(at, color="0.4", linewidth=1, linestyle=dashes_of(k), label=plain(name))
    ax.set(xlabel="Temperature [GeV]", ylabel="Field [GeV]")
    legend_above(figure, ax, columns=2)
    return figure


@styled
def exponents(temperatures: Array, values: Array, wanted: Array, bounces: tuple[Array, Array]) -> Canvas:
    """S3/T against temperature, with the line at which bubbles nucleate.

    Args:
        temperatures: (k,) GeV.
        values: (k,).
        wanted: (k,) what nucleation takes.
        bounces: temperatures and values at which bounces were solved, (n,) each.

    Raises:
        InputError: there are no bounces.
    """
    if len(bounces[0]) == 0:
        raise InputError("there are no bounces to draw")
    figure, axes = canvas(1, 1, height=3.4)
    ax = axes[0, 0]
    ax.plot(temperatures, values, color=colour_of(0), label="$S_3/T$")
    ax.plot(*bounces, color=colour_of(0), marker=marker_of(0), markersize=4, linestyle="none", label="Bounces")
    ax.plot(temperatures, wanted, color=colour_of(1), linestyle=dashes_of(1), label="Nucleation")
    ax.set(xlabel="Temperature [GeV]", ylabel="Exponent of the rate", yscale="log")
    legend_above(figure, ax, columns=3)
    return figure


@styled
def spectra(frequency: Array, lines: Mapping[str, Array], reach: Mapping[str, tuple[Array, Array]]) -> Canvas:
    """Spectra of gravitational waves, and what detectors see.

    Args:
        frequency: (points,) Hz.
        lines: name -> h^2 Omega (points,).
        reach: name of a detector -> frequencies and the power-law sensitivity there.

    Raises:
        InputError: there is nothing to draw.
    """
    if not lines:
        raise InputError("there are no spectra to draw")
    figure, axes = canvas(1, 1, width=6.0, height=4.0)
    ax = axes[0, 0]
    for i, (name, values) in enumerate(lines.items()):
        ax.plot(
            frequency,
            np.where(values > 0, values, np.nan),
            color=colour_of(i),
            linestyle=dashes_of(i),
            label=plain(name),
        )
    top = max(float(values.max()) for values in lines.values())
    for name, (f, values) in reach.items():
        ax.fill_between(f, values, 1e3 * max(top, float(values.min())), color="0.85", linewidth=0, label=plain(name))
    low = min(top, *(float(values.min()) for _, values in reach.values())) * 1e-3 if reach else 1e-6 * top
    high = max([top, *(float(values.min()) for _, values in reach.values())])
    ax.set(xscale="log", yscale="log", xlabel="Frequency [Hz]", ylabel=r"$h^2\,\Omega$", ylim=(low, 1e2 * high))
    legend_above(figure, ax, columns=3)
    return figure

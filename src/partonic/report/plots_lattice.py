"""Figures of lattice field theories: curves beside their truth, histories of chains, the loss beside its bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.errors import InputError
from partonic.report.style import canvas, colour_of, legend_above, marker_of, plain, same_lengths, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from partonic.report.style import Array

    Measured = tuple[Array, Array]


@styled
def measured_beside_truth(
    x: Array,
    truth: Measured,
    truth_name: str,
    found: Mapping[str, Measured],
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
) -> Canvas:
    """Measured values with errors beside a true curve (above), their distance from it in errors (below).

    Args:
        x: (points,).
        truth: values and errors, both (points,); errors of 0 where the truth is exact.
        truth_name: for the legend.
        found: name -> values and errors, both (points,).
        x_label: of x.
        y_label: of the values.
        log: draw the values on a logarithmic scale.

    Raises:
        InputError: the numbers of points differ.
    """
    for name, (values, errors) in {truth_name: truth, **found}.items():
        same_lengths(**{"x": x, plain(name): values, "its errors": errors})
    figure, axes = canvas(2, 1, width=7.0, height=4.4, heights=(3.0, 1.2), share_x=True)
    above, below = axes[:, 0]
    above.plot(x, truth[0], color="0.3", linewidth=1.2, label=plain(truth_name))
    above.fill_between(x, truth[0] - truth[1], truth[0] + truth[1], color="0.8", linewidth=0)
    for i, (name, (values, errors)) in enumerate(found.items()):
        shift = 0.08 * (i - 0.5 * (len(found) - 1)) * float(np.diff(x).min())
        style = {"fmt": marker_of(i), "markersize": 4, "color": colour_of(i)}
        above.errorbar(x + shift, values, errors, label=plain(name), **style)
        both = np.hypot(errors, truth[1])
        pull = np.divide(values - truth[0], both, out=np.zeros_like(both), where=both > 0)
        below.errorbar(x + shift, pull, np.ones_like(pull), **style)
    below.axhline(0, color="0.3", linewidth=1.0)
    above.set(ylabel=plain(y_label), yscale="log" if log else "linear")
    below.set(xlabel=plain(x_label), ylabel="Errors off")
    legend_above(figure, above, columns=3)
    return figure


@styled
def histories(chains: Mapping[str, Array], y_label: str) -> Canvas:
    """A quantity along chains, one panel each, of one scale.

    Args:
        chains: name -> values, (steps,).
        y_label: of the quantity.

    Raises:
        InputError: there is no chain.
    """
    if not chains:
        raise InputError("there is no chain to draw")
    figure, axes = canvas(len(chains), 1, width=8.0, height=1.0 + 1.3 * len(chains))
    low, high = min(np.min(one) for one in chains.values()), max(np.max(one) for one in chains.values())
    margin = 0.05 * (high - low) + 1e-9
    for i, (ax, (name, values)) in enumerate(zip(axes[:, 0], chains.items(), strict=True)):
        ax.plot(np.arange(1, len(values) + 1), values, color=colour_of(i), linewidth=0.9, drawstyle="steps-mid")
        ax.set(ylabel=plain(y_label), ylim=(low - margin, high + margin), xlim=(1, len(values)))
        ax.set_title(plain(name), loc="left", fontsize="medium")
    axes[-1, 0].set(xlabel="Step of the chain")
    return figure


@styled
def losses(curves: Mapping[str, tuple[Array, float]]) -> Canvas:
    """How far the loss of each training was from its bound, minus the logarithm of Z.

    Args:
        curves: name -> loss after each epoch (epochs,) and the bound.

    Raises:
        InputError: there is no curve.
    """
    if not curves:
        raise InputError("there is no training to draw")
    figure, axes = canvas(1, 1, width=6.0, height=3.0)
    for i, (name, (values, bound)) in enumerate(curves.items()):
        share = np.arange(1, len(values) + 1) / len(values)
        axes[0, 0].plot(share, values - bound, marker=marker_of(i), color=colour_of(i), label=plain(name))
    axes[0, 0].set(xlabel="Share of the training", ylabel="Loss above the bound", yscale="log", xlim=(0, 1.02))
    legend_above(figure, axes[0, 0])
    return figure

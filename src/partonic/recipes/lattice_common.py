"""What the recipes of lattice theories do alike: drawing and measuring chains, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator

if TYPE_CHECKING:
    from partonic.core.result import Result
    from partonic.lattice.chains import Accepted

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]
HEAVY = 0.05  # share of the weight in one draw above which the page warns


@dataclass(frozen=True)
class Drawn:
    """Draws of a flow and the chain that Metropolis makes of them.

    Args:
        fields: the draws, (n, ...).
        chain: of them.
        acceptance: share of them that entered the chain.
        effective: effective share of the draws.
        partition: logarithm of Z by their weights.
    """

    fields: Any
    chain: Accepted
    acceptance: Estimate
    effective: Estimate
    partition: Estimate

    def warnings(self, where: str = "") -> list[str]:
        """What the page must say where a single draw has much of the weight."""
        logs = self.chain.log_weights
        share = 1 / float(np.exp(logs - logs.max()).sum())
        if share < HEAVY:
            return []
        said = f"One draw has {100 * share:.2g} % of all weight: the flow has learned too little for sure errors of its"
        return [f"{where}{said} chain. Train it for more steps."]


def drawn(flow: Any, theory: Any, n: int, seed: int) -> Drawn:
    """Draw n configurations from a trained flow, and make the chain."""
    import torch

    from partonic.lattice.chains import effective_sample_size, independence_metropolis, log_mean_weight

    fields, log_q = flow.sample(n, torch.Generator().manual_seed(seed + 1))
    logs = numbers_of(-theory.action(fields) - log_q)
    chain = independence_metropolis(logs, generator(seed, 1))
    moved = chain_mean((chain.rows[1:] == np.arange(1, n)).astype(float))
    effective = effective_sample_size(logs, generator(seed, 3))
    return Drawn(fields, chain, moved, effective, log_mean_weight(logs, generator(seed, 2)))


def hybrid(theory: Any, chains: int, fields: int, seed: int, every: int = 1) -> tuple[Any, Estimate]:
    """Fields (chains, n, ...) of hybrid Monte Carlo and the share of accepted trajectories."""
    import torch

    random, warming = torch.Generator().manual_seed(seed + 2), min(100, 2 * fields)
    found, accepted = theory.chains(chains, fields, random, warming=warming, every=every)
    error = float(np.sqrt(max(accepted * (1 - accepted), 1e-9) / fields))
    return found.transpose(0, 1), Estimate.symmetric(accepted, error, "binomial", "as of one chain")


def numbers_of(values: Any) -> Floats:
    """A tensor as an array of double precision."""
    array: Floats = values.detach().double().cpu().numpy()
    return array


def chain_mean(values: Floats, chain: Accepted | None = None) -> Estimate:
    """The mean of a chain (n,) or of chains (chains, n); one that never changes has no error that is known.

    Args:
        values: along the chains, or of the draws of which ``chain`` is made, (n,).
        chain: made of draws.
    """
    from partonic.lattice.chains import mean_of_accepted, mean_of_chain

    try:
        return mean_of_chain(values) if chain is None else mean_of_accepted(values, chain)
    except InputError as error:
        return Estimate(float(values.mean()), -np.inf, np.inf, "Gamma method", str(error))


def chain_time(values: Floats, chain: Accepted | None = None) -> Estimate:
    """Its integrated autocorrelation time; a chain that never changes gives a lower bound, half its length."""
    from partonic.lattice.chains import autocorrelation_time, time_of_accepted

    try:
        return autocorrelation_time(values) if chain is None else time_of_accepted(values, chain)
    except InputError as error:
        return Estimate(0.5 * values.shape[-1], 0.5 * values.shape[-1], np.inf, "Gamma method", str(error))


def chain_curve(values: Floats, chain: Accepted | None = None) -> Curve:
    """Means and errors, both (points,), of a quantity at several points along chains (..., n, points).

    What never changes, as the share of a bin that no configuration has met, gets the error that a single one makes.
    """
    found = [chain_mean(values[..., k], chain) for k in range(values.shape[-1])]
    single = values.shape[-1] / values.size
    return np.array([one.value for one in found]), np.array(
        [one.error if np.isfinite(one.error) else single for one in found]
    )


def deviation(found: Estimate, truth: Estimate | float) -> float:
    """Distance of a measured number from the truth in units of their common error."""
    value, error = (truth.value, truth.error) if isinstance(truth, Estimate) else (truth, 0.0)
    both = float(np.hypot(found.error, error))
    return (found.value - value) / both if both > 0 else 0.0


def draw_curve(
    result: Result,
    name: str,
    x: Floats,
    truth: tuple[str, Curve],
    found: Mapping[str, Curve],
    labels: tuple[str, str],
    caption: str,
    *,
    log: bool = False,
) -> None:
    """A curve with its truth as a figure of the run, with the largest deviation as its text."""
    from partonic.report.plots_lattice import measured_beside_truth
    from partonic.report.style import save_figure

    figure = measured_beside_truth(x, truth[1], truth[0], found, *labels, log=log)
    worst: dict[str, Any] = {}
    for title, (values, errors) in found.items():
        both = np.maximum(np.hypot(errors, truth[1][1]), 1e-300)
        worst[title] = float(np.abs((values - truth[1][0]) / both).max())
    said = "; ".join(f"{title} is at most {off:.1f} errors from {truth[0]}" for title, off in worst.items())
    save_figure(result, name, figure, caption, f"{caption} {said}.")


def draw_histories(result: Result, name: str, chains: Mapping[str, Floats], label: str, caption: str) -> None:
    """Histories of chains as a figure of the run, with the number of changes as its text."""
    from partonic.report.plots_lattice import histories
    from partonic.report.style import save_figure

    said = "; ".join(f"{title}: {int((np.diff(one) != 0).sum())} changes" for title, one in chains.items())
    save_figure(result, name, histories(chains, label), caption, f"{caption} {said}.")


def draw_losses(result: Result, curves: Mapping[str, tuple[Floats, float]], caption: str) -> None:
    """Losses of trainings above their bounds as a figure of the run."""
    from partonic.report.plots_lattice import losses
    from partonic.report.style import save_figure

    said = "; ".join(f"{title} ends {values[-1] - bound:.2f} above" for title, (values, bound) in curves.items())
    save_figure(result, "training", losses(curves), caption, f"{caption} {said}.")

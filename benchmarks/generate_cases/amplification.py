"""Amplification of small samples by flows, and distances between samples against closed forms and slow code.

Amplification (arXiv:2008.06545): samples of the camel (50 cells of equal probability) and of the ring (10 x 10) train a
flow each; the factor G is the number of true events with the error of the flow's shares, over the training events, and
beside it the same of the training samples themselves, which is 1 but for chance. Judged is the mean of G over the
sizes, each with the inverse square of its error as weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from partonic.core.estimate import Estimate
from partonic.generation.amplification import amplification, flow_learner, ring, two_humps
from partonic.metrics.distances import frechet, kernel_distance, squared_discrepancy

CELLS = {"camel": 50, "ring": 10}


def amplified(name: str, quick: bool) -> dict[str, Any]:
    """The factor against the training size; its mean over the sizes must be above 1 by its error."""
    density = {"camel": two_humps, "ring": ring}[name]()
    sizes, seeds = ((200,), 3) if quick else ((100, 200, 500, 1_000, 2_000), 10)
    found = amplification(density, flow_learner(), sizes, quantiles=CELLS[name], seeds=seeds, drawn=100_000)
    measured = {f"G from {one.events} events (truth)": f"{one.factor} ({one.truth})" for one in found}
    mean = _weighted_mean([one.factor for one in found])
    measured["G, weighted mean"] = str(mean)
    return {"measured": measured, "bar": {"weighted mean, less its error": "above 1"}, "holds": mean.low > 1}


def _weighted_mean(found: Sequence[Estimate]) -> Estimate:
    """Mean of independent estimates, each weighted by the inverse square of its error."""
    weights = np.array([one.error for one in found]) ** -2.0
    mean = float(weights @ [one.value for one in found]) / weights.sum()
    return Estimate.symmetric(mean, weights.sum() ** -0.5, "weighted mean")


def gaussians(quick: bool) -> dict[str, Any]:
    """Distances of two Gaussians in three dimensions; pulls against the closed forms."""
    rng = np.random.default_rng(1)
    n = 20_000 if quick else 200_000
    mix, other = rng.normal(size=(2, 3, 3))
    x = rng.standard_normal((n, 3)) @ mix.T
    y = 0.3 + rng.standard_normal((n, 3)) @ other.T
    covariances = mix @ mix.T, other @ other.T
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real).sum()
    truth = 3 * 0.3**2 + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * roots
    plain, limit = (frechet(x, y, scale="none", unlimited=unlimited) for unlimited in (False, True))
    a, b = rng.normal(0.2, 0.6, n), rng.normal(-0.1, 0.7, n)
    kernel = kernel_distance(a, b, scale="none", size=2_000)
    exact = _kernel_of_gaussians()
    pulls = {
        "Fréchet": (plain.value - truth) / plain.error,
        "Fréchet, no 1/N": (limit.value - truth) / limit.error,
        "kernel": (kernel.value - exact) / kernel.error,
    }
    slow = _slow_difference(rng)
    measured = {f"pull of {name}": round(float(pull), 2) for name, pull in pulls.items()}
    measured["kernel against a double loop, relative"] = f"{slow:.1e}"
    holds = bool(max(map(abs, pulls.values())) < 4 and slow < 1e-9)
    return {"measured": measured, "bar": {"pulls": "below 4", "double loop": "below 1e-9"}, "holds": holds}


def _kernel_of_gaussians() -> float:
    """Exact squared discrepancy of N(0.2, 0.6) and N(-0.1, 0.7), from their moments by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    first, second = 0.2 + 0.6 * nodes, -0.1 + 0.7 * nodes

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        """Mean of the kernel."""
        return float(weights @ (np.outer(x, y) + 1) ** 4 @ weights)

    return mean(first, first) + mean(second, second) - 2 * mean(first, second)


def _slow_difference(rng: np.random.Generator) -> float:
    x, y, u, v = rng.normal(size=(60, 2)), rng.normal(size=(50, 2)), rng.random(60), rng.random(50)

    def mean(a: np.ndarray, b: np.ndarray, wa: np.ndarray, wb: np.ndarray) -> float:
        """Weighted mean over pairs of different events."""
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (a is b and i == j)]
        kernel = sum(wa[i] * wb[j] * (float(sum(a[i] * b[j])) / 2 + 1) ** 4 for i, j in pairs)
        return kernel / sum(wa[i] * wb[j] for i, j in pairs)

    slow = mean(x, x, u, u) + mean(y, y, v, v) - 2 * mean(x, y, u, v)
    return abs(squared_discrepancy(x, y, u, v) / slow - 1)


CASES = {
    "amplification of the camel": partial(amplified, "camel"),
    "amplification of the ring": partial(amplified, "ring"),
    "Fréchet and kernel distance": gaussians,
}

"""Generated jets beside true ones: masses, particles, energy flow and what a classifier sees (arXiv:2211.10295)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.generation.clouds import JetClouds, as_events, clouds
from partonic.generation.evaluate import Beside, TwoSample, two_sample
from partonic.metrics.distances import frechet, kernel_distance, wasserstein
from partonic.represent.constituents import constituents
from partonic.represent.efp import flow_polynomials
from partonic.represent.features import JetFeatures
from partonic.represent.multigraphs import connected, vertices

Floats = NDArray[np.float64]
FEWEST = 80  # true jets: both halves of them are cut into groups for the errors
FOUR = 4  # edges, and vertices of those polynomials whose Wasserstein distances are averaged


@dataclass(frozen=True)
class JetQuality:
    """Distances of generated jets from true ones, each beside that of truth from truth; :func:`compare_jets` makes it.

    Args:
        mass: Wasserstein-1 distance of the mass over the momentum (W1M).
        particles: mean of those of eta, phi and share of the momentum of the particles (W1P).
        flow: mean of those of the five energy flow polynomials of four vertices and four edges (W1EFP).
        frechet: Fréchet distance of all energy flow polynomials of up to four edges, each over its largest value.
        kernel: kernel distance of the same.
        test: of a classifier on substructure; None where none was trained.
        jets: in each of the compared samples.
    """

    mass: Beside
    particles: Beside
    flow: Beside
    frechet: Beside
    kernel: Beside
    test: TwoSample | None
    jets: int

    @property
    def auc(self) -> Beside:
        """Area under the curve of the classifier; 0.5 where it sees nothing, NaN where none was trained."""
        if self.test is None:
            nothing = Estimate(np.nan, -np.inf, np.inf, "none", "no classifier was trained")
            return Beside(nothing, nothing)
        return Beside(self.test.auc, self.test.baseline.auc)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of a table: ``measure``, ``generated``, ``truth`` (against truth)."""
        named: Mapping[str, Beside] = {
            "W1 of mass over momentum": self.mass,
            "W1 of particles": self.particles,
            "W1 of energy flow": self.flow,
            "Fréchet distance of energy flow": self.frechet,
            "kernel distance of energy flow": self.kernel,
            "AUC of a classifier": self.auc,
        }
        return [{"measure": name, "generated": two.generated, "truth": two.truth} for name, two in named.items()]


def compare_jets(
    truth: Events, generated: Events, particles: int, *, radius: float = 0.8, classify: bool = True, seed: int = 0
) -> JetQuality:
    """Compare generated jets of one kind with true ones.

    One half of the true jets is compared with as many generated ones and with the other half, so that the values of
    generated and true jets are too large by the same amount, which falls as 1 / jets. Both samples are taken as their
    hardest particles without masses.

    Args:
        truth: jets of which the generator has seen none, 80 or more.
        generated: jets, half as many or more.
        particles: of a jet, as the generator was trained.
        radius: of the jets, in which the classifier's observables measure angles.
        classify: whether to train the classifier; its AUC is not measured otherwise.
        seed: of the halves, groups and trainings.

    Raises:
        InputError: there are too few jets.
        BadJetError: a jet that cannot be used.
    """
    if len(truth) < FEWEST or len(generated) < len(truth) // 2:
        raise InputError(
            f"comparing needs {FEWEST} true jets or more and half as many generated ones, not {len(truth):,} and "
            f"{len(generated):,}"
        )
    true, half = clouds(truth, particles), len(truth) // 2
    order = generator(seed, 1).permutation(len(true))
    ours = clouds(generated, particles)[np.arange(half)]
    first, second = true[np.sort(order[:half])], true[np.sort(order[half : 2 * half])]
    flows = [energy_flow(jets) for jets in (first, second, ours)]
    shown = (*zip((first, second, ours), flows, strict=True),)
    with_truth, with_ours = (_distances(shown[0], other, seed) for other in shown[1:])
    both = {name: Beside(with_ours[name], value) for name, value in with_truth.items()}
    told = None
    if classify:
        features = [observables(as_events(jets), radius) for jets in (true, ours)]
        told = two_sample(*features, weight_truth=true.weight, weight_generated=ours.weight, seed=seed)
    return JetQuality(**both, test=told, jets=half)


def energy_flow(jets: JetClouds) -> Floats:
    """The 35 energy flow polynomials of one to four edges (arXiv:1712.07124), (jets, 35).

    First the 20 of connected graphs in the order of :func:`~partonic.represent.multigraphs.connected`, then their
    products. Those of four vertices and four edges stand in :data:`FLOW_COLUMNS`.

    Args:
        jets: of which shares of momentum and places count.
    """
    graphs = tuple(graph for edges in range(1, FOUR + 1) for graph in connected(edges))
    prime = flow_polynomials(constituents(as_events(jets)), graphs)
    edges = [len(graph) for graph in graphs]
    several = (pick for n in range(2, FOUR + 1) for pick in combinations_with_replacement(range(len(graphs)), n))
    products = [prime[:, list(pick)].prod(axis=1) for pick in several if sum(edges[column] for column in pick) <= FOUR]
    return np.column_stack([prime, *products])


FLOW_COLUMNS = tuple(
    column
    for column, graph in enumerate(graph for edges in range(1, FOUR + 1) for graph in connected(edges))
    if len(graph) == FOUR and vertices(graph) == FOUR
)
"""Columns of :func:`energy_flow` with four vertices and four edges."""


def observables(jets: Events, radius: float = 0.8) -> Floats:
    """What a classifier is shown of jets: the observables of :data:`partonic.represent.features.DESCRIPTIONS`."""
    values: Floats = JetFeatures(radius=radius)(jets).values.numpy().astype(np.float64)
    return values


def _distances(one: tuple[JetClouds, Floats], two: tuple[JetClouds, Floats], seed: int) -> dict[str, Estimate]:
    """All distances of two samples of jets with their energy flow."""
    (jets, flow), (other, other_flow) = one, two
    weights: dict[str, Any] = {"weight_truth": jets.weight, "weight_generated": other.weight}
    each = [np.repeat(sample.weight, sample.counts) for sample in (jets, other)]
    relative = [as_events(sample).column("jet_mass") / sample.frame[:, 0] for sample in (jets, other)]
    particles = wasserstein(jets.values, other.values, weight_truth=each[0], weight_generated=each[1])
    columns = list(FLOW_COLUMNS)
    polynomials = wasserstein(flow[:, columns], other_flow[:, columns], **weights)
    return {
        "mass": wasserstein(*relative, **weights)[0],
        "particles": _mean(particles),
        "flow": _mean(polynomials),
        "frechet": frechet(flow, other_flow, scale="largest", seed=seed, **weights),
        "kernel": kernel_distance(flow, other_flow, scale="largest", seed=seed, **weights),
    }


def _mean(distances: tuple[Estimate, ...]) -> Estimate:
    """Mean of distances; they hang together, so that their errors are averaged too."""
    value, error = (float(np.mean([getattr(one, name) for one in distances])) for name in ("value", "error"))
    return Estimate.symmetric(value, error, "standard error")

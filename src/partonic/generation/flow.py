r"""Normalising flows as generators: the density of events, learned by its likelihood, and events drawn from it.

The coordinates are first made about Gaussian each, then a flow learns how they hang together: coupling layers of
rational-quadratic splines (drawn in one go; angles stay on their circles) or autoregressive splines of zuko (more exact
for their size, slower to draw; angles are cut open). Sources: arXiv:1906.04032, arXiv:2001.05486; Bayesian weights:
arXiv:2104.04543.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from partonic.core.errors import InputError, unknown
from partonic.generation.coordinates import Coordinates
from partonic.generation.frame import (
    AT_ONCE,
    LearningOptions,
    Running,
    density_sample,
    facts_of,
    fit_coordinates,
    given_of,
    seeded,
    train,
    weights_of_draw,
)
from partonic.generation.learned import Learned
from partonic.generation.table import Table
from partonic.models.flows.coupling import CouplingFlow
from partonic.objectives.generative import negative_log_density

Floats = NDArray[np.float64]
KINDS = ("coupling", "autoregressive")
LEAST = 1e-7  # distance of a point of the unit cube from its faces
LOG_GAUSS = -0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class FlowOptions(LearningOptions):
    """How a flow is built and trained; the rest as :class:`~partonic.generation.frame.LearningOptions`.

    Args:
        kind: ``coupling`` or ``autoregressive``.
        hidden: widths of the hidden layers of each network.
        bins: of each spline.
        rounds: how often the set of coupling layers comes; number of autoregressive layers.

    Raises:
        UnknownNameError: there is no such kind.
        InputError: an option is out of range.
    """

    kind: str = "coupling"
    hidden: Sequence[int] = (48, 48)
    bins: int = 10
    rounds: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise unknown("kind of flow", self.kind, KINDS)
        if self.rounds < 1 or self.bins < 2:
            raise InputError(f"a flow needs 2 bins and 1 round or more, not {self.bins} and {self.rounds}")


class CubeFlow(nn.Module):
    """A coupling flow for standard coordinates: the real line goes to the unit cube by the Gaussian's integral.

    Args:
        circular: which coordinates are angles from -pi to pi.
        context: number of given values.
        bins: of each spline.
        hidden: widths of the hidden layers.
        rounds: how often the set of layers comes.
    """

    angle: Tensor

    def __init__(self, circular: Sequence[bool], context: int, bins: int, hidden: Sequence[int], rounds: int) -> None:
        super().__init__()
        self.register_buffer("angle", torch.tensor(list(circular)))
        self.flow = CouplingFlow(len(circular), bins, hidden, context, rounds, tuple(circular)).float()

    def forward(self, u: Tensor, context: Tensor) -> Tensor:
        """Logarithm of the density, (b,), at coordinates (b, d) and context (b, c)."""
        turns = torch.remainder(u / (2 * math.pi) + 0.5, 1.0)
        cube = torch.where(self.angle, turns, torch.special.ndtr(u)).clamp(LEAST, 1 - LEAST)
        slopes = torch.where(self.angle, -math.log(2 * math.pi), LOG_GAUSS - 0.5 * u.square())
        result: Tensor = self.flow.log_prob(cube, context if context.shape[1] else None) + slopes.sum(dim=1)
        return result

    def draw(self, context: Tensor, random: torch.Generator) -> Tensor:
        """Coordinates (b, d) of float64 at context (b, c)."""
        noise = torch.rand((len(context), len(self.angle)), generator=random).to(self.angle.device)
        cube, _ = self.flow(noise, context if context.shape[1] else None)
        cube = cube.double().clamp(LEAST, 1 - LEAST)
        return torch.where(self.angle, (2 * cube - 1) * math.pi, torch.special.ndtri(cube))


class AutoregressiveFlow(nn.Module):
    """Autoregressive splines of zuko for standard coordinates on the real line, the identity before they have learned.

    Args:
        circular: of each coordinate, none of which can be an angle.
        context: number of given values.
        bins: of each spline.
        hidden: widths of the hidden layers.
        rounds: number of layers.
    """

    def __init__(self, circular: Sequence[bool], context: int, bins: int, hidden: Sequence[int], rounds: int) -> None:
        from zuko.flows import NSF

        super().__init__()
        self.dim = len(circular)
        self.flow = NSF(self.dim, context, bins=bins, transforms=rounds, hidden_features=tuple(hidden))
        for layer in self.flow.transform.transforms:
            last = layer.hyper[-1].parameters() if hasattr(layer, "hyper") else layer.parameters()
            for parameter in last:
                nn.init.zeros_(parameter)

    def forward(self, u: Tensor, context: Tensor) -> Tensor:
        """Logarithm of the density, (b,), at coordinates (b, d) and context (b, c)."""
        result: Tensor = self.flow(context if context.shape[1] else None).log_prob(u)
        return result

    def draw(self, context: Tensor, random: torch.Generator) -> Tensor:
        """Coordinates (b, d) of float64 at context (b, c)."""
        noise = torch.randn((len(context), self.dim), generator=random).to(context)
        drawn: Tensor = self.flow(context if context.shape[1] else None).transform.inv(noise)
        return drawn.double()


NETWORKS: dict[str, type[CubeFlow] | type[AutoregressiveFlow]] = {
    "coupling": CubeFlow,
    "autoregressive": AutoregressiveFlow,
}


@dataclass(frozen=True, kw_only=True)
class FlowGenerator(Learned):
    """A trained flow; :func:`train_flow` makes it.

    Args:
        network: gives the logarithm of the density in the coordinates.
        kind: ``coupling`` or ``autoregressive``.
    """

    network: CubeFlow | AutoregressiveFlow
    kind: str
    stored_as: ClassVar[str] = "flow"

    @staticmethod
    def built(tree: Mapping[str, Any]) -> nn.Module:
        """The network, without its weights, from what the file holds."""
        return NETWORKS[tree["kind"]](**tree["sizes"])

    def drawn(self, rows: Tensor, rng: np.random.Generator) -> Floats:
        """Coordinates (n, d) of new events at a scaled context (n, c)."""
        random = torch.Generator().manual_seed(int(rng.integers(2**62)))
        found: Floats = torch.cat([self.network.draw(part, random) for part in torch.split(rows, AT_ONCE)]).numpy()
        return found

    def log_density(self, values: ArrayLike, context: ArrayLike | None = None, draw: int | None = None) -> Floats:
        """Logarithm of the density of physical values (n, k), in their units, (n,).

        Args:
            values: events.
            context: given values (n, c), where the training had them.
            draw: see :meth:`sample`.

        Raises:
            InputError: an event is outside of the coordinates, or as in :meth:`sample`.
        """
        rows = np.asarray(values, dtype=np.float64)
        u = torch.from_numpy(self.coordinates.forward(rows).astype(np.float32))
        given = self.given.scaled(context, len(u))
        pieces = zip(torch.split(u, AT_ONCE), torch.split(given, AT_ONCE), strict=True)
        with weights_of_draw(self.network, draw), torch.inference_mode():
            result = torch.cat([self.network(*piece) for piece in pieces]).double().numpy()
        density: Floats = result + self.coordinates.log_jacobian(rows)
        return density


def train_flow(
    table: Table,
    coordinates: Coordinates,
    options: FlowOptions | None = None,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> FlowGenerator:
    """Learn the density of a sample.

    Args:
        table: the sample, weights not negative.
        coordinates: in which it is learned.
        options: those of :class:`FlowOptions` if None.
        seed: of the initial weights and the order of the events.
        directory: where the fit saves its state, to go on after an interruption.
        device: where to train.

    Raises:
        InputError: the sample is not that of the coordinates or outside of them, has negative weights, or an option is
            out of range.
        TrainingError: the training diverged.
    """
    chosen = options or FlowOptions()
    fitted = fit_coordinates(table, coordinates, chosen.knots, circles=chosen.kind == "coupling")
    given = given_of(table)
    sizes = {
        "circular": list(fitted.circular if chosen.kind == "coupling" else [False] * len(fitted.circular)),
        "context": table.context.shape[1],
        "bins": chosen.bins,
        "hidden": list(chosen.hidden),
        "rounds": chosen.rounds,
    }
    network = seeded(lambda: NETWORKS[chosen.kind](**sizes), seed)
    sample = density_sample(table, fitted, given)
    where = Running(seed, device, directory, "training the flow")
    done = train(network, negative_log_density, sample, chosen, where)
    prior = chosen.prior if chosen.bayesian else None
    return FlowGenerator(
        network=network,
        kind=chosen.kind,
        sizes=sizes,
        coordinates=fitted,
        given=given,
        prior=prior,
        facts=facts_of(table, done, seed),
    )

"""The textbook way, to compare: a network trained by Adam on the squares of what is left over (arXiv:1902.05563)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from partonic.core.errors import TrainingError
from partonic.equations.points import grid
from partonic.equations.problem import Problem
from partonic.equations.system import Jets, Term, rows_of, terms
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions

STEPS_AN_EPOCH = 50


@dataclass(frozen=True)
class AdamOptions:
    """Options of the textbook way.

    Args:
        hidden: widths of the tanh layers.
        steps: of Adam, each on all points.
        nodes: collocation points an axis.
        learning_rate: highest; it falls to 0 along half a cosine.
        factor: weight of the conditions against the equations.
    """

    hidden: tuple[int, ...] = (20, 20)
    steps: int = 2_000
    nodes: int = 30
    learning_rate: float = 1e-2
    factor: float = 3.0


class Perceptron(nn.Module):
    """A tanh network with derivatives carried along layer by layer.

    Args:
        problem: whose coordinates go in and whose fields come out.
        hidden: widths of the layers between.
        seed: of the first weights.
    """

    lower: Tensor
    upper: Tensor

    def __init__(self, problem: Problem, hidden: tuple[int, ...], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        sizes = [problem.dimensions, *hidden, problem.fields]
        self.layers = nn.ModuleList(nn.Linear(a, b, dtype=torch.float64) for a, b in itertools.pairwise(sizes))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_normal_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        self.register_buffer("lower", torch.tensor(problem.lower, dtype=torch.float64))
        self.register_buffer("upper", torch.tensor(problem.upper, dtype=torch.float64))
        self.numbers = nn.Parameter(torch.tensor(list(problem.unknowns.values()), dtype=torch.float64))

    @property
    def unknowns(self) -> Tensor:
        """Unknown numbers, (unknowns,)."""
        return self.numbers.detach()

    @property
    def finite(self) -> bool:
        """Whether all parameters are."""
        return all(bool(torch.isfinite(part).all()) for part in self.parameters())

    def forward(self, x: Tensor) -> Jets:
        """Fields, first and second derivatives at points (dimensions, points), see :data:`Jets`."""
        scale = 2 / (self.upper - self.lower)
        value = ((x - self.lower[:, None]) * scale[:, None] - 1).T  # (n, width)
        d, n = x.shape
        first = torch.diag(scale)[:, None].expand(d, n, d)
        second = torch.zeros(d, d, n, d, dtype=x.dtype)
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            value, first, second = layer(value), first @ layer.weight.T, second @ layer.weight.T
            if number < len(self.layers) - 1:
                value = torch.tanh(value)
                slope = 1 - value * value
                second = -2 * value * slope * first[:, None] * first[None] + slope * second
                first = slope * first
        return value.T, first.permute(2, 0, 1), second.permute(3, 0, 1, 2)

    def jets(self, x: Tensor) -> Jets:
        """The same as numbers alone."""
        with torch.no_grad():
            u, du, d2u = self(x)
        return u, du, d2u


def cost(network: Perceptron, parts: list[Term]) -> Tensor:
    """Sum of the squares of all rows."""
    total = torch.zeros((), dtype=torch.float64)
    for term in parts:
        every = [network(x) for x in term.points]
        jets = tuple(torch.cat(same) for same in zip(*every, strict=True))
        x = term.points[0]
        numbers = network.numbers[:, None].expand(-1, x.shape[1])
        rows = rows_of(term.function, x, (jets[0], jets[1], jets[2]), numbers)
        total = total + term.residual(rows).square().sum()
    return total


def adam(problem: Problem, options: AdamOptions, seed: int) -> tuple[Perceptron, list[float]]:
    """Train a network on a problem.

    Args:
        problem: to be solved.
        options: of network and training.
        seed: of the first weights.

    Returns:
        The network and the cost after every so many steps; not finite where the training ran away.
    """
    network = Perceptron(problem, options.hidden, seed)
    grid(problem, options.nodes)  # an empty domain is told before anything is trained
    parts = terms(problem, options.nodes, options.factor)
    plan = FitOptions(
        epochs=max(1, options.steps // STEPS_AN_EPOCH),
        learning_rate=options.learning_rate,
        schedule="cosine",
        warmup=0.02,
        weight_decay=0.0,
        seed=seed,
        threads=1,
    )
    try:
        done = fit(network, cost, [parts] * STEPS_AN_EPOCH, options=plan, description=f"adam on {problem.name}")
    except TrainingError:
        return network, [float("nan")]
    return network, [record["loss"] for record in done.history]

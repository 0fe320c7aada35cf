r"""Numbers of parts of showers drawn in two steps: whether a part takes nothing, some or all of a rest, and how much.

A first network says how probable the three states are at what is given, and about where the number of a part that takes
some of the rest is and how far it spreads. Flow matching then learns only how such numbers scatter about this place, in
units of this width: densities there are smooth, and are neither narrow nor far away, so that few steps follow them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from partonic.core.errors import InputError
from partonic.generation import stored
from partonic.generation.coordinates import Columns, Fitted
from partonic.generation.frame import (
    Given,
    Running,
    count_weights,
    facts_of,
    fit_coordinates,
    given_of,
    seeded,
    train,
    weights_of_draw,
)
from partonic.generation.learned import OnDisk
from partonic.generation.lines import Straight
from partonic.generation.matching import MatchingGenerator, MatchingOptions, train_matching
from partonic.generation.shower_rows import BAND, GATE
from partonic.generation.table import Table, table
from partonic.models.mlp import mlp
from partonic.objectives.generative import DensityBatch

Floats = NDArray[np.float64]
STATES = 3  # nothing, some, all of a rest
SOME = 1
OUTSIDE = float(np.mean(BAND))  # the number of a part that takes all of a rest; with a minus sign, nothing
AVERAGING = 0.99  # largest decay of the moving average of the weights of the first network
FURTHEST = 6.0  # of the logarithm of a width from 0
TOGETHER = 20_000  # rows that go through the first network at once


@dataclass(frozen=True, kw_only=True)
class PartGenerator(OnDisk):
    """What draws numbers of parts; :func:`train_parts` makes it.

    Args:
        outline: the first network; at a scaled context it gives three logits, the place and the logarithm of the width.
        sizes: its widths.
        coordinates: of numbers of parts that take some of a rest, fitted to the sample.
        given: scales of the context.
        velocity: draws distances from the place in units of the width, given the context, place and width.
        prior: width of the prior of Bayesian weights, None for others.
        facts: plain data about the training.
    """

    outline: nn.Module
    sizes: tuple[int, ...]
    coordinates: Fitted
    given: Given
    velocity: MatchingGenerator
    prior: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    stored_as: ClassVar[str] = "part"

    @property
    def parameters(self) -> int:
        """Number of trained weights of both networks."""
        return count_weights(self.outline) + self.velocity.parameters

    def states(self, n: int, rng: np.random.Generator, context: Floats | None = None) -> NDArray[np.int64]:
        """Which of nothing (0), some (1) and all (2) of a rest parts take, (n,) at what is given, (n, c)."""
        return _drawn(self._outlined(n, context)[:, :STATES], rng)

    def sample(
        self, n: int, rng: np.random.Generator, context: Floats | None = None, draw: int | None = None
    ) -> Floats:
        """Numbers (n, 1) as of :func:`~partonic.generation.shower_rows.numbers_of_parts`, at what is given, (n, c).

        Args:
            n: number of parts.
            rng: source of randomness.
            context: what is given.
            draw: number of a draw of Bayesian weights; None for their means.

        Raises:
            InputError: the context does not fit, or ``draw`` asks for what the generator has not.
        """
        first, second = (None, None) if draw is None else (2 * draw, 2 * draw + 1)
        with weights_of_draw(self.outline, first):
            outline = self._outlined(n, context)
        state = _drawn(outline[:, :STATES], rng)
        found = OUTSIDE * (state - SOME)[:, None].astype(np.float64)
        some = np.flatnonzero(state == SOME)
        place = outline[some, STATES:]
        known = np.zeros((len(some), 0)) if context is None else context[some]
        away = self.velocity.sample(len(some), rng, np.column_stack([known, place]), second)
        u = place[:, :1] + np.exp(place[:, 1:]) * away
        found[some] = np.clip(self.coordinates.inverse(u), -1.0, 1.0)
        return found

    def _outlined(self, n: int, context: Floats | None) -> Floats:
        return _through(self.outline, self.given.scaled(context, n))

    def tree(self) -> dict[str, Any]:
        """Plain data and tensors."""
        given = [self.given.centre.tolist(), self.given.unit.tolist()]
        tree = {"sizes": list(self.sizes), "state": self.outline.state_dict(), "given": given}
        tree |= {"coordinates": stored.coordinates_tree(self.coordinates), "velocity": self.velocity.tree()}
        return tree | {"prior": self.prior, "facts": dict(self.facts)}

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave; errors of any kind where the tree is damaged."""
        coordinates: Any = stored.coordinates_of(tree["coordinates"])
        return cls(
            outline=stored.restore(mlp(*tree["sizes"]), tree),
            sizes=tuple(tree["sizes"]),
            coordinates=coordinates,
            given=Given(*(np.array(part, dtype=np.float64) for part in tree["given"])),
            velocity=MatchingGenerator.of(tree["velocity"]),
            prior=tree.get("prior"),
            facts=tree["facts"],
        )


def states_of(numbers: Floats) -> NDArray[np.int64]:
    """Of numbers of parts: 0 where a part takes nothing of a rest, 1 where it takes some, 2 where it takes all."""
    return (numbers >= -GATE).astype(np.int64) + (numbers >= GATE)


def outlined(network: nn.Module, batch: DensityBatch) -> Tensor:
    r"""Mean of :math:`-\ln p(\mathrm{state}) - \ln N(u;\mu,\sigma)`, a scalar; the Gaussian for the middle state only.

    Args:
        network: five numbers (b, 5) at context (b, c): logits of the states, and what gives the place and the width.
        batch: values (b, 2) are the state and the coordinate u.
    """
    found = network(batch.context)
    state, u = batch.values[:, 0].long(), batch.values[:, 1]
    place, log_width = _placed(found[:, STATES:]).unbind(dim=1)
    gauss = 0.5 * ((u - place) * torch.exp(-log_width)).square() + log_width
    loss = cross_entropy(found[:, :STATES], state, reduction="none") + torch.where(state == SOME, gauss, 0.0)
    return (batch.weight * loss).mean()


def train_parts(
    sample: Table,
    options: MatchingOptions,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> PartGenerator:
    """Learn numbers of parts.

    Args:
        sample: one number a row, with what is given, see :class:`~partonic.generation.shower_sticks.Sticks`.
        options: of the velocity; the first network has its width, one layer less and as many passes.
        seed: of everything random.
        directory: where the fits save their states, to go on after an interruption.
        device: where to train.

    Raises:
        InputError: fewer than two parts take some of a rest, or the rows are too few.
        TrainingError: a training diverged.
    """
    state = states_of(sample.values[:, 0])
    some = np.flatnonzero(state == SOME)
    if len(some) < 2:
        raise InputError(
            f"{len(some)} of {len(sample):,} parts take some of a rest, neither nothing nor all; flow matching learns "
            "from two or more"
        )
    inner = sample.rows(some)
    coordinates = fit_coordinates(inner, Columns(sample.names, (Straight(),)), options.knots)
    given, u = given_of(sample), np.zeros(len(sample))
    u[some] = coordinates.forward(inner.values)[:, 0]
    rows = given.scaled(sample.context, len(sample))
    values = torch.from_numpy(np.column_stack([state, u]).astype(np.float32))
    sizes = (rows.shape[1], *(options.hidden,) * max(1, options.layers - 1), STATES + 2)
    network = seeded(lambda: _flat(mlp(*sizes), state), seed)
    first = replace(options, averaging=min(options.averaging, AVERAGING))
    where = Running(seed, device, None if directory is None else Path(directory) / "outline", "training states")
    done = train(network, outlined, DensityBatch(values, rows, torch.ones(len(sample))), first, where)
    network.eval()
    place = _through(network, rows[torch.from_numpy(some)])[:, STATES:]
    away = (u[some] - place[:, 0]) * np.exp(-place[:, 1])
    scattered = table(("distance",), away, context=np.column_stack([inner.context, place]))
    rest: dict[str, Any] = {"seed": seed, "device": device}
    rest["directory"] = None if directory is None else Path(directory) / "velocity"
    velocity = train_matching(scattered, Columns(scattered.names, (Straight(),)), options, **rest)
    facts = dict(facts_of(sample, done, seed))
    facts["velocity"] = dict(velocity.facts)
    facts["seconds"] = facts["seconds"] + velocity.facts["seconds"]
    return PartGenerator(
        outline=network,
        sizes=sizes,
        coordinates=coordinates,
        given=given,
        velocity=velocity,
        prior=velocity.prior,
        facts=facts,
    )


def _flat(network: nn.Sequential, states: NDArray[np.int64]) -> nn.Sequential:
    """The network made to begin with the shares of the states, (n,), and the place and width of all parts together."""
    shares = (np.bincount(states, minlength=STATES) + 1) / (len(states) + STATES)
    with torch.no_grad():
        for weight in network[-1].parameters():
            weight.zero_()
        network[-1].get_parameter("bias")[:STATES] = torch.from_numpy(np.log(shares))
    return network


def _placed(found: Tensor) -> Tensor:
    """Place and logarithm of the width, (b, 2), of the last two numbers of the first network."""
    return torch.stack([found[:, 0], FURTHEST * torch.tanh(found[:, 1] / FURTHEST)], dim=1)


def _through(network: nn.Module, rows: Tensor) -> Floats:
    """Logits of the states, place and logarithm of the width, (n, 5), at a scaled context (n, c)."""
    with torch.inference_mode():
        parts = [network(part) for part in torch.split(rows, TOGETHER)]
        found = torch.cat([torch.cat([part[:, :STATES], _placed(part[:, STATES:])], dim=1) for part in parts])
    result: Floats = found.double().numpy()
    return result


def _drawn(logits: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """States (n,) of logits (n, states)."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    drawn = rng.random((len(odds), 1)) * odds[:, -1:]
    found: NDArray[np.int64] = (drawn >= odds[:, :-1]).sum(axis=1)
    return found

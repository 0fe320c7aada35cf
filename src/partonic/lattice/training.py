"""Flows of lattice fields learn from their own draws."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError, TrainingError
from partonic.fit.checked import check_loss, mean_loss
from partonic.fit.loop import FitResult, fit
from partonic.fit.options import FitOptions

EPOCHS = 10
CHECKED = 64  # draws whose density is computed in two ways after a training
Flow = TypeVar("Flow", bound=nn.Module)


class Theory(Protocol):
    """What a flow learns to sample."""

    def action(self, fields: Tensor, /) -> Tensor:
        """Minus the logarithm of the weight, (b,), of fields (b, ...)."""
        ...


class LatticeFlow(Protocol):
    """A module that makes fields of noise, as :class:`~partonic.lattice.flow.Z2Flow`."""

    def __call__(self, noise: Tensor, /) -> tuple[Tensor, Tensor]:
        """Fields (b, ...) and the logarithm of their density (b,)."""
        ...

    def noise(self, n: int, random: torch.Generator) -> Tensor:
        """Where draws begin, (n, ...)."""
        ...

    def log_prob(self, fields: Tensor, *, constant: bool = False) -> Tensor:
        """Logarithm of the density (b,) of fields (b, ...); with ``constant`` the weights get no gradient."""
        ...


@dataclass(frozen=True)
class Noise:
    """Where the draws of a flow begin, (b, ...)."""

    fields: Tensor

    def __len__(self) -> int:
        return len(self.fields)

    def to(self, device: torch.device | str) -> Noise:
        """The same on ``device``."""
        return Noise(self.fields.to(device))


class Draws:
    """Batches of fresh noise; each epoch is a function of its number.

    Args:
        flow: whose noise it is.
        size: of a batch.
        steps: batches of an epoch.
        seed: of all.
    """

    def __init__(self, flow: LatticeFlow, size: int, steps: int, seed: int) -> None:
        self.flow, self.size, self.steps, self.seed = flow, size, steps, seed

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Noise]:
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Noise]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        for step in range(skip, self.steps):
            random = torch.Generator().manual_seed((self.seed << 40) + number * self.steps + step)
            yield Noise(self.flow.noise(self.size, random))


@dataclass(frozen=True)
class ReverseKL:
    r"""The objective :math:`\langle \ln q(\phi) + S(\phi) \rangle_q`, at least minus the logarithm of Z.

    Its gradient is taken along the path of the fields alone: what the density's own weights add is zero on average and
    only noise (arXiv:1703.09194), so that a perfect flow has no gradient in any batch.

    Args:
        theory: whose action is sampled.
    """

    theory: Theory

    def __call__(self, model: Any, batch: Noise) -> Tensor:
        """The loss of a :class:`LatticeFlow` in a batch of noise, a scalar."""
        fields, _ = model(batch.fields)
        loss: Tensor = (model.log_prob(fields, constant=True) + self.theory.action(fields)).mean()
        return loss


def train_on_draws(
    build: Callable[[], Flow],
    theory: Theory,
    *,
    steps: int,
    size: int,
    seed: int,
    options: FitOptions,
    start: Flow | None = None,
    directory: Path | str | None = None,
) -> tuple[Flow, FitResult]:
    """Make a flow and train it on its own draws.

    Args:
        build: makes a module that is a :class:`LatticeFlow`.
        theory: to sample.
        steps: updates, at least one in each epoch of the options.
        size: fields of each.
        seed: of the initial weights and the draws.
        options: of the fit.
        start: a flow of the same shape whose weights are the first ones; None draws them.
        directory: where the training is kept, to go on from there; None keeps nothing.

    Raises:
        InputError: a number is out of range.
        TrainingError: the training diverged, or the flow cannot be inverted any more.
    """
    if min(steps, size) < 1:
        raise InputError(f"training takes 1 step and 1 field or more, not {steps} and {size}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = build()
    if start is not None:
        flow.load_state_dict(start.state_dict())
    draws = Draws(cast(Any, flow), size, max(1, steps // options.epochs), seed)
    objective, said = ReverseKL(theory), "training the flow"
    before = mean_loss(flow, objective, itertools.islice(draws, 1), options.seed)
    done = fit(flow, objective, draws, options=options, directory=directory, description=said)
    check_loss(before, done.best_loss, options)
    _check_inverse(cast(Any, flow), options)
    return flow, done


@torch.no_grad()
def _check_inverse(flow: Any, options: FitOptions) -> None:
    """Refuse a flow whose density is not that of its draws, as rounding makes it where weights have become too large.

    Raises:
        TrainingError: the logarithms of both differ by more than 1 on average.
    """
    fields, log_q = flow(flow.noise(CHECKED, torch.Generator().manual_seed(0)).to(options.device))
    off = float((flow.log_prob(fields) - log_q).abs().mean())
    if not off < 1:
        raise TrainingError(
            f"the training diverged: the density of the flow's draws is lost in rounding, its logarithm is off by "
            f"{off:.3g} on average; lower the learning rate (now {options.learning_rate:g})"
        )


def usual_options(rate: float, seed: int, device: str = "cpu") -> FitOptions:
    """Options of a fit that were measured to serve: the rate falls by a cosine over 10 epochs, no weight decay."""
    return FitOptions(
        epochs=EPOCHS, learning_rate=rate, schedule="cosine", warmup=0.02, weight_decay=0.0, seed=seed, device=device
    )

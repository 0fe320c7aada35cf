"""Adversarial training: two networks that learn against each other, turn by turn (arXiv:1406.2661)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError
from partonic.core.rank import size
from partonic.fit.loop import FitResult, Run, carry_out, paced_optimiser
from partonic.fit.options import FitOptions
from partonic.fit.ranks import Part

T = TypeVar("T")
DEFAULTS = FitOptions()


class Opponents(nn.Module):
    """Two networks that are trained against each other; the objectives take both.

    Args:
        generator: makes what the critic sees.
        critic: tells it from the truth.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic


@dataclass(frozen=True)
class Game(Generic[T]):
    """What the two networks want, each a function ``(opponents, batch) -> scalar`` that is made small.

    Args:
        critic: loss of the critic; it must not differentiate the generator.
        generator: loss of the generator; the weights of the critic are fixed while it is computed.
        measure: how far the generated is from the truth, by which the best epoch is chosen: the losses of a game do
            not tell, since each depends on how good the other network is.
        turns: updates of the critic for each of the generator, all from the same batch.
        pace: learning rate of the critic in units of the generator's (arXiv:1706.08500).
        momentum: of both optimisers, Adam's first decay; games swing less with a small one.

    Raises:
        InputError: a number is out of range.
    """

    critic: Callable[[Any, T], Tensor]
    generator: Callable[[Any, T], Tensor]
    measure: Callable[[Any, T], Tensor]
    turns: int = 1
    pace: float = 1.0
    momentum: float = 0.5

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise InputError(f"the critic needs 1 turn or more for each of the generator, not {self.turns}")
        if not self.pace > 0:
            raise InputError(f"the pace of the critic must be above 0, not {self.pace}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"the momentum must be at least 0 and below 1, not {self.momentum}")


def fit_adversarial(
    opponents: Opponents,
    game: Game[T],
    data: Iterable[T],
    validation: Iterable[T],
    options: FitOptions = DEFAULTS,
    directory: Path | str | None = None,
    description: str = "training",
) -> FitResult:
    """Train two networks against each other in place; both end in the state of the epoch of the lowest measure.

    Everything else is as in :func:`partonic.fit.loop.fit`: batches, saved states from which a training goes on to the
    bit, progress, moving averages. The records of the history hold the generator's ``loss``, the ``critic_loss`` and
    the measure as ``validation``.

    Args:
        opponents: the two networks.
        game: what they want.
        data: batches, passed once an epoch.
        validation: batches on which the measure is taken, with the same random numbers each time.
        options: see :class:`~partonic.fit.options.FitOptions`; AdamW only, in one process.
        directory: where to save; ``None`` saves nothing.
        description: for the progress display.

    Raises:
        InputError: as in :func:`~partonic.fit.loop.fit`; another optimiser, an L1 penalty, or several processes.
        FileError: the directory cannot be written, or its state cannot be read.
        TrainingError: a loss, a gradient or the measure is not finite, or there are no batches. The networks have
            their best state.
        KeyboardInterrupt: Ctrl-C, after the step it came in and after saving.
    """
    if size() > 1:
        raise InputError(f"an adversarial training runs in one process, not in {size()}; start it without torchrun")
    if options.optimiser != "adamw" or options.l1:
        raise InputError(f"an adversarial training takes adamw without l1, not {options.optimiser}, l1 {options.l1:g}")

    def both(_: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
        return _optimiser(opponents, game, options)

    return carry_out(_Match, opponents, game, data, validation, options, directory, description, both)


class _Match(Run):
    """A game under way."""

    @property
    def measure(self) -> Callable[[Any, Any], Tensor]:
        """That of the game."""
        measure: Callable[[Any, Any], Tensor] = self.objective.measure
        return measure

    def _step(self, part: Part[Any]) -> None:
        """The critic's turns, then the generator's."""
        game, others = self.objective, self.state.totals.others
        critic: Any = self.state.model.critic
        lost = 0.0
        for _ in range(game.turns):
            lost += self._update(self._loss(game.critic, part.batch), 1)[0] / game.turns
        others["critic_loss"] = others.get("critic_loss", 0.0) + lost
        frozen = [weight for weight in critic.parameters() if weight.requires_grad]
        for weight in frozen:
            weight.requires_grad = False
        try:
            value, norm = self._update(self._loss(game.generator, part.batch), 1)
        finally:
            for weight in frozen:
                weight.requires_grad = True
        self._count(value, norm, part.items)


def _optimiser(opponents: Opponents, game: Game[Any], options: FitOptions) -> torch.optim.Optimizer:
    """One optimiser of both networks: weights that have no gradient in a turn stay where they are."""
    optimiser = paced_optimiser(opponents, options, opponents.critic.parameters(), game.pace)
    for group in optimiser.param_groups:
        group["betas"] = (game.momentum, 0.999)
    return optimiser

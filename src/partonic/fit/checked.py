"""A training that ends worse than it began is an error, even where every number stayed finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from partonic.core.errors import TrainingError
from partonic.fit.loop import FitResult, fit
from partonic.fit.options import FitOptions

SLACK = 1.0, 0.1  # by how much a loss may rise: by this, and by this share of what it was


def fit_checked(
    network: nn.Module,
    objective: Callable[[Any, Any], Tensor],
    data: Iterable[Any],
    validation: Iterable[Any],
    options: FitOptions,
    directory: Path | str | None = None,
    description: str = "training",
) -> FitResult:
    """:func:`~partonic.fit.loop.fit`, for objectives that rate what a network knows before it has learned anything.

    Networks whose outputs are bounded, as splines, stay finite with weights of any size: a learning rate that is far
    too high leaves no NaN, only a useless network.

    Args:
        network: as there.
        objective: as there, of the size of 1, as a logarithm of a density or an error in units of a spread.
        data: as there.
        validation: as there.
        options: as there.
        directory: as there.
        description: as there.

    Raises:
        TrainingError: the best loss is above that before the training by more than 1 and a tenth of it; or as there.
    """
    before = mean_loss(network, objective, validation, options.seed)
    done = fit(network, objective, data, validation, options, directory, description)
    check_loss(before, done.best_loss, options)
    return done


def check_loss(before: float, best: float, options: FitOptions) -> None:
    """Refuse a training whose best loss is above that before it.

    Raises:
        TrainingError: it is, by more than 1 and a tenth of it.
    """
    if best > before + SLACK[0] + SLACK[1] * abs(before):
        raise TrainingError(
            f"the training diverged: its best loss is {best:.4g}, and was {before:.4g} before the first step; lower "
            f"the learning rate (now {options.learning_rate:g})"
        )


def mean_loss(
    network: nn.Module, objective: Callable[[Any, Any], Tensor], batches: Iterable[Any], seed: int = 0
) -> float:
    """Mean over batches of the loss of a network in evaluation mode, with the random numbers of a fit of this seed.

    An objective that draws noise sees the same before the fit and in its validation. Torch's own random numbers stay as
    they were.
    """
    training = network.training
    network.eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        losses = [float(objective(network, batch)) for batch in batches]
    network.train(training)
    return sum(losses) / max(1, len(losses))

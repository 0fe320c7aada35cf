"""The state of a training: all that the next step depends on, saved whole and read back without running code."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from partonic.core.errors import FileError, InputError
from partonic.core.files import atomic, check_readable
from partonic.fit.options import FitOptions

FORMAT = 1
Weights = dict[str, Tensor]


@dataclass
class Totals:
    """Sums over the steps of an epoch; ``others`` are those of one kind of training only, by name."""

    loss: float = 0.0
    gradient_norm: float = 0.0
    items: int = 0
    seconds: float = 0.0
    others: dict[str, float] = field(default_factory=dict)


@dataclass
class State:
    """A training between two steps.

    Args:
        model: in training, on its device.
        optimiser: of its parameters.
        average: moving average of the model's state, ``None`` where it is off.
        epoch: the running epoch, from 0.
        step: the next step in it.
        updates: steps of all epochs.
        totals: sums over the steps of this epoch so far.
        best: the state of the model at the best epoch so far, ``None`` before the first ends.
        best_epoch: its number, from 1; 0 before.
        best_loss: its loss.
        history: one record an epoch.
        stopped: why it ended, empty while it goes on.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    average: Weights | None
    epoch: int = 0
    step: int = 0
    updates: int = 0
    totals: Totals = field(default_factory=Totals)
    best: Weights | None = None
    best_epoch: int = 0
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: str = ""

    def blend(self, decay: float) -> None:
        """Move the average: ``average = decay * average + (1 - decay) * weight``; counters are copied."""
        if self.average is None:
            return
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model carries the averaged weights, where there are any, while the block runs."""
        if self.average is None:
            yield
            return
        current = copy(self.model.state_dict())
        self.model.load_state_dict(self.average)
        try:
            yield
        finally:
            self.model.load_state_dict(current)

    def keep_best(self, loss: float) -> None:
        """Remember the (averaged) weights if the loss of the epoch that just ended is the lowest."""
        if self.best is None or loss < self.best_loss:
            self.best = copy(self.model.state_dict() if self.average is None else self.average)
            self.best_epoch, self.best_loss = self.epoch + 1, loss


def copy(weights: Weights) -> Weights:
    """Detached copies."""
    return {name: value.detach().clone() for name, value in weights.items()}


def save(state: State, options: FitOptions, steps: int, path: Path) -> None:
    """Write the state whole or not at all.

    Args:
        state: of the training.
        options: of the training.
        steps: batches of an epoch, 0 if unknown.
        path: of the file.

    Raises:
        FileError: it cannot be written.
    """
    device = torch.device(options.device)
    tree = {
        "format": FORMAT,
        "options": asdict(options),
        "steps": steps,
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "random_device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "totals": asdict(state.totals),
        **{name: getattr(state, name) for name in _PLAIN},
    }
    buffer = io.BytesIO()
    torch.save(tree, buffer)  # to a full disk it would say nothing that a user understands
    with atomic(path) as aside:
        aside.write_bytes(buffer.getvalue())


_PLAIN = ("average", "epoch", "step", "updates", "best", "best_epoch", "best_loss", "history", "stopped")


def restore(state: State, options: FitOptions, steps: int, path: Path) -> None:
    """Put the state that was saved into ``state``, and torch's random numbers where they were.

    Raises:
        FileError: the file cannot be read or is of a newer version.
        InputError: it is of a training with other options, another model or data of another number of batches.
    """
    tree = _read(path, options.device)
    advice = "give another directory, or remove that file to start anew"
    different = options.differences(tree["options"])
    if tree["steps"] != steps:
        different.append(f"the number of batches was {tree['steps']} and is {steps}")
    different += _shape_differences(tree["model"], state.model.state_dict())
    if different:
        raise InputError(f"{path} is of another training: {'; '.join(different[:3])}; {advice}")
    state.model.load_state_dict(tree["model"])
    state.optimiser.load_state_dict(tree["optimiser"])
    state.totals = Totals(**tree["totals"])
    for name in _PLAIN:
        setattr(state, name, tree[name])
    torch.set_rng_state(tree["random"].cpu())
    device = torch.device(options.device)
    if device.type == "cuda" and tree["random_device"] is not None:
        torch.cuda.set_rng_state(tree["random_device"].cpu(), device)


def _read(path: Path, device: str) -> dict[str, Any]:
    check_readable(path)
    try:
        tree = torch.load(path, map_location=device, weights_only=True)
        version = tree["format"]
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, pickle.UnpicklingError) as error:
        raise FileError(f"{path} is not the state of a training, or is damaged; remove it to start anew") from error
    if version > FORMAT:
        raise FileError(
            f"{path} was written by a newer partonic (format {version}, this one reads {FORMAT}); update partonic"
        )
    return dict(tree)


def _shape_differences(stored: Weights, current: Weights) -> list[str]:
    names = sorted({*stored, *current})
    lines = []
    for name in names:
        was, now = (list(weights[name].shape) if name in weights else "absent" for weights in (stored, current))
        if was != now:
            lines.append(f"the model's '{name}' was {was} and is {now}")
    return lines

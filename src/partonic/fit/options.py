"""The options of a training and its learning rate as a function of time; plain data, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from partonic.core.errors import InputError, unknown
from partonic.models.precision import PRECISIONS

OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("constant", "cosine", "one-cycle")
ONE_CYCLE_START, ONE_CYCLE_END = (
    1 / 25,
    1e-4,
)  # of the highest rate, as in arXiv:1708.07120 and its usual implementations


@dataclass(frozen=True)
class FitOptions:
    """Options of :func:`partonic.fit.loop.fit`; a value out of range is an :class:`InputError` at once.

    Args:
        epochs: passes over the data, at most.
        learning_rate: the highest one.
        schedule: ``constant``; ``cosine`` (falls to 0); ``one-cycle`` (rises from 1/25, falls to 1e-4 of the highest,
            by half cosines; arXiv:1708.07120). The first two rise linearly during the warm-up.
        warmup: share of the training in which the rate rises, in [0, 1).
        optimiser: ``adamw`` (arXiv:1711.05101) or ``sgd`` (Nesterov momentum 0.9).
        weight_decay: decoupled (AdamW) or L2 (SGD), on weights only: biases and scales of normalisations are free.
        l1: coefficient of the sum of the absolute weights that is added to the training loss, on weights only.
        clip: largest 2-norm of the gradient, 0 for no clipping.
        patience: stop after so many epochs without a lower validation loss (without validation: training loss), 0 for
            never.
        averaging: decay of the exponential moving average of the weights, in [0, 1), 0 for none. In its first steps t
            the decay is (1 + t) / (10 + t). Validation sees the averaged weights, and they are what the fit returns.
        seed: of everything random inside the model (dropout); the data have their own.
        device: where to train, as ``cpu``, ``cuda``, ``cuda:1``.
        threads: of torch on the processor, 0 for torch's default; the fit to the bit holds for equal numbers only.
        precision: of matrix products and convolutions: ``float32``; ``bfloat16`` where the processor has it, refused
            elsewhere; ``bfloat16-emulated`` everywhere. Weights, their updates and losses are float32 always.
        compile: whether torch compiles the network first, which takes a C++ compiler and up to some minutes.
        save_every: seconds between two saved states within an epoch (each epoch ends with one), 0 for every step.
    """

    epochs: int = 20
    learning_rate: float = 2e-3
    schedule: str = "one-cycle"
    warmup: float = 0.2
    optimiser: str = "adamw"
    weight_decay: float = 0.01
    l1: float = 0.0
    clip: float = 1.0
    patience: int = 0
    averaging: float = 0.0
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    precision: str = "float32"
    compile: bool = False
    save_every: float = 60.0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise unknown("learning rate schedule", self.schedule, SCHEDULES)
        if self.optimiser not in OPTIMISERS:
            raise unknown("optimiser", self.optimiser, OPTIMISERS)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.epochs < 1:
            raise InputError(f"epochs must be 1 or more, not {self.epochs}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        for name in ("weight_decay", "l1", "clip", "patience", "seed", "threads", "save_every"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InputError(f"{name} must be 0 or above, not {value}")
        for name in ("warmup", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")

    def rate(self, progress: float) -> float:
        """Learning rate after a share ``progress`` in [0, 1] of the training."""
        if progress < self.warmup:
            rise = progress / self.warmup
            if self.schedule == "one-cycle":
                rise = ONE_CYCLE_START + (1 - ONE_CYCLE_START) * 0.5 * (1 - math.cos(math.pi * rise))
            return self.learning_rate * rise
        if self.schedule == "constant":
            return self.learning_rate
        floor = ONE_CYCLE_END if self.schedule == "one-cycle" else 0.0
        fall = (min(progress, 1.0) - self.warmup) / (1 - self.warmup)
        return self.learning_rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * fall)))

    def decay(self, update: int) -> float:
        """Decay of the weight average in the given update (the first is 0)."""
        return min(self.averaging, (1 + update) / (10 + update))

    def differences(self, other: dict[str, object]) -> list[str]:
        """What differs from stored options and changes the outcome, as ``"epochs was 20 and is 30"``."""
        counted = [f for f in fields(self) if f.name not in ("device", "threads", "save_every")]
        values = [(f.name, other.get(f.name, f.default), getattr(self, f.name)) for f in counted]
        return [f"{name} was {before} and is {now}" for name, before, now in values if before != now]

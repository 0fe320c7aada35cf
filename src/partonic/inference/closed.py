"""Objectives of :mod:`partonic.objectives.ratio` with their gradients from one compiled pass, where networks are plain.

A graph of some hundred small operations takes far longer to book than to compute where batches are small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from partonic.core.blas import one_thread
from partonic.fit.stepping import with_gradient
from partonic.inference import compiled_steps
from partonic.inference.networks import ParameterisedRatio
from partonic.objectives.ratio import RatioBatch

Objective = Callable[[nn.Module, RatioBatch], Tensor]

WIDEST = 128  # channels beyond which matrix products take most of the time, of which torch has the faster ones
ACTIVATIONS: dict[type[nn.Module], int] = {nn.Tanh: compiled_steps.TANH, nn.SiLU: compiled_steps.SILU}
KINDS = {
    "carl": compiled_steps.CLASSIFIER,
    "cascal": compiled_steps.CLASSIFIER,
    "alice": compiled_steps.EXACT_CLASSIFIER,
    "alices": compiled_steps.EXACT_CLASSIFIER,
    "rolr": compiled_steps.REGRESSION,
    "rascal": compiled_steps.REGRESSION,
}


@dataclass(frozen=True)
class PlainNetwork:
    """What a plain network computes with.

    Args:
        weights: its parameters.
        flat: mean and width of the observables, centre and unit of theta, and the parameters, flat, in their memory.
        activation: number of the kernels'.
        widths: of the hidden layers.
    """

    weights: list[Tensor]
    flat: list[Tensor]
    activation: int
    widths: list[int]

    @classmethod
    def of(cls, model: nn.Module) -> PlainNetwork | None:
        """That of a model; None if it is none of single precision on a processor, all of whose weights are trained."""
        if type(model).forward is not ParameterisedRatio.forward or model._compiled_call_impl is not None:
            return None
        network = cast("ParameterisedRatio", model)
        inner = list(cast("nn.Sequential", network.body[1]))
        kinds = {type(layer) for layer in (network.body[0], *inner[1::2])}
        weights = [network.of_x.weight, network.of_theta.weight, network.of_x.bias]
        weights += cast("nn.Sequential", network.body[1]).parameters()
        widths = [cast("nn.Linear", layer).in_features for layer in inner[::2]]
        usual = len(kinds) == 1 and kinds <= set(ACTIVATIONS) and max(widths) <= WIDEST
        kept = all(one.is_cpu and one.is_contiguous() and one.requires_grad for one in weights)
        if not (usual and kept) or any(one.dtype != torch.float32 for one in weights):
            return None
        fixed = [network.standardise.mean, network.standardise.width, network.centre, network.unit]
        flat = [one.detach().view(-1) for one in (*fixed, *weights)]
        return cls(weights, flat, ACTIVATIONS[kinds.pop()], widths)

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum(one.numel() for one in self.weights)

    def moved(self) -> bool:
        """Whether weights have left the memory where they were."""
        return any(one.data_ptr() != flat.data_ptr() for one, flat in zip(self.weights, self.flat[4:], strict=True))


class ClosedForm:
    """The loss of a batch, whose gradients come with it for a plain network in single precision on a processor.

    Args:
        objective: which says the loss of any network, by automatic differentiation.
        method: its name.
        strength: of the error of the score, 0 for methods without.
    """

    def __init__(self, objective: Objective, method: str, strength: float = 0.0) -> None:
        self.objective, self.strength, self.kind = objective, strength, KINDS[method]
        self._seen: tuple[nn.Module | None, PlainNetwork | None] = None, None

    def __call__(self, model: nn.Module, batch: RatioBatch) -> Tensor:
        """The loss."""
        seen, plain = self._seen
        if seen is not model or (plain is not None and plain.moved()):
            plain = PlainNetwork.of(model)
            self._seen = model, plain
        if plain is None or not _usual(batch):
            return self.objective(model, batch)
        shape = [self.kind, plain.activation, batch.other is not None, batch.x.shape[1], batch.theta.shape[2]]
        flat = torch.cat([*plain.flat[:4], batch.unit, *plain.flat[4:]])
        gradient = torch.zeros(plain.size)
        arrays = _table(batch).numpy(), flat.numpy(), np.array([*shape, *plain.widths])
        with one_thread():
            value = compiled_steps.loss_and_gradient(*arrays, self.strength, gradient.numpy())
        return with_gradient(value, gradient, plain.weights)


def _usual(batch: RatioBatch) -> bool:
    single = batch.x.dtype == torch.float32 and batch.x.is_cpu and batch.theta.shape[1] == len(batch.x)
    return single and not torch.is_autocast_enabled("cpu")


def _table(batch: RatioBatch) -> Tensor:
    """The columns of a batch, a row for each event at each theta."""
    m, b, p = batch.theta.shape
    single = (batch.numerator, batch.denominator, batch.label, batch.log_ratio)
    x = batch.x if m == 1 else batch.x.repeat(m, 1)
    points = [one.reshape(m * b, p) for one in (batch.theta, batch.other, batch.score) if one is not None]
    return torch.cat([x, *points, *(one.reshape(m * b, 1) for one in single)], dim=1)

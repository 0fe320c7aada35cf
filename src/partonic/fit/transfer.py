"""Take up a trained network for another task: its weights but for the head, which may be all that is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from torch import nn

from partonic.core.errors import InputError
from partonic.fit.begun import weights_mark
from partonic.fit.loop import paced_optimiser
from partonic.models.checkpoint import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from torch import Tensor

    from partonic.core.registry import Entry
    from partonic.fit.loop import MakeOptimiser
    from partonic.fit.options import FitOptions
    from partonic.models.checkpoint import Trained


UNFIT = "it is no single network with a last layer to replace"


def head_of(cls: type, options: Mapping[str, Any]) -> set[str]:
    """Names of the weights of a network whose shape depends on its number of outputs."""
    one, other = (cls(**{**options, "outputs": outputs}).state_dict() for outputs in (2, 3))
    return {name for name, values in one.items() if other[name].shape != values.shape}


def tunable(entry: Entry, options: Mapping[str, Any]) -> bool:
    """Whether a registered model with these options is one network with a last layer that can be replaced."""
    return not (entry.facts.get("boosted") or entry.facts.get("composite")) and bool(head_of(entry.cls, options))


def take_over(module: nn.Module, trained: Trained, head: set[str]) -> None:
    """Copy the weights of a trained network but those of its head.

    Args:
        module: network of the same class and options, but for the number of outputs.
        trained: where the weights come from.
        head: names of those that are left as they are.
    """
    known: dict[str, Tensor] = trained.module.state_dict()
    own = module.state_dict()
    module.load_state_dict({name: own[name] if name in head else known[name] for name in own})


@dataclass(frozen=True)
class Start:
    """A trained network that a training starts from.

    Args:
        file: its checkpoint.
        frozen: train the head only.
        body_rate: learning rate of all else, as a share of that of the head.

    Raises:
        InputError: the rate is no share.
    """

    file: Path
    frozen: bool = False
    body_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.body_rate <= 1:
            raise InputError(f"body_rate is a share of the learning rate, above 0 and at most 1, not {self.body_rate}")
        if self.frozen and self.body_rate != 1:
            raise InputError("frozen=True trains the last layer only; leave out body_rate")

    def taken(self, module: nn.Module, options: Mapping[str, Any]) -> tuple[nn.Module, MakeOptimiser | None]:
        """What is trained, with the weights of the start, and what makes its optimiser.

        Args:
            module: new network of the same class.
            options: what it was made with.
        """
        head = head_of(type(module), options)
        take_over(module, load(self.file), head)
        if self.frozen:
            return Frozen(module, head), None

        def two_rates(model: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
            body = [weight for name, weight in module.named_parameters() if name not in head]
            return paced_optimiser(model, options, body, self.body_rate)

        return Tuned(module), None if self.body_rate == 1 else two_rates


def start_from(initial: Path | None, frozen: bool, body_rate: float) -> Start | None:
    """The start from a checkpoint, or none.

    Raises:
        InputError: there is none, and the others say how to train from one; or they contradict each other.
    """
    if initial is not None:
        return Start(initial, frozen, body_rate)
    if frozen or body_rate != 1:
        raise InputError("frozen and body_rate are of a start from a trained network: name its checkpoint as initial")
    return None


def facts_of(start: Start | None) -> dict[str, Any]:
    """What of a start is of consequence, by name; plain data."""
    if start is None:
        return {"initial weights": None, "frozen": False}
    weights = weights_mark(load(start.file).module)
    return {"initial weights": weights, "frozen": start.frozen, "body rate": start.body_rate}


class Tuned(nn.Module):
    """A network that goes on learning, with the means and variances that its batch norms have learned.

    Those of a few jets say little, and published networks have taken theirs over padding, too, which ours leave out.

    Args:
        inner: the network.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def train(self, mode: bool = True) -> Self:
        """All but the batch norms behaves as in training."""
        super().train(mode)
        for module in self.inner.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, batch: Any) -> Tensor:
        """What the network gives."""
        outputs: Tensor = self.inner(batch)
        return outputs


class Frozen(Tuned):
    """A network of which only the head is trained: the rest keeps its weights, statistics and has no dropout.

    Args:
        inner: the network.
        head: names of the weights that are trained.

    Raises:
        InputError: the network has no head that could be told from the rest.
    """

    def __init__(self, inner: nn.Module, head: set[str]) -> None:
        super().__init__(inner)
        parameters = dict(inner.named_parameters())
        if not head or head >= set(parameters):
            raise InputError(f"the network {type(inner).__name__} has no head that could be trained for itself")
        for name, weight in parameters.items():
            weight.requires_grad_(name in head)

    def train(self, mode: bool = True) -> Self:
        """Nothing inside behaves otherwise in training."""
        super().train(False)
        self.training = mode
        return self

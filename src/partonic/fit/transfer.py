"""Take up a trained network for another task: its weights but for the head, which may be all that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from torch import nn

from partonic.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from partonic.core.registry import Entry
    from partonic.models.checkpoint import Trained


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


class Frozen(nn.Module):
    """A network of which only the head is trained: the rest keeps its weights, statistics and has no dropout.

    Args:
        inner: the network.
        head: names of the weights that are trained.

    Raises:
        InputError: the network has no head that could be told from the rest.
    """

    def __init__(self, inner: nn.Module, head: set[str]) -> None:
        super().__init__()
        self.inner = inner
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

    def forward(self, batch: Any) -> Tensor:
        """What the network gives."""
        outputs: Tensor = self.inner(batch)
        return outputs

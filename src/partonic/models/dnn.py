"""A dense network on high-level observables, what one trains first (arXiv:1704.08249)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp

if TYPE_CHECKING:
    from partonic.represent.batch import Features


@register_model(
    "dnn",
    paper="arXiv:1704.08249",
    input="features",
    rate=5_300,
    training={"epochs": 20, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 256},
)
class DNN(nn.Module):
    """Logits of a jet from its observables, which a batch norm brings to a common scale.

    Args:
        observables: their number.
        width: of the three hidden layers.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, observables: int = 22, width: int = 128, outputs: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(observables)
        self.layers = mlp(observables, width, width, width, outputs)

    def forward(self, jets: Features) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return logits(self.layers(self.norm(jets.values).clamp(-10, 10)))

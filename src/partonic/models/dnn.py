"""A dense network on high-level observables, what one trains first (arXiv:1704.08249, 1902.09914)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
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
    invariant=("permutation", "azimuth", "boost", "reflection"),
    rate=5_400,
    training={"epochs": 20, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 256},
)
class DNN(nn.Module):
    """Logits of a jet from its observables, which a batch norm brings to a common scale.

    The layers are those of the networks on N-subjettinesses of the comparison of top taggers; the 8-body basis has as
    many observables as the default of this project.

    Args:
        observables: their number.
        widths: of the hidden layers.
        dropouts: behind each of them.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in DNN().parameters())
        57495
    """

    def __init__(
        self,
        observables: int = 22,
        widths: Sequence[int] = (200, 200, 50, 50),
        dropouts: Sequence[float] = (0.2, 0.2, 0.1, 0.1),
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(observables)
        layers: list[nn.Module] = []
        for (before, after), share in zip(pairwise((observables, *widths)), dropouts, strict=True):
            layers += [mlp(before, after, activate_last=True), nn.Dropout(share)]
        self.layers = nn.Sequential(*layers, mlp(widths[-1], outputs))

    def forward(self, jets: Features) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return logits(self.layers(self.norm(jets.values).clamp(-10, 10)))

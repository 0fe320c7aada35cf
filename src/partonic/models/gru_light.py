"""A gated recurrent unit of half the width (arXiv:1406.1078, 1711.09059)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.gru import GRU


@register_model(
    "gru-light",
    paper="arXiv:1711.09059",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=550,
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-4, "size": 128},
)
class GRULight(GRU):
    """Logits of a jet from a gated recurrent unit of 64 numbers.

    Args:
        features: of a particle.
        order: ``pt`` or ``given``, as of :class:`~partonic.models.lstm.LSTM`.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in GRULight().parameters())
        29697
    """

    def __init__(self, features: int = 7, order: str = "pt", outputs: int = 1) -> None:
        super().__init__(width=64, features=features, order=order, outputs=outputs)

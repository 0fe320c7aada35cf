"""A long short-term memory of half the width (arXiv:1711.09059)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lstm import LSTM


@register_model(
    "lstm-light",
    paper="arXiv:1711.09059",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=350,
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-4, "size": 128},
)
class LSTMLight(LSTM):
    """Logits of a jet from a long short-term memory of 64 numbers.

    Args:
        features: of a particle.
        order: ``pt`` or ``given``, as of :class:`~partonic.models.lstm.LSTM`.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LSTMLight().parameters())
        38017
    """

    def __init__(self, features: int = 7, order: str = "pt", outputs: int = 1) -> None:
        super().__init__(width=64, features=features, order=order, outputs=outputs)

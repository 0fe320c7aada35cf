"""A P-CNN small enough for a laptop (arXiv:1902.08570)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.pcnn import PCNN


@register_model(
    "pcnn-light",
    paper="arXiv:1902.08570",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=1_100,
    training={"epochs": 10, "learning_rate": 1e-3, "weight_decay": 1e-3, "size": 64},
)
class PCNNLight(PCNN):
    """Logits of a jet from its 60 hardest constituents.

    Args:
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in PCNNLight().parameters())
        53537
    """

    def __init__(self, features: int = 7, outputs: int = 1) -> None:
        super().__init__(60, 16, (24, 32, 48), 128, features=features, outputs=outputs)

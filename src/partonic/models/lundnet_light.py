"""A LundNet of a fourteenth of the published weights, quick enough for a laptop (arXiv:2012.08526)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lundnet import LundNet


@register_model(
    "lundnet-light",
    paper="arXiv:2012.08526",
    input="lund",
    invariant=("permutation", "azimuth", "boost"),
    rate=1_000,
    training={"epochs": 15, "learning_rate": 3e-3, "weight_decay": 1e-4, "size": 64},
)
class LundNetLight(LundNet):
    """Logits of a jet from four convolutions.

    Args:
        features: of a declustering.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LundNetLight().parameters())
        28379
    """

    def __init__(self, features: int = 5, outputs: int = 1) -> None:
        super().__init__(((16, 16), (16, 16), (32, 32), (32, 32)), (64,), 0.1, features, outputs)

"""A LoLa small enough for a laptop (arXiv:1707.08966)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lola import LoLa
from partonic.represent.packed import KINEMATIC


@register_model(
    "lola-light",
    paper="arXiv:1707.08966",
    input="packed",
    invariant=("permutation",),
    rate=4_200,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-4, "size": 128},
)
class LoLaLight(LoLa):
    """Logits of a jet from its 22 hardest constituents and seven learned combinations of them.

    Args:
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LoLaLight().parameters())
        31275
    """

    def __init__(self, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__(22, 7, features=features, outputs=outputs)

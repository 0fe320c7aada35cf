"""A Lorentz boost network small enough for a laptop (arXiv:1812.09722)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lbn import LBN
from partonic.represent.packed import KINEMATIC


@register_model(
    "lbn-light",
    paper="arXiv:1812.09722",
    input="packed",
    invariant=("permutation",),
    rate=9_300,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-4, "size": 128},
)
class LBNLight(LBN):
    """Logits of a jet from twelve learned particles and frames.

    Args:
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LBNLight().parameters())
        29113
    """

    def __init__(self, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__(40, 12, (90, 90, 90), features=features, outputs=outputs)

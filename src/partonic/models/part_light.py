"""A Particle Transformer small enough for a laptop (arXiv:2202.03772)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.part import ParT


@register_model(
    "part-light",
    paper="arXiv:2202.03772",
    input="packed",
    invariant=("permutation",),
    rate=185,
    training={"epochs": 12, "learning_rate": 2e-3, "weight_decay": 1e-2, "size": 128},
)
class ParTLight(ParT):
    """Logits of a jet from three blocks of attention between particles and one that gathers them, without dropout.

    Args:
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, features: int = 7, outputs: int = 1) -> None:
        super().__init__((64, 128, 64), (16, 16), 8, 3, 1, 0.0, features=features, outputs=outputs)

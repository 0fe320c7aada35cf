"""PELICAN with a thousand parameters, which came close to networks of a million (arXiv:2307.16506)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.pelican import PELICAN
from partonic.represent.packed import KINEMATIC


@register_model(
    "pelican-1k",
    paper="arXiv:2307.16506",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=900,
    training={"epochs": 12, "learning_rate": 1e-2, "weight_decay": 0.0, "size": 64},
)
class PELICAN1k(PELICAN):
    """Logits of a jet from two blocks of five channels.

    Args:
        beams: whether the two beam directions stand beside the particles.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, beams: bool = True, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__(2, 5, dropout=0.0, beams=beams, features=features, outputs=outputs)

"""L-GATr-slim with the numbers of the published network (arXiv:2512.17011)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lgatr_slim import LGATrSlim
from partonic.represent.packed import KINEMATIC


@register_model(
    "lgatr-slim-large",
    paper="arXiv:2512.17011",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=12,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-2, "size": 64},
)
class LGATrSlimLarge(LGATrSlim):
    """Logits of a jet from twelve blocks of 96 scalars and 32 vectors, with gated units four times as wide.

    Args:
        beams: whether the two beam directions stand beside the particles.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LGATrSlimLarge().parameters())
        2037505
    """

    def __init__(self, beams: bool = True, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__(12, 96, 32, 8, 4, beams=beams, features=features, outputs=outputs)

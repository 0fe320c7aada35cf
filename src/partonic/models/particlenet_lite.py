"""ParticleNet-Lite: the small network of the same paper, quick enough for a laptop (arXiv:1902.08570)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.particlenet import ParticleNet


@register_model(
    "particlenet-lite",
    paper="arXiv:1902.08570",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=680,
    training={"epochs": 12, "learning_rate": 5e-3, "weight_decay": 1e-4, "size": 128},
)
class ParticleNetLite(ParticleNet):
    """Logits of a jet from two edge convolutions over seven neighbours.

    Args:
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in ParticleNetLite().parameters())
        26287
    """

    def __init__(self, features: int = 7, outputs: int = 1) -> None:
        super().__init__(((7, (32, 32, 32)), (7, (64, 64, 64))), (128,), 0.1, features, outputs)

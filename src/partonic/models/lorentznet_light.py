"""A LorentzNet small enough for a laptop (arXiv:2201.08187)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lorentznet import LorentzNet
from partonic.represent.packed import KINEMATIC


@register_model(
    "lorentznet-light",
    paper="arXiv:2201.08187",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=220,
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-2, "size": 64},
)
class LorentzNetLight(LorentzNet):
    """Logits of a jet from three blocks of 16 channels.

    Args:
        beams: whether the two beam directions stand beside the particles.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LorentzNetLight().parameters())
        6100
    """

    def __init__(self, beams: bool = True, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__(3, 16, dropout=0.0, beams=beams, features=features, outputs=outputs)

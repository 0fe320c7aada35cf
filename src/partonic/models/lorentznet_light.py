"""A LorentzNet small enough for a laptop (arXiv:2201.08187)."""

from __future__ import annotations

from partonic.core.registry import register_model
from partonic.models.lorentznet import LorentzNet


@register_model(
    "lorentznet-light",
    paper="arXiv:2201.08187",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-2, "size": 64},
)
class LorentzNetLight(LorentzNet):
    """Logits of a jet from four blocks of 40 channels.

    Args:
        beams: whether the two beam directions stand beside the particles.
        classes: 1 for one logit a jet, else so many.
    """

    def __init__(self, beams: bool = True, classes: int = 1) -> None:
        super().__init__(blocks=4, width=40, dropout=0.1, beams=beams, classes=classes)

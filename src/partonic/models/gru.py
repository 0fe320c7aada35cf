"""A gated recurrent unit in the place of the long short-term memory (arXiv:1406.1078, 1711.09059)."""

from __future__ import annotations

from torch import nn

from partonic.core.registry import register_model
from partonic.models.lstm import LSTM


@register_model(
    "gru",
    paper="arXiv:1711.09059",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=270,
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-4, "size": 128},
)
class GRU(LSTM):
    """Logits of a jet from the last state of a gated recurrent unit, last constituent first.

    Args:
        particles: number of hardest constituents that are read.
        width: of the state.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
        order: ``pt`` or ``given``, as of :class:`~partonic.models.lstm.LSTM`.

    Example:
        >>> sum(weight.numel() for weight in GRU().parameters())
        83329
    """

    cell = nn.GRU

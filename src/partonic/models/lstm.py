"""Recurrent networks over the constituents in the order of momenta or of clustering (arXiv:1711.09059)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from partonic.core.errors import unknown
from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.leading import leading

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

ORDERS = ("pt", "given")


@register_model(
    "lstm",
    paper="arXiv:1711.09059",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=210,
    training={"epochs": 10, "learning_rate": 2e-3, "weight_decay": 1e-4, "size": 128},
)
class LSTM(nn.Module):
    """Logits of a jet from the last state of a long short-term memory, last constituent first.

    Args:
        particles: number of hardest constituents that are read.
        width: of the state.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
        order: ``pt``, so that the softest is read first; or ``given``, for jets that the representation put in the
            order of clustering (``Packed(order="kt")``).

    Raises:
        UnknownNameError: there is no such order.

    Example:
        >>> sum(weight.numel() for weight in LSTM().parameters())
        108161
    """

    cell: type[nn.LSTM | nn.GRU] = nn.LSTM

    def __init__(
        self, particles: int = 80, width: int = 128, features: int = 7, outputs: int = 1, order: str = "pt"
    ) -> None:
        super().__init__()
        if order not in ORDERS:
            raise unknown("order of constituents", order, ORDERS)
        self.particles, self.order = particles, order
        self.embed = nn.Linear(features, 64)
        self.recurrent = self.cell(64, width, batch_first=True)
        self.head = mlp(width, 64, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        given = leading(jets, self.particles, self.order)
        # The first constituent comes last: what is read last is remembered best.
        slot = (given.numbers[:, None] - 1 - _slots(given.features)).clamp(min=0)
        turned = given.features.gather(1, slot[:, :, None].expand_as(given.features))
        sequence = pack_padded_sequence(
            self.embed(turned).relu(), given.numbers.cpu(), batch_first=True, enforce_sorted=False
        )
        _, state = self.recurrent(sequence)
        return logits(self.head((state[0] if isinstance(state, tuple) else state)[-1]))


def _slots(features: Tensor) -> Tensor:
    """(1, count) numbers of the slots."""
    return features.new_ones(1, features.shape[1]).cumsum(1).long() - 1

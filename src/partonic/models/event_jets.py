"""An event as a text: particles make jets as words a sentence, jets make the event (Louppe et al., arXiv:1702.00748).

Figure 2 of the paper: a network embeds each jet, and a recurrent one reads the embeddings beside the jets' momenta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.models.pfn import PFN
from partonic.represent.nested import EVENT_FEATURES, JET_FEATURES
from partonic.represent.segments import lengths, segments

if TYPE_CHECKING:
    from partonic.represent.nested import PackedEvents


@register_model(
    "event-jets",
    paper="arXiv:1702.00748",
    input="events",
    invariant=("permutation", "azimuth"),
    training={"epochs": 12, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 128},
)
class EventJets(nn.Module):
    """Logits of an event from its jets, read from the softest to the hardest, and its missing momentum.

    A particle flow network embeds the particles of each jet. The reading begins with a learned vector, so that an event
    without jets has a score too.

    Args:
        embedding: numbers that the jet network says of a jet, 2 or more.
        width: of the state of the recurrent network.
        features: of a particle.
        outputs: 1 for one logit an event, else so many.
    """

    def __init__(self, embedding: int = 32, width: int = 64, features: int = 7, outputs: int = 1) -> None:
        super().__init__()
        self.embed = PFN(width=128, features=features, outputs=embedding)
        self.start = nn.Parameter(0.1 * torch.randn(embedding + len(JET_FEATURES)))
        self.recurrent = nn.GRU(len(self.start), width, batch_first=True)
        self.head = mlp(width + len(EVENT_FEATURES), 64, outputs)

    def forward(self, events: PackedEvents) -> Tensor:
        """Logits, (events,) or (events, outputs)."""
        jets = torch.cat([self.embed(events.jets), events.jet_features], dim=1)
        counts, event = lengths(events.offsets), segments(events.offsets)
        steps = int(counts.max()) + 1 if len(counts) else 1
        place = events.offsets[1:][event] - torch.arange(len(jets), device=jets.device)  # the hardest comes last
        sequence = jets.new_zeros(len(events) * steps, jets.shape[1]).index_copy(0, event * steps + place, jets)
        sequence = sequence.view(len(events), steps, -1)
        sequence = torch.cat([self.start.expand(len(events), 1, -1), sequence[:, 1:]], dim=1)
        read = pack_padded_sequence(sequence, (counts + 1).cpu(), batch_first=True, enforce_sorted=False)
        _, state = self.recurrent(read)
        return logits(self.head(torch.cat([state[-1], events.features], dim=1)))

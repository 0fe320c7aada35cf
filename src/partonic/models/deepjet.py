"""DeepJet: streams of tracks, neutral particles and vertices, each read by an LSTM (Bols et al., arXiv:2008.10519)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.streams import JETS, NEUTRALS, TRACKS, VERTICES

if TYPE_CHECKING:
    from partonic.represent.streams import Stream, Streams


def _layers(widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    """Linear layers with ReLU and dropout behind each."""
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [*mlp(into, out, activate_last=True), nn.Dropout(dropout)]
    return layers


class Reader(nn.Module):
    """A stream: the same small network on each item, then an LSTM over them, the most important item last.

    Args:
        features: of an item.
        widths: of the layers on each item (1x1 convolutions).
        state: width of the LSTM.
        dropout: share of the numbers that are left out in training.
    """

    def __init__(self, features: int, widths: tuple[int, ...], state: int, dropout: float) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.BatchNorm1d(features), *_layers((features, *widths), dropout))
        self.recurrent = nn.LSTM(widths[-1], state, batch_first=True)
        self.state = state

    def forward(self, stream: Stream) -> Tensor:
        """State after the last item, (jets, state); 0 for jets without any."""
        counts = stream.offsets[1:] - stream.offsets[:-1]
        out = stream.features.new_zeros(len(counts), self.state)
        filled = counts.nonzero().squeeze(1)
        if len(filled) == 0:
            return out
        # One item alone has no spread to normalise by.
        still = self.each[0].training and len(stream.features) < 2
        items = self.each[1:](stream.features) if still else self.each(stream.features)
        padded = pad_sequence(list(items.split(counts[filled].tolist())), batch_first=True)
        lengths = counts[filled].cpu()
        _, (state, _) = self.recurrent(pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False))
        return out.index_copy(0, filled, state[-1])


@register_model(
    "deepjet",
    paper="arXiv:2008.10519",
    input="streams",
    invariant=("permutation", "azimuth"),
    training={"epochs": 20, "learning_rate": 2e-3, "weight_decay": 1e-4, "size": 256},
)
class DeepJet(nn.Module):
    """Logits of a jet from its tracks, neutral particles, secondary vertices and a few numbers of the whole jet.

    Convolutions and LSTMs are as published, on fewer features (:mod:`partonic.represent.streams`); behind them stand
    a layer of 200 and further ones of 100.

    Args:
        depth: number of layers of 100.
        dropout: share of the numbers that are left out in training.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, depth: int = 5, dropout: float = 0.1, outputs: int = 1) -> None:
        super().__init__()
        self.tracks = Reader(len(TRACKS), (64, 32, 32, 8), 150, dropout)
        self.neutrals = Reader(len(NEUTRALS), (32, 16, 4), 50, dropout)
        self.vertices = Reader(len(VERTICES), (64, 32, 32, 8), 50, dropout)
        self.jets = nn.BatchNorm1d(len(JETS))
        widths = (150 + 50 + 50 + len(JETS), 200, *[100] * depth)
        self.head = nn.Sequential(*_layers(widths, dropout), nn.Linear(widths[-1], outputs))

    def forward(self, jets: Streams) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        streams = [self.tracks(jets.tracks), self.neutrals(jets.neutrals), self.vertices(jets.vertices)]
        return logits(self.head(torch.cat([*streams, self.jets(jets.jets)], dim=1)))

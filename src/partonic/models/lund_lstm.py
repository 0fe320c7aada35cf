"""A long short-term memory along the Lund path of a jet: its emissions from wide to small angles (arXiv:2106.08869)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.segments import segments

if TYPE_CHECKING:
    from partonic.represent.batch import LundTrees


@register_model(
    "lund-lstm",
    paper="arXiv:2106.08869",
    input="lund",
    invariant=("permutation", "azimuth", "boost"),
    rate=2_000,
    training={"epochs": 15, "learning_rate": 3e-3, "weight_decay": 1e-3, "size": 64},
)
class LundLSTM(nn.Module):
    """Logits of a jet from a memory that reads its primary declusterings, those of wide angles first.

    The head sees the last state and the mean of all: the first emissions are not forgotten behind many soft ones.

    The path goes down the harder branches; where one is a single particle and the softer branch beside it is not, the
    path ends with the splittings of that one.

    Args:
        steps: number of declusterings that are read.
        width: of the state.
        features: of a declustering.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LundLSTM().parameters())
        41995
    """

    def __init__(self, steps: int = 40, width: int = 64, features: int = 5, outputs: int = 1) -> None:
        super().__init__()
        self.steps = steps
        self.norm = nn.BatchNorm1d(features)
        self.embed = nn.Linear(features, 64)
        self.recurrent = nn.LSTM(64, width, batch_first=True)
        self.head = mlp(2 * width, 64, outputs)

    def forward(self, jets: LundTrees) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        path, numbers = self.paths(replace(jets, features=self.norm(jets.features)))
        lengths = numbers.clamp(min=1)
        sequence = pack_padded_sequence(self.embed(path).relu(), lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, (last, _) = self.recurrent(sequence)
        mean = pad_packed_sequence(states, batch_first=True)[0].sum(dim=1) / lengths[:, None]
        return logits(self.head(torch.cat([last[-1], mean], dim=1)))

    def paths(self, jets: LundTrees) -> tuple[Tensor, Tensor]:
        """Features along the path of each jet, (jets, steps, F), 0 behind its end, and its lengths (jets,)."""
        jet = segments(jets.offsets)
        place = torch.arange(len(jet), device=jet.device) - jets.offsets[jet]
        left = (jets.parent != place - 1).long().cumsum(0)  # how often a path was left up to here
        before = torch.cat([left.new_zeros(1), left])[jets.offsets[:-1]]  # up to the first of each jet
        on_path = (left == before[jet]) & (place < self.steps)
        where = (jet * self.steps + place)[on_path]
        dense = jets.features.new_zeros(len(jets) * self.steps, jets.features.shape[1])
        dense = dense.index_copy(0, where, jets.features[on_path])
        numbers = torch.bincount(jet[on_path], minlength=len(jets))
        return dense.view(len(jets), self.steps, -1), numbers

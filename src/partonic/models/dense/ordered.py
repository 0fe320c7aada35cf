"""Networks on the hardest constituents in their order, on padded arrays."""

from __future__ import annotations

import torch
from torch import Tensor

from partonic.models.dense.form import dense, rows_of
from partonic.models.heads import logits
from partonic.models.lbn import LBN
from partonic.models.lola import LoLa
from partonic.models.lstm import LSTM
from partonic.models.pcnn import PCNN
from partonic.represent.leading import Leading
from partonic.represent.padded import PaddedJets


def hardest(jets: PaddedJets, count: int, order: str = "pt") -> Leading:
    """The hardest ``count`` constituents, as :func:`partonic.represent.leading.leading` gives them."""
    enough = jets.longer(count)
    pt2 = enough.p4[:, :, 1:3].square().sum(dim=2)
    found, place = torch.where(enough.there, pt2, -1.0).topk(count, dim=1)
    if order == "given":  # empty slots, with the highest numbers, last
        behind = enough.there.shape[1] - 1
        place = torch.where(found < 0, behind, place).topk(count, dim=1, largest=False).values
    numbers = jets.there.to(torch.int64).sum(dim=1).clamp(max=count)
    return Leading(rows_of(enough.features, place), rows_of(enough.p4, place), numbers)


@dense.register(LoLa)
def lola(net: LoLa, jets: PaddedJets) -> Tensor:
    """LoLa."""
    return net.of_leading(hardest(jets, net.particles))


@dense.register(LBN)
def lbn(net: LBN, jets: PaddedJets) -> Tensor:
    """Lorentz boost network."""
    return net.of_leading(hardest(jets, net.particles))


@dense.register(PCNN)
def pcnn(net: PCNN, jets: PaddedJets) -> Tensor:
    """P-CNN."""
    return net.of_leading(hardest(jets, net.particles))


@dense.register(LSTM)
def lstm(net: LSTM, jets: PaddedJets) -> Tensor:
    """Recurrent networks: what comes behind a jet's last constituent does not reach the state at that one."""
    given = hardest(jets, net.particles, net.order)
    last = given.numbers[:, None] - 1
    slot = (last - torch.arange(net.particles, device=last.device)).clamp(min=0)
    states, _ = net.recurrent(net.embed(rows_of(given.features, slot)).relu())
    return logits(net.head(rows_of(states, last).squeeze(1)))

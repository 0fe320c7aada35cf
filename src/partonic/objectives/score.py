r"""The objective that learns the score from the joint score of each event (arXiv:1805.00013, SALLY and SALLINO)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ScoreBatch:
    """Weighted events of one theta; tensors of float32.

    Args:
        x: observables, (b, d).
        score: joint score, (b, p).
        weight: (b,).
        unit: of each parameter, (p,); errors are measured in it.
    """

    x: Tensor
    score: Tensor
    weight: Tensor
    unit: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> ScoreBatch:
        """The same batch with every tensor on ``device``."""
        return ScoreBatch(*(part.to(device) for part in (self.x, self.score, self.weight, self.unit)))


def sally(model: nn.Module, batch: ScoreBatch) -> Tensor:
    r"""Squared error :math:`w\,|\hat t(x) - t(x, z)|^2`, a scalar; its minimum is the score of the observables.

    SALLY takes all components of the learned score, SALLINO its product with one direction in theta.
    """
    error = ((model(batch.x) - batch.score) * batch.unit).square().sum(dim=-1)
    loss: Tensor = (batch.weight * error).mean()
    return loss

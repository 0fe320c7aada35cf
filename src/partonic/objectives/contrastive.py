"""The objective that learns a ratio from pairs that belong together, among pairs that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from partonic.objectives.generative import DensityBatch

PAIRS = 10  # theta that each event is offered, one of them its own


@dataclass(frozen=True)
class Contrastive:
    r"""NRE-B: :math:`-\ln [r(x_i|\theta_i) / \sum_{k=0}^{K-1} r(x_i|\theta_{i+k})]` (arXiv:2002.03712).

    The minimum is :math:`p(x|\theta)` up to a factor that depends on x alone.

    Args:
        pairs: K, 2 or more.
    """

    pairs: int = PAIRS

    def __call__(self, model: Callable[[Tensor, Tensor], Tensor] | nn.Module, batch: DensityBatch) -> Tensor:
        """The loss of a batch whose ``values`` are theta and whose ``context`` are observables, a scalar."""
        theta = torch.stack([batch.values.roll(-k, dims=0) for k in range(min(self.pairs, len(batch)))])
        log_ratio = model(batch.context, theta)
        return -(batch.weight * log_ratio.log_softmax(dim=0)[0]).mean()

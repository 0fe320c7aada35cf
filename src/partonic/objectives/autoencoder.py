r"""The objective of a variational autoencoder: reconstruction and the distance of the latent values from the prior.

.. math:: -\langle \ln p(x|z) \rangle_{q(z|x)} + \beta\, \mathrm{KL}(q(z|x) \,|\, N(0, 1)), \qquad
    \mathrm{KL} = \frac12 \sum (\sigma^2 + \mu^2 - 1 - \ln \sigma^2)

With :math:`\beta = 1` it is an upper bound of minus the logarithm of the density (arXiv:1312.6114); a smaller one
sharpens what is reconstructed, at the price of latent values that are no longer normal (beta-VAE).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.objectives.generative import DensityBatch


@dataclass(frozen=True)
class BetaBound:
    r"""The objective.

    Args:
        beta: :math:`\beta`.
        warmup: updates over which it rises from 0 (arXiv:1602.02282), so that the latent values are not given up before
            they are of use; the count is kept in the model.

    Raises:
        InputError: a number is below 0.
    """

    beta: float = 1.0
    warmup: int = 0

    def __post_init__(self) -> None:
        if not self.beta >= 0 or self.warmup < 0:
            raise InputError(f"beta and its warm-up must be 0 or above, not {self.beta} and {self.warmup}")

    def __call__(self, model: Any, batch: DensityBatch) -> Tensor:
        """The weighted mean of an event, a scalar."""
        mean, log_variance = model.encode(batch.values, batch.context)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        values, spread = model.decode(latent, batch.context)
        loss = reconstruction(values, spread, batch.values)
        loss = loss + self._now(model) * divergence(mean, log_variance)
        result: Tensor = (batch.weight * loss).mean()
        return result

    def _now(self, model: Any) -> float:
        if not model.training:
            return self.beta
        model.seen += 1
        return self.beta * min(1.0, int(model.seen) / self.warmup) if self.warmup else self.beta


def reconstruction(mean: Tensor, log_variance: Tensor, values: Tensor) -> Tensor:
    """Minus the logarithm of the normal density of values (b, d), (b,)."""
    square = (values - mean).square() * (-log_variance).exp()
    return 0.5 * (square + log_variance + math.log(2 * math.pi)).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions (b, d) from the standard one, (b,)."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)

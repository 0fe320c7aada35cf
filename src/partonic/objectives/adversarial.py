r"""What the two networks of a generative adversarial network want (arXiv:1406.2661, 1705.09367, 1907.03764).

With the critic's logit :math:`\phi = \ln D/(1-D)`, truth T and generated G:

.. math::
    L_D &= \langle -\ln D \rangle_T + \langle -\ln(1 - D) \rangle_G
        + \lambda_D \left[ \langle (1-D)^2 |\nabla\phi|^2 \rangle_T + \langle D^2 |\nabla\phi|^2 \rangle_G \right] \\
    L_G &= \langle -\ln D \rangle_G + \lambda_G \sum_m \mathrm{MMD}^2(m)
        + \lambda_1 \sum_i W_2^2(i)

The last term is not in these papers. It compares single numbers, see :func:`marginal_distance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from partonic.objectives.generative import DensityBatch
from partonic.objectives.mmd import Kernel, discrepancy

DIRECTIONS = 64  # on which the distance of two samples is taken
PAIRINGS = 4  # of the columns at random, each of which gives as many directions in planes as there are columns


@dataclass(frozen=True)
class Resonances:
    """The discrepancy of quantities that have a peak, as invariant masses.

    Args:
        quantities: gives them, (b, m), of rows as the networks see them; differentiable.
        kernel: of their differences.
        strength: what the sum of the discrepancies is multiplied by.
        events: of a batch that are compared, all of them if there are fewer; time goes with the square.
    """

    quantities: Callable[[Tensor], Tensor]
    kernel: Kernel
    strength: float = 1.0
    events: int = 256

    def __call__(self, generated: Tensor, truth: Tensor, weight_generated: Tensor, weight: Tensor) -> Tensor:
        """The weighted sum, a scalar, of rows of generated and of truth."""
        first = slice(self.events)
        x, y = self.quantities(generated[first]).T.contiguous(), self.quantities(truth[first]).T.contiguous()
        return self.strength * discrepancy(x, y, self.kernel, weight_generated[first], weight[first]).sum()


@dataclass(frozen=True)
class CriticLoss:
    """The loss of the critic.

    Args:
        penalty: strength of the penalty on its gradient, 0 for none.
    """

    penalty: float = 0.0

    def __call__(self, opponents: Any, batch: DensityBatch) -> Tensor:
        """A scalar, of the truth in the batch and as many generated events."""
        with torch.no_grad():
            generated, weight = drawn(opponents.generator, batch)
        rows, context = torch.cat([batch.values, generated]).detach(), torch.cat([batch.context] * 2)
        rows.requires_grad_(self.penalty > 0)
        logits = opponents.critic(rows, context)
        truth, other = logits[: len(batch)], logits[len(batch) :]
        loss = (batch.weight * softplus(-truth)).mean() + (weight * softplus(other)).mean()
        if self.penalty:
            (slope,) = torch.autograd.grad(logits.sum(), rows, create_graph=True)
            square = slope.square().sum(1)
            factor = torch.cat([batch.weight * torch.sigmoid(-truth).square(), weight * torch.sigmoid(other).square()])
            loss = loss + 2 * self.penalty * (factor * square).mean()
        return loss


@dataclass(frozen=True)
class GeneratorLoss:
    """The loss of the generator.

    Args:
        resonances: what is added, or None.
        marginals: what :func:`marginal_distance` is multiplied by, 0 for none; weights must not be negative then.
    """

    resonances: Resonances | None = None
    marginals: float = 0.0

    def __call__(self, opponents: Any, batch: DensityBatch) -> Tensor:
        """A scalar, of as many generated events as the batch has."""
        generated, weight = drawn(opponents.generator, batch)
        loss = (weight * softplus(-opponents.critic(generated, batch.context))).mean()
        if self.resonances is not None:
            loss = loss + self.resonances(generated, batch.values, weight, batch.weight)
        if self.marginals:
            loss = loss + self.marginals * marginal_distance(generated, batch.values, weight, batch.weight)
        return loss


@dataclass(frozen=True)
class Distance:
    r"""How far generated and truth are apart: the mean distance W1 along random directions (arXiv:1804.01947).

    Args:
        resonances: their discrepancy is added, or None.
    """

    resonances: Resonances | None = None

    def __call__(self, opponents: Any, batch: DensityBatch) -> Tensor:
        """A scalar."""
        generated, weight = drawn(opponents.generator, batch)
        one, other = (torch.cat([values, batch.context], 1) for values in (generated, batch.values))
        result = sliced_distance(one, other, weight, batch.weight)
        if self.resonances is not None:
            result = result + self.resonances(generated, batch.values, weight, batch.weight)
        return result


def drawn(generator: Any, batch: DensityBatch) -> tuple[Tensor, Tensor]:
    """Generated events, as many as the batch has, and their weights.

    Where something is given, each event is generated at the context of one of the batch and has its weight; otherwise
    all have the weight 1.
    """
    noise = torch.randn(len(batch), generator.latent, device=batch.values.device)
    weight = batch.weight if batch.context.shape[1] else torch.ones_like(batch.weight)
    return generator(noise, batch.context), weight


def sliced_distance(x: Tensor, y: Tensor, weight_x: Tensor, weight_y: Tensor) -> Tensor:
    """Mean over random directions of the distance W1 between the projections of two weighted samples, a scalar.

    Args:
        x: (n, d).
        y: (m, d).
        weight_x: (n,).
        weight_y: (m,); weights below 0 count as differences of the cumulative distributions.
    """
    direction = torch.randn(x.shape[1], DIRECTIONS, device=x.device)
    direction = direction / direction.norm(dim=0)
    place, order = (torch.cat([x, y]) @ direction).sort(dim=0)
    step = torch.cat([weight_x / weight_x.sum(), -weight_y / weight_y.sum()])
    apart = step[order].cumsum(0)[:-1].abs()
    distance: Tensor = (apart * place.diff(dim=0)).sum(0).mean()
    return distance


def marginal_distance(x: Tensor, y: Tensor, weight_x: Tensor, weight_y: Tensor) -> Tensor:
    r"""The sum over columns of the squared distance :math:`W_2^2` of two weighted samples, a scalar.

    The columns are those of the samples and, so that correlations count too, four times as many along random
    directions in planes of two of them each. Only x is differentiated: each value is drawn to that of the same rank,
    by the more the further away it is.

    Args:
        x: (n, d).
        y: (m, d).
        weight_x: (n,), 0 or above.
        weight_y: (m,), 0 or above.
    """
    half = x.shape[1] // 2
    pairs = [torch.randperm(x.shape[1], device=x.device)[: 2 * half].reshape(2, half) for _ in range(PAIRINGS)]
    one, other = torch.cat(pairs, 1)
    angle = math.pi * torch.rand(len(one), device=x.device)

    def projected(rows: Tensor) -> Tensor:
        """Columns and directions, with the events last."""
        u, v = rows[:, one], rows[:, other]
        turned = [u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()]
        return torch.cat([rows, *turned], 1).T.contiguous()

    place, order = projected(x).sort(dim=1)
    with torch.no_grad():
        aim, rank = projected(y).sort(dim=1)
        share = (weight_x / weight_x.sum())[order]
        upto = (weight_y / weight_y.sum())[rank].cumsum(1)
        found = torch.searchsorted(upto, share.cumsum(1) - 0.5 * share).clamp_max(len(y) - 1)
        aim = aim.gather(1, found)
    distance: Tensor = (share * (place - aim).square()).sum()
    return distance

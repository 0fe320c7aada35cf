"""Flow matching of packed particle clouds (arXiv:2210.02747), for networks that do not care for their order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from partonic.represent.batch import Segmented
from partonic.represent.segments import segment_mean, segments

FAR = 100.0  # beyond any number that a normal distribution gives


@dataclass(frozen=True)
class CloudBatch(Segmented):
    """Clouds of particles in coordinates of about unit spread.

    Args:
        values: (particles, 3) float32: place along eta, place along phi, transverse momentum.
        offsets: (jets + 1,) int64; the particles of each jet stand from the hardest to the softest.
        context: (jets, c) float32, what is known of each jet.
        weight: (jets,) float32, of mean 1 over the sample.
    """

    values: Tensor
    offsets: Tensor
    context: Tensor
    weight: Tensor


def cloud_matching(model: nn.Module, batch: CloudBatch) -> Tensor:
    r"""Error of the velocity on straight lines from noise to jets, :math:`\|v(x_t, t) - (x_1 - x_0)\|^2`, a scalar.

    The noise of the largest third coordinate goes to the hardest particle and so on. As the particles of noise are
    alike, this leaves their distribution as it is, and the lines cross less (as in arXiv:2306.15030, in one
    dimension). Each jet is mirrored in eta and in phi at random, which proton collisions do not tell apart.

    Args:
        model: gives the velocity (particles, 3) from values, offsets, time (jets,) and context.
        batch: the jets.
    """
    rows = segments(batch.offsets)
    signs = torch.ones(len(batch), 3, device=rows.device)
    signs[:, :2] = 2.0 * torch.randint(0, 2, (len(batch), 2), device=rows.device) - 1.0
    jets = batch.values * signs[rows]
    noise = ordered_noise(rows)
    time = torch.rand(len(batch), device=rows.device)
    along = noise + time[rows, None] * (jets - noise)
    error = (model(along, batch.offsets, time, batch.context) - (jets - noise)).square().mean(dim=1)
    loss: Tensor = (batch.weight * segment_mean(error, batch.offsets)).mean()
    return loss


def ordered_noise(rows: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Normal noise (particles, 3); within each jet the third coordinate falls.

    Args:
        rows: (particles,) jet of each particle, rising.
        generator: of the random numbers; torch's own if None.
    """
    noise = torch.randn(len(rows), 3, device=rows.device, generator=generator)
    order = torch.argsort(rows.double() * (2 * FAR) - noise[:, 2].double())
    return noise[order]

"""The two networks of a generative adversarial network on rows of numbers (arXiv:1406.2661)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

LEAK = 0.2  # slope below 0: a network without dead units, whose gradient reaches the generator everywhere


def leaky(*widths: int, spectral: bool = False) -> nn.Sequential:
    """Linear layers with leaky ReLU between them, He-normal weights and zero biases.

    Args:
        widths: of input, hidden layers and output, at least two.
        spectral: divide each matrix by its largest singular value, so that the function changes no faster than its
            input (arXiv:1802.05957).
    """
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        linear = nn.Linear(into, out)
        nn.init.kaiming_normal_(linear.weight, LEAK)
        nn.init.zeros_(linear.bias)
        layers += [spectral_norm(linear) if spectral else linear, nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers[:-1])


class NoiseGenerator(nn.Module):
    """Rows of numbers from normal noise; angles come out as points on a circle.

    Args:
        lines: number of values on the real line.
        circles: number of angles, each a pair of numbers on the unit circle, behind the values.
        context: number of given values.
        latent: number of noise values.
        hidden: widths of the hidden layers.
        spheres: how many times three of the last noise values are scaled to the length of the root of 3: a direction
            in space, of which a decay of a fixed mass needs only a straight function.
    """

    def __init__(
        self, lines: int, circles: int, context: int, latent: int, hidden: Sequence[int], spheres: int = 0
    ) -> None:
        super().__init__()
        self.lines, self.latent, self.spheres = lines, latent, spheres
        self.net = leaky(latent + context, *hidden, lines + 2 * circles)

    def forward(self, noise: Tensor, context: Tensor) -> Tensor:
        """Rows (b, lines + 2 circles) of noise (b, latent) at context (b, c)."""
        if self.spheres:
            start = self.latent - 3 * self.spheres
            points = nn.functional.normalize(noise[:, start:].reshape(len(noise), self.spheres, 3), dim=2)
            noise = torch.cat([noise[:, :start], math.sqrt(3) * points.flatten(1)], 1)
        return on_circles(self.net(torch.cat([noise, context], 1)), self.lines)


class Critic(nn.Module):
    """The logarithm of the ratio of truth to generated, as a network learns it.

    Args:
        lines: number of values on the real line.
        circles: number of angles, each a pair of numbers.
        context: number of given values.
        hidden: widths of the hidden layers.
        spectral: see :func:`leaky`.
    """

    def __init__(self, lines: int, circles: int, context: int, hidden: Sequence[int], *, spectral: bool) -> None:
        super().__init__()
        self.net = leaky(lines + 2 * circles + context, *hidden, 1, spectral=spectral)

    def forward(self, values: Tensor, context: Tensor) -> Tensor:
        """Logits (b,) of rows (b, lines + 2 circles) at context (b, c)."""
        logits: Tensor = self.net(torch.cat([values, context], 1)).squeeze(1)
        return logits


def on_circles(values: Tensor, lines: int) -> Tensor:
    """The pairs behind the first ``lines`` values moved to the unit circle, (b, lines + 2 circles)."""
    pairs = values[:, lines:].reshape(len(values), (values.shape[1] - lines) // 2, 2)
    pairs = nn.functional.normalize(pairs, dim=2)
    return torch.cat([values[:, :lines], pairs.flatten(1)], 1)

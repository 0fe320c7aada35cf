"""A variational autoencoder of rows of numbers (arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from partonic.models.gan import leaky, on_circles

NARROWEST, WIDEST = -9.0, 2.0  # logarithm of the variance of what is decoded and of a latent value


class AutoEncoder(nn.Module):
    """Normal distributions of latent values given a row, and of the row given latent values.

    The spread of what is decoded is learned, one number for each column.

    Args:
        lines: number of values on the real line.
        circles: number of angles, each a pair of numbers on the unit circle, behind the values.
        context: number of given values.
        latent: number of latent values.
        hidden: widths of the hidden layers of both networks.
    """

    seen: Tensor

    def __init__(self, lines: int, circles: int, context: int, latent: int, hidden: Sequence[int]) -> None:
        super().__init__()
        columns = lines + 2 * circles
        self.lines, self.latent = lines, latent
        self.encoder = leaky(columns + context, *hidden, 2 * latent)
        self.decoder = leaky(latent + context, *hidden, columns)
        self.log_variance = nn.Parameter(torch.zeros(columns))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def encode(self, rows: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances of the latent values, (b, latent) each, of rows (b, columns)."""
        mean, log_variance = self.encoder(torch.cat([rows, context], 1)).chunk(2, 1)
        return mean, log_variance.clamp(NARROWEST, WIDEST)

    def decode(self, latent: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Means (b, columns) and logarithms of variances (columns,) of rows, of latent values (b, latent)."""
        mean = self.decoder(torch.cat([latent, context], 1))
        return mean, self.log_variance.clamp(NARROWEST, WIDEST)

    def forward(self, noise: Tensor, context: Tensor) -> Tensor:
        """Rows (b, columns) that are generated of noise (b, latent + columns)."""
        mean, log_variance = self.decode(noise[:, : self.latent], context)
        return on_circles(mean + (0.5 * log_variance).exp() * noise[:, self.latent :], self.lines)

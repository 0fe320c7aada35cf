"""Dropout whose random numbers cost little: one byte for each value, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from partonic.core.compiled import compiled
from partonic.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BYTE = 256
BLOCK = 4096  # values whose mask is made at once


class ByteDropout(nn.Module):
    """Sets values to zero at random in training and scales the others, so that the mean stays (arXiv:1207.0580).

    On a processor the masks of :class:`torch.nn.Dropout` take a quarter of the training step of a transformer. There a
    byte for each value comes from a hash of its place and a seed, which torch's own generator draws, so that the
    backward pass makes the same mask again. On other devices it is torch's dropout of the same probability.

    Args:
        probability: of zero, rounded to a multiple of 1/256.

    Raises:
        InputError: the probability is not in [0, 1).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = round(probability * BYTE)
        if not 0 <= self.threshold < BYTE:
            raise InputError(f"the probability of dropout must be at least 0 and below 1, not {probability}")

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape; unchanged in evaluation mode."""
        if not self.training or self.threshold == 0:
            return values
        if values.device.type != "cpu" or values.dtype != torch.float32:
            return dropout(values, self.threshold / BYTE)
        return cast("Tensor", _Masked.apply(values, int(torch.randint(2**62, ())), self.threshold))  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.threshold / BYTE:.4g}"


class _Masked(torch.autograd.Function):
    """Values times the mask of a seed; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, seed: int, threshold: int) -> Tensor:
        """Apply the mask."""
        ctx.seed, ctx.threshold = seed, threshold
        return _masked(values, seed, threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Apply it to the gradient."""
        return _masked(gradients[0], ctx.seed, ctx.threshold), None, None


def _masked(values: Tensor, seed: int, threshold: int) -> Tensor:
    values = values.detach().contiguous()
    out = torch.empty_like(values)
    scale = np.float32(BYTE / (BYTE - threshold))
    _mask(values.view(-1).numpy(), out.view(-1).numpy(), np.uint64(seed), np.uint8(threshold), scale)
    return out


@compiled
def _mask(
    values: NDArray[np.float32], out: NDArray[np.float32], seed: np.uint64, threshold: np.uint8, scale: np.float32
) -> None:
    """Hashed counters (the mixing of splitmix64, doi:10.1145/2660193.2660195) a block at a time, a byte for a value."""
    words = np.empty(BLOCK // 8, np.uint64)
    bytes_ = words.view(np.uint8)
    for start in range(0, len(values), BLOCK):
        for k in range(BLOCK // 8):
            word = (seed + np.uint64(start + k)) * np.uint64(0x9E3779B97F4A7C15)
            word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            words[k] = word ^ (word >> np.uint64(31))
        stop = min(start + BLOCK, len(values))
        here, there = values[start:stop], out[start:stop]
        for i in range(stop - start):
            there[i] = here[i] * (scale if bytes_[i] >= threshold else np.float32(0))

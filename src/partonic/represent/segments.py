"""Sums, means and largest values over the particles of each jet of a packed batch; differentiable."""

from __future__ import annotations

import torch
from torch import Tensor


def lengths(offsets: Tensor) -> Tensor:
    """Number of particles of each jet, (jets,)."""
    return offsets[1:] - offsets[:-1]


def segments(offsets: Tensor) -> Tensor:
    """Jet number of each particle, (particles,)."""
    counts = lengths(offsets)
    return torch.repeat_interleave(torch.arange(len(counts), device=offsets.device), counts)


def covers(offsets: Tensor, rows: int) -> bool:
    """Whether jets begin with the first of so many rows and end with the last one."""
    return len(offsets) > 1 and int(offsets[0]) == 0 and int(offsets[-1]) == rows


def summable(values: Tensor) -> Tensor:
    """Values of half precision in single precision, in which sums of many are made; others as they are."""
    return values.float() if values.dtype.itemsize < torch.float32.itemsize else values


def segment_sum(values: Tensor, offsets: Tensor) -> Tensor:
    """Sum over the particles of each jet: (particles, ...) and (jets + 1,) give (jets, ...); an empty jet gives 0."""
    values = summable(values)
    out = values.new_zeros(len(offsets) - 1, *values.shape[1:])
    return out.index_add(0, segments(offsets), values)


def segment_mean(values: Tensor, offsets: Tensor) -> Tensor:
    """Mean over the particles of each jet, (jets, ...); an empty jet gives 0."""
    total = segment_sum(values, offsets)
    counts = lengths(offsets).clamp(min=1).to(total.dtype)
    return total / counts.reshape(-1, *[1] * (values.ndim - 1))


def segment_max(values: Tensor, offsets: Tensor) -> Tensor:
    """Largest value over the particles of each jet, (jets, ...); an empty jet gives -inf."""
    where = segments(offsets).reshape(-1, *[1] * (values.ndim - 1)).expand_as(values)
    out = values.new_full((len(offsets) - 1, *values.shape[1:]), -torch.inf)
    return out.scatter_reduce(0, where, values, "amax")

"""How a packed batch is worked on: jets of about equal length side by side, so that dense steps need little padding.

Particles stay flat wherever a step treats each for itself. Only what compares particles with each other (neighbours,
attention) is padded, within a bucket of jets of similar length; outputs do not depend on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from partonic.core.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 8  # lengths that round up to the same multiple share a bucket


@dataclass(frozen=True)
class Bucket:
    """Jets of similar length, neighbours in the order of the plan.

    Args:
        first: first of their particles in the order of the plan.
        last: one behind the last.
        jets: number of jets.
        length: of the longest.
        slots: (particles,) place of each particle in the padded array (jets * length); ``None`` without padding.
        absent: (jets, length) true where there is no particle; ``None`` without padding.
    """

    first: int
    last: int
    jets: int
    length: int
    slots: Tensor | None
    absent: Tensor | None

    def pad(self, values: Tensor) -> Tensor:
        """The bucket's particles (particles, ...) as (jets, length, ...), zero where there is none."""
        if self.slots is None:
            return values.view(self.jets, self.length, *values.shape[1:])
        padded = values.new_zeros(self.jets * self.length, *values.shape[1:]).index_copy_(0, self.slots, values)
        return padded.view(self.jets, self.length, *values.shape[1:])

    def flat(self, padded: Tensor) -> Tensor:
        """(jets, length, ...) without the padding: (particles of the bucket, ...)."""
        values = padded.reshape(self.jets * self.length, *padded.shape[2:])
        return values if self.slots is None else values[self.slots]

    def positions(self, device: torch.device) -> Tensor:
        """(jets, length) position of each particle in the order of the plan, 0 in the padding."""
        return self.pad(torch.arange(self.first, self.last, device=device))


@dataclass(frozen=True)
class Plan:
    """The order in which a packed batch is worked on.

    Args:
        jets: (jets,) jet of the batch at each place of the order.
        particles: (particles,) particle of the batch at each place of the order.
        offsets: (jets + 1,) where the particles of each jet begin, in this order.
        buckets: jets of similar length, first to last.
    """

    jets: Tensor
    particles: Tensor
    offsets: Tensor
    buckets: tuple[Bucket, ...]

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Values of all particles in the order of the plan (particles, ...), those of each bucket on their own."""
        return torch.split(values, [bucket.last - bucket.first for bucket in self.buckets])

    def restore(self, values: Tensor) -> Tensor:
        """Values of jets (jets, ...) from the order of the plan to that of the batch."""
        return torch.empty_like(values).index_copy(0, self.jets, values)


def plan(offsets: Tensor, step: int = STEP) -> Plan:
    """Plan the work on a batch; the indices are made on the processor and then moved to the device of the batch.

    Args:
        offsets: (jets + 1,) int64, where the particles of each jet begin.
        step: lengths that round up to the same multiple of it share a bucket.
    """
    starts: NDArray[np.int64] = offsets.cpu().numpy()
    lengths = np.diff(starts)
    order = np.argsort(lengths, kind="stable")
    lengths = lengths[order]
    particles, slots = np.empty(starts[-1] - starts[0], np.int64), np.empty(starts[-1] - starts[0], np.int64)
    edges = np.flatnonzero(np.diff(-(-lengths // step), prepend=-1, append=-1))
    longest = lengths[edges[1:] - 1]
    _fill(starts[order], lengths, edges, longest, particles, slots)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    put = _Mover(offsets.device)
    buckets = []
    for a, b, length in zip(edges[:-1], edges[1:], longest, strict=True):
        first, last = int(ends[a]), int(ends[b])
        full = last - first == (b - a) * length
        absent = None if full else put(np.arange(length)[None, :] >= lengths[a:b, None])
        where = None if full else put(slots[first:last])
        buckets.append(Bucket(first, last, int(b - a), int(length), where, absent))
    return Plan(put(order), put(particles), put(ends), tuple(buckets))


@dataclass(frozen=True)
class _Mover:
    """Arrays as tensors of a device."""

    device: torch.device

    def __call__(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device)


@compiled
def _fill(
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    edges: NDArray[np.int64],
    longest: NDArray[np.int64],
    particles: NDArray[np.int64],
    slots: NDArray[np.int64],
) -> None:
    """Particles of the batch in the order of the plan, and their places in the padded array of their bucket."""
    at = 0
    for bucket in range(len(longest)):
        for jet in range(edges[bucket], edges[bucket + 1]):
            for i in range(lengths[jet]):
                particles[at] = starts[jet] + i
                slots[at] = (jet - edges[bucket]) * longest[bucket] + i
                at += 1

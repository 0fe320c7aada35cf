"""Batches of a sample in a generator's coordinates, in another order in each epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.objectives.generative import DensityBatch

VALIDATION_STREAM = 1  # of the seed of a training; the order of the batches has 0


class RowsOf:
    """Batches of tensors; each epoch is a function of its number, for :func:`partonic.fit.loop.fit`.

    Events that would make a smaller last batch are left out of an epoch, and are others in the next one.

    Args:
        sample: the whole sample as one batch.
        size: events of a batch; all of them where there are fewer.
        seed: of the order.
        shuffle: off for validation, where the events keep their order.

    Raises:
        InputError: the size is below 1, or there are no events.
    """

    def __init__(self, sample: DensityBatch, size: int = 1024, seed: int = 0, *, shuffle: bool = True) -> None:
        if size < 1 or len(sample) < 1:
            raise InputError(f"a batch and a sample need 1 event or more, not {size} and {len(sample)}")
        self.sample, self.size, self.seed, self.shuffle = sample, min(size, len(sample)), seed, shuffle

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return len(self.sample) // self.size

    def __iter__(self) -> Iterator[DensityBatch]:
        """The first epoch."""
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[DensityBatch]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        order = torch.arange(len(self.sample))
        if self.shuffle:
            order = torch.from_numpy(generator(self.seed, number).permutation(len(self.sample)))
        for step in range(skip, len(self)):
            yield chosen(self.sample, order[step * self.size : (step + 1) * self.size])


def chosen(sample: DensityBatch, rows: Tensor) -> DensityBatch:
    """Some events of a sample."""
    return DensityBatch(sample.values[rows], sample.context[rows], sample.weight[rows])


def held_out(sample: DensityBatch, share: float, seed: int) -> tuple[DensityBatch, DensityBatch]:
    """The sample without some events drawn at random, and these; their weights scaled to a mean of 1.

    Args:
        sample: two events or more.
        share: of the events that are held out, above 0 and below 1; one at least is, and one is left.
        seed: of the choice.

    Raises:
        InputError: the share is out of range.
    """
    if not 0 < share < 1:
        raise InputError(f"the share of events held out must be above 0 and below 1, not {share}")
    count = int(np.clip(round(share * len(sample)), 1, len(sample) - 1))
    order = torch.from_numpy(generator(seed, VALIDATION_STREAM).permutation(len(sample)))
    return _scaled(chosen(sample, order[count:])), _scaled(chosen(sample, order[:count]))


def _scaled(sample: DensityBatch) -> DensityBatch:
    mean = sample.weight.mean()
    weight = sample.weight / mean if mean > 0 else torch.ones_like(sample.weight)
    return DensityBatch(sample.values, sample.context, weight)

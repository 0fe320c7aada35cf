"""Weighted batches of samples, with theta drawn anew for each event in each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.inference.samples import LabelledSample, MorphedSample
from partonic.objectives.ratio import RatioBatch

Floats = NDArray[np.float64]
Stream = Callable[[], np.random.Generator]

LARGEST = 15.0  # of the logarithm of a joint ratio


@dataclass(frozen=True)
class Cutting:
    """How batches are cut.

    Args:
        size: events of a batch.
        thetas: points theta drawn for each event of a batch with components.
        seed: of the order of the events and of theta.
        shuffle: whether the events are in another order in each epoch.

    Raises:
        InputError: a number is below 1.
    """

    size: int = 1024
    thetas: int = 1
    seed: int = 0
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.size < 1 or self.thetas < 1:
            raise InputError(f"a batch has 1 event and 1 theta or more, not {self.size} and {self.thetas}")


class SampleBatches(ABC):
    """Batches of a sample; each epoch is a function of its number, for :func:`partonic.fit.loop.fit`.

    The last events that would make a smaller batch are left out of an epoch, and are others in the next one.

    Args:
        rows: of the sample.
        cutting: how.
    """

    def __init__(self, rows: int, cutting: Cutting) -> None:
        self.rows, self.cutting = rows, cutting
        self.size = min(cutting.size, rows)

    def __len__(self) -> int:
        return self.rows // self.size

    def __iter__(self) -> Iterator[Any]:
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Any]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        order = torch.arange(self.rows)
        if self.cutting.shuffle:
            order = torch.from_numpy(generator(self.cutting.seed, number).permutation(self.rows))
        for step in range(skip, len(self)):
            stream = partial(generator, self.cutting.seed, number, step)
            yield self.batch(order[step * self.size : (step + 1) * self.size], stream)

    @abstractmethod
    def batch(self, rows: Tensor, stream: Stream) -> Any:
        """The batch of some rows; ``stream`` gives its source of randomness."""


class MorphedBatches(SampleBatches):
    """Batches of events with components.

    Args:
        sample: the events.
        box: lowest and highest value of each parameter, between which theta is uniform, (p, 2).
        reference: theta of the denominator, (p,); None draws that too.
        cutting: how.
        scores: whether the joint scores are wanted; NaN where they are not.
    """

    def __init__(
        self, sample: MorphedSample, box: Floats, reference: Floats | None, cutting: Cutting, scores: bool = True
    ) -> None:
        super().__init__(len(sample), cutting)
        self.x = torch.from_numpy(sample.x.astype(np.float32))
        self.components = torch.from_numpy(sample.components * (sample.weight / sample.weight.mean())[:, None])
        self.sigma = torch.from_numpy(sample.sigma)
        self.morphing, self.scores = sample.morphing, scores
        self.low, self.range = torch.from_numpy(box[:, 0]), torch.from_numpy(box[:, 1] - box[:, 0])
        self.unit = (0.5 * self.range).float()
        self.fixed = None if reference is None else torch.from_numpy(reference)

    def batch(self, rows: Tensor, stream: Stream) -> RatioBatch:
        """The batch of some rows."""
        rng = stream()
        components = self.components[rows]
        theta = self._draw(rows, rng)
        other = self.fixed if self.fixed is not None else self._draw(rows, rng)
        top, section = self._densities(components, theta)
        numerator = top / section
        below, of_other = self._densities(components, other)
        denominator = (below / of_other).expand_as(numerator)
        ratio = (numerator / denominator).nan_to_num(0.0).clamp_min(0.0)
        label = torch.from_numpy(rng.random(tuple(ratio.shape))) * (1 + ratio) < ratio
        return RatioBatch(
            self.x[rows],
            theta.float(),
            None if self.fixed is not None else other.float(),
            numerator.float(),
            denominator.float(),
            label.float(),
            ratio.log().clamp(-LARGEST, LARGEST).float(),
            self._score(components, theta, top, section).float(),
            self.unit,
        )

    def _draw(self, rows: Tensor, rng: np.random.Generator) -> Tensor:
        drawn = torch.from_numpy(rng.random((self.cutting.thetas, len(rows), len(self.low))))
        return self.low + self.range * drawn

    def _densities(self, components: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Density of each event, (m, b) or (b,), and the cross section, (m, b) or ()."""
        basis: Tensor = self.morphing.basis(theta)
        density = components @ basis if basis.ndim == 1 else (basis * components).sum(dim=-1)
        return density, basis @ self.sigma

    def _score(self, components: Tensor, theta: Tensor, top: Tensor, section: Tensor) -> Tensor:
        """Joint score, (m, b, p)."""
        if not self.scores:
            return torch.full_like(theta, float("nan"))
        slope: Tensor = self.morphing.gradient(theta)
        of_event = torch.einsum("mbkp,bk->mbp", slope, components) / torch.where(top == 0, 1.0, top)[..., None]
        return of_event - torch.einsum("mbkp,k->mbp", slope, self.sigma) / section[..., None]


class LabelledBatches(SampleBatches):
    """Batches of events simulated at theta and at the reference.

    Args:
        sample: the events; both labels get the same total weight.
        box: lowest and highest value of each parameter, (p, 2).
        cutting: how.

    Raises:
        InputError: no event has a value of a parameter that is inside the box.
    """

    def __init__(self, sample: LabelledSample, box: Floats, cutting: Cutting) -> None:
        super().__init__(len(sample), cutting)
        for name, theta, (low, high) in zip(sample.parameters, sample.theta.T, box, strict=True):
            if not np.any((theta >= low) & (theta <= high)):
                raise InputError(
                    f"the events were simulated at {name} from {theta.min():.4g} to {theta.max():.4g}, none of them in "
                    f"the box from {low:.4g} to {high:.4g}; give the box of what was simulated"
                )
        first, p = sample.label == 1, len(box)
        total = np.where(first, sample.weight[first].sum(), sample.weight[~first].sum())
        weight = sample.weight / total * len(sample)
        log_ratio = np.full(len(sample), np.nan)
        share = sample.label
        if sample.log_ratio is not None:
            log_ratio = np.clip(sample.log_ratio, -LARGEST, LARGEST)
            # The probability of either label is known too: it stands in for the drawn one.
            share = 1 / (1 + np.exp(-log_ratio))
        score = np.full(sample.theta.shape, np.nan) if sample.score is None else sample.score
        single = np.stack([weight * share, weight * (1 - share), sample.label, log_ratio], axis=1)
        table = np.concatenate([sample.x, sample.theta, score, single], axis=1)
        self.table = torch.from_numpy(table.astype(np.float32))
        self.widths = [sample.x.shape[1], p, p, 1, 1, 1, 1]
        self.unit = torch.from_numpy((0.5 * (box[:, 1] - box[:, 0])).astype(np.float32))

    def batch(self, rows: Tensor, stream: Stream) -> RatioBatch:  # noqa: ARG002
        """The batch of some rows, taken from one table."""
        x, theta, score, *single = self.table[rows].split_with_sizes(self.widths, dim=1)
        numerator, denominator, label, log_ratio = (column.T for column in single)
        return RatioBatch(x, theta[None], None, numerator, denominator, label, log_ratio, score[None], self.unit)

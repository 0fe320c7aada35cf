"""Weighted batches of samples, with theta drawn anew for each event in each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
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
            rng = generator(self.cutting.seed, number, step)
            yield self.batch(order[step * self.size : (step + 1) * self.size], rng)

    @abstractmethod
    def batch(self, rows: Tensor, rng: np.random.Generator) -> Any:
        """The batch of some rows."""


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

    def batch(self, rows: Tensor, rng: np.random.Generator) -> RatioBatch:
        """The batch of some rows."""
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
    """

    def __init__(self, sample: LabelledSample, box: Floats, cutting: Cutting) -> None:
        super().__init__(len(sample), cutting)
        first = sample.label == 1
        share = np.where(first, sample.weight[first].sum(), sample.weight[~first].sum())
        self.x, self.theta = (torch.from_numpy(a.astype(np.float32)) for a in (sample.x, sample.theta))
        self.weight = torch.from_numpy((sample.weight / share * len(sample)).astype(np.float32))
        self.label = torch.from_numpy(sample.label.astype(np.float32))
        known = np.full(len(sample), np.nan) if sample.log_ratio is None else sample.log_ratio
        self.log_ratio = torch.from_numpy(np.clip(known, -LARGEST, LARGEST).astype(np.float32))
        score = np.full(sample.theta.shape, np.nan) if sample.score is None else sample.score
        self.score = torch.from_numpy(score.astype(np.float32))
        # Where the joint ratio is known, so is the probability of either label: it stands in for the drawn one.
        self.share = self.label if sample.log_ratio is None else torch.sigmoid(self.log_ratio)
        self.unit = torch.from_numpy((0.5 * (box[:, 1] - box[:, 0])).astype(np.float32))

    def batch(self, rows: Tensor, rng: np.random.Generator) -> RatioBatch:  # noqa: ARG002
        """The batch of some rows."""
        weight, share = self.weight[rows], self.share[rows]
        return RatioBatch(
            self.x[rows],
            self.theta[rows][None],
            None,
            (weight * share)[None],
            (weight * (1 - share))[None],
            self.label[rows][None],
            self.log_ratio[rows][None],
            self.score[rows][None],
            self.unit,
        )

r"""The learned score at one point: the observables that know most of theta near it (arXiv:1805.00013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.inference import stored
from partonic.inference.batches import Cutting, SampleBatches, Stream
from partonic.inference.networks import WIDTHS, ScoreNetwork
from partonic.inference.ratio import OPTIONS, fit_facts, split
from partonic.inference.samples import MorphedSample, as_observables, as_weights, of_shape
from partonic.objectives.score import ScoreBatch, sally

Floats = NDArray[np.float64]
AT_ONCE = 100_000  # events that are evaluated together


def _alike() -> Floats:
    return np.ones(1)


@dataclass(frozen=True)
class ScoreSample:
    """Weighted events of one theta with their joint score.

    Args:
        x: observables, (n, d).
        score: joint score at that theta, (n, p).
        reference: that theta, (p,).
        weight: of each event, (n,), or (1,) for all alike.
        parameters: their names, ``t1``, ``t2``, ... where none are given.

    Raises:
        InputError: the shapes disagree, a number is not finite, or the weights do not add up to more than 0.
    """

    x: Floats
    score: Floats
    reference: Floats
    weight: Floats = field(default_factory=_alike)
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x = as_observables(self.x)
        shape = np.shape(self.score)
        if len(shape) != 2:
            raise InputError(f"the joint score is an array (events, parameters), not of shape {shape}")
        names = tuple(self.parameters) or tuple(f"t{i + 1}" for i in range(shape[1]))
        if len(names) != shape[1]:
            raise InputError(f"the score has {shape[1]} parameters, not the names {', '.join(names)}")
        checked = {
            "x": x,
            "score": of_shape("the score", self.score, (len(x), shape[1])),
            "reference": of_shape("the reference", self.reference, (shape[1],)),
            "weight": as_weights(self.weight, len(x)),
            "parameters": names,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, sample: MorphedSample, reference: ArrayLike | None = None) -> ScoreSample:
        """Events with components, weighted to one theta; zeros if ``reference`` is None.

        Raises:
            InputError: the reference is of another shape, or the density of an event is below 0 there.
        """
        p = len(sample.parameters)
        point = np.zeros(p) if reference is None else of_shape("the reference", reference, (p,))
        basis, slope = sample.morphing.basis(point), sample.morphing.gradient(point)
        density = sample.components @ basis
        if np.any(density < 0):
            raise InputError(f"{np.mean(density < 0):.1%} of the events have a density below 0 at {point.tolist()}")
        seen = density > 0
        score = sample.components[seen] @ slope / density[seen, None] - sample.sigma @ slope / (sample.sigma @ basis)
        weight = sample.weights(point)[0][seen]
        return cls(sample.x[seen], score, point, weight, sample.parameters)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> ScoreSample:
        return ScoreSample(self.x[rows], self.score[rows], self.reference, self.weight[rows], self.parameters)

    @property
    def spread(self) -> Floats:
        """Root of the weighted mean square of the score, (p,); 1 where it is always 0."""
        square = np.maximum(self.weight @ self.score**2 / self.weight.sum(), 0.0)
        result: Floats = np.where(square > 0, np.sqrt(square), 1.0)
        return result


class ScoreBatches(SampleBatches):
    """Batches of events with their joint score.

    Args:
        sample: the events.
        unit: in which errors of the score are measured, (p,).
        cutting: how.
    """

    def __init__(self, sample: ScoreSample, unit: Floats, cutting: Cutting) -> None:
        super().__init__(len(sample), cutting)
        arrays = (sample.x, sample.score, sample.weight / sample.weight.mean(), unit)
        self.x, self.score, self.weight, self.unit = (torch.from_numpy(a.astype(np.float32)) for a in arrays)

    def batch(self, rows: Tensor, stream: Stream) -> ScoreBatch:  # noqa: ARG002
        """The batch of some rows."""
        return ScoreBatch(self.x[rows], self.score[rows], self.weight[rows], self.unit)


@dataclass(frozen=True)
class ScoreEstimator:
    r"""A learned score :math:`\nabla_\theta \ln p(x|\theta)` at one theta; :func:`train_score` makes it.

    Args:
        network: gives the score, (b, p), from x (b, d).
        options: what the network was built with.
        parameters: names of the p parameters.
        reference: that theta, (p,).
        facts: plain data about the training.
    """

    network: ScoreNetwork
    options: Mapping[str, Any]
    parameters: tuple[str, ...]
    reference: Floats
    facts: Mapping[str, Any] = field(default_factory=dict)

    def score(self, x: ArrayLike) -> Floats:
        """The score, (n, p), of observables (n, d): the statistic of SALLY.

        Raises:
            InputError: the observables are of another number, or not finite.
        """
        values = as_observables(x)
        if values.shape[1] != self.options["features"]:
            raise InputError(f"the score is of {self.options['features']} observables, not of {values.shape[1]}")
        with torch.inference_mode():
            parts = [self.network(part) for part in torch.split(torch.from_numpy(values.astype(np.float32)), AT_ONCE)]
        result: Floats = torch.cat(parts).double().numpy()
        return result

    def along(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        r"""The statistic of SALLINO, :math:`\hat t(x) \cdot (\theta - \theta_0)`, (m, n), at theta (m, p)."""
        result: Floats = (np.atleast_2d(np.asarray(theta, dtype=np.float64)) - self.reference) @ self.score(x).T
        return result

    def save(self, path: Path | str) -> None:
        """Write the estimator to a file.

        Raises:
            FileError: it cannot be written.
        """
        stored.save(path, "score", self, ("options", "parameters", "reference", "facts"))

    @classmethod
    def load(cls, path: Path | str) -> ScoreEstimator:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """
        return stored.load(path, "score", lambda tree: ScoreNetwork(**tree["options"]), cls)


def train_score(
    data: ScoreSample | MorphedSample,
    *,
    reference: ArrayLike | None = None,
    widths: Sequence[int] = WIDTHS,
    cutting: Cutting | None = None,
    validation: float = 0.1,
    options: FitOptions = OPTIONS,
    directory: Path | str | None = None,
) -> ScoreEstimator:
    """Learn the score at one theta from joint scores (SALLY and SALLINO).

    Args:
        data: events of that theta with their joint score, or events with components.
        reference: that theta for events with components, (p,); zeros if None.
        widths: of the hidden layers.
        cutting: of the batches.
        validation: share of the events that choose the best epoch, below 1; 0 trains on all.
        options: of the fit.
        directory: where the fit saves its state, to go on after an interruption.

    Raises:
        InputError: a number is out of range, or the sample is unfit.
        TrainingError: the training diverged.
    """
    sample = ScoreSample.of(data, reference) if isinstance(data, MorphedSample) else data
    spread = sample.spread
    built = {"features": sample.x.shape[1], "spread": spread.tolist(), "widths": list(widths)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = ScoreNetwork(**built)
    network.standardise.learn(torch.from_numpy(sample.x.astype(np.float32)))
    training, held = split(sample, validation, options.seed)
    how = cutting or Cutting(seed=options.seed)
    batches = ScoreBatches(training, 1 / spread, how)
    watched = None if held is None else ScoreBatches(held, 1 / spread, replace(how, shuffle=False))
    done = fit(network, sally, batches, watched, options, directory, "training the score")
    facts = {"events": len(sample), "seed": options.seed, **fit_facts(done)}
    return ScoreEstimator(network, built, sample.parameters, sample.reference, facts)

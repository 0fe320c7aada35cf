r"""Learned densities :math:`p(x|\theta)`: normalising flows conditional on theta (zuko; NDE and SCANDAL)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from partonic.core.errors import InputError, unknown
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.inference import stored
from partonic.inference.batches import Cutting
from partonic.inference.ratio import OPTIONS, as_box, as_reference, check_inside, fit_facts, make_batches, split
from partonic.inference.samples import LabelledSample, Sample, as_observables
from partonic.objectives.density import nde, scandal
from partonic.objectives.ratio import STRENGTH

Floats = NDArray[np.float64]
AT_ONCE = 100_000  # pairs of an event and a theta that are evaluated together


class ConditionalFlow(nn.Module):
    r"""A density of observables by neural splines (arXiv:1906.04032), conditional on theta, at many theta at once.

    Args:
        features: number of observables.
        centre: of the range of each parameter, (p,).
        unit: half the width of the range, (p,).
        transforms: number of splines one after the other.
        bins: of each spline.
        widths: of the hidden layers.
    """

    def __init__(
        self,
        features: int,
        centre: Sequence[float],
        unit: Sequence[float],
        transforms: int = 2,
        bins: int = 8,
        widths: Sequence[int] = (64, 64),
    ) -> None:
        from partonic.models.flows.density import ConditionalDensity

        super().__init__()
        self.density = ConditionalDensity(features, len(unit), "spline", transforms, widths, bins, smooth=True)
        self._centre(torch.tensor(centre), torch.tensor(unit))

    def learn(self, x: Tensor) -> None:
        """Start from the mean and the covariance of a sample (n, features) of any theta.

        Raises:
            InputError: the observables do not vary independently of each other.
        """
        centre, unit = self.density.mean.clone(), self.density.width.clone()
        self.density.learn(x, x.new_zeros(len(x), len(unit)))
        self._centre(centre, unit)

    def _centre(self, centre: Tensor, unit: Tensor) -> None:
        self.density.mean.copy_(centre)
        self.density.width.copy_(unit)

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        r""":math:`\ln \hat p(x|\theta)`, (m, b), from x (b, features) and theta (m, b, p) or (m, 1, p)."""
        values = x.expand(len(theta), *x.shape)
        context = theta.expand(*values.shape[:-1], -1)
        log_density: Tensor = self.density(values.flatten(0, 1), context.flatten(0, 1))
        return log_density.reshape(len(theta), len(x))


@dataclass(frozen=True)
class DensityEstimator:
    r"""A learned density :math:`\hat p(x|\theta)`; :func:`train_density` makes it.

    Args:
        network: gives its logarithm, (m, b), from x (b, d) and theta (m, b, p).
        options: what the network was built with.
        method: ``nde`` or ``scandal``.
        parameters: names of the p parameters.
        reference: theta of the denominator of ratios, (p,).
        box: lowest and highest value of each parameter, (p, 2); no other theta is taken.
        facts: plain data about the training.
    """

    network: ConditionalFlow
    options: Mapping[str, Any]
    method: str
    parameters: tuple[str, ...]
    reference: Floats
    box: Floats
    facts: Mapping[str, Any] = field(default_factory=dict)

    def log_prob(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the density, (m, n), of observables (n, d) at theta (m, p).

        Raises:
            InputError: a shape is wrong, an observable is not finite, or theta is outside the range of the training.
        """
        values = as_observables(x)
        if values.shape[1] != self.options["features"]:
            raise InputError(f"the density is of {self.options['features']} observables, not of {values.shape[1]}")
        points = torch.from_numpy(check_inside(theta, self.box, self.parameters).astype(np.float32))
        rows = max(1, AT_ONCE // len(points))
        with torch.inference_mode():
            pieces = torch.split(torch.from_numpy(values.astype(np.float32)), rows)
            parts = [self.network(piece, points[:, None]).double() for piece in pieces]
        result: Floats = torch.cat(parts, dim=1).numpy()
        return result

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio to the reference, (m, n); see :meth:`log_prob`."""
        return self.log_prob(x, theta) - self.log_prob(x, self.reference)

    def save(self, path: Path | str) -> None:
        """Write the estimator to a file.

        Raises:
            FileError: it cannot be written.
        """
        names = ("options", "method", "parameters", "reference", "box", "facts")
        stored.save(path, "density", self, names)

    @classmethod
    def load(cls, path: Path | str) -> DensityEstimator:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """
        return stored.load(path, "density", lambda tree: ConditionalFlow(**tree["options"]), cls)


def train_density(
    sample: Sample,
    *,
    method: str = "nde",
    box: ArrayLike = (-1.0, 1.0),
    reference: ArrayLike | None = None,
    strength: float = STRENGTH,
    cutting: Cutting | None = None,
    validation: float = 0.1,
    options: FitOptions = OPTIONS,
    directory: Path | str | None = None,
    **flow: Any,
) -> DensityEstimator:
    """Learn the density of weighted events at any theta.

    Args:
        sample: events with components, or with labels (without a joint ratio those of label 1 are used alone).
        method: ``nde``, or ``scandal`` where joint scores are known.
        box: lowest and highest value of each parameter, (p, 2), or (2,) for all alike.
        reference: theta of the denominator of ratios, (p,); zeros (or what the sample says) if None.
        strength: of the error of the score in ``scandal``.
        cutting: of the batches.
        validation: share of the events that choose the best epoch, below 1; 0 trains on all.
        options: of the fit.
        directory: where the fit saves its state, to go on after an interruption.
        flow: ``transforms``, ``bins`` and ``widths`` of :class:`ConditionalFlow`.

    Raises:
        UnknownNameError: there is no such method.
        InputError: a number is out of range, or the sample is unfit.
        TrainingError: the training diverged.
    """
    if method not in ("nde", "scandal"):
        raise unknown("method", method, ("nde", "scandal"))
    if method == "scandal" and isinstance(sample, LabelledSample) and sample.score is None:
        raise InputError("scandal needs the joint score of each event, which is unknown here; nde does without")
    limits, start = as_box(box, len(sample.parameters)), as_reference(reference, sample)
    centre, unit = limits.mean(axis=1).tolist(), (0.5 * (limits[:, 1] - limits[:, 0])).tolist()
    built = {"features": sample.x.shape[1], "centre": centre, "unit": unit, **flow}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = ConditionalFlow(**built)
    network.learn(torch.from_numpy(sample.x.astype(np.float32)))
    training, held = split(sample, validation, options.seed)
    how, scores = cutting or Cutting(seed=options.seed), method == "scandal"
    batches = make_batches(training, limits, start, how, scores)
    watched = None if held is None else make_batches(held, limits, start, replace(how, shuffle=False), scores)
    objective = partial(scandal, strength=strength) if scores else nde
    done = fit(network, objective, batches, watched, options, directory, f"training {method}")
    facts = {"events": len(sample), "seed": options.seed, **fit_facts(done)}
    return DensityEstimator(network, built, method, sample.parameters, start, limits, facts)

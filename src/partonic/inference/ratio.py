r"""Learned and exact likelihood ratios, functions of the observables and theta (arXiv:1805.00020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError, unknown
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.fit.loop import FitResult, fit
from partonic.fit.options import FitOptions
from partonic.inference import stored
from partonic.inference.batches import Cutting, LabelledBatches, MorphedBatches, SampleBatches
from partonic.inference.closed import ClosedForm
from partonic.inference.morphing import Morphing
from partonic.inference.networks import WIDTHS, ParameterisedRatio, QuadraticRatio
from partonic.inference.samples import LabelledSample, MorphedSample, Sample, as_observables, choose, corners_of
from partonic.objectives import ratio as objectives

Floats = NDArray[np.float64]

METHODS = ("quadratic", "carl", "rolr", "alice", "cascal", "rascal", "alices")
WITH_SCORE = {"cascal": 0.3, "rascal": 10.0, "alices": 0.3}
"""Methods that learn from the joint score, and how much its error counts beside that of the ratio."""
NETWORKS: dict[str, type[nn.Module]] = {"quadratic": QuadraticRatio, "parameterised": ParameterisedRatio}
STORED = ("kind", "options", "method", "reason", "parameters", "reference", "box", "free", "facts")
FEWEST = 100  # events to learn from
AT_ONCE = 1_000_000  # pairs of an event and a theta that are evaluated together
ROUNDING = 1e-6  # of the range of a parameter
OPTIONS = FitOptions(epochs=12, learning_rate=3e-3, weight_decay=0.0, clip=10.0)


@dataclass(frozen=True)
class ExactRatio:
    r"""The ratio :math:`p(x|\theta) / p(x|\theta_0)` of events whose components are known.

    Args:
        components: of p(x|theta), (n, k).
        sigma: of the cross section, (k,).
        morphing: the polynomial.
        reference: :math:`\theta_0`, (p,); zeros if None.

    Raises:
        InputError: the shapes disagree.
    """

    components: Floats
    sigma: Floats
    morphing: Morphing
    reference: Floats | None = None

    def __post_init__(self) -> None:
        p = len(self.morphing.parameters)
        reference = np.zeros(p) if self.reference is None else np.asarray(self.reference, dtype=np.float64)
        shapes = np.shape(self.components)[1:], np.shape(self.sigma), reference.shape
        if shapes != ((len(self.morphing),), (len(self.morphing),), (p,)):
            raise InputError(
                f"components (events, {len(self.morphing)}), sigma ({len(self.morphing)},) and a reference ({p},) are "
                f"expected, not the shapes {np.shape(self.components)}, {np.shape(self.sigma)} and {reference.shape}"
            )
        object.__setattr__(self, "reference", reference)

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio, (m, n), at theta (m, p); of ``x`` only the number of events is used.

        Raises:
            InputError: the events are not as many as the components, or a density is not above 0.
        """
        if len(np.asarray(x)) != len(self.components):
            raise InputError(f"the ratio is known for {len(self.components):,} events, not for {len(np.asarray(x)):,}")
        result: Floats = self._log_density(theta) - self._log_density(self.reference)
        return result

    def _log_density(self, theta: Any) -> Floats:
        basis = self.morphing.basis(np.atleast_2d(np.asarray(theta, dtype=np.float64)))
        density, section = basis @ self.components.T, basis @ self.sigma
        if not (np.all(density > 0) and np.all(section > 0)):
            raise InputError("the density of an event is not above 0 at a theta: there is no ratio")
        result: Floats = np.log(density) - np.log(section)[:, None]
        return result


@dataclass(frozen=True)
class RatioEstimator:
    r"""A learned ratio :math:`\hat r(x|\theta) \approx p(x|\theta) / p(x|\theta_0)`; :func:`train_ratio` makes it.

    Args:
        network: gives the logarithm, (m, b), from x (b, d) and theta (m, b, p) or (m, 1, p).
        kind: of the network, ``quadratic`` or ``parameterised``.
        options: what the network was built with.
        method: by which it was trained.
        reason: why this method.
        parameters: names of the p parameters.
        reference: :math:`\theta_0`, (p,).
        box: lowest and highest value of each parameter, (p, 2); no other theta is taken.
        free: whether the network gives the ratio to a point of its own, as the quadratic form and one that was trained
            on pairs of points: then any reference will do.
        facts: plain data about the training.
    """

    network: nn.Module
    kind: str
    options: Mapping[str, Any]
    method: str
    reason: str
    parameters: tuple[str, ...]
    reference: Floats
    box: Floats
    free: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio, (m, n), of observables (n, d) at theta (m, p).

        Raises:
            InputError: a shape is wrong, an observable is not finite or so large that the ratio is not, or theta is
                outside the range of the training.
        """
        values, points = self._observed(x), check_inside(theta, self.box, self.parameters)
        result = self._evaluate(values, points)
        return result - self._evaluate(values, self.reference[None]) if self.free else result

    def at_reference(self, reference: ArrayLike) -> RatioEstimator:
        """The same ratio to another reference (p,).

        Raises:
            InputError: it was trained with one reference, or this one is outside the range of the training.
        """
        if not self.free:
            raise InputError("this ratio was trained with one reference; train with doubly=True for others")
        return replace(self, reference=check_inside(reference, self.box, self.parameters)[0])

    def score(self, x: ArrayLike) -> Floats:
        r"""The gradient of :math:`\ln \hat r` by theta at the reference, (n, p).

        Raises:
            InputError: a shape is wrong, or an observable is not finite or so large that the score is not.
        """
        values = torch.from_numpy(self._observed(x).astype(np.float32))
        start = torch.from_numpy(self.reference.astype(np.float32))
        parts = []
        with torch.enable_grad():
            for part in torch.split(values, AT_ONCE // 10):
                theta = start.expand(1, len(part), -1).clone().requires_grad_()
                (slope,) = torch.autograd.grad(self.network(part, theta).sum(), theta)
                parts.append(slope[0])
        return _finite("score", torch.cat(parts).double().numpy())

    def save(self, path: Path | str) -> None:
        """Write the estimator to a file.

        Raises:
            FileError: it cannot be written.
        """
        stored.save(path, "ratio", self, STORED)

    @classmethod
    def load(cls, path: Path | str) -> RatioEstimator:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """
        return stored.load(path, "ratio", lambda tree: NETWORKS[tree["kind"]](**tree["options"]), cls)

    def _observed(self, x: ArrayLike) -> Floats:
        values = as_observables(x)
        if values.shape[1] != self.options["features"]:
            raise InputError(f"the ratio is of {self.options['features']} observables, not of {values.shape[1]}")
        return values

    def _evaluate(self, x: Floats, theta: Floats) -> Floats:
        values, points = (torch.from_numpy(a.astype(np.float32)) for a in (x, theta))
        rows = max(1, AT_ONCE // len(points))
        with torch.inference_mode():
            parts = [self.network(part, points[:, None]).double() for part in torch.split(values, rows)]
        return _finite("ratio", torch.cat(parts, dim=1).numpy())


def _finite(name: str, values: Floats) -> Floats:
    if not np.all(np.isfinite(values)):
        raise InputError(
            f"the {name} of {np.sum(~np.isfinite(values)):,} of {values.size:,} pairs of an event and a theta is not "
            "finite: an observable is far outside the range of the training"
        )
    return values


def check_inside(theta: ArrayLike, box: Floats, parameters: Sequence[str]) -> Floats:
    """Points theta as an array (m, p), none of them outside the box.

    Raises:
        InputError: they are of another shape, or one is outside.
    """
    points = np.atleast_2d(as_numbers("theta", theta))
    if points.ndim != 2 or points.shape[1] != len(parameters) or not len(points):
        raise InputError(
            f"theta is an array (points, {len(parameters)}) of {', '.join(parameters)}, not {points.shape}"
        )
    slack = ROUNDING * (box[:, 1] - box[:, 0])
    good = (points >= box[:, 0] - slack) & (points <= box[:, 1] + slack)
    if not np.all(good):
        row, column = np.argwhere(~good)[0]
        low, high = box[column]
        raise InputError(
            f"{parameters[column]} = {points[row, column]:.4g} is outside the range of the training, "
            f"{low:.4g} to {high:.4g}; stay inside, or train with a wider box"
        )
    return points


def train_ratio(
    data: Sample | Events,
    morphing: Morphing | None = None,
    *,
    observables: Sequence[str] = (),
    method: str = "auto",
    box: ArrayLike = (-1.0, 1.0),
    reference: ArrayLike | None = None,
    doubly: bool = False,
    widths: Sequence[int] = WIDTHS,
    strength: float | None = None,
    cutting: Cutting | None = None,
    validation: float = 0.1,
    options: FitOptions = OPTIONS,
    directory: Path | str | None = None,
) -> RatioEstimator:
    r"""Learn the likelihood ratio of weighted events.

    Args:
        data: a sample, or events with the gold ``components``.
        morphing: the polynomial, for events.
        observables: names of the columns of x, for events.
        method: ``quadratic``, ``carl``, ``rolr``, ``alice``, ``cascal``, ``rascal``, ``alices``, or ``auto`` for what
            :func:`~partonic.inference.samples.choose` recommends.
        box: lowest and highest value of each parameter, (p, 2), or (2,) for all alike; theta is uniform between them.
        reference: theta of the denominator, (p,); zeros (or what the sample says) if None.
        doubly: train on pairs of points, both from the box (components only): the result takes any reference.
        widths: of the hidden layers.
        strength: of the error of the score beside that of the ratio, where the method has both; 0.3 if None, for RASCAL
            10: its error of the ratio is far larger.
        cutting: of the batches.
        validation: share of the events that choose the best epoch, below 1; 0 trains on all.
        options: of the fit.
        directory: where the fit saves its state, to go on after an interruption.

    Raises:
        UnknownNameError: there is no such method, or no such column.
        InputError: the method asks for what the events do not know, a number is out of range, or the sample is unfit.
        TrainingError: the training diverged.
    """
    sample = MorphedSample.of(data, observables, _needed(morphing)) if isinstance(data, Events) else data
    if not isinstance(sample, MorphedSample | LabelledSample):
        raise InputError(f"learn from a MorphedSample, a LabelledSample or Events, not from a {type(data).__name__}")
    limits, start = as_box(box, len(sample.parameters)), as_reference(reference, sample)
    name, reason = choose(sample, limits) if method == "auto" else (method, f"{method}: as asked for")
    if name not in METHODS:
        raise unknown("method", name, (*METHODS, "auto"))
    _check(name, sample, limits, start, doubly, strength)
    kind, built = _design(name, sample, limits, list(widths))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = NETWORKS[kind](**built)
    network.standardise.learn(torch.from_numpy(sample.x.astype(np.float32)))  # type: ignore[operator,union-attr]
    how = cutting or Cutting(thetas=4 if name == "quadratic" else 1, seed=options.seed)
    drawn = None if doubly else start
    training, held = split(sample, validation, options.seed)
    scores = name in WITH_SCORE
    batches = make_batches(training, limits, drawn, how, scores)
    watched = None if held is None else make_batches(held, limits, drawn, replace(how, shuffle=False), scores)
    done = fit(network, objective(name, strength), batches, watched, options, directory, f"training {name}")
    facts = {"events": len(sample), "seed": options.seed, **fit_facts(done)}
    free = doubly or kind == "quadratic"
    return RatioEstimator(network, kind, built, name, reason, sample.parameters, start, limits, free, facts)


def objective(method: str, strength: float | None = None) -> Callable[[nn.Module, objectives.RatioBatch], Tensor]:
    """The objective of a method, of :mod:`partonic.objectives.ratio`; plain networks take its gradients in one pass."""
    if method == "quadratic":
        return objectives.alice
    chosen: Callable[..., Tensor] = getattr(objectives, method)
    if method not in WITH_SCORE:
        return ClosedForm(chosen, method)
    strength = WITH_SCORE[method] if strength is None else strength
    return ClosedForm(partial(chosen, strength=strength), method, strength)


def as_box(box: ArrayLike, p: int) -> Floats:
    """Lowest and highest value of each of p parameters, (p, 2), checked.

    Raises:
        InputError: it is of another shape or not finite, or a highest value is not above the lowest.
    """
    values = as_numbers("box", box)
    values = np.tile(values, (p, 1)) if values.shape == (2,) else values
    if values.shape != (p, 2) or not np.all(np.isfinite(values)) or not np.all(values[:, 1] > values[:, 0]):
        raise InputError(f"a box has the lowest and highest value of each of {p} parameters, not {values.tolist()}")
    return values.copy()


def as_reference(reference: ArrayLike | None, sample: Sample) -> Floats:
    """Theta of the denominator, (p,), checked.

    Raises:
        InputError: it is of another shape or not finite, or not where the events of the sample were simulated.
    """
    p = len(sample.parameters)
    fixed = sample.reference if isinstance(sample, LabelledSample) else np.zeros(p)
    if reference is None:
        return fixed
    values = as_numbers("reference", reference)
    if values.shape != (p,) or not np.all(np.isfinite(values)):
        raise InputError(f"a reference of {p} parameters is finite and of shape ({p},), not {values.tolist()}")
    if isinstance(sample, LabelledSample) and not np.allclose(values, fixed):
        raise InputError(f"the events of label 0 were simulated at {fixed.tolist()}, not at {values.tolist()}")
    return values


def split(sample: Any, validation: float, seed: int) -> tuple[Any, Any]:
    """Events to train on and events to choose the best epoch with (None where ``validation`` is 0).

    Raises:
        InputError: the share is not at least 0 and below 1, or there are fewer than 100 events.
    """
    if len(sample) < FEWEST:
        raise InputError(f"{len(sample)} events are too few to learn from; give {FEWEST} or more")
    if not 0 <= validation < 1:
        raise InputError(f"validation is a share of the events, at least 0 and below 1, not {validation}")
    if validation == 0:
        return sample, None
    order = generator(seed).permutation(len(sample))
    cut = int(len(sample) * validation)
    return sample[np.sort(order[cut:])], sample[np.sort(order[:cut])]


def make_batches(
    sample: Sample, box: Floats, reference: Floats | None, cutting: Cutting, scores: bool
) -> SampleBatches:
    """The batches of a sample; a reference of None draws that of events with components from the box too."""
    if isinstance(sample, LabelledSample):
        return LabelledBatches(sample, box, cutting)
    return MorphedBatches(sample, box, reference, cutting, scores)


def _design(method: str, sample: Sample, box: Floats, widths: list[int]) -> tuple[str, dict[str, Any]]:
    """Kind of the network and what it is built with."""
    built: dict[str, Any] = {"features": sample.x.shape[1], "widths": widths}
    if method == "quadratic" and isinstance(sample, MorphedSample):
        powers = [list(row) for row in sample.morphing.powers]
        unit = np.abs(box).max(axis=1).tolist()
        return "quadratic", {**built, "powers": powers, "sigma": sample.sigma.tolist(), "unit": unit}
    unit = (0.5 * (box[:, 1] - box[:, 0])).tolist()
    return "parameterised", {**built, "centre": box.mean(axis=1).tolist(), "unit": unit}


def _check(method: str, sample: Sample, box: Floats, reference: Floats, doubly: bool, strength: float | None) -> None:
    if strength is not None and not strength > 0:
        raise InputError(f"strength must be above 0, not {strength}")
    if strength is not None and method not in WITH_SCORE:
        raise InputError(f"{method} learns nothing from the score: leave strength out, or use {', '.join(WITH_SCORE)}")
    if np.any(reference < box[:, 0]) or np.any(reference > box[:, 1]):
        raise InputError(f"the reference {reference.tolist()} is outside the box {box.tolist()}")
    if isinstance(sample, MorphedSample):
        sample.weights(np.concatenate([corners_of(box), reference[None]]))
        if method == "quadratic" and sample.morphing.degree != 2:
            raise InputError(f"the quadratic form is of degree 2, and the components are of {sample.morphing.degree}")
        return
    if method == "quadratic" or doubly:
        what = "the quadratic form" if method == "quadratic" else "training on pairs of points"
        raise InputError(f"{what} needs events with components; these have labels")
    if method not in ("carl", "cascal") and sample.log_ratio is None:
        raise InputError(f"{method} needs the joint ratio of each event, which is unknown here; carl does without")
    if method in WITH_SCORE and sample.score is None:
        raise InputError(f"{method} needs the joint score of each event, which is unknown here; alice does without")


def _needed(morphing: Morphing | None) -> Morphing:
    if morphing is None:
        raise InputError("events with components need their morphing, as Morphing.polynomial(2)")
    return morphing


def fit_facts(done: FitResult) -> dict[str, Any]:
    """Plain data about a training."""
    return {
        "epochs": len(done.history),
        "best_epoch": done.best_epoch,
        "best_loss": done.best_loss,
        "seconds": done.seconds,
    }

r"""Samples that estimators learn from, checked before any training.

One sample serves all theta: where events carry their morphing components :math:`c`, with a weighted mean
:math:`\sigma`, the weight of an event in a sample of theta is
:math:`w\, c \cdot \phi(\theta) / \sigma \cdot \phi(\theta)`, whatever mixture of theta the sample was drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError
from partonic.events.events import Events
from partonic.inference.morphing import Morphing

Floats = NDArray[np.float64]

CHECKED = 50_000  # events whose forms are looked at
NEGATIVE = 1e-4  # of the trace of a form: an eigenvalue below minus this is no rounding
EMPTY = 1e-6  # of the mean component at the reference: events below have no weight there
UNSUPPORTED = 1e-3  # share of the cross section at any theta that such events may have


def _alike() -> Floats:
    return np.ones(1)


@dataclass(frozen=True)
class MorphedSample:
    """Weighted events with the components of a polynomial in theta.

    Args:
        x: observables, (n, d).
        components: (n, k), those of the differential cross section over the density of the sample.
        morphing: the polynomial.
        weight: of each event, (n,), or (1,) for all alike; may be negative or 0 in some.

    Raises:
        InputError: the shapes disagree, a number is not finite, or the weights do not add up to more than 0.
    """

    x: Floats
    components: Floats
    morphing: Morphing
    weight: Floats = field(default_factory=_alike)

    def __post_init__(self) -> None:
        x = as_observables(self.x)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "weight", as_weights(self.weight, len(x)))
        object.__setattr__(
            self, "components", of_shape("the components", self.components, (len(x), len(self.morphing)))
        )

    @classmethod
    def of(cls, events: Events, observables: Sequence[str], morphing: Morphing) -> MorphedSample:
        """The sample of events with the gold ``components`` and their nominal weight.

        Raises:
            UnknownNameError: there is no such column.
            InputError: the events carry no components, or what the sample itself refuses.
        """
        if "components" not in events.gold:
            has = ", ".join(events.gold) or "nothing"
            raise InputError(f"the events carry no morphing components as gold, but {has}")
        return cls(columns(events, observables), events.gold["components"], morphing, events.weight())

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> MorphedSample:
        return MorphedSample(self.x[rows], self.components[rows], self.morphing, self.weight[rows])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Their names."""
        return self.morphing.parameters

    @cached_property
    def sigma(self) -> Floats:
        """Components of the cross section: the mean of those of the events, (k,)."""
        result: Floats = self.weight @ self.components / self.weight.sum()
        return result

    def resampled_sigma(self, replicas: int, rng: np.random.Generator) -> Floats:
        """Components of the cross section and, for their error, those of bootstrap samples, (1 + replicas, k)."""
        found = [self.sigma]
        for _ in range(replicas):
            weight = self.weight * rng.poisson(1.0, len(self))
            found.append(weight @ self.components / weight.sum())
        return np.stack(found)

    def weights(self, theta: ArrayLike) -> Floats:
        """Weights of the events in samples of some theta (m, p), each with a mean of 1, (m, n).

        Raises:
            InputError: theta is of another shape, or the cross section is not above 0 at a theta.
        """
        basis = self.morphing.basis(np.atleast_2d(as_numbers("theta", theta)))
        section = basis @ self.sigma
        if not np.all((section > 0) & np.isfinite(section)):
            wrong = section[~((section > 0) & np.isfinite(section))][0]
            raise InputError(f"the cross section of the sample is {wrong:.3g} at a theta; it must be above 0")
        result: Floats = (basis @ self.components.T) * (self.weight / self.weight.mean()) / section[:, None]
        return result


@dataclass(frozen=True)
class LabelledSample:
    """Events simulated at their theta (label 1) and at the reference (label 0), as simulators without components give.

    Args:
        x: observables, (n, d).
        theta: of the numerator, (n, p): where events of label 1 were simulated; for those of label 0 any, drawn from
            the same distribution.
        label: 1 or 0, (n,).
        reference: (p,), where events of label 0 were simulated.
        weight: of each event, (n,), or (1,) for all alike.
        log_ratio: logarithm of the joint ratio of ``theta`` to the reference, (n,); None where it is unknown.
        score: joint score at ``theta``, (n, p); None where it is unknown.
        parameters: their names, ``t1``, ``t2``, ... where none are given.

    Raises:
        InputError: the shapes disagree, there are no events of one label, a number is not finite, or the weights of a
            label do not add up to more than 0.
    """

    x: Floats
    theta: Floats
    label: Floats
    reference: Floats
    weight: Floats = field(default_factory=_alike)
    log_ratio: Floats | None = None
    score: Floats | None = None
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x = as_observables(self.x)
        n, shape = len(x), np.shape(self.theta)
        if len(shape) != 2:
            raise InputError(f"theta of {n:,} events is an array ({n}, parameters), not of shape {shape}")
        given = {"theta": (n, shape[1]), "label": (n,), "reference": (shape[1],), "log_ratio": (n,)}
        given["score"] = given["theta"]
        for name, wanted in given.items():
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else of_shape(name, value, wanted))
        if not np.all(np.isin(self.label, (0, 1))) or not 0 < self.label.sum() < n:
            raise InputError("labels are 1 (an event from theta) or 0 (from the reference), and both must be present")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "weight", as_weights(self.weight, n))
        for label, where in ((1, "theta"), (0, "the reference")):
            total = self.weight[self.label == label].sum()
            if not total > 0:
                raise InputError(
                    f"weights of events of label {label}, from {where}, must add up to more than 0, not to {total:.3g}"
                )
        names = tuple(self.parameters) or tuple(f"t{i + 1}" for i in range(shape[1]))
        if len(names) != shape[1]:
            raise InputError(f"theta has {shape[1]} parameters, not the names {', '.join(names)}")
        object.__setattr__(self, "parameters", names)

    @classmethod
    def of(
        cls, numerator: Events, denominator: Events, observables: Sequence[str], reference: ArrayLike
    ) -> LabelledSample:
        """The sample of two sets of events with the column ``theta`` and, where both have it, the gold of it.

        Raises:
            UnknownNameError: there is no such column.
            InputError: what the sample itself refuses.
        """
        parts = (numerator, denominator)
        gold = {
            name: np.concatenate([np.asarray(part.gold[name], dtype=np.float64) for part in parts])
            for name in ("joint_ratio", "joint_score")
            if all(name in part.gold for part in parts)
        }
        ratio = gold.get("joint_ratio")
        return cls(
            np.concatenate([columns(part, observables) for part in parts]),
            np.concatenate([part.column("theta") for part in parts]),
            np.repeat([1.0, 0.0], [len(numerator), len(denominator)]),
            np.asarray(reference, dtype=np.float64),
            np.concatenate([part.weight() for part in parts]),
            None if ratio is None else np.log(ratio),
            gold.get("joint_score"),
        )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> LabelledSample:
        ratio = None if self.log_ratio is None else self.log_ratio[rows]
        score = None if self.score is None else self.score[rows]
        kept = (self.x[rows], self.theta[rows], self.label[rows])
        return LabelledSample(*kept, self.reference, self.weight[rows], ratio, score, self.parameters)


Sample = MorphedSample | LabelledSample


def choose(sample: Sample, box: Floats) -> tuple[str, str]:
    r"""The method for a sample, and why.

    Args:
        sample: to learn from.
        box: lowest and highest value of each parameter, (p, 2).

    Returns:
        Name and reason: ``quadratic`` where the components are those of a non-negative polynomial of degree 2 with all
        events possible at theta = 0; else the one of ``alices``, ``alice`` and ``carl`` that uses all that is known.
    """
    if isinstance(sample, LabelledSample):
        if sample.log_ratio is None:
            return "carl", "carl: the events carry neither components nor a joint ratio"
        if sample.score is None:
            return "alice", "alice: the events carry a joint ratio and no joint score"
        return "alices", "alices: the events carry a joint ratio and a joint score but no components"
    obstacle = _obstacle(sample, box)
    if not obstacle:
        return "quadratic", "quadratic: every event is a non-negative quadratic polynomial in theta"
    corners = sample.components @ sample.morphing.basis(corners_of(box)).T
    if np.any(corners * np.sign(sample.components @ _origin(sample))[:, None] < 0):
        return "alice", f"alice: {obstacle}, so that some joint scores do not exist"
    return "alices", f"alices: {obstacle}"


def corners_of(box: Floats) -> Floats:
    """The corners of a box (p, 2), (2^p, p)."""
    return np.array(list(product(*box)), dtype=np.float64)


def _origin(sample: MorphedSample) -> Floats:
    return sample.morphing.basis(np.zeros(len(sample.parameters)))


def _obstacle(sample: MorphedSample, box: Floats) -> str:
    """Why the quadratic form does not hold for a sample; empty where it does."""
    if sample.morphing.degree != 2:
        return f"the polynomial in theta is of degree {sample.morphing.degree}, not 2"
    if np.any(sample.weight < 0):
        return f"{np.mean(sample.weight < 0):.1%} of the events have negative weights"
    standard = sample.components @ _origin(sample)
    empty = standard < EMPTY * np.abs(standard).mean()
    share = (sample.weights(corners_of(box))[:, empty]).sum(axis=1).max(initial=0.0) / len(sample)
    if share > UNSUPPORTED:
        return f"events that do not exist at theta = 0 are {share:.1%} of those at another theta"
    unit = np.abs(box).max(axis=1)
    chosen = sample.components[:: max(1, len(sample) // CHECKED)] * sample.morphing.basis(unit)
    forms = sample.morphing.form(chosen)
    lowest = np.linalg.eigvalsh(forms)[:, 0] / np.maximum(np.abs(np.trace(forms, axis1=1, axis2=2)), 1e-300)
    negative = float(np.mean(lowest < -NEGATIVE))
    return f"{negative:.1%} of the events have a weight below 0 at some theta" if negative > 0 else ""


def as_observables(x: ArrayLike, fewest: int = 1) -> Floats:
    """Observables as an array (n, d) of float64; one observable may come as (n,).

    Raises:
        InputError: they are no numbers, of another shape, fewer than asked for, or not finite.
    """
    values = as_numbers("the observables", x)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"observables are an array (events, observables), not of shape {values.shape}")
    if len(values) < fewest:
        raise InputError(f"{len(values)} events are too few; give {fewest} or more")
    return _finite("the observables", values)


def columns(events: Events, names: Sequence[str]) -> Floats:
    """Columns of events as one array (n, d); a column (n, c) gives c of them.

    Raises:
        UnknownNameError: there is no such column.
        InputError: no column is named.
    """
    if not names:
        raise InputError("name the columns of the events that are the observables")
    parts = [np.asarray(events.column(name), dtype=np.float64) for name in names]
    return np.concatenate([part.reshape(len(events), -1) for part in parts], axis=1)


def as_weights(weight: ArrayLike, n: int) -> Floats:
    """Weights of n events, (n,), from as many or from one, (1,).

    Raises:
        InputError: they are no numbers, of another shape, not finite, or do not add up to more than 0.
    """
    values = as_numbers("the weights", weight)
    if values.shape not in ((n,), (1,)):
        raise InputError(f"{n:,} events need weights ({n},), not {values.shape}")
    spread = np.broadcast_to(_finite("the weights", values), (n,))
    if not spread.sum() > 0:
        raise InputError(f"the weights of a sample must add up to more than 0, not to {spread.sum():.3g}")
    return spread


def of_shape(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """An array of float64, checked.

    Raises:
        InputError: it holds no numbers, is of another shape, or not finite; the message names it.
    """
    values = as_numbers(name, value)
    if values.shape != shape:
        raise InputError(f"{name} must be of shape {shape}, not {values.shape}")
    return _finite(name, values)


def _finite(name: str, values: Floats) -> Floats:
    if not np.all(np.isfinite(values)):
        row = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))[0])
        raise InputError(f"{name} must be finite, and in row {row:,} they are {values[row]}")
    return values

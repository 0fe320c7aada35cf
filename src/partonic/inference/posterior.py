r"""Posteriors :math:`p(\theta|x)` from simulated pairs alone: NPE, NLE and NRE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from partonic.core import hamiltonian
from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError, TrainingError, unknown
from partonic.core.rng import generator
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.inference import stored
from partonic.inference.batches import Cutting, SampleBatches, Stream
from partonic.inference.networks import ParameterisedRatio
from partonic.inference.priors import FlatPrior, NormalPrior, Prior
from partonic.inference.samples import as_observables
from partonic.models.flows.density import ConditionalDensity, Line
from partonic.objectives.contrastive import Contrastive
from partonic.objectives.generative import DensityBatch, negative_log_density

Floats = NDArray[np.float64]

METHODS = ("npe", "nle", "nre")
PRIORS: dict[str, type[FlatPrior] | type[NormalPrior]] = {"flat": FlatPrior, "normal": NormalPrior}
FEWEST = 100  # simulated pairs
OPTIONS = FitOptions(epochs=40, learning_rate=3e-3, patience=5, averaging=0.99, weight_decay=0.0)
CUTTING = Cutting(size=200)
CHAINS, WARMING, LEAPS, APART = 100, 30, 6, 3
STARTS, ALL_STARTS = (2_000, 50_000), 2_000_000  # draws of the prior, an event and of all events


@dataclass(frozen=True)
class Posterior:
    r"""A learned :math:`p(\theta|x)`; :func:`train_posterior` makes it.

    Args:
        network: of the method.
        method: ``npe``, ``nle`` or ``nre``.
        options: what the network was built with.
        prior: of theta.
        observables: their number.
        facts: plain data about the training.
    """

    network: nn.Module
    method: str
    options: Mapping[str, Any]
    prior: Prior
    observables: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def sample(self, x: ArrayLike, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta at observed events: directly (NPE) or by hybrid Monte Carlo of many chains (NLE, NRE).

        Args:
            x: one event (d,) or several (m, d).
            n: draws of each, 1 or more.
            rng: source of randomness.

        Returns:
            (n, p), or (n, m, p) for several events.

        Raises:
            InputError: a shape is wrong, an observable is not finite, or n is below 1.
            TrainingError: the chains do not move: the network does not describe these events.
        """
        single = np.ndim(x) == 1
        events = torch.from_numpy(self._observed(x).astype(np.float32))
        if n < 1:
            raise InputError(f"the number of draws must be 1 or more, not {n}")
        random = torch.Generator().manual_seed(int(rng.integers(2**62)))
        if isinstance(self.network, ConditionalDensity) and self.method == "npe":
            drawn = self.network.sample(events, n, random)
        else:
            drawn = self._chains(events, n, random, rng)
        result: Floats = drawn.double().numpy()
        return result[:, 0] if single else result

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Logarithm of the posterior density of theta (n, p) at one event x (d,), (n,).

        That of NLE and NRE misses a constant, the evidence of the event.

        Raises:
            InputError: a shape is wrong, or a number is not finite.
        """
        points = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        parameters = len(self.prior.box)
        if points.ndim != 2 or points.shape[1] != parameters or not np.all(np.isfinite(points)):
            raise InputError(f"theta is a finite array (points, {parameters}), not of the shape {np.shape(theta)}")
        event = torch.from_numpy(self._observed(x).astype(np.float32)).expand(len(points), -1)
        values = torch.from_numpy(points.astype(np.float32))
        with torch.no_grad():
            result: Floats = self._log_density(values, event).double().numpy()
        outside = np.any((points < self.prior.box[:, 0]) | (points > self.prior.box[:, 1]), axis=1)
        return np.where(outside, -np.inf, result)

    def save(self, path: Path | str) -> None:
        """Write the posterior to a file.

        Raises:
            InputError: the prior is not one of :mod:`partonic.inference.priors`.
            FileError: the file cannot be written.
        """
        names = [name for name, kind in PRIORS.items() if isinstance(self.prior, kind)]
        if not names:
            raise InputError(f"a posterior is saved with one of the priors {', '.join(PRIORS)}, not {self.prior}")
        numbers = {key: torch.from_numpy(value) for key, value in vars(self.prior).items()}
        prior = {"prior": names[0], "prior_numbers": numbers}
        stored.save(path, "posterior", self, ("method", "options", "observables", "facts"), **prior)

    @classmethod
    def load(cls, path: Path | str) -> Posterior:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """

        def make(prior: str, prior_numbers: Mapping[str, Tensor], **kept: Any) -> Posterior:
            return cls(prior=PRIORS[prior](**{key: value.numpy() for key, value in prior_numbers.items()}), **kept)

        return stored.load(path, "posterior", lambda tree: _network(tree["method"], tree["options"]), make)

    def _observed(self, x: ArrayLike) -> Floats:
        events = as_observables(np.atleast_2d(np.asarray(x, dtype=np.float64)))
        if events.shape[1] != self.observables:
            raise InputError(f"the posterior is of events of {self.observables} observables, not of {events.shape[1]}")
        return events

    def _log_density(self, theta: Tensor, x: Tensor) -> Tensor:
        """Of theta (b, p) at events (b, d), (b,)."""
        if self.method == "npe":
            density: Tensor = self.network(theta, x)
            return density
        likelihood = self.network(x, theta) if self.method == "nle" else self.network(x, theta[None])[0]
        result: Tensor = likelihood + self.prior.log_prob(theta)
        return result

    def _chains(self, events: Tensor, n: int, random: torch.Generator, rng: np.random.Generator) -> Tensor:
        """Draws (n, m, p) of hybrid Monte Carlo, 100 chains an event that start at likely draws of the prior."""
        count = min(n, CHAINS)
        line = Line.within(torch.from_numpy(self.prior.box.astype(np.float32)))
        tried = int(np.clip(ALL_STARTS // len(events), *STARTS))  # many find the shares of narrow modes
        starts = torch.from_numpy(self.prior.sample(tried, rng).astype(np.float32))
        begin, scale = [], []
        with torch.no_grad():
            for event in events:
                logs = self._log_density(starts, event.expand(tried, -1)) - self.prior.log_prob(starts)
                chosen = torch.multinomial(
                    (logs - logs.max()).double().exp(), count, replacement=True, generator=random
                )
                free = line.free(starts)[0]
                share = (logs - logs.max()).exp()[:, None]
                mean = (share * free).sum(dim=0) / share.sum()
                spread = ((share * (free - mean).square()).sum(dim=0) / share.sum()).sqrt()
                begin.append(free[chosen])
                scale.append(spread.clamp_min(1e-3 * float(free.std())).expand(count, -1))
        unit = torch.cat(scale)
        context = events.repeat_interleave(count, dim=0)

        def action(position: Tensor) -> Tensor:
            theta, log_jacobian = line.bound(position * unit)
            return -self._log_density(theta, context) - log_jacobian

        chains = hamiltonian.init(action, torch.cat(begin) / unit)
        chains, size = hamiltonian.warmed(action, chains, WARMING, LEAPS, random)
        drawn = []
        moved = torch.zeros(len(context))
        for _ in range(-(-n // count)):
            for _ in range(APART):
                chains = hamiltonian.step(action, chains, size, LEAPS, random)
                moved += chains.accepted
            drawn.append(line.bound(chains.position * unit)[0].reshape(len(events), count, -1).transpose(0, 1))
        if not bool((moved > 0).any()):
            raise TrainingError(
                "the chains do not move; the network does not describe such events: train on more pairs"
            )
        return torch.cat(drawn)[:n]


class PairBatches(SampleBatches):
    """Batches of pairs of values and what is given with them.

    Args:
        values: (n, v).
        context: (n, c).
        cutting: how.
    """

    def __init__(self, values: Tensor, context: Tensor, cutting: Cutting) -> None:
        super().__init__(len(values), cutting)
        self.values, self.context = values, context

    def batch(self, rows: Tensor, stream: Stream) -> DensityBatch:  # noqa: ARG002
        """The batch of some rows."""
        return DensityBatch(self.values[rows], self.context[rows], torch.ones(len(rows)))


def train_posterior(
    theta: ArrayLike,
    x: ArrayLike,
    prior: Prior,
    *,
    method: str = "npe",
    kind: str = "spline",
    seed: int = 0,
    validation: float = 0.1,
    cutting: Cutting = CUTTING,
    options: FitOptions = OPTIONS,
    directory: Path | str | None = None,
) -> Posterior:
    r"""Learn the posterior from pairs of a theta and an event simulated there.

    Args:
        theta: draws of the prior, (n, p).
        x: an event of each, (n, d).
        prior: of theta.
        method: ``npe`` learns :math:`p(\theta|x)` itself (arXiv:1605.06376), ``nle`` the likelihood
            :math:`p(x|\theta)` (arXiv:1805.07226), ``nre`` the ratio of that to the evidence (arXiv:2002.03712).
        kind: of the flow of the first two, ``spline`` or ``affine``.
        seed: of the initial weights and the order of the pairs.
        validation: share of the pairs that choose the best epoch, above 0 and below 1.
        cutting: of the batches.
        options: of the fit.
        directory: where the fit saves its state, to go on after an interruption.

    Raises:
        UnknownNameError: there is no such method or kind.
        InputError: shapes disagree, a number is not finite or outside the prior, there are fewer than 100 pairs.
        TrainingError: the training diverged.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if not 0 < validation < 1:
        raise InputError(f"validation is a share of the pairs above 0 and below 1, not {validation}")
    points, events = as_numbers("theta", theta), as_observables(x, FEWEST)
    points = points[:, None] if points.ndim == 1 else points
    if len(points) != len(events) or points.shape[1] != len(prior.box):
        raise InputError(
            f"{len(events):,} events need as many theta of {len(prior.box)} parameters, not {points.shape}"
        )
    if not np.all(np.isfinite(points)):
        raise InputError(f"theta must be finite, and {int((~np.isfinite(points)).any(axis=1).sum()):,} of them are not")
    outside = np.any((points < prior.box[:, 0]) | (points > prior.box[:, 1]), axis=1)
    if outside.any():
        raise InputError(f"{int(outside.sum()):,} theta are outside the prior; draw them with prior.sample")
    pair = tuple(torch.from_numpy(values.astype(np.float32)) for values in (points, events))
    order = torch.from_numpy(generator(seed).permutation(len(events)))
    cut = max(1, int(validation * len(events)))
    held, kept = order[:cut], order[cut:]
    theta_rows, x_rows = pair
    values, context = (x_rows, theta_rows) if method == "nle" else (theta_rows, x_rows)
    design = _design(method, kind, values[kept], context[kept], prior)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(method, design)
    if isinstance(network, ConditionalDensity):
        network.learn(values[kept], context[kept])
    else:
        network.standardise.learn(context[kept])
    objective = Contrastive() if method == "nre" else negative_log_density
    how = replace(cutting, seed=seed)
    batches = PairBatches(values[kept], context[kept], how)
    watched = PairBatches(values[held], context[held], replace(how, shuffle=False))
    done = fit(network, objective, batches, watched, replace(options, seed=seed), directory, f"training {method}")
    facts = {"pairs": len(events), "epochs": len(done.history), "best_epoch": done.best_epoch, "seconds": done.seconds}
    return Posterior(network, method, design, prior, events.shape[1], facts)


def _design(method: str, kind: str, values: Tensor, context: Tensor, prior: Prior) -> dict[str, Any]:
    """What the network is built with."""
    if method == "nre":
        centre, unit = values.mean(dim=0).tolist(), values.std(dim=0).tolist()
        return {"features": context.shape[1], "centre": centre, "unit": unit, "widths": [64, 64, 64]}
    box = prior.box.tolist() if method == "npe" else None
    return {"values": values.shape[1], "context": context.shape[1], "kind": kind, "box": box}


def _network(method: str, options: Mapping[str, Any]) -> ConditionalDensity | ParameterisedRatio:
    return ParameterisedRatio(**options) if method == "nre" else ConditionalDensity(**options)

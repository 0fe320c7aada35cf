"""What generators that learn by gradients do alike: coordinates fitted to the sample, batches, context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from partonic.core.errors import InputError
from partonic.fit.checked import fit_checked
from partonic.fit.loop import FitResult
from partonic.fit.options import FitOptions
from partonic.generation.batches import RowsOf, held_out
from partonic.generation.coordinates import Coordinates, Fitted, check_names
from partonic.generation.lines import AxisMap, fit_evened, fit_gaussianised, fit_unrolled
from partonic.generation.table import Table
from partonic.models.variational import VariationalLinear, fix_weights, make_variational
from partonic.objectives.generative import DensityBatch
from partonic.objectives.variational import EvidenceBound

Floats = NDArray[np.float64]
Network = TypeVar("Network", bound=nn.Module)
AT_ONCE = 20_000  # events that are drawn together


class EventGenerator(Protocol):
    """What every training of a generator gives."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        ...

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        ...

    def sample(self, n: int, rng: np.random.Generator, context: ArrayLike | None = None) -> Floats:
        """Draw events: physical values (n, k), with the given context (n, c) where it was trained with one."""
        ...


@dataclass(frozen=True, kw_only=True)
class LearningOptions:
    """How densities and velocities are trained.

    Args:
        knots: of the maps that make each coordinate about Gaussian.
        size: events of a batch.
        epochs: passes over the sample.
        learning_rate: the highest one.
        averaging: decay of the moving average of the weights, 0 for none.
        validation: share of the events that choose the best epoch.
        patience: epochs without progress after which the training ends, 0 for never.
        bayesian: whether weights get distributions, so that ``sample(draw=k)`` shows how well the density is known.
        prior: width of their prior, see :class:`~partonic.models.variational.VariationalLinear`.

    Raises:
        InputError: an option is out of range.
    """

    knots: int = 24
    size: int = 1024
    epochs: int = 15
    learning_rate: float = 4e-3
    averaging: float = 0.99
    validation: float = 0.1
    patience: int = 0
    bayesian: bool = False
    prior: float = 1.0

    def __post_init__(self) -> None:
        if self.knots < 3 or self.size < 1 or not self.prior > 0:
            raise InputError(
                "a generator needs 3 knots, 1 event a batch or more and a prior above 0, not "
                f"{self.knots}, {self.size} and {self.prior}"
            )


@dataclass(frozen=True)
class Running:
    """Where and from which seed a training runs.

    Args:
        seed: of the order of the events and what is random in the network.
        device: where to train.
        directory: where the fit saves its state, to go on after an interruption; None saves nothing.
        description: for the progress display.
    """

    seed: int
    device: str
    directory: Path | str | None
    description: str


@dataclass(frozen=True)
class Given:
    """Scales of the context, fitted to the sample.

    Args:
        centre: of each number, (c,).
        unit: its spread, (c,); 1 for one that never changes.
    """

    centre: Floats
    unit: Floats

    def scaled(self, context: ArrayLike | None, n: int) -> torch.Tensor:
        """Context of n events as the network takes it, (n, c) of float32.

        Raises:
            InputError: it is missing, not wanted, of a wrong shape or not finite.
        """
        width = len(self.centre)
        if context is None and width:
            raise InputError(
                f"this generator was trained with {width} given values an event; give context, (n, {width})"
            )
        rows = np.zeros((n, 0)) if context is None else np.asarray(context, dtype=np.float64)
        rows = rows[:, None] if rows.ndim == 1 else rows
        if rows.shape != (n, width) or not np.isfinite(rows).all():
            raise InputError(f"the context must be finite, of the shape ({n}, {width}), not {rows.shape}")
        return torch.from_numpy(((rows - self.centre) / self.unit).astype(np.float32))


def given_of(table: Table) -> Given:
    """Scales of the context of a sample."""
    share = (table.weight / len(table))[:, None]
    centre = (share * table.context).sum(axis=0)
    unit = np.sqrt((share * (table.context - centre) ** 2).sum(axis=0))
    return Given(centre, np.where(unit > 0, unit, 1.0))


def fit_coordinates(table: Table, coordinates: Coordinates, knots: int = 24, *, circles: bool = True) -> Fitted:
    """The coordinates, each made about Gaussian on the sample.

    Args:
        table: the sample.
        coordinates: the physical ones.
        knots: of each map.
        circles: whether angles stay angles; they are cut open otherwise.

    Raises:
        InputError: the sample is not that of the coordinates, is outside of them, or a coordinate has no density.
    """
    check_names(coordinates, table.names)
    if bool((table.weight < 0).any()):
        raise InputError(
            f"{int((table.weight < 0).sum()):,} of {len(table):,} event weights are negative, and a density cannot be "
            "learned from them; resample them to positive weights first"
        )
    u = coordinates.forward(table.values)
    maps: list[AxisMap] = []
    for i, angle in enumerate(coordinates.circular):
        make = (fit_evened if circles else fit_unrolled) if angle else fit_gaussianised
        try:
            maps.append(make(u[:, i], table.weight, knots))
        except InputError as error:
            raise InputError(f"coordinate {i} of {', '.join(coordinates.names)}: {error}") from None
    return Fitted(coordinates, tuple(maps))


def density_sample(table: Table, coordinates: Coordinates, given: Given) -> DensityBatch:
    """The sample as a network takes it."""
    u, weight = coordinates.forward(table.values), table.weight
    tensors = (torch.from_numpy(rows.astype(np.float32)) for rows in (u, weight))
    values, weights = tensors
    return DensityBatch(values, given.scaled(table.context, len(table)), weights)


def seeded(build: Callable[[], Network], seed: int) -> Network:
    """A network whose initial weights are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def train(
    network: nn.Module,
    objective: Any,
    sample: DensityBatch,
    options: LearningOptions,
    where: Running,
) -> FitResult:
    """Train a network on a sample of which some events choose the best epoch.

    Args:
        network: trained in place; its linear layers get distributions of weights where that is asked.
        objective: ``(network, batch) -> mean loss of an event``.
        sample: all events.
        options: how.
        where: seed, device and directory.

    Raises:
        InputError: an option is out of range.
        TrainingError: the training diverged.
    """
    kept, held = held_out(sample, options.validation, where.seed)
    if options.bayesian:
        objective = with_prior(network, objective, kept.weight, options.prior)
    seed = where.seed
    fitting = FitOptions(
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        averaging=options.averaging,
        patience=options.patience,
        weight_decay=0.0,
        seed=seed,
        device=where.device,
    )
    batches = RowsOf(kept, options.size, seed)
    watched = RowsOf(held, 8 * options.size, shuffle=False)
    done = fit_checked(network, objective, batches, watched, fitting, where.directory, where.description)
    network.cpu()
    return done


def with_prior(part: nn.Module, objective: Any, weight: torch.Tensor, prior: float) -> EvidenceBound:
    """Give the linear layers of a part of a network distributions of weights; what they learn by.

    Args:
        part: changed in place.
        objective: ``(network, batch) -> mean loss of an event``.
        weight: of the events to learn from, (n,).
        prior: width of the prior, see :class:`~partonic.models.variational.VariationalLinear`.
    """
    make_variational(part, prior)
    exact = weight.double()
    return EvidenceBound(objective, float(exact.sum() ** 2 / exact.square().sum()))


@contextmanager
def weights_of_draw(network: nn.Module, draw: int | None) -> Iterator[None]:
    """Give a Bayesian network the weights of a draw for a while; for None it keeps their means.

    Args:
        network: with variational layers, where there is a draw.
        draw: its number, 0 or more; the same number gives the same weights.

    Raises:
        InputError: the network is not Bayesian, or the draw is negative.
    """
    if draw is None:
        yield
        return
    if draw < 0 or not any(isinstance(layer, VariationalLinear) for layer in network.modules()):
        raise InputError(
            f"draw {draw} of the weights takes a generator trained with bayesian=True, and a number of 0 or more"
        )
    fix_weights(network, torch.Generator().manual_seed(draw))
    try:
        yield
    finally:
        fix_weights(network, None)


def facts_of(table: Table, done: FitResult, seed: int) -> Mapping[str, Any]:
    """Plain data about a training."""
    return {
        "events": len(table),
        "seed": seed,
        "epochs": len(done.history),
        "best_epoch": done.best_epoch,
        "best_loss": done.best_loss,
        "seconds": done.seconds,
    }


def count_weights(network: nn.Module) -> int:
    """Number of trained weights."""
    return sum(weight.numel() for weight in network.parameters())

"""Generative adversarial networks, with a discrepancy of masses that makes resonances sharp (arXiv:1907.03764)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.fit.adversarial import Game, Opponents, fit_adversarial
from partonic.fit.checked import check_loss, mean_loss
from partonic.fit.options import FitOptions
from partonic.generation.batches import RowsOf, held_out
from partonic.generation.coordinates import Columns, Coordinates, Fitted
from partonic.generation.frame import facts_of, given_of
from partonic.generation.learned import Learned
from partonic.generation.lines import Circular, Straight
from partonic.generation.rows import as_coordinates, check_spread, draw_rows, seen_coordinates, seen_sample
from partonic.generation.table import Table
from partonic.models.gan import Critic, NoiseGenerator
from partonic.objectives.adversarial import CriticLoss, Distance, GeneratorLoss, Resonances
from partonic.objectives.mmd import Kernel

Floats = NDArray[np.float64]
WATCHED = 4_000  # events on which an epoch is judged, at most
JUDGED = 1_000  # of these of which the peaks are compared, at least where there are so many


@dataclass(frozen=True)
class GanOptions:
    """How a generative adversarial network is built and trained.

    Args:
        hidden: widths of the hidden layers of the generator.
        critic: widths of the hidden layers of its critic.
        latent: number of noise values an event.
        spheres: how many times three of them make a direction in space, as decays need.
        penalty: of the critic's gradient (arXiv:1705.09367), 0 for none.
        spectral: whether the critic's matrices are divided by their largest singular value (arXiv:1802.05957).
        marginals: strength of a comparison of single numbers, and of random mixtures of two, by their squared
            distance :math:`W_2^2`, 0 for none; it takes no negative weights.
        turns: updates of the critic for each of the generator.
        knots: of maps that make each coordinate about Gaussian; 0 leaves them straight, with mean 0 and spread 1.
        size: events of a batch.
        epochs: passes over the sample.
        learning_rate: the highest one.
        pace: learning rate of the critic in units of the generator's.
        averaging: decay of the moving average of the weights, 0 for none.
        validation: share of the events that choose the best epoch.

    Raises:
        InputError: an option is out of range.
    """

    hidden: Sequence[int] = (128, 128, 128)
    critic: Sequence[int] = (128, 128, 128)
    latent: int = 32
    spheres: int = 0
    penalty: float = 0.01
    spectral: bool = False
    marginals: float = 0.0
    turns: int = 1
    knots: int = 0
    size: int = 512
    epochs: int = 20
    learning_rate: float = 1e-3
    pace: float = 1.0
    averaging: float = 0.995
    validation: float = 0.1

    def __post_init__(self) -> None:
        if self.latent < 1 or self.size < 2 or not self.penalty >= 0:
            raise InputError(
                "an adversarial network needs 1 noise value, batches of 2 events or more and a penalty of 0 or above, "
                f"not {self.latent}, {self.size} and {self.penalty}"
            )
        if not 0 <= 3 * self.spheres <= self.latent:
            raise InputError(
                f"{self.spheres} directions take {3 * self.spheres} of the noise values, and there are {self.latent}"
            )
        if not 0 <= self.marginals < math.inf:
            raise InputError(f"the comparison of single numbers needs a strength of 0 or above, not {self.marginals}")
        if 0 < self.knots < 3 or self.knots < 0:
            raise InputError(f"maps need 3 knots or more, or 0 for straight coordinates, not {self.knots}")


@dataclass(frozen=True)
class Peaks:
    """Quantities with a peak, whose distributions a generator is held to by a kernel discrepancy.

    Args:
        quantities: gives them, (b, m), of physical values (b, k) as tensors; differentiable, as
            :class:`InvariantMasses`.
        of_coordinates: whether they are given the coordinates (b, d) instead, as
            :meth:`~partonic.generation.rest_frames.RestFrames.resonances` takes.
        widths: of the kernel, in the units of the quantities; several see a peak both from far and near.
        kind: of the kernel, see :class:`~partonic.objectives.mmd.Kernel`.
        strength: what the sum of their discrepancies is multiplied by in the loss.
        events: of a batch that are compared.
    """

    quantities: Callable[[Tensor], Tensor]
    widths: tuple[float, ...]
    kind: str = "breit-wigner"
    strength: float = 1.0
    events: int = 256
    of_coordinates: bool = False


@dataclass(frozen=True)
class InvariantMasses:
    r"""Invariant masses of groups of particles whose values are :math:`p_x, p_y, p_z` one particle after the other.

    Args:
        groups: numbers of the particles of each group.
        masses: of each particle, in GeV.

    Raises:
        InputError: a group names a particle that is not there.
    """

    groups: tuple[tuple[int, ...], ...]
    masses: tuple[float, ...]

    def __post_init__(self) -> None:
        for group in self.groups:
            if not group or not all(0 <= one < len(self.masses) for one in group):
                raise InputError(f"a group of particles names some of 0 to {len(self.masses) - 1}, not {list(group)}")

    def __call__(self, values: Tensor) -> Tensor:
        """Masses (b, groups) in GeV of momenta (b, 3 particles) in GeV."""
        momenta = values.reshape(len(values), -1, 3)
        square = torch.tensor(self.masses, dtype=values.dtype, device=values.device).square()
        energy = (momenta.square().sum(2) + square).sqrt()
        parts = []
        for group in self.groups:
            total, which = energy.new_zeros(len(values)), list(group)
            for i, one in enumerate(which):
                total = total + square[one]
                for other in which[i + 1 :]:  # not E^2 - p^2, which loses the mass of fast particles in rounding
                    across = (momenta[:, one] * momenta[:, other]).sum(1)
                    total = total + 2 * (energy[:, one] * energy[:, other] - across)
            parts.append(total.clamp_min(1e-6).sqrt())
        return torch.stack(parts, 1)


def pair_mass(values: Tensor) -> Tensor:
    r"""Mass (b, 1) of two light particles, of :math:`p_{T1}, \eta_1, p_{T2}, \eta_2, \Delta\phi`, (b, 5); GeV."""
    pt1, eta1, pt2, eta2, angle = values.unbind(1)
    # cosh and cos as squares of sines, whose difference does not lose a small mass in rounding
    opening = torch.sinh(0.5 * (eta1 - eta2)).square() + torch.sin(0.5 * angle).square()
    return (4 * (pt1 * pt2).clamp_min(0) * opening + 1e-6).sqrt()[:, None]


@dataclass(frozen=True, kw_only=True)
class GanGenerator(Learned):
    """A trained generator, without its critic; :func:`train_gan` makes it.

    Args:
        network: makes coordinates of noise.
    """

    network: NoiseGenerator
    stored_as: ClassVar[str] = "gan"

    @staticmethod
    def built(tree: Mapping[str, Any]) -> NoiseGenerator:
        """The network, without its weights, from what the file holds."""
        return NoiseGenerator(**tree["sizes"])

    def drawn(self, rows: Tensor, rng: np.random.Generator) -> Floats:
        """Coordinates (n, d) of new events at a scaled context (n, c)."""
        return draw_rows(self.network, self.network.latent, rows, rng, self.coordinates.circular)


def train_gan(
    table: Table,
    coordinates: Coordinates,
    options: GanOptions | None = None,
    *,
    peaks: Peaks | None = None,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> GanGenerator:
    """Train a generator against a critic.

    Args:
        table: the sample; weights may be negative.
        coordinates: in which it is learned.
        options: those of :class:`GanOptions` if None.
        peaks: quantities that are compared beside; it needs straight coordinates, or quantities of coordinates and no
            knots.
        seed: of the initial weights and the order of the events.
        directory: where the training saves its state, to go on after an interruption.
        device: where to train.

    Raises:
        InputError: the sample is not that of the coordinates or outside of them, an option is out of range, or the
            coordinates are not straight where peaks are compared.
        TrainingError: the training diverged, or the generator has collapsed.
    """
    chosen = options or GanOptions()
    fitted, given = seen_coordinates(table, coordinates, chosen.knots), given_of(table)
    circles = sum(fitted.circular)
    if chosen.marginals and not (table.weight >= 0).all():
        raise InputError("the comparison of single numbers takes no negative weights; use marginals=0")
    sizes = {"lines": len(fitted.circular) - circles, "circles": circles, "context": table.context.shape[1]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        maker = {**sizes, "latent": chosen.latent, "hidden": list(chosen.hidden), "spheres": chosen.spheres}
        network = NoiseGenerator(**maker)
        opponents = Opponents(network, Critic(**sizes, hidden=chosen.critic, spectral=chosen.spectral))
    term = None if peaks is None else _term(peaks, fitted)
    game = Game(
        CriticLoss(chosen.penalty),
        GeneratorLoss(term, chosen.marginals),
        Distance(None if term is None else replace(term, events=max(term.events, JUDGED))),
        chosen.turns,
        chosen.pace,
        momentum=0.5,
    )
    kept, held = held_out(seen_sample(table, fitted, given), chosen.validation, seed)
    fitting = FitOptions(
        epochs=chosen.epochs,
        learning_rate=chosen.learning_rate,
        schedule="cosine",
        warmup=0.02,
        averaging=chosen.averaging,
        weight_decay=0.0,
        clip=0.0,
        seed=seed,
        device=device,
    )
    batches, watched = RowsOf(kept, chosen.size, seed), RowsOf(held, WATCHED, shuffle=False)
    before = mean_loss(opponents, game.measure, watched, seed)
    done = fit_adversarial(opponents, game, batches, watched, fitting, directory, "training the GAN")
    check_loss(before, done.best_loss, fitting)
    check_spread(network.cpu(), network.latent, kept, fitted.names)
    return GanGenerator(
        network=network, sizes=maker, coordinates=fitted, given=given, facts=facts_of(table, done, seed)
    )


def _term(peaks: Peaks, coordinates: Fitted) -> Resonances:
    """The discrepancy as a function of rows as the networks see them."""
    base = coordinates.base
    rows: list[Sequence[Any]] = [coordinates.maps]
    if not peaks.of_coordinates:
        rows.insert(0, base.maps if isinstance(base, Columns) else ())
    if not all(row and all(isinstance(one, Straight | Circular) for one in row) for row in rows):
        raise InputError(
            "a discrepancy of masses needs straight coordinates (Columns of Straight or Circular maps, or quantities "
            f"of coordinates, and knots=0), not {type(base).__name__} with {type(coordinates.maps[0]).__name__} maps"
        )
    centre, scale = np.zeros(len(coordinates.maps)), np.ones(len(coordinates.maps))
    for row in reversed(rows):
        of_map = np.array([(one.centre, getattr(one, "scale", 1.0)) for one in row])
        centre, scale = of_map[:, 0] + of_map[:, 1] * centre, of_map[:, 1] * scale
    shift, unit = (torch.from_numpy(each.astype(np.float32)) for each in (centre, scale))

    def quantities(seen: Tensor) -> Tensor:
        u = as_coordinates(seen, coordinates.circular)
        return peaks.quantities(shift.to(u.device) + unit.to(u.device) * u)

    return Resonances(quantities, Kernel(peaks.widths, peaks.kind), peaks.strength, peaks.events)

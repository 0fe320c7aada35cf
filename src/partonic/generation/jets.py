"""Generated jets: clouds of particles by flow matching with an equivariant network (arXiv:2310.00049).

The number of particles, the momentum and the width of a jet come from histograms of its kind, its shape from the
network, which knows them. So the sum of the momenta, the axis and the width are exact for each jet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.events.ragged import gather_rows, offsets_from_counts
from partonic.fit.checked import fit_checked
from partonic.fit.options import FitOptions
from partonic.generation import stored
from partonic.generation.census import JetCensus
from partonic.generation.clouds import CloudCoordinates, JetClouds, as_events, clouds
from partonic.generation.frame import count_weights, seeded
from partonic.generation.learned import OnDisk
from partonic.generation.matching import midpoint
from partonic.models.drift import Velocity
from partonic.models.epic import EPiC
from partonic.objectives.clouds import CloudBatch, cloud_matching

Floats = NDArray[np.float64]
TOGETHER = 250  # jets that are drawn at once
HELD_OUT = 1  # of the streams of the seed; the order of the batches has 0


@dataclass(frozen=True)
class JetOptions:
    """How jets are described, learned and drawn.

    Args:
        particles: at most so many of a jet, the hardest, as 30 or 150.
        width: of the network, see :class:`~partonic.models.epic.EPiC`.
        layers: of the network.
        heads: of attention in each layer, 0 for none.
        size: jets of a batch.
        epochs: passes over the jets.
        learning_rate: the highest one; it falls as a cosine.
        averaging: decay of the moving average of the weights, which are used in the end.
        validation: share of the jets that choose the best epoch.
        steps: of the midpoint rule from noise to jet; each asks the network twice.

    Raises:
        InputError: an option is out of range.
    """

    particles: int = 30
    width: int = 64
    layers: int = 4
    heads: int = 1
    size: int = 64
    epochs: int = 40
    learning_rate: float = 2e-3
    averaging: float = 0.998
    validation: float = 0.05
    steps: int = 15

    def __post_init__(self) -> None:
        if min(self.particles, self.size, self.steps) < 1 or not 0 < self.validation < 1:
            raise InputError(
                f"jets need 1 particle, jet a batch and step or more and a share for validation between 0 and 1, not "
                f"{self.particles}, {self.size}, {self.steps} and {self.validation}"
            )

    def fitting(self, seed: int, device: str) -> FitOptions:
        """Options of the training."""
        return FitOptions(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            schedule="cosine",
            warmup=0.05,
            averaging=self.averaging,
            seed=seed,
            device=device,
        )


@dataclass(frozen=True)
class Known:
    """What the network is told of a jet: its kind, and its momentum and mass on scales of unit spread.

    Args:
        kinds: number of kinds; one is not told.
        centre: means of the logarithms of momentum and mass.
        unit: their standard deviations.
    """

    kinds: int
    centre: tuple[float, float]
    unit: tuple[float, float]

    @property
    def size(self) -> int:
        """Numbers a jet."""
        return 2 + (self.kinds if self.kinds > 1 else 0)

    def __call__(self, kind: NDArray[np.int64], momentum: Floats, width: Floats) -> Tensor:
        """The numbers, (jets, size), of kinds, momenta (GeV) and widths, (jets,) each."""
        logs = np.column_stack([np.log(momentum), np.log(momentum * width)])
        scaled = (logs - self.centre) / self.unit
        told = np.eye(self.kinds)[kind] if self.kinds > 1 else np.zeros((len(kind), 0))
        return torch.from_numpy(np.concatenate([told, scaled], axis=1).astype(np.float32))


@dataclass(frozen=True)
class JetGenerator(OnDisk):
    """Draws jets; :func:`train_jets` makes it.

    Args:
        network: the velocity of the particles.
        kinds: names of the kinds of jets.
        census: of each kind.
        coordinates: of the particles.
        known: what the network is told.
        steps: of the midpoint rule.
        facts: plain data about the training.
    """

    network: EPiC
    kinds: tuple[str, ...]
    census: tuple[JetCensus, ...]
    coordinates: CloudCoordinates
    known: Known
    steps: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    stored_as: ClassVar[str] = "jet"

    @property
    def parameters(self) -> int:
        """Number of weights of the network."""
        return count_weights(self.network)

    def sample(
        self, n: int, rng: np.random.Generator, kind: str | None = None, momentum: ArrayLike | None = None
    ) -> Events:
        """Draw jets with their constituents; ``label`` is the number of the kind, ``jet_type`` its name.

        Args:
            n: number of jets, 1 or more.
            rng: source of all randomness: equal states give equal jets.
            kind: of all jets; in the shares of the training if None.
            momentum: sum of the pt of a jet's particles in GeV, (n,) or one for all; as in the training if None.

        Raises:
            UnknownNameError: there is no such kind.
            InputError: no jets are asked for, or momenta that the training had not.
        """
        if n < 1:
            raise InputError(f"ask for 1 jet or more, not {n}")
        if kind is not None and kind not in self.kinds:
            raise unknown("kind of jet", kind, self.kinds)
        shares = np.array([one.share for one in self.census])
        number = rng.choice(len(shares), n, p=shares / shares.sum())
        number = number if kind is None else np.full(n, self.kinds.index(kind))
        asked = None if momentum is None else np.broadcast_to(np.asarray(momentum, dtype=np.float64), (n,))
        frame, counts, width = np.empty((n, 3)), np.empty(n, np.int64), np.empty(n)
        for i in np.unique(number):
            rows = number == i
            drawn = self.census[i].draw(int(rows.sum()), rng, None if asked is None else asked[rows])
            frame[rows], counts[rows], width[rows] = drawn
        offsets = offsets_from_counts(counts)
        numbers = self._shapes(offsets, self.known(number, frame[:, 0], width), rng)
        jets = self.coordinates.inverse(numbers, offsets, frame, width)
        made = as_events(jets, label=number.astype(np.int8), jet_type=np.array(self.kinds)[number])
        return made.with_provenance(generator="flow matching (arXiv:2310.00049)", classes=list(self.kinds))

    def _shapes(self, offsets: NDArray[np.int64], known: Tensor, rng: np.random.Generator) -> NDArray[np.float32]:
        """The network's numbers (particles, 3): the midpoint rule from noise at time 0 to jets at time 1."""
        values = torch.from_numpy(rng.standard_normal((offsets[-1], 3), dtype=np.float32))
        with torch.inference_mode():
            for first in range(0, len(known), TOGETHER):
                told = known[first : first + TOGETHER]
                begin, end = offsets[first], offsets[first + len(told)]
                where = torch.from_numpy(offsets[first : first + len(told) + 1] - begin)
                values[begin:end] = midpoint(self._velocity(where, told), values[begin:end], self.steps)
        return values.numpy()

    def _velocity(self, offsets: Tensor, known: Tensor) -> Velocity:
        def velocity(point: Tensor, time: float) -> Tensor:
            """Of all particles, (particles, 3), at one time."""
            result: Tensor = self.network(point, offsets, torch.full((len(known),), time), known)
            return result

        return velocity

    def tree(self) -> dict[str, Any]:
        """Plain data and tensors."""
        known = self.known
        return {
            "sizes": dict(self.network.sizes),
            "kinds": list(self.kinds),
            "census": [one.tree() for one in self.census],
            "coordinates": vars(self.coordinates),
            "known": {"kinds": known.kinds, "centre": list(known.centre), "unit": list(known.unit)},
            "steps": self.steps,
            "facts": dict(self.facts),
            "state": self.network.state_dict(),
        }

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave; errors of any kind where the tree is damaged."""
        network = stored.restore(EPiC(**tree["sizes"]), tree)
        told = tree["known"]
        known = Known(told["kinds"], tuple(told["centre"]), tuple(told["unit"]))
        census = tuple(JetCensus.of(one) for one in tree["census"])
        rest = CloudCoordinates(**tree["coordinates"]), known, tree["steps"], tree["facts"]
        return cls(network, tuple(tree["kinds"]), census, *rest)


def train_jets(
    samples: Mapping[str, Events],
    options: JetOptions | None = None,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> JetGenerator:
    """Learn to draw jets.

    Args:
        samples: kind of jet -> jets with their ``constituents``, of simulation or of files (JetNet's among them).
        options: those of :class:`JetOptions` if None.
        seed: of the weights, the order of the jets and the noise.
        directory: where the fit saves its state, to go on after an interruption.
        device: where to train.

    Raises:
        InputError: no kind of jets, fewer than two jets of one, weights that are negative or not finite, or an option
            that is out of range.
        BadJetError: a jet that cannot be used.
        TrainingError: the training diverged.
    """
    chosen = options or JetOptions()
    if not samples:
        raise InputError("train_jets needs jets: give a name and a sample for each kind, as {'top': jets}")
    parts = [clouds(events, chosen.particles) for events in samples.values()]
    for name, part in zip(samples, parts, strict=True):
        if (
            np.ptp(part.counts) == 0
            and np.ptp(part.frame[:, 0]) == 0
            and np.ptp(part.values[:: part.counts[0], 2]) == 0
        ):
            raise InputError(f"a generator of jets needs two different jets or more; those of '{name}' are all alike")
    jets, kind = _joined(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    census = tuple(JetCensus.counted(part, len(part) / len(jets)) for part in parts)
    logs = np.column_stack([np.log(jets.frame[:, 0]), np.log(jets.frame[:, 0] * jets.width)])
    unit = np.maximum(logs.std(axis=0), 1e-6)
    known = Known(len(parts), (float(logs[:, 0].mean()), float(logs[:, 1].mean())), (float(unit[0]), float(unit[1])))
    coordinates = CloudCoordinates.fitted(jets)
    network = seeded(
        lambda: EPiC(context=known.size, width=chosen.width, layers=chosen.layers, heads=chosen.heads), seed
    )
    sample = CloudBatch(
        torch.from_numpy(coordinates.forward(jets)),
        torch.from_numpy(jets.offsets),
        known(kind, jets.frame[:, 0], jets.width),
        torch.from_numpy(jets.weight.astype(np.float32)),
    )
    order = generator(seed, HELD_OUT).permutation(len(jets))
    held = max(1, round(chosen.validation * len(jets)))
    train = CloudRows(_rows(sample, np.sort(order[held:])), chosen.size, seed)
    validation = CloudRows(_rows(sample, np.sort(order[:held])), chosen.size, None)
    how = chosen.fitting(seed, device)
    done = fit_checked(network, cloud_matching, train, validation, how, directory, "learning jets")
    facts = {
        "jets": len(jets),
        "seed": seed,
        "epochs": len(done.history),
        "best_epoch": done.best_epoch,
        "seconds": done.seconds,
        "loss": [record["loss"] for record in done.history],
        "validation": [record["validation"] for record in done.history],
    }
    return JetGenerator(network.cpu().eval(), tuple(samples), census, coordinates, known, chosen.steps, facts)


class CloudRows:
    """Batches of jets; each epoch is a function of its number, for :func:`partonic.fit.loop.fit`.

    Jets that would make a smaller last batch are left out of an epoch, and are others in the next one.

    Args:
        sample: all jets as one batch.
        size: jets of a batch; all of them where there are fewer.
        seed: of the order; None keeps the order and every jet.
    """

    def __init__(self, sample: CloudBatch, size: int, seed: int | None) -> None:
        self.sample, self.size, self.seed = sample, min(size, len(sample)), seed

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return len(self.sample) // self.size if self.seed is not None else -(-len(self.sample) // self.size)

    def __iter__(self) -> Iterator[CloudBatch]:
        """The first epoch."""
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[CloudBatch]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        order = np.arange(len(self.sample))
        if self.seed is not None:
            order = generator(self.seed, number).permutation(len(order))
        for step in range(skip, len(self)):
            yield _rows(self.sample, np.sort(order[step * self.size : (step + 1) * self.size]))


def _rows(sample: CloudBatch, rows: NDArray[np.int64]) -> CloudBatch:
    """Some jets of a batch."""
    offsets, items = gather_rows(sample.offsets.numpy(), rows)
    which = torch.from_numpy(rows)
    values = sample.values[torch.from_numpy(items)]
    return CloudBatch(values, torch.from_numpy(offsets), sample.context[which], sample.weight[which])


def _joined(parts: list[JetClouds]) -> JetClouds:
    """Jets one after the other."""
    offsets = offsets_from_counts(np.concatenate([part.counts for part in parts]))
    fields = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "frame", "weight"))
    return JetClouds(offsets, *fields)

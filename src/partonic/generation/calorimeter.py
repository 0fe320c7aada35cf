"""Fast calorimeter simulation: showers learned in steps, from the energies of the layers to their voxels.

The first step is a flow of the energies of all layers, given the energy of the particle. The next ones share the
energy of each layer out, given all these energies: by flows first to its rings and then to the sectors of each ring, or
by flow matching to all its voxels at once. Layers (and the sectors of different rings) are independent of each other
once what is above them is given, which is so in showers whose width depends on how deep they are. Two steps of this
kind are those of arXiv:2106.05285; the coordinates are those of :mod:`~partonic.generation.shower_splits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import FileError, InputError, PartonicError, unknown
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowGenerator, FlowOptions, train_flow
from partonic.generation.lines import Straight
from partonic.generation.matching import MatchingGenerator, MatchingOptions, train_matching
from partonic.generation.shower_rows import LayerRows, Showers
from partonic.generation.shower_splits import Split, Stage
from partonic.generation.table import Table
from partonic.models import plain

Floats = NDArray[np.float64]
METHODS = ("flow", "matching")
LAYERS, FACTS = "layers.pt", "showers.pt"
LAYER_OPTIONS = FlowOptions(hidden=(64, 64), bins=12, rounds=2, size=512, epochs=30, learning_rate=3e-3)
SPLIT_OPTIONS = FlowOptions(hidden=(64, 64), bins=10, size=1024, epochs=10, learning_rate=3e-3)
MATCHING_OPTIONS = MatchingOptions(hidden=256, layers=4, size=1024, epochs=20, steps=10)
Step = FlowGenerator | MatchingGenerator


@dataclass(frozen=True)
class ShowerGenerator:
    """A trained generator of showers; :func:`train_showers` makes it.

    Args:
        layers: draws energies of layers.
        steps: draw how they are shared out, one for each stage.
        shape: layers, rings and sectors.
        threshold: the smallest reading in GeV.
        method: ``flow`` or ``matching``.
        energies: lowest and highest energy of the training in GeV; no other is taken.
        facts: plain data about the training.
    """

    layers: FlowGenerator
    steps: tuple[Step, ...]
    shape: tuple[int, int, int]
    threshold: float
    method: str
    energies: tuple[float, float]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Number of trained weights of all steps."""
        return self.layers.parameters + sum(step.parameters for step in self.steps)

    def sample(self, energy: ArrayLike, rng: np.random.Generator) -> Showers:
        """Draw one shower for each energy.

        Args:
            energy: of the particles in GeV, (n,).
            rng: source of randomness.

        Returns:
            Showers whose readings are 0 or at least the threshold; they add up to the energies of the layers that the
            first step drew.

        Raises:
            InputError: an energy is not finite, or outside of the range of the training.
        """
        given = np.asarray(energy, dtype=np.float64)
        low, high = self.energies
        if given.ndim != 1 or not np.all((given >= low * (1 - 1e-9)) & (given <= high * (1 + 1e-9))):
            raise InputError(f"each shower needs an energy between {low:g} and {high:g} GeV, as in the training")
        first = LayerRows(self.shape[0], self.threshold)
        layers = first.energies(self.layers.sample(len(given), rng, first.context(given)), given)
        wholes = layers
        for stage, step in zip(stages(self.shape, self.threshold, self.method), self.steps, strict=True):
            wholes = wholes.reshape(len(given), *stage.wholes)
            hit = wholes > 0
            parts = np.zeros((*wholes.shape, stage.split.parts))
            if hit.any():
                context = stage.context(wholes, layers, given)[hit]
                parts[hit] = stage.split.energies(step.sample(len(context), rng, context), wholes[hit])
            wholes = parts
        return Showers(wholes.reshape(len(given), *self.shape), given)

    def save(self, directory: Path | str) -> None:
        """Write the generator to some files of a folder.

        Raises:
            FileError: they cannot be written.
        """
        folder = Path(directory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make the folder {folder}: {error.strerror}") from error
        self.layers.save(folder / LAYERS)
        for number, step in enumerate(self.steps, 1):
            step.save(folder / _file(number))
        rest = {name: getattr(self, name) for name in ("threshold", "method")}
        lists = {name: list(getattr(self, name)) for name in ("shape", "energies")}
        plain.write(folder / FACTS, "shower generator", {**rest, **lists, "facts": dict(self.facts)})

    @classmethod
    def load(cls, directory: Path | str) -> ShowerGenerator:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: a file is missing, damaged or of another kind.
        """
        folder = Path(directory)
        tree = plain.read(folder / FACTS, "shower generator")
        try:
            layers, rings, sectors = (int(number) for number in tree["shape"])
            shape, threshold, method = (layers, rings, sectors), float(tree["threshold"]), str(tree["method"])
            low, high = (float(end) for end in tree["energies"])
            count = len(stages(shape, threshold, method))
            facts = dict(tree["facts"])
        except (KeyError, TypeError, ValueError, PartonicError) as error:
            raise FileError(f"{folder / FACTS} is damaged ({error}); train or copy it again") from error
        reader = FlowGenerator.load if method == "flow" else MatchingGenerator.load
        steps: tuple[Step, ...] = tuple(reader(folder / _file(number)) for number in range(1, count + 1))
        return cls(FlowGenerator.load(folder / LAYERS), steps, shape, threshold, method, (low, high), facts)


def stages(shape: tuple[int, int, int], threshold: float, method: str) -> tuple[Stage, ...]:
    """In which steps the energies of layers are shared out; without those that have one part only.

    Args:
        shape: layers, rings and sectors.
        threshold: the smallest reading in GeV.
        method: ``flow`` or ``matching``.

    Raises:
        UnknownNameError: there is no such method.
        InputError: a number is below 1, or the threshold is not above 0.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    layers, rings, sectors = shape
    steps = [(rings, (layers,)), (sectors, (layers, rings))] if method == "flow" else [(rings * sectors, (layers,))]
    return tuple(Stage(Split(parts, threshold), wholes) for parts, wholes in steps if parts != 1)


def train_showers(
    sample: Showers,
    method: str = "flow",
    *,
    layers: FlowOptions = LAYER_OPTIONS,
    splits: FlowOptions | MatchingOptions | None = None,
    first: FlowGenerator | None = None,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> ShowerGenerator:
    """Learn showers.

    Args:
        sample: to learn from, see :func:`~partonic.generation.shower_rows.showers`.
        method: how layers are shared out, ``flow`` or ``matching``.
        layers: options of the first step.
        splits: those of the others; ``SPLIT_OPTIONS`` or ``MATCHING_OPTIONS`` if None.
        first: a first step that was trained on this sample before, as that of the other method.
        seed: of everything random.
        directory: where the fits save their states, to go on after an interruption.
        device: where to train.

    Raises:
        UnknownNameError: there is no such method.
        InputError: the options are those of the other method, or there are too few showers.
        TrainingError: a training diverged.
    """
    wanted = FlowOptions if method == "flow" else MatchingOptions
    shape, rows = sample.shape, LayerRows.of(sample)
    steps = stages(shape, rows.threshold, method)
    chosen = splits or (SPLIT_OPTIONS if method == "flow" else MATCHING_OPTIONS)
    if not isinstance(chosen, wanted):
        raise InputError(f"the method '{method}' takes {wanted.__name__}, not {type(chosen).__name__}")
    rng = generator(seed)
    if first is None:
        rest = _rest("layers", seed, directory, device)
        first = train_flow(*_columns(rows.table_of(sample, rng)), layers, **rest)
    found: list[Step] = []
    for number, stage in enumerate(steps, 1):
        parts = sample.voxels.reshape(len(sample), *stage.wholes, stage.split.parts, -1).sum(axis=-1)
        known = _columns(stage.table_of(parts, sample, rng))
        rest = _rest(f"step-{number}", seed, directory, device)
        if isinstance(chosen, FlowOptions):
            found.append(train_flow(*known, chosen, **rest))
        else:
            found.append(train_matching(*known, chosen, **rest))
    ends = (float(sample.energy.min()), float(sample.energy.max()))
    facts = {"showers": len(sample), "seed": seed, "steps": [dict(one.facts) for one in (first, *found)]}
    return ShowerGenerator(first, tuple(found), shape, rows.threshold, method, ends, facts)


def _rest(name: str, seed: int, directory: Path | str | None, device: str) -> dict[str, Any]:
    return {"seed": seed, "directory": None if directory is None else Path(directory) / name, "device": device}


def _columns(rows: Table) -> tuple[Table, Columns]:
    """A table with coordinates that leave the numbers as they are; the training makes them Gaussian."""
    return rows, Columns(rows.names, tuple(Straight() for _ in rows.names))


def _file(number: int) -> str:
    return f"step-{number}.pt"

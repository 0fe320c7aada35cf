"""Fast calorimeter simulation: showers learned in steps, from the energy that is read to that of each voxel.

A first flow draws what is read in all, given the energy of the particle; the next one shares it out to layers, one
after the other. Then the energy of each layer is shared out, given those of all layers: by flows to its rings and
these to their sectors, again one after the other, or by flow matching to all its voxels at once. Layers (and the
sectors of different rings) are independent of each other once what is above them is given, which is so in showers whose
width depends on how deep they are. Steps from particle to layers to voxels are those of arXiv:2106.05285; the
coordinates are those of :mod:`~partonic.generation.shower_rows` and :mod:`~partonic.generation.shower_splits`.
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
from partonic.generation.shower_rows import Showers, ShowerTotals
from partonic.generation.shower_splits import Split, Stage
from partonic.generation.shower_sticks import Sticks
from partonic.generation.table import Table
from partonic.models import plain

Floats = NDArray[np.float64]
METHODS = ("flow", "matching")
AT_ONCE = 1_000  # showers that are drawn together
TOTAL, FACTS = "total.pt", "showers.pt"
LAYER_OPTIONS = FlowOptions(hidden=(96, 96), bins=14, size=512, epochs=20, learning_rate=3e-3)
SPLIT_OPTIONS = FlowOptions(hidden=(64, 64), bins=14, size=1024, epochs=6, learning_rate=3e-3)
MATCHING_OPTIONS = MatchingOptions(hidden=256, layers=4, size=1024, epochs=20, steps=10)
Step = FlowGenerator | MatchingGenerator


@dataclass(frozen=True)
class ShowerGenerator:
    """A trained generator of showers; :func:`train_showers` makes it.

    Args:
        total: draws what is read in all.
        steps: draw how it is shared out, one for each stage.
        shape: layers, rings and sectors.
        threshold: the smallest reading in GeV.
        method: ``flow`` or ``matching``.
        energies: lowest and highest energy of the training in GeV; no other is taken.
        facts: plain data about the training.
    """

    total: FlowGenerator
    steps: tuple[Step, ...]
    shape: tuple[int, int, int]
    threshold: float
    method: str
    energies: tuple[float, float]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Number of trained weights of all steps."""
        return self.total.parameters + sum(step.parameters for step in self.steps)

    def sample(self, energy: ArrayLike, rng: np.random.Generator) -> Showers:
        """Draw one shower for each energy.

        Args:
            energy: of the particles in GeV, (n,).
            rng: source of randomness.

        Returns:
            Showers whose readings are 0 or at least the threshold; they add up to what the first flow drew.

        Raises:
            InputError: an energy is not finite, or outside of the range of the training.
        """
        given = np.asarray(energy, dtype=np.float64)
        low, high = self.energies
        if given.ndim != 1 or not np.all((given >= low * (1 - 1e-9)) & (given <= high * (1 + 1e-9))):
            raise InputError(f"each shower needs an energy between {low:g} and {high:g} GeV, as in the training")
        first = ShowerTotals(self.threshold)
        read = first.energies(self.total.sample(len(given), rng, first.context(given)), given)
        voxels = np.empty((len(given), *self.shape))
        steps = list(zip(stages(self.shape, self.threshold, self.method), self.steps, strict=True))
        for start in range(0, len(given), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            parts, layers = read[rows], read[rows, None][:, : 2 - min(self.shape[0], 2)]
            for stage, step in steps:
                parts = parts.reshape(-1, *stage.wholes)
                parts = stage.share_out(step, parts, layers, given[rows], rng)
                layers = layers if layers.shape[1] else parts.reshape(len(parts), self.shape[0], -1).sum(axis=2)
            voxels[rows] = parts.reshape(-1, *self.shape)
        return Showers(voxels, given)

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
        self.total.save(folder / TOTAL)
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
            found = stages(shape, threshold, method)
            facts = dict(tree["facts"])
        except (KeyError, TypeError, ValueError, PartonicError) as error:
            raise FileError(f"{folder / FACTS} is damaged ({error}); train or copy it again") from error
        steps = tuple(
            (FlowGenerator if isinstance(stage, Sticks) else MatchingGenerator).load(folder / _file(number))
            for number, stage in enumerate(found, 1)
        )
        return cls(FlowGenerator.load(folder / TOTAL), steps, shape, threshold, method, (low, high), facts)


def stages(shape: tuple[int, int, int], threshold: float, method: str) -> tuple[Stage | Sticks, ...]:
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
    first = (Sticks(layers, threshold, ()),) if layers > 1 else ()
    if method == "matching":
        return (*first, *((Stage(Split(rings * sectors, threshold), (layers,)),) if rings * sectors > 1 else ()))
    steps = (rings, (layers,)), (sectors, (layers, rings))
    return (*first, *(Sticks(parts, threshold, wholes) for parts, wholes in steps if parts > 1))


def train_showers(
    sample: Showers,
    method: str = "flow",
    *,
    layers: FlowOptions = LAYER_OPTIONS,
    splits: FlowOptions | MatchingOptions | None = None,
    first: ShowerGenerator | None = None,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> ShowerGenerator:
    """Learn showers.

    Args:
        sample: to learn from, see :func:`~partonic.generation.shower_rows.showers`.
        method: how layers are shared out, ``flow`` or ``matching``.
        layers: options of what is read in all, and of layers.
        splits: those of the other steps; ``SPLIT_OPTIONS`` or ``MATCHING_OPTIONS`` if None.
        first: what was trained on this sample before by the other method, of which all is taken down to layers.
        seed: of everything random.
        directory: where the fits save their states, to go on after an interruption.
        device: where to train.

    Raises:
        UnknownNameError: there is no such method.
        InputError: the options are those of the other method, or there are too few showers.
        TrainingError: a training diverged.
    """
    wanted = FlowOptions if method == "flow" else MatchingOptions
    shape, rows = sample.shape, ShowerTotals.of(sample)
    chosen = splits or (SPLIT_OPTIONS if method == "flow" else MATCHING_OPTIONS)
    steps = stages(shape, rows.threshold, method)
    if not isinstance(chosen, wanted):
        raise InputError(f"the method '{method}' takes {wanted.__name__}, not {type(chosen).__name__}")
    rng = generator(seed)
    if first is None:
        total = train_flow(*_columns(rows.table_of(sample, rng)), layers, **_rest("total", seed, directory, device))
    else:
        total = first.total
    found: list[Step] = []
    for number, stage in enumerate(steps, 1):
        above = not stage.wholes
        if above and first is not None:
            found.append(first.steps[0])
            continue
        parts = sample.voxels.reshape(len(sample), *stage.wholes, stage.parts, -1).sum(axis=-1)
        told = np.zeros((len(sample), 0)) if above else sample.layers
        known = _columns(stage.table_of(parts, told, sample.energy, rng))
        rest, options = _rest(f"step-{number}", seed, directory, device), layers if above else chosen
        if isinstance(options, FlowOptions):
            found.append(train_flow(*known, options, **rest))
        else:
            found.append(train_matching(*known, options, **rest))
    ends = (float(sample.energy.min()), float(sample.energy.max()))
    facts = {"showers": len(sample), "seed": seed, "steps": [dict(one.facts) for one in (total, *found)]}
    return ShowerGenerator(total, tuple(found), shape, rows.threshold, method, ends, facts)


def _rest(name: str, seed: int, directory: Path | str | None, device: str) -> dict[str, Any]:
    return {"seed": seed, "directory": None if directory is None else Path(directory) / name, "device": device}


def _columns(rows: Table) -> tuple[Table, Columns]:
    """A table with coordinates that leave the numbers as they are; the training makes them Gaussian."""
    return rows, Columns(rows.names, tuple(Straight() for _ in rows.names))


def _file(number: int) -> str:
    return f"step-{number}.pt"

"""Fast calorimeter simulation: showers learned in steps, from the energy that is read to that of each voxel.

A first network draws what is read in all, given the energy of the particle; the next one shares it out to layers, one
after the other. Then the energy of each layer is shared out, given those of all layers, to its rings and these to their
sectors, again one after the other. All networks are flows, or all follow velocities learned by flow matching, of parts
that take some of a rest, once a classifier has said which take nothing or all
(:mod:`~partonic.generation.shower_parts`). Layers (and the sectors of different rings) are independent of each other
once what is above them is given, which is so in showers whose width depends on how deep they are. Steps from particle
to layers to voxels are those of arXiv:2106.05285; the coordinates are those of
:mod:`~partonic.generation.shower_rows` and :mod:`~partonic.generation.shower_sticks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, unknown
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.flow import FlowGenerator, FlowOptions, train_flow
from partonic.generation.learned import OnDisk
from partonic.generation.lines import Straight
from partonic.generation.matching import MatchingGenerator, MatchingOptions, train_matching
from partonic.generation.shower_parts import PartGenerator, train_parts
from partonic.generation.shower_rows import Showers, ShowerTotals
from partonic.generation.shower_sticks import Sticks
from partonic.generation.table import Table

Floats = NDArray[np.float64]
AT_ONCE = 1_000  # showers that are drawn together
Step = FlowGenerator | MatchingGenerator | PartGenerator
Options = FlowOptions | MatchingOptions
METHODS: dict[str, tuple[type[Step], type[Step]]] = {  # of what is read in all, and of parts
    "flow": (FlowGenerator, FlowGenerator),
    "matching": (MatchingGenerator, PartGenerator),
}
LAYER_OPTIONS: dict[str, Options] = {
    "flow": FlowOptions(hidden=(96, 96), bins=14, size=512, epochs=20, learning_rate=3e-3),
    "matching": MatchingOptions(hidden=96, layers=3, size=512, epochs=30, sampler="refined", steps=6),
}
SPLIT_OPTIONS: dict[str, Options] = {
    "flow": FlowOptions(hidden=(64, 64), bins=14, size=1024, epochs=6, learning_rate=3e-3),
    "matching": MatchingOptions(hidden=96, layers=3, size=1024, epochs=8, sampler="refined", steps=6),
}


@dataclass(frozen=True)
class ShowerGenerator(OnDisk):
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

    total: Step
    steps: tuple[Step, ...]
    shape: tuple[int, int, int]
    threshold: float
    method: str
    energies: tuple[float, float]
    facts: Mapping[str, Any] = field(default_factory=dict)
    stored_as: ClassVar[str] = "shower"

    @property
    def parameters(self) -> int:
        """Number of trained weights of all steps."""
        return self.total.parameters + sum(step.parameters for step in self.steps)

    def sample(self, energy: ArrayLike, rng: np.random.Generator, draw: int | None = None) -> Showers:
        """Draw one shower for each energy.

        Args:
            energy: of the particles in GeV, (n,).
            rng: source of randomness.
            draw: number of a draw of Bayesian weights of all networks; None for their means.

        Returns:
            Showers whose readings are 0 or at least the threshold; they add up to what the first network drew.

        Raises:
            InputError: an energy is not finite, or outside of the range of the training; or ``draw`` asks for what
                the generator has not.
        """
        given = np.asarray(energy, dtype=np.float64)
        low, high = self.energies
        if given.ndim != 1 or not np.all((given >= low * (1 - 1e-9)) & (given <= high * (1 + 1e-9))):
            raise InputError(f"each shower needs an energy between {low:g} and {high:g} GeV, as in the training")
        first = ShowerTotals(self.threshold)
        every = (self.total, *self.steps)
        each = [None if draw is None else draw * len(every) + number for number in range(len(every))]
        draw_total, *draw_parts = (partial(one.sample, draw=k) for one, k in zip(every, each, strict=True))
        read = first.energies(draw_total(len(given), rng, first.context(given)), given)
        voxels = np.empty((len(given), *self.shape))
        steps = list(zip(stages(self.shape, self.threshold), draw_parts, strict=True))
        for start in range(0, len(given), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            parts, layers = read[rows], read[rows, None][:, : 2 - min(self.shape[0], 2)]
            for stage, draw_part in steps:
                parts = parts.reshape(-1, *stage.wholes)
                parts = stage.share_out(draw_part, parts, layers, given[rows], rng)
                layers = layers if layers.shape[1] else parts.reshape(len(parts), self.shape[0], -1).sum(axis=2)
            voxels[rows] = parts.reshape(-1, *self.shape)
        return Showers(voxels, given)

    def tree(self) -> dict[str, Any]:
        """Plain data and tensors."""
        rest = {name: getattr(self, name) for name in ("threshold", "method")}
        lists = {name: list(getattr(self, name)) for name in ("shape", "energies")}
        steps = {"total": self.total.tree(), "steps": [step.tree() for step in self.steps]}
        return {**rest, **lists, **steps, "facts": dict(self.facts)}

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave; errors of any kind where the tree is damaged."""
        method, (layers, rings, sectors), (low, high) = tree["method"], tree["shape"], tree["energies"]
        of_total, of_part = METHODS[method]
        total, steps = of_total.of(tree["total"]), tuple(of_part.of(one) for one in tree["steps"])
        return cls(total, steps, (layers, rings, sectors), tree["threshold"], method, (low, high), tree["facts"])


def stages(shape: tuple[int, int, int], threshold: float) -> tuple[Sticks, ...]:
    """In which steps the energy is shared out: to layers, rings and sectors; without those that have one part only.

    Args:
        shape: layers, rings and sectors.
        threshold: the smallest reading in GeV.

    Raises:
        InputError: the threshold is not above 0.
    """
    layers, rings, sectors = shape
    steps: tuple[tuple[int, tuple[int, ...]], ...]
    steps = (layers, ()), (rings, (layers,)), (sectors, (layers, rings))
    return tuple(Sticks(parts, threshold, wholes) for parts, wholes in steps if parts > 1)


def train_showers(
    sample: Showers,
    method: str = "flow",
    *,
    layers: Options | None = None,
    splits: Options | None = None,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> ShowerGenerator:
    """Learn showers.

    Args:
        sample: to learn from, see :func:`~partonic.generation.shower_rows.showers`.
        method: of all networks, ``flow`` or ``matching``.
        layers: options of what is read in all, and of layers; those of ``LAYER_OPTIONS`` if None.
        splits: those of the other steps; those of ``SPLIT_OPTIONS`` if None.
        seed: of everything random.
        directory: where the fits save their states, to go on after an interruption.
        device: where to train.

    Raises:
        UnknownNameError: there is no such method.
        InputError: the options are those of the other method, or there are too few showers.
        TrainingError: a training diverged.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    first, later = layers or LAYER_OPTIONS[method], splits or SPLIT_OPTIONS[method]
    for options in (first, later):
        if type(options) is not type(SPLIT_OPTIONS[method]):
            wanted = type(SPLIT_OPTIONS[method]).__name__
            raise InputError(f"the method '{method}' takes {wanted}, not {type(options).__name__}")
    rows, rng = ShowerTotals.of(sample), generator(seed)

    def learned(name: str, table: Table, options: Options) -> Step:
        """One network, in coordinates that leave the numbers as they are; the training makes them Gaussian."""
        columns = Columns(table.names, (Straight(),))
        rest: dict[str, Any] = {"seed": seed, "device": device}
        rest["directory"] = None if directory is None else Path(directory) / name
        if isinstance(options, FlowOptions):
            return train_flow(table, columns, options, **rest)
        if name != "total":
            return train_parts(table, options, **rest)
        return train_matching(table, columns, options, **rest)

    total, found = learned("total", rows.table_of(sample, rng), first), []
    for number, stage in enumerate(stages(sample.shape, rows.threshold), 1):
        parts = sample.voxels.reshape(len(sample), *stage.wholes, stage.parts, -1).sum(axis=-1)
        told = sample.layers if stage.wholes else np.zeros((len(sample), 0))
        table = stage.table_of(parts, told, sample.energy, rng)
        found.append(learned(f"step-{number}", table, later if stage.wholes else first))
    ends = (float(sample.energy.min()), float(sample.energy.max()))
    facts = {"showers": len(sample), "seed": seed, "steps": [dict(one.facts) for one in (total, *found)]}
    return ShowerGenerator(total, tuple(found), sample.shape, rows.threshold, method, ends, facts)

"""Samples with morphing components and observables: own events, or those of a file, perhaps behind a detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.rng import generator
from partonic.events.events import Events, concatenate

if TYPE_CHECKING:
    from partonic.inference.benchmarks import Benchmarks
    from partonic.inference.morphing import Morphing

Floats = NDArray[np.float64]

POINTS = ((0.0, 0.0), (0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5), (0.5, 0.5))


@dataclass(frozen=True)
class Weighted:
    """A sample with all that limits are made of.

    Args:
        events: with the gold ``components``.
        x: observables, (n, d).
        benchmarks: where the weights stand.
        morphing: the polynomial.
        cross_section: of the file, in pb.
        title: what the events are.
        truth: components of the density of the observables, (n, k), where they are known.
    """

    events: Events
    x: Floats
    benchmarks: Benchmarks
    morphing: Morphing
    cross_section: Estimate
    title: str
    truth: Floats | None = None


def own_events(n: int, seed: int) -> Weighted:
    """Weak boson fusion with two operators; each event gets weights at six points, from which all is found anew.

    Args:
        n: number of events.
        seed: of the random numbers.
    """
    from partonic.inference.benchmarks import Benchmarks, with_components
    from partonic.simulators.wbf import PARAMETERS, WeakBosonFusion, basis, features

    fusion = WeakBosonFusion()
    drawn = fusion.simulate((0.0, 0.0), n, generator(seed))
    section = fusion.cross_section.at((0.0, 0.0))
    table = drawn.gold["components"] @ basis(np.array(POINTS)).T
    names = tuple(f"point {i + 1}" for i in range(len(POINTS)))
    weights = {"nominal": table[:, 0], **dict(zip(names, table.T, strict=True))}
    told = Events(drawn.columns, weights, drawn.collections, {}, {"cross_section_pb": section.value})
    benchmarks = Benchmarks(names, np.array(POINTS), PARAMETERS)
    events, morphing = with_components(told, benchmarks)
    truth = fusion.truth(drawn)
    return Weighted(events, features(events), benchmarks, morphing, section, "own events of weak boson fusion", truth)


def from_file(file: Path, level: str, n: int, seed: int, context: Context) -> Weighted:
    """The first events of a file of parton-level events, or what a detector sees of them.

    Args:
        file: Les Houches events with weights at benchmark points.
        level: ``parton``, or the detector ``truth``, ``atlas`` or ``cms``.
        n: number of events, at most.
        seed: of the simulation.
        context: of the run.

    Raises:
        FileError: the file cannot be read.
        InputError: the weights do not say where they stand or do not span the polynomial, one is not above 0, or the
            final states of the events differ.
    """
    from partonic.inference.benchmarks import benchmarks_of, with_components
    from partonic.io import lhe, parquet
    from partonic.represent.observables import final_state, seen
    from partonic.simulators.options import SimulationOptions
    from partonic.simulators.samples import sample

    known = lhe.header(file)
    if level == "parton":
        events = _first(file, n)
        columns = final_state(events)
    else:
        count = min(n, lhe.count(file))
        options = SimulationOptions(f"lhe:{file}", count, context.workers, seed, detector=level)
        events = parquet.read(sample(options, executor=context.executor))
        columns = seen(events)
    benchmarks = benchmarks_of(events)
    done, morphing = with_components(events, benchmarks)
    section = Estimate.symmetric(known["cross_section_pb"], known["cross_section_error_pb"], "of the file")
    x = np.stack(list(columns.values()), axis=-1)
    return Weighted(done, x, benchmarks, morphing, section, file.name)


def _first(file: Path, n: int) -> Events:
    from partonic.io import lhe

    parts: list[Events] = []
    missing = n
    for part in lhe.iterate(file):
        parts.append(part[:missing])
        missing -= len(parts[-1])
        if missing <= 0:
            break
    return concatenate(parts)

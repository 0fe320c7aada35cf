"""Pileup: further collisions of the same bunch crossing, laid over each event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import SimulationError
from partonic.events.ragged import Ragged, offsets_from_counts
from partonic.simulators.pythia import Generator

SETTINGS = ("SoftQCD:inelastic=on",)
"""Minimum bias: every inelastic collision, with multi-parton interactions (they are what makes it)."""

VERTEX_SPREAD = 45.0
"""Standard deviation of the collisions along the beam (mm)."""

_AT_ONCE = 200


def overlay(truth: Ragged, generator: Generator, mean: float, rng: np.random.Generator) -> Ragged:
    """Add a Poisson number of minimum-bias collisions to each event.

    Args:
        truth: final particles of the events; they keep their place at the front of each event.
        generator: Pythia with :data:`SETTINGS`.
        mean: mean number of collisions an event.
        rng: of their number and their places along the beam; the event's own collision is at 0.

    Returns:
        Final particles of all collisions; ``record`` is -1 for those of the pileup.

    Raises:
        SimulationError: Pythia gives no collision.
    """
    numbers = rng.poisson(mean, len(truth))
    total = int(numbers.sum())
    parts = [truth]
    owners = [truth.rows]
    owner_of = np.repeat(np.arange(len(truth)), numbers)
    place = rng.normal(0.0, VERTEX_SPREAD, total)
    done = 0
    while done < total:
        collisions = generator.final(generator.generate(min(_AT_ONCE, total - done)))
        collision = done + collisions.rows
        parts.append(
            collisions.with_fields(
                vz=collisions["vz"] + place[collision], record=np.full(collisions.total, -1, dtype=np.int64)
            )
        )
        owners.append(owner_of[collision])
        done += len(collisions)
        if len(collisions) == 0:
            raise SimulationError("Pythia cannot generate the minimum-bias collisions of the pileup")
    return _merge(parts, np.concatenate(owners), len(truth))


def _merge(parts: list[Ragged], owner: NDArray[np.int64], events: int) -> Ragged:
    order = np.argsort(owner, kind="stable")
    fields = {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0].fields}
    return Ragged(offsets_from_counts(np.bincount(owner, minlength=events)), fields)

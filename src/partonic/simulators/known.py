"""Events of the registered simulators, those with gold and a known likelihood, by name: in memory or to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.config import from_tree, to_tree
from partonic.core.files import check_writable
from partonic.core.registry import simulators
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.events.provenance import plain
from partonic.io import parquet
from partonic.version import __version__


class KnownSimulator(Protocol):
    """What ``@register_simulator`` marks: a frozen dataclass of options with a tractable likelihood.

    The mark gives a ``theta`` at which events are drawn where the user names none. Events carry their observables and
    latents as columns, and as gold what the simulator knows of its latents.
    """

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw n events at theta, (parameters,)."""
        ...

    def log_prob(self, events: Events, theta: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of each event, (n,), at most up to a constant that does not depend on theta."""
        ...


def build(name: str, **options: Any) -> KnownSimulator:
    """The simulator of a name with its options.

    Raises:
        UnknownNameError: there is no such simulator or option.
        InputError: a value is of the wrong type or out of range.
    """
    simulator: KnownSimulator = from_tree(simulators.get(name).cls, options, f"the options of {name}")
    return simulator


def draw(name: str, n: int, theta: ArrayLike | None = None, seed: int = 1, **options: Any) -> Events:
    """Draw events of a registered simulator.

    Args:
        name: of the simulator, as ``"galton-board"``; ``partonic list`` shows them.
        n: number of events.
        theta: where to draw them, (parameters,); the simulator's own place if None.
        seed: of the random numbers.
        **options: of the simulator.

    Returns:
        Its events; the provenance holds theta, the seed and the options too.

    Raises:
        UnknownNameError: there is no such simulator or option.
        InputError: a value is of the wrong type, shape or out of range.
    """
    simulator = build(name, **options)
    place = np.asarray(simulators.get(name).facts["theta"] if theta is None else theta, dtype=np.float64)
    events = simulator.simulate(place, n, generator(seed))
    facts = {"theta": place, "seed": seed, "options": to_tree(simulator), "versions": {"partonic": __version__}}
    return events.with_provenance(**plain(facts))


def draw_to_file(
    name: str,
    n: int,
    path: Path | str,
    theta: ArrayLike | None = None,
    seed: int = 1,
    *,
    overwrite: bool = False,
    **options: Any,
) -> str:
    """Draw events as :func:`draw` does and write them as Parquet; gives one line for a person.

    Raises:
        UnknownNameError: there is no such simulator or option.
        InputError: a value is of the wrong type, shape or out of range.
        FileError: the file is there and is not to be overwritten, or cannot be written.
    """
    file = check_writable(path, overwrite=overwrite)
    events = draw(name, n, theta, seed, **options)
    parquet.write(file, events)
    place = ", ".join(f"{value:g}" for value in np.ravel(events.provenance["theta"]))
    return f"{file}: {name} at theta = ({place}): {events.describe()}"

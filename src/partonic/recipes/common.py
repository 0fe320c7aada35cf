"""What several recipes do alike: checks of options, what they need, what they say beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from partonic.core.errors import InputError, require
from partonic.core.progress import duration
from partonic.core.recipe import Context
from partonic.core.registry import models
from partonic.events.events import Events
from partonic.fit.jobs import Job, train_jobs
from partonic.fit.tagger import Training
from partonic.io.formats import recognise


def check_numbers(recipe: Any, **least: int) -> None:
    """Refuse options that are too small, and ``epochs`` (which may be None) below 1.

    Raises:
        InputError: an option is below its least value.
    """
    for name, value in least.items():
        if getattr(recipe, name) < value:
            raise InputError(f"{name} must be {value} or more, not {getattr(recipe, name)}")
    epochs = getattr(recipe, "epochs", None)
    if epochs is not None and epochs < 1:
        raise InputError(f"epochs must be 1 or more, not {epochs}")


def check_positive(recipe: Any, *names: str) -> None:
    """Refuse options that are not above 0.

    Raises:
        InputError: an option is 0 or below, or no number.
    """
    for name in names:
        if not getattr(recipe, name) > 0:
            raise InputError(f"{name} must be above 0, not {getattr(recipe, name)}")


def check_wall(velocity: float) -> None:
    """Refuse walls of bubbles that stand still or are as fast as light.

    Raises:
        InputError: the velocity is not between 0 and 1.
    """
    if not 0 < velocity < 1:
        raise InputError(f"wall_velocity is between 0 and 1, not {velocity}")


def check_models(names: tuple[str, ...], classes: int = 2) -> None:
    """Refuse no model, one that is named twice, an unknown one, and one that cannot tell so many classes apart.

    Raises:
        UnknownNameError: there is no such model.
        InputError: as above.
    """
    if not names or len(set(names)) < len(names):
        raise InputError(f"name each model once, at least one; there are: {', '.join(models.names())}")
    for name in names:
        facts = models.get(name).facts
        if classes > 2 and (facts.get("boosted") or facts.get("composite")):
            raise InputError(f"'{name}' tells two classes apart, these are {classes}; choose a network")


def need_simulation() -> None:
    """Find missing packages of the simulation before any long step.

    Raises:
        MissingPackageError: the simulation needs a package that is not installed.
    """
    require("pythia8mc", "simulate")
    require("fastjet", "simulate")


def need_jets(data: Sequence[Path]) -> None:
    """Find missing files, or missing packages of the simulation where no files are given, before any long step.

    Raises:
        FileError: a file is missing or of no known format.
        MissingPackageError: the simulation needs a package that is not installed.
    """
    for path in data:
        recognise(path)
    if not data:
        need_simulation()


def simulated_cost(
    name: str, jets: float, seconds: float, trainings: str, context: Context, data: Sequence[Path] = ()
) -> str:
    """One line that says what a run on jets will take on this machine.

    Args:
        name: of the recipe.
        jets: to simulate.
        seconds: that this takes one process.
        trainings: what follows, as ``6 trainings``.
        context: of the run.
        data: files that take the place of the simulation.
    """
    if data:
        return f"{name} on {', '.join(map(str, data))}: {trainings}; everything goes to {context.result.path}"
    return (
        f"{name}: {jets:,.0f} jets to simulate where the cache has none (about {duration(seconds / context.workers)} "
        f"with {context.workers} processes), then {trainings}; everything goes to {context.result.path}"
    )


def trained(
    context: Context,
    samples: Callable[[], Mapping[str, Events]],
    jets: int,
    ways: Mapping[str, tuple[str, Mapping[str, Any]]],
    seed: int,
    seeds: int,
) -> dict[str, list[Training]]:
    """Trainings from different random starts, as :func:`~partonic.fit.jobs.train_jobs` does them.

    Args:
        context: of the run.
        samples: gives ``train``, ``validation`` and ``test`` in each process; must pickle.
        jets: number of training jets.
        ways: title, under which trainings are kept -> name of the model, further options of
            :func:`~partonic.fit.tagger.train_tagger`.
        seed: of the first training.
        seeds: number of trainings of each.

    Returns:
        Title -> trainings.
    """
    jobs = [
        Job(model, context.result.checkpoint(f"{title}-{number}"), jets, options={**options, "seed": seed + number - 1})
        for title, (model, options) in ways.items()
        for number in range(1, seeds + 1)
    ]
    done = train_jobs(jobs, partial(_only, samples), context.workers, context.device)
    return {title: done[seeds * i : seeds * (i + 1)] for i, title in enumerate(ways)}


def _only(samples: Callable[[], Mapping[str, Events]], sample: str) -> Mapping[str, Events]:  # noqa: ARG001
    """The one sample of a study, whatever its name."""
    return samples()

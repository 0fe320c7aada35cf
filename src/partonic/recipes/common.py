"""What several recipes do alike: checks of options, what they need, what they say beforehand."""

from __future__ import annotations

from typing import Any

from partonic.core.errors import InputError, require
from partonic.core.progress import duration
from partonic.core.recipe import Context


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


def need_simulation() -> None:
    """Find missing packages of the simulation before any long step.

    Raises:
        MissingPackageError: the simulation needs a package that is not installed.
    """
    require("pythia8mc", "simulate")
    require("fastjet", "simulate")


def simulated_cost(name: str, jets: float, seconds: float, trainings: str, context: Context) -> str:
    """One line that says what a run on simulated jets will take on this machine.

    Args:
        name: of the recipe.
        jets: to simulate.
        seconds: that this takes one process.
        trainings: what follows, as ``6 trainings``.
        context: of the run.
    """
    return (
        f"{name}: {jets:,.0f} jets to simulate where the cache has none (about {duration(seconds / context.workers)} "
        f"with {context.workers} processes), then {trainings}; everything goes to {context.result.path}"
    )

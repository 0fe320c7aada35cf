"""partonic: machine learning for particle physics. The front door: read, simulate, fit, predict, run.

Importing it is quick: torch, Pythia and the like are imported by the functions that need them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from partonic.core.estimate import Estimate
from partonic.events.events import Events
from partonic.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from partonic.core.result import Result
    from partonic.fit.loop import FitResult
    from partonic.io.mapping import Map
    from partonic.models.checkpoint import Trained

__all__ = ["Estimate", "Events", "__version__", "fit", "predict", "read", "run", "simulate"]

# Imported before the function of the same name is made: whenever Python first imports the package ``partonic.fit`` it
# puts it here under that name, and later that would be in place of the function.
import_module("partonic.fit")

M = TypeVar("M", bound="nn.Module")
T = TypeVar("T")


def read(path: Path | str, map: Map | Path | str | None = None) -> Events:  # noqa: A002
    """Read a file of any known format, recognised by its content; ``partonic list`` names them.

    Args:
        path: the file, or a remote name as ``https://host/file``; ``FILE.root:TREE`` is one tree of a ROOT file.
        map: what goes where, for ROOT trees, Parquet and csv of any layout: a YAML file, or a
            :class:`partonic.io.mapping.Map`.

    Raises:
        FileError: it is missing, empty, truncated, damaged, of a newer version or of no known format, or lacks a
            branch of the map.
        InputError: the map cannot be used.
        MissingPackageError: there is no handler for remote names of this kind.

    Example:
        >>> jets = read("jets.parquet")
    """
    from partonic.io import formats

    return formats.read(path, map)


def simulate(process: str, n: int, **options: Any) -> Events:
    """Simulate jets or events into memory, with Pythia 8 and a parametrised detector or by a simulator with gold.

    Args:
        process: name of a process, as ``"top"``, or ``"lhe:FILE"``, or of a simulator, as ``"weak-boson-fusion"``.
        n: number of accepted jets or events.
        **options: of :class:`partonic.simulators.options.SimulationOptions`, as ``detector="cms"``, ``seed=2``,
            ``workers=2`` (in a script, more than one worker needs the line ``if __name__ == "__main__":``); for a
            simulator with gold ``theta``, ``seed`` and its own, see :func:`partonic.simulators.known.draw`.

    Returns:
        Jets or events, see :func:`partonic.simulators.simulate.simulate`; the provenance holds the settings, the
        acceptance and the cross section.

    Raises:
        UnknownNameError: there is no such process, option, detector, level or window.
        InputError: a value is of the wrong type or out of range.
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the file of parton-level events cannot be read.
        SimulationError: Pythia refuses, nothing is accepted, or the file ends too early.

    Example:
        >>> jets = simulate("top", 1000, detector="truth")
        >>> events = simulate("weak-boson-fusion", 10_000, theta=(0.2, -0.1))
    """
    from partonic.core.registry import simulators

    if process in simulators.names():
        from partonic.simulators.known import draw

        return draw(process, n, **options)
    from partonic.core.config import from_tree
    from partonic.simulators.simulate import SimulationOptions
    from partonic.simulators.simulate import simulate as simulate_events

    return simulate_events(from_tree(SimulationOptions, {"process": process, "n": n, **options}, "the options"))


def fit(
    model: M,
    objective: Callable[[M, T], Tensor],
    data: Iterable[T],
    validation: Iterable[T] | None = None,
    directory: Path | str | None = None,
    **options: Any,
) -> FitResult:
    """Train a model in place; it ends in its best state, in evaluation mode.

    Args:
        model: any torch module.
        objective: ``(model, batch) -> scalar loss``, as :func:`partonic.objectives.supervised.cross_entropy`.
        data: batches, passed once an epoch: :class:`partonic.fit.batches.Batches`, a list, anything that can be
            iterated again and again.
        validation: batches on which the best epoch is chosen.
        directory: where to save the state and a log, so that the same call goes on after an interruption; ``None``
            saves nothing.
        **options: of :class:`partonic.fit.options.FitOptions`, as ``epochs=5``, ``learning_rate=1e-3``.

    Returns:
        The losses of each epoch, and which was kept.

    Raises:
        UnknownNameError: there is no such option.
        InputError: a value is of the wrong type or out of range, there is nothing to train, or the directory holds
            another fit.
        FileError: the directory cannot be written, or its state cannot be read.
        TrainingError: a loss or gradient is not finite, or there are no batches.

    Example:
        >>> result = fit(model, cross_entropy, Batches(jets, representation("packed")), epochs=5)
    """
    from partonic.core.config import from_tree
    from partonic.fit.loop import fit as fit_model
    from partonic.fit.options import FitOptions

    plan = from_tree(FitOptions, options, "the options of the fit")
    return fit_model(model, objective, data, validation, plan, directory)


def predict(
    model: Trained | nn.Module | Path | str, events: Events, *, batch_size: int = 128, device: str = "cpu"
) -> NDArray[np.float64]:
    """Probability of signal for each jet, (jets,), in the order of the events.

    Args:
        model: path of a checkpoint, as ``"runs/top-tagging-1/checkpoints/pfn-1.pt"``; or what
            :func:`partonic.models.checkpoint.load` gives; or a module whose class is registered, as it comes out of
            :func:`fit`, which then sees the jets in its registered representation.
        events: jets with the collection ``constituents``.
        batch_size: jets at a time; has no influence on the scores.
        device: where to compute.

    Raises:
        FileError: the checkpoint cannot be read.
        InputError: a jet cannot be represented, the class of the module is not registered, or the batch size is
            below 1.

    Example:
        >>> scores = predict("runs/top-tagging-1/checkpoints/pfn-1.pt", jets)
    """
    from partonic.models.prediction import as_trained

    return as_trained(model).scores(events, batch_size, device)


def run(
    recipe: str,
    preset: str = "default",
    output: Path | str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    **options: Any,
) -> Result:
    """Run a recipe, one whole study, in a directory of its own; the same as ``partonic run`` on the command line.

    Args:
        recipe: its name, as ``"top-tagging"``, or a Python file that registers one, as ``"./my_recipe.py"``.
        preset: ``"tiny"`` (seconds, to see it work), ``"quick"``, ``"default"`` or ``"benchmark"``.
        output: the run directory; ``runs/RECIPE-1``, or the next free number, if None.
        workers: processes for work that splits, all cores if None; in a script, more than one needs the line
            ``if __name__ == "__main__":``.
        device: where networks train, as ``"cpu"`` or ``"cuda"``.
        **options: of the recipe, on top of the preset, as ``jets=2000``.

    Returns:
        The finished run: headline numbers in ``summary``, ``tables``, ``figures``, and the page
        ``result.path / "report.html"``.

    Raises:
        UnknownNameError: there is no such recipe, preset or option.
        InputError: a value is of the wrong type or out of range.
        MissingPackageError: an optional package is needed and not installed.
        FileError: the directory holds something else or cannot be written.

    Example:
        >>> result = run("top-tagging", preset="tiny")
        >>> print(result.summary["AUC of pfn"])
    """
    from partonic.recipes import launch

    entry = launch.find(recipe)
    configured = launch.configure(entry, preset, None, options)
    given = {"preset": preset, "output": output, "workers": workers, "device": device, **options}
    usual = {"preset": "default", "output": None, "workers": None, "device": "cpu"}
    told = [f"{name}={_text(value)}" for name, value in given.items() if name not in usual or usual[name] != value]
    command = f"partonic.run({', '.join([repr(recipe), *told])})"
    return launch.start(entry.name, configured, output, workers=workers, device=device, command=command)


def _text(value: object) -> str:
    """The value as one would type it."""
    from pathlib import PurePath

    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    return repr(str(value) if isinstance(value, PurePath) else value)

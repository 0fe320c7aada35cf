"""Start, resume and re-render runs: the one way in for the command line and for Python."""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from partonic.core.cluster import connect
from partonic.core.config import from_tree, merge, read_yaml
from partonic.core.errors import FileError, InputError, unknown
from partonic.core.parallel import cores
from partonic.core.rank import local_rank, rank, size
from partonic.core.recipe import Context, Recipe
from partonic.core.registry import Entry, recipes
from partonic.core.result import Result
from partonic.models.precision import check_device
from partonic.report.page import rebuild

PRESETS = ("tiny", "quick", "default", "benchmark")


def find(name: str) -> Entry:
    """The recipe of a name, or the one that a Python file registers (``./my_recipe.py``).

    Raises:
        UnknownNameError: there is no such recipe.
        FileError: there is no such file.
    """
    return recipes.load_file(name) if name.endswith(".py") else recipes.get(name)


def configure(entry: Entry, preset: str, file: Path | None, changes: Mapping[str, Any]) -> Recipe:
    """Options of a recipe: the preset, then the YAML file's, then the given ones.

    Args:
        entry: the recipe.
        preset: ``tiny``, ``quick``, ``default`` or ``benchmark``.
        file: a configuration as a run directory holds it, or None.
        changes: options given one by one.

    Raises:
        UnknownNameError: a preset or a key does not exist.
        InputError: a value is of the wrong type or out of range, or the file is another recipe's.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    config = entry.cls.preset(preset)  # type: ignore[attr-defined]
    if file is not None:
        tree = read_yaml(file)
        if not isinstance(tree, dict):
            raise InputError(f"{file} must be a mapping of keys to values")
        named = tree.pop("recipe", entry.name)
        if named != entry.name:
            raise InputError(f"{file} is a configuration of the recipe '{named}', not of '{entry.name}'")
        config = merge(config, tree, str(file))
    recipe: Recipe = merge(config, dict(changes))
    return recipe


def free_directory(name: str, parent: Path = Path("runs")) -> Path:
    """The first ``runs/NAME-1``, ``-2``, ... that does not exist."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def start(
    name: str,
    recipe: Recipe,
    output: Path | str | None = None,
    *,
    workers: int | None = None,
    device: str = "cpu",
    command: str = "",
    resume: bool = False,
    cluster: str | None = None,
) -> Result:
    """Run a configured recipe in a directory of its own.

    Args:
        name: name of the recipe.
        recipe: its options.
        output: run directory; ``runs/NAME-1`` (or the next free number) if None.
        workers: processes for work that splits; all cores if None.
        device: of the training, as ``"cpu"`` or ``"cuda"``.
        command: the exact command line; that of this process if empty.
        resume: go on in a directory that holds this run.
        cluster: address of a Dask scheduler for work that splits, see :func:`partonic.core.cluster.connect`.

    Raises:
        InputError: workers below 1.
        WorkerError: no such scheduler answers.
        FileError: the directory holds something else or cannot be written.
    """
    count = workers if workers is not None else cores()
    if count < 1:
        raise InputError(f"the number of workers must be 1 or above, not {count}")
    device = f"cuda:{local_rank()}" if device == "cuda" and size() > 1 else device
    check_device(device)
    recipe.check()
    with contextlib.ExitStack() as stack:
        if size() > 1:
            from partonic.fit.ranks import join

            join(device)
        executor = stack.enter_context(connect(cluster)) if cluster and rank() == 0 else None
        folder = Path(output) if output is not None else free_directory(name)
        if rank() > 0:  # the first process alone writes the run; what this one's recipe writes is thrown away
            folder, resume = Path(stack.enter_context(tempfile.TemporaryDirectory())), False
        spoken = command or shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        result = Result.create(folder, name, recipe, spoken, resume=resume)
        return _run(recipe, Context(result, count, device, executor), resume)


def _run(recipe: Recipe, context: Context, resumed: bool) -> Result:
    """Run the recipe, note how it went, and write the page."""
    result = context.result
    began = time.monotonic()
    status = "failed"
    try:
        result.log("start", command=result.command, resumed=resumed)
        say(recipe.cost(context))
        result = recipe.run(context)
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        seconds = round(time.monotonic() - began, 1)
        result.log("end", status=status, seconds=seconds)
        result.close(status)
    if rank() == 0:
        rebuild(result.path)
    return result


def resume(path: Path | str, *, workers: int | None = None, device: str = "cpu", cluster: str | None = None) -> Result:
    """Go on with an interrupted run (a finished one is evaluated anew from its checkpoints).

    Raises:
        FileError: the directory holds no run.
    """
    folder = Path(path)
    if not (folder / "config.yaml").is_file():
        raise FileError(f"{folder} is not a run directory: it has no config.yaml")
    tree = read_yaml(folder / "config.yaml")
    name = tree.pop("recipe", None) if isinstance(tree, dict) else None
    if not isinstance(name, str):
        raise FileError(f"{folder / 'config.yaml'} does not name its recipe")
    recipe: Recipe = from_tree(recipes.get(name).cls, tree, str(folder / "config.yaml"))
    before = Result.load(folder).command if (folder / "result.json").is_file() else ""
    return start(name, recipe, folder, workers=workers, device=device, command=before, resume=True, cluster=cluster)


def say(text: str) -> None:
    """A line for the person at the terminal, on standard error; of several processes the first one's."""
    if rank() > 0:
        return
    sys.stderr.write(text + "\n")
    sys.stderr.flush()

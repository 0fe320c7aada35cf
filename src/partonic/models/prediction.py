"""Score the jets of files in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.files import check_writable
from partonic.core.progress import progress
from partonic.core.registry import models
from partonic.events.events import Events
from partonic.io import formats
from partonic.io.friends import TREE, write_friend
from partonic.io.mapping import Map, entries
from partonic.io.places import name_of
from partonic.models.checkpoint import Trained, load
from partonic.models.precision import check_device, check_precision, compiled_by_torch
from partonic.represent.constituents import BadJetError


def as_trained(model: Trained | nn.Module | Path | str) -> Trained:
    """A model with its representation: one that has it, one out of a checkpoint, or a module of a registered class.

    Args:
        model: a bare module is given the representation that its class is registered with, in its default options.

    Raises:
        FileError: the checkpoint cannot be read.
        InputError: the class of the module is not registered.
    """
    if isinstance(model, Trained):
        return model
    if not isinstance(model, nn.Module):
        return load(model)
    try:
        entry = models.of(type(model))
    except UnknownNameError as error:
        raise InputError(
            f"{error}, so its representation is unknown; give Trained(name, options, module, input) with the name of "
            "one, or register the class with @register_model('name', input='packed')"
        ) from error
    return Trained(entry.name, {}, model, entry.facts["input"])


def predict_file(
    model: Path | str,
    file: Path | str,
    output: Path | str,
    *,
    batch_size: int = 128,
    device: str = "cpu",
    precision: str = "float32",
    compile: bool = False,  # noqa: A002
    overwrite: bool = False,
    tree: str = TREE,
    map: Map | Path | str | None = None,  # noqa: A002
) -> str:
    """Write the scores of the jets of a file, the probability to be signal, in the same order.

    Under ``.parquet`` the jets are written with a column ``score``; under ``.root`` a tree with the branch ``score``
    alone, one entry a jet, that ROOT adds to the tree of the source as a friend. Of a model that estimates targets too,
    as the mass, ``estimated_TARGET`` stands beside each score.

    Args:
        model: checkpoint of a trained model.
        file: jets in any known format, also at a remote name.
        output: file to write.
        batch_size: jets scored at once.
        device: where to compute.
        precision: ``float32``, ``bfloat16`` or ``bfloat16-emulated``, see :mod:`partonic.models.precision`.
        compile: whether torch compiles the network first.
        overwrite: replace an existing output.
        tree: name of the friend tree.
        map: what goes where, for ROOT trees, Parquet and csv of any layout: a map, or the YAML file of one.

    Returns:
        One line that says what was done.

    Raises:
        FileError: the checkpoint or the file cannot be read, a jet of it cannot be represented, or the output not be
            written.
        MissingPackageError: the network is to be compiled, and there is no C++ compiler.
        InputError: there is no such device or it has not the precision, the output's format holds no scores, or cuts
            of the map leave out jets of which a friend tree needs the scores.
    """
    goal = check_writable(output, overwrite=overwrite)
    friend = str(goal).lower().endswith(".root")
    if not friend:
        _check_holds_scores(goal)
    check_device(device)
    check_precision(precision, device)
    trained = load(model)
    total = formats.count(file) if map is None else entries(file, map)
    with progress(f"scoring {name_of(file)}", total, "jets") as bar, compiled_by_torch(trained.module, compile):

        def scored() -> Iterator[tuple[Events, dict[str, NDArray[np.float64]]]]:
            """The samples with what is predicted of them, as they are read."""
            start = 0
            for jets in formats.iterate(file, formats.ROWS, map=map):
                try:
                    columns = trained.predicted(jets, batch_size, device, precision)
                except BadJetError as error:
                    raise error.of_file(file, start + error.row) from None
                except (InputError, UnknownNameError) as error:
                    raise FileError(f"{file} cannot be scored by {trained.name}: {error}") from error
                yield jets, columns
                start += len(jets)
                bar.advance(len(jets))
            if friend and start != total:
                raise InputError(
                    f"{start:,} of the {total:,} entries of {file} pass the cuts of the map, and a friend tree needs "
                    "one for each: leave out the cuts of events, or write .parquet"
                )

        if friend:
            n = write_friend(goal, (columns for _, columns in scored()), tree)
            return f"{goal}: tree '{tree}' with the scores of {n:,} jets of {file} by {trained.name}"
        n = formats.write(goal, (jets.with_columns(**columns) for jets, columns in scored()))
    return f"{goal}: {n:,} jets of {file} scored by {trained.name}"


def _check_holds_scores(goal: Path) -> None:
    """Refuse formats of a fixed layout.

    Raises:
        InputError: the format has no place for a score.
    """
    writer = formats.by_ending(goal)
    if writer.holds:
        raise InputError(
            f"{writer.title} has no place for scores (it holds {writer.holds}); write {goal.stem}.parquet, the jets "
            f"with a column 'score', or {goal.stem}.root, a ROOT friend tree"
        )

"""Score the jets of files in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import nn

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.files import check_writable
from partonic.core.progress import progress
from partonic.core.registry import models
from partonic.events.events import Events
from partonic.io import formats
from partonic.models.checkpoint import Trained, load
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
    batch_size: int = 1024,
    device: str = "cpu",
    overwrite: bool = False,
) -> str:
    """Write the jets of a file with a column ``score``, the probability to be signal, in the same order.

    Args:
        model: checkpoint of a trained model.
        file: jets in any known format.
        output: file to write; its ending chooses the format, which must be one that holds columns (Parquet).
        batch_size: jets scored at once.
        device: where to compute.
        overwrite: replace an existing output.

    Returns:
        One line that says what was done.

    Raises:
        FileError: the checkpoint or the file cannot be read, a jet of it cannot be represented, or the output not be
            written.
        InputError: the output's format holds no scores.
    """
    goal = check_writable(output, overwrite=overwrite)
    writer = formats.by_ending(goal)
    trained = load(model)
    entry = formats.recognise(file)
    total = entry.count(Path(file))
    with progress(f"scoring {Path(file).name}", total, "jets") as bar:

        def scored() -> Iterator[Events]:
            """The samples on their way from reader to writer."""
            start = 0
            for jets in entry.iterate(Path(file), formats.ROWS):
                try:
                    scores = trained.scores(jets, batch_size, device)
                except BadJetError as error:
                    raise error.of_file(file, start + error.row) from None
                yield jets.with_columns(score=scores)
                start += len(jets)
                bar.advance(len(jets))

        n = formats.write(goal, scored())
    return f"{goal}: {n:,} jets of {file} scored by {trained.name}" + (f" ({writer.holds})" if writer.holds else "")

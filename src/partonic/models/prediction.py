"""Score the jets of files in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from partonic.core.files import check_writable
from partonic.core.progress import progress
from partonic.events.events import Events
from partonic.io import formats
from partonic.models.checkpoint import load
from partonic.represent.constituents import BadJetError


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
        FileError: the checkpoint or the file cannot be read, or the output not be written.
        InputError: a jet cannot be represented, or the output's format holds no scores.
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
                    raise error.moved(start) from None
                yield jets.with_columns(score=scores)
                start += len(jets)
                bar.advance(len(jets))

        n = formats.write(goal, scored())
    return f"{goal}: {n:,} jets of {file} scored by {trained.name}" + (f" ({writer.holds})" if writer.holds else "")

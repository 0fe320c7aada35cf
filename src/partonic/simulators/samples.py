"""Simulated samples that recipes share: made once, kept in the cache under a name that says what they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partonic.core.cachedir import cache_folder
from partonic.core.config import to_tree
from partonic.core.errors import FileError
from partonic.simulators.simulate import SimulationOptions, simulate_to_file
from partonic.simulators.store import chunk_folder
from partonic.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor


def sample(options: SimulationOptions, folder: Path | None = None, executor: Executor | None = None) -> Path:
    """Path of the Parquet file of a simulated sample; simulated first where the cache does not have it.

    An interrupted simulation goes on where it stopped when it is asked for again.

    Args:
        options: what to simulate; the number of workers does not change the events.
        folder: where samples are kept; ``samples`` in the cache folder if None.
        executor: where to simulate instead of local processes.

    Raises:
        FileError: the folder cannot be written.
    """
    place = folder if folder is not None else cache_folder() / "samples"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot keep samples in {place} ({error.strerror}); set PARTONIC_CACHE") from error
    usual = to_tree(SimulationOptions(options.process, options.n))
    tree = {key: value for key, value in to_tree(options).items() if key != "workers" and value != usual[key]}
    tree |= {"process": options.process, "n": options.n}
    digest = hashlib.sha256(json.dumps([tree, __version__], sort_keys=True).encode()).hexdigest()[:10]
    process = "".join(letter if letter.isalnum() else "-" for letter in Path(options.process).name)
    path = place / f"{process}-{options.n}-{options.detector}-seed{options.seed}-{digest}.parquet"
    if not path.exists() or chunk_folder(path).exists():  # chunks beside a whole file: killed in its last moment
        simulate_to_file(options, path, executor=executor)
    return path


MORE = ":more"
STREAMS = 16  # seeds of the processes of one run; the next run's begin behind them


def samples(
    numbers: Mapping[str, int],
    seed: int,
    *,
    folder: Path | None = None,
    executor: Executor | None = None,
    **options: Any,
) -> dict[str, Path]:
    """Paths of the samples of several processes of one study, none of which share a stream of random numbers.

    Args:
        numbers: process -> number of jets or events, at most 16 processes; one may stand twice, once as ``qcd:more``.
        seed: of the study; those of neighbouring seeds share no stream either.
        folder: see :func:`sample`.
        executor: see :func:`sample`.
        options: further ones of :class:`~partonic.simulators.options.SimulationOptions`, the same for all.

    Raises:
        UnknownNameError: there is no such process.
        InputError: an option is out of its range.
        FileError: the folder cannot be written.
    """
    wanted = [
        SimulationOptions(name.removesuffix(MORE), n, seed=STREAMS * seed + i, **options)
        for i, (name, n) in enumerate(numbers.items())
    ]
    return {name: sample(each, folder, executor) for name, each in zip(numbers, wanted, strict=True)}

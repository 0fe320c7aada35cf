"""Simulate a process: in memory, in chunks as they come, or to a file that an interrupted run completes later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partonic.core.errors import FileError, InputError, SimulationError, require
from partonic.core.estimate import Estimate
from partonic.core.files import check_writable, write_json
from partonic.core.leftovers import clear
from partonic.core.parallel import ordered
from partonic.core.progress import progress
from partonic.events.events import Events, concatenate
from partonic.io import parquet
from partonic.simulators.account import Account, provenance
from partonic.simulators.lhe_source import LheSource
from partonic.simulators.options import SimulationOptions, plan
from partonic.simulators.simulator import ChunkFacts, Simulator
from partonic.simulators.store import ChunkStore, chunk_folder, chunk_store

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["SimulationOptions", "simulate", "simulate_chunks", "simulate_to_file"]

GIVE_UP = 40
"""A run ends with an error when this many chunks in a row have given nothing."""


def check(options: SimulationOptions) -> None:
    """Find what is missing or wrong before anything long starts.

    Raises:
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the file of parton-level events cannot be read.
        InputError: it holds fewer events than are asked for.
    """
    require("pythia8mc", "simulate")
    require("fastjet", "simulate")
    filled = plan(options)
    if filled.process.lhe:
        there = LheSource(filled.process.lhe).count()
        if filled.level == "events" and there < options.n:
            raise InputError(f"{filled.process.lhe} holds {there:,} events, fewer than the {options.n:,} asked for")


class _Keeper:
    """In a worker: simulates the chunks that the store lacks, and leaves them there; results need not be sent."""

    def __init__(self, options: SimulationOptions, store: ChunkStore) -> None:
        self._options, self._store = options, store
        self._simulator: Simulator | None = None

    def __call__(self, chunk: int) -> int:
        """Make sure that a chunk is in the store."""
        if not self._store.has(chunk):
            self._simulator = self._simulator or Simulator(self._options)
            self._store.write(chunk, self._simulator(chunk))
        return chunk


def _in_memory(options: SimulationOptions, executor: Executor | None) -> Generator[Events, None, None]:
    """All chunks in order, without end."""
    make: Callable[[], Simulator] = partial(Simulator, options)
    with closing(ordered(make, count(), options.workers, executor)) as results:
        yield from results


def _stored(options: SimulationOptions, store: ChunkStore) -> Generator[Events, None, None]:
    """All chunks in order, without end, by way of the store."""
    make: Callable[[], _Keeper] = partial(_Keeper, options, store)
    with closing(ordered(make, count(), options.workers)) as results:
        for chunk in results:
            yield store.read(chunk)


def _sent(options: SimulationOptions, store: ChunkStore, executor: Executor) -> Generator[Events, None, None]:
    """All chunks in order, without end; those that the store lacks are made elsewhere and sent here."""
    make: Callable[[], Simulator] = partial(Simulator, options)
    missing = (chunk for chunk in count() if not store.has(chunk))
    with closing(ordered(make, missing, options.workers, executor)) as results:
        for chunk in count():
            if not store.has(chunk):
                store.write(chunk, next(results))
            yield store.read(chunk)


def _enough(options: SimulationOptions, chunks: Generator[Events, None, None], account: Account) -> Iterator[Events]:
    """Chunks until there are ``n`` rows; the last is cut."""
    rows = empty = 0
    with closing(chunks):
        for events in chunks:
            facts = ChunkFacts.of(events)
            account.chunks.append(facts)
            empty = 0 if len(events) else empty + 1
            part = events[: options.n - rows]
            rows += len(part)
            if len(part) > 0:
                yield part
            if rows == options.n:
                return
            _check_going(options, account, facts, rows, empty)


def _check_going(options: SimulationOptions, account: Account, facts: ChunkFacts, rows: int, empty: int) -> None:
    if facts.last:
        raise SimulationError(
            f"{options.process.removeprefix('lhe:')} has ended: its {account.generated:,} events gave {rows:,} rows, "
            f"fewer than the {options.n:,} asked for; ask for at most {rows:,}"
        )
    if empty >= GIVE_UP:
        raise SimulationError(
            f"nothing of the last {sum(f.generated for f in account.chunks[-empty:]):,} events was accepted; "
            "the process does not give such jets at this energy: change the pT window, the radius or the level"
        )


def simulate_chunks(options: SimulationOptions, executor: Executor | None = None) -> Iterator[Events]:
    """Simulate, giving the events of each chunk in order as they come; ``n`` rows together.

    The provenance of each part is its own account (:class:`partonic.simulators.simulator.ChunkFacts`).

    Args:
        options: what to simulate.
        executor: where to work instead of local processes.

    Raises:
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the file of parton-level events cannot be read.
        InputError: it holds fewer events than are asked for.
        SimulationError: Pythia refuses, nothing is accepted, or the file ends too early.
        WorkerError: a worker process died.
    """
    check(options)
    yield from _enough(options, _in_memory(options, executor), Account())


def simulate(options: SimulationOptions, executor: Executor | None = None) -> Events:
    """Simulate ``options.n`` accepted jets or events into memory.

    The columns of a sample of jets are ``label`` (see :data:`partonic.simulators.processes.LABELS`), ``jet_pt jet_eta
    jet_phi jet_mass`` and, of the resonance or parton the jet comes from, ``truth_pid truth_pt truth_eta truth_phi
    truth_mass``; its collection is ``constituents`` (:data:`partonic.simulators.jets.CONSTITUENT_FIELDS`, by falling
    pt), with ``paired`` also ``truth_constituents`` and ``truth_jet_pt`` and the like, with ``cells`` also ``cells``:
    those of the calorimeters within the radius of the jet's axis (:func:`partonic.simulators.layers.cells`), and with a
    ``medium`` the columns ``medium_loss`` (share of its partons' energy that was lost) and ``medium_path`` (in fm).

    The columns of event samples are ``label met_pt met_phi ht n_jets``; its collections ``particles``, ``jets`` (with
    flavour, btag, tautag and the link ``constituents``), ``leptons``, ``photons``, ``taus``, ``truth`` and, with
    ``paired``, ``truth_jets``, to which the field ``truth_jet`` of the jets points (-1 for none). Weights are named;
    negative ones are kept.

    Args:
        options: what to simulate.
        executor: where to work instead of local processes.

    Raises:
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the file of parton-level events cannot be read.
        InputError: it holds fewer events than are asked for.
        SimulationError: Pythia refuses, nothing is accepted, or the file ends too early.
        WorkerError: a worker process died.

    Example:
        >>> jets = simulate(SimulationOptions("top", n=100))
    """
    check(options)
    account = Account()
    events = concatenate(list(_enough(options, _in_memory(options, executor), account)))
    facts = {**provenance(options), **account.summary()}
    return Events(events.columns, events.weights, events.collections, events.gold, facts)


@dataclass(frozen=True)
class Simulated:
    """A sample that was simulated to a file.

    Args:
        path: the file.
        manifest: its provenance, as the manifest beside it holds it.
    """

    path: Path
    manifest: dict[str, Any]

    def __str__(self) -> str:
        """One line for a person."""
        facts = self.manifest
        section = Estimate.symmetric(facts["cross_section_pb"], facts["cross_section_error_pb"], "sampling")
        return (
            f"{self.path}: {facts['rows']:,} {facts['level']} of {facts['process']}, {facts['acceptance']:.3g} for "
            f"each of {facts['generated']:,} generated events; cross section {section} pb"
        )


def manifest_path(path: Path | str) -> Path:
    """Path of the manifest beside a sample: ``FILE.manifest.json``."""
    file = Path(path)
    return file.with_name(f"{file.name}.manifest.json")


def simulate_to_file(
    options: SimulationOptions, path: Path | str, *, overwrite: bool = False, executor: Executor | None = None
) -> Simulated:
    """Simulate into a Parquet file, with a manifest beside it; shows progress on standard error.

    Finished chunks are kept in the folder ``.NAME.chunks`` beside the file. An interrupted run leaves them there, and
    no file; the same command takes them up and ends with the same file as an undisturbed run. They may also serve a
    run that asks for another ``n``, or uses another number of workers.

    Args:
        options: what to simulate.
        path: the output, ``NAME.parquet``.
        overwrite: whether an existing output is replaced, and chunks of a run with other options are thrown away.
        executor: where to work instead of local processes; its workers need not see the folder.

    Returns:
        The file and its manifest, which is also the provenance of the sample and holds process, options, Pythia's
        settings, versions, seed, numbers of generated events and accepted rows, acceptance, cross section in pb with
        its error, sums of weights.

    Raises:
        MissingPackageError: pythia8mc or fastjet is not installed.
        FileError: the output exists, cannot be written or is being written, or keeps chunks of another run.
        InputError: the file of parton-level events holds fewer events than are asked for.
        SimulationError: Pythia refuses, nothing is accepted, or the file ends too early.
        WorkerError: a worker process died.
    """
    if not overwrite and (whole := _killed_at_the_end(options, Path(path))) is not None:
        return whole
    file = check_writable(path, overwrite=overwrite)
    if file.suffix != ".parquet":
        raise FileError(f"simulated samples are Parquet files: give a name that ends in .parquet, not {file.name}")
    check(options)
    facts = provenance(options)
    account = Account()
    with chunk_store(file, _key(options, facts), discard=overwrite) as store:
        with (
            progress(f"simulating {options.process}", options.n, plan(options).level) as bar,
            parquet.writing(file, facts) as output,
        ):
            made = _stored(options, store) if executor is None else _sent(options, store, executor)
            for events in _enough(options, made, account):
                output.append(events)
                bar.advance(len(events), f"{account.accepted / max(account.generated, 1):.3f} accepted an event")
            facts.update(rows=output.rows, **account.summary())
        write_json(manifest_path(file), facts)
        store.remove()
    return Simulated(file, facts)


def _killed_at_the_end(options: SimulationOptions, file: Path) -> Simulated | None:
    """Complete what a killed run left when its file was whole already: the manifest written, the chunks removed."""
    if not (file.is_file() and chunk_folder(file).is_dir()):
        return None
    facts = dict(next(parquet.iterate(file, 1)).provenance)
    ours = provenance(options)
    if any(facts.get(name) != ours[name] for name in ("options", "versions")) or "cross_section_pb" not in facts:
        return None
    with chunk_store(file, _key(options, ours), discard=True) as store:
        for name in (file.name, manifest_path(file).name):  # what this was killed at, perhaps more than once
            clear(file.parent, name)
        write_json(manifest_path(file), facts)
        store.remove()
    return Simulated(file, facts)


def _key(options: SimulationOptions, facts: dict[str, Any]) -> dict[str, Any]:
    """What chunks must have in common: everything but how many are needed and who computes them."""
    chosen = {name: value for name, value in facts["options"].items() if name != "n"}
    if plan(options).process.lhe:
        source = Path(plan(options).process.lhe)
        stat = source.stat()
        chosen["lhe"] = [str(source.resolve()), stat.st_size, stat.st_mtime_ns]
    return chosen | {f"version of {name}": version for name, version in facts["versions"].items()}

"""From one file format to another in parts: what was found, momenta checked, bad events stopped at or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partonic.core.errors import FileError, InputError, unknown
from partonic.core.files import check_writable
from partonic.core.progress import progress
from partonic.events.events import Events
from partonic.io.check import MomentumCheck
from partonic.io.formats import ROWS, by_ending, find, write
from partonic.io.mapping import Map, read_map
from partonic.io.mapping import iterate as by_map
from partonic.io.places import name_of, place, readable

Bad = Literal["stop", "drop", "keep"]
BAD = ("stop", "drop", "keep")
BY_MAP = "by a map"


@dataclass
class Report:
    """What a conversion found; printing it gives the lines that a person reads.

    Args:
        source: the file that was read.
        target: the file that was written.
        source_format: name of its format.
        target_format: name of its format.
        events: number of events.
        items: collection -> number of items.
        columns: names of the per-event columns.
        weights: names of the weights.
        check: momenta that are not finite or have less energy than momentum, and weights that are not finite.
        left_out: parts of the source that events cannot hold.
        holds: what the written format holds, where that is not everything.
        dropped: events that were left out since a momentum or weight of theirs is not finite.
        empty: events without a single item in any collection.
        fault: why the source could not be read to its end, where what came before was kept.
    """

    source: Path | str
    target: Path
    source_format: str
    target_format: str
    events: int = 0
    items: dict[str, int] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    check: MomentumCheck = field(default_factory=MomentumCheck)
    left_out: list[str] = field(default_factory=list)
    holds: str = ""
    dropped: int = 0
    empty: int = 0
    fault: str = ""

    def add(self, events: Events) -> None:
        """Take in a sample that is written."""
        self.events += len(events)
        for name, ragged in events.collections.items():
            self.items[name] = self.items.get(name, 0) + ragged.total
        if events.collections:
            self.empty += int(np.count_nonzero(sum(ragged.counts for ragged in events.collections.values()) == 0))
        self.columns, self.weights = list(events.columns), list(events.weights)
        self.left_out = list(events.provenance.get("left_out", []))

    def __str__(self) -> str:
        """Lines for people."""
        lines = [
            f"{self.source} ({self.source_format}) -> {self.target} ({self.target_format}): {self.events:,} events"
        ]
        for title, names in (("columns", self.columns), ("weights", self.weights)):
            if names:
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                lines.append(f"  {title}: {', '.join(names[:8])}{more}")
        if self.items:
            lines.append("  collections: " + ", ".join(f"{name} ({n:,})" for name, n in self.items.items()))
        lines += [f"  {line}" for line in self.check.lines()]
        if self.empty:
            lines.append(f"  events without any item: {self.empty:,}")
        if self.dropped:
            lines.append(f"  left out: {self.dropped:,} events with momenta or weights that are not finite")
        if self.fault:
            lines.append(f"  the source could not be read to its end: {self.fault}")
        if self.left_out:
            lines.append(
                f"  left out of the source (neither numbers, text nor lists of records): {', '.join(self.left_out)}"
            )
        if self.holds:
            lines.append(f"  the written format holds {self.holds}, nothing else")
        return "\n".join(lines)


def convert(
    source: Path | str,
    target: Path | str,
    *,
    overwrite: bool = False,
    to: str | None = None,
    bad: Bad = "stop",
    map: Map | Path | str | None = None,  # noqa: A002
) -> Report:
    """Convert a file of any known format in parts, and check its momenta.

    Args:
        source: the file to read.
        target: the file to write; it appears when it is whole.
        overwrite: whether an existing target is replaced.
        to: short name of the format to write, where the target's ending is not to choose.
        bad: what becomes of an event with a momentum or weight that is not finite: ``"stop"`` at it with an error,
            ``"drop"`` it (and keep what a damaged source gives before its fault), or ``"keep"`` it.
        map: what goes where, for ROOT trees, Parquet and csv of any layout: a map, or the YAML file of one.

    Raises:
        InputError: no format has the target's ending, source and target are one file, the sample does not fit, or the
            map cannot be used.
        UnknownNameError: there is no such format, or ``bad`` is none of the three.
        FileError: the source cannot be read or has a bad event, the target exists or cannot be written.
    """
    if bad not in BAD:
        raise unknown("treatment of bad events", bad, BAD)
    goal = Path(target)
    made = by_ending(goal, to)
    title, origin, total, samples = _source(source, map, bad)
    if isinstance(origin, Path) and goal.exists() and origin.resolve() == goal.resolve():
        raise InputError(f"{source} and {target} are the same file; give the target another name")
    check_writable(goal, overwrite=overwrite)
    report = Report(place(source), goal, title, made.title, holds=made.holds)
    with progress(f"converting {name_of(source)}", total, "events") as bar:

        def passing() -> Iterator[Events]:
            """The samples on their way from reader to writer."""
            for events in _whole(samples, report, bad):
                kept = _sound(events, report, bad)
                report.add(kept)
                yield kept
                bar.advance(len(events))

        write(goal, passing(), to=to)
    return report


def _source(
    source: Path | str, plan: Map | Path | str | None, bad: Bad
) -> tuple[str, Path | str, int, Iterator[Events]]:
    """Title of the format, where the file is, its events (0 if only reading tells), and its samples."""
    if plan is not None:
        chosen = plan if isinstance(plan, Map) else read_map(plan)
        return BY_MAP, readable(source)[0], 0, by_map(source, ROWS, chosen)
    entry, origin = find(source)
    return entry.title, origin, _count(entry.count, origin, bad), entry.iterate(origin, ROWS)


def _count(count: Callable[[Any], int], path: Any, bad: Bad) -> int:
    """Number of events, 0 where a damaged file does not tell it and may be read as far as it goes."""
    try:
        return count(path)
    except FileError:
        if bad == "drop":
            return 0
        raise


def _whole(samples: Iterator[Events], report: Report, bad: Bad) -> Iterator[Events]:
    """The samples up to a fault of the source, which ends them quietly where bad events are dropped."""
    given = False
    try:
        for events in samples:
            yield events
            given = True
    except FileError as error:
        if bad != "drop" or not given:
            raise
        report.fault = str(error)


def _sound(events: Events, report: Report, bad: Bad) -> Events:
    """The events that go on.

    Raises:
        FileError: one is bad, and bad ones are to be stopped at.
    """
    found = report.check.add(events)
    if bad == "keep" or not found:
        return events
    first = min(found)
    if bad == "stop":
        number = report.events + report.dropped + first + 1
        after = " of those that pass the cuts" if report.source_format == BY_MAP else ""
        raise FileError(
            f"{report.source}: event {number:,}{after} has {found[first]} that is not finite; leave such events "
            "out with --bad drop, or keep them with --bad keep"
        )
    mask = np.ones(len(events), dtype=bool)
    mask[list(found)] = False
    report.dropped += len(found)
    return events[mask]

"""Trees of ROOT files as arrays by branch name, in chunks of bounded memory: what the readers of ROOT layouts share."""

from __future__ import annotations

import contextlib
import functools
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError, unknown
from partonic.events.ragged import Array, Ragged
from partonic.io.base import check_rows, reading
from partonic.io.naming import free
from partonic.io.places import is_remote, place, readable, stamp

SIGNATURE = b"root"
TITLE = "a ROOT file"
_TREES = ("TTree", "TNtuple", "TNtupleD")
_KEY = struct.Struct(">ihiIhh")  # bytes stored, version, bytes in memory, date, length of the key, cycle
_BASKET, _RATIO = 64 * 2**20, 1100  # bytes of a basket in memory, at most, or so many times those stored
_BEHIND = 2**20  # bytes behind its end that are asked for in good faith, as keys are read in pieces of fixed size
CHUNK_BYTES = 64 * 2**20  # of uncompressed branches at a time, by the mean event
_MEMBERS = {"fP.x": "px", "fP.y": "py", "fP.z": "pz", "fE": "e", "fX": "x", "fY": "y", "fZ": "z"}  # Lorentz vectors


@dataclass(frozen=True)
class Jagged:
    """A variable number of values an event.

    Args:
        offsets: (events + 1,) int64, from 0.
        values: (items, ...).
    """

    offsets: Array
    values: Array

    def ragged(self, name: str = "value") -> Ragged:
        """A collection with these values as its one field."""
        return Ragged(self.offsets, {name: self.values})


Column = Array | Jagged


@dataclass(frozen=True)
class Sketch:
    """What is in a file.

    Args:
        branches: tree -> names of its branches, the tree with most entries first.
        rows: tree -> number of entries.
    """

    branches: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]


class Tree:
    """One tree (or RNTuple) of an open file.

    Args:
        path: the file, for sentences.
        name: the tree's.
        source: uproot's object.
        others: further trees of the file.
    """

    def __init__(self, path: Path | str, name: str, source: Any, others: Sequence[str]) -> None:
        self.path, self.name, self.others = path, name, list(others)
        self._source = source
        self.rows = int(source.num_entries)
        self.branches: dict[str, Any] = {}  # that hold numbers or text, by name
        self.objects: dict[str, Any] = {}  # that hold other objects
        self._home: dict[str, Any] = {}
        self._flat = hasattr(source, "branches")
        if not self._flat:
            self.branches = {name: name for name in source.keys(recursive=False)}
            return
        tops: set[str] = set()
        taken: set[str] = set()
        for top in source.branches:
            name = free(top.name, tops)
            tops.add(name)
            for branch in _leaves(top):
                group = self.branches if _is_plain(branch) else self.objects
                own = name + branch.name.removeprefix(top.name).partition("[")[0]
                own = free(own, taken)
                taken.add(own)
                group[own] = branch
                self._home[own] = top if len(top.branches) else source

    def counter(self, name: str) -> str | None:
        """The branch that counts the items of a branch, where the file says so."""
        count = getattr(self.branches[name], "count_branch", None)
        return None if count is None or self.branches[name].parent is not self._source else str(count.name)

    def check(self, names: Collection[str]) -> None:
        """Check that there are such branches.

        Raises:
            UnknownNameError: there is no branch of one of the names.
        """
        for name in names:
            if name not in self.branches and name not in self.objects:
                raise unknown(f"branch of the tree '{self.name}'", name, self.branches)

    def chunks(self, names: Collection[str], rows: int) -> Iterator[dict[str, Any]]:
        """The named branches as awkward layouts, in chunks of at most ``rows`` entries; one chunk at least.

        Raises:
            FileError: a branch cannot be read, or holds fewer entries than its tree.
        """
        check_rows(rows)
        with reading(self.path, TITLE, Exception):
            yield from self._chunks(names, rows)

    def empty(self, names: Collection[str]) -> dict[str, Any]:
        """The named branches as awkward layouts without an entry; no entry is read for it.

        Raises:
            FileError: the type of a branch cannot be told.
        """
        with reading(self.path, TITLE, Exception):
            if not self._flat:
                arrays = self._source.arrays(filter_name=list(names), entry_start=0, entry_stop=0)
                return {name: arrays[name].layout for name in names}
            known = {**self.branches, **self.objects}
            forms = {name: known[name].interpretation.awkward_form(known[name].file) for name in names}
            return {name: form.length_zero_array() for name, form in forms.items()}

    def _chunks(self, names: Collection[str], rows: int) -> Iterator[dict[str, Any]]:
        if self.rows < 0:
            raise FileError(f"{self.path}: the tree '{self.name}' says that it has {self.rows} entries")
        if self._flat and isinstance(self.path, Path):
            self._check_baskets(self.path, names)
        start, step = 0, self._step(names, rows)
        for found in self._pieces(names, step):
            stop = min(start + step, self.rows)
            for name, layout in found.items():
                if len(layout) != stop - start:
                    raise FileError(
                        f"{self.path}: the branch '{name}' ends at event {start + len(layout):,} of the {self.rows:,} "
                        f"of its tree '{self.name}'; the file may be truncated or damaged"
                    )
            yield found
            start = stop

    def _check_baskets(self, path: Path, names: Collection[str]) -> None:
        """Compare the sizes that the baskets announce with what lies in the file.

        Raises:
            FileError: one would take more memory than its bytes can fill.
        """
        with path.open("rb") as stream:
            for name in names:
                branch = self.branches[name] if name in self.branches else self.objects[name]
                for seek in np.asarray(branch.member("fBasketSeek"))[: int(branch.member("fWriteBasket"))].tolist():
                    stream.seek(max(seek, 0))
                    head = stream.read(_KEY.size)
                    if len(head) < _KEY.size:
                        raise FileError(f"{path} is truncated: values of the branch '{name}' lie behind its end")
                    stored, _, announced, _, _, _ = _KEY.unpack(head)
                    if not 0 <= announced <= max(_BASKET, _RATIO * stored):
                        raise FileError(
                            f"{path} is damaged: the branch '{name}' announces {announced:,} bytes where "
                            f"{stored:,} are stored"
                        )

    def _step(self, names: Collection[str], rows: int) -> int:
        """Entries at a time."""
        if not self._flat or not self.rows:
            return rows
        known = {**self.branches, **self.objects}
        each = sum(max(int(known[name].uncompressed_bytes), 0) for name in names) / self.rows
        return max(1, min(rows, int(CHUNK_BYTES / max(each, 1))))

    def _pieces(self, names: Collection[str], step: int) -> Iterator[dict[str, Any]]:
        if not self._flat:
            for start in range(0, max(self.rows, 1), step):
                arrays = self._source.arrays(
                    filter_name=list(names), entry_start=start, entry_stop=min(start + step, self.rows)
                )
                yield {name: arrays[name].layout for name in names}
            return
        known = {**self.branches, **self.objects}
        if not self.rows:
            yield {name: known[name].array(entry_start=0, entry_stop=0).layout for name in names}
            return
        parts = [self._part(home, {n: known[n] for n in group}, step) for home, group in self._homes(names)]
        for found in zip(*parts, strict=True):
            yield {name: layout for part in found for name, layout in part.items()}

    def _homes(self, names: Collection[str]) -> list[tuple[Any, list[str]]]:
        """The names by the object that has the branches: the tree, or a split branch, which is faster."""
        groups: dict[int, tuple[Any, list[str]]] = {}
        for name in names:
            home = self._home[name]
            groups.setdefault(id(home), (home, []))[1].append(name)
        return list(groups.values())

    def _part(self, home: Any, branches: Mapping[str, Any], step: int) -> Iterator[dict[str, Any]]:
        """Branches of one home, chunk by chunk."""
        called = Counter(branch.name for branch in branches.values())
        twice = {name for name, branch in branches.items() if called[branch.name] > 1}  # uproot takes the first
        once = {name: branch for name, branch in branches.items() if name not in twice}
        together = iter(home.iterate(filter_branch=_among(once), step_size=step, how=dict) if once else ())
        for start in range(0, self.rows, step):
            part = next(together) if once else {}
            alone = {name: branches[name].array(entry_start=start, entry_stop=start + step) for name in twice}
            yield {name: (alone[name] if name in twice else part[branches[name].name]).layout for name in branches}


def _among(group: Mapping[str, Any]) -> Any:
    chosen = {id(branch) for branch in group.values()}
    return lambda branch: id(branch) in chosen


def _leaves(top: Any) -> Iterator[Any]:
    """The branches that hold something themselves, depth first; the status bits of objects are of no use."""
    for branch in top.branches:
        yield from _leaves(branch)
    if not len(top.branches) and not top.name.endswith("fBits"):
        yield top


def _is_plain(branch: Any) -> bool:
    """Whether the values are numbers, text, or objects of a fixed number of numbers."""
    from uproot.interpretation.identify import UnknownInterpretation
    from uproot.interpretation.jagged import AsJagged
    from uproot.interpretation.numerical import Numerical
    from uproot.interpretation.objects import AsStridedObjects
    from uproot.interpretation.strings import AsStrings

    try:
        kind = branch.interpretation
    except UnknownInterpretation:
        return False
    if isinstance(kind, AsJagged):
        kind = kind.content
    return isinstance(kind, Numerical | AsStrings | AsStridedObjects)


def columns(name: str, layout: Any) -> dict[str, Column]:
    """The arrays of one branch: one under its own name, or one for each number of an object, as ``p4.px``.

    Empty where the values are nested deeper than one list an event.
    """
    try:
        if layout.is_list and layout.parameter("__array__") != "string" and not layout.is_regular:
            layout = layout.to_ListOffsetArray64(True)
            offsets = np.asarray(layout.offsets.data, dtype=np.int64)
            items = layout.content[: offsets[-1]]
            return {name + key: Jagged(offsets, values) for key, values in _dense(items).items()}
        return {name + key: values for key, values in _dense(layout).items()}
    except _NestedError:
        return {}


class _NestedError(Exception):
    """Lists within lists, or something that is no number."""


def _dense(layout: Any) -> dict[str, Array]:
    """Arrays (items, ...) by what is added to the name."""
    if layout.is_numpy:
        return {"": np.asarray(layout.data)}
    if layout.is_list and layout.parameter("__array__") == "string":
        return {"": np.array(layout.to_list() or [""], dtype=np.str_)[: len(layout)]}
    if layout.is_regular:
        size = layout.size
        inner = _dense(layout.content[: len(layout) * size])
        return {key: values.reshape(len(layout), size, *values.shape[1:]) for key, values in inner.items()}
    if layout.is_record:
        return {
            f".{_MEMBERS.get((field + key).lstrip('.'), (field + key).lstrip('.'))}": values
            for field in layout.fields
            for key, values in _dense(layout[field]).items()
        }
    raise _NestedError


@functools.cache
def _guarded() -> Any:
    """The file of uproot, which neither goes round in circles nor asks for more bytes than there are."""
    from uproot.reading import ReadOnlyFile

    class Guarded(ReadOnlyFile):  # type: ignore[misc]
        """Refuses a damaged description of classes, and places far behind the end."""

        described = 0
        size: int | None = None

        def hook_before_read_streamer_key(self, **kwargs: Any) -> None:  # noqa: ARG002
            """Called by uproot when it begins to read the description."""
            self.described += 1
            if self.described > 1:
                raise ValueError("the description of its classes is damaged")

        def chunk(self, start: int, stop: int) -> Any:
            """Bytes of the file; room for as many as are asked for is made before they are read."""
            if self.size is None and stop - start > _BEHIND:
                self.size = int(self.source.num_bytes)
            if self.size is not None and stop > self.size + _BEHIND:
                raise ValueError(f"it asks for byte {stop:,} of {self.size:,}")
            return super().chunk(start, stop)

    return Guarded


@contextlib.contextmanager
def _file(file: Path | str) -> Iterator[Any]:
    import uproot

    options: dict[str, Any] = {"handler": uproot.HTTPSource} if str(file).startswith("http") and is_remote(file) else {}
    with _guarded()(str(file), **options).root_directory as found:
        end = int(found.file.fEND)
        if isinstance(file, Path) and file.stat().st_size < end:
            raise FileError(f"{file} is truncated: it has {file.stat().st_size:,} of its {end:,} bytes")
        yield found


def _sources(opened: Any) -> dict[str, Any]:
    """The trees of a file by name, each in its newest cycle, the one with most entries first."""
    kinds = opened.classnames(recursive=True, cycle=False)
    found = {name: opened[name] for name, kind in kinds.items() if kind in _TREES or kind.endswith("RNTuple")}
    return dict(sorted(found.items(), key=lambda item: -int(item[1].num_entries)))


@contextlib.contextmanager
def opened(path: Path | str, wanted: str | None = None) -> Iterator[Tree]:
    """One tree of a file, open while the block lasts.

    Args:
        path: the file; ``FILE.root:TREE`` chooses a tree.
        wanted: the tree that a layout asks for; ``None`` takes the one with most entries.

    Raises:
        FileError: the file is missing, no ROOT file or damaged, or has no tree.
        UnknownNameError: there is no tree of this name.
    """
    file, chosen = readable(path)
    with contextlib.ExitStack() as stack:
        with reading(file, TITLE, Exception):
            sources = _sources(stack.enter_context(_file(file)))
            if not sources:
                raise FileError(f"{file} has no tree")
            name = chosen or wanted or next(iter(sources))
            if name not in sources:
                raise FileError(str(unknown(f"tree of {file}", name, sources)))
            tree = Tree(file, name, sources[name], [other for other in sources if other != name])
        yield tree


def sketch(path: Path | str) -> Sketch:
    """Names of trees and branches, kept for the next who asks.

    Raises:
        FileError: the file is missing, no ROOT file or damaged.
    """
    file, chosen = readable(path)
    return _sketch(stamp(file), chosen)


@functools.lru_cache(maxsize=16)
def _sketch(seen: tuple[str, int, int], chosen: str | None) -> Sketch:
    file = place(seen[0])
    with reading(file, TITLE, Exception), _file(file) as root:
        sources = {name: source for name, source in _sources(root).items() if chosen in (None, name)}
        if chosen and not sources:
            raise FileError(str(unknown(f"tree of {file}", chosen, _sources(root))))
        names = {name: tuple(_names(source)) for name, source in sources.items()}
        return Sketch(names, {name: int(source.num_entries) for name, source in sources.items()})


def _names(source: Any) -> Iterator[str]:
    if hasattr(source, "branches"):
        yield from (re.sub(r"\[.*", "", branch.name) for branch in source.branches)
    else:
        yield from source.keys(recursive=False)

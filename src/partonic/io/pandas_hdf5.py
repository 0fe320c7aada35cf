"""Data frames that pandas wrote to HDF5, read with h5py: which column stands where, and rows of them.

Both of its ways are read, ``format="table"`` and ``format="fixed"``. Nothing that a stranger pickled into a file is
ever unpickled: lists of names are read off the opcodes of their pickles.
"""

from __future__ import annotations

import functools
import pickletools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events.ragged import Array
from partonic.io.hdf5 import Buffered, dataset

_TEXT_OPCODES = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_NUMBER_OPCODES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"}
_LIST_OPCODES = {"MARK", "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_FRAME_OPCODES = {"PROTO", "FRAME", "STOP"}

Guess = Callable[[np.dtype[Any], int], list[str]]


@dataclass(frozen=True)
class Block:
    """Columns stored side by side.

    Args:
        data: a dataset (rows, columns), or a compound one (rows,).
        field: of the compound dataset.
        names: of the columns; a whole number as its digits.
        empty: whether the frame has no row: such a dataset holds one for show.
    """

    data: Any
    field: str | None
    names: list[str]
    empty: bool = False


@functools.lru_cache(maxsize=8)
def pickled_names(stored: bytes) -> tuple[str, ...] | None:
    """The texts and whole numbers of a pickled list, read off its opcodes without running them; else ``None``."""
    names: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(stored):
            if opcode.name in _TEXT_OPCODES | _NUMBER_OPCODES:
                names.append(str(argument))
            elif opcode.name not in _LIST_OPCODES | _FRAME_OPCODES:
                return None
    except (ValueError, UnicodeDecodeError, AttributeError):
        return None
    return tuple(names)


def nameless(kind: np.dtype[Any], width: int) -> list[str]:  # noqa: ARG001
    """No name for any column of a block whose own names cannot be read."""
    return [""] * width


def _table_blocks(group: Any, guess: Guess) -> list[Block]:
    """Blocks of ``format="table"``: fields of one compound dataset."""
    table = dataset(group, "table", 1, "V")
    blocks = []
    for field in table.dtype.names or ():
        kind = table.dtype[field]
        base, shape = kind.subdtype or (kind, ())
        if field == "index" or base.kind not in "biuf" or len(shape) > 1:
            continue
        if not shape:
            blocks.append(Block(table, field, [field]))
            continue
        names = pickled_names(bytes(table.attrs.get(f"{field}_kind", b"")))
        known = names is not None and len(names) == shape[0]
        blocks.append(Block(table, field, list(names) if names and known else guess(base, shape[0])))
    return blocks


def _fixed_blocks(group: Any, guess: Guess) -> list[Block]:
    """Blocks of ``format="fixed"``: one dataset for each type."""
    blocks = []
    for i in range(int(group.attrs.get("nblocks", 0))):
        items = group.get(f"block{i}_items")
        held = group.get(f"block{i}_values")
        if held is not None and getattr(held, "dtype", np.dtype("O")).kind not in "biuf":
            continue  # text is pickled
        values = dataset(group, f"block{i}_values", 2)
        empty = "value_type" in values.attrs
        if getattr(items, "ndim", 0) == 1 and items.dtype.kind in "Siu":
            stored = dataset(group, f"block{i}_items", 1, "Siu")[:]
            names = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in stored.tolist()]
        else:
            names = guess(values.dtype, values.shape[1])
        if len(names) != values.shape[1] and not empty:
            raise InputError(f"block {i} of the table has {values.shape[1]} columns and {len(names)} names")
        blocks.append(Block(values, None, names, empty))
    return blocks


class Frame:
    """A data frame in an open file.

    Args:
        group: its key.
        guess: (type, columns) -> names of a block whose own cannot be read without unpickling.

    Raises:
        InputError: it is no data frame, or its parts differ in their rows.
    """

    def __init__(self, group: Any, guess: Guess = nameless) -> None:
        self.blocks = _table_blocks(group, guess) if "table" in group else _fixed_blocks(group, guess)
        self.place = {name: (b, i) for b, block in enumerate(self.blocks) for i, name in enumerate(block.names)}
        lengths = {0 if block.empty else len(block.data) for block in self.blocks}
        if len(lengths) != 1:
            raise InputError("there is no table of numbers" if not lengths else "its parts differ in their rows")
        self.rows = lengths.pop()
        self._names = [block.data.name for block in self.blocks]
        found = zip(self._names, self.blocks, strict=True)
        self._held = {name: Buffered(block.data) for name, block in found if not block.empty}
        sizes = {block.data.name: block.data.dtype.itemsize for block in self.blocks if block.field}
        widths = [len(block.names) * block.data.dtype.itemsize for block in self.blocks if not block.field]
        self.row_bytes = sum(sizes.values()) + sum(widths)

    def load(self, start: int, stop: int) -> list[Array]:
        """Rows of every block, each (stop - start, its columns), valid until the next are loaded."""
        whole = {name: held.load(start, stop) for name, held in self._held.items()}
        loaded = []
        for block, name in zip(self.blocks, self._names, strict=True):
            if block.empty:
                loaded.append(np.zeros((0, len(block.names)), block.data.dtype))
                continue
            values = whole[name] if block.field is None else whole[name][block.field]
            loaded.append(values.reshape(len(values), len(block.names)))
        return loaded

    def columns(self, names: Sequence[str]) -> Callable[[list[Array]], Array]:
        """Where columns stand: loaded rows -> (rows, names); a view where they stand side by side in the file."""
        places = [self.place[name] for name in names]
        block, first = places[0]
        if all(place == (block, first + i) for i, place in enumerate(places)):
            return lambda loaded: loaded[block][:, first : first + len(places)]
        return lambda loaded: np.stack([loaded[b][:, i] for b, i in places], axis=1)

    def column(self, name: str) -> Callable[[list[Array]], Array]:
        """Where a column stands: loaded rows -> (rows,), a view."""
        block, place = self.place[name]
        return lambda loaded: loaded[block][:, place]

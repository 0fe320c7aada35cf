"""ROOT friend trees: columns in a file of their own, entry by entry beside the tree that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.events.ragged import Array

TREE = "scores"


def write_friend(path: Path | str, columns: Iterable[Mapping[str, Array]], tree: str = TREE) -> int:
    """Write columns, in parts as they come, as a tree that ROOT can add as a friend; gives the number of entries.

    Args:
        path: the file, replaced where it exists; it appears when it is whole.
        columns: parts of the columns, name -> (entries, ...) numbers, in the order of the events.
        tree: name of the tree.

    Raises:
        InputError: there is no part, or the name cannot be that of a tree.
        FileError: the file cannot be written.
    """
    import uproot

    if not tree or set(tree) & set("/;: "):
        raise InputError(f"a tree cannot be called '{tree}'; give a name without / ; : and spaces, as {TREE}")
    total = 0
    made = None
    with atomic(path) as aside, uproot.recreate(aside) as file:
        for part in columns:
            arrays = {name: np.ascontiguousarray(values) for name, values in part.items()}
            if made is None:
                shapes = {name: (values.dtype, values.shape[1:]) for name, values in arrays.items()}
                made = file.mktree(tree, shapes)
            n = len(next(iter(arrays.values())))
            if n:
                made.extend(arrays)
            total += n
        if made is None:
            raise InputError("there is nothing to write")
    return total

"""Provenance as plain data: what JSON can hold, of one sample or of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from partonic.core.errors import InputError


def plain(tree: Any) -> Any:
    """Data that JSON can hold: NumPy numbers and arrays become Python's, paths text, NaN and infinity ``None``.

    Raises:
        InputError: something else is in there.
    """
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple | set | frozenset):
        return [plain(value) for value in tree]
    if isinstance(tree, np.ndarray | np.generic):
        return plain(tree.tolist())
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else None
    if tree is None or isinstance(tree, str | int):
        return tree
    if isinstance(tree, PurePath):
        return str(tree)
    raise InputError(f"provenance must be plain data (text, numbers, lists, dictionaries), not {type(tree).__name__}")


def common(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The provenance of samples that were joined: theirs where there is one, else all under ``parts``."""
    return dict(parts[0]) if len(parts) == 1 else {"parts": [dict(part) for part in parts]}

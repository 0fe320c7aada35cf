"""Trained things on disk: numbers and plain data only, so that a stranger's file cannot run code."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from partonic.core.errors import FileError
from partonic.core.files import atomic, check_readable

VERSION = 1
DAMAGE = (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError, TypeError, AttributeError)
"""What a damaged file, or one of another kind, may raise when it is read or its parts are put together."""


def write(path: Path | str, what: str, tree: Mapping[str, Any]) -> None:
    """Write plain data and tensors, whole or not at all.

    Args:
        path: of the file.
        what: it is, as ``"flow generator"``.
        tree: plain data and tensors.

    Raises:
        FileError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": f"partonic {what}", "version": VERSION, **tree}, buffer)
    with atomic(path) as aside:
        aside.write_bytes(buffer.getvalue())


def read(path: Path | str, what: str) -> dict[str, Any]:
    """Read what :func:`write` has written; no code of the file is run.

    Args:
        path: of the file.
        what: as in :func:`write`.

    Raises:
        FileError: the file is missing, damaged, of another kind or of a newer version.
    """
    file = check_readable(path)
    try:
        tree = torch.load(file, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise FileError(f"{file} is no {what} of partonic, or is damaged; train or copy it again") from error
    if not isinstance(tree, dict) or tree.get("format") != f"partonic {what}":
        raise FileError(f"{file} is no {what} of partonic; give a file that its save() wrote")
    if tree.get("version") != VERSION:
        raise FileError(f"{file} has version {tree.get('version')}, this partonic reads {VERSION}; upgrade partonic")
    return tree

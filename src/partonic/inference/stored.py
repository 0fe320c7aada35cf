"""Trained estimators on disk: numbers and plain data only, so that a stranger's file cannot run code."""

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


def write(path: Path | str, kind: str, tree: Mapping[str, Any]) -> None:
    """Write an estimator, whole or not at all.

    Args:
        path: of the file.
        kind: what it is, as ``"ratio"``.
        tree: plain data and tensors.

    Raises:
        FileError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": f"partonic {kind} estimator", "version": VERSION, **tree}, buffer)
    with atomic(path) as aside:
        aside.write_bytes(buffer.getvalue())


def read(path: Path | str, kind: str) -> dict[str, Any]:
    """Read what :func:`write` has written; no code of the file is run.

    Raises:
        FileError: the file is missing, damaged, of another kind or of a newer version.
    """
    file = check_readable(path)
    try:
        tree = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError, TypeError) as error:
        raise FileError(f"{file} is not an estimator of partonic, or is damaged; train or copy it again") from error
    if not isinstance(tree, dict) or tree.get("format") != f"partonic {kind} estimator":
        raise FileError(f"{file} is not a {kind} estimator of partonic; give a file that its save() wrote")
    if tree.get("version") != VERSION:
        raise FileError(f"{file} has version {tree.get('version')}, this partonic reads {VERSION}; upgrade partonic")
    return tree

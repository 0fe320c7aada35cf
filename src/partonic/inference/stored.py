"""Trained estimators on disk: numbers and plain data only, so that a stranger's file cannot run code."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from partonic.core.errors import FileError
from partonic.core.files import atomic, check_readable

VERSION = 1
T = TypeVar("T")


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


def save(path: Path | str, kind: str, estimator: Any, names: Sequence[str], **others: Any) -> None:
    """Write an estimator with the weights of its ``network``.

    Args:
        path: of the file.
        kind: what it is, as ``"ratio"``.
        estimator: to write.
        names: of its other fields: plain data, mappings, tuples of names, arrays.
        others: further plain data and tensors.

    Raises:
        FileError: the file cannot be written.
    """
    tree = {name: _plain(getattr(estimator, name)) for name in names}
    write(path, kind, {**tree, **others, "state": estimator.network.state_dict()})


def load(path: Path | str, kind: str, network: Callable[[Mapping[str, Any]], nn.Module], make: Callable[..., T]) -> T:
    """Read an estimator that :func:`save` has written.

    Args:
        path: of the file.
        kind: what it is.
        network: makes the network, without its weights, from what the file holds.
        make: makes the estimator from ``network`` and the rest.

    Raises:
        FileError: the file is missing, damaged, of another kind or of a newer version.
    """
    tree = read(path, kind)
    try:
        made = network(tree)
        made.load_state_dict(tree.pop("state"))
        kept = {name: _own(value) for name, value in tree.items() if name not in ("format", "version")}
        return make(network=made.eval(), **kept)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise FileError(f"{path} is damaged ({error}); train or copy it again") from error


def _plain(value: Any) -> Any:
    """Arrays as tensors, tuples as lists, mappings as dictionaries."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _own(value: Any) -> Any:
    """What :func:`_plain` has changed, as it was."""
    if isinstance(value, torch.Tensor):
        return value.numpy()
    return tuple(value) if isinstance(value, list) else value

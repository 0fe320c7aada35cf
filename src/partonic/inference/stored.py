"""Trained estimators on disk: numbers and plain data only, so that a stranger's file cannot run code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from partonic.core.errors import FileError
from partonic.models import plain

T = TypeVar("T")


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
    plain.write(path, f"{kind} estimator", {**tree, **others, "state": estimator.network.state_dict()})


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
    tree = plain.read(path, f"{kind} estimator")
    try:
        made = network(tree)
        made.load_state_dict(tree.pop("state"))
        kept = {name: _own(value) for name, value in tree.items() if name not in ("format", "version")}
        return make(network=made.eval(), **kept)
    except plain.DAMAGE as error:
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

"""Coordinates and Bayesian networks of generators as plain data, for their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch

from partonic.core.errors import FileError, InputError, PartonicError
from partonic.generation import coordinates, decays, lines, rest_frames
from partonic.generation.coordinates import Coordinates
from partonic.models.variational import make_variational

Network = TypeVar("Network", bound=torch.nn.Module)
KINDS: dict[str, Any] = {
    one.__name__: one
    for one in (
        *(lines.Straight, lines.Logarithm, lines.Boxed, lines.Circular, lines.Resonant),
        *(lines.Gaussianised, lines.Unrolled, lines.Evened),
        *(coordinates.Columns, coordinates.Pair, coordinates.Fitted),
        *(decays.Decay, decays.Decays, rest_frames.RestFrames),
    )
}


def coordinates_tree(one: Any) -> Any:
    """Coordinates, and maps, as plain data.

    Raises:
        InputError: they are not of this package.
    """
    if is_dataclass(one) and not isinstance(one, type):
        kind = type(one).__name__
        if KINDS.get(kind) is not type(one):
            raise InputError(f"coordinates of the kind '{kind}' cannot be saved; there are: {', '.join(KINDS)}")
        return {"kind": kind} | {field.name: coordinates_tree(getattr(one, field.name)) for field in fields(one)}
    return [coordinates_tree(part) for part in one] if isinstance(one, tuple) else one


def coordinates_of(tree: Any) -> Coordinates:
    """What :func:`coordinates_tree` wrote.

    Raises:
        FileError: it is damaged.
    """
    try:
        found: Coordinates = _built(tree)
    except (PartonicError, KeyError, TypeError, AttributeError) as error:
        raise FileError(f"the coordinates in the file are damaged ({error}); train or copy it again") from error
    return found


def _built(tree: Any) -> Any:
    if isinstance(tree, list):
        return tuple(_built(part) for part in tree)
    if isinstance(tree, dict):
        return KINDS[tree["kind"]](**{name: _built(part) for name, part in tree.items() if name != "kind"})
    return tree


def restore(network: Network, tree: Mapping[str, Any], within: torch.nn.Module | None = None) -> Network:
    """Put stored weights into a network, made Bayesian first where it was.

    Args:
        network: built as it was.
        tree: of the file, with ``state``, and ``prior`` where the weights have distributions.
        within: the part of the network whose weights have them; the whole network if None.
    """
    if tree.get("prior") is not None:
        make_variational(network if within is None else within, tree["prior"])
    network.load_state_dict(tree["state"])
    return network.eval()

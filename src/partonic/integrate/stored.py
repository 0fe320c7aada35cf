"""What an integration has done so far, kept in a file: it goes on from there and ends as if it had never stopped."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from partonic.core.errors import FileError
from partonic.core.files import atomic
from partonic.integrate.channels import CubeMap
from partonic.integrate.measure import Repetition
from partonic.integrate.mixture import Component, Mixture
from partonic.integrate.pilot import Asked, Pilot
from partonic.integrate.search import Places, Witness
from partonic.models.flows.coupling import CouplingFlow
from partonic.phasespace.vegas import Grid

NAME = "integral.pt"
KEPT = ("decided", "price", "flows", "finished", "calls", "seconds", "training")


@dataclass
class Work:
    """One attempt under way.

    Args:
        pilot: once it is done.
        rounds: points of the rounds after it.
        best: the density so far.
        decided: ``grid`` or ``flow``, once that is decided.
        price: of flows, as it was expected then.
        flows: state of the flows that are being trained.
        finished: whether the density is final.
        repetitions: of the last measurement.
        witness: once it was asked.
        calls: of the integrand so far.
        seconds: that they took.
        training: processor seconds in the training.
    """

    pilot: Pilot | None = None
    rounds: list[Asked] = field(default_factory=list)
    best: Mixture | None = None
    decided: str = ""
    price: dict[str, Any] = field(default_factory=dict)
    flows: dict[str, torch.Tensor] | None = None
    finished: bool = False
    repetitions: list[Repetition] = field(default_factory=list)
    witness: Witness | None = None
    calls: int = 0
    seconds: float = 0.0
    training: float = 0.0


def save(work: Work, identity: dict[str, Any], path: Path) -> None:
    """Write the work of an attempt.

    Args:
        work: what is done.
        identity: options by which a later call knows that it is the same integration.
        path: the file.

    Raises:
        FileError: it cannot be written.
    """
    tree = {
        "identity": identity,
        "pilot": None if work.pilot is None else _pilot_tree(work.pilot),
        "rounds": [vars(one) for one in work.rounds],
        "best": None if work.best is None else _mixture_tree(work.best),
        "repetitions": [asdict(one) for one in work.repetitions],
        "witness": None if work.witness is None else asdict(work.witness),
        **{name: getattr(work, name) for name in KEPT},
    }
    try:
        with atomic(path) as aside:
            torch.save(tree, aside)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def load(path: Path, identity: dict[str, Any], channels: tuple[CubeMap, ...]) -> Work:
    """Read the work of an attempt; an empty one where there is no file.

    Args:
        path: the file.
        identity: options of this integration.
        channels: of this integration.

    Raises:
        FileError: the file is damaged, or holds another integration.
    """
    if not path.exists():
        return Work()
    try:
        tree = torch.load(path, weights_only=True)
        known = tree["identity"]
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise FileError(f"{path} is damaged ({type(error).__name__}); remove it to begin anew") from error
    if known != identity:
        differs = sorted(name for name in {*known, *identity} if known.get(name) != identity.get(name))
        raise FileError(
            f"{path} holds another integration (it differs in {', '.join(differs)}); choose another directory"
        )
    plain = {name: tree[name] for name in KEPT}
    return Work(
        pilot=None if tree["pilot"] is None else _pilot(tree["pilot"], channels),
        rounds=[Asked(**one) for one in tree["rounds"]],
        best=None if tree["best"] is None else _mixture(tree["best"], channels),
        repetitions=[Repetition(**one) for one in tree["repetitions"]],
        witness=_witness(tree["witness"]) if tree.get("witness") else None,
        **plain,
    )


def _mixture_tree(mixture: Mixture) -> list[dict[str, Any]]:
    return [
        {
            "channel": one.channel,
            "edges": one.grid.edges,
            "share": one.share,
            "broad": one.broad,
            "flow": None if one.flow is None else {"sizes": one.flow.sizes, "state": one.flow.state_dict()},
        }
        for one in mixture.components
    ]


def _mixture(tree: list[dict[str, Any]], channels: tuple[CubeMap, ...]) -> Mixture:
    components = []
    for one in tree:
        flow = None
        if one["flow"] is not None:
            flow = CouplingFlow(**one["flow"]["sizes"])
            flow.load_state_dict(one["flow"]["state"])
        components.append(Component(one["channel"], Grid(one["edges"]), one["share"], flow, one["broad"]))
    return Mixture(channels, tuple(components))


def _witness(tree: dict[str, Any]) -> Witness:
    return Witness(**{**tree, "places": None if tree["places"] is None else Places(**tree["places"])})


def _pilot_tree(pilot: Pilot) -> dict[str, Any]:
    kept = ("integral", "error", "effective", "cooled", "cooled_error", "searched")
    return {
        "mixture": _mixture_tree(pilot.mixture),
        "rounds": [vars(one) for one in pilot.rounds],
        **{name: getattr(pilot, name) for name in kept},
    }


def _pilot(tree: dict[str, Any], channels: tuple[CubeMap, ...]) -> Pilot:
    rest = {name: value for name, value in tree.items() if name not in ("mixture", "rounds")}
    return Pilot(_mixture(tree["mixture"], channels), tuple(Asked(**one) for one in tree["rounds"]), **rest)

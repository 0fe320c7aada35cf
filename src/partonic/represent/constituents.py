"""The constituents of jets as plain arrays, checked: what every representation starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import BadJetError, InputError
from partonic.events.kinematics import pt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from partonic.events.events import Events

__all__ = ["COLLECTION", "BadJetError", "Constituents", "constituents", "fields"]

COLLECTION = "constituents"
MOST_TURNED = 1e6  # azimuth above which too few digits are left of what is not whole turns


@dataclass(frozen=True)
class Constituents:
    """Four-momenta of the constituents of jets, in GeV.

    Args:
        offsets: (jets + 1,) int64, where the constituents of each jet begin.
        px: (particles,) float64.
        py: (particles,) float64.
        pz: (particles,) float64.
        e: (particles,) float64.
    """

    offsets: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    e: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The momenta in the order px, py, pz, e."""
        return self.px, self.py, self.pz, self.e


def constituents(events: Events) -> Constituents:
    """Take the collection ``constituents`` of a sample of jets.

    Raises:
        UnknownNameError: the sample has no such collection, or it lacks one of px, py, pz, e.
        BadJetError: a jet has no constituent, one that is not finite, has no energy or runs along the beam,
            or constituents whose transverse momenta cancel.
    """
    collection = events.collection(COLLECTION)
    offsets = np.ascontiguousarray(collection.offsets, dtype=np.int64)
    px, py, pz, e = (np.ascontiguousarray(collection[name], dtype=np.float64) for name in ("px", "py", "pz", "e"))
    jets = Constituents(offsets, px, py, pz, e)
    _check(jets)
    return jets


def cylinder(
    events: Events,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Take the collection ``constituents`` of a sample that has transverse momentum, rapidity and azimuth of each.

    Returns:
        Where the constituents of each jet begin, (jets + 1,); their pt in GeV, y and phi, (particles,) each.

    Raises:
        UnknownNameError: the sample has no such collection, or it lacks one of pt, y, phi.
        BadJetError: a jet has no constituent, or one that is not finite, has no transverse momentum or an azimuth above
            a million.
    """
    collection = events.collection(COLLECTION)
    offsets = np.ascontiguousarray(collection.offsets, dtype=np.int64)
    pt, y, phi = (np.ascontiguousarray(collection[name], dtype=np.float64) for name in ("pt", "y", "phi"))
    _check_numbers(offsets)
    bad = ~np.isfinite(pt + y + phi) | (pt <= 0) | (np.abs(phi) > MOST_TURNED)
    _check_items(offsets, bad, "pt, y, phi", (pt, y, phi))
    return offsets, pt, y, phi


def fields(events: Events, inputs: str, names: Sequence[str]) -> list[NDArray[Any]]:
    """What is known of constituents beside their momenta, each (particles,).

    Args:
        events: the jets.
        inputs: what the user calls the set of inputs that needs it.
        names: of the fields.

    Raises:
        InputError: there is no such field.
        BadJetError: a value is not finite.
    """
    particles = events.collection(COLLECTION)
    lacking = [name for name in names if name not in particles.fields]
    if lacking:
        raise InputError(
            f"the inputs '{inputs}' need {', '.join(lacking)} of each constituent, and this sample has only "
            f"{', '.join(particles.fields)}; only a network that is trained without them can do without"
        )
    values = [particles[name] for name in names]
    for name, each in zip(names, values, strict=True):
        finite = np.isfinite(each)
        if not finite.all():
            item = int(np.argmin(finite))
            row, place = _place(particles.offsets, item)
            raise BadJetError(row, f"its constituent {place} has {name} = {each[item]:g}")
    return values


def _place(offsets: NDArray[np.int64], item: int) -> tuple[int, int]:
    """Jet of a constituent of the sample, and its place in it."""
    row = int(np.searchsorted(offsets, item, side="right")) - 1
    return row, item - int(offsets[row])


def _check_numbers(offsets: NDArray[np.int64]) -> None:
    """Raise for the first jet without a constituent."""
    empty = np.diff(offsets) == 0
    if empty.any():
        raise BadJetError(int(np.argmax(empty)), "it has no constituent")


def _check_items(
    offsets: NDArray[np.int64],
    bad: NDArray[np.bool_],
    names: str,
    arrays: Sequence[NDArray[np.float64]],
    unit: str = "",
) -> None:
    """Raise for the jet of the first bad constituent."""
    if bad.any():
        item = int(np.argmax(bad))
        row, place = _place(offsets, item)
        values = ", ".join(f"{values[item]:g}" for values in arrays)
        raise BadJetError(row, f"its constituent {place} has ({names}) = ({values}){unit}")


def _check(jets: Constituents) -> None:
    """Raise for the first bad jet."""
    _check_numbers(jets.offsets)
    bad = ~np.isfinite(jets.px + jets.py + jets.pz + jets.e) | (jets.e <= 0) | ((jets.px == 0) & (jets.py == 0))
    _check_items(jets.offsets, bad, "px, py, pz, e", jets.arrays, " GeV")
    if len(jets):
        start = jets.offsets[:-1]
        balanced = pt(np.add.reduceat(jets.px, start), np.add.reduceat(jets.py, start)) == 0
        if balanced.any():
            raise BadJetError(int(np.argmax(balanced)), "the transverse momenta of its constituents cancel")

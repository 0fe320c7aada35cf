"""Partons on their way through a medium, in Pythia's event record, and what jets have lost there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.events import kinematics
from partonic.events.ragged import Array
from partonic.simulators.jets import Axes
from partonic.simulators.medium import CASIMIR, REACH, Medium, path_length, production_points
from partonic.simulators.pythia import Collisions

MOVED = 69
"""Status of the copies that partons leave in the event record, negative once they have become hadrons.

Their mother is the parton as the shower left it; they begin where the parton leaves the medium, seen from where it was
made, so that the distance of their vertex is the path.
"""

SETTINGS = ("Check:event=off",)  # Pythia would miss the energy that is lost
FERMI = 1e-12  # in mm
_GLUON, _OUTGOING = 21, 23


class Passage:
    """Sends the partons of each event through a medium; Pythia calls it between shower and hadronisation.

    Args:
        library: the module ``pythia8mc``.
        medium: what to go through.

    Attributes:
        hook: what Pythia is given.
    """

    def __init__(self, library: Any, medium: Medium) -> None:
        self._vector, self._medium = library.Vec4, medium
        self._rng = np.random.default_rng(0)
        change = self._change

        class Hook(library.UserHooks):  # type: ignore[misc]  # a class of the library, which is loaded when needed
            """Changes an event and never refuses it."""

            def canVetoPartonLevel(self) -> bool:  # noqa: N802  (Pythia's name)
                """Ask to be called."""
                return True

            def doVetoPartonLevel(self, event: Any) -> bool:  # noqa: N802  (Pythia's name)
                """Change the partons of an event."""
                change(event)
                return False

        self.hook: Any = Hook()

    def begin(self, rng: np.random.Generator) -> None:
        """Take random numbers from here on from ``rng``."""
        self._rng = rng

    def _change(self, event: Any) -> None:
        """Put a copy with its new momentum behind each parton of an event."""
        hard, index = _partons(event)
        place = production_points(self._medium, 1, self._rng)[0]
        axes = np.array([[event[i].y(), event[i].phi()] for i in hard]).reshape(-1, 2)
        if not len(index) or not len(axes):
            return
        there = self._medium.loss > 0 or self._medium.kick > 0
        paths = path_length(place[0], place[1], axes[:, 1], self._medium.core) * there
        found = [event[i] for i in index]
        momenta = np.array([(p.px(), p.py(), p.pz(), p.m()) for p in found])
        directions = np.array([(p.y(), p.phi()) for p in found])
        gluon = np.array([p.id() == _GLUON for p in found])
        near, length = _followed(directions, axes, paths)
        after = self._moved(momenta[:, :3], length * np.where(gluon, CASIMIR, 1.0))
        energy = np.sqrt((after**2).sum(axis=1) + momenta[:, 3] ** 2)
        turn = axes[near, 1]
        exits = np.stack([length * np.cos(turn), length * np.sin(turn)], axis=1) * FERMI
        for i, (px, py, pz), e, (x, y) in zip(index, after.tolist(), energy.tolist(), exits.tolist(), strict=True):
            copy = event[event.copy(i, MOVED)]
            if x != 0 or y != 0:
                copy.p(self._vector(px, py, pz, e))
                copy.vProd(x, y, 0.0, 0.0)

    def _moved(self, p: NDArray[np.float64], coloured: NDArray[np.float64]) -> NDArray[np.float64]:
        """Momenta (partons, 3) after paths (partons,) in fm times the colour factor."""
        n = len(p)
        share = np.exp(-self._rng.exponential(size=n) * self._medium.loss * coloured)
        width = np.sqrt(0.5 * self._medium.kick * coloured)
        kicks = self._rng.standard_normal((n, 2)) * width[:, None]
        size = np.maximum(np.linalg.norm(p, axis=1), 1e-12)
        ahead = p / size[:, None]
        flattest = np.eye(3)[np.argmin(np.abs(ahead), axis=1)]
        aside = np.cross(ahead, flattest)
        aside /= np.linalg.norm(aside, axis=1)[:, None]
        turned = p + kicks[:, :1] * aside + kicks[:, 1:] * np.cross(ahead, aside)
        turned *= (share * size / np.maximum(np.linalg.norm(turned, axis=1), 1e-12))[:, None]
        return turned


def _partons(event: Any) -> tuple[list[int], list[int]]:
    """The coloured outgoing partons of the hard process, and the partons at the end of the shower."""
    hard, last = [], []
    for i in range(event.size()):
        particle = event[i]
        if particle.isParton():
            if particle.statusAbs() == _OUTGOING:
                hard.append(i)
            if particle.isFinal():
                last.append(i)
    return hard, last


def _followed(
    directions: NDArray[np.float64], axes: NDArray[np.float64], paths: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The hard parton (partons,) that each parton follows, and its path (partons,), 0 for those that follow none."""
    apart = directions[:, None, :] - axes[None, :, :]
    apart[..., 1] -= 2 * np.pi * np.rint(apart[..., 1] / (2 * np.pi))
    distance = np.hypot(apart[..., 0], apart[..., 1])
    near = distance.argmin(axis=1)
    return near, np.where(distance.min(axis=1) < REACH, paths[near], 0.0)


def medium_columns(
    collisions: Collisions,
    where: Axes,
    event: NDArray[np.int64],
    kept: NDArray[np.int64],
    radius: float,
) -> dict[str, Array]:
    """What the medium did to the partons within the radius of each jet's axis, before they were turned.

    Args:
        collisions: events whose partons went through a medium.
        where: axes of all jets.
        event: event of each jet, rising.
        kept: the jets wanted.
        radius: of the jets.

    Returns:
        ``medium_loss``, the share of these partons' energy that was lost, and ``medium_path``, the path of the hardest
        of them in fm; both (jets,), 0 where there is no parton.
    """
    record = collisions.record
    copies = np.flatnonzero(np.abs(record["status"]) == MOVED)
    owner = np.searchsorted(record.offsets, copies, side="right") - 1
    before = record.offsets[owner] + record["mother1"][copies]
    px, py, pz, e = (record[name][before] for name in ("px", "py", "pz", "e"))
    x, y, _ = collisions.vertex(copies)
    path, left = np.hypot(x, y) / FERMI, record["e"][copies]
    eta, phi = kinematics.eta(px, py, pz), kinematics.phi(px, py)
    loss, length = np.zeros(len(kept), np.float32), np.zeros(len(kept), np.float32)
    first, last = np.searchsorted(owner, event[kept]), np.searchsorted(owner, event[kept], side="right")
    for row, jet in enumerate(kept):
        rows = slice(first[row], last[row])
        inside = kinematics.delta_r(where.eta[jet], where.phi[jet], eta[rows], phi[rows]) < radius
        energy = e[rows][inside]
        if len(energy):
            loss[row] = 1 - left[rows][inside].sum() / energy.sum()
            length[row] = path[rows][inside][energy.argmax()]
    return {"medium_loss": loss, "medium_path": length}

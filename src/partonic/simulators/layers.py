r"""Calorimeters in depth: what each tower reads, divided among layers by the mean shape of showers.

A shower deposits energy along its depth t as :math:`dE/dt \propto (bt)^{a-1} e^{-bt}` (Review of Particle Physics,
passage of particles through matter), with its maximum at :math:`(a - 1)/b`:

- electrons and photons, t in radiation lengths: :math:`b = 0.5`, maximum at :math:`\ln(E/E_c) \mp 0.5` (minus for
  electrons), with the critical energy of lead;
- hadrons, t in nuclear interaction lengths from the face of the hadronic calorimeter: maximum at
  :math:`0.2 \ln(E / \mathrm{GeV}) + 0.7` and :math:`b = 1`, which at 50 GeV contains 95 % in the depth that the usual
  rule :math:`t_{95} = t_{\max} + 2.5\,(E/\mathrm{GeV})^{0.13}` asks for.

Every shower has the mean shape of its energy: there are no fluctuations from one to the next. What leaves the back
counts in the last layer, so that the layers of a tower add up to what it reads. The layers are those of the ATLAS
barrel at eta = 0, for both detectors and all eta. As in the detector itself, hadrons leave nothing in front of the
hadronic calorimeter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainc

from partonic.events.ragged import Ragged, gather_rows, offsets_from_counts
from partonic.simulators.calorimeter import grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.simulators.calorimeter import Ints, Towers
    from partonic.simulators.cards import Calorimeter
    from partonic.simulators.jets import Axes
    from partonic.simulators.tracker import Floats

ELECTROMAGNETIC = (4.3, 20.3)
"""Depths in radiation lengths that divide the three electromagnetic layers."""

HADRONIC = (1.5, 5.6)
"""Depths in interaction lengths that divide the three hadronic layers."""

LAYERS = len(ELECTROMAGNETIC) + 1 + len(HADRONIC) + 1
"""Layers of both calorimeters, numbered from the inside: 0 to 2 are electromagnetic, 3 to 5 hadronic."""

CRITICAL_ENERGY = 7.43e-3  # of lead for electrons, GeV
ELECTROMAGNETIC_SLOPE, HADRONIC_SLOPE = 0.5, 1.0


@dataclass(frozen=True)
class Readout:
    """A calorimeter with what was left in it.

    Args:
        calorimeter: its numbers.
        towers: what it reads.
        energy: (deposits,) what each particle left (GeV).
        electron: (deposits,) whether the particle is an electron.
    """

    calorimeter: Calorimeter
    towers: Towers
    energy: Floats
    electron: NDArray[np.bool_]


def electromagnetic_shares(energy: Floats, electron: NDArray[np.bool_]) -> Floats:
    """Shares of the electromagnetic layers in showers, (showers, 3).

    Args:
        energy: (showers,) GeV, above 0.
        electron: (showers,) whether an electron began it, else a photon.
    """
    deepest = np.log(energy / CRITICAL_ENERGY) + np.where(electron, -0.5, 0.5)
    return _shares(deepest, ELECTROMAGNETIC_SLOPE, ELECTROMAGNETIC)


def hadronic_shares(energy: Floats) -> Floats:
    """Shares of the hadronic layers in showers, (showers, 3).

    Args:
        energy: (showers,) GeV, above 0.
    """
    return _shares(0.2 * np.log(energy) + 0.7, HADRONIC_SLOPE, HADRONIC)


def _shares(maximum: Floats, slope: float, edges: tuple[float, ...]) -> Floats:
    """Parts of the mean shower between edges, (showers, edges + 1); the last has what leaves the back too."""
    power = 1 + slope * np.maximum(maximum, 0.0)
    inside = [gammainc(power, slope * edge) for edge in edges]
    shares: Floats = np.diff(np.stack(inside, axis=1), axis=1, prepend=0.0, append=1.0)
    return shares


def cells(events: int, electromagnetic: Readout, hadronic: Readout) -> Ragged:
    """The cells of both calorimeters that read anything, layer by layer.

    Args:
        events: number of events.
        electromagnetic: the calorimeter in front.
        hadronic: the one behind.

    Returns:
        Cells of each event with the fields eta, phi (middle of the cell), energy (GeV, above 0) and layer (int8).
    """
    parts = []
    shares = (
        electromagnetic_shares(electromagnetic.energy, electromagnetic.electron),
        hadronic_shares(hadronic.energy),
    )
    for first, share, readout in zip((0, shares[0].shape[1]), shares, (electromagnetic, hadronic), strict=True):
        parts.append(_layered(readout, share, first))
    event, *values = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(event, kind="stable")
    named = zip(("eta", "phi", "energy", "layer"), values, strict=True)
    return Ragged.from_counts(np.bincount(event, minlength=events), {name: column[order] for name, column in named})


def _layered(readout: Readout, shares: Floats, first: int) -> tuple[Ints, Floats, Floats, Floats, NDArray[np.int8]]:
    """Event, eta, phi, energy and layer of the cells of one calorimeter."""
    towers, number = readout.towers, shares.shape[1]
    slot = (towers.of[:, None] * number + np.arange(number)).ravel()
    left = np.bincount(slot, (readout.energy[:, None] * shares).ravel(), len(towers.energy) * number)
    energy = left.reshape(-1, number) * (towers.energy / towers.deposited)[:, None]
    tower, layer = np.nonzero(energy > 0)
    eta, phi = grid(readout.calorimeter).centre(towers.cell[tower])
    return towers.event[tower], eta, phi, energy[tower, layer], (layer + first).astype(np.int8)


def cells_around(found: Ragged, where: Axes, event: Ints, radius: float) -> Ragged:
    """The cells within a radius of the axis of each jet, by falling energy, numbers with a fraction in float32.

    Args:
        found: cells of events, as of :func:`cells`.
        where: axes of the jets.
        event: (jets,) event of each jet.
        radius: largest distance in eta and azimuth.
    """
    offsets, cell = gather_rows(found.offsets, event)
    jet = np.repeat(np.arange(len(event)), np.diff(offsets))
    turn = np.abs(found["phi"][cell] - where.phi[jet])
    turn = np.minimum(turn, 2 * np.pi - turn)
    inside = np.flatnonzero(np.hypot(found["eta"][cell] - where.eta[jet], turn) < radius)
    order = inside[np.lexsort((-found["energy"][cell[inside]], jet[inside]))]
    fields = {name: values[cell[order]] for name, values in found.fields.items()}
    single = {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in fields.items()}
    return Ragged(offsets_from_counts(np.bincount(jet[inside], minlength=len(event))), single)

r"""From six numbers to an event of weak boson fusion, along the peaks of its matrix element.

Each quark leaves a share xi of its energy to the boson it emits. The variables are the rapidity of the Higgs boson, the
two :math:`\ln[(1 - \xi)/\xi]`, the two squared transverse momenta along the propagators
:math:`1/(p_T^2 + (1 - \xi) m^2)^2`, the distance of the jets in azimuth; the azimuth of the whole event is uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.phasespace.maps import Flat, Power
from partonic.simulators.wbf.matrix_element import PB_PER_GEV2
from partonic.simulators.wbf.theory import Constants

DIMENSIONS = 6
# Range of ln[(1 - xi) / xi]; outside lies less than 4e-4 of the cross section with the default cuts.
SPLIT = (-5.5, 8.0)
HIGGS_RAPIDITY = 5.0


@dataclass(frozen=True)
class Points:
    """Momenta and the measure of phase space.

    Args:
        p3: quark from the parton along +z, (4, n) as (E, px, py, pz) in GeV.
        p4: the other quark.
        higgs: the Higgs boson.
        measure: turns the components into pb, (n,).
    """

    p3: Tensor
    p4: Tensor
    higgs: Tensor
    measure: Tensor

    def __getitem__(self, rows: Tensor) -> Points:
        """The chosen points."""
        return Points(self.p3[:, rows], self.p4[:, rows], self.higgs[:, rows], self.measure[rows])


def points(u: Tensor, azimuth: Tensor, constants: Constants, pt_min: float) -> Points:
    """Events from numbers in (0, 1).

    Args:
        u: (n, 6).
        azimuth: of the first quark, in radian, (n,).
        constants: of the theory.
        pt_min: smallest transverse momentum of the quarks, in GeV.
    """
    u = u.T
    flat = Flat(*SPLIT)
    split3, split4 = flat.forward(u[0]), flat.forward(u[1])
    higgs_map, angle_map = Flat(-HIGGS_RAPIDITY, HIGGS_RAPIDITY), Flat(-math.pi, math.pi)
    y, angle = higgs_map.forward(u[2]), angle_map.forward(u[3])
    density = flat.density(u[0]) ** 2 * higgs_map.density(y) * angle_map.density(angle)
    squares = []
    for number, split in ((4, split3), (5, split4)):
        kept = torch.sigmoid(split)  # 1 - xi
        fall = Power(pt_min**2, (constants.energy / 2) ** 2, 2.0, constants.w_mass**2 * kept)
        squares.append(fall.forward(u[number]))
        density = density * 2 * fall.density(squares[-1])
    pt3, pt4 = (square.sqrt() for square in squares)
    x3, y3, x4, y4 = _components(pt3, azimuth) + _components(pt4, azimuth + angle)
    xh, yh = -(x3 + x4), -(y3 + y4)
    transverse = torch.sqrt(constants.higgs_mass**2 + xh * xh + yh * yh)
    higgs = _momentum(transverse, xh, yh, y)
    p3 = _momentum(pt3, x3, y3, y + split3 - torch.log(pt3 / transverse))
    p4 = _momentum(pt4, x4, y4, y - split4 + torch.log(pt4 / transverse))
    constant = (2 * math.pi) ** -4 / 4 / constants.energy**2 * PB_PER_GEV2
    return Points(p3, p4, higgs, constant / density)


def _components(pt: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
    return pt * torch.cos(phi), pt * torch.sin(phi)


def _momentum(transverse: Tensor, px: Tensor, py: Tensor, y: Tensor) -> Tensor:
    """(E, px, py, pz) from the transverse mass and the rapidity."""
    up = torch.exp(y)
    down = 1 / up
    return torch.stack([0.5 * transverse * (up + down), px, py, 0.5 * transverse * (up - down)])

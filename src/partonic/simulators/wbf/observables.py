"""Cuts and observables of an event with two unlabelled jets and a Higgs boson."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.simulators.wbf.matrix_element import dot

OBSERVABLES = (
    "log_pt_j1",
    "log_pt_j2",
    "y_j1",
    "y_j2",
    "abs_delta_phi",
    "cos_delta_phi",
    "signed_sin_delta_phi",
    "log_pt_h",
    "y_h",
    "log_m_jj",
    "abs_delta_y",
    "log_energy",
    "pz_over_energy",
    "signed_y_j1",
    "signed_y_j2",
)
# What else there is to see where the measured momenta do not balance.
BALANCE = ("log_pt_balance", "cos_delta_phi_h", "signed_sin_delta_phi_h")


@dataclass(frozen=True)
class Cuts:
    """What is asked of the two jets.

    Args:
        pt: smallest transverse momentum of both, in GeV; above 0.
        eta: largest absolute pseudorapidity.
        mass: smallest mass of the pair, in GeV.
        delta_eta: smallest distance in pseudorapidity.

    Raises:
        InputError: a cut is out of range.
    """

    pt: float = 20.0
    eta: float = 5.0
    mass: float = 250.0
    delta_eta: float = 2.0

    def __post_init__(self) -> None:
        if not (self.pt > 0 and 0 < self.eta <= 8 and self.mass >= 0 and 0 <= self.delta_eta < 2 * self.eta):
            raise InputError(
                "the cuts on jets need pt above 0 GeV, eta above 0 and at most 8, mass of 0 GeV or above, "
                f"and delta_eta from 0 to 2 eta, not {self}"
            )

    def passed(self, p3: Tensor, p4: Tensor) -> Tensor:
        """Which events pass, (n,) boolean, from the momenta of the jets, (4, n) each in GeV."""
        pt3, pt4 = torch.hypot(p3[1], p3[2]), torch.hypot(p4[1], p4[2])
        eta3, eta4 = torch.asinh(p3[3] / pt3), torch.asinh(p4[3] / pt4)
        hard = (pt3 > self.pt) & (pt4 > self.pt) & (2 * dot(p3, p4) > self.mass**2)
        return hard & (eta3.abs() < self.eta) & (eta4.abs() < self.eta) & ((eta3 - eta4).abs() > self.delta_eta)


def observables(p3: Tensor, p4: Tensor, higgs: Tensor) -> Tensor:
    """Fifteen numbers that fix the event up to its azimuth, the same for both orders of the jets.

    Jets are sorted by falling transverse momentum; the sine of the azimuth between them has the sign of their order in
    rapidity.

    Args:
        p3: one jet, (4, n) as (E, px, py, pz) in GeV.
        p4: the other.
        higgs: the Higgs boson.

    Returns:
        (n, 15), in the order of :data:`OBSERVABLES`; logarithms of GeV.
    """
    swap = torch.hypot(p4[1], p4[2]) > torch.hypot(p3[1], p3[2])
    j1, j2 = torch.where(swap, p4, p3), torch.where(swap, p3, p4)
    pt1, pt2 = torch.hypot(j1[1], j1[2]), torch.hypot(j2[1], j2[2])
    y1, y2 = torch.asinh(j1[3] / pt1), torch.asinh(j2[3] / pt2)
    angle = torch.atan2(j1[1] * j2[2] - j1[2] * j2[1], j1[1] * j2[1] + j1[2] * j2[2])
    sign = torch.where(y1 > y2, 1.0, -1.0)
    energy, pz = j1[0] + j2[0] + higgs[0], j1[3] + j2[3] + higgs[3]
    numbers = [
        pt1.log(),
        pt2.log(),
        y1,
        y2,
        angle.abs(),
        angle.cos(),
        sign * angle.sin(),
        (torch.hypot(higgs[1], higgs[2]) + 1).log(),
        torch.atanh(higgs[3] / higgs[0]),
        0.5 * (2 * dot(j1, j2)).log(),
        (y1 - y2).abs(),
        energy.log(),
        pz / energy,
        sign * y1,
        sign * y2,
    ]
    return torch.stack(numbers, -1)


def balance(p3: Tensor, p4: Tensor, higgs: Tensor) -> Tensor:
    """What is measured beyond the observables where jets and Higgs boson do not balance, for both orders of the jets.

    Args:
        p3: one jet, (4, n) as (E, px, py, pz) in GeV.
        p4: the other.
        higgs: the Higgs boson.

    Returns:
        (n, 3), in the order of :data:`BALANCE`: the log of 1 GeV more than the transverse momentum of all three, and
        the azimuth between the Higgs boson and the harder jet, its sine with the sign of the order of the jets in
        rapidity.
    """
    pt3, pt4 = torch.hypot(p3[1], p3[2]), torch.hypot(p4[1], p4[2])
    swap = pt4 > pt3
    hard = torch.where(swap, p4, p3)
    y3, y4 = torch.asinh(p3[3] / pt3), torch.asinh(p4[3] / pt4)
    sign = torch.where((y3 > y4) ^ swap, 1.0, -1.0)
    total = p3 + p4 + higgs
    angle = torch.atan2(hard[1] * higgs[2] - hard[2] * higgs[1], hard[1] * higgs[1] + hard[2] * higgs[2])
    return torch.stack([torch.log1p(torch.hypot(total[1], total[2])), angle.cos(), sign * angle.sin()], -1)

"""Decays of the Higgs boson: isotropic ones to two taus or photons; what is measured of these and of four leptons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import unknown
from partonic.phasespace.rambo import boost

TWO_BODY_OBSERVABLES = ("log_pt_d1", "log_pt_d2", "y_d1", "y_d2", "abs_delta_phi_d")
LEPTON_OBSERVABLES = (
    "log_m_z1",
    "log_m_z2",
    "cos_theta_star",
    "cos_theta_1",
    "cos_theta_2",
    "cos_phi",
    "sin_phi",
    "log_pt_l1",
    "log_pt_l2",
    "log_pt_l3",
    "log_pt_l4",
    "y_l1",
    "y_l2",
    "y_l3",
    "y_l4",
)


@dataclass(frozen=True)
class Decay:
    """What the Higgs boson becomes.

    Args:
        name: as asked for.
        collection: of the decay products in the events; empty for a stable Higgs boson.
        pid: numbers of the products in the scheme of the Particle Data Group.
        mass: of each, in GeV.
        observables: columns that the decay brings.
    """

    name: str
    collection: str
    pid: tuple[int, ...]
    mass: float
    observables: tuple[str, ...]

    @property
    def four_leptons(self) -> bool:
        """Whether the decay depends on theta."""
        return len(self.pid) == 4

    @property
    def identical(self) -> bool:
        """Whether all leptons are of one flavour."""
        return self.four_leptons and abs(self.pid[0]) == abs(self.pid[2])


DECAYS = {
    decay.name: decay
    for decay in (
        Decay("stable", "", (), 0.0, ()),
        Decay("tautau", "taus", (15, -15), 1.77686, TWO_BODY_OBSERVABLES),
        Decay("photons", "photons", (22, 22), 0.0, TWO_BODY_OBSERVABLES),
        Decay("2e2mu", "leptons", (11, -11, 13, -13), 0.0, LEPTON_OBSERVABLES),
        Decay("4e", "leptons", (11, -11, 11, -11), 0.0, LEPTON_OBSERVABLES),
        Decay("4mu", "leptons", (13, -13, 13, -13), 0.0, LEPTON_OBSERVABLES),
    )
}


def decay_of(name: str) -> Decay:
    """The decay of this name.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    if name not in DECAYS:
        raise unknown("decay of the Higgs boson", name, DECAYS)
    return DECAYS[name]


def two_body(higgs: Tensor, mass: float, rng: np.random.Generator) -> Tensor:
    """Two equal particles, isotropic in the rest frame of their parent.

    Args:
        higgs: momenta of the parents, (4, n) as (E, px, py, pz) in GeV.
        mass: of each product, below half of the parent's.
        rng: source of randomness.

    Returns:
        (2, 4, n).
    """
    n = higgs.shape[1]
    square = higgs[0] ** 2 - (higgs[1:] ** 2).sum(0)
    half = 0.5 * torch.sqrt(square)
    cos, azimuth = torch.from_numpy(rng.uniform(-1, 1, n)), torch.from_numpy(rng.uniform(-math.pi, math.pi, n))
    sin, size = torch.sqrt(1 - cos * cos), torch.sqrt(half * half - mass * mass)
    axis = size * torch.stack([sin * torch.cos(azimuth), sin * torch.sin(azimuth), cos])
    return moved(torch.stack([torch.cat([half[None], axis]), torch.cat([half[None], -axis])]), higgs)


def moved(products: Tensor, higgs: Tensor) -> Tensor:
    """Decay products from the rest frame of the Higgs boson to the laboratory, (k, 4, n), in GeV."""
    return torch.stack([boost(p.T, higgs.T).T for p in products])


def two_body_observables(products: Tensor) -> Tensor:
    """The columns of :data:`TWO_BODY_OBSERVABLES`, products by falling pT, (n, 5); from (2, 4, n)."""
    pt = torch.hypot(products[:, 1], products[:, 2])
    swap = pt[1] > pt[0]
    one, two = (torch.where(swap, products[i], products[j]) for i, j in ((1, 0), (0, 1)))
    angle = torch.atan2(one[1] * two[2] - one[2] * two[1], one[1] * two[1] + one[2] * two[2])
    numbers = [
        *(0.5 * torch.log(p[1] ** 2 + p[2] ** 2) for p in (one, two)),
        _rapidity(one),
        _rapidity(two),
        angle.abs(),
    ]
    return torch.stack(numbers, -1)


def lepton_observables(leptons: Tensor, identical: bool, z_mass: float) -> Tensor:
    r"""Masses of both pairs and the angles of the decay, and pT and rapidity of each lepton.

    The first pair is the one whose mass is nearer to the Z. :math:`\theta^*` is the angle of the first pair to the
    flight of the Higgs boson, in its rest frame; :math:`\theta_1, \theta_2` those of the negative leptons to the flight
    of their pair, in the rest frame of that; :math:`\Phi` is the angle between the planes of the two decays.

    Args:
        leptons: l- l+ l- l+, (4, 4, n), in the laboratory, in GeV.
        identical: whether all are of one flavour, so that both pairings compete.
        z_mass: in GeV.

    Returns:
        (n, 15), in the order of :data:`LEPTON_OBSERVABLES`.
    """
    orders = [(0, 1, 2, 3), (2, 3, 0, 1)] + ([(0, 3, 2, 1), (2, 1, 0, 3)] if identical else [])
    away = torch.stack([(_mass(leptons[a] + leptons[b]) - z_mass).abs() for a, b, _, _ in orders])
    chosen = torch.tensor(orders)[away.argmin(0)].T  # (4, n)
    p = leptons.gather(0, chosen[:, None].expand(4, 4, -1))
    higgs = p.sum(0)
    rest = torch.stack([boost(one.T, higgs.T, back=True).T for one in p])
    pairs = rest[0] + rest[1], rest[2] + rest[3]
    flight = pairs[0][1:] / pairs[0][1:].norm(dim=0)
    helicity = [_cosine(rest[2 * i], pairs[i]) for i in (0, 1)]
    normals = [torch.linalg.cross(rest[i][1:], rest[i + 1][1:], dim=0) for i in (0, 2)]
    one, two = (normal / normal.norm(dim=0).clamp_min(1e-300) for normal in normals)
    star = (flight * higgs[1:]).sum(0) / higgs[1:].norm(dim=0).clamp_min(1e-300)
    phi = (one * two).sum(0), (torch.linalg.cross(one, two, dim=0) * flight).sum(0)
    momenta = [0.5 * torch.log(one[1] ** 2 + one[2] ** 2) for one in p] + [_rapidity(one) for one in p]
    return torch.stack([*(_mass(pair).log() for pair in pairs), star, *helicity, *phi, *momenta], -1)


def _mass(p: Tensor) -> Tensor:
    return torch.sqrt((p[0] ** 2 - (p[1:] ** 2).sum(0)).clamp_min(1e-12))


def _rapidity(p: Tensor) -> Tensor:
    square = (p[0] ** 2 - (p[1:] ** 2).sum(0)).clamp_min(0.0)
    return torch.asinh(p[3] / torch.sqrt(square + p[1] ** 2 + p[2] ** 2))


def _cosine(lepton: Tensor, pair: Tensor) -> Tensor:
    """Cosine of the angle of a lepton to the flight of its pair, in the rest frame of the pair."""
    own = boost(lepton.T, pair.T, back=True).T[1:]
    cosine: Tensor = (own * pair[1:]).sum(0) / (own.norm(dim=0) * pair[1:].norm(dim=0)).clamp_min(1e-300)
    return cosine

r"""The density of smeared events: components integrated over what the true momenta may have been.

.. math:: p(x|\theta) \propto \int \mathrm{d}z\, c(z) \cdot \phi(\theta)\, W(x|z),

seven dimensions (ln E, pseudorapidity and azimuth of both jets, the rapidity of the Higgs boson, whose transverse
momentum balances the jets), both orders of the jets. For each event the product of all transfer functions is fitted by
a Gaussian in z (the balance of momentum makes it a kinematic fit), and the integral is the mean over points of that
Gaussian, somewhat widened, from scrambled Sobol sequences. Several scrambles tell the error of each event.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.simulators.wbf.matrix_element import Invariants, MatrixElement, invariants
from partonic.simulators.wbf.observables import Cuts
from partonic.simulators.wbf.smearing import Smearing, massive, massless, numbers
from partonic.simulators.wbf.theory import Constants, Floats, basis

Density = Callable[[Invariants], Tensor]

ROUNDS = 4  # steps of the kinematic fit
BLOCK = 16_384
DIMENSIONS = 7


@dataclass(frozen=True)
class Quadrature:
    """Options of the integral over transfer functions.

    Args:
        points: of each scramble, a power of two, 8 to 8192.
        scrambles: from whose spread the error is taken, 2 to 64.
        widening: of the Gaussian that the points are drawn from, 1 to 2.
        seed: of the scrambles; the same for all events.

    Raises:
        InputError: an option is out of range.
    """

    points: int = 32
    scrambles: int = 8
    widening: float = 1.15
    seed: int = 0

    def __post_init__(self) -> None:
        if not (8 <= self.points <= 8192 and self.points & (self.points - 1) == 0):
            raise InputError(f"the points of a quadrature are a power of two from 8 to 8192, not {self.points}")
        if not 2 <= self.scrambles <= 64:
            raise InputError(f"a quadrature needs 2 to 64 scrambles, not {self.scrambles}")
        if not 1 <= self.widening <= 2:
            raise InputError(f"the widening of a quadrature is from 1 to 2, not {self.widening}")

    @cached_property
    def normals(self) -> Tensor:
        """Standard normal numbers, (scrambles * points, 7)."""
        seeds = generator(self.seed).integers(2**31, size=self.scrambles)
        drawn = [qmc.Sobol(DIMENSIONS, rng=int(seed)).random(self.points) for seed in seeds]
        return torch.from_numpy(norm.ppf(np.concatenate(drawn).clip(1e-12, 1 - 1e-12)))


@dataclass(frozen=True)
class Integrated:
    """Components of smeared events with what is known of their errors.

    Args:
        scrambles: components of each event from each scramble, (scrambles, n, k).
    """

    scrambles: Floats

    @property
    def components(self) -> Floats:
        """The best value, the mean over scrambles, (n, k)."""
        mean: Floats = self.scrambles.mean(axis=0)
        return mean

    def error(self, theta: Any, reference: Any = (0.0, 0.0)) -> Floats:
        """Standard error of the log of p(x|theta) / p(x|reference) of each event, (n,), from the spread of scrambles.

        Args:
            theta: (2,).
            reference: (2,).
        """
        logs = np.log(self.scrambles @ basis(theta)) - np.log(self.scrambles @ basis(reference))
        result: Floats = logs.std(axis=0, ddof=1) / math.sqrt(len(logs))
        return result


def integrate(
    jets: tuple[Tensor, Tensor],
    higgs: Tensor,
    element: MatrixElement,
    smearing: Smearing,
    cuts: Cuts,
    options: Quadrature,
    density: Density | None = None,
) -> Integrated:
    """Components of p(x|theta) of smeared events, summed over channels and both orders of the jets.

    Args:
        jets: the two that are seen, (4, n) each as (E, px, py, pz) in GeV.
        higgs: the Higgs boson that is seen, (4, n).
        element: the matrix element.
        smearing: the transfer functions.
        cuts: on the true jets.
        options: of the quadrature.
        density: what is integrated, (channels, k, n) from invariants; the k = 6 components of the element if None.

    Raises:
        InputError: no true momenta within the cuts can have given an event.
    """
    seen = numbers(*jets, higgs)  # (9, n)
    nodes, parts = options.normals, []
    chosen = element.components if density is None else density
    block = max(1, BLOCK // len(nodes))
    for start in range(0, seen.shape[1], block):
        one = seen[:, start : start + block]
        values = _values(one, nodes, element.constants, chosen, smearing, cuts, options.widening)  # (k, events, nodes)
        parts.append(values.reshape(len(values), one.shape[1], options.scrambles, options.points).mean(-1))
    found: Floats = torch.cat(parts, 1).permute(2, 1, 0).contiguous().numpy()
    bad = np.flatnonzero(~(found[..., 0] > 0).all(axis=0))
    if bad.size:
        raise InputError(
            f"event {int(bad[0]) + 1:,} ({bad.size:,} in all) has no true momenta within the cuts that can have given "
            "it; was it made with this smearing? If so, ask for more points of the quadrature"
        )
    return Integrated(found)


def _values(
    seen: Tensor,
    nodes: Tensor,
    constants: Constants,
    density: Density,
    smearing: Smearing,
    cuts: Cuts,
    widening: float,
) -> Tensor:
    """Integrand over the density of the points, (k, n, points)."""
    centre, factor = kinematic_fit(seen, smearing)
    factor = widening * factor
    z = centre[..., None] + factor @ nodes.T  # (n, 7, points)
    size = torch.log(torch.diagonal(factor, dim1=1, dim2=2)).sum(-1)
    log_drawn = -0.5 * nodes.square().sum(-1) - 3.5 * math.log(2 * math.pi) - size[:, None]
    z = z.permute(1, 0, 2)  # (7, n, points)
    p3, p4 = massless(z[:3]), massless(z[3:6])
    balance = -(p3[1:3] + p4[1:3])
    mass, energy = constants.higgs_mass, constants.energy
    higgs = massive(balance, z[6], mass * mass)
    true = torch.cat([z[:6], balance, z[6:]])
    weight = torch.exp(smearing.log_density(seen[..., None], true) - log_drawn)
    weight = weight * (p3[1:3] ** 2).sum(0) * (p4[1:3] ** 2).sum(0)  # pt dpt = pt^2 d ln E
    shape = weight.shape
    p3, p4, higgs = (p.reshape(4, -1) for p in (p3, p4, higgs))
    one, two = invariants(p3, p4, higgs, energy), invariants(p4, p3, higgs, energy)
    inside = (one.x1 < 1) & (one.x2 < 1) & cuts.passed(p3, p4)
    rows = torch.nonzero(inside).squeeze(1)
    both = (density(one[rows]) + density(two[rows])).sum(0)
    result = torch.zeros(len(both), len(inside), dtype=torch.float64)
    result[:, rows] = both * weight.reshape(-1)[rows]
    return result.reshape(len(both), *shape)


def kinematic_fit(seen: Tensor, smearing: Smearing) -> tuple[Tensor, Tensor]:
    """The Gaussian that the transfer functions make of the true momenta, by Gauss and Newton.

    Args:
        seen: (9, n): ln E, eta, phi of one jet, the same of the other, px, py and y of the Higgs boson.
        smearing: the transfer functions.

    Returns:
        The centre in (ln E, eta, phi, ln E, eta, phi, y), (n, 7), and the lower triangular root of the covariance,
        (n, 7, 7).
    """
    n = seen.shape[1]
    measured = torch.cat([seen[:6], seen[8:]]).T.contiguous()  # (n, 7)
    measured[:, [0, 3]] -= smearing.shift
    z = measured.clone()
    for _ in range(ROUNDS):
        one, two = massless(z[:, :3].T), massless(z[:, 3:6].T)
        slope = torch.zeros(n, 2, DIMENSIONS, dtype=torch.float64)
        for p, place in ((one, 0), (two, 3)):
            tanh = p[3] / p[0]
            slope[:, :, place] = p[1:3].T
            slope[:, :, place + 1] = -(p[1:3] * tanh).T
            slope[:, 0, place + 2], slope[:, 1, place + 2] = -p[2], p[1]
        sizes = torch.full_like(z, smearing.jet_eta)
        sizes[:, 0], sizes[:, 3] = smearing.spread(z[:, 0]), smearing.spread(z[:, 3])
        sizes[:, 2], sizes[:, 5], sizes[:, 6] = smearing.jet_phi, smearing.jet_phi, smearing.higgs_rapidity
        precision = torch.diag_embed(sizes**-2) + slope.mT @ slope / smearing.higgs_pt**2
        missing = -(one[1:3] + two[1:3]).T - seen[6:8].T  # what the Higgs boson lacks, (n, 2)
        gradient = (measured - z) / sizes**2 + (slope.mT @ missing[..., None])[..., 0] / smearing.higgs_pt**2
        root = torch.linalg.cholesky(precision)
        z = z + torch.cholesky_solve(gradient[..., None], root)[..., 0]
    covariance = torch.cholesky_inverse(root)
    return z, torch.linalg.cholesky(covariance)

"""Weighted and unweighted points of weak boson fusion: maps of phase space, a VEGAS grid, a cap on the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError, SimulationError
from partonic.core.rng import generator
from partonic.phasespace.unweight import Cap, find_cap, keep
from partonic.phasespace.vegas import Grid
from partonic.simulators.wbf.matrix_element import Invariants, MatrixElement, invariants
from partonic.simulators.wbf.observables import Cuts
from partonic.simulators.wbf.phase_space import DIMENSIONS, Points, points
from partonic.simulators.wbf.smearing import Smearing
from partonic.simulators.wbf.theory import Floats

BLOCK = 16_384
ROUNDS, ROUND = 8, 3 * BLOCK
TRIAL = 32 * BLOCK
FRUITLESS = 2_000  # blocks without an event, after which the cuts are taken to be impossible


@dataclass(frozen=True)
class Weighted:
    """Points that passed the cuts, out of all that were tried.

    Args:
        momenta: of the points, with the measure.
        invariants: of the same.
        cells: of the grid, (n, 6).
        jacobian: of the grid, (n,).
    """

    momenta: Points
    invariants: Invariants
    cells: Tensor
    jacobian: Tensor


@dataclass(frozen=True)
class Plan:
    """How to draw events whose density is ``components @ form``.

    Args:
        form: (6,).
        grid: adapted to it.
        cap: of the weights, in pb.
        components: cross section of each component and channel within the cuts, smeared if asked for, in pb, (2, 6).
        covariance: of the sum over channels, (6, 6), in pb^2.
    """

    form: Floats
    grid: Grid
    cap: Cap
    components: Floats
    covariance: Floats


class Sampler:
    """Draws points for one matrix element and one set of cuts.

    Args:
        element: the matrix element.
        cuts: on the jets that are seen.
        smearing: transfer functions from the true jets to those, or None where they are the same.
    """

    def __init__(self, element: MatrixElement, cuts: Cuts, smearing: Smearing | None = None) -> None:
        self.element = element
        self.cuts = cuts
        self.smearing = smearing
        self.true_cuts = cuts if smearing is None else smearing.loosened(cuts)

    def block(self, grid: Grid, rng: np.random.Generator, n: int = BLOCK) -> Weighted:
        """Try ``n`` points; give those that are inside."""
        constants = self.element.constants
        drawn = grid.draw(torch.from_numpy(rng.random((n, DIMENSIONS))))
        azimuth = torch.from_numpy(rng.uniform(-np.pi, np.pi, n))
        tried = points(drawn.points, azimuth, constants, self.true_cuts.pt)
        known = invariants(tried.p3, tried.p4, tried.higgs, constants.energy)
        inside = (known.x1 < 1) & (known.x2 < 1) & self.true_cuts.passed(tried.p3, tried.p4)
        rows = torch.nonzero(inside).squeeze(1)
        return Weighted(tried[rows], known[rows], drawn.cells[rows], drawn.jacobian[rows])

    def weights(self, seen: Weighted, form: Floats) -> Tensor:
        """Weight of the points for the density ``components @ form``, in pb, (n,)."""
        scale = seen.momenta.measure * seen.jacobian
        if form[0] == 1 and not form[1:].any():
            return self.element.standard(seen.invariants).sum(0) * scale
        return (torch.from_numpy(form) @ self.element.components(seen.invariants).sum(0)) * scale

    def plan(self, form: Floats, overweight: float, seed: int = 0) -> Plan:
        """Adapt the grid, find the cap and integrate; from a fixed seed, so that the same options give the same plan.

        Args:
            form: (6,), such that the density is nowhere negative.
            overweight: largest share of the cross section above the cap.
            seed: of the numbers used here.

        Raises:
            SimulationError: no point passes the cuts.
        """
        rng = generator(seed)
        grid = Grid.uniform(DIMENSIONS)
        for _ in range(ROUNDS):
            blocks = [self.block(grid, rng) for _ in range(ROUND // BLOCK)]
            weights = torch.cat([self.weights(part, form) for part in blocks])
            if len(weights) == 0 or float(weights.max()) <= 0:
                raise SimulationError(f"no event of weak boson fusion passes {self.cuts}; loosen the cuts")
            grid = grid.refined(torch.cat([part.cells for part in blocks]), weights**2)
        return self._measure(form, grid, overweight, rng)

    def _measure(self, form: Floats, grid: Grid, overweight: float, rng: np.random.Generator) -> Plan:
        weights, channels = [], np.zeros((2, 6))
        squares = np.zeros((6, 6))
        for _ in range(TRIAL // BLOCK):
            part = self.block(grid, rng)
            components = self.element.components(part.invariants) * (part.momenta.measure * part.jacobian)
            weights.append(torch.from_numpy(form) @ components.sum(0))
            if self.smearing is not None:
                seen = self.smearing.smeared(part.momenta.p3, part.momenta.p4, part.momenta.higgs, rng)
                components = components * self.cuts.passed(seen[0], seen[1])
            both = components.sum(0).numpy()
            channels += components.sum(2).numpy()
            squares += both @ both.T
        tried = torch.cat(weights)
        if bool((tried < -1e-9 * tried.max()).any()):
            raise InputError("the density to draw from is negative somewhere; it must be a mean over values of theta")
        all_weights = torch.cat([tried.clamp_min(0.0), torch.zeros(TRIAL - len(tried), dtype=torch.float64)])
        mean = channels / TRIAL
        total = mean.sum(0)
        covariance = (squares / TRIAL - np.outer(total, total)) / TRIAL
        return Plan(form, grid, find_cap(all_weights, overweight), mean, covariance)

    def unweighted(self, plan: Plan, n: int, rng: np.random.Generator) -> Points:
        """``n`` events of equal weight within the cuts on true jets.

        Raises:
            SimulationError: hardly any point is kept.
        """
        kept: list[Points] = []
        found = blocks = 0
        while found < n:
            if blocks >= FRUITLESS and found == 0:
                raise SimulationError(f"no event of weak boson fusion was kept with {self.cuts}; loosen the cuts")
            part = self.block(plan.grid, rng)
            weights = self.weights(part, plan.form)
            chosen = keep(weights, plan.cap, torch.from_numpy(rng.random(len(weights))))
            rows = torch.nonzero(chosen).squeeze(1)
            kept.append(part.momenta[rows])
            found, blocks = found + len(rows), blocks + 1
        names = ("p3", "p4", "higgs", "measure")
        return Points(**{name: torch.cat([getattr(part, name) for part in kept], -1)[..., :n] for name in names})

"""Integrals whose value and one of whose distributions are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from partonic.core.errors import unknown
from partonic.core.estimate import Estimate
from partonic.integrate.channels import Cube, CubeMap
from partonic.integrate.integrand import Function
from partonic.integrate.processes import BosonFusion, DrellYan, EventIntegrand, MuonPair

Array = NDArray[np.float64]
WIDTH, RIDGE, PEAKS = 0.2, 0.05, (0.25, 0.75)
NODES = 60


@dataclass(frozen=True)
class KnownIntegral:
    """An integrand with its truth.

    Args:
        name: of it.
        about: one sentence.
        function: the integrand.
        channels: that lead to its points.
        exact: the integral; with an error where it comes from other points.
        variable: of points, (n,).
        label: of the variable.
        low: lower end of its range.
        high: upper end.
        curve: density of the variable at given values, up to a factor.
        process: where points are events of a process.
    """

    name: str
    about: str
    function: Function
    channels: tuple[CubeMap, ...]
    exact: Estimate
    variable: Callable[[Tensor], Tensor]
    label: str
    low: float
    high: float
    curve: Callable[[Array], Array]
    process: EventIntegrand | None = None


def exactly(value: float) -> Estimate:
    """A value that is known."""
    return Estimate(value, value, value, "exact")


@dataclass(frozen=True)
class Camel:
    """Two Gaussian peaks on the diagonal of the cube.

    Args:
        dim: number of variables.
    """

    dim: int = 8

    def __call__(self, x: Tensor) -> Tensor:
        """Values, (n,)."""
        norm = 2 * (WIDTH * math.sqrt(math.pi)) ** self.dim
        first, second = (torch.exp(-((x - m) ** 2).sum(1) / WIDTH**2) for m in PEAKS)
        return (first + second) / norm


@dataclass(frozen=True)
class Ridge:
    """A Gaussian ridge along the diagonal of two variables, times 1 + the third."""

    def __call__(self, x: Tensor) -> Tensor:
        """Values, (n,)."""
        return torch.exp(-((x[:, 0] - x[:, 1]) ** 2) / (2 * RIDGE**2)) * (1 + x[:, 2])


def product() -> KnownIntegral:
    """What factorises."""
    return KnownIntegral(
        "product",
        "The product of 2x over four variables: what a grid follows by itself.",
        _product,
        (Cube(4),),
        exactly(1.0),
        lambda y: y[:, 0],
        "x",
        0.0,
        1.0,
        lambda x: 2 * x,
    )


def _product(x: Tensor) -> Tensor:
    return (2 * x).prod(1)


def camel() -> KnownIntegral:
    """Two modes in eight dimensions."""
    one = 0.5 * (math.erf(PEAKS[1] / WIDTH) + math.erf(PEAKS[0] / WIDTH))
    return KnownIntegral(
        "camel",
        "Two Gaussian peaks on the diagonal of eight dimensions: a grid for both has 254 ghosts.",
        Camel(),
        (Cube(8),),
        exactly(one**8),
        lambda y: y[:, 0],
        "x",
        0.0,
        1.0,
        lambda x: np.exp(-(((x - PEAKS[0]) / WIDTH) ** 2)) + np.exp(-(((x - PEAKS[1]) / WIDTH) ** 2)),
    )


def ridge() -> KnownIntegral:
    """A correlation that no grid can follow."""
    inner = RIDGE * math.sqrt(2 * math.pi) * math.erf(1 / (RIDGE * math.sqrt(2)))
    inner -= 2 * RIDGE**2 * (1 - math.exp(-0.5 / RIDGE**2))
    return KnownIntegral(
        "ridge",
        "A narrow ridge along the diagonal of two variables: what a flow learns and a grid cannot.",
        Ridge(),
        (Cube(3),),
        exactly(1.5 * inner),
        lambda y: y[:, 0] - y[:, 1],
        "x1 - x2",
        -0.25,
        0.25,
        lambda t: np.exp(-0.5 * (t / RIDGE) ** 2) * (1 - np.abs(t)),
    )


def muon_pairs() -> KnownIntegral:
    """Electrons and positrons below the Z."""
    process = MuonPair(80.0)

    def curve(cos: Array) -> Array:
        """The differential cross section at cosines."""
        y = torch.zeros(len(cos), 8, dtype=torch.float64)
        y[:, 3] = torch.from_numpy(0.5 * process.energy * cos)
        return _array(process(y))

    return KnownIntegral(
        "muon-pairs",
        "e+ e- to mu+ mu- at 80 GeV through photon and Z: the cross section and its asymmetry are closed forms.",
        process,
        process.channels,
        exactly(process.known),
        lambda y: 2 * y[:, 3] / process.energy,
        "Cosine of mu- to e-",
        -1.0,
        1.0,
        curve,
        process,
    )


def drell_yan() -> KnownIntegral:
    """Muon pairs of protons around the Z."""
    process = DrellYan(low=60.0, high=120.0)
    k = process.constants
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    cos, by_cos = np.polynomial.legendre.leggauss(4)

    def by_square(s: Array) -> Array:
        """The cross section with respect to the squared mass, by quadrature over the two other variables."""
        grid = np.stack(np.meshgrid(s, 0.5 * (nodes + 1), cos, indexing="ij"), -1).reshape(-1, 3)
        values = _array(process(torch.from_numpy(grid))).reshape(len(s), NODES, 4)
        result: Array = np.einsum("ijk,j,k->i", values, 0.5 * weights, by_cos)
        return result

    ends = [math.atan((m * m - k.z_mass**2) / (k.z_mass * k.z_width)) for m in (process.low, process.high)]
    angle = 0.5 * (ends[0] + ends[1]) + 0.5 * (ends[1] - ends[0]) * nodes
    scale = k.z_mass * k.z_width
    square = k.z_mass**2 + scale * np.tan(angle)
    total = float(by_square(square) @ (weights * 0.5 * (ends[1] - ends[0]) * scale / np.cos(angle) ** 2))
    return KnownIntegral(
        "drell-yan",
        "p p to mu+ mu- from 60 to 120 GeV at 13 TeV: a channel for the Z, one for the photon; truth by quadrature.",
        process,
        process.channels,
        exactly(total),
        lambda y: torch.sqrt(y[:, 0]),
        "mass of the muon pair (GeV)",
        80.0,
        102.0,
        lambda m: 2 * m * by_square(m * m),
        process,
    )


def boson_fusion() -> KnownIntegral:
    """The Higgs boson from weak boson fusion."""
    from partonic.simulators.wbf import WeakBosonFusion

    process = BosonFusion()
    simulator = WeakBosonFusion()
    events = simulator.simulate(process.theta, 20_000, np.random.default_rng(0))
    edges = np.linspace(0, math.pi, 16)
    counts, _ = np.histogram(events.column("abs_delta_phi"), edges)

    def curve(angle: Array) -> Array:
        """The simulator's own events, straight between the middles of bins."""
        result: Array = np.interp(np.abs(angle), 0.5 * (edges[1:] + edges[:-1]), counts.astype(float))
        return result

    return KnownIntegral(
        "boson-fusion",
        "q q' to q q' H by weak boson fusion within cuts; the truth are cross section and events of the simulator.",
        process,
        process.channels,
        simulator.cross_section.at(process.theta),
        lambda y: math.pi * torch.abs(2 * y[:, 3] - 1),
        "azimuth between the jets",
        0.0,
        math.pi,
        curve,
        process,
    )


def _array(values: Tensor) -> Array:
    array: Array = values.numpy()
    return array


KNOWN: dict[str, Callable[[], KnownIntegral]] = {
    "product": product,
    "camel": camel,
    "ridge": ridge,
    "muon-pairs": muon_pairs,
    "drell-yan": drell_yan,
    "boson-fusion": boson_fusion,
}
NEED_SIMULATION = ("drell-yan", "boson-fusion")


def known(name: str) -> KnownIntegral:
    """A known integral by its name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in KNOWN:
        raise unknown("integral", name, KNOWN)
    return KNOWN[name]()


def shares(problem: KnownIntegral, edges: Array) -> Array:
    """Exact share of the events in each bin of the variable within its range, (bins,), by Gauss's rule in each.

    Args:
        problem: the known integral.
        edges: rising, (bins + 1,).
    """
    nodes, weights = np.polynomial.legendre.leggauss(8)
    middles, halves = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    places = middles[:, None] + halves[:, None] * nodes
    content: Any = (problem.curve(places.reshape(-1)).reshape(places.shape) @ weights) * halves
    result: Array = content / content.sum()
    return result

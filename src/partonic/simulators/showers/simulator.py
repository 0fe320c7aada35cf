"""Showers in a cylinder of voxels with the likelihood of what fluctuates in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from partonic.core.errors import InputError, unknown
from partonic.core.registry import register_simulator
from partonic.events.events import Events, concatenate
from partonic.simulators.points import each_event
from partonic.simulators.showers import electromagnetic, hadronic
from partonic.simulators.showers.deposits import lay_spots, sample
from partonic.simulators.showers.geometry import Absorber, Cylinder, Floats

PARTICLES = ("electron", "pion")
CYLINDERS = {"electron": Cylinder(), "pion": Cylinder(10, 140.0, (2.0, 5.0, 10.0, 18.0, 30.0, 60.0))}
LOWEST = {"electron": 0.5, "pion": 2.0}  # GeV, where the parametrisations end
AT_ONCE = 2_000


@register_simulator("calorimeter-showers", paper="arXiv:hep-ex/0001020", theta=(0.0,))
@dataclass(frozen=True)
class CalorimeterShowers:
    r"""Showers of electrons or charged pions that fly along the axis of a calorimeter.

    Electrons shower as :mod:`~partonic.simulators.showers.electromagnetic` says, pions as
    :mod:`~partonic.simulators.showers.hadronic` does: an electromagnetic part and a rest of which a share is invisible.
    All energy is accounted for before it is read: what is in the voxels, behind them, beside them and invisible adds
    up to that of the particle. Readings fluctuate by :math:`a / \sqrt{E}`. A pion leaves nothing before its shower
    starts.

    The parameter :math:`\theta` is the shift of the mean of ln T of electrons (how deep their showers are), the
    logarithm of a factor on the interaction length before the start of the showers of pions. The likelihood is that of
    an event with its latents.

    Args:
        particle: ``electron`` or ``pion``.
        energies: lowest and highest energy in GeV; its logarithm is even between them. At least 0.5 (2 for pions).
        cylinder: of voxels; None for the default of the particle, 10 layers, 6 rings and 8 sectors: 14 cm (25 radiation
            lengths of lead) for electrons, 140 cm (8 interaction lengths) for pions.
        medium: of which the calorimeter is made.
        sampling: a, in square roots of GeV.
        threshold: smallest reading of a voxel that is kept, in GeV.
        response: mean visible share of the hadronic part (h/e); 1 for a compensating calorimeter.

    Raises:
        UnknownNameError: there is no such particle.
        InputError: an option is out of range.
    """

    particle: str = "electron"
    energies: tuple[float, float] = (2.0, 100.0)
    cylinder: Cylinder | None = None
    medium: Absorber = field(default_factory=Absorber)
    sampling: float = 0.1
    threshold: float = 0.005
    response: float = 0.6

    def __post_init__(self) -> None:
        if self.particle not in PARTICLES:
            raise unknown("particle", self.particle, PARTICLES)
        lowest, (low, high) = LOWEST[self.particle], self.energies
        if not lowest <= low <= high < np.inf:
            raise InputError(
                f"energies of each {self.particle} rise from {lowest:g} GeV or more, unlike {self.energies}"
            )
        if not (0 <= self.sampling < np.inf and 0 <= self.threshold < np.inf and 0 < self.response <= 1):
            raise InputError(
                "sampling and threshold are 0 or above and response is above 0 and at most 1, not "
                f"{self.sampling}, {self.threshold} and {self.response}"
            )

    @property
    def geometry(self) -> Cylinder:
        """The cylinder of voxels."""
        return CYLINDERS[self.particle] if self.cylinder is None else self.cylinder

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw showers.

        Args:
            theta: one number, or one an event.
            n: number of showers.
            rng: source of randomness.

        Returns:
            Events with ``voxels`` (n, layers, rings, sectors), what is read; ``x`` (n, layers), the sum of each layer;
            ``energy`` (n,) of the particle; ``deposited``, ``behind``, ``beside`` and ``invisible`` (n,), which add up
            to it; the latents ``z``: ln T and ln alpha, before them for pions the start in interaction lengths, the
            electromagnetic share and the visible share of the rest; ``theta`` (n, 1). Energies in GeV. The gold
            ``joint_score`` is that of the latents.

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 1)
        low, high = np.log(self.energies)
        parts = []
        for start in range(0, n, AT_ONCE):
            some = values[start : start + AT_ONCE]
            energy = np.clip(np.exp(rng.uniform(low, high, len(some))), *self.energies)
            parts.append(self._shower(energy, some[:, 0], rng))
        events = concatenate(parts).with_columns(theta=values)
        gold = {"joint_score": self._score(events, values[:, 0])[:, None]}
        return Events(events.columns, gold=gold, provenance={"process": "calorimeter-showers"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event with its latents, (n,), up to what does not depend on theta."""
        shift = each_event(theta, len(events), 1)[:, 0]
        z = np.asarray(events.column("z"))
        if self.particle == "pion":
            return np.asarray(-shift - z[:, 0] * np.exp(-shift))
        off, precision = self._off(events, shift)
        return np.asarray(-0.5 * np.einsum("ni,nij,nj->n", off, precision, off))

    def _score(self, events: Events, shift: Floats) -> Floats:
        if self.particle == "pion":
            return np.asarray(events.column("z")[:, 0] * np.exp(-shift) - 1)
        off, precision = self._off(events, shift)
        return np.asarray(np.einsum("nj,nj->n", precision[:, 0], off))

    def _off(self, events: Events, shift: Floats) -> tuple[Floats, Floats]:
        """Distance of ln T and ln alpha from their means, (n, 2), and the inverse of their covariance (n, 2, 2)."""
        energy = np.asarray(events.column("energy"))
        off = events.column("z") - electromagnetic.mean_logs(energy, self.medium)
        off[:, 0] -= shift
        covariance = electromagnetic.covariance_of_logs(energy, self.medium)
        return off, np.asarray(np.linalg.inv(covariance), dtype=np.float64)

    def _shower(self, energy: Floats, shift: Floats, rng: np.random.Generator) -> Events:
        """Showers of given energies (n,), without theta."""
        if self.particle == "pion":
            cascade = hadronic.draw_cascade(energy, self.response, shift, rng)
            light, rest = cascade.share * energy, (1 - cascade.share) * energy
            logs = electromagnetic.draw_logs(light, self.medium, np.zeros(len(energy)), rng)
            laid, behind, beside = self._light(light, logs, cascade.start, rng)
            heavy, further, aside = self._heavy(cascade.visible * rest, energy, cascade.start, rng)
            laid, behind, beside = laid + heavy, behind + further, beside + aside
            invisible = (1 - cascade.visible) * rest
            latents = np.column_stack([cascade.start, cascade.share, cascade.visible, logs])
        else:
            latents = electromagnetic.draw_logs(energy, self.medium, shift, rng)
            laid, behind, beside = self._light(energy, latents, np.zeros(len(energy)), rng)
            invisible = np.zeros(len(energy))
        read = sample(laid, self.sampling, self.threshold, rng)
        columns: dict[str, Any] = {
            "x": read.sum(axis=(2, 3)),
            "voxels": read,
            "energy": energy,
            "deposited": laid.sum(axis=(1, 2, 3)),
            "behind": behind,
            "beside": beside,
            "invisible": invisible,
            "z": latents,
        }
        return Events(columns)

    def _light(
        self, energy: Floats, logs: Floats, start: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        """Electromagnetic part: voxels (n, layers, rings, sectors), energy behind and beside them, (n,)."""
        cylinder, medium = self.geometry, self.medium
        edges = cylinder.edges - start[:, None] * medium.interaction_length
        depth = edges / medium.radiation_length
        before = electromagnetic.energy_before(depth, logs)
        number = electromagnetic.spots_of(energy, medium)[:, None]
        spots = number * np.diff(electromagnetic.spots_before(depth, logs, medium), axis=1)
        tau = np.maximum(0.5 * (depth[:, 1:] + depth[:, :-1]), 0.0) / electromagnetic.shape_of(logs)[0][:, None]
        radius = np.asarray(cylinder.radii) / medium.moliere_radius
        within = electromagnetic.energy_within(radius, tau, energy, medium)
        slices = np.diff(before, axis=1) * energy[:, None]
        laid, beside = lay_spots(slices, spots, within, cylinder, rng)
        return laid, (1 - before[:, -1]) * energy, beside

    def _heavy(
        self, visible: Floats, energy: Floats, start: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        """Hadronic part that is visible, as :meth:`_light`."""
        cylinder, unit = self.geometry, self.medium.interaction_length
        depth = cylinder.edges / unit - start[:, None]
        before = hadronic.energy_before(depth, energy)
        shares = np.diff(before, axis=1)
        spots = hadronic.SPOTS * visible[:, None] * shares
        middle = 0.5 * (depth[:, 1:] + depth[:, :-1])
        within = hadronic.energy_within(np.asarray(cylinder.radii) / unit, middle)
        laid, beside = lay_spots(shares * visible[:, None], spots, within, cylinder, rng)
        return laid, (1 - before[:, -1]) * visible, beside

"""Particle guns: one particle an event, at a given energy and direction."""

from collections.abc import Callable

import numpy as np
import pytest

from partonic.events.ragged import Ragged

MASSES = {
    11: 0.000511,
    13: 0.10566,
    211: 0.13957,
    2212: 0.93827,
    321: 0.49368,
    310: 0.49761,
    130: 0.49761,
    111: 0.13498,
}
CHARGES = {11: -1, -11: 1, 13: -1, -13: 1, 211: 1, -211: -1, 2212: 1, 321: 1}


def _gun(pid: int, energy: float, eta: float, events: int, vertex: tuple[float, float, float] = (0, 0, 0)) -> Ragged:
    energies = np.full(events, float(energy))
    mass = MASSES.get(abs(pid), 0.0)
    pt = np.sqrt(energies**2 - mass**2) / np.cosh(eta)
    phi = np.linspace(-np.pi, np.pi, events, endpoint=False)
    fields = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "e": energies,
        "pid": np.full(events, pid, dtype=np.int32),
        "charge": np.full(events, CHARGES.get(pid, 0), dtype=np.int8),
    }
    fields |= {name: np.full(events, float(place)) for name, place in zip(("vx", "vy", "vz"), vertex, strict=True)}
    return Ragged.from_counts(np.ones(events, dtype=np.int64), fields)


@pytest.fixture
def gun() -> Callable[..., Ragged]:
    """Particles of one kind, spread evenly in azimuth: ``gun(pid, energy, eta, events, vertex)``."""
    return _gun

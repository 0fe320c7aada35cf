r"""Jets in a medium: a toy of energy loss and broadening between the parton shower and hadronisation.

Two nuclei that collide head on leave a hot medium, through which partons lose energy and are deflected; Lund planes
and images of quenched jets are studied in arXiv:2106.08869. The toy keeps the geometry and the colour factors of such
models and nothing of their dynamics:

- Geometry: hard collisions happen in a disc, the nucleus, with a density :math:`1 - r^2 / R_A^2`; the medium is a
  smaller disc about the same centre (the core; the corona around it is empty, arXiv:0704.1270). The path L of a hard
  parton is what its straight line in the transverse plane has inside the core: jets that start near the edge and go
  outwards have none.
- Partons: each parton at the end of the shower follows the nearest outgoing parton of the hard process, if it is
  within 1.5 of it in rapidity and azimuth, on its path L; the others (remnants of the beams, radiation at wide angles)
  pass freely.
- Energy loss: the parton keeps the share :math:`e^{-x}` of its momentum, with x exponentially distributed about
  :math:`c \, \epsilon \, L`; :math:`c = 1` for quarks and 9/4, the ratio of the colour charges, for gluons.
- Broadening: the parton's momentum is turned by a Gaussian kick across it with :math:`\langle k_T^2 \rangle = c \,
  \hat q L`, which leaves its size as it is.

Masses, flavours and colour flow stay as the shower left them, so that strings are drawn between the same partons; the
lost momentum is gone (the medium does not answer with particles of its own), and energy is not conserved. Nothing of
the shower itself is changed, and nuclear parton densities are those of protons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError, unknown
from partonic.events.ragged import Array

CASIMIR = 9 / 4
"""The colour charge of a gluon over that of a quark."""

REACH = 1.5
"""Largest distance in rapidity and azimuth of a parton to the hard parton that it follows."""


@dataclass(frozen=True)
class Medium:
    """What jets go through.

    Args:
        loss: mean exponent of a quark's energy loss a fm of path; about the mean lost share where it is small.
        kick: mean squared transverse momentum that a quark gains a fm of path, in GeV^2 (the transport coefficient).
        core: radius of the medium in fm.
        nucleus: radius of the disc in which hard collisions happen, in fm; by default that of lead.

    Raises:
        InputError: a number is negative or not finite, or a radius is not above 0.
    """

    loss: float
    kick: float
    core: float = 4.5
    nucleus: float = 6.6

    def __post_init__(self) -> None:
        for name in ("loss", "kick"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"the medium's {name} must be 0 or above, not {value}")
        for name in ("core", "nucleus"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"the medium's radius '{name}' must be above 0 fm, not {value}")


MEDIA = {"vacuum": Medium(0.0, 0.0), "disc": Medium(0.03, 1.5)}
"""The media by name; ``vacuum`` goes the same way through the program and changes nothing."""


def medium_of(name: str, loss: float | None, kick: float | None) -> Medium:
    """The medium of a name with other strengths where they are given.

    Raises:
        UnknownNameError: there is no such medium.
        InputError: a strength is negative, or given for the vacuum.
    """
    if name not in MEDIA:
        raise unknown("medium", name, MEDIA)
    given = {key: value for key, value in (("loss", loss), ("kick", kick)) if value is not None}
    if name == "vacuum" and given:
        raise InputError(f"the vacuum has no {' or '.join(given)}; choose the medium 'disc', or leave the option out")
    return replace(MEDIA[name], **given)


def production_points(medium: Medium, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places of hard collisions, (n, 2) in fm, with the density 1 - r^2 / R^2."""
    radius = medium.nucleus * np.sqrt(1 - np.sqrt(rng.random(n)))
    angle = rng.uniform(-np.pi, np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def path_length(x: Array, y: Array, phi: Array, core: float) -> NDArray[np.float64]:
    """Length in the core (fm) of straight lines from (x, y) in the directions phi."""
    along = x * np.cos(phi) + y * np.sin(phi)
    half = np.sqrt(np.maximum(along**2 - x**2 - y**2 + core**2, 0.0))
    length: NDArray[np.float64] = np.maximum(half - along, 0.0) - np.maximum(-half - along, 0.0)
    return length

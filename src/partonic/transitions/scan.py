"""Transitions over a plane of two parameters, each point on its own, so that processes can share them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from partonic.core.errors import FitError, InputError, unknown
from partonic.transitions.generic import generic_transition
from partonic.transitions.models import MODELS, model
from partonic.transitions.sensitivity import advanced_ligo, lisa, signal_to_noise
from partonic.transitions.transition import transition
from partonic.transitions.waves import Numbers, Strength, gravitational_waves

GENERIC = "generic"


@dataclass(frozen=True)
class Scanned:
    """One point of a plane; what could not be found is nan.

    Args:
        status: ``nucleates``, or why not in a few words.
        temperature: of nucleation, GeV.
        alpha: strength.
        rate: beta/H.
        lisa: signal-to-noise ratio of LISA.
        ligo: signal-to-noise ratio of Advanced LIGO.
    """

    status: str
    temperature: float = math.nan
    alpha: float = math.nan
    rate: float = math.nan
    lisa: float = math.nan
    ligo: float = math.nan


def parameters(name: str) -> tuple[str, ...]:
    """Names of the numbers of a model, or of the generic potential.

    Raises:
        UnknownNameError: there is no such model.
    """
    if name == GENERIC:
        return tuple(one for one in inspect.signature(generic_transition).parameters if one != "degrees")
    if name not in MODELS:
        raise unknown("model of a transition", name, [GENERIC, *MODELS])
    return tuple(inspect.signature(MODELS[name]).parameters)


@dataclass(frozen=True)
class Scanner:
    """The transition of a model at given numbers, and its waves.

    Args:
        name: of the model, or ``generic``.
        wall_velocity: of the bubbles.
        template: of the waves, 2019 or 2024.
        years: that each detector measures.
        degrees: relativistic degrees of freedom.
        fixed: numbers that are the same everywhere.
    """

    name: str
    wall_velocity: float = 0.9
    template: str = "2024"
    years: float = 4.0
    degrees: float = 106.75
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, numbers: Mapping[str, float]) -> Scanned:
        """The transition at some numbers; where there is none, the status says why."""
        try:
            strength = self._strength({**self.fixed, **numbers})
        except (InputError, FitError) as error:
            return Scanned(str(error))
        if isinstance(strength, str):
            return Scanned(strength)
        T, alpha, rate = strength.temperature, strength.alpha, strength.beta_over_hubble
        if not (rate > 0 and alpha > 0):
            return Scanned("bubbles stay too rare", T, alpha, rate)
        try:
            waves = gravitational_waves(
                Numbers(alpha, rate, T, self.degrees),
                self.wall_velocity,
                self.template,  # type: ignore[arg-type]
            )
        except InputError as error:
            return Scanned(str(error), T, alpha, rate)
        ratios = [signal_to_noise(waves.total, detector(self.years)) for detector in (lisa, advanced_ligo)]
        return Scanned("nucleates", T, alpha, rate, *ratios)

    def _strength(self, numbers: Mapping[str, float]) -> Strength | str:
        if self.name == GENERIC:
            return generic_transition(**numbers, degrees=self.degrees)
        chosen = model(self.name, **numbers)
        found = transition(chosen.potential, chosen.temperatures, chosen.starts, self.degrees)
        return found if found.status == "nucleates" else found.status

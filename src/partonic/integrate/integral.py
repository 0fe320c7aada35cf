"""The result of an integration: the number, whether it can be believed, and the density to draw events from."""

from __future__ import annotations

from dataclasses import dataclass, field

from partonic.core.errors import PartonicError
from partonic.core.estimate import Estimate
from partonic.integrate.cost import Price
from partonic.integrate.integrand import Function
from partonic.integrate.measure import MeasuredIntegral
from partonic.integrate.mixture import Mixture
from partonic.integrate.pilot import Pilot
from partonic.integrate.search import Witness


class IntegrationError(PartonicError, RuntimeError):
    """An integral that cannot be believed."""


@dataclass(frozen=True)
class Integral:
    """An integral with its status; one that failed is no result.

    Args:
        measurement: with the final density.
        method: ``grid`` or ``flow``.
        reasons: why it failed; none where it did not.
        mixture: the final density.
        pilot: what the pilot found.
        witness: what evenly spread points say of the final density.
        price: of flows, and from which price of a call on they pay.
        seconds_per_call: processor seconds of a call of the integrand, measured.
        calls: of the integrand in all, of this attempt.
        attempts: from how many seeds it was tried.
        learning: effective share of points at the beginning of each round after the pilot.
        function: the integrand.
        seed: for what is drawn from the result.
    """

    measurement: MeasuredIntegral
    method: str
    reasons: tuple[str, ...]
    mixture: Mixture
    pilot: Pilot
    witness: Witness
    price: Price
    seconds_per_call: float
    calls: int
    attempts: int
    learning: tuple[float, ...]
    function: Function = field(repr=False)
    seed: int = 0

    @property
    def status(self) -> str:
        """``"ok"`` or ``"failed"``."""
        return "failed" if self.reasons else "ok"

    @property
    def exit_code(self) -> int:
        """For scripts: 0 where the status is ok, else 1."""
        return 1 if self.reasons else 0

    @property
    def estimate(self) -> Estimate:
        """The integral with its error; a failed one says so in its note."""
        found = self.measurement.estimate
        note = "" if self.status == "ok" else f"failed: {self.reasons[0]}"
        return Estimate(found.value, found.low, found.high, found.method, note)

    @property
    def effective(self) -> float:
        """Effective share of points, from 0 to 1."""
        return self.measurement.effective

    def require(self) -> Estimate:
        """The integral, or an error where it failed.

        Raises:
            IntegrationError: it failed; with all reasons.
        """
        if self.reasons:
            raise IntegrationError(f"the integral cannot be believed: {'; '.join(self.reasons)}")
        return self.estimate

    def __str__(self) -> str:
        """Number, status and reasons, on a line each."""
        head = (
            f"{self.measurement.estimate} ({self.status}; {self.method}; effective share of points "
            f"{self.effective:.3f}; {self.calls:,} calls)"
        )
        blind = (
            f"a region with hard edges that fills less than {self.witness.blind:.1g} of the volume may have been missed"
        )
        return "\n".join([head, f"{self.price}", blind, *self.reasons])

"""Whether an integral can be believed: reasons why it cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from partonic.integrate.measure import MeasuredIntegral
from partonic.integrate.pilot import Pilot
from partonic.integrate.search import Witness

APART = 4.0  # standard deviations
COOLED, LOST = 4.0, 0.7  # standard deviations below a cooled population, and share of it, that are too low
ROUGH = 0.5  # error of the pilot, as a share of the absolute integral, above which it confirms nothing
LEAST_EFFECTIVE = 0.05
HEAVIEST = 0.02


def judge(pilot: Pilot, found: MeasuredIntegral, seen: Witness, before: Sequence[MeasuredIntegral] = ()) -> list[str]:
    """Reasons against a measurement, none if there is none.

    Args:
        pilot: the integral that other points found, before the density was final.
        found: the measurement.
        seen: what evenly spread points say of the final density.
        before: measurements of attempts from other seeds, that failed.
    """
    reasons = []
    value, error = found.estimate.value, found.estimate.error
    away = abs(value - pilot.integral) / math.hypot(error, pilot.error)
    if away > APART:
        reasons.append(
            f"the pilot found {pilot.integral:.5g} +- {pilot.error:.2g}, the final density {found.estimate}, "
            f"{away:.1f} standard deviations apart: a part of the integrand was missed by one of the two"
        )
    if pilot.error > ROUGH * found.absolute:
        reasons.append(
            f"the pilot found {pilot.integral:.5g} +- {pilot.error:.2g}, too rough to confirm the final density's "
            f"{found.estimate}: give channels that follow the peaks (partonic.integrate.maps), or more calls"
        )
    if not pilot.searched:
        reasons.append(
            "there were too few calls to look for separate peaks, and the grids alone do not show them: give more calls"
        )
    if found.absolute < pilot.cooled - COOLED * pilot.cooled_error and found.absolute < LOST * pilot.cooled:
        reasons.append(
            f"a cooled population of points found an integral of {pilot.cooled:.3g} +- {pilot.cooled_error:.2g}, the "
            f"final density {found.absolute:.5g}: it misses a part of the integrand"
        )
    if found.effective < LEAST_EFFECTIVE:
        reasons.append(
            f"only {100 * found.effective:.2g} % of the points count (effective sample size; {100 * LEAST_EFFECTIVE:g} "
            "% are needed): give channels that follow the peaks of the integrand (partonic.integrate.maps), or more "
            "calls"
        )
    if found.largest > HEAVIEST:
        reasons.append(
            f"a single point carries {100 * found.largest:.2g} % of the integral: there is a peak that the density "
            "does not follow, and perhaps others that no point has met"
        )
    if seen.misses:
        reasons.append(
            f"{seen.calls:,} evenly spread points met {100 * seen.lost:.2g} % more of the integral where the final "
            "density hardly goes: there is a region that it does not follow"
        )
    for number, other in enumerate(before):
        both = math.hypot(error, other.estimate.error)
        if (
            other.effective >= LEAST_EFFECTIVE
            and other.largest <= HEAVIEST
            and abs(value - other.estimate.value) > (APART * both)
        ):
            reasons.append(
                f"attempt {number + 1} from another seed found {other.estimate}, this one {found.estimate}: one of "
                "the two missed a part of the integrand"
            )
    return reasons

"""The section of a page that holds a study's numbers against what theory or earlier measurements say of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.report.page import Section

UNCLEAR = 2.0  # errors by which a number may lie beyond a limit before the answer is no


@dataclass(frozen=True)
class Expected:
    """Where a number should lie.

    Args:
        what: the number and where it should lie, as a sentence.
        found: what the run measured.
        low: it should lie at or above this.
        high: and at or below this.
        errors: and inside by at least so many of its errors; by one, its whole interval lies inside.

    Example:
        >>> same = Estimate.symmetric(0.51, 0.004, "DeLong")
        >>> Expected("No difference: AUC 0.50 +- 0.02", same, 0.48, 0.52).verdict
        'yes'
    """

    what: str
    found: Estimate
    low: float = -math.inf
    high: float = math.inf
    errors: float = 1.0

    @property
    def sentence(self) -> str:
        """What, and by how many errors where it is not one."""
        return self.what if self.errors == 1 else f"{self.what}, beyond {self.errors:g} errors"

    @property
    def verdict(self) -> str:
        """``"yes"`` inside, ``"no"`` outside by more than two errors, else ``"not clear"``."""
        if math.isnan(self.found.value):
            return "not clear"
        at_low = self.found.value - self.low <= self.high - self.found.value
        room = self.found.value - self.low if at_low else self.high - self.found.value
        error = self.found.value - self.found.low if at_low else self.found.high - self.found.value
        if room >= self.errors * error:
            return "yes"
        return "no" if room < -UNCLEAR * error else "not clear"


def expected_section(result: Result, expected: Sequence[Expected]) -> Section | None:
    """A table of what is expected, what was found and whether that holds.

    Returns:
        None where nothing is expected.
    """
    if not expected:
        return None
    result.add_table(
        "expected",
        "What a study that works should find, and what this one found.",
        [{"expected": each.sentence, "found": each.found, "holds": each.verdict} for each in expected],
    )
    text = (
        "Yes where the number and its error (or as many errors as it says) lie inside, no where it lies outside "
        f"by more than {UNCLEAR:g} errors. What is not clear this run has too few jets or trainings to decide."
    )
    return Section("What should come out", text, (), ("expected",))


def below(smaller: Estimate, larger: Estimate) -> Estimate:
    """By how much one number lies below another, their errors in quadrature as if they were independent."""
    down = math.hypot(larger.value - larger.low, smaller.high - smaller.value)
    up = math.hypot(larger.high - larger.value, smaller.value - smaller.low)
    value = larger.value - smaller.value
    return Estimate(value, value - down, value + up, "quadrature")

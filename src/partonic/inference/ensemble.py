"""Several ratios trained from different seeds: their mean, and how far they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, TrainingError
from partonic.inference.ratio import OPTIONS, RatioEstimator, train_ratio
from partonic.inference.samples import Sample

Floats = NDArray[np.float64]
OUTLIER = 20.0  # times the median distance from the median of the losses: such a member diverged
FLOOR = 1e-3  # of the median loss, which no distance falls below


@dataclass(frozen=True)
class RatioEnsemble:
    """The mean of several learned ratios; :func:`train_ensemble` makes it.

    Args:
        members: two or more, of the same reference.
        left_out: one sentence for each member that diverged and is not among them.

    Raises:
        InputError: there are fewer than two members, or their references differ.
    """

    members: tuple[RatioEstimator, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            lost = "; " + "; ".join(self.left_out) if self.left_out else ""
            raise InputError(f"an ensemble needs 2 members or more, not {len(self.members)}{lost}")
        if any(not np.array_equal(one.reference, self.reference) for one in self.members):
            raise InputError("the members of an ensemble must have the same reference")

    @property
    def reference(self) -> Floats:
        """Theta of the denominator, (p,)."""
        return self.members[0].reference

    def each(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Logarithm of the ratio of each member, (members, m, n)."""
        return np.stack([one.log_ratio(x, theta) for one in self.members])

    def log_ratio(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Mean over the members, (m, n), at theta (m, p)."""
        result: Floats = self.each(x, theta).mean(axis=0)
        return result

    def spread(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Standard deviation over the members, (m, n): that of one member, not of the mean."""
        result: Floats = self.each(x, theta).std(axis=0, ddof=1)
        return result

    def covariance(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Covariance over the members of the logarithm of the ratio summed over the events, (m, m)."""
        sums = self.each(x, theta).sum(axis=2)
        return np.atleast_2d(np.cov(sums, rowvar=False))

    def score(self, x: ArrayLike) -> Floats:
        """Mean score at the reference, (n, p)."""
        result: Floats = np.mean([one.score(x) for one in self.members], axis=0)
        return result

    def score_covariance(self, x: ArrayLike) -> Floats:
        """Covariance over the members of the score of each event, (n, p, p)."""
        away = np.stack([one.score(x) for one in self.members])
        away = away - away.mean(axis=0)
        result: Floats = np.einsum("anp,anq->npq", away, away) / (len(away) - 1)
        return result


def train_ensemble(sample: Sample, n: int = 5, directory: Path | str | None = None, **how: Any) -> RatioEnsemble:
    """Train members that differ in their seed: their weights, the order of events, theta, and what is held out.

    A member whose training breaks off, or whose loss is far above that of the others, is left out and named.

    Args:
        sample: the events.
        n: number of members, 2 or more.
        directory: where the fits save their states, in ``member-0`` and so on.
        how: further arguments of :func:`~partonic.inference.ratio.train_ratio`, the same for all.

    Raises:
        InputError: ``n`` is below 2, fewer than 2 members are left, or what ``train_ratio`` raises.
    """
    if n < 2:
        raise InputError(f"an ensemble needs 2 members or more, not {n}")
    options, cutting = how.pop("options", OPTIONS), how.pop("cutting", None)
    members: list[tuple[int, RatioEstimator]] = []
    lost = []
    for i in range(n):
        seed = options.seed + i
        place = None if directory is None else Path(directory) / f"member-{i}"
        cut = None if cutting is None else replace(cutting, seed=seed)
        try:
            trained = train_ratio(sample, options=replace(options, seed=seed), cutting=cut, directory=place, **how)
            members.append((i, trained))
        except TrainingError as error:
            lost.append(f"member {i} diverged: {error}")
    kept, far = _without_outliers(members)
    return RatioEnsemble(tuple(kept), (*lost, *far))


def _without_outliers(members: Sequence[tuple[int, RatioEstimator]]) -> tuple[list[RatioEstimator], list[str]]:
    """The members whose loss is near the median, and a sentence for each other one."""
    losses = np.array([one.facts["best_loss"] for _, one in members])
    if len(losses) < 3:
        return [one for _, one in members], []
    middle = np.median(losses)
    scale = max(float(np.median(np.abs(losses - middle))), FLOOR * abs(middle))
    kept, far = [], []
    for (i, one), loss in zip(members, losses, strict=True):
        if loss - middle > OUTLIER * scale:
            far.append(f"member {i} diverged: its loss is {loss:.4g}, the median of all is {middle:.4g}")
        else:
            kept.append(one)
    return kept, far

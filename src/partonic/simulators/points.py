"""Points in parameter space and draws from flat priors, as the problems with a known answer share them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError

Floats = NDArray[np.float64]


def each_event(theta: ArrayLike, n: int, parameters: int) -> Floats:
    """Theta of each event, (n, parameters).

    Args:
        theta: one number for all parameters, one point (parameters,), or one an event, (n, parameters); where there is
            one parameter, also (n,).
        n: number of events.
        parameters: their number.

    Raises:
        InputError: n is below 1, theta is of another shape, or not finite.
    """
    values = np.asarray(theta, dtype=np.float64)
    if n < 1:
        raise InputError(f"the number of events must be 1 or more, not {n}")
    if parameters == 1 and values.shape == (n,):
        values = values[:, None]
    if values.shape not in ((), (parameters,), (n, parameters)):
        wanted = "one number" if parameters == 1 else f"{parameters} numbers"
        raise InputError(f"theta is {wanted}, or as many an event, not of the shape {values.shape}")
    if not np.all(np.isfinite(values)):
        raise InputError("theta must be finite")
    return np.array(np.broadcast_to(values, (n, parameters)))


def flat_prior(limit: float, n: int, parameters: int, rng: np.random.Generator) -> Floats:
    """Draw theta evenly between ``-limit`` and ``limit``, (n, parameters)."""
    return rng.uniform(-limit, limit, (n, parameters))


def within(limit: float, draw: Callable[[], Floats], n: int, x: ArrayLike) -> Floats:
    """The first n rows of repeated draws that lie between ``-limit`` and ``limit``, (n, parameters).

    Args:
        limit: of the flat prior.
        draw: gives points (m, parameters).
        n: number of rows.
        x: the observed event, named in the error.

    Raises:
        InputError: n is below 1, or a thousand draws do not give n rows.
    """
    if n < 1:
        raise InputError(f"the number of draws must be 1 or more, not {n}")
    kept: list[Floats] = []
    for _ in range(1000):
        drawn = draw()
        kept.append(drawn[np.all(np.abs(drawn) <= limit, axis=1)])
        if sum(map(len, kept)) >= n:
            return np.concatenate(kept)[:n]
    raise InputError(f"x = {np.asarray(x).tolist()} is too far outside the prior, which ends at {limit}")

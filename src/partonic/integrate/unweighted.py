"""Events of equal weight from an integral, with the share of the cross section that unweighting loses."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.events.events import NOMINAL, Events
from partonic.integrate.integral import Integral
from partonic.integrate.integrand import Integrand
from partonic.integrate.processes import EventIntegrand
from partonic.io import lhe_write
from partonic.phasespace.unweight import find_cap, keep

BLOCK = 16_384
TRIAL = 4  # blocks from which the cap is found


@dataclass(frozen=True)
class UnweightedPoints:
    """Points whose density is the absolute integrand.

    Args:
        points: (n, m).
        signs: of the integrand, (n,).
        overweight: share of the integral above the cap, which is lost.
        efficiency: share of the points asked for that were kept.
        tried: calls of the integrand.
        integral: of the integrand.
        seed: of the integral and of the draws.
    """

    points: Tensor
    signs: Tensor
    overweight: Estimate
    efficiency: Estimate
    tried: int
    integral: Estimate
    seed: tuple[int, int]

    def __len__(self) -> int:
        return len(self.points)


def draw(
    integral: Integral, n: int, rng: np.random.Generator, *, workers: int = 1, executor: Executor | None = None
) -> tuple[Tensor, Tensor]:
    """Points of the final density, (n, m), in random order, and f/q, (n,), whose mean is the integral.

    Args:
        integral: from which to draw.
        n: number of points.
        rng: source of randomness.
        workers: processes that ask the integrand; the points are the same for any number.
        executor: where to ask it instead, as a cluster.
    """
    with Integrand(integral.function, workers, executor) as integrand:
        return _draw(integrand, integral, n, rng)


def _draw(integrand: Integrand, integral: Integral, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    mixture = integral.mixture
    counts = rng.multinomial(n, mixture.shares.numpy() / float(mixture.shares.sum()))
    parts = [
        mixture.draw(number, torch.from_numpy(rng.random((int(count), mixture.dim))))
        for number, count in enumerate(counts)
        if count
    ]
    y, q = (torch.cat(part) for part in zip(*parts, strict=True))
    order = torch.from_numpy(rng.permutation(n))
    return y[order], (integrand(y) / q)[order]


def unweight(
    integral: Integral,
    n: int,
    *,
    overweight: float = 1e-3,
    seed: int = 0,
    workers: int = 1,
    executor: Executor | None = None,
) -> UnweightedPoints:
    """Draw points of equal weight (of either sign, where the integrand has both).

    Args:
        integral: from which to draw; it must not have failed.
        n: number of points.
        overweight: share of the integral that the cap may cost.
        seed: of the draws.
        workers: processes that ask the integrand; the points are the same for any number.
        executor: where to ask it instead, as a cluster.

    Raises:
        IntegrationError: the integral failed.
        InputError: n is below 1, or the overweight is out of range.
    """
    integral.require()
    if n < 1:
        raise InputError(f"the number of events must be 1 or more, not {n}")
    rng = generator(integral.seed, seed)
    points, signs, above, total, found, tried = [], [], [], 0.0, 0, 0
    with Integrand(integral.function, workers, executor) as integrand:
        trial = torch.cat([_draw(integrand, integral, BLOCK, rng)[1] for _ in range(TRIAL)])
        cap = find_cap(trial.abs(), overweight)
        while found < n:
            y, w = _draw(integrand, integral, BLOCK, rng)
            rows = torch.nonzero(keep(w.abs(), cap, torch.from_numpy(rng.random(BLOCK)))).squeeze(1)
            points.append(y[rows])
            signs.append(torch.sign(w[rows]))
            above.append(float((w.abs() - cap.weight).clamp_min(0).sum()))
            total += float(w.abs().sum())
            found, tried = found + len(rows), tried + BLOCK
    error = float(np.std(above)) * np.sqrt(len(above)) / total if len(above) > 1 else above[0] / total
    share = found / tried
    return UnweightedPoints(
        torch.cat(points)[:n],
        torch.cat(signs)[:n],
        Estimate.symmetric(sum(above) / total, error, "blocks"),
        Estimate.symmetric(share, float(np.sqrt(share * (1 - share) / tried)), "binomial"),
        tried,
        integral.estimate,
        (integral.seed, seed),
    )


def events(process: EventIntegrand, drawn: UnweightedPoints) -> Events:
    """Events of a process, whose mean weight is the cross section in pb.

    What the cross section sums over (azimuth, partons) is drawn for each event by its share of the sum at its point,
    from the seed of the points.

    Args:
        process: whose points they are.
        drawn: the points.
    """
    scale = drawn.integral.value / float(drawn.signs.mean()) if float(drawn.signs.sum()) else 0.0
    (one, first), (two, second) = process.beams
    section = {"cross_section_pb": drawn.integral.value, "error_pb": drawn.integral.error, "maximum_weight": scale}
    init = {"beams": [one, two], "energies_gev": [first, second], "processes": [{**section, "id": 1}]}
    free = torch.from_numpy(generator(*drawn.seed, 1).random((len(drawn), 2)))
    made = process.events(drawn.points, free)
    facts = {
        "process": type(process).__name__,
        "cross_section": drawn.integral.value,
        "overweight": drawn.overweight.value,
        "lhe": {"init": init},
    }
    return made.with_weights({NOMINAL: scale * drawn.signs.numpy()}).with_provenance(**facts)


def write_lhe(path: Path | str, process: EventIntegrand, drawn: UnweightedPoints) -> int:
    """Write events as a Les Houches file; gives their number.

    Args:
        path: of the file; gzipped where it ends in ``.gz``.
        process: whose points they are.
        drawn: the points.

    Raises:
        FileError: the file cannot be written.
    """
    return lhe_write.write(path, events(process, drawn))

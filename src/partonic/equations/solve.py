"""Solve a problem: ways are tried from cheap to thorough until two different solves of one agree."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.threads import single_thread
from partonic.equations.adam import AdamOptions, adam
from partonic.equations.checks import check
from partonic.equations.exact import Held, bent, hold
from partonic.equations.features import Shape, draw
from partonic.equations.kernels import numbers
from partonic.equations.levenberg import levenberg
from partonic.equations.network import Network
from partonic.equations.newton import gauss_newton
from partonic.equations.points import grid, interior
from partonic.equations.problem import Problem
from partonic.equations.solution import Fields, Solution, Status, Trial
from partonic.equations.system import linearise, terms
from partonic.equations.windows import march, start_values, time_axis

Method = Literal["auto", "newton", "windows", "levenberg", "adam"]
METHODS: tuple[Method, ...] = ("auto", "newton", "windows", "levenberg", "adam")
SHAPES = {
    1: (Shape(120, 3.0, 240), Shape(300, 200.0, 600, 0.5), Shape(450, 3000.0, 1000, 0.5)),
    2: (Shape(240, 0.8, 21), Shape(450, 2.0, 30), Shape(800, 3.5, 38)),
    3: (Shape(400, 0.7, 11), Shape(600, 0.6, 12)),
}
WINDOWS = {1: Shape(50, 1.5, 100), 2: Shape(250, 0.8, 22), 3: Shape(400, 0.7, 11)}
COUNTS = {1: (5, 15, 45), 2: (4,), 3: (4,)}
MOVED = {1: Shape(40, 2.0, 100), 2: Shape(50, 1.0, 20), 3: Shape(60, 0.8, 9)}
GRID = {1: 801, 2: 61, 3: 19}
AWRY = 1e-3  # residual, as part of the size of the equations' terms, above which two solves that agree prove nothing
APART = 0.1  # error, as part of the size of the fields, from which on a solution is called failed
RICHER = 1.5


@dataclass(frozen=True)
class Way:
    """A way to solve.

    Args:
        name: for the user.
        solve: (richer, seed) -> fields; richer for the second solve.
    """

    name: str
    solve: Callable[[bool, int], Fields]


@dataclass(frozen=True)
class Tried:
    """Two solves of one way."""

    way: Way
    first: Fields
    second: Fields
    errors: Tensor
    trial: Trial


def solve(
    problem: Problem,
    method: Method = "auto",
    *,
    tolerance: float = 1e-9,
    seed: int = 0,
    seconds: float = 30.0,
    options: AdamOptions | None = None,
) -> Solution:
    """Solve a problem twice, with different features, and say how far the two solutions are apart.

    Args:
        problem: equations, domain and conditions.
        method: ``newton`` (output layer by Gauss-Newton), ``windows`` (the same, marching), ``levenberg`` (all
            parameters), ``adam`` (the textbook way), or ``auto``, which tries the first three until one will do.
        tolerance: error that will do, as part of the size of the fields.
        seed: of the features.
        seconds: of processor time after which no further way is tried.
        options: of ``adam``.

    Returns:
        The solution of the smallest estimated error, whatever it is: see its ``status``, ``message`` and ``error``.

    Raises:
        InputError: the problem is wrong in itself, see :func:`partonic.equations.checks.check`, or cannot be solved by
            the method.
        UnknownNameError: there is no such method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if not tolerance > 0:
        raise InputError(f"the tolerance must be above 0, not {tolerance}")
    check(problem)
    began = time.process_time()
    tried: list[Tried] = []
    with single_thread():
        x = grid(problem, GRID[problem.dimensions])
        for way in _ways(problem, method, options or AdamOptions()):
            tried.append(_try(problem, way, x, seed))
            if _good(tried[-1].trial, tolerance) or time.process_time() - began > seconds:
                break
    best = min(tried, key=lambda one: _rank(one.trial))
    return _solution(problem, best, tried, tolerance, time.process_time() - began)


def _rank(trial: Trial) -> tuple[bool, float]:
    error = trial.error if np.isfinite(trial.error) else np.inf
    return (not trial.residual < AWRY, error)


def _good(trial: Trial, tolerance: float) -> bool:
    return trial.residual < AWRY and trial.error <= tolerance


def _ways(problem: Problem, method: Method, options: AdamOptions) -> Iterator[Way]:
    """The ways of a method in the order in which they are tried."""
    marching = time_axis(problem) is not None
    if method == "windows" and not marching:
        raise InputError(
            f"'{problem.name}' cannot be marched: windows need initial conditions at the lower end of one axis, "
            "nothing at its upper end, no unknown numbers, no integral operators, no cut domain "
            "and, on a box, no conditions that hold exactly"
        )
    reason = newton_alone(problem)
    if reason and method in ("levenberg", "adam"):
        raise InputError(f"'{problem.name}' has {reason}, which only the method newton solves, not {method}")
    shapes = SHAPES[problem.dimensions]
    if method in ("auto", "newton"):
        yield _newton(problem, shapes[0])
    marches = [_windows(problem, count) for count in COUNTS[problem.dimensions]]
    wide = [_newton(problem, shape) for shape in shapes[1:]]
    if method == "windows" or (method == "auto" and marching and problem.dimensions == 1):
        yield from marches
    if method in ("auto", "newton"):
        yield from wide
    if method == "auto" and marching and problem.dimensions > 1:
        yield from marches
    if method in ("auto", "levenberg") and not reason:
        yield _levenberg(problem)
    if method == "adam":
        yield _adam(problem, options)


def newton_alone(problem: Problem) -> str:
    """What about a problem only one method can do; empty if nothing."""
    if problem.integrals:
        return "integral operators"
    return "slopes, mixtures or periods on a box that hold exactly" if bent(problem) else ""


def richer(shape: Shape, dimensions: int) -> Shape:
    """The shape of the second solve: half as many features again, on as many points more."""
    return replace(shape, width=round(RICHER * shape.width), nodes=round(RICHER ** (1 / dimensions) * shape.nodes))


def _newton(problem: Problem, shape: Shape) -> Way:
    def run(second: bool, seed: int) -> Fields:
        held = hold(problem)
        return held.fields(newton(held, richer(shape, problem.dimensions) if second else shape, seed))

    return Way(f"newton, {shape.width} features", run)


def newton(held: Held, shape: Shape, seed: int) -> Network:
    """One solve of the output layer on the whole domain."""
    problem = held.problem
    features = held.features(draw(shape, problem.lower, problem.upper, seed))
    guess = problem.guess
    if guess is None and held.carrier is None and time_axis(problem) is not None:
        guess = lambda x: start_values(problem, x)  # noqa: E731
    first, unknowns = held.start(features, guess, interior(problem, shape.nodes)[0])
    return gauss_newton(terms(held.free, shape.nodes), features, first, unknowns).network


def _windows(problem: Problem, count: int) -> Way:
    shape = WINDOWS[problem.dimensions]

    def run(second: bool, seed: int) -> Fields:
        return march(problem, richer(shape, problem.dimensions) if second else shape, count, seed)

    return Way(f"{count} windows, {shape.width} features each", run)


def _levenberg(problem: Problem) -> Way:
    shape = MOVED[problem.dimensions]

    def run(second: bool, seed: int) -> Fields:
        used = richer(shape, problem.dimensions) if second else shape
        held = hold(problem)
        return held.fields(levenberg(terms(held.free, used.nodes), newton(held, used, seed)).network)

    return Way(f"levenberg, {shape.width} features", run)


def _adam(problem: Problem, options: AdamOptions) -> Way:
    def run(second: bool, seed: int) -> Fields:
        wide = tuple(round(RICHER * width) for width in options.hidden) if second else options.hidden
        held = hold(problem)
        return held.fields(adam(held.free, replace(options, hidden=wide), seed)[0])

    return Way(f"adam, {' x '.join(map(str, options.hidden))}", run)


def _try(problem: Problem, way: Way, x: Tensor, seed: int) -> Tried:
    first, second = way.solve(False, 2 * seed), way.solve(True, 2 * seed + 1)
    nothing = torch.full((problem.fields,), float("inf"), dtype=torch.float64)
    if not (first.finite and second.finite):
        return Tried(way, first, second, nothing, Trial(way.name, float("inf"), float("inf")))
    u, other = first.jets(x)[0], second.jets(x)[0]
    errors = (u - other).abs().amax(1)
    size = max(float(u.abs().max()), 1e-300)
    left = relative_residual(problem, first, x)
    return Tried(way, first, second, errors, Trial(way.name, float(errors.max()) / size, left))


def relative_residual(problem: Problem, fields: Fields, x: Tensor) -> float:
    """What the equations leave over at points, as part of the size of their terms; root mean squares."""
    jets = fields.jets(x)
    p, count = numbers(problem, fields.jets, fields.unknowns, x), len(problem.unknowns)
    rows, by = linearise(problem.values, x, jets, p)
    u, du, d2u = jets
    size: Tensor = (
        (by.u * u).square().sum(1) + (by.du * du).square().sum((1, 2)) + (by.d2u * d2u).square().sum((1, 2, 3))
    )
    size = size + (by.p[:, count:] * p[count:]).square().sum(1)
    return math.sqrt(float(rows.square().mean())) / max(math.sqrt(float(size.mean())), 1e-300)


def _solution(problem: Problem, best: Tried, tried: list[Tried], tolerance: float, seconds: float) -> Solution:
    trial = best.trial
    found = zip(problem.unknowns, best.first.unknowns.tolist(), best.second.unknowns.tolist(), strict=True)
    unknowns = {name: Estimate.symmetric(a, abs(a - b), "second, richer solve") for name, a, b in found}
    status, message = _status(trial, tolerance)
    return Solution(
        problem,
        best.first,
        best.second,
        best.errors.numpy(),
        unknowns,
        status,
        message,
        best.way.name,
        tuple(one.trial for one in tried),
        seconds,
    )


def _status(trial: Trial, tolerance: float) -> tuple[Status, str]:
    if not np.isfinite(trial.error):
        return "failed", "no way led to finite fields; try a guess, a smaller domain or other conditions"
    if not trial.residual < AWRY:
        return "failed", (
            f"the equations are not fulfilled: {trial.residual:.1e} of the size of their terms is left over; try a "
            "guess, or check that the conditions leave one smooth solution"
        )
    if trial.error > APART:
        return "failed", (
            f"two solves with different features are {trial.error:.1e} of the size of the fields apart although each "
            "fulfils the equations: the problem is unstable or has more than one solution"
        )
    if trial.error > tolerance:
        return "inexact", (
            f"two solves are {trial.error:.1e} of the size of the fields apart, more than the tolerance {tolerance:.1e}"
        )
    return "solved", f"two solves with different features agree to {trial.error:.1e} of the size of the fields"

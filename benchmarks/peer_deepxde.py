"""The three equations solved by deepxde (PyTorch backend, double precision), for comparison."""

from __future__ import annotations

import os
import time
from typing import Any

os.environ.setdefault("DDE_BACKEND", "pytorch")

import deepxde as dde
import numpy as np
import torch

from partonic.equations.points import grid
from partonic.equations.problem import Problem

dde.config.set_default_float("float64")
WIDTH = 20


def solve_with_deepxde(problem: Problem, adam: int, lbfgs: int) -> tuple[float, float]:
    """Adam, then L-BFGS, on the problem's equation and its exact values on the boundary.

    Args:
        problem: one field on an interval or a square, with its exact solution.
        adam: steps.
        lbfgs: steps.

    Returns:
        Largest error on a grid, and the processor time in seconds.
    """
    begun = time.process_time()
    dde.config.set_random_seed(0)
    flat = problem.dimensions == 1
    low, high = problem.lower, problem.upper
    geometry = dde.geometry.Interval(low[0], high[0]) if flat else dde.geometry.Rectangle(low, high)

    def equation(x: Any, u: Any) -> Any:
        first = torch.stack([dde.grad.jacobian(u, x, i=0, j=a)[:, 0] for a in range(problem.dimensions)])
        second = torch.stack(
            [
                torch.stack([dde.grad.hessian(u, x, i=a, j=b)[:, 0] for b in range(problem.dimensions)])
                for a in range(problem.dimensions)
            ]
        )
        return problem.equations(x.T, u.T, first[None], second[None])[:, None]

    def exact(x: Any) -> Any:
        return problem.exact(torch.as_tensor(x).T).numpy().T

    conditions = [dde.icbc.DirichletBC(geometry, exact, lambda x, on: on and (not flat or np.isclose(x[0], low[0])))]
    if flat and len(problem.conditions) and problem.name == "oscillator":
        start = np.array([[low[0]]])
        conditions.append(
            dde.icbc.PointSetOperatorBC(start, np.array([[1.0]]), lambda x, u, _: dde.grad.jacobian(u, x))
        )
    data = dde.data.PDE(geometry, equation, conditions, 60 if flat else 400, 2 if flat else 80)
    model = dde.Model(data, dde.nn.FNN([problem.dimensions, WIDTH, WIDTH, 1], "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3)
    model.train(iterations=adam, verbose=0)
    dde.optimizers.set_LBFGS_options(maxiter=lbfgs)
    model.compile("L-BFGS")
    model.train(verbose=0)
    points = grid(problem, 801 if flat else 61).numpy().T
    return float(np.abs(model.predict(points) - exact(points)).max()), time.process_time() - begun

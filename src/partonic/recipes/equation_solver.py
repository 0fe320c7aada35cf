"""Differential equations solved by networks, beside the exact solution and the textbook way of training."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import FileError, InputError
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_numbers, check_positive
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.equations.problem import Problem
    from partonic.equations.solution import Solution

TEXT = (
    "The network's hidden layer stays as it was drawn; its output layer is found by least squares. Beside it the "
    "textbook way: all weights by Adam on the squares of what the equation and its conditions leave over. A small "
    "residual is not a small error: what is called the estimate is the distance from a second, richer network."
)
POINTS = 201
SEEDS = "range of seeds"

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"equations": ("first-order", "oscillator"), "seeds": 2, "adam_steps": 100},
    "quick": {"seeds": 3, "adam_steps": 500},
    "default": {},
    "benchmark": {
        "equations": ("first-order", "oscillator", "poisson", "coupled", "boundary-layer", "heat", "wave", "disc"),
        "adam_steps": 10_000,
    },
}


@register_recipe("equation-solver", paper="arXiv:1902.05563")
@dataclass(frozen=True)
class EquationSolver:
    """Equation solver: differential equations with known solutions (or your own), solved by networks.

    Args:
        equations: names of known problems, see partonic.equations.known.
        problem: a Python file with a function ``problem()`` that gives a Problem, to solve instead.
        method: auto, newton, windows or levenberg.
        tolerance: error that will do, as part of the size of the solution.
        seeds: solves from different random features.
        seed: of the first.
        adam_steps: steps of the textbook way; 0 leaves it out.
    """

    equations: tuple[str, ...] = ("first-order", "oscillator", "poisson")
    problem: Path | None = None
    method: str = "auto"
    tolerance: float = 1e-9
    seeds: int = 5
    seed: int = 0
    adam_steps: int = 3_000

    def __post_init__(self) -> None:
        check_numbers(self, seeds=1, seed=0, adam_steps=0)
        check_positive(self, "tolerance")
        if self.method not in ("auto", "newton", "windows", "levenberg"):
            raise InputError(f"method must be auto, newton, windows or levenberg, not {self.method}")
        if not self.equations and self.problem is None:
            raise InputError("equation-solver needs an equation, as --equations oscillator")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find unknown equations and problems that are wrong in themselves.

        Raises:
            UnknownNameError: there is no such equation.
            FileError: there is no such file.
            InputError: the file cannot be run or its problem cannot be solved.
        """
        from partonic.equations.checks import check

        for problem in self._problems():
            check(problem)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        count = 1 if self.problem is not None else len(self.equations)
        adam = f" and {self.adam_steps:,} steps of Adam" if self.adam_steps else ""
        return f"equation-solver: {count} x ({self.seeds} solves{adam}); everything goes to {context.result.path}"

    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.equations.adam import AdamOptions
        from partonic.equations.solve import newton_alone, solve

        result, sections = context.result, []
        for problem in self._problems():
            found = [
                solve(problem, self.method, tolerance=self.tolerance, seed=self.seed + number)  # type: ignore[arg-type]
                for number in range(self.seeds)
            ]
            rough = []
            if self.adam_steps and not newton_alone(problem):
                options = AdamOptions(steps=self.adam_steps, nodes={1: 30, 2: 20, 3: 8}[problem.dimensions])
                rough = [solve(problem, "adam", seed=self.seed, options=options)]
            sections.append(_section(result, problem, found, rough))
        result.facts["title"] = "Equation solver"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:1902.05563", "arXiv:1912.01703"]
        write_page(result, sections)
        return result

    def _problems(self) -> list[Problem]:
        from partonic.equations.known import known

        return [known(name) for name in self.equations] if self.problem is None else [load(self.problem)]


def load(path: Path) -> Problem:
    """The problem that a Python file's function ``problem()`` gives.

    Raises:
        FileError: there is no such file.
        InputError: it cannot be run, or has no such function.
    """
    from partonic.equations.problem import Problem

    spec = importlib.util.spec_from_file_location(f"partonic_problem_{path.stem}", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise FileError(f"no Python file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if not callable(getattr(module, "problem", None)):
            raise InputError(f"{path} has no function problem() that gives a partonic.equations.problem.Problem")
        problem = module.problem()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} gives no problem: {type(error).__name__}: {error}") from error
    if not isinstance(problem, Problem):
        raise InputError(f"problem() of {path} must give a partonic.equations.problem.Problem, not {problem!r}")
    return problem


def _section(result: Result, problem: Problem, found: list[Solution], rough: list[Solution]) -> Section:
    """Numbers and figures of one equation; headline numbers go to the summary."""
    name = "".join(c if c.isalnum() else "-" for c in problem.name.lower()).strip("-") or "equation"
    rows = []
    for way, solutions in (("features", found), ("adam", rough)):
        if not solutions:
            continue
        row: dict[str, Any] = {"way": way, "method": solutions[0].method, "status": _statuses(solutions)}
        if problem.exact is not None:
            row["correct digits"] = _digits([one.true_error() for one in _spread(solutions)], _method(solutions))
        row["estimated digits"] = _digits([float(one.error.max()) for one in solutions])
        row["processor seconds"] = _over_seeds([one.seconds for one in solutions])
        for key in problem.unknowns:
            row[key] = solutions[0].unknowns[key]
        rows.append(row)
        kind = "correct digits" if problem.exact is not None else "estimated digits"
        result.summary[f"{kind} of {problem.name}, {way}"] = row[kind]
    result.add_table(
        f"{name}-numbers",
        f"{problem.name}: median and range over {len(found)} seeds of the features (of a single seed, as for Adam, "
        "over its two networks). Digits are minus log10 of the largest error, of the estimate likewise. Failed: more "
        "than a thousandth of the equation is left over, or the two networks are a tenth apart.",
        rows,
    )
    if not (found[0].fields.finite and all(one.fields.finite for one in rough)):
        return Section(problem.name, found[0].message, (), (f"{name}-numbers",))
    _draw(result, problem, name, found[0], rough)
    return Section(problem.name, f"{found[0].message[0].upper()}{found[0].message[1:]}.", (name,), (f"{name}-numbers",))


def _draw(result: Result, problem: Problem, name: str, best: Solution, rough: list[Solution]) -> None:
    """The first field along the diagonal of the box (what of it is inside the domain)."""
    import torch

    from partonic.report.plots_equations import Line, solutions
    from partonic.report.style import save_figure

    share = np.linspace(0, 1, POINTS)
    points = np.array(problem.lower) + share[:, None] * (np.array(problem.upper) - np.array(problem.lower))
    if problem.inside is not None:
        keep = problem.inside(torch.from_numpy(points.T)).numpy()
        share, points = share[keep], points[keep]
    exact = None if problem.exact is None else problem.exact(torch.from_numpy(points.T)).numpy()[0]
    lines = []
    for label, one in [("features", best)] + [("Adam", one) for one in rough]:
        values = one(points)[:, 0]
        error = values - exact if exact is not None else one.error_at(points)[:, 0]
        lines.append(Line(label, values, error, one.residual(points)[:, 0]))
    flat = problem.dimensions == 1
    save_figure(
        result,
        name,
        solutions(points[:, 0] if flat else share, lines, exact, along="x" if flat else "Along the diagonal"),
        f"{problem.name}: solution, error and residual{'' if flat else ' along the diagonal of the domain'}.",
        f"Errors of {problem.name}: "
        + "; ".join(f"{one.name} up to {np.abs(one.error).max():.1e}" for one in lines)
        + ".",
    )


def _spread(solutions: list[Solution]) -> list[Solution]:
    """The solutions of all seeds; of a single one both of its networks."""
    return solutions if len(solutions) > 1 else [*solutions, replace(solutions[0], fields=solutions[0].second)]


def _method(solutions: list[Solution]) -> str:
    return SEEDS if len(solutions) > 1 else "range of two networks"


def _over_seeds(values: list[float], method: str = SEEDS) -> Estimate:
    note = "one seed" if len(values) == 1 else ""
    return Estimate(float(np.median(values)), min(values), max(values), method, note)


def _digits(errors: list[float], method: str = SEEDS) -> Estimate:
    """-log10 of errors; what double precision cannot tell from 0 counts as 17 digits, no finite error as none."""
    digits = [-float(np.log10(max(error, 1e-17))) if np.isfinite(error) else 0.0 for error in errors]
    return _over_seeds(digits, method)


def _statuses(solutions: list[Solution]) -> str:
    counts = {one.status: sum(other.status == one.status for other in solutions) for one in solutions}
    return ", ".join(f"{count} {status}" for status, count in counts.items())

"""Options of equation-solver, and problems from a user's own file."""

import pytest

from partonic.core.errors import FileError, PartonicError
from partonic.core.result import Result
from partonic.recipes import launch
from partonic.recipes.equation_solver import EquationSolver, load

MINE = """
import torch
from partonic.equations.conditions import initial
from partonic.equations.problem import Problem

def problem():
    return Problem(lambda x, u, du, d2u: du[0, 0] + 2 * u[0], (0.0,), (1.0,), (initial(0.0, [1.0]),), name="my decay")
"""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": 0}, "seeds must be 1 or more"),
        ({"tolerance": 0.0}, "tolerance must be above 0"),
        ({"method": "adam"}, "method must be auto"),
        ({"equations": ()}, "needs an equation"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(changes, said):
    with pytest.raises(PartonicError, match=said):
        EquationSolver(**changes)


def test_unknown_equations_are_found_before_anything_runs():
    with pytest.raises(PartonicError, match="did you mean 'oscillator'"):
        EquationSolver(equations=("oscillatr",)).check()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", r"mine\.py has no function problem\(\)"),
        ("def problem():\n    return 1 / 0\n", "gives no problem: ZeroDivisionError"),
        ("def problem():\n    return 3\n", "must give a partonic.equations.problem.Problem, not 3"),
        ("import nothing_of_this_name", "gives no problem: ModuleNotFoundError"),
    ],
)
def test_files_without_a_problem(tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(PartonicError, match=said):
        load(tmp_path / "mine.py")
    with pytest.raises(FileError, match="no Python file"):
        load(tmp_path / "other.py")


def test_a_problem_of_ones_own_is_solved(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    recipe = EquationSolver(problem=tmp_path / "mine.py", seeds=1, adam_steps=0)
    launch.start("equation-solver", recipe, tmp_path / "run", workers=1, command="partonic run equation-solver")
    result = Result.load(tmp_path / "run")
    assert result.summary["estimated digits of my decay, features"].value > 10
    (row,) = result.tables["my-decay-numbers"].rows
    assert row["status"] == "1 solved"
    assert (tmp_path / "run" / "figures" / "my-decay.svg").exists()

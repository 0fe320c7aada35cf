"""Differential equations: errors against exact solutions, and how honest the estimated error is."""

from __future__ import annotations

import statistics
import sys
from typing import Any

import harness

from partonic.equations.known import KNOWN, known
from partonic.equations.solution import Solution
from partonic.equations.solve import solve

BARS = {"first-order": 1e-9, "oscillator": 1e-12, "poisson": 1e-8}
SECONDS = 2.0
FLOOR = 1e-12
GRID = {1: 801, 2: 61, 3: 19}


def true_error(solution: Solution) -> float:
    return solution.true_error(GRID[solution.problem.dimensions])


def accuracy(name: str) -> harness.Case:
    def case(quick: bool) -> dict[str, Any]:
        solve(known("cubic"))  # torch starts up
        found = [solve(known(name), seed=seed) for seed in range(1 if quick else 5)]
        error = statistics.median(true_error(one) for one in found)
        seconds = max(one.seconds for one in found)
        return {
            "measured": {"error": f"{error:.1e}", "slowest CPU s": round(seconds, 2), "seeds": len(found)},
            "bar": {"error": BARS[name], "CPU s": SECONDS},
            "holds": error <= BARS[name] and seconds <= SECONDS,
        }

    return case


def coupled(quick: bool) -> dict[str, Any]:
    """The coupled system, and whether a failing single window is reported."""
    found = [solve(known("coupled"), seed=seed) for seed in range(1 if quick else 5)]
    error = statistics.median(true_error(one) for one in found)
    single = solve(known("coupled"), "newton", seconds=1.0)
    reported = single.status == "failed" or true_error(single) < 1e-6
    return {
        "measured": {"error": f"{error:.1e}", "single window": f"{true_error(single):.1e}, {single.status}"},
        "bar": {"error": 1e-9, "single window": "solved or reported"},
        "holds": error <= 1e-9 and reported,
    }


def honest(solution: Solution) -> bool:
    true, estimate = true_error(solution), float(solution.error.max())
    return max(true, estimate) < FLOOR or true / 10 <= estimate <= 10 * true


def suite(quick: bool) -> dict[str, Any]:
    """The estimated error against the true one, over all problems."""
    names = [name for name in KNOWN if known(name).dimensions == 1] if quick else list(KNOWN)
    verdicts = {}
    for name in names:
        solution = solve(known(name))
        verdicts[name] = honest(solution)
        told = f"{name}: {solution.status}, true {true_error(solution):.1e}, estimated {solution.error.max():.1e}"
        print(f"{told}, {solution.seconds:.1f} s", file=sys.stderr, flush=True)
    share = sum(verdicts.values()) / len(verdicts)
    wrong = ", ".join(name for name, good in verdicts.items() if not good)
    return {
        "measured": {"honest share": round(share, 3), "problems": len(names), "not": wrong or "none"},
        "bar": {"honest share": 0.9},
        "holds": share >= 0.9,
    }


CASES = {
    **{name: accuracy(name) for name in BARS},
    "coupled": coupled,
    "suite": suite,
}

if __name__ == "__main__":
    sys.exit(harness.run(__file__, __doc__, CASES))

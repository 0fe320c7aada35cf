"""Differential equations against exact solutions, with honest estimates of the error; gravitational waves."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
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


def waves(quick: bool) -> dict[str, Any]:  # noqa: ARG001
    """The integral of sound waves, how much the wall's velocity matters, and signal-to-noise ratios of LISA."""
    import numpy as np

    from partonic.transitions.fluid import efficiency
    from partonic.transitions.sensitivity import lisa, signal_to_noise
    from partonic.transitions.waves import Numbers, gravitational_waves

    f = np.geomspace(1e-9, 1e3, 20_001)
    worst, ratios = 0.0, []
    for alpha, rate, wall in ((0.05, 500, 0.4), (0.2, 100, 0.9), (0.2, 100, 0.65), (0.5, 50, 0.95)):
        spectrum = gravitational_waves(Numbers(alpha, rate, 100), wall, "2019")
        expected = 3 * 0.012 * spectrum.redshifted * spectrum.kinetic**2 * spectrum.radius * spectrum.duration
        worst = max(worst, abs(float(np.trapezoid(spectrum.sound(f), np.log(f))) / expected - 1))
        mine, theirs = signal_to_noise(spectrum.total, lisa()), reference_ratio(spectrum.total)
        ratios.append(abs(mine / theirs - 1))
    fast = 0.2 / (0.73 + 0.083 * 0.2**0.5 + 0.2)  # the published fit for walls at the speed of light
    power = (efficiency(0.2, 0.9) / fast) ** 2
    return {
        "measured": {
            "integral off by": f"{worst:.1e}",
            "SNR off by": f"{max(ratios):.1e}",
            "power over that of the fit for v = 1, at 0.9": round(power, 2),
        },
        "bar": {"integral": 1e-3, "SNR": 0.01, "power": "1.8 within 0.1"},
        "holds": worst < 1e-3 and max(ratios) < 0.01 and abs(power - 1.8) < 0.1,
        "why": "noise and integral of PTtools 0.10, written out here",
    }


def reference_ratio(spectrum: Callable[[Any], Any]) -> float:
    """As in PTtools 0.10: noise of channels A and E with both at once, trapezoids in f, three years of data."""
    import numpy as np

    f = np.geomspace(1e-5, 0.5, 20_001)
    length, light, hubble = 2.5e9, 299_792_458.0, 67.4e3 / 3.0857e22
    turns = f / (light / (2 * np.pi * length))
    acceleration = 4 * (3e-15 / length) ** 2 * (1 + (4e-4 / f) ** 2) / (4 * (2 * np.pi * f) ** 4)
    cos = np.cos(turns)
    channel = (4 + 2 * cos) * (1.5e-11 / length) ** 2 + 8 * (1 + cos + cos**2) * acceleration
    sensitivity = channel / (9 / 20 / (1 + (3 * turns / 4) ** 2)) / np.sqrt(2)
    noise = 4 * np.pi**2 / (3 * hubble**2) * f**3 * sensitivity * 0.674**2
    return float(np.sqrt(3 * 365.2425 * 86_400 * np.trapezoid(spectrum(f) ** 2 / noise**2, f)))


def peer(quick: bool) -> dict[str, Any]:
    """Errors beside deepxde's at equal processor time or more: Adam, then L-BFGS, in double precision."""
    try:
        from peer_deepxde import solve_with_deepxde
    except ImportError as error:
        bar = {"error ratio": 1e-3}
        return {"measured": {}, "bar": bar, "holds": None, "why": f"deepxde cannot be imported: {error}"}
    steps = {"first-order": (1_000, 800), "oscillator": (1_000, 800), "poisson": (500, 400)}
    told, worst = {}, 0.0
    for name in BARS:
        mine = solve(known(name))
        theirs, seconds = solve_with_deepxde(known(name), *(n // 5 if quick else n for n in steps[name]))
        ratio = true_error(mine) / theirs
        worst = max(worst, ratio if seconds >= mine.seconds else float("inf"))
        told[name] = f"{true_error(mine):.1e} in {mine.seconds:.1f} s against {theirs:.1e} in {seconds:.1f} s"
    return {"measured": told, "bar": {"error ratio": 1e-3}, "holds": worst <= 1e-3}


CASES = {
    **{name: accuracy(name) for name in BARS},
    "coupled": coupled,
    "suite": suite,
    "deepxde": peer,
    "waves": waves,
}

if __name__ == "__main__":
    sys.exit(harness.run(__file__, __doc__, CASES))

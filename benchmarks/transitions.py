"""Phase transitions: nucleation, rate and scans against independent solves, CosmoTransitions on the same potential."""

from __future__ import annotations

import contextlib
import io
import math
import statistics
import sys
import time
import warnings
from functools import lru_cache
from typing import Any

import harness
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from partonic.transitions.bounce import bounce
from partonic.transitions.exponent import exponents
from partonic.transitions.models import CosmicModel, model
from partonic.transitions.thermal import derivative
from partonic.transitions.transition import Transition, transition

SCANNED = {"high-temperature": (80.6, 81.6), "singlet": (111.5, 115.5)}  # S3/T from about 80 or 110 to 430 or 310, GeV
SCAN_ERROR = 1e-5


@lru_cache
def chosen(name: str) -> CosmicModel:
    return model(name)


@lru_cache
def found(name: str) -> Transition:
    one = chosen(name)
    return transition(one.potential, one.temperatures, one.starts)


def cold(name: str, hot: float) -> float:
    """S3/T, solved from nothing but the phases."""
    one = found(name)
    assert one.false is not None
    assert one.true is not None
    return bounce(chosen(name).potential, one.false.at(hot), one.true.at(hot), hot).action.value / hot


def wanted(hot: float) -> float:
    """S3/T at which bubbles nucleate."""
    return 140 - 4 * math.log(hot / 100)


def names(quick: bool) -> tuple[str, ...]:
    return ("high-temperature",) if quick else ("high-temperature", "singlet")


def nucleation(quick: bool) -> dict[str, Any]:
    """T_n against the root of a spline through bounces at many temperatures, each solved from nothing."""
    off = {}
    for name in names(quick):
        middle = found(name).temperature
        hot = np.linspace(0.985 * middle, 1.012 * middle, 9)
        spline = CubicSpline(hot, [cold(name, t) ** -0.5 for t in hot])
        dense = brentq(lambda t, root=spline: float(root(t)) ** -2 - wanted(t), hot[0], hot[-1], xtol=1e-10)
        off[name] = abs(middle / dense - 1)
    return {
        "measured": {name: f"{value:.1e}" for name, value in off.items()},
        "bar": {"T_n": 1e-4},
        "holds": bool(max(off.values()) <= 1e-4),
    }


def rate(quick: bool) -> dict[str, Any]:
    """beta/H from the bubble itself against differences of bounces that are solved from nothing."""
    off = {}
    for name in names(quick):
        hot = found(name).temperature
        h = 2e-4 * hot

        def slope(h: float, name: str = name, hot: float = hot) -> float:
            return (cold(name, hot + h) - cold(name, hot - h)) / (2 * h)

        richardson = hot * (4 * slope(h) - slope(2 * h)) / 3
        off[name] = abs(found(name).beta_over_hubble / richardson - 1)
    return {
        "measured": {name: f"{value:.1e}" for name, value in off.items()},
        "bar": {"beta/H": 1e-5},
        "holds": bool(max(off.values()) <= 1e-5),
    }


def scan(quick: bool) -> dict[str, Any]:
    """S3/T at 20 temperatures from warm bounces and their slopes, beside one bounce solved from nothing."""
    measured: dict[str, Any] = {}
    holds = True
    for name in names(quick):
        one, potential, (low, high) = found(name), chosen(name).potential, SCANNED[name]
        assert one.false is not None
        assert one.true is not None
        temperatures = np.linspace(low, high, 20)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(3):
            begun = time.process_time()
            curve = exponents(potential, one.false, one.true, low, high).at(temperatures)
            times[0].append(time.process_time() - begun)
            begun = time.process_time()
            cold(name, temperatures[10])
            times[1].append(time.process_time() - begun)
        checked = range(0, 20, 1 if name == "high-temperature" else 5)
        off = max(abs(curve[i].value / cold(name, temperatures[i]) - 1) for i in checked)
        said = curve[0].error / curve[0].value
        ratio = statistics.median(times[0]) / statistics.median(times[1])
        measured[name] = f"{ratio:.2f} x one solve, error {off:.1e}, said {said:.1e}"
        holds = holds and ratio <= 3 and bool(off <= min(SCAN_ERROR, said))
    return {"measured": measured, "bar": {"cost": "3 x one solve", "error": SCAN_ERROR}, "holds": holds}


def thermal(quick: bool) -> dict[str, Any]:  # noqa: ARG001
    """Thermal functions against CosmoTransitions' splines, over all that these cover."""
    bar = {"difference": 1e-6}
    try:
        from cosmoTransitions import finiteT
    except ImportError:
        return {"measured": {}, "bar": bar, "holds": None, "why": "cosmoTransitions is not installed"}
    off = {}
    for name, sign, spline in (("bosons", 1, finiteT.Jb_spline), ("fermions", -1, finiteT.Jf_spline)):
        y = np.concatenate([np.linspace(-3.5, 30, 4_001), np.geomspace(30, 1_000, 500)])
        off[name] = float(np.abs(derivative(sign, 0, y) - spline(y)).max())
    return {
        "measured": {name: f"{value:.1e}" for name, value in off.items()},
        "bar": bar,
        "holds": max(off.values()) <= 1e-6,
    }


def peer_exponent(hot: float) -> float:
    """S3/T of the singlet by CosmoTransitions' deformation of paths, between the same vacua."""
    from cosmoTransitions import pathDeformation

    one, potential = found("singlet"), chosen("singlet").potential
    assert one.false is not None
    assert one.true is not None
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tunnelled = pathDeformation.fullTunneling(
            [one.true.at(hot), one.false.at(hot)],
            lambda phi: potential.value(phi, hot).numpy(),
            lambda phi: potential.gradient(phi, hot).numpy(),
        )
    return float(tunnelled.action) / hot


def peer_transition() -> tuple[float, float, float]:
    """T_n by CosmoTransitions' bounces and the same criterion, S3/T there, processor seconds."""
    begun, middle = time.process_time(), found("singlet").temperature
    hot = float(brentq(lambda t: peer_exponent(t) - wanted(t), 0.99 * middle, 1.01 * middle, xtol=1e-4))
    return hot, peer_exponent(hot), time.process_time() - begun


def singlet(quick: bool) -> dict[str, Any]:
    """The singlet's T_n and S3/T beside those of CosmoTransitions."""
    bar = {"difference": 0.01}
    if quick:
        return {"measured": {}, "bar": bar, "holds": None, "why": "only in the full run: minutes for CosmoTransitions"}
    try:
        hot, exponent, seconds = peer_transition()
    except ImportError:
        return {"measured": {}, "bar": bar, "holds": None, "why": "cosmoTransitions is not installed"}
    mine = found("singlet")
    apart = {"T_n": abs(mine.temperature / hot - 1), "S3/T": abs(cold("singlet", hot) / exponent - 1)}
    return {
        "measured": {
            **{name: f"{value:.1e} apart" for name, value in apart.items()},
            "T_n [GeV]": f"{mine.temperature:.4f} and {hot:.4f}",
            "CPU s": f"{mine.seconds:.1f} and {seconds:.1f}",
        },
        "bar": bar,
        "holds": max(apart.values()) <= 0.01,
    }


CASES = {"nucleation": nucleation, "rate": rate, "scan": scan, "thermal functions": thermal, "singlet": singlet}

if __name__ == "__main__":
    sys.exit(harness.run(__file__, __doc__, CASES))

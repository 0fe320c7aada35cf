"""Hypothesis tests of a binned model's parameter of interest: asymptotic and by toys, all strengths fitted together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.arrays import as_numbers
from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.inference.batched import Minima
from partonic.inference.binned import BinnedModel
from partonic.inference.intervals import (
    BANDS,
    STATISTICS,
    PValues,
    bracket,
    expected_cls,
    p_values,
    profile_statistic,
    share,
)

Floats = NDArray[np.float64]
GRID, ZOOMS = 17, 3  # strengths of a search for limits, and how often it is narrowed


@dataclass(frozen=True)
class StrengthTests:
    """Tests of m strengths on the same data.

    Args:
        kind: of the test statistic.
        mu: tested strengths, (m,).
        statistic: of the data, (m,).
        asimov: of the Asimov data of the alternative, (m,).
        mu_hat: best strength, with the error that the curvature of the likelihood gives.
    """

    kind: str
    mu: Floats
    statistic: Floats
    asimov: Floats
    mu_hat: Estimate

    @property
    def p(self) -> PValues:
        """Asymptotic p-values, (m,) each."""
        return p_values(self.kind, self.statistic, self.asimov)

    @property
    def cls(self) -> Floats:
        """Observed CLs, (m,)."""
        return self.p.cls

    @property
    def expected(self) -> Floats:
        """CLs that the alternative expects at -2, -1, 0, 1 and 2 standard deviations, (m, 5)."""
        return expected_cls(self.asimov)


@dataclass(frozen=True)
class Limits:
    """Upper limits of a strength.

    Args:
        observed: the limit.
        expected: limits at -2, -1, 0, 1 and 2 standard deviations of the alternative, (5,).
    """

    observed: float
    expected: Floats

    @property
    def median(self) -> Estimate:
        """Expected limit with its band of one standard deviation."""
        return Estimate(float(self.expected[2]), float(self.expected[1]), float(self.expected[3]), "expected band")


@dataclass(frozen=True)
class Toys:
    """Data sets drawn from a model.

    Args:
        observed: events, (toys, bins).
        auxiliary: observations of parameters, (toys, p).
    """

    observed: Tensor
    auxiliary: Tensor


def hypothesis_tests(
    model: BinnedModel, mu: ArrayLike, observed: Any = None, auxiliary: Any = None, *, kind: str = "q_tilde"
) -> StrengthTests:
    """Asymptotic tests of strengths; nuisance parameters of the Asimov data are those fitted to the data.

    Args:
        model: with a parameter of interest.
        mu: strengths to test, a number or (m,); 0 for q0.
        observed: events a bin; the model's own if None.
        auxiliary: observations of parameters; the model's own if None.
        kind: t_mu, q0, q_mu or q_tilde.

    Raises:
        UnknownNameError: no such statistic.
        InputError: the model has no parameter of interest, a strength is not finite, or q0 is asked at another strength
            than 0.
        FitError: a fit did not converge.
    """
    tested = np.atleast_1d(as_numbers("the strengths", mu))
    if tested.ndim != 1 or len(tested) == 0 or not np.isfinite(tested).all():
        raise InputError(f"strengths to test are one finite number or more, not {tested.tolist()}")
    fitted, index = _ready(model, kind, tested)
    free = fitted.fit(observed, auxiliary).need("the data")
    fixed = fitted.fit(observed, auxiliary, hold={model.poi: tested}, start=free.x).need("the data at fixed strength")
    alternative = 1.0 if kind == "q0" else 0.0
    asimov = fitted.fit(observed, auxiliary, hold={model.poi: alternative}, start=free.x).need("the alternative")
    data, aux = fitted.expected(asimov.x), fitted.expected_auxiliary(asimov.x)
    best = fitted.fit(data, aux, start=asimov.x).need("the Asimov data")
    held = fitted.fit(data, aux, hold={model.poi: tested}, start=asimov.x).need("the Asimov data at fixed strength")
    statistic = profile_statistic(kind, tested, float(free.x[0, index]), fixed.value, float(free.value[0]))
    expected = profile_statistic(kind, tested, float(best.x[0, index]), held.value, float(best.value[0]))
    return StrengthTests(kind, tested, statistic, expected, fitted_parameters(model, free)[model.poi])


def upper_limits(
    model: BinnedModel, observed: Any = None, auxiliary: Any = None, *, level: float = 0.05, kind: str = "q_tilde"
) -> Limits:
    """Strengths at which CLs falls to a level, up to the upper bound of the parameter of interest.

    Raises:
        InputError: the level is not between 0 and 1, or CLs does not fall to it within the bounds.
        FitError: a fit did not converge.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of a limit is between 0 and 1, not {level}")
    high = float(model.parameters.upper[model.parameters.index(model.poi)])

    def curves(mu: Floats) -> Floats:
        """Observed and expected CLs, (1 + bands, len(mu))."""
        tests = hypothesis_tests(model, mu, observed, auxiliary, kind=kind)
        return np.vstack([tests.cls, tests.expected.T])

    names = ["the observed CLs", *(f"the expected CLs at {band:+g} standard deviations" for band in BANDS)]
    points = np.linspace(1e-6 * high, high, GRID)
    brackets = [bracket(points, y, level, name) for name, y in zip(names, curves(points), strict=True)]
    for _ in range(ZOOMS):
        fine = np.array([np.linspace(*ends, GRID) for ends in brackets])
        values = curves(fine.ravel()).reshape(len(names), len(names), GRID)
        own = [values[i, i] for i in range(len(names))]
        brackets = [bracket(x, y, level, name) for name, x, y in zip(names, fine, own, strict=True)]
    limits = []
    for (low, high), x, y in zip(brackets, fine, own, strict=True):
        ends = np.interp([low, high], x, y)
        limits.append(low + (high - low) * (ends[0] - level) / max(ends[0] - ends[1], 1e-300))
    return Limits(limits[0], np.array(limits[1:]))


def draw_toys(model: BinnedModel, values: Any, n: int, rng: np.random.Generator) -> Toys:
    """Draw data sets, and the observations of constrained parameters with them.

    Args:
        model: of the data.
        values: parameters, (p,).
        n: number of data sets.
        rng: source of randomness.

    Raises:
        InputError: n is below 1, the values are not those of all parameters, or the expectation is negative.
    """
    if n < 1:
        raise InputError(f"the number of toys must be 1 or more, not {n}")
    known, theta = model.parameters, torch.as_tensor(values, dtype=torch.float64).reshape(-1)
    if len(theta) != len(known.names):
        raise InputError(f"toys need a value of each of {', '.join(known.names)}, not {len(theta)} values")
    rate = model.expected(theta)[0].numpy()
    if not (rate >= 0).all():
        raise InputError("no toys can be drawn: the model expects a negative number of events in a bin")
    aux = known.auxiliary.expand(n, -1).numpy().copy()
    normal, poisson = torch.isfinite(known.widths).numpy(), (known.rates > 0).numpy()
    aux[:, normal] = rng.normal(theta.numpy()[normal], known.widths.numpy()[normal], (n, int(normal.sum())))
    aux[:, poisson] = rng.poisson((known.rates * theta).numpy()[poisson], (n, int(poisson.sum())))
    return Toys(torch.from_numpy(rng.poisson(rate, (n, len(rate))).astype(np.float64)), torch.from_numpy(aux))


def toy_statistics(model: BinnedModel, mu: float, toys: Toys, *, kind: str = "q_tilde") -> Floats:
    """The test statistic of each toy, (toys,); NaN where a fit did not converge.

    Raises:
        UnknownNameError: no such statistic.
        InputError: the model has no parameter of interest, or q0 is asked at another strength than 0.
    """
    fitted, index = _ready(model, kind, np.array([mu]))
    free = fitted.fit(toys.observed, toys.auxiliary)
    fixed = fitted.fit(toys.observed, toys.auxiliary, hold={model.poi: mu})
    return profile_statistic(kind, mu, free.x[:, index], fixed.value, free.value)


@dataclass(frozen=True)
class ToyTest:
    """A test by toys.

    Args:
        tested: share of toys of the tested strength with at least the observed statistic (CLs+b).
        background: likewise of toys without signal (CLb).
        cls: their ratio.
        statistic: of the data.
        distributions: statistics of the toys that converged, of the tested strength and without signal.
    """

    tested: Estimate
    background: Estimate
    cls: Estimate
    statistic: float
    distributions: tuple[Floats, Floats]


def toy_test(
    model: BinnedModel, mu: float, n: int, rng: np.random.Generator, observed: Any = None, *, kind: str = "q_tilde"
) -> ToyTest:
    """CLs from toys of the tested strength and of none, nuisance parameters as fitted to the data at each.

    Args:
        model: with a parameter of interest.
        mu: tested strength.
        n: toys of each hypothesis.
        rng: source of randomness.
        observed: events a bin; the model's own if None.
        kind: q_mu or q_tilde.

    Raises:
        InputError: the model has no parameter of interest, or another statistic is asked.
        FitError: a fit to the data did not converge, or no toy's did.
    """
    if kind not in ("q_mu", "q_tilde"):
        raise InputError(f"CLs by toys takes q_mu or q_tilde, not {kind}")
    seen = float(hypothesis_tests(model, mu, observed, kind=kind).statistic[0])
    shares, kept = [], []
    for strength in (mu, 0.0):
        truth = model.fit(observed, hold={model.poi: strength}).need("the data at fixed strength").x[0]
        q = toy_statistics(model, mu, draw_toys(model, truth, n, rng), kind=kind)
        good = q[np.isfinite(q)]
        note = f"{n - len(good)} of {n} toys did not converge" if len(good) < n else ""
        shares.append(share(int((good >= seen).sum()), len(good), note))
        kept.append(good)
    tested, background = shares
    if background.value == 0:
        cls = Estimate(float("nan"), 0.0, 1.0, "binomial", "no toy without signal is as extreme as the data")
    else:
        error = np.hypot(tested.error / background.value, tested.value * background.error / background.value**2)
        cls = Estimate.symmetric(tested.value / background.value, float(error), "binomial", tested.note)
    return ToyTest(tested, background, cls, seen, (kept[0], kept[1]))


def fitted_parameters(model: BinnedModel, fit: Minima, row: int = 0) -> Mapping[str, Estimate]:
    """Parameters of one fit with the errors that the likelihood's curvature gives; NaN where it did not converge."""
    variances = torch.diagonal(fit.covariance, dim1=1, dim2=2)[row]
    found = {}
    for i, name in enumerate(model.parameters.names):
        value, note = float(fit.x[row, i]), ""
        if not bool(fit.converged[row]):
            value, note = float("nan"), "the fit did not converge"
        elif not bool(fit.free[row, i]):
            note = "fixed" if bool(model.parameters.fixed[i]) else "at a bound"
        error = float(torch.sqrt(variances[i].clamp(min=0.0)))
        low, high = value - error, value + error
        if note == "at a bound":
            below = value <= float(model.parameters.lower[i])
            low, high = (value, value + _rise(fit, row, i)) if below else (value - _rise(fit, row, i), value)
        found[name] = Estimate(value, low, high, "curvature", note)
    return found


def _rise(fit: Minima, row: int, i: int) -> float:
    """How far a parameter at a bound may move into its range until the likelihood, profiled, has risen by 1/2."""
    free = fit.free[row].clone()
    free[i] = True
    block = fit.hessian[row][free][:, free]
    place = int(free[:i].sum())
    curvature = 1 / float(torch.linalg.pinv(block)[place, place].clamp(min=1e-300))
    slope = abs(float(fit.gradient[row, i]))
    return float((np.sqrt(slope**2 + curvature) - slope) / curvature)


def _ready(model: BinnedModel, kind: str, mu: Floats) -> tuple[BinnedModel, int]:
    """The model with a two-sided parameter of interest where the statistic needs one, and where that stands."""
    if kind not in STATISTICS:
        raise unknown("test statistic", kind, STATISTICS)
    if not model.poi:
        raise InputError("the measurement names no parameter of interest, which a test needs")
    if kind == "q0" and (mu != 0).any():
        raise InputError(f"q0 tests the strength 0, not {mu[mu != 0][0]:g}")
    index = model.parameters.index(model.poi)
    if kind not in ("t_mu", "q_mu"):
        return model, index
    lower = model.parameters.lower.clone()
    lower[index] = torch.minimum(lower[index], -model.parameters.upper[index])
    return replace(model, parameters=replace(model.parameters, lower=lower)), index

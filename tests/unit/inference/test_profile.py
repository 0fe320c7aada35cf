"""Profile likelihoods beside the Gaussian with a nuisance parameter, whose profile is a closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from partonic.core.errors import FitError, InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.inference.batched import minimise
from partonic.inference.limits import expected_scan
from partonic.inference.minuit import minuit_fit
from partonic.inference.nuisance import Nuisances, Variation, luminosity, shift_variation, weight_variation
from partonic.inference.profile import EventSums, Profiler, normalisation, profile_points, profiled_scan
from partonic.simulators.gaussian_nuisance import GaussianNuisance
from partonic.simulators.wbf import Constants, WeakBosonFusion
from partonic.simulators.wbf.theory import basis

AXIS = np.linspace(-1.2, 1.2, 25)
N, SHIFT = 40, 0.2


def reference(n=60_000):
    """Events with exactly the mean 0 and variance 1, their log-ratios to mu = 0, and the shift of the mean by nu."""
    x = np.random.default_rng(0).normal(0, 1, n)
    x = (x - x.mean()) / x.std()
    return x, AXIS[:, None] * x - 0.5 * AXIS[:, None] ** 2, Variation("nu", SHIFT * x, np.full(n, -(SHIFT**2) / 2))


def negative_of(x, shift):
    data = torch.as_tensor(x)

    def negative(values):
        return 0.5 * ((data - values[0] - shift * values[1]) ** 2).sum() + 0.5 * values[1] ** 2

    return negative


def test_minuit_finds_the_exact_profile():
    simulator = GaussianNuisance(SHIFT)
    events = simulator.simulate((0.4, 0.0), N, np.random.default_rng(1))
    negative = negative_of(events.column("x"), SHIFT)
    fit = minuit_fit(negative, {"mu": 0.0, "nu": 0.0}, minos=["mu"], tolerance=1e-6)
    low, high = simulator.interval(events)
    assert (fit.values["mu"].low, fit.values["mu"].high) == pytest.approx((low, high), abs=1e-3)
    assert fit.values["nu"].value == pytest.approx(0.0, abs=1e-6)
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx((high - low) / 2, rel=1e-4)
    for mu in (-0.3, 0.1, 0.9):
        held = minuit_fit(negative, {"mu": mu, "nu": 0.0}, fixed=["mu"], tolerance=1e-6)
        assert 2 * (held.minimum - fit.minimum) == pytest.approx(simulator.profile(events, mu), abs=1e-6)


def test_batched_newton_finds_the_exact_profile():
    simulator = GaussianNuisance(SHIFT)
    events = simulator.simulate((0.4, 0.0), N, np.random.default_rng(1))
    x = torch.as_tensor(np.asarray(events.column("x")))
    mu = torch.linspace(-1, 1, 9, dtype=torch.float64)

    def objective(rows, nu):
        left = x - mu[rows][:, None] - SHIFT * nu
        value = 0.5 * (left**2).sum(1) + 0.5 * nu[:, 0] ** 2
        curve = torch.full((len(rows), 1, 1), 1 + SHIFT**2 * N, dtype=torch.float64)
        return value, (nu[:, 0] - SHIFT * left.sum(1))[:, None], curve

    far = torch.full((1,), 50.0, dtype=torch.float64)
    found = minimise(objective, torch.zeros(9, 1, dtype=torch.float64), -far, far).need("nu")
    best = 0.5 * float(((x - x.mean()) ** 2).sum())
    expected = [simulator.profile(events, float(one)) for one in mu]
    np.testing.assert_allclose(2 * (found.value.numpy() - best), expected, atol=1e-6)


def test_expected_profiles_are_exact_for_a_shifted_gaussian():
    _, table, variation = reference()
    scan = profiled_scan((AXIS,), table, [variation], N, replicas=0)
    q = scan.q - scan.q.min()
    assert q == pytest.approx(N * AXIS**2 / (1 + N * SHIFT**2), abs=0.03 * N * AXIS.max() ** 2 / (1 + N * SHIFT**2))
    low, high = scan.interval(0.6826894921)
    exact = np.sqrt(1 / N + SHIFT**2)
    assert (low.value, high.value) == pytest.approx((-exact, exact), rel=0.03)


def test_profiled_errors_come_with_the_scan():
    _, table, variation = reference(5000)
    high = profiled_scan((AXIS,), table, [variation], N, replicas=20).interval()[1]
    assert 0 < high.error < 0.1


def test_a_variation_that_does_nothing_changes_nothing():
    x, table, _ = reference(5000)
    idle = Variation("idle", np.zeros(len(x)), np.zeros(len(x)))
    scan = profiled_scan((AXIS,), table, [idle], N, replicas=0)
    plain = expected_scan((AXIS,), table, N, replicas=0)
    assert scan.q - scan.q.min() == pytest.approx(plain.q - plain.q.min(), abs=1e-9)


def test_luminosity_widens_the_rate_as_in_closed_form():
    """Far from the shape a count n of N exp(mu) with a relative error s: q is about mu^2 / (1/N + s^2) for small mu."""
    axis = np.linspace(-0.3, 0.3, 31)
    rates, s = 10_000 * np.exp(axis), 0.05
    scan = profiled_scan((axis,), np.zeros((31, 50)), [luminosity(s, 50)], 10_000, rates=rates, replicas=0)
    low, high = scan.interval(0.6826894921)
    exact = np.sqrt(1 / 10_000 + np.log1p(s) ** 2)
    assert (low.value, high.value) == pytest.approx((-exact, exact), rel=0.01)


def test_what_is_profiled_can_be_chosen_and_more_of_it_is_wider():
    _, table, variation = reference(5000)
    other = Variation("other", 0.5 * variation.linear, 0.25 * variation.quadratic)
    made = Profiler.of((AXIS,), table, [variation, other], replicas=3)
    scan = made.scan(N, names=["nu"])
    alone = profiled_scan((AXIS,), table, [variation], N, replicas=3)
    np.testing.assert_allclose(scan.q, alone.q)
    np.testing.assert_allclose(scan.replicas, alone.replicas)
    lengths = [made.scan(N, names=names).area(0.6826894921).value for names in (["other"], ["nu"], None)]
    exact = [2 * np.sqrt(1 / N + one) for one in (SHIFT**2 / 4, SHIFT**2, 1.25 * SHIFT**2)]
    assert lengths == pytest.approx(exact, rel=0.03)
    with pytest.raises(UnknownNameError, match="unknown nuisance parameter 'mu'; there are: nu, other"):
        made.scan(N, names=["mu"])
    with pytest.raises(InputError, match="needs a nuisance parameter"):
        made.scan(N, names=[])
    with pytest.raises(InputError, match="rates must be 25 numbers"):
        made.scan(N, rates=[1.0])


def test_replicas_are_the_profiles_of_resampled_events():
    _, table, variation = reference(2000)
    made = Profiler.of((AXIS,), table, [variation], replicas=2, seed=4)
    rng = generator(4)
    for found in made.scan(N, rates=N * np.exp(0.1 * AXIS)).replicas:
        drawn = rng.poisson(1.0, 2000).astype(float)
        again = profiled_scan((AXIS,), table, [variation], N, drawn, rates=N * np.exp(0.1 * AXIS), replicas=0)
        np.testing.assert_allclose(found, again.q, rtol=1e-9)


def test_toys_are_profiled_together():
    _, table, variation = reference()
    shape = normalisation(table, None, Nuisances.of([variation]))
    rng = np.random.default_rng(2)
    toys, auxiliary = rng.normal(0, 1, (300, N)), rng.normal(0, 1, (300, 1))
    sums = EventSums(
        torch.from_numpy(toys.sum(1)[:, None] * AXIS - N * AXIS**2 / 2),
        torch.from_numpy(SHIFT * toys.sum(1)[:, None]),
        torch.full((300, 1), -N * SHIFT**2 / 2, dtype=torch.float64),
        torch.full((300,), float(N), dtype=torch.float64),
        torch.from_numpy(auxiliary),
    )
    found = profile_points(sums, shape)
    assert found.converged.all()
    centre = toys.mean(1) - SHIFT * auxiliary[:, 0]
    exact = N * (centre[:, None] - AXIS) ** 2 / (1 + N * SHIFT**2)
    difference = (found.statistic - found.statistic[:, :1]) - (exact - exact[:, :1])
    assert np.abs(difference).max() < 0.05 * exact.max()


def test_weights_come_back_at_one_standard_deviation():
    rng = np.random.default_rng(3)
    nominal, up, down = rng.uniform(0.5, 2, (3, 100))
    found = weight_variation("scale", nominal, up, down)
    np.testing.assert_allclose(nominal * np.exp(found.log_weight(1.0)), up)
    np.testing.assert_allclose(nominal * np.exp(found.log_weight(-1.0)), down)
    one_sided = weight_variation("densities", nominal, up)
    np.testing.assert_allclose(one_sided.quadratic, 0, atol=1e-12)


def test_a_scale_has_the_slope_of_its_density():
    x = np.random.default_rng(4).normal(3.0, 1.0, 300_000)
    found = shift_variation("jes", x, x + 0.1, x - 0.1, bins=25)
    inside = np.abs(x - 3) < 1.5
    error = found.linear[inside] - 0.1 * (x[inside] - 3)
    assert np.abs(error).max() < 0.02
    assert np.corrcoef(found.linear[inside], x[inside])[0, 1] > 0.99


def test_bad_input_is_named():
    with pytest.raises(InputError, match="scale: 1 of 3 up weights are not finite numbers above 0"):
        weight_variation("scale", [1, 1, 1], [1, -1, 1])
    with pytest.raises(InputError, match="scale: 2 of 3 up weights"):
        weight_variation("scale", [1, 1, 1], [np.inf, np.nan, 1])
    with pytest.raises(InputError, match="down has"):
        weight_variation("scale", [1, 1, 1], [1, 1, 1], [1, 1])
    with pytest.raises(InputError, match="one name each, not: a, a"):
        Nuisances.of([luminosity(0.1, 3, "a"), luminosity(0.1, 3, "a")])
    with pytest.raises(InputError, match="a has 3, b has 4"):
        Nuisances.of([luminosity(0.1, 3, "a"), luminosity(0.1, 4, "b")])
    with pytest.raises(InputError, match=r"must be above 0 and finite, not 0\.0"):
        luminosity(0.0, 3)
    with pytest.raises(InputError, match="number of events, 1 or more, not -3"):
        luminosity(0.1, -3)
    with pytest.raises(InputError, match="2 bins or more, not 0"):
        shift_variation("jes", np.arange(40.0), np.arange(40.0), np.arange(40.0), bins=0)
    with pytest.raises(InputError, match="5 events are too few to resample"):
        Profiler.of((AXIS,), np.zeros((len(AXIS), 5)), [luminosity(0.1, 5)])
    with pytest.raises(InputError, match="of 4 is empty"):
        shift_variation("jes", np.arange(40.0), np.arange(40.0) + 100, np.arange(40.0), bins=4)
    with pytest.raises(UnknownNameError, match="unknown parameter 'nv'"):
        minuit_fit(lambda v: v.sum(), {"nu": 0.0}, fixed=["nv"])
    with pytest.raises(InputError, match=r"is nan at its start \{"):
        minuit_fit(lambda v: torch.log(v[0]), {"nu": -1.0})
    with pytest.raises(FitError, match=r"no valid minimum after \d+ calls; it stands at nu ="):
        minuit_fit(lambda v: -torch.exp(v[0]), {"nu": 0.0})


@pytest.mark.slow
def test_the_factorisation_scale_of_weak_boson_fusion_is_profiled():
    """Components of the same events at half and twice the scale; what is not known widens the interval of f_W."""
    constants = Constants()
    nominal = WeakBosonFusion(constants)
    events = nominal.simulate((0.0, 0.0), 3000, np.random.default_rng(5))
    at = {factor: WeakBosonFusion(replace(constants, scale=factor * constants.scale)) for factor in (0.5, 2.0)}
    up, down = (at[factor].unscaled(events)[:, 0] for factor in (2.0, 0.5))
    variation = weight_variation("scale", nominal.unscaled(events)[:, 0], up, down)
    assert 0.005 < np.abs(variation.linear).mean() < 0.3
    axis = np.linspace(-0.6, 0.6, 13)
    points = basis(np.column_stack([axis, 0 * axis]))
    density = nominal.truth(events) @ points.T
    sections = points @ events.gold["components"].mean(axis=0)
    table = (np.log(density) - np.log(density[:, [6]])).T - np.log(sections / sections[6])[:, None]
    rates = 1000 * sections / sections[6]
    plain = expected_scan((axis,), table, 1000, rates=rates, replicas=0)
    wider = profiled_scan((axis,), table, [variation, luminosity(0.02, 3000)], 1000, rates=rates, replicas=0)
    widths = [np.diff([end.value for end in scan.interval(0.6826894921)])[0] for scan in (plain, wider)]
    assert 1.02 * widths[0] < widths[1] < 4 * widths[0]

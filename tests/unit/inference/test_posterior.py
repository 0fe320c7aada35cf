"""Learned posteriors beside exact ones, and the checks that tell whether they can be believed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from partonic.core import hamiltonian
from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.fit.options import FitOptions
from partonic.inference.posterior import Posterior, train_posterior
from partonic.inference.posterior_checks import posterior_predictive, simulation_based_calibration, tarp
from partonic.inference.priors import FlatPrior, NormalPrior
from partonic.inference.rejection import reject
from partonic.simulators.gaussian_linear import GaussianLinear
from partonic.simulators.two_moons import TwoMoons

SIMULATOR = GaussianLinear(2)
PRIOR = NormalPrior(np.zeros(2), np.full(2, np.sqrt(0.1)))
SHORT = FitOptions(epochs=6, learning_rate=2e-3, weight_decay=0.0)


def simulate(theta, rng, simulator=SIMULATOR):
    return simulator.simulate(theta, len(theta), rng).column("x")


def pairs(n, seed=1):
    rng = generator(seed)
    theta = PRIOR.sample(n, rng)
    return theta, simulate(theta, rng)


@pytest.fixture(scope="module")
def trained():
    theta, x = pairs(2000)
    options = {"npe": SHORT, "nle": SHORT, "nre": replace(SHORT, epochs=20)}
    return {name: train_posterior(theta, x, PRIOR, method=name, options=each) for name, each in options.items()}


@pytest.mark.parametrize(
    ("method", "mean_error", "width_error"), [("npe", 0.03, 0.08), ("nle", 0.05, 0.15), ("nre", 0.08, 0.25)]
)
def test_posterior_of_a_gaussian_beside_the_exact_one(trained, method, mean_error, width_error):
    x = pairs(3, seed=7)[1]
    drawn = trained[method].sample(x, 1000, generator(3))
    mean, spread = SIMULATOR.posterior(x)
    assert drawn.shape == (1000, 3, 2)
    assert np.abs(drawn.mean(axis=0) - mean).mean() < mean_error
    assert np.abs(drawn.std(axis=0) / spread - 1).mean() < width_error


def test_density_of_a_posterior_beside_the_exact_one(trained):
    x = np.array([0.3, -0.2])
    mean, spread = SIMULATOR.posterior(x)
    theta = mean + spread * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    exact = -0.5 * np.array([0.0, 1.0, 1.0])
    for method, posterior in trained.items():
        found = posterior.log_prob(theta, x)
        assert found - found[0] == pytest.approx(exact, abs=0.25), method
    norm = -np.log(2 * np.pi * spread**2)
    assert trained["npe"].log_prob(theta, x)[0] == pytest.approx(norm, abs=0.15)


def test_two_crescents_stay_two_and_inside_the_prior():
    simulator, prior = TwoMoons(), FlatPrior(-np.ones(2), np.ones(2))
    rng = generator(5)
    theta = prior.sample(4000, rng)
    x = simulate(theta, rng, simulator)
    posterior = train_posterior(theta, x, prior, options=FitOptions(epochs=12, learning_rate=3e-3, weight_decay=0.0))
    drawn = posterior.sample(np.zeros(2), 2000, rng)
    assert np.all(np.abs(drawn) <= 1)
    assert np.mean(drawn.sum(axis=1) > 0) == pytest.approx(0.5, abs=0.15)
    assert np.median(np.abs(drawn.sum(axis=1))) == pytest.approx(
        np.median(np.abs(simulator.posterior(np.zeros(2), 2000, rng).sum(axis=1))), rel=0.3
    )
    assert posterior.log_prob([[1.5, 0.0]], np.zeros(2))[0] == -np.inf


def test_what_was_saved_draws_the_same(trained, tmp_path):
    for method, posterior in trained.items():
        posterior.save(tmp_path / method)
        again = Posterior.load(tmp_path / method)
        theta = PRIOR.sample(20, generator(1))
        assert np.array_equal(*[each.log_prob(theta, [0.1, 0.2]) for each in (posterior, again)])
        assert again.prior.box.tolist() == PRIOR.box.tolist()
    (tmp_path / "npe").write_bytes(b"no posterior")
    with pytest.raises(FileError, match="is no posterior estimator"):
        Posterior.load(tmp_path / "npe")


def test_rejection_with_and_without_adjustment():
    x = np.array([0.4, -0.1])
    mean, spread = SIMULATOR.posterior(x)
    found = {
        adjust: reject(simulate, PRIOR, x, simulations=20_000, keep=1000, rng=generator(2), adjust=adjust)
        for adjust in (False, True)
    }
    theta, weight = found[True].theta, found[True].weight
    centre = np.average(theta, axis=0, weights=weight)
    width = np.sqrt(np.average((theta - centre) ** 2, axis=0, weights=weight))
    assert centre == pytest.approx(mean, abs=0.02)
    assert width == pytest.approx(np.full(2, spread), rel=0.08)
    assert found[False].theta.std(axis=0).mean() > width.mean()
    assert found[True].share == 0.05
    with pytest.raises(InputError, match="at least 4"):
        reject(simulate, PRIOR, x, simulations=100, keep=3, rng=generator(2))
    with pytest.raises(InputError, match=r"the shape \(5, 2\); one of 2 observables at each of 100 theta"):
        reject(lambda theta, rng: theta[:5], PRIOR, x, simulations=100, keep=50, rng=generator(2))
    with pytest.raises(InputError, match="one number a parameter"):
        FlatPrior([], [])


def exact_draws(events, n, shift=0.0, width=1.0):
    theta, x = pairs(events, seed=11)
    mean, spread = SIMULATOR.posterior(x)
    return mean + shift + width * spread * generator(12).standard_normal((n, *mean.shape)), theta


@pytest.mark.parametrize(
    ("shift", "width", "good"), [(0.0, 1.0, True), (0.08, 1.0, False), (0.0, 0.7, False), (0.0, 1.5, False)]
)
def test_ranks_and_coverage_find_a_wrong_posterior(shift, width, good):
    draws, theta = exact_draws(600, 99, shift, width)
    ranks = simulation_based_calibration(draws, theta)
    assert ranks.rejected is not good
    assert ranks.histogram().sum() == 1200
    if width != 1.0 or good:
        assert (tarp(draws, theta, generator(4)).p_value > 0.01) is good


def test_coverage_at_a_level():
    draws, theta = exact_draws(800, 199)
    found = tarp(draws, theta, generator(4)).at(0.68)
    assert abs(found.value - 0.68) < 3 * found.error


def test_an_event_that_the_posterior_does_not_predict():
    draws = np.zeros((500, 2))
    assert posterior_predictive(simulate, draws, [0.1, 0.2], generator(1)).min() > 0.05
    assert posterior_predictive(simulate, draws, [0.1, 3.0], generator(1))[1] < 0.01


def test_hybrid_monte_carlo_of_a_correlated_gaussian():
    covariance = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    inverse = torch.linalg.inv(covariance)

    def action(position):
        return 0.5 * torch.einsum("bi,ij,bj->b", position, inverse, position)

    random = torch.Generator().manual_seed(1)
    chains = hamiltonian.init(action, torch.randn(400, 2, generator=random, dtype=torch.float64))
    chains, size = hamiltonian.warmed(action, chains, 50, 5, random)
    drawn = []
    for _ in range(40):
        chains = hamiltonian.step(action, chains, size, 5, random)
        drawn.append(chains.position)
    found = torch.cov(torch.cat(drawn).T)
    assert found.numpy() == pytest.approx(covariance.numpy(), abs=0.06)
    assert float(chains.accepted.double().mean()) > 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"theta": np.zeros((50, 2)), "x": np.zeros((50, 2))}, "50 events are too few"),
        ({"theta": np.zeros((200, 3))}, "parameters, not"),
        ({"x": np.full((200, 2), np.nan)}, "observables must be finite"),
        ({"theta": np.full((200, 2), np.nan)}, "theta must be finite, and 200 of them are not"),
        ({"prior": FlatPrior(-np.ones(2) * 1e-3, np.ones(2) * 1e-3)}, "outside the prior"),
        ({"validation": 0.0}, "share of the pairs"),
        ({"x": np.ones((200, 2)), "method": "nle"}, "vary independently"),
    ],
)
def test_unfit_pairs_are_refused(change, said):
    theta, x = pairs(200)
    given = {"theta": theta, "x": x, "prior": PRIOR} | change
    with pytest.raises(InputError, match=said):
        train_posterior(**given)


def test_unknown_methods_and_wrong_events(trained):
    theta, x = pairs(200)
    with pytest.raises(UnknownNameError, match="nre"):
        train_posterior(theta, x, PRIOR, method="npr")
    with pytest.raises(InputError, match="2 observables, not of 3"):
        trained["npe"].sample(np.zeros(3), 5, generator(1))
    with pytest.raises(InputError, match="must be above 0"):
        NormalPrior(np.zeros(2), np.zeros(2))
    with pytest.raises(InputError, match="below the higher"):
        FlatPrior(np.ones(2), np.ones(2))

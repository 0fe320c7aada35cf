"""Problems with a known answer: the closed forms against integrals, fits and weighted draws."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.simulators.gaussian_linear import GaussianLinear
from partonic.simulators.gaussian_mixture import GaussianMixture
from partonic.simulators.gaussian_nuisance import GaussianNuisance
from partonic.simulators.latent_gaussian import LatentGaussian


def test_the_latent_gaussian_is_the_integral_over_its_latent():
    family = LatentGaussian(1.5, 0.7)

    def integrand(z):
        return stats.norm.pdf(z, 0.4, 1.5) * stats.norm.pdf(1.9, z, 0.7)

    expected = np.log(integrate.quad(integrand, -20, 20)[0])
    assert family.log_prob(Events({"x": np.array([1.9])}), 0.4)[0] == pytest.approx(expected, rel=1e-9)


def test_the_gold_of_the_latent_gaussian():
    """Its mean over z given x is the true ratio and score; checked against functions of x, and by differences."""
    family = LatentGaussian(reference=0.5)
    events = family.simulate(0.5, 50_000, generator(1))
    np.testing.assert_allclose(events.gold["joint_ratio"], 1.0)
    x, joint = events.column("x"), events.gold["joint_score"][:, 0]
    exact = family.score(events, 0.5)
    slope = (family.log_prob(events, 0.5 + 1e-5) - family.log_prob(events, 0.5 - 1e-5)) / 2e-5
    np.testing.assert_allclose(exact, slope, atol=1e-8)
    for test in (np.ones_like(x), x, x**2):
        product = (joint - exact) * test
        assert abs(product.mean()) < 4.5 * product.std() / np.sqrt(len(x))
    near = family.simulate(0.8, 50_000, generator(2))
    inverse = 1 / near.gold["joint_ratio"]
    moved = inverse * near.column("x")
    assert inverse.mean() == pytest.approx(1.0, abs=4.5 * inverse.std() / np.sqrt(50_000))
    assert moved.mean() == pytest.approx(0.5, abs=4.5 * moved.std() / np.sqrt(50_000))


def test_the_profile_is_what_a_fit_finds():
    family = GaussianNuisance(0.4)
    events = family.simulate((0.2, 1.0), 25, generator(3))

    def loss(mu, nu):
        return -2 * family.log_prob(events, (mu, nu)).sum() + nu**2

    best = optimize.minimize(lambda p: loss(*p), [0.0, 0.0], tol=1e-12).fun
    for mu in (-0.5, 0.2, 1.3):
        profiled = optimize.minimize_scalar(lambda nu, mu=mu: loss(mu, nu), tol=1e-12).fun
        assert family.profile(events, mu) == pytest.approx(profiled - best, abs=1e-6)
    assert [family.profile(events, end) for end in family.interval(events, 3.84)] == pytest.approx([3.84] * 2)


def test_the_score_of_the_nuisance_is_the_derivative():
    family = GaussianNuisance()
    events = family.simulate((0.1, -0.4), 50, generator(4))
    for number, step in enumerate(((1e-5, 0), (0, 1e-5))):
        up, down = (family.log_prob(events, (0.1 + s * step[0], -0.4 + s * step[1])) for s in (1, -1))
        np.testing.assert_allclose(events.gold["joint_score"][:, number], (up - down) / 2e-5, atol=1e-8)


def test_the_posterior_is_prior_times_likelihood():
    family = GaussianLinear(2, 0.2, 0.1)
    draws = family.prior(400_000, generator(5))
    x = np.array([0.3, -0.5])
    weight = np.exp(family.log_prob(Events({"x": np.broadcast_to(x, draws.shape)}), draws))
    mean, spread = family.posterior(x)
    np.testing.assert_allclose((weight[:, None] * draws).sum(0) / weight.sum(), mean, atol=0.005)
    variance = (weight[:, None] * (draws - mean) ** 2).sum(0) / weight.sum()
    np.testing.assert_allclose(np.sqrt(variance), spread, rtol=0.02)


def test_linear_draws_have_the_stated_moments():
    family = GaussianLinear(3)
    events = family.simulate(family.prior(20_000, generator(6)), 20_000, generator(7))
    assert np.var(events.column("x"), axis=0) == pytest.approx([0.2] * 3, rel=0.05)
    residual = events.column("x") - events.column("theta")
    assert stats.kstest(residual.ravel() / np.sqrt(0.1), "norm").pvalue > 1e-3


def test_the_mixture_is_normalised_and_drawn_from():
    family = GaussianMixture()
    axis = np.arange(-6, 6, 0.02) + 0.01
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(family.log_prob(Events({"x": grid}), np.array([0.3, -0.2])))
    assert density.sum() * 0.02**2 == pytest.approx(1.0, rel=1e-4)
    x = family.simulate(np.array([0.3, -0.2]), 40_000, generator(8)).column("x")
    inside = density[np.hypot(*(grid - [0.3, -0.2]).T) < 0.2].sum() * 0.02**2
    share = np.mean(np.hypot(*(x - [0.3, -0.2]).T) < 0.2)
    assert share == pytest.approx(inside, abs=4.5 * np.sqrt(0.25 / 40_000) + 0.005)


def test_the_posterior_of_the_mixture_ends_with_the_prior():
    family = GaussianMixture()
    x = np.array([9.5, 0.0])
    drawn = family.posterior(x, 20_000, generator(9))
    axis = np.arange(5, 10, 0.01) + 0.005
    density = sum(stats.norm.pdf(axis, 9.5, s) for s in family.spreads)
    assert np.abs(drawn).max() <= 10
    assert drawn[:, 0].mean() == pytest.approx((axis * density).sum() / density.sum(), abs=0.03)
    with pytest.raises(InputError, match="too far outside"):
        family.posterior(np.array([60.0, 0.0]), 5, generator(9))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LatentGaussian(spread=0.0),
        lambda: GaussianLinear(0),
        lambda: GaussianMixture((1.0, 0.0)),
        lambda: GaussianLinear(variance=-1.0),
        lambda: GaussianNuisance().profile(Events({"x": np.zeros(0)}), 0.0),
        lambda: GaussianNuisance().interval(Events({"x": np.ones(2)}), 0.0),
    ],
)
def test_impossible_options_are_refused(make):
    with pytest.raises(InputError, match=r"above 0|needs an event"):
        make()

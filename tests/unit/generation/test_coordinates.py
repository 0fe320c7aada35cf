import numpy as np
import pytest
from scipy.special import ndtri

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns, Fitted, Pair, check_names
from partonic.generation.lines import (
    Boxed,
    Circular,
    Logarithm,
    Resonant,
    Straight,
    fit_evened,
    fit_gaussianised,
    fit_unrolled,
    wrapped,
)

Z = Resonant(91.19, 2.5, 60.0, 120.0)
SAMPLE = generator(1).gamma(2.0, 5.0, 4_000)
ANGLES = generator(11).vonmises(3.0, 2.0, 4_000)
MAPS = {
    "straight": (Straight(3.0, 2.0), np.linspace(-5, 9, 40)),
    "logarithm": (Logarithm(10.0), np.linspace(10.1, 300, 40)),
    "boxed": (Boxed(-2.4, 2.4), np.linspace(-2.39, 2.39, 40)),
    "circular": (Circular(np.pi), np.linspace(-3.1, 3.1, 40)),
    "resonant": (Z, np.linspace(60.5, 119, 40)),
    "resonant, no end": (Resonant(91.19, 2.5), np.linspace(5, 300, 40)),
    "unrolled": (fit_unrolled(ANGLES), np.linspace(-3.1, 3.1, 60)),
    "evened": (fit_evened(ANGLES), np.linspace(-3.1, 3.1, 60)),
    "gaussianised": (fit_gaussianised(SAMPLE), np.linspace(-3, 80, 60)),
}


def slope(one, x, h=1e-5):
    rise = one.forward(x + h) - one.forward(x - h)
    return (wrapped(rise) if one.circular else rise) / (2 * h)


@pytest.mark.parametrize("name", MAPS)
def test_a_map_has_its_inverse_and_its_slope(name):
    one, x = MAPS[name]
    np.testing.assert_allclose(one.inverse(one.forward(x)), x, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(one.log_slope(x), np.log(slope(one, x)), atol=2e-5)


def test_a_resonance_is_spread_evenly():
    share = generator(2).random(50_000)
    first, last = (np.arctan((m**2 - 91.19**2) / (91.19 * 2.5)) for m in (60.0, 120.0))
    mass = np.sqrt(91.19**2 + 91.19 * 2.5 * np.tan(first + (last - first) * share))
    u = Z.forward(mass)  # a logistic variable
    np.testing.assert_allclose(np.quantile(u, [0.1, 0.5, 0.9]), np.log([1 / 9, 1, 9]), atol=0.05)


def test_an_evened_angle_is_uniform_and_goes_on_over_the_ends():
    one = MAPS["evened"][0]
    counts = np.histogram(one.forward(ANGLES), 12, (-np.pi, np.pi))[0]
    assert abs(counts / 4_000 - 1 / 12).max() < 0.02
    ends = one.log_slope(np.array([one.cut + 1e-9, one.cut - 1e-9]))
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)
    heavy = fit_evened(ANGLES, np.where(np.cos(ANGLES) > 0, 1.0, 0.0))
    drawn = heavy.inverse(generator(12).uniform(-np.pi, np.pi, 4_000))
    assert np.mean(np.cos(drawn) > 0) > 0.9


def test_a_fitted_map_makes_a_sample_gaussian():
    rng = generator(3)
    sample = np.concatenate([rng.normal(0, 1, 6_000), rng.exponential(30.0, 2_000)])
    one = fit_gaussianised(sample)
    u = one.forward(np.sort(sample))
    share = (np.arange(len(u)) + 0.5) / len(u)
    middle = (share > 0.01) & (share < 0.99)
    assert np.abs(u - ndtri(share))[middle].max() < 0.12
    weighted = fit_gaussianised(sample, np.where(sample > 20, 0.0, 1.0))
    drawn, kept = weighted.inverse(rng.normal(size=20_000)), sample[sample <= 20]
    np.testing.assert_allclose(np.quantile(drawn, [0.2, 0.5, 0.9]), np.quantile(kept, [0.2, 0.5, 0.9]), atol=0.6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Resonant(91.2, 2.5, 100.0, 200.0), "resonance of 91.2 GeV is outside of its window"),
        (lambda: Resonant(91.2, 0.0), "width above 0"),
        (lambda: Z.forward(np.array([90.0, 130.0])), "1 of 2 values are not a mass from 60 to 120 GeV.*130, event 1"),
        (lambda: Boxed(2.0, 1.0), "two finite ends"),
        (lambda: Boxed(0.0, 1.0).forward(np.array([2.0])), "from 0 to 1"),
        (lambda: Logarithm(5.0).forward(np.array([4.0])), "above 5"),
        (lambda: Straight(0.0, 0.0), "scale"),
        (lambda: fit_gaussianised(np.repeat([1.0, 2.0], 50)), "2 different values in 100 events"),
        (lambda: Columns(("pt",), ()), "needs one map"),
        (lambda: Pair(Z, 40.0, 2.4, 60.0), "pt_min of 30 GeV at most, not 40"),
        (lambda: check_names(Columns(("pt",), (Logarithm(),)), ["eta"]), "take pt, and the sample has eta"),
        (lambda: Columns(("pt",), (Logarithm(),)).forward(np.zeros((3, 2))), r"\(events, 1\), not \(3, 2\)"),
        (lambda: Columns(("pt",), (Logarithm(),)).forward(np.array([[1.0], [-1.0]])), "pt: 1 of 2 values"),
        (lambda: Columns(("pt",), (Logarithm(),)).inverse(np.array([[1.0], [np.nan]])), "the first those of event 1"),
    ],
)
def test_what_has_no_coordinates_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_columns_take_each_quantity_for_itself():
    both = Columns(("pt", "phi"), (Logarithm(), Circular()))
    values = np.array([[10.0, 3.0], [20.0, -3.0]])
    np.testing.assert_allclose(both.inverse(both.forward(values)), values)
    np.testing.assert_allclose(both.log_jacobian(values), -np.log([10.0, 20.0]))
    assert both.circular == (False, True)


PAIR = Pair(Z, 20.0, 2.4, 60.0)


def test_a_pair_never_leaves_the_cuts_and_has_its_mass():
    u = generator(4).normal(size=(20_000, 5)) * [3, 1, 5, 5, 5]
    u[:, 1] = np.clip(u[:, 1], -3.14, 3.14)
    one, eta1, two, eta2, angle = PAIR.inverse(u).T
    assert min(one.min(), two.min()) >= 20.0
    assert max(abs(eta1).max(), abs(eta2).max()) <= 2.4 + 1e-9
    mass = np.sqrt(2 * one * two * (np.cosh(eta1 - eta2) - np.cos(angle)))
    np.testing.assert_allclose(mass, Z.inverse(u[:, 0]), rtol=1e-9)


def test_a_pair_has_its_inverse_and_its_jacobian():
    u = generator(5).normal(size=(200, 5))
    values = PAIR.inverse(u)
    np.testing.assert_allclose(PAIR.forward(values), u, rtol=1e-6, atol=1e-7)
    fitted = Fitted(PAIR, tuple(fit_gaussianised(2 * column + 1) for column in u.T))
    np.testing.assert_allclose(fitted.inverse(fitted.forward(values)), values, rtol=1e-8)
    for one in (PAIR, fitted):
        steps = 1e-6 * np.eye(5)
        numeric = np.stack([(one.forward(values + s) - one.forward(values - s)) / 2e-6 for s in steps], axis=2)
        np.testing.assert_allclose(one.log_jacobian(values), np.linalg.slogdet(numeric)[1], atol=2e-4)


def test_a_pair_outside_of_the_cuts_is_named():
    values = PAIR.inverse(np.zeros((3, 5)))
    values[2, 0] = 15.0
    with pytest.raises(InputError, match=r"1 of 3 pairs are outside of the cuts .* event 2"):
        PAIR.forward(values)

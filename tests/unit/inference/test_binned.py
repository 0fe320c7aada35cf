"""Binned models beside pyhf's likelihood, finite differences and closed forms."""

import numpy as np
import pytest
import torch
from workspaces import ALL, FIVE, channel, everything, modifier, one_bin, thirty_bins, workspace

from partonic.core.errors import InputError, UnknownNameError
from partonic.inference.binned_build import build
from partonic.inference.hypotests import (
    draw_toys,
    fitted_parameters,
    hypothesis_tests,
    toy_statistics,
    toy_test,
    upper_limits,
)
from partonic.inference.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:.*RefResolver:DeprecationWarning")  # of pyhf


def model_of(tree):
    return build(Workspace.from_tree(tree))


def points(model, n=5):
    known = model.parameters
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 0.3, (n, len(known.names))))
    moved = torch.where(known.fixed, known.initial, known.initial + noise)
    return torch.minimum(torch.maximum(moved, known.lower + 0.01), known.upper)


@pytest.mark.parametrize("name", ALL)
def test_the_likelihood_is_that_of_pyhf(name):
    pyhf = pytest.importorskip("pyhf")
    theirs = pyhf.Workspace(ALL[name]())
    reference = theirs.model()
    data, ours = theirs.data(reference), model_of(ALL[name]())
    order = [ours.parameters.names.index(one) for one in reference.config.par_names]
    for x in points(ours):
        expected = float(reference.logpdf(x[order].numpy(), data)[0])
        assert float(ours.log_prob(x)[0]) == pytest.approx(expected, abs=1e-9)
        np.testing.assert_allclose(ours.expected(x)[0], reference.expected_actualdata(x[order].numpy()), rtol=1e-12)
    np.testing.assert_allclose(
        ours.expected_auxiliary(x)[0][order][_constrained(reference)], reference.expected_auxdata(x[order].numpy())
    )


def _constrained(reference):
    return np.concatenate([np.r_[reference.config.par_slice(name)] for name in reference.config.auxdata_order]).astype(
        int
    )


@pytest.mark.parametrize("name", ALL)
def test_derivatives_are_those_of_finite_differences(name):
    model, step = model_of(ALL[name]()), 1e-5
    x = points(model, 1)
    data, aux = model.observed[None], model.parameters.auxiliary[None]
    _, gradient, hessian = model._negative(x, data, aux)
    for i in range(x.shape[1]):
        move = torch.zeros_like(x)
        move[0, i] = step
        up, down = model._negative(x + move, data, aux), model._negative(x - move, data, aux)
        assert float((up[0] - down[0]) / (2 * step)) == pytest.approx(float(gradient[0, i]), abs=1e-5)
        torch.testing.assert_close((up[1] - down[1])[0] / (2 * step), hessian[0, i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "thirty_bins" else name for name in FIVE]
)
def test_cls_are_those_of_pyhf(name):
    pyhf = pytest.importorskip("pyhf")
    theirs = pyhf.Workspace(FIVE[name]())
    reference = theirs.model()
    tests = hypothesis_tests(model_of(FIVE[name]()), 1.0)
    with np.errstate(all="ignore"):
        seen, bands = pyhf.infer.hypotest(
            1.0, theirs.data(reference), reference, test_stat="qtilde", return_expected_set=True
        )
    assert tests.cls[0] == pytest.approx(float(seen), abs=1e-4)
    np.testing.assert_allclose(tests.expected[0], [float(band) for band in bands], atol=1e-4)


def test_a_count_without_nuisances_has_closed_forms():
    model = model_of(counting(15.0))
    tests = hypothesis_tests(model, [0.5, 1.0, 2.0], kind="q_mu")

    def q(n, mu):
        rate = 10 + 6 * mu
        return 2 * (rate - n - n * np.log(rate / n)) * (n < rate)

    np.testing.assert_allclose(tests.statistic, [q(15, mu) for mu in (0.5, 1.0, 2.0)], atol=1e-7)
    np.testing.assert_allclose(tests.asimov, [q(10, mu) for mu in (0.5, 1.0, 2.0)], atol=1e-7)
    assert tests.mu_hat.value == pytest.approx(5 / 6, abs=1e-5)
    assert tests.mu_hat.error == pytest.approx(np.sqrt(15) / 6, rel=1e-4)
    q0 = hypothesis_tests(model, 0.0, kind="q0")
    assert q0.statistic[0] == pytest.approx(2 * (15 * np.log(1.5) - 5), abs=1e-7)


def counting(observed):
    mu = modifier("normfactor", "mu")
    return workspace([channel("c", signal=([6.0], [mu]), background=([10.0], []))], {"c": [observed]})


def test_a_limit_is_where_cls_is_the_level():
    model = model_of(one_bin())
    limits = upper_limits(model)
    assert hypothesis_tests(model, limits.observed).cls[0] == pytest.approx(0.05, abs=1e-4)
    assert hypothesis_tests(model, limits.median.value).expected[0, 2] == pytest.approx(0.05, abs=1e-4)
    assert (np.diff(limits.expected) > 0).all()
    with pytest.raises(InputError, match="does not fall through 1e-30"):
        upper_limits(model, level=1e-30)


def test_batches_fit_as_single_fits_do():
    model = model_of(everything())
    toys = draw_toys(model, model.parameters.initial, 30, np.random.default_rng(0))
    together = model.fit(toys.observed, toys.auxiliary).need("toys")
    alone = [model.fit(toys.observed[i], toys.auxiliary[i]).need("a toy") for i in range(5)]
    torch.testing.assert_close(together.x[:5], torch.cat([one.x for one in alone]), rtol=0, atol=1e-4)
    slopes = torch.where(together.free, together.gradient, 0.0)
    assert float(slopes.abs().max()) < 1e-2


def test_toys_have_the_moments_of_the_model():
    model = model_of(one_bin())
    theta = torch.tensor([1.0, 1.1]).double()
    toys = draw_toys(model, theta, 20_000, np.random.default_rng(1))
    mean = float(model.expected(theta)[0, 0])
    assert float(toys.observed.mean()) == pytest.approx(mean, abs=5 * np.sqrt(mean / 20_000))
    rate = 1.1 * float(model.parameters.rates[1])
    assert float(toys.auxiliary[:, 1].mean()) == pytest.approx(rate, abs=5 * np.sqrt(rate / 20_000))


def test_toys_give_the_asymptotic_distribution_where_counts_are_large():
    model = model_of(thirty_bins())
    truth = model.fit(hold={"mu": 1.0}).need("the data").x[0]
    q = toy_statistics(model, 1.0, draw_toys(model, truth, 600, np.random.default_rng(2)), kind="t_mu")
    inside = np.mean(q < 1.0)
    assert np.isfinite(q).all()
    assert inside == pytest.approx(0.6827, abs=4 * np.sqrt(0.6827 * 0.3173 / 600))


def test_cls_by_toys_agrees_with_its_error():
    model = model_of(one_bin())
    found = toy_test(model, 1.5, 2000, np.random.default_rng(3))
    assert found.cls.value == pytest.approx(hypothesis_tests(model, 1.5).cls[0], abs=4 * found.cls.error + 0.02)
    assert 0 < found.cls.error < 0.05


def test_parameters_come_with_errors_and_what_holds_them():
    fitted = fitted_parameters(model := model_of(everything()), model.fit())
    assert fitted["top"].note == "fixed"
    assert fitted["lumi"].error == pytest.approx(0.02, rel=0.05)
    worse = hypothesis_tests(model_of(counting(2.0)), 1.0)
    assert worse.mu_hat.note == "at a bound"
    rise = 6 * worse.mu_hat.high - 2 * np.log(1 + 0.6 * worse.mu_hat.high)  # of a count of 2 on 10 + 6 mu
    assert rise == pytest.approx(0.5, abs=0.02)
    assert worse.mu_hat.low == 0


def test_bad_input_is_named():
    model = model_of(one_bin())
    with pytest.raises(UnknownNameError, match="did you mean 'mu'"):
        model.fit(hold={"Mu": 1.0})
    with pytest.raises(InputError, match=r"shape \(fits, 1\)"):
        model.fit([[1.0, 2.0]])
    with pytest.raises(InputError, match="0 or above"):
        model.fit([-1.0])
    with pytest.raises(InputError, match="q0 tests the strength 0"):
        hypothesis_tests(model, 1.0, kind="q0")
    with pytest.raises(UnknownNameError, match="unknown test statistic"):
        hypothesis_tests(model, 1.0, kind="q1")
    with pytest.raises(InputError, match="1 or more"):
        draw_toys(model, [1.0, 1.0], 0, np.random.default_rng(0))
    empty = workspace([channel("c", signal=([0.0], [modifier("normfactor", "mu")]))], {"c": [3.0]})
    with pytest.raises(InputError, match=r"channel 'c' expects 0 events in bin 1, where 3 were seen"):
        model_of(empty).fit()
    with pytest.raises(InputError, match="one finite number or more, not"):
        hypothesis_tests(model, [np.nan])
    with pytest.raises(InputError, match="'mu' cannot be held at nan"):
        model.fit(hold={"mu": np.nan})
    with pytest.raises(InputError, match=r"toys need a value of each of .*mu.*, not 3 values"):
        draw_toys(model, [1.0, 1.0, 1.0], 5, np.random.default_rng(0))

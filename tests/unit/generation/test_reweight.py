"""Weights of generated events: the exact ones where they are known, and what they cannot mend."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.generation.reweight import effective_share, reweight


def test_a_shifted_gaussian_is_mended():
    rng = np.random.default_rng(1)
    truth, generated = rng.normal(0.5, 1, 2_000), rng.normal(0, 1, 2_000)
    found = reweight(truth, generated, folds=2)
    exact = np.exp(0.5 * generated - 0.125)
    assert found.weight.mean() == pytest.approx(1.0)
    assert np.corrcoef(np.log(found.weight), np.log(exact))[0, 1] > 0.6
    assert found.before.generated.value > 0.55
    assert found.after.generated.value < found.before.generated.value - 0.04
    assert abs(found.after.generated.value - 0.5) < 4 * found.after.generated.error
    assert 0.65 < found.effective.generated.value < 0.96  # 0.78 for the exact weights
    assert np.average(generated, weights=found.weight) == pytest.approx(0.5, abs=0.25)


def test_a_missing_mode_stays_missing():
    rng = np.random.default_rng(2)
    truth = np.where(rng.random(600) < 0.3, 8.0, 0.0) + rng.normal(size=600)
    found = reweight(truth, rng.normal(size=600), folds=2)
    assert found.after.generated.value > 0.58
    assert found.p_value < 1e-3


def test_truth_against_truth_is_reweighted_beside():
    """Half of the truth to the other: nothing to mend but a classifier's noise, whatever was generated."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=1_200)
    near, far = (reweight(truth, rng.normal(shift, 1, 800), folds=2) for shift in (0, 1))
    for each in (near.before, near.after):
        assert abs(each.truth.value - 0.5) < 4 * each.truth.error
    assert far.effective.generated.value < far.effective.truth.value - 0.1 < 0.9
    assert (near.before.truth, near.after.truth, near.effective.truth) == (
        far.before.truth, far.after.truth, far.effective.truth
    )  # fmt: skip


def test_the_effective_share_and_its_error():
    rng = np.random.default_rng(3)
    assert effective_share(np.full(10, 3.0)).value == pytest.approx(1.0)
    assert effective_share(np.repeat([1.0, 0.0], 50)).value == pytest.approx(0.5)
    found = [effective_share(rng.exponential(1, 2_000)) for _ in range(200)]
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.01)
    assert np.std([one.value for one in found]) == pytest.approx(np.mean([one.error for one in found]), rel=0.2)


def test_what_cannot_be_reweighted():
    x = np.arange(60.0)
    with pytest.raises(InputError, match="a classifier in 5 folds needs 50"):
        reweight(x, x)
    with pytest.raises(InputError, match="event 0 of the generated sample has the weight -1"):
        reweight(x, x, weight_generated=np.where(x == 0, -1.0, 1.0))
    with pytest.raises(UnknownNameError, match="mlp"):
        reweight(x, x, classifier="mpl", folds=2)

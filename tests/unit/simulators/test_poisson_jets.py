"""Jets of known likelihood: the formula against the simulator's own histograms and moments."""

import numpy as np
import pytest
from scipy import stats

from partonic.core.rng import generator
from partonic.events.kinematics import pt
from partonic.simulators.poisson_jets import PoissonJets


def transverse(jets):
    constituents = jets.collection("constituents")
    return pt(constituents["px"], constituents["py"]).astype(float)


def test_draws_follow_the_stated_densities():
    family = PoissonJets()
    jets = family.simulate(1.0, 4000, generator(3))
    counts = jets.collection("constituents").counts
    assert counts.mean() == pytest.approx(46.0, abs=4 * np.sqrt(46 / 4000))
    assert stats.kstest(np.log(transverse(jets))[::7], "norm", args=(1.15, 1.0)).pvalue > 1e-3


def test_log_prob_is_the_density_by_hand():
    family = PoissonJets()
    jets = family.simulate(0.3, 5, generator(4))
    constituents = jets.collection("constituents")
    expected = []
    for row in range(5):
        momenta = transverse(jets)[constituents.rows == row]
        spread_part = stats.norm.logpdf(np.log(momenta), 1.0 + 0.15 * 0.7, 1.0).sum()
        expected.append(stats.poisson.logpmf(len(momenta), 40 + 6 * 0.7) + spread_part)
    constant = np.array(expected) - family.log_prob(jets, 0.7)
    reference = 0.5 * np.log(2 * np.pi) * constituents.counts
    np.testing.assert_allclose(constant, -reference, rtol=1e-7)


def test_mean_of_the_ratio_is_one():
    """E_0[p(x|1)/p(x|0)] = 1, for a pair that is close enough for the mean to converge."""
    family = PoissonJets(mean_number=(40.0, 41.0), location=(1.0, 1.02))
    ratio = np.exp(family.log_ratio(family.simulate(0.0, 40_000, generator(5))))
    assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / np.sqrt(len(ratio)))


def test_constituents_are_massless_and_sorted():
    jets = PoissonJets().simulate(np.array([0.0, 1.0, 1.0]), 3, generator(6))
    constituents = jets.collection("constituents")
    p = [constituents[name].astype(float) for name in ("px", "py", "pz", "e")]
    np.testing.assert_allclose(p[0] ** 2 + p[1] ** 2 + p[2] ** 2, p[3] ** 2, rtol=1e-5)
    falls = np.diff(transverse(jets)) <= 1e-5
    falls[constituents.offsets[1:-1] - 1] = True
    assert falls.all()
    assert jets.column("label").tolist() == [0, 1, 1]

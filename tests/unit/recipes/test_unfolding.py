"""Options of the recipe unfolding, its observables and its histograms."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.recipes.unfolding import OBSERVABLES, Unfolding, histogram, observables, triangular
from partonic.simulators.poisson_jets import PoissonJets


def test_options_that_make_no_sense():
    with pytest.raises(UnknownNameError, match="omnifold"):
        Unfolding(methods=("omnifolt",))
    with pytest.raises(InputError, match="each method once"):
        Unfolding(methods=("bayes", "bayes"))
    with pytest.raises(InputError, match="replicas must be 2 or more"):
        Unfolding(replicas=1)
    with pytest.raises(InputError, match=r"alpha_s must be between 0\.06 and 0\.25"):
        Unfolding(alpha_s=0.5).check()


def test_observables_are_those_of_each_collection():
    jets = PoissonJets().simulate(0.0, 30, np.random.default_rng(1))
    other = PoissonJets().simulate(1.0, 30, np.random.default_rng(2))
    truth, seen = observables(jets.with_collections(truth_constituents=other.collection("constituents")))
    column = list(OBSERVABLES).index("multiplicity")
    assert np.array_equal(seen[:, column], jets.collection("constituents").counts)
    assert np.array_equal(truth[:, column], other.collection("constituents").counts)


def test_histograms_and_their_distance():
    p = histogram(np.array([0.1, 0.2, 0.7, 3.0]), np.array([1.0, 1.0, 2.0, 4.0]), np.array([0, 0.5, 1.0]))
    assert np.allclose(p, [0.25, 0.25])
    assert triangular(p, p) == 0
    assert triangular(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1000)

"""Rules of removal: each takes what its name says, from a jet that can be checked by hand."""

import numpy as np
import pytest
from toy_jets import from_cylinder, toy_jets

from partonic.represent.removal import CHARGED_RULES, RULES, particles, remove, rules


def one_jet():
    """Constituents of 100, 50, 10, 1.5 GeV at distances 0, 0.05, 0.2, 0.6 from (about) the jet's axis."""
    return from_cylinder([4], [1000.0, 50.0, 10.0, 1.5], [0.0, 0.05, 0.2, 0.6], np.zeros(4), [1])


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("the hardest constituent", [50.0, 10.0, 1.5]),
        ("the 5 hardest constituents", [1000.0]),  # nothing would be left: the hardest stays
        ("the softer half", [1000.0, 50.0]),
        ("pT below 2 GeV", [1000.0, 50.0, 10.0]),
        ("the core, dR below 0.1", [10.0, 1.5]),
        ("the ring 0.1 < dR < 0.3", [1000.0, 50.0, 1.5]),
        ("the ring 0.3 < dR < 0.5", [1000.0, 50.0, 10.0, 1.5]),
        ("the rim, dR above 0.5", [1000.0, 50.0, 10.0]),
    ],
)
def test_each_rule_takes_what_it_says(rule, left):
    kept = remove(one_jet(), RULES[rule]).collection("constituents")
    np.testing.assert_allclose(np.hypot(kept["px"], kept["py"]), left)


def test_rules_of_charge_only_where_there_are_charges():
    jets = one_jet()
    assert set(rules(jets)) == set(RULES)
    constituents = jets.collection("constituents").with_fields(charge=np.array([1, 0, -1, 0], dtype=np.int8))
    charged = jets.with_collections(constituents=constituents)
    assert set(rules(charged)) == {*RULES, *CHARGED_RULES}
    kept = remove(charged, CHARGED_RULES["charged particles"]).collection("constituents")
    np.testing.assert_allclose(np.hypot(kept["px"], kept["py"]), [50.0, 1.5])
    kept = remove(charged, CHARGED_RULES["neutral particles"]).collection("constituents")
    np.testing.assert_allclose(np.hypot(kept["px"], kept["py"]), [1000.0, 10.0])


def test_every_jet_stays_with_something_and_ranks_are_per_jet():
    jets = toy_jets(50)
    seen = particles(jets)
    rows = jets.collection("constituents").rows
    for row in range(50):
        mine = seen.rank[rows == row]
        np.testing.assert_array_equal(np.sort(mine), np.arange(len(mine)))
        assert seen.pt[rows == row][np.argmin(mine)] == seen.pt[rows == row].max()
    for rule in RULES.values():
        left = remove(jets, rule)
        assert len(left) == 50
        assert left.collection("constituents").counts.min() >= 1

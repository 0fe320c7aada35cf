"""Options of ratio-by-classifier, and its likelihood of the share."""

import numpy as np
import pytest

from partonic.core.errors import PartonicError
from partonic.recipes.ratio_by_classifier import RatioByClassifier, _statistic


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dimensions": ()}, "dimensions are different numbers"),
        ({"dimensions": (2, 2)}, "dimensions are different numbers"),
        ({"dimensions": (0,)}, "of 1 or more"),
        ({"share": 1.0}, "share must be between 0 and 1"),
        ({"train": 10}, "train must be 500 or more"),
        ({"epochs": 0}, "epochs must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(changes, said):
    with pytest.raises(PartonicError, match=said):
        RatioByClassifier(**changes)


def test_the_likelihood_of_a_share():
    logs, share = np.array([-40.0, -1.0, 0.0, 3.0]), np.array([0.0, 0.3, 1.0])
    expected = -2 * np.log((1 - share)[:, None] + share[:, None] * np.exp(logs))
    np.testing.assert_allclose(_statistic(logs, share), expected, atol=1e-12)

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.generation.table import table

NAMES = ("pt", "eta")
ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_weights_have_a_mean_of_one_and_the_context_is_a_matrix():
    made = table(NAMES, ROWS, weight=[1, 2, 3], context=[7, 8, 9])
    np.testing.assert_allclose(made.weight, [0.5, 1.0, 1.5])
    assert made.context.shape == (3, 1)
    assert table(NAMES, ROWS).context.shape == (3, 0)
    kept = made.rows([0, 2])
    np.testing.assert_allclose(kept.weight, [0.5, 1.5])
    np.testing.assert_array_equal(kept.values, ROWS[[0, 2]])


@pytest.mark.parametrize(
    ("values", "more", "said"),
    [
        ([[1.0, 2.0]], {}, "cannot learn from one event"),
        ([[1.0, 2.0]] * 5, {}, r"cannot learn from one event.*5 rows"),
        (ROWS, {"weight": [0.0, 1.0, 0.0]}, r"cannot learn from one event.*1 rows of 3 have a weight"),
        ([[1.0, 2.0], [np.nan, 4.0]], {}, "values of 1 events are NaN or infinite, the first those of event 1"),
        (ROWS, {"weight": [1.0, -1.0, 2.0]}, r"1 of 3 event weights are negative \(the first: event 1\)"),
        (ROWS, {"weight": [1.0, np.inf, 2.0]}, "weights of 1 events"),
        (ROWS, {"weight": [0.0, 0.0, 0.0]}, "add up to 0"),
        (ROWS, {"weight": [1.0, 2.0]}, r"expected \(3,\)"),
        (ROWS, {"context": [1.0]}, "as many rows of context, not 1"),
        (ROWS[:, :1], {}, "need as many different names"),
        (np.zeros((2, 2, 2)), {}, "one row for each event"),
    ],
)
def test_a_sample_that_cannot_be_learned_is_refused(values, more, said):
    with pytest.raises(InputError, match=said):
        table(NAMES, values, **more)


def test_signed_weights_are_taken_where_the_method_can():
    assert table(NAMES, ROWS, [2, -1, 2], signed=True).weight[1] == pytest.approx(-1.0)

"""Options of bubble-nucleation and what its page says."""

import numpy as np
import pytest

from partonic.core.errors import InputError, PartonicError
from partonic.core.result import Result
from partonic.recipes import launch
from partonic.recipes.bubble_nucleation import BubbleNucleation
from partonic.report.plots_bounce import profiles


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"polygon": -1}, "polygon must be 0 or more"),
        ({"polygon": 3}, "polygon must be 0 or 4 and more"),
        ({"growth": -1.0}, "growth must be 0 or more"),
        ({"potentials": ()}, "at least one"),
        ({"potentials": ("bp2", "bp2")}, "each potential once"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(changes, said):
    with pytest.raises(PartonicError, match=said):
        BubbleNucleation(**changes)


def test_unknown_potentials_are_found_before_anything_runs():
    with pytest.raises(PartonicError, match="did you mean 'bp2'"):
        BubbleNucleation(potentials=("bp22",)).check()


def test_the_bounce_stands_beside_what_is_known(tmp_path):
    recipe = BubbleNucleation(
        potentials=("quartic-0.2-vacuum", "two-fields-thick"), polygon=20, shooting=False, growth=1.0
    )
    launch.start("bubble-nucleation", recipe, tmp_path / "run", workers=1, command="partonic run bubble-nucleation")
    result = Result.load(tmp_path / "run")
    rows = {row["method"]: row["action"] for row in result.tables["quartic-0-2-vacuum-actions"].rows}
    assert rows["tunnelling potential and radial equation"].value == pytest.approx(rows["known"].value, rel=1e-7)
    assert rows["polygon of 20 pieces"].value == pytest.approx(rows["known"].value, rel=0.1)
    assert rows["polygon of 20 pieces"].error > rows["known"].error
    assert 0.3 < result.summary["speed of the wall of quartic-0.2-vacuum"].value < 1
    names = {path.stem for path in (tmp_path / "run" / "figures").glob("*.svg")}
    assert names >= {"growth", "two-fields-thick-path", "two-fields-thick-profile"}


def test_nothing_is_drawn_of_no_profile():
    with pytest.raises(InputError, match="no profile"):
        profiles(np.empty(0), np.empty((0, 1)), {})

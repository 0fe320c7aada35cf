"""Options of transition-scan, and a scan that goes on where it stopped."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.recipe import Context
from partonic.core.result import Result
from partonic.recipes.transition_scan import TransitionScan
from partonic.report.plots_scan import Panel, planes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x_range": (2.0, 1.0)}, "lower to a higher"),
        ({"points": (1, 5)}, "2 points or more"),
        ({"y": "depth"}, "same parameter"),
        ({"wall_velocity": 1.0}, "between 0 and 1"),
        ({"years": 0.0}, "years must be above 0"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(InputError, match=said):
        TransitionScan(**options)


def test_unknown_parameters():
    with pytest.raises(UnknownNameError, match="barrier"):
        TransitionScan(y="barier").check()
    with pytest.raises(UnknownNameError, match="singlet"):
        TransitionScan(model="singlets").check()


def test_points_that_are_done_are_not_done_again(tmp_path):
    scan = TransitionScan.preset("tiny")
    result = Result.create(tmp_path / "run", "transition-scan", scan)
    scan.run(Context(result))
    file = result.checkpoint("points.jsonl")
    lines = file.read_text().splitlines()
    assert len(lines) == 12
    file.write_text("\n".join(line.replace('"nucleates"', '"marked"') for line in lines[:7]) + "\n")
    scan.run(Context(result))
    again = file.read_text().splitlines()
    assert again[7:] == lines[7:]
    assert [line.replace('"marked"', '"nucleates"') for line in again[:7]] == lines[:7]


def test_planes_of_the_wrong_shape():
    with pytest.raises(InputError, match="shape"):
        planes(np.arange(3.0), np.arange(2.0), [Panel("a", np.ones((3, 2)))], ("x", "y"))

"""Figures of limits show what they are given."""

import numpy as np
import pytest
from workspaces import one_bin

from partonic.core.errors import InputError
from partonic.inference.binned_build import build
from partonic.inference.hypotests import hypothesis_tests
from partonic.inference.intervals import share
from partonic.inference.limits import Scan
from partonic.inference.workspace import Workspace
from partonic.report.plots_limits import cls_bands, coverages, profiles

AXIS = np.linspace(-1, 1, 9)


def scan(width):
    return Scan((AXIS,), (AXIS / width) ** 2, np.zeros((0, 9)))


def test_profiles_are_drawn_between_the_points():
    figure = profiles({"truth": scan(0.3), "learned": scan(0.4)}, "mu", thresholds={"68 %": 1.0})
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    x, y = lines["learned"].get_data()
    assert len(x) > 9
    np.testing.assert_allclose(y, (x / 0.4) ** 2, atol=1e-9)
    assert figure.axes[0].get_xlabel() == "mu"


def test_coverages_have_their_errors():
    figure = coverages((0.5, 0.9), {"profiled": [share(50, 100), share(91, 100)]})
    ((line, _, (bars,)),) = figure.axes[0].containers
    assert line.get_ydata().tolist() == [0.5, 0.91]
    assert len(bars.get_segments()) == 2


def test_bands_hold_the_expected_cls():
    tests = hypothesis_tests(build(Workspace.from_tree(one_bin())), np.linspace(0.1, 3, 7))
    figure = cls_bands(tests)
    observed = next(line for line in figure.axes[0].get_lines() if line.get_label() == "observed")
    assert observed.get_ydata().tolist() == tests.cls.tolist()
    assert figure.axes[0].get_yscale() == "log"


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InputError, match="one scan or more"):
        profiles({}, "mu", thresholds={})
    with pytest.raises(InputError, match="each at 2 levels"):
        coverages((0.5, 0.9), {"profiled": [share(1, 2)]})
    with pytest.raises(InputError, match="two strengths or more"):
        cls_bands(hypothesis_tests(build(Workspace.from_tree(one_bin())), 1.0))

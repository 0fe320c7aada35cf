"""Options of a fit: every value out of range is named at once; the schedules are what they say."""

import subprocess
import sys

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.fit.options import FitOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("weight_decay", -0.1),
        ("l1", -1.0),
        ("clip", float("nan")),
        ("patience", -1),
        ("seed", -1),
        ("threads", -2),
        ("save_every", -1.0),
        ("warmup", 1.0),
        ("averaging", 1.0),
        ("averaging", -0.1),
    ],
)
def test_values_out_of_range_are_named(name, value):
    with pytest.raises(InputError, match=rf"{name} must be .*not {value}"):
        FitOptions(**{name: value})


def test_unknown_names_say_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'cosine'"):
        FitOptions(schedule="cosin")
    with pytest.raises(UnknownNameError, match="did you mean 'adamw'"):
        FitOptions(optimiser="adam")


def curve(**options):
    return np.array([FitOptions(learning_rate=0.5, **options).rate(x) for x in np.linspace(0, 1, 101)])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_rate_rises_in_the_warmup_to_the_highest_and_never_after(schedule):
    rate = curve(schedule=schedule, warmup=0.3)
    assert np.all(np.diff(rate[:31]) > 0)
    assert rate.max() == pytest.approx(0.5)
    assert rate[30] == pytest.approx(0.5)
    assert np.all(np.diff(rate[30:]) <= 0)


def test_ends_of_the_schedules():
    assert np.all(curve(schedule="constant", warmup=0.0) == 0.5)
    cosine = curve(schedule="cosine", warmup=0.0)
    np.testing.assert_allclose(cosine[[0, 50, 100]], [0.5, 0.25, 0.0], atol=1e-12)
    cycle = curve(schedule="one-cycle", warmup=0.2)
    np.testing.assert_allclose(cycle[[0, 10, 20, 100]], [0.02, 0.26, 0.5, 0.5e-4], rtol=1e-9)
    assert curve(schedule="constant", warmup=0.5)[25] == pytest.approx(0.25)


def test_decay_of_the_average_warms_up():
    options = FitOptions(averaging=0.99)
    assert options.decay(0) == pytest.approx(0.1)
    assert options.decay(8) == pytest.approx(0.5)
    assert options.decay(10_000) == 0.99


def test_options_are_read_without_torch():
    code = "import sys, partonic.fit.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Options of gan-lhc-events, and the masses and coordinates that its page rests on."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.recipes.gan_lhc_events import GanLhcEvents, _chain, _masses, _rest_frames, _spreads, _worst
from partonic.simulators.top_pairs import TOP_MASS, W_MASS, top_pairs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ()}, "at least one"),
        ({"methods": ("plain", "plain")}, "each method once"),
        ({"strength": 0.0}, "--methods plain does without"),
        ({"marginals": -1.0}, "single numbers must be 0 or above"),
        ({"updates": 0}, "updates must be 1 or more"),
        ({"compared": 1}, "compared must be 2 or more"),
    ],
)
def test_options_out_of_range(changes, said):
    with pytest.raises(InputError, match=said):
        GanLhcEvents(**changes)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="peaks"):
        GanLhcEvents(methods=("peeks",))
    pytest.importorskip("pythia8mc")
    with pytest.raises(UnknownNameError, match="gaussian"):
        GanLhcEvents(kernel="normal").check()
    with pytest.raises(InputError, match="widths above 0"):
        GanLhcEvents(kernel_widths=(0.0,)).check()


def test_the_truth_has_its_masses_and_keeps_them_through_both_coordinates():
    pytest.importorskip("pythia8mc")
    values = top_pairs(2000, seed=5)[:, :, 1:].reshape(-1, 18)
    masses = _masses(values)
    assert np.median(masses, axis=0) == pytest.approx([W_MASS, W_MASS, TOP_MASS, TOP_MASS], abs=0.3)
    for coordinates in (_chain(), _rest_frames()):
        assert coordinates.inverse(coordinates.forward(values)) == pytest.approx(values, abs=1e-3)
    u = np.random.default_rng(1).normal(size=(200, 16))
    made = _chain().inverse(u)
    assert np.abs(made.reshape(200, 6, 3).sum(axis=1)[:, :2]).max() < 1e-6
    assert _masses(made)[:, 0] == pytest.approx(W_MASS, abs=30)


def test_the_worst_momentum_is_told_from_the_truth():
    """Momenta of widths from 10 to 180 GeV; one of the narrow ones is moved by 25 GeV."""
    rng = np.random.default_rng(4)
    widths = 10.0 * np.arange(1, 19)
    first, second, moved = rng.normal(size=(3, 2_000, 18)) * widths
    moved[:, 3] += 25
    distance, name = _worst(first, moved)
    same, _ = _worst(first, second)
    assert name == _chain().names[3]
    assert abs(distance.value - 25) < 4 * distance.error + 1
    assert 1 < same.value < 15


def test_the_momenta_that_spread_least_and_most():
    """Of two Gaussian columns, a tenth too narrow and too wide: the errors are those of Gaussian deviations."""
    rng = np.random.default_rng(3)
    truth, values = rng.normal(size=(40_000, 2)) * [1.0, 50.0], rng.normal(size=(10_000, 2)) * [1.1, 45.0]
    for found, expected in zip(_spreads(truth, values), (0.9, 1.1), strict=True):
        assert found.error == pytest.approx(expected * np.sqrt(0.5 / 10_000 + 0.5 / 40_000), rel=0.1)
        assert abs(found.value - expected) < 4 * found.error

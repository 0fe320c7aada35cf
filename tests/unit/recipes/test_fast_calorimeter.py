"""Options of fast-calorimeter that cannot be."""

import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.recipes.fast_calorimeter import FastCalorimeter


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("flw",)}, "unknown method 'flw'; did you mean 'flow'"),
        ({"methods": ()}, "each method once and at least one"),
        ({"methods": ("flow", "flow")}, "each method once and at least one"),
        ({"particle": "muon"}, "unknown particle 'muon'"),
        ({"particle": "pion", "energies": (1.0, 5.0)}, "energies of each pion rise from 2 GeV"),
        ({"features": ("dept",)}, "unknown feature of showers 'dept'; did you mean 'depth'"),
        ({"showers": 10}, "showers must be 100 or more"),
        ({"epochs": 0}, "epochs must be 1 or more"),
    ],
)
def test_what_cannot_be_is_found_before_any_step(options, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        FastCalorimeter(**options).check()

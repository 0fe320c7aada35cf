import pickle

import numpy as np
import pytest
from toy_jets import changed, from_cylinder, toy_jets, with_kinds

from partonic.core.errors import InputError, UnknownNameError
from partonic.events import Events, Ragged
from partonic.represent import representation
from partonic.represent.constituents import BadJetError, constituents

NAN, INF = float("nan"), float("inf")


def spoiled(item, **values):
    """Two jets of three constituents, one of which is replaced."""
    events = from_cylinder([3, 3], np.full(6, 10.0), np.linspace(0, 1, 6), np.linspace(0, 1, 6))
    fields = {}
    for name, value in values.items():
        fields[name] = events.collection("constituents")[name].copy()
        fields[name][item] = value
    return changed(events, **fields)


@pytest.mark.parametrize(
    "values", [{"px": NAN}, {"pz": INF}, {"pz": -INF}, {"e": NAN}, {"e": 0.0}, {"e": -3.0}, {"px": 0.0, "py": 0.0}]
)
def test_a_bad_constituent_is_named(values):
    with pytest.raises(BadJetError, match=r"the jet in row 1: its constituent 1 has \(px, py, pz, e\) = ") as caught:
        constituents(spoiled(4, **values))
    assert caught.value.row == 1
    assert "above 0" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("charge", NAN), ("pid", NAN), ("d0", INF), ("dz_error", -INF)])
def test_a_further_input_that_is_not_finite_is_named(name, value):
    events = with_kinds(toy_jets(5))
    offsets = events.collection("constituents").offsets
    values = events.collection("constituents")[name].astype(float)
    values[offsets[3] + 1] = value
    with pytest.raises(BadJetError, match=rf"the jet in row 3: its constituent 1 has {name} = {value:g}; ") as caught:
        representation("packed", inputs="full")(changed(events, **{name: values}))
    assert caught.value.row == 3
    assert "\n" not in str(caught.value)
    representation("packed")(changed(events, **{name: values}))  # not among its inputs


def test_an_empty_jet_is_named():
    events = toy_jets(6)
    c = events.collection("constituents")
    emptied = events.with_collections(constituents=c.keep(c.rows != 4))
    with pytest.raises(BadJetError, match="the jet in row 4: it has no constituent"):
        constituents(emptied)


def test_a_jet_without_transverse_momentum_is_named():
    events = from_cylinder([2, 2], [10, 20, 30, 30], [0, 0, 0.5, 0.1], [0, 1, 0, 0])
    c = events.collection("constituents")
    px, py = c["px"].copy(), c["py"].copy()
    px[3], py[3] = -px[2], -py[2]
    with pytest.raises(BadJetError, match="the jet in row 1: the transverse momenta of its constituents cancel"):
        constituents(changed(events, px=px, py=py))


def test_an_error_can_be_moved_to_the_row_of_the_whole_sample():
    assert BadJetError(3, "it has no constituent").moved(1000).row == 1003
    assert isinstance(BadJetError(3, "x"), InputError)
    assert str(pickle.loads(pickle.dumps(BadJetError(3, "x")))) == str(BadJetError(3, "x"))


def test_missing_collection_and_field():
    with pytest.raises(UnknownNameError, match="unknown collection 'constituents'"):
        constituents(Events({"label": np.zeros(2)}))
    ragged = Ragged.from_counts(np.array([1]), {"px": np.ones(1), "py": np.ones(1), "pz": np.ones(1)})
    with pytest.raises(UnknownNameError, match="unknown field 'e'"):
        constituents(Events({}, {}, {"constituents": ragged}))


def test_a_sample_of_no_jets_is_fine():
    assert len(constituents(toy_jets(4)[:0])) == 0

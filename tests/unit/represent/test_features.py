import numpy as np
import pytest
from toy_jets import boosted, changed, from_cylinder, mirrored, permuted, pythia_jets, toy_jets, turned

from partonic.core.errors import InputError
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.features import DESCRIPTIONS, OF_KINDS, JetFeatures
from partonic.represent.substructure import correlators, subjettiness


def column(values, name):
    return values[:, list(DESCRIPTIONS).index(name)]


def test_every_column_is_what_its_name_says():
    events = pythia_jets()
    values = JetFeatures()(events).values.numpy()
    assert values.shape == (len(events), len(DESCRIPTIONS))
    history = cluster(constituents(events), "kt")
    tau = subjettiness(history)
    e2, e3, two_e3 = correlators(history).T
    total = [np.add.reduceat(p, constituents(events).offsets[:-1]) for p in constituents(events).arrays]
    expected = {
        "mass": np.sqrt(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2),
        "multiplicity": events.collection("constituents").counts,
        "tau_1": tau[:, 0],
        "tau_21": tau[:, 1] / tau[:, 0],
        "tau_32": tau[:, 2] / tau[:, 1],
        "tau_43": tau[:, 3] / tau[:, 2],
        "c_2": e3 / e2**2,
        "d_2": e3 / e2**3,
        "n_2": two_e3 / e2**2,
    }
    for name, right in expected.items():
        np.testing.assert_allclose(column(values, name), right, rtol=1e-5, err_msg=name)


def test_orderings_that_definitions_imply():
    values = JetFeatures()(pythia_jets()).values.numpy()
    get = dict(zip(DESCRIPTIONS, values.T, strict=True))
    assert np.all(get["soft_drop_mass"] <= get["mass"] * 1.0001)
    assert np.all(get["pair_mass_low"] <= get["pair_mass_middle"])
    assert np.all(get["pair_mass_middle"] <= get["pair_mass_high"])
    assert np.all(get["pair_mass_high"] <= get["mass"] * 1.0001)
    assert np.all(get["subjet_share_1"] >= get["subjet_share_3"])
    assert np.all(get["split_34"] <= get["split_12"] * 1.5)
    assert np.all((get["soft_drop_share"] == 0) | (get["soft_drop_share"] > 0.1))
    assert np.all((get["pt_dispersion"] > 0) & (get["pt_dispersion"] <= 1))


def test_top_jets_show_the_top_and_the_w():
    events = pythia_jets()
    values = JetFeatures()(events).values.numpy()
    top = events.column("label") == 1
    assert 160 < np.median(column(values, "mass")[top]) < 190
    assert 65 < np.median(column(values, "pair_mass_low")[top]) < 95
    assert np.median(column(values, "tau_32")[top]) < np.median(column(values, "tau_32")[~top])


@pytest.mark.parametrize(
    "change",
    [
        lambda events: turned(events, 2.5),
        lambda events: boosted(events, 0.7),
        lambda events: mirrored(events, "pz"),
        lambda events: mirrored(events, "px"),
        permuted,
    ],
    ids=["azimuth", "boost", "mirror z", "mirror x", "permutation"],
)
def test_features_do_not_know_where_their_jet_points(change):
    events = toy_jets(200, smallest=1)
    before, after = (JetFeatures()(sample).values.numpy() for sample in (events, change(events)))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_jets_of_few_constituents_have_zeros_for_what_they_lack():
    events = from_cylinder([1, 2], [100, 60, 40], [0.1, 0.2, 0.4], [3.1, 0.0, 0.2])
    values = JetFeatures()(events).values.numpy()
    assert np.all(np.isfinite(values))
    assert column(values, "pt_dispersion")[0] == 1
    assert column(values, "subjet_share_1")[0] == 1
    for name in ("mass", "soft_drop_share", "pair_mass_high", "split_12", "tau_1", "tau_21", "c_2", "d_2", "n_2"):
        assert column(values, name)[0] == pytest.approx(0, abs=1e-4), name
    assert column(values, "split_12")[1] > 0
    assert column(values, "tau_32")[1] == 0


def test_the_radius_is_the_unit_of_angles():
    narrow, wide = (JetFeatures(radius)(pythia_jets()).values.numpy() for radius in (0.4, 0.8))
    np.testing.assert_allclose(column(narrow, "tau_1"), 2 * column(wide, "tau_1"), rtol=1e-5)
    np.testing.assert_array_equal(column(narrow, "tau_21"), column(wide, "tau_21"))
    with pytest.raises(InputError, match="the jet radius must be above 0"):
        JetFeatures(radius=0.0)


def test_every_feature_is_described():
    assert all(len(text) > 10 for text in DESCRIPTIONS.values())


def test_charges_and_kinds_add_what_they_say():
    pt, place = np.array([40.0, 30, 20, 10]), np.array([0.1, -0.1, 0.05, 0.0])
    jet = from_cylinder([4], pt, place, place)
    c = jet.collection("constituents")
    total = np.hypot(c["px"].sum(), c["py"].sum())
    jet = changed(jet, charge=np.array([1, -1, 0, 1]), pid=np.array([211, 11, 22, -13]))
    values = JetFeatures(inputs="kinds")(jet).values.numpy()[0]
    assert JetFeatures(inputs="kinds").width == len(values)
    found = dict(zip(OF_KINDS, values[len(DESCRIPTIONS) :], strict=True))
    share = pt / total
    assert found["jet_charge"] == pytest.approx(np.sqrt(share[0]) - np.sqrt(share[1]) + np.sqrt(share[3]))
    assert found["charged_multiplicity"] == 3
    names = ("charged_share", "electron_share", "photon_share", "muon_share")
    np.testing.assert_allclose([found[name] for name in names], share, rtol=1e-6)

"""Options and labels of quark-gluon, jet-classes and flavour-tagging."""

import numpy as np
import pytest

from partonic.core.errors import PartonicError
from partonic.recipes.flavour_tagging import CLASSES as FLAVOURS
from partonic.recipes.flavour_tagging import FlavourTagging, flavour_labels, level
from partonic.recipes.jet_classes import CLASSES, JetClasses, class_labels
from partonic.recipes.quark_gluon import QuarkGluon


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        (QuarkGluon, {"jets": 10}, "jets must be 100 or more"),
        (QuarkGluon, {"inputs": ("kind",)}, "did you mean 'kinds'"),
        (QuarkGluon, {"inputs": ("kinds", "kinds")}, "name each set of inputs once"),
        (QuarkGluon, {"models": ()}, "name each model once"),
        (QuarkGluon, {"pt_min": 600.0}, "the pT window from 600 to 550 GeV is empty"),
        (JetClasses, {"models": ("trees",)}, "'trees' tells two classes apart"),
        (JetClasses, {"models": ("pfn", "ensemble")}, "'ensemble' tells two classes apart"),
        (JetClasses, {"inputs": "everything"}, "unknown set of inputs"),
        (JetClasses, {"seeds": 0}, "seeds must be 1 or more"),
        (FlavourTagging, {"models": ("trees",)}, "'trees' tells two classes apart"),
        (FlavourTagging, {"models": ("deepjet", "deepjet")}, "name each model once"),
        (FlavourTagging, {"epochs": 0}, "epochs must be 1 or more"),
        (FlavourTagging, {"radius": 9.0}, "the radius of the jets must be between"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(recipe, changes, said):
    with pytest.raises(PartonicError, match=said):
        recipe(**changes)


def test_what_decays_in_a_jet_comes_before_its_parton():
    flavour = np.array([5, 5, 4, 15, 0, 0, 0, 0, 0, 0, 0, 0])
    parton = np.array([5, 21, -2, 15, -2, 1, 3, 21, 5, -4, 15, 0])
    names = [FLAVOURS[label] if label >= 0 else None for label in flavour_labels(flavour, parton)]
    light = ["light", "light", "strange", "gluon"]
    assert names == ["b", "b", "c", "tau", *light, None, None, None, None]


def test_classes_are_those_of_the_simulation_and_of_the_parton_in_dijets():
    process, parton = np.array([0, 0, 0, 1, 2, 3, 4]), np.array([21, -3, 0, 6, -24, 23, 25])
    labels = class_labels(process, parton)
    assert labels[2] == -1
    assert [CLASSES[label] for label in np.delete(labels, 2)] == ["gluon", "quark", "top", "W", "Z", "H to bb"]


def test_levelled_momenta_tell_no_class():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 2_000)
    pt = np.clip(50 * np.exp(rng.exponential(np.array([0.3, 0.4, 0.5])[labels])), 50, 199)
    edges = np.geomspace(50, 200, 9)
    weights = level(pt, labels, edges)
    shapes = [np.histogram(pt[labels == i], edges, weights=weights[labels == i])[0] for i in range(3)]
    for shape in shapes:
        np.testing.assert_allclose(shape / shape.sum(), shapes[0] / shapes[0].sum(), atol=1e-12)
    assert [weights[labels == i].sum() for i in range(3)] == pytest.approx([2_000] * 3)
    lonely = level(np.array([60.0] * 99 + [150.0] + [150.0] * 100), np.repeat([0, 1], 100), edges)
    assert lonely.max() == 10.0

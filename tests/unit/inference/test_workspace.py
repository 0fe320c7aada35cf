"""Workspaces: written and read back, and a sentence for each that pyhf refuses too."""

import copy
import json

import numpy as np
import pytest
from workspaces import ALL, everything, modifier, one_bin, statistical, two_bins_shape

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.inference.binned_build import build
from partonic.inference.workspace import BinnedSample, Channel, Measurement, Modifier, Workspace, read_workspace

pytestmark = pytest.mark.filterwarnings("ignore::Warning:pyhf|jsonschema", "ignore:.*RefResolver:DeprecationWarning")


@pytest.mark.parametrize("name", ALL)
def test_workspaces_survive_a_file(name, tmp_path):
    workspace = Workspace.from_tree(ALL[name]())
    workspace.write(tmp_path / "w.json")
    assert read_workspace(tmp_path / "w.json") == workspace
    pyhf = pytest.importorskip("pyhf")
    theirs = pyhf.Workspace(json.loads((tmp_path / "w.json").read_text())).model()
    assert set(theirs.config.par_names) == set(build(workspace).parameters.names)


def changed(tree, change):
    copied = copy.deepcopy(tree())
    change(copied)
    return copied


def sample(tree):
    return tree["channels"][0]["samples"][0]


def config(tree):
    return tree["measurements"][0]["config"]


REFUSED = [
    (one_bin, lambda t: t.pop("observations"), "has no 'observations'"),
    (one_bin, lambda t: t.update(version="2.0.0"), "version '2.0.0'"),
    (one_bin, lambda t: t.update(channel=[]), "unknown key 'channel'; did you mean 'channels'"),
    (one_bin, lambda t: t.update(channels=[]), "channels must be a list of one or more"),
    (one_bin, lambda t: sample(t)["data"].append(1.0), "sample 'background' has 1 bins, 'signal' 2"),
    (one_bin, lambda t: t["observations"][0]["data"].append(1.0), "has 1 bins, its observation 2"),
    (one_bin, lambda t: t["observations"][0].update(name="d"), "channel 'c' has no observation"),
    (one_bin, lambda t: sample(t).update(data=["many"]), "'many' is not a finite number"),
    (one_bin, lambda t: sample(t)["modifiers"][0].update(type="normfaktor"), "did you mean 'normfactor'"),
    (one_bin, lambda t: sample(t)["modifiers"][0].update(data=1.0), "a normfactor has no data"),
    (one_bin, lambda t: config(t).update(poi="nu"), "parameter of interest 'nu' is in no modifier"),
    (one_bin, lambda t: config(t)["parameters"].append({"name": "mu", "init": [1.0]}), "did you mean 'inits'"),
    (one_bin, lambda t: config(t)["parameters"].append({"name": "mu", "inits": [1.0, 2.0]}), "1 values, not 2"),
    (one_bin, lambda t: config(t)["parameters"].append({"name": "mu", "sigmas": [1.0]}), "'mu' has no sigmas"),
    (one_bin, lambda t: config(t)["parameters"].extend([{"name": "mu"}] * 2), "two settings of parameter 'mu'"),
    (one_bin, lambda t: config(t).update(poi="error") or t["channels"][0]["samples"][1]["modifiers"].append(
        modifier("shapesys", "error", [3.0])), "stands twice"),
    (two_bins_shape, lambda t: t["channels"][0]["samples"][1]["modifiers"][0]["data"]["lo_data"].pop(), "has 1 bins"),
    (two_bins_shape, lambda t: sample(t)["modifiers"].append(modifier("normfactor", "shape")), "contradict each other"),
    (two_bins_shape, lambda t: sample(t)["modifiers"].append(modifier("shapefactor", "f")) or config(t).update(poi="f"),
     "'f' has 2 components, not 1"),
    (everything, lambda t: config(t)["parameters"].pop(0), "'lumi' needs inits, bounds, auxdata and sigmas"),
    (statistical, lambda t: sample(t)["modifiers"][1].update(name="mu"), "a staterror and another modifier"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "change", "said"), REFUSED)
def test_what_pyhf_refuses_ends_in_a_sentence(tree, change, said):
    broken = changed(tree, change)
    with pytest.raises(InputError, match=said):
        build(Workspace.from_tree(copy.deepcopy(broken)))
    pyhf = pytest.importorskip("pyhf")

    def theirs():
        workspace = pyhf.Workspace(broken)
        model = workspace.model()
        return model.logpdf(model.config.suggested_init(), workspace.data(model))

    with pytest.raises(Exception):  # noqa: B017
        theirs()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t["observations"][0].update(data=[-1.0]), "-1.0 is below 0"),
        (lambda t: t["channels"][0]["samples"].append(sample(t)), "sample 'signal' stands twice"),
        (lambda t: sample(t)["modifiers"].append(modifier("normsys", "n", {"lo": 0.0, "hi": 1.0})), "must be above 0"),
    ],
)
def test_what_has_no_likelihood_ends_in_a_sentence(change, said):
    with pytest.raises(InputError, match=said):
        Workspace.from_tree(changed(one_bin, change))


@pytest.mark.parametrize(
    ("signal", "modifiers", "observed", "said"),
    [
        ((np.nan, 1.0), (), (3.0, 4.0), "sample 's': nan is not a finite number"),
        ((2.0, 1.0), (), (-3.0, 4.0), "observation 'c': -3.0 is below 0"),
        ((2.0, 1.0), (), (3.0,), "channel 'c' has 2 bins, its observation 1"),
        ((2.0, 1.0), (Modifier("normsy", "n", {"hi": 1.1, "lo": 0.9}),), (3.0, 4.0), "did you mean 'normsys'"),
        ((2.0, 1.0), (Modifier("normsys", "n", {"hi": 1.1}),), (3.0, 4.0), "modifier 'n' has no 'lo'"),
        ((2.0, 1.0), (Modifier("staterror", "n", (-0.1, 0.1)),), (3.0, 4.0), "-0.1 is below 0"),
    ],
)
def test_workspaces_made_in_python_are_checked_too(signal, modifiers, observed, said):
    sample = BinnedSample("s", signal, (Modifier("normfactor", "mu"), *modifiers))
    with pytest.raises(InputError, match=said):
        build(Workspace((Channel("c", (sample,), observed),), (Measurement("m", "mu", {}),)))


def test_numbers_of_numpy_are_written(tmp_path):
    sample = BinnedSample("s", tuple(np.float32([2, 1])), (Modifier("staterror", "n", np.array([0.5, 0.25])),))
    made = Workspace((Channel("c", (sample,), tuple(np.array([3, 4]))),), (Measurement("m", "", {}),))
    made.write(tmp_path / "w.json")
    read = read_workspace(tmp_path / "w.json").channels[0]
    assert (read.observed, read.samples[0].data) == ((3.0, 4.0), (2.0, 1.0))
    assert read.samples[0].modifiers[0].data == [0.5, 0.25]


def test_files_and_names_that_are_wrong(tmp_path):
    (tmp_path / "w.json").write_text("{")
    with pytest.raises(FileError, match="cannot read"):
        read_workspace(tmp_path / "w.json")
    (tmp_path / "w.json").write_text("[1]")
    with pytest.raises(FileError, match=r"w\.json: the workspace must be a mapping"):
        read_workspace(tmp_path / "w.json")
    workspace = Workspace.from_tree(one_bin())
    with pytest.raises(UnknownNameError, match="unknown measurement 'n'"):
        build(workspace, "n")
    with pytest.raises(UnknownNameError, match="unknown interpolation code 'code3'"):
        build(workspace, normsys="code3")

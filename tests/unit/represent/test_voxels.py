"""Calorimeter cells as a point cloud: features, errors, and a network that learns depth."""

import numpy as np
import pytest
import torch
from toy_jets import from_cylinder

from partonic.core.errors import BadJetError, UnknownNameError
from partonic.events import Events, Ragged
from partonic.fit.batches import Batches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.metrics.tagging import auc
from partonic.models.checkpoint import Trained
from partonic.models.particlenet_lite import ParticleNetLite
from partonic.models.pfn import PFN
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation
from partonic.represent.packed import Packed
from partonic.represent.voxels import CELL_FEATURES


def cells_of(counts, eta, phi, energy, layer, label=None):
    fields = {"eta": eta, "phi": phi, "energy": energy, "layer": np.asarray(layer, dtype=np.int8)}
    arrays = {name: np.asarray(values) for name, values in fields.items()}
    columns = {} if label is None else {"label": np.asarray(label)}
    return Events(columns, {}, {"cells": Ragged.from_counts(np.asarray(counts), arrays)})


def toy_cells(n, seed):
    """Two classes with the same places and energies; those of class 1 are deeper by half a layer on average."""
    rng = np.random.default_rng(seed)
    counts, label = rng.integers(5, 40, n), np.arange(n) % 2
    total, jet = counts.sum(), np.repeat(np.arange(n), counts)
    deeper = rng.random(total) < 0.25 * label[jet]
    layer = np.where(deeper, rng.integers(3, 6, total), rng.integers(0, 6, total))
    return cells_of(
        counts,
        rng.normal(0.3, 0.3, total).astype(np.float32),
        rng.normal(1.0, 0.3, total).astype(np.float32),
        rng.exponential(5.0, total).astype(np.float32) + 0.1,
        layer,
        label,
    )


def test_a_cell_is_a_massless_particle_with_a_depth():
    eta, phi, energy = np.array([0.5, 0.7, -1.0]), np.array([3.1, -3.1, 0.4]), np.array([10.0, 5.0, 2.0])
    batch = representation("voxels")(cells_of([2, 1], eta, phi, energy, [0, 4, 5]))
    plain = Packed()(from_cylinder([2, 1], energy / np.cosh(eta), eta, phi))
    torch.testing.assert_close(batch.features[:, :7], plain.features)
    torch.testing.assert_close(batch.p4, plain.p4)
    assert batch.offsets.tolist() == [0, 2, 3]
    torch.testing.assert_close(batch.features[:, 7:], torch.tensor([[0, 0], [0.8, 1], [1, 1]]))
    assert batch.features.shape[1] == representation("voxels").width == len(CELL_FEATURES) == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"counts": [2, 0]}, "row 1: it has no calorimeter cell"),
        ({"energy": [1.0, np.nan]}, "row 1: its constituent 0 has"),
        ({"energy": [0.0, 1.0]}, "row 0: its constituent 0 has"),
        ({"eta": [np.inf, 0.0]}, "row 0"),
        ({"layer": [0, 6]}, "row 1: one of its cells is in layer 6, and there are 0 to 5"),
    ],
)
def test_bad_cells_are_named(change, said):
    good = {"counts": [1, 1], "eta": [0.1, 0.2], "phi": [0.0, 1.0], "energy": [5.0, 6.0], "layer": [0, 1]}
    with np.errstate(all="ignore"), pytest.raises(BadJetError, match=said):
        representation("voxels")(cells_of(**good | change))


def test_a_sample_without_cells_is_refused():
    with pytest.raises(UnknownNameError, match="unknown collection 'cells'"):
        representation("voxels")(from_cylinder([1], [5], [0], [0]))


@pytest.mark.parametrize("build", [PFN, ParticleNetLite], ids=["pfn", "particlenet-lite"])
def test_networks_learn_from_depth(build, tmp_path):
    train, test, represent = toy_cells(600, 1), toy_cells(400, 2), representation("voxels")
    torch.manual_seed(0)
    module = build(features=represent.width)
    data = Batches(train, represent, size=64, seed=1)
    options = FitOptions(epochs=4, learning_rate=3e-3)
    fit(module, cross_entropy, data, Batches(test, represent, shuffle=False), options, tmp_path)
    trained = Trained("pfn", {"features": 9}, module, "voxels")
    assert auc(trained.probabilities(represent(test)), test.column("label")).value > 0.7

"""Samples that are read in blocks: every row once, near each other on disk, like the whole, and memory given back."""

import numpy as np
import pytest
import torch
from toy_jets import changed, toy_jets

from partonic.events import cache
from partonic.fit import batches
from partonic.fit.batches import Batches, RowBatches
from partonic.represent import representation
from partonic.represent.constituents import BadJetError

N, BLOCK, READ = 20_011, 16, 2_048


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK", BLOCK)
    monkeypatch.setattr(batches, "READ", READ)


def rows(window=1, lengths=None, number=0):
    """The rows of an epoch of a sample sorted by class."""
    lengths = np.ones(N) if lengths is None else lengths
    data = RowBatches(lambda rows: rows, lengths, N // 64, np.arange(N) > N // 2, np.ones(N), window=window, seed=3)
    return data.rows(number)


@pytest.mark.parametrize("window", [1, 5, 80])
def test_every_row_comes_once(window):
    lengths = np.random.default_rng(1).integers(1, 100, N)
    taken = rows(window, lengths)
    assert len(taken) == N // 64
    np.testing.assert_array_equal(np.sort(np.concatenate(taken)), np.arange(N))


def test_epochs_are_functions_of_their_number_and_differ():
    assert all(np.array_equal(a, b) for a, b in zip(rows(number=4), rows(number=4), strict=True))
    assert not np.array_equal(rows(number=4)[0], rows(number=5)[0])


def test_what_is_taken_together_lies_in_few_blocks():
    taken = np.concatenate(rows())
    for start in range(0, N - READ, READ):
        blocks = np.unique(taken[start : start + READ] // BLOCK)
        assert len(blocks) < 2 * READ / BLOCK  # with rows from anywhere it would be 1,009 of the 1,251 blocks


def test_batches_of_a_sorted_sample_hold_both_classes_as_random_ones_would():
    shares = np.array([(part > N // 2).mean() for part in rows()])
    spread = shares.std() / np.sqrt(0.25 / 64)
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert spread == pytest.approx(np.sqrt(1 + 64 * BLOCK / READ), abs=0.15)  # blocks are of one class
    early = np.concatenate(rows()[: N // 64 // 10])
    assert (early > N // 2).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(READ / BLOCK))


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_those_of_the_whole_sample_and_memory_is_given_back(tmp_path, monkeypatch, shuffle):
    released = []
    monkeypatch.setattr(batches, "READ", 100)
    monkeypatch.setattr(batches, "release", lambda events: released.append(len(events)))
    jets = toy_jets(450)
    cache.build([jets], tmp_path / "kept")
    represent = representation("packed")
    data = Batches(cache.load(tmp_path / "kept"), represent, size=50, seed=2, shuffle=shuffle)
    made = list(data.epoch(1))
    assert sum(len(batch) for batch in made) == 450
    assert len(released) >= 4
    for batch, rows in zip(made, data.rows(1), strict=True):
        assert torch.equal(batch.inputs.features, represent(jets[rows]).features)
        assert torch.equal(batch.target, torch.from_numpy(jets.column("label")[rows].astype(np.float32)))
    for skipped, batch in zip(data.epoch(1, 3), made[3:], strict=True):
        assert torch.equal(skipped.inputs.p4, batch.inputs.p4)


def test_a_bad_jet_is_named_by_its_row_in_the_whole_sample(monkeypatch):
    monkeypatch.setattr(batches, "READ", 100)
    jets = toy_jets(450)
    energies = jets.collection("constituents")["e"].copy()
    energies[jets.collection("constituents").offsets[333]] = np.nan
    with pytest.raises(BadJetError, match="row 333"):
        list(Batches(changed(jets, e=energies), representation("packed"), size=50))

"""The order in which packed batches are worked on, and the pairs of their particles."""

import itertools

import numpy as np
import pytest
import torch

from partonic.represent.pairs import pair_features, pairs
from partonic.represent.plan import plan

LENGTHS = [[3], [1, 1, 1], [5, 0, 12, 1, 5, 31, 8, 9, 16], [64] * 3, [128, 2, 17]]


def offsets_of(lengths):
    return torch.tensor([0, *np.cumsum(lengths)])


@pytest.mark.parametrize("step", [1, 8, 16])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_every_particle_has_one_place(lengths, step):
    offsets = offsets_of(lengths)
    order = plan(offsets, step)
    values = torch.arange(float(offsets[-1]))
    sorted_ = values[order.particles]
    assert sorted(order.jets.tolist()) == list(range(len(lengths)))
    assert torch.equal(sorted_.sort().values, values)
    back = []
    for bucket, mine in zip(order.buckets, order.split(sorted_), strict=True):
        padded = bucket.pad(mine)
        assert padded.shape == (bucket.jets, bucket.length)
        assert torch.equal(bucket.flat(padded), mine)
        there = padded != 0 if bucket.absent is None else ~bucket.absent
        assert int(there.sum()) + int(bucket.absent is None and 0 in mine) == len(mine)
        assert torch.equal(sorted_[bucket.positions(values.device)][there], padded[there])
        back.append(mine)
    assert torch.equal(torch.cat(back), sorted_)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_jets_of_a_bucket_are_of_similar_length(lengths):
    order = plan(offsets_of(lengths), 8)
    found = order.offsets.diff()
    assert torch.equal(found, torch.tensor(lengths)[order.jets])
    start = 0
    for bucket in order.buckets:
        mine = found[start : start + bucket.jets]
        assert mine.max() == bucket.length
        assert len(set(np.ceil(mine.numpy() / 8))) == 1
        start += bucket.jets
    assert start == len(lengths)


def test_values_of_jets_come_back_in_the_order_of_the_batch():
    order = plan(offsets_of([9, 2, 5]))
    assert order.restore(torch.tensor([[2.0], [5.0], [9.0]])).flatten().tolist() == [9.0, 2.0, 5.0]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_all_pairs_of_a_jet_once(lengths):
    order = plan(offsets_of(lengths), 8)
    couples = pairs(order)
    wanted = set()
    for a, b in itertools.pairwise(order.offsets.tolist()):
        wanted |= {(i, j) for i in range(a, b) for j in range(a, i + 1)}
    found = list(zip(couples.first.tolist(), couples.second.tolist(), strict=True))
    assert len(found) == len(set(found)) == sum(couples.sizes)
    assert set(found) == wanted
    start = 0
    for bucket, size, (upper, lower) in zip(order.buckets, couples.sizes, couples.places, strict=True):
        grid = bucket.positions(torch.device("cpu"))
        rows = grid[:, :, None].expand(-1, -1, bucket.length).flatten()
        columns = grid[:, None, :].expand(-1, bucket.length, -1).flatten()
        one, two = couples.first[start : start + size], couples.second[start : start + size]
        assert torch.equal(rows[upper], one)
        assert torch.equal(columns[upper], two)
        assert torch.equal(rows[lower], two)
        assert torch.equal(columns[lower], one)
        start += size


def test_pair_features_by_hand():
    # Two massless particles of 30 and 10 GeV, at rapidity 0 and 0.3, azimuth 3.1 and -3.1.
    pt, y, phi = np.array([30.0, 10.0]), np.array([0.0, 0.3]), np.array([3.1, -3.1])
    p4 = torch.tensor(np.stack([pt * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y)], axis=1))
    order = plan(offsets_of([2]))
    features = pair_features(p4[order.particles], pairs(order))
    distance = np.hypot(0.3, 2 * np.pi - 6.2)
    mass2 = 2 * 30 * 10 * (np.cosh(0.3) - np.cos(6.2))
    np.testing.assert_allclose(features[1].exp(), [10 * distance, 0.25, distance, mass2], rtol=1e-9)
    np.testing.assert_allclose(features[0][[0, 2]].exp(), [1e-8, 1e-8])
    assert features[0][1].exp() == pytest.approx(0.5)

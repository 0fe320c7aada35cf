"""Batches cover every jet once an epoch, hold a constant number of particles, and leave the expected gradient alone."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toy_jets import toy_jets

from partonic.core.errors import InputError, UnknownNameError
from partonic.events import Events, Ragged
from partonic.fit.batches import Batches, TensorBatches, cut, take
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation
from partonic.represent.batch import Features, Images, PackedJets
from partonic.represent.constituents import BadJetError


def jets(n=500, seed=0, **columns) -> Events:
    """Jets whose multiplicity depends on their label, numbered by their first momentum."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.4).astype(np.int8)
    counts = rng.poisson(20 + 30 * label) + 1
    flat = {name: rng.standard_normal(counts.sum()).astype(np.float32) for name in ("px", "py", "pz", "e")}
    flat["number"] = np.repeat(np.arange(n), counts).astype(np.float32)
    weight = rng.normal(1.0, 0.6, n)
    return Events({"label": label, **columns}, {"nominal": weight}, {"constituents": Ragged.from_counts(counts, flat)})


def pack(events: Events) -> PackedJets:
    items = events.collection("constituents")
    p4 = np.stack([items[name] for name in ("e", "px", "py", "pz")], axis=1)
    features = np.stack([items["number"], items["px"], items["py"]], axis=1)
    return PackedJets(torch.from_numpy(features), torch.from_numpy(p4), torch.from_numpy(items.offsets.copy()))


def numbers(batch) -> list[int]:
    """Row numbers of the jets of a batch, read from their constituents."""
    return batch.inputs.features[batch.inputs.offsets[:-1], 0].int().tolist()


class Linear(nn.Module):
    """Logit linear in the summed features of a jet."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.3, -0.2]))

    def forward(self, batch):
        start, stop = batch.offsets[:-1], batch.offsets[1:]
        total = torch.cat([torch.zeros(1, 2), batch.features[:, 1:].cumsum(0)])
        return (total[stop] - total[start]) @ self.weight


@pytest.mark.parametrize(
    "options",
    [
        {"size": 7},
        {"size": 1000},
        {"size": 1},
        {"particles": 400},
        {"particles": 400, "window": 3},
        {"particles": 1},
        {"particles": 10**9},
        {"particles": 400, "shuffle": False},
        {"size": 64, "shuffle": False},
    ],
    ids=str,
)
def test_every_jet_is_in_exactly_one_batch_of_an_epoch(options):
    data = Batches(jets(), pack, **options)
    for _ in range(2):
        batches = list(data)
        assert sorted(row for batch in batches for row in numbers(batch)) == list(range(500))
        assert len(batches) == len(data)
        assert all(len(batch) > 0 for batch in batches)


def test_epochs_of_a_share_go_on_where_the_last_ended():
    whole = Batches(jets(), pack, size=50)
    data = Batches(jets(), pack, size=50, share=0.7)
    assert len(data) == 7
    passes = [rows.tolist() for number in range(3) for rows in whole.rows(number)]
    epochs = [rows.tolist() for number in range(4) for rows in data.rows(number)]
    assert epochs == passes[:28]
    assert [numbers(batch) for batch in data.epoch(1, skip=2)] == passes[9:14]


def test_target_and_weight_belong_to_the_inputs():
    events = jets()
    for batch in Batches(events, pack, balance=False, size=60):
        rows = numbers(batch)
        np.testing.assert_array_equal(batch.target, events.column("label")[rows])
        ratio = batch.weight.numpy() / events.weight()[rows]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


def test_order_is_a_function_of_seed_and_epoch():
    def order(data, epoch, skip=0):
        return [numbers(batch) for batch in data.epoch(epoch, skip)]

    data = Batches(jets(), pack, particles=900, seed=3)
    again = Batches(jets(), pack, particles=900, seed=3)
    assert [numbers(batch) for batch in data] == order(again, 0)
    assert [numbers(batch) for batch in data] == order(again, 1)
    assert order(again, 0) != order(again, 1)
    assert order(again, 1, 4) == order(again, 1)[4:]
    assert order(Batches(jets(), pack, particles=900, seed=4), 0) != order(again, 0)


def test_budget_holds_the_number_of_particles_constant():
    data = Batches(jets(3000), pack, particles=2000, window=10)
    totals = np.array([len(batch.inputs.features) for batch in data])
    assert totals.max() < 2000 + 90
    assert totals.std() < 60
    sizes = np.array([len(batch) for batch in data])
    assert sizes.max() > 2 * sizes.min()


def test_window_sorts_by_length_and_mixes_over_the_sample():
    events = jets(3000)
    counts = events.collection("constituents").counts

    def spread(window):
        return np.mean([counts[numbers(batch)].std() for batch in Batches(events, pack, particles=2000, window=window)])

    assert spread(10) < 0.25 * spread(1)
    for batch in Batches(events, pack, particles=2000, window=10):
        assert np.mean(numbers(batch)) == pytest.approx(1500, abs=700)


def test_batches_of_a_window_come_in_random_order():
    counts = jets(3000).collection("constituents").counts
    means = [counts[numbers(batch)].mean() for batch in Batches(jets(3000), pack, particles=2000, window=100)]
    assert np.mean(np.diff(means) > 0) == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("options", [{"particles": 900, "window": 20}, {"particles": 900, "window": 1}, {"size": 33}])
@pytest.mark.parametrize("balance", [True, False])
def test_expected_gradient_is_that_of_the_whole_sample(options, balance):
    events, model = jets(), Linear()

    def gradient(batches):
        losses = [cross_entropy(model, batch) for batch in batches]
        return torch.stack([torch.autograd.grad(loss, model.weight)[0] for loss in losses])

    whole = gradient(Batches(events, pack, size=500, balance=balance, shuffle=False))[0]
    parts = gradient(Batches(events, pack, balance=balance, **options))
    assert len(parts) > 10
    torch.testing.assert_close(parts.mean(0), whole, rtol=2e-4, atol=2e-5)


def test_without_its_factor_a_particle_budget_would_be_biased():
    events, model = jets(), Linear()
    data = Batches(events, pack, particles=900, window=20)
    mean = data.jets / len(data)
    losses = torch.stack([cross_entropy(model, batch) for batch in data])
    naive = torch.stack([loss * mean / len(batch) for loss, batch in zip(losses, data.epoch(0), strict=True)])
    whole = cross_entropy(model, next(iter(Batches(events, pack, size=500))))
    assert losses.mean().item() == pytest.approx(whole.item(), rel=1e-4)
    assert abs(naive.mean().item() / whole.item() - 1) > 0.02


def test_balanced_classes_have_equal_weight_and_the_mean_is_one():
    for balance, share in ((True, 0.5), (False, None)):
        batch = next(iter(Batches(jets(), pack, size=500, balance=balance)))
        signal = batch.weight[batch.target == 1].sum().item()
        assert batch.weight.mean().item() == pytest.approx(1, rel=1e-5)
        assert (batch.weight < 0).any()
        if share is None:
            events = jets()
            share = events.weight()[events.column("label") == 1].sum() / events.weight().sum()
        assert signal / 500 == pytest.approx(share, rel=1e-4)


def test_memory_mapped_events_are_read_batch_by_batch(tmp_path):
    n, length = 20_000, 40
    events = {}
    for kind in ("mapped", "loaded"):
        flat = {}
        for name in ("px", "py", "pz", "e", "number"):
            file = tmp_path / f"{name}.npy"
            if kind == "mapped":
                np.save(file, np.arange(n * length, dtype=np.float32))
            flat[name] = np.load(file, mmap_mode="r" if kind == "mapped" else None)
        items = Ragged.from_counts(np.full(n, length), flat)
        events[kind] = Events({"label": np.arange(n) % 2}, {}, {"constituents": items})
    total = 5 * 4 * n * length
    tracemalloc.start()
    data = Batches(events["mapped"], pack, particles=4000)
    batches = data.epoch(0)
    first = next(batches)
    for _ in range(20):
        next(batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < total / 4
    twin = next(Batches(events["loaded"], pack, particles=4000).epoch(0))
    assert torch.equal(first.inputs.p4, twin.inputs.p4)
    assert torch.equal(first.inputs.offsets, twin.inputs.offsets)


@pytest.mark.parametrize(
    "options", [{"size": 40}, {"particles": 900, "window": 4}, {"particles": 900, "shuffle": False}]
)
def test_tensors_in_memory_give_the_same_batches(options):
    events = jets()
    packed = TensorBatches(pack(events), events.column("label"), events.weight(), **options)
    for a, b in zip(Batches(events, pack, **options), packed, strict=True):
        for name in ("features", "p4", "offsets"):
            assert torch.equal(getattr(a.inputs, name), getattr(b.inputs, name))
        assert torch.equal(a.target, b.target)
        assert torch.equal(a.weight, b.weight)


@pytest.mark.parametrize(
    "inputs", [Features(torch.arange(30.0)[:, None]), Images(torch.arange(30.0).reshape(30, 1, 1, 1))]
)
def test_inputs_of_fixed_shape(inputs):
    rows = np.array([3, 7, 29])
    taken = take(inputs, rows)
    assert type(taken) is type(inputs)
    assert next(iter(vars(taken).values())).flatten().tolist() == [3, 7, 29]
    batches = list(TensorBatches(inputs, np.arange(30) % 2, size=8))
    assert [len(batch) for batch in batches] == [len(batch.inputs) for batch in batches]
    assert {len(batch) for batch in batches} == {7, 8}


@pytest.mark.parametrize("name", ["packed", "trees", "lund"])
def test_rows_of_trees_are_the_trees_of_these_rows(name):
    events, represent, rows = toy_jets(8), representation(name), np.array([1, 4, 5])
    taken, expected = take(represent(events), rows), represent(events[rows])
    for field, values in vars(expected).items():
        torch.testing.assert_close(getattr(taken, field), values, rtol=0, atol=0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.data())
def test_cut_leaves_no_part_empty_and_no_part_too_long(lengths, data):
    parts = data.draw(st.integers(1, len(lengths)))
    edges = cut(np.array(lengths), parts)
    assert len(edges) == parts + 1
    assert (edges[0], edges[-1]) == (0, len(lengths))
    assert all(a < b for a, b in pairwise(edges))
    if max(lengths) * parts < sum(lengths):
        sums = [sum(lengths[a:b]) for a, b in pairwise(edges)]
        assert max(sums) <= sum(lengths) / parts + max(lengths)


def nan_first(values):
    out = np.array(values, dtype=float)
    out[0] = np.nan
    return out


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda e: e[:0], {}, "no jets"),
        (lambda e: e.with_columns(label=np.ones(len(e))), {}, "one class only: all 500 labels are 1"),
        (lambda e: e.with_columns(label=nan_first(e.column("label"))), {}, "1 of 500 labels are NaN"),
        (lambda e: e.with_columns(label=e.column("label") + 1), {}, "found 1, 2"),
        (lambda e: e.with_columns(label=np.full(len(e), "top")), {}, "numbers 0 and 1"),
        (lambda e: e.with_columns(label=np.zeros((len(e), 2))), {}, r"expected \(500,\)"),
        (lambda e: e.with_weights({"nominal": np.zeros(len(e))}), {}, "all 500 event weights are zero"),
        (lambda e: e.with_weights({"nominal": nan_first(e.weight())}), {}, "1 of 500 event weights are NaN"),
        (lambda e: e.with_weights({"nominal": e.column("label") * -1.0}), {}, "class 0"),
        (lambda e: e.with_weights({"nominal": 0.5 - e.column("label")}), {"balance": False}, "class 1 .* add up to"),
        (lambda e: e, {"size": 0}, "1 or more jets"),
        (lambda e: e, {"particles": -1}, "1 or more particles"),
        (lambda e: e, {"particles": 9, "window": 0}, "window"),
        (lambda e: e, {"seed": -1}, "seed"),
        (lambda e: e, {"share": 0.0}, "share above 0"),
        (lambda e: e, {"share": 1.5}, "at most 1"),
        (lambda e: e, {"target": np.zeros(7)}, r"targets of shape \(7,\)"),
    ],
)
def test_bad_samples_end_in_one_sentence_before_anything_starts(change, options, message):
    with pytest.raises(InputError, match=message):
        Batches(change(jets()), pack, **options)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"target": "lable"}, "did you mean 'label'"),
        ({"weight": "nominall"}, "did you mean 'nominal'"),
        ({"particles": 9, "collection": "constituent"}, "did you mean 'constituents'"),
    ],
)
def test_unknown_names_say_the_nearest(options, name):
    with pytest.raises(UnknownNameError, match=name):
        Batches(jets(), pack, **options)


def test_tensor_batches_say_what_does_not_fit():
    inputs = Features(torch.zeros(4, 2))
    with pytest.raises(InputError, match="hold no particles"):
        TensorBatches(inputs, np.array([0, 1, 0, 1]), particles=10)
    with pytest.raises(InputError, match=r"weights of shape \(3,\) do not fit 4 jets"):
        TensorBatches(inputs, np.array([0, 1, 0, 1]), np.ones(3))


def test_a_bad_jet_is_named_by_its_row_in_the_sample():
    def refuse(events: Events) -> PackedJets:
        packed = pack(events)
        rows = packed.features[packed.offsets[:-1], 0].int().tolist()
        if 321 in rows:
            raise BadJetError(rows.index(321), "it has no constituent")
        return packed

    for shuffle in (True, False):
        with pytest.raises(BadJetError, match="row 321") as caught:
            list(Batches(jets(), refuse, size=50, shuffle=shuffle))
        assert caught.value.row == 321

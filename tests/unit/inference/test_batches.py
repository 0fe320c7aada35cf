"""Batches: their weights, ratios and scores against finite differences of the polynomial, event by event."""

from functools import partial

import numpy as np
import pytest
import torch
from toy_morphing import MORPHING, sample

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.inference.batches import Cutting, LabelledBatches, MorphedBatches
from partonic.inference.samples import LabelledSample, MorphedSample

BOX = np.array([[-1.0, 1.0], [-0.5, 0.8]])


def log_density(events, row, theta):
    basis = MORPHING.basis(theta)
    return np.log(events.weight[row] * (events.components[row] @ basis) / (events.sigma @ basis) / events.weight.mean())


def weighted(n=500):
    events = sample(n)
    return MorphedSample(events.x, events.components, MORPHING, np.random.default_rng(1).uniform(0.5, 2, n))


@pytest.mark.parametrize("reference", [np.array([0.2, -0.1]), None])
def test_morphed_batches(reference):
    events = weighted()
    batches = MorphedBatches(events, BOX, reference, Cutting(size=20, thetas=3, shuffle=False))
    rows = torch.arange(40, 60)
    batch = batches.batch(rows, partial(generator, 3))
    assert batch.theta.shape == (3, 20, 2)
    assert (batch.other is None) == (reference is not None)
    for m, b in [(0, 0), (1, 7), (2, 19)]:
        theta = batch.theta[m, b].double().numpy()
        other = reference if reference is not None else batch.other[m, b].double().numpy()
        above, below = (log_density(events, 40 + b, point) for point in (theta, other))
        np.testing.assert_allclose(batch.numerator[m, b], np.exp(above), rtol=2e-5)
        np.testing.assert_allclose(batch.denominator[m, b], np.exp(below), rtol=2e-5)
        np.testing.assert_allclose(batch.log_ratio[m, b], above - below, atol=2e-5)
        for i in range(2):
            step = 1e-5 * np.eye(2)[i]
            slope = (log_density(events, 40 + b, theta + step) - log_density(events, 40 + b, theta - step)) / 2e-5
            np.testing.assert_allclose(batch.score[m, b, i], slope, rtol=1e-3, atol=1e-3)


def test_labels_are_drawn_with_the_probability_of_the_ratio():
    batch = MorphedBatches(sample(20_000), BOX, np.zeros(2), Cutting(size=20_000)).batch(
        torch.arange(20_000), partial(generator, 1)
    )
    expected = torch.sigmoid(batch.log_ratio)
    error = (expected * (1 - expected)).sum().sqrt()
    assert abs((batch.label - expected).sum()) < 4 * error
    assert set(batch.label.unique().tolist()) == {0.0, 1.0}


def test_scores_are_not_made_where_nobody_wants_them():
    batch = next(MorphedBatches(sample(200), BOX, np.zeros(2), Cutting(size=20), scores=False).epoch(0))
    assert batch.score.isnan().all()


def test_events_that_cannot_be_from_either_point_weigh_nothing():
    events = MorphedSample(np.zeros(200), np.tile([[1.0, 0, 0, 0, 0, 0], [0.0] * 6], (100, 1)), MORPHING)
    batch = MorphedBatches(events, BOX, np.zeros(2), Cutting()).batch(torch.arange(200), partial(generator, 1))
    assert (batch.numerator[0, 1::2] == 0).all()
    assert all(torch.isfinite(v).all() for v in (batch.numerator, batch.log_ratio, batch.score, batch.label))


def test_epochs_are_functions_of_their_number():
    batches = MorphedBatches(sample(210), BOX, np.zeros(2), Cutting(size=50, seed=4))
    first, again, other = (list(batches.epoch(number)) for number in (1, 1, 2))
    assert len(batches) == len(first) == 4
    assert torch.equal(first[2].theta, again[2].theta)
    assert torch.equal(first[2].theta, next(batches.epoch(1, skip=2)).theta)
    assert not torch.equal(first[0].x, other[0].x)
    assert not torch.equal(first[0].theta, first[1].theta)
    assert torch.equal(next(iter(batches)).x, next(batches.epoch(0)).x)


def test_labelled_batches_balance_both_sides():
    rng = np.random.default_rng(0)
    n = 1000
    label = (np.arange(n) % 4 == 0) * 1.0
    given = {"x": rng.normal(size=n), "theta": rng.normal(size=(n, 1)), "label": label, "reference": np.zeros(1)}
    plain = LabelledBatches(LabelledSample(**given), BOX[:1], Cutting(size=n))
    batch = next(iter(plain))
    np.testing.assert_allclose([batch.numerator.mean(), batch.denominator.mean()], 1, rtol=1e-5)
    assert (batch.numerator * batch.denominator == 0).all()
    assert batch.log_ratio.isnan().all()
    known = LabelledSample(**given, log_ratio=np.full(n, np.log(3)), score=np.ones((n, 1)))
    shared = next(iter(LabelledBatches(known, BOX[:1], Cutting(size=n))))
    np.testing.assert_allclose(shared.numerator / shared.denominator, 3, rtol=1e-5)
    assert (shared.score == 1).all()


def test_the_box_is_of_what_was_simulated():
    given = {"x": np.zeros(10), "theta": np.full((10, 1), 4.5), "label": np.arange(10) % 2, "reference": np.zeros(1)}
    with pytest.raises(InputError, match=r"t1 from 4\.5 to 4\.5, none of them in the box from -1 to 1"):
        LabelledBatches(LabelledSample(**given), BOX[:1], Cutting())


@pytest.mark.parametrize("changes", [{"size": 0}, {"thetas": 0}])
def test_cutting_needs_events(changes):
    with pytest.raises(InputError, match="1 event and 1 theta or more"):
        Cutting(**changes)

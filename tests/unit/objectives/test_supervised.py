"""The supervised objective against its formula written out."""

import numpy as np
import pytest
import torch
from torch import nn

from partonic.objectives.supervised import Supervised, cross_entropy
from partonic.represent.batch import Features, Labelled
from partonic.represent.task import Task


class Given(nn.Module):
    """The logit is the input."""

    def forward(self, batch):
        return batch.values[:, 0]


def labelled(logit, target, weight):
    values = (torch.tensor(v, dtype=torch.float32) for v in (logit, target, weight))
    logits, targets, weights = values
    return Labelled(Features(logits[:, None]), targets, weights)


def test_is_the_weighted_mean_of_the_log_loss():
    logit, target, weight = [0.3, -1.2, 2.0, 0.1], [1, 0, 0, 1], [1.0, 0.5, 2.0, -0.7]
    s = 1 / (1 + np.exp(-np.array(logit)))
    y = np.array(target)
    expected = np.mean(np.array(weight) * (-y * np.log(s) - (1 - y) * np.log(1 - s)))
    assert cross_entropy(Given(), labelled(logit, target, weight)).item() == pytest.approx(expected, rel=1e-6)


def test_weights_that_cancel_in_a_batch_do_no_harm():
    batch = labelled([0.5, 0.5], [1, 1], [1.0, -1.0])
    assert cross_entropy(Given(), batch).item() == pytest.approx(0.0, abs=1e-7)


def test_confident_logits_stay_finite():
    batch = labelled([200.0, -200.0, 200.0], [1, 0, 0], [1, 1, 1])
    assert cross_entropy(Given(), batch).item() == pytest.approx(200 / 3)


class Outputs(nn.Module):
    """The outputs are the input."""

    def forward(self, batch):
        return batch.values


def test_softmax_of_several_classes_beside_squared_errors():
    rng = np.random.default_rng(1)
    outputs, label, weight = rng.normal(size=(6, 5)), np.array([0, 1, 2, 2, 1, 0]), rng.uniform(0.5, 2, 6)
    extra = rng.normal(size=(6, 2))
    values = [torch.tensor(v, dtype=torch.float32) for v in (outputs, label, weight, extra)]
    batch = Labelled(Features(values[0]), *values[1:])
    share = np.exp(outputs[:, :3]) / np.exp(outputs[:, :3]).sum(axis=1, keepdims=True)
    each = -np.log(share[np.arange(6), label]) + 0.3 * ((outputs[:, 3:] - extra) ** 2).sum(axis=1)
    task = Task(("a", "b", "c"), ("u", "v"))
    assert Supervised(task, 0.3)(Outputs(), batch).item() == pytest.approx(np.mean(weight * each), rel=1e-5)


def test_two_classes_without_targets_are_the_binary_cross_entropy():
    batch = labelled([0.3, -1.2, 2.0, 0.1], [1, 0, 0, 1], [1.0, 0.5, 2.0, -0.7])
    assert Supervised(Task())(Given(), batch).item() == pytest.approx(cross_entropy(Given(), batch).item(), rel=1e-6)

"""Trainings whose answer is known: the optimum of a weighted logistic regression, and the ratio of two Gaussians."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from partonic.fit.batches import TensorBatches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.objectives.supervised import cross_entropy
from partonic.represent.batch import Features, PackedJets
from partonic.represent.segments import segment_mean


class Logistic(nn.Module):
    """Logit linear in the features of a jet, or in the mean features of its particles."""

    def __init__(self, features):
        super().__init__()
        self.linear = nn.Linear(features, 1)
        for weights in self.linear.parameters():
            nn.init.zeros_(weights)  # the same start in whatever order the tests run

    def forward(self, batch):
        packed = isinstance(batch, PackedJets)
        values = segment_mean(batch.features, batch.offsets) if packed else batch.values
        return self.linear(values).squeeze(-1)

    @property
    def found(self):
        return torch.cat([self.linear.weight[0], self.linear.bias]).detach().numpy()


def optimum(x, y, w):
    """Minimum of the weighted log loss, by scipy."""
    design = np.column_stack([x, np.ones(len(x))])

    def loss(theta):
        logit = design @ theta
        value = np.sum(w * (np.logaddexp(0, logit) - y * logit))
        return value / len(y), design.T @ (w * (1 / (1 + np.exp(-logit)) - y)) / len(y)

    return minimize(loss, np.zeros(design.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9}).x


def test_weighted_logistic_regression_reaches_its_optimum():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3000, 3)).astype(np.float32)
    y = (rng.random(3000) < 1 / (1 + np.exp(-(x @ [1.0, -0.5, 0.2] + 0.3)))).astype(int)
    w = rng.normal(1.0, 0.8, 3000) * (1 + 0.5 * x[:, 0] ** 2)
    assert (w < 0).sum() > 200
    scaled = w / w.sum() * len(w)
    model = Logistic(3)
    data = TensorBatches(Features(torch.from_numpy(x)), y, w, balance=False, size=500)
    options = FitOptions(
        epochs=80, learning_rate=0.05, schedule="cosine", warmup=0.0, weight_decay=0.0, clip=0.0, threads=1
    )
    result = fit(model, cross_entropy, data, data, options)
    truth = optimum(x, y, scaled)
    np.testing.assert_allclose(model.found, truth, atol=3e-3)
    unweighted = optimum(x, y, np.ones(len(y)))
    assert np.abs(unweighted - truth).max() > 0.05
    assert result.history[-1]["validation"] < result.history[0]["validation"]


def test_particle_budget_does_not_move_the_optimum():
    """Signal jets are longer and their feature depends on the length: a plain mean of batches would be biased."""
    rng = np.random.default_rng(2)
    n = 3000
    y = rng.integers(0, 2, n)
    counts = rng.poisson(np.where(y == 1, 8, 3)) + 1
    x = 0.5 * y + 0.1 * counts + rng.standard_normal(n)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    features = torch.from_numpy(np.repeat(x, counts).astype(np.float32))[:, None]
    packed = PackedJets(features, torch.zeros(len(features), 4), torch.from_numpy(offsets))
    truth = optimum(x[:, None], y, np.ones(n))
    options = FitOptions(epochs=20, learning_rate=0.1, schedule="cosine", weight_decay=0.0, clip=0.0, threads=1)
    data = TensorBatches(packed, y, balance=False, particles=1000, window=10)
    model = Logistic(1)
    fit(model, cross_entropy, data, options=options)
    np.testing.assert_allclose(model.found, truth, atol=0.02)

    def biased(model, batch):
        return cross_entropy(model, batch) * (n / len(data)) / len(batch)

    other = Logistic(1)
    fit(other, biased, data, options=options)
    assert np.abs(other.found - truth).max() > 0.1


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_logit_is_the_log_ratio_of_two_gaussians(optimiser):
    """N(+1, 1) against N(-1, 1): ln ratio = 2 x, whatever the sizes of the samples once they are balanced."""
    rng = np.random.default_rng(3)
    y = np.concatenate([np.ones(20_000), np.zeros(5_000)])
    x = (rng.standard_normal(len(y)) + 2 * y - 1).astype(np.float32)
    model = Logistic(1)
    options = FitOptions(epochs=8, learning_rate=0.05, optimiser=optimiser, weight_decay=0.0, threads=1)
    fit(model, cross_entropy, TensorBatches(Features(torch.from_numpy(x)[:, None]), y, size=500), options=options)
    np.testing.assert_allclose(model.found, [2.0, 0.0], atol=0.08)

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from partonic.objectives.clouds import CloudBatch, cloud_matching, ordered_noise


def batch(values, counts, weight=None):
    offsets = torch.tensor([0, *np.cumsum(counts)])
    weights = torch.ones(len(counts)) if weight is None else weight
    return CloudBatch(values, offsets, torch.zeros(len(counts), 0), weights)


def test_the_exact_velocity_has_no_error():
    """All jets at one point c: on x = (1 - t) noise + t c the velocity is (c - x) / (1 - t)."""
    at = torch.tensor([0.0, 0.0, 0.7])  # mirroring leaves it where it is
    jets = batch(at.expand(900, 3), [3] * 300)

    def exact(x, offsets, time, context):
        return (at - x) / (1 - time.repeat_interleave(3))[:, None]

    assert cloud_matching(exact, jets).item() == pytest.approx(0, abs=1e-5)


def test_no_velocity_leaves_the_spread_of_noise_and_jets():
    """E (x1 - x0)^2 of noise of unit spread is 1 + c^2 in each coordinate; mirrored jets have the same."""
    torch.manual_seed(2)
    at = torch.tensor([0.5, 1.0, 0.0])
    jets = batch(at.expand(40_000, 3), [4] * 10_000)
    still = cloud_matching(lambda x, offsets, time, context: torch.zeros_like(x), jets).item()
    assert still == pytest.approx(1 + 1.25 / 3, abs=0.02)


def test_weights_count():
    jets = batch(
        torch.tensor([[0.0, 0.0, 9.0]] * 50 + [[0.0, 0.0, 0.0]] * 50),
        [1] * 100,
        torch.tensor([0.0, 2.0]).repeat_interleave(50),
    )
    torch.manual_seed(3)
    assert cloud_matching(lambda x, offsets, time, context: torch.zeros_like(x), jets).item() < 2


def test_noise_is_normal_and_falls_within_each_jet():
    random = torch.Generator().manual_seed(4)
    rows = torch.arange(2_000).repeat_interleave(5)
    noise = ordered_noise(rows, random)
    assert (noise.view(-1, 5, 3)[:, :, 2].diff(dim=1) <= 0).all()
    for column in range(3):
        assert kstest(noise[:, column].numpy(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[:, 0], noise[:, 2])[0, 1]) < 0.05

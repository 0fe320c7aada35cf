"""Unweighting: the cap by hand, the share that is lost, the spectrum of the kept events."""

import pytest
import torch

from partonic.core.errors import InputError
from partonic.phasespace.unweight import find_cap, keep


def test_the_cap_by_hand():
    weights = torch.tensor([1.0, 1.0, 2.0, 0.0, 6.0])
    assert find_cap(weights, 0.0).weight == 6.0
    cap = find_cap(weights, 0.4)
    assert (cap.weight, cap.overweight) == (2.0, pytest.approx(0.4))
    assert cap.efficiency == pytest.approx((1 + 1 + 2 + 2) / 5 / 2)


def test_kept_events_follow_the_weights():
    random = torch.Generator().manual_seed(4)
    x = torch.rand(200_000, generator=random, dtype=torch.float64)
    weights = x**2
    cap = find_cap(weights, 1e-3)
    kept = x[keep(weights, cap, torch.rand(200_000, generator=random, dtype=torch.float64))]
    assert 0 < cap.overweight <= 1e-3
    assert len(kept) / len(x) == pytest.approx(cap.efficiency, abs=4 * (cap.efficiency / len(x)) ** 0.5)
    assert float(kept.mean()) == pytest.approx(0.75, abs=4 * 0.2 / len(kept) ** 0.5 + 1e-3)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -0.1], [1.0, float("nan")]])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(InputError, match="finite weights"):
        find_cap(torch.tensor(weights))


def test_an_impossible_share_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        find_cap(torch.ones(3), 1.0)

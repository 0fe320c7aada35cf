"""The sizes of published networks, and what their building blocks compute."""

import inspect

import pytest
import torch

from partonic.core.registry import models
from partonic.models.dnn import DNN
from partonic.models.inputs import sizes_of
from partonic.models.lgatr_slim import GatedUnits
from partonic.models.residual import ConvNorm, Residual
from partonic.represent import representation

# As the comparison of top taggers (arXiv:1902.09914) counts them, or the network's own paper.
PUBLISHED = {
    "deeptop": 610_000,
    "resnext": 1_460_000,
    "pcnn": 348_000,
    "dnn": 57_500,
    "lola": 127_000,
    "lbn": 705_000,
    "treenin": 34_000,
    "efn": 82_000,
    "pfn": 82_000,
    "particlenet": 366_000,
    "particlenet-lite": 26_000,
    "part": 2_140_000,
    "lorentznet": 224_000,
    "pelican": 208_000,
    "pelican-1k": 1_000,
    "lgatr-slim-large": 2_030_000,
}


@pytest.mark.parametrize("name", models.names())
def test_usual_inputs_leave_a_network_as_it_is_published(name):
    cls, represent = models.get(name).cls, representation(models.get(name).facts["input"])
    parameters = inspect.signature(cls).parameters
    assert {key: parameters[key].default for key in sizes_of(cls, represent)} == sizes_of(cls, represent)


def weights(name):
    """Number of weights of a model of default options."""
    return sum(weight.numel() for weight in models.get(name).cls().parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_many_weights_as_published(name):
    assert weights(name) == pytest.approx(PUBLISHED[name], rel=0.03)


@pytest.mark.parametrize(
    ("light", "large"),
    [("cnn", "deeptop"), ("resnet", "resnext"), ("lgatr-slim", "lgatr-slim-large")]
    + [(f"{name}-light", name) for name in ("pcnn", "lstm", "gru", "lola", "lbn", "part", "lorentznet")],
)
def test_small_ones_are_small(light, large):
    assert weights(light) < 0.4 * weights(large)


def test_the_shortcut_of_pcnn_is_not_cut_at_zero():
    values = torch.randn(8, 4, 20)
    for activate_sum in (True, False):
        torch.manual_seed(0)
        block = Residual(1, 4, 4, 1, activate_sum)
        least = (block(values) - (0 if activate_sum else values)).min()
        assert float(least.detach()) == pytest.approx(0, abs=1e-6)


def test_grouped_convolutions_keep_groups_apart():
    torch.manual_seed(0)
    layer = ConvNorm(2, 4, 8, 3, 2, groups=2).eval()
    values = torch.randn(3, 4, 9, 9)
    before = layer(values)
    values[:, 2:] += 1
    after = layer(values)
    assert before.shape == (3, 8, 5, 5)
    torch.testing.assert_close(after[:, :4], before[:, :4], rtol=0, atol=0)
    assert (after[:, 4:] != before[:, 4:]).all()


def test_gated_units_keep_scalars_and_vectors_apart():
    torch.manual_seed(0)
    units = GatedUnits(3, 2, 4)
    scalars, vectors = torch.randn(5, 3), torch.randn(5, 2, 4)
    before = units(scalars, vectors)
    torch.testing.assert_close(units(scalars + 1, vectors)[1], before[1], rtol=0, atol=0)
    torch.testing.assert_close(units(scalars, -vectors)[1], -before[1])  # odd, as vectors must be
    torch.testing.assert_close(units(scalars, 2 * vectors)[0], before[0], rtol=0, atol=0)


def test_dropout_is_where_it_is_asked_for():
    torch.manual_seed(0)
    values = torch.randn(6, 22)
    net, plain = DNN().train(), DNN(dropouts=(0.0,) * 4).train()
    assert (net.layers(values) != net.layers(values)).all()
    torch.testing.assert_close(plain.layers(values), plain.layers(values), rtol=0, atol=0)

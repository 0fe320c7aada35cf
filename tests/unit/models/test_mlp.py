import torch
from torch import nn

from partonic.models.mlp import mlp


def test_layers_and_start():
    torch.manual_seed(0)
    net = mlp(400, 300, 2)
    assert [type(layer) for layer in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert net[0].bias.abs().max() == 0
    # He: unit activations keep their size through a ReLU layer
    hidden = torch.relu(net[0](torch.randn(2000, 400)))
    assert 0.8 < hidden.square().mean().item() < 1.2
    assert isinstance(mlp(2, 3, activate_last=True)[-1], nn.ReLU)

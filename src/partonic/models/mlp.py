"""Multilayer perceptron: the building block of most models."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from partonic.models.folding import LinearNorm


def mlp(*widths: int, activate_last: bool = False, norms: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them, He-uniform weights and zero biases (arXiv:1502.01852).

    Args:
        widths: of input, hidden layers and output, at least two.
        activate_last: put a ReLU behind the last layer too.
        norms: put a batch norm behind each linear layer.

    Example:
        >>> mlp(7, 100, 1)
        Sequential(
          (0): Linear(in_features=7, out_features=100, bias=True)
          (1): ReLU(inplace=True)
          (2): Linear(in_features=100, out_features=1, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        normed = LinearNorm(into, out, bias=True) if norms else None
        linear = nn.Linear(into, out) if normed is None else normed.layer
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [normed or linear, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers if activate_last else layers[:-1])

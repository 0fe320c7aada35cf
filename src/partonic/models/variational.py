"""Linear layers whose weights have a Gaussian distribution each, learned by variational inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from partonic.core.errors import InputError

START = -6.0  # logarithm of the variance of a weight over that of the prior, before training
GAIN = 20.0  # of that logarithm over its parameter: it has to move by much more than a weight in as many steps


class VariationalLinear(nn.Module):
    r"""A linear layer with independent weights :math:`w \sim N(\mu, \sigma^2)`.

    In training it draws its outputs instead of its weights (local reparametrisation, arXiv:1506.02557): other weights
    for each row of a batch, with little noise in the gradient. In evaluation it has the mean weights, or those that
    :meth:`fix` has drawn. Biases have no distribution.

    Args:
        layer: a linear layer, whose weights are where the means start; weights that a buffer ``mask`` of it (as of an
            autoregressive network) takes away stay away.
        prior: width of the Gaussian prior of each weight, times the root of the number of inputs.

    Raises:
        InputError: the prior is not above 0.
    """

    mask: Tensor | None

    def __init__(self, layer: nn.Linear, prior: float = 1.0) -> None:
        super().__init__()
        if not prior > 0:
            raise InputError(f"the width of a prior must be above 0, not {prior}")
        self.width = prior / layer.in_features**0.5
        self.weight = nn.Parameter(layer.weight.detach().clone())
        self.bias = nn.Parameter(layer.bias.detach().clone())
        self.moved = nn.Parameter(torch.zeros_like(self.weight))
        self.register_buffer("mask", getattr(layer, "mask", None))
        self.drawn: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (..., out) of inputs (..., in)."""
        if self.drawn is not None:
            return linear(x, self._kept(self.drawn), self.bias)
        mean = linear(x, self._kept(self.weight), self.bias)
        if not self.training:
            return mean
        variance = linear(x.square(), self._kept(self._variance()))
        return mean + (variance + 1e-12).sqrt() * torch.randn_like(mean)

    def divergence(self) -> Tensor:
        r""":math:`\frac12\sum(\sigma^2 + \mu^2 - 1 - \ln\sigma^2)` in units of the prior: how far it is, a scalar."""
        log = START + GAIN * self.moved
        total: Tensor = 0.5 * self._kept(log.exp() + (self.weight / self.width).square() - 1 - log).sum()
        return total

    def fix(self, random: torch.Generator | None) -> None:
        """Draw weights and keep them; with None go back to the mean."""
        if random is None:
            self.drawn = None
            return
        noise = torch.randn(self.weight.shape, generator=random, dtype=torch.float64).to(self.weight)
        self.drawn = (self.weight + self._variance().sqrt() * noise).detach()

    def _kept(self, values: Tensor) -> Tensor:
        """Without those that the mask takes away."""
        return values if self.mask is None else values * self.mask

    def _variance(self) -> Tensor:
        variance: Tensor = (START + GAIN * self.moved).exp() * self.width**2
        return variance


def make_variational(module: nn.Module, prior: float = 1.0) -> int:
    """Replace each linear layer inside a module, in place, by a :class:`VariationalLinear`.

    Args:
        module: any module.
        prior: see :class:`VariationalLinear`.

    Returns:
        The number of layers replaced.
    """
    count = 0
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, VariationalLinear(child, prior))
            count += 1
        else:
            count += make_variational(child, prior)
    return count


def fix_weights(module: nn.Module, random: torch.Generator | None) -> None:
    """Draw the weights of all variational layers of a module and keep them; with None go back to the means."""
    for layer in module.modules():
        if isinstance(layer, VariationalLinear):
            layer.fix(random)

"""A coupling flow of scalar fields on a checkerboard that treats phi and -phi alike."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from partonic.core.errors import InputError
from partonic.fit.loop import FitResult
from partonic.fit.options import FitOptions
from partonic.lattice.phi4 import Phi4
from partonic.lattice.training import train_on_draws, usual_options

LARGEST = 3.0  # of the logarithm of a scale
START = -0.4  # logarithm of the spread of the fields before training


class Z2Flow(nn.Module):
    r"""Affine couplings: half of the sites is scaled and shifted as the other half says.

    The scale is an even function of the frozen sites, the shift an odd one (no biases, odd activations), so that
    :math:`q(\phi) = q(-\phi)` holds exactly and neither vacuum is lost.

    Args:
        side: L, even.
        layers: couplings.
        hidden: width of the hidden layer of each of their two networks.
    """

    mask: Tensor

    def __init__(self, side: int, layers: int = 12, hidden: int = 128) -> None:
        super().__init__()
        if side < 2 or side % 2 or layers < 2 or hidden < 1:
            raise InputError(f"the flow needs an even lattice and 2 layers or more, not {side} and {layers}")
        place = torch.arange(side)
        dark = ((place[:, None] + place) % 2 == 0).flatten()
        self.side, sites = side, side * side
        self.register_buffer("mask", torch.stack([dark.nonzero()[:, 0], (~dark).nonzero()[:, 0]]))
        half = sites // 2
        self.scales = nn.ModuleList(_Net(half, hidden, nn.SiLU(), bias=True) for _ in range(layers))
        self.shifts = nn.ModuleList(_Net(half, hidden, nn.Tanh(), bias=False) for _ in range(layers))
        self.width = nn.Parameter(torch.tensor(START))

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Fields (b, L, L) and the logarithm of their density (b,), from Gaussian noise (b, L, L)."""
        z = noise.flatten(1)
        log_q = _gauss(z) - z.shape[1] * self.width
        halves = [(z * self.width.exp())[:, self.mask[i]] for i in (0, 1)]
        for number, (scale, shift) in enumerate(zip(self.scales, self.shifts, strict=True)):
            frozen, moved = halves[number % 2], halves[1 - number % 2]
            log_scale = _bounded(scale(frozen.square()))
            halves[1 - number % 2] = moved * log_scale.exp() + shift(frozen)
            log_q = log_q - log_scale.sum(dim=1)
        phi = z.new_zeros(z.shape).index_copy(1, self.mask[0], halves[0]).index_copy(1, self.mask[1], halves[1])
        return phi.reshape(-1, self.side, self.side), log_q

    def log_prob(self, phi: Tensor, *, constant: bool = False) -> Tensor:
        """Logarithm of the density (b,) of fields (b, L, L); with ``constant`` the weights get no gradient."""
        flat = phi.flatten(1)
        halves = [flat[:, self.mask[i]] for i in (0, 1)]
        width = self.width.detach() if constant else self.width
        log_q = -flat.shape[1] * width
        for number in reversed(range(len(self.scales))):
            frozen, moved = halves[number % 2], halves[1 - number % 2]
            log_scale = _bounded(self.scales[number](frozen.square(), constant))
            halves[1 - number % 2] = (moved - self.shifts[number](frozen, constant)) * torch.exp(-log_scale)
            log_q = log_q - log_scale.sum(dim=1)
        return log_q + _gauss(torch.cat(halves, dim=1) * torch.exp(-width))

    def noise(self, n: int, random: torch.Generator) -> Tensor:
        """Independent Gaussian fields, (n, L, L)."""
        return torch.randn((n, self.side, self.side), generator=random)

    @torch.no_grad()
    def sample(self, n: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Fields (n, L, L) and the logarithm of their density (n,)."""
        fields: tuple[Tensor, Tensor] = self(self.noise(n, random).to(self.width))
        return fields


def train_flow(
    theory: Phi4,
    *,
    steps: int = 900,
    size: int = 512,
    layers: int = 12,
    hidden: int = 128,
    seed: int = 0,
    options: FitOptions | None = None,
    directory: Path | str | None = None,
) -> tuple[Z2Flow, FitResult]:
    """Train a flow on its own draws.

    Args:
        theory: to sample.
        steps: updates.
        size: fields of each.
        layers: of the flow.
        hidden: width of its networks.
        seed: of the initial weights and the draws.
        options: of the fit; None takes those that were measured.
        directory: where the training is kept, to go on from there; None keeps nothing.

    Raises:
        InputError: a number is out of range.
        TrainingError: the training diverged.
    """
    return train_on_draws(
        lambda: Z2Flow(theory.side, layers, hidden),
        theory,
        steps=steps,
        size=size,
        seed=seed,
        options=options or usual_options(4e-3, seed),
        directory=directory,
    )


class _Net(nn.Module):
    """One hidden layer between the sites of a colour; starts at zero."""

    def __init__(self, sites: int, hidden: int, activation: nn.Module, *, bias: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(sites, hidden, bias=bias), nn.Linear(hidden, sites, bias=bias)
        self.activation = activation
        nn.init.zeros_(self.last.weight)
        if bias:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, constant: bool = False) -> Tensor:
        """Values at the sites of the other colour, (b, sites); with ``constant`` the weights get no gradient."""
        return _linear(self.last, self.activation(_linear(self.first, x, constant)), constant)


def _linear(layer: nn.Linear, x: Tensor, constant: bool) -> Tensor:
    if not constant:
        result: Tensor = layer(x)
        return result
    return linear(x, layer.weight.detach(), None if layer.bias is None else layer.bias.detach())


def _bounded(log_scale: Tensor) -> Tensor:
    return LARGEST * torch.tanh(log_scale / LARGEST)


def _gauss(z: Tensor) -> Tensor:
    return -0.5 * z.square().sum(dim=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)

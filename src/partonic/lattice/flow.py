"""A coupling flow of scalar fields on a checkerboard that treats phi and -phi alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from partonic.core.errors import InputError
from partonic.fit.loop import FitResult, fit
from partonic.fit.options import FitOptions
from partonic.lattice.phi4 import Phi4

LARGEST = 3.0  # of the logarithm of a scale
START = -0.4  # logarithm of the spread of the fields before training


@dataclass(frozen=True)
class Noise:
    """Independent Gaussian fields, (b, L, L)."""

    fields: Tensor

    def __len__(self) -> int:
        return len(self.fields)

    def to(self, device: torch.device | str) -> Noise:
        """The same on ``device``."""
        return Noise(self.fields.to(device))


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

    @torch.no_grad()
    def sample(self, n: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Fields (n, L, L) and the logarithm of their density (n,)."""
        noise = torch.randn((n, self.side, self.side), generator=random)
        fields: tuple[Tensor, Tensor] = self(noise.to(self.width.device))
        return fields


class _Draws:
    """Batches of fresh noise; each epoch is a function of its number."""

    def __init__(self, side: int, size: int, steps: int, seed: int) -> None:
        self.side, self.size, self.steps, self.seed = side, size, steps, seed

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Noise]:
        return self.epoch(0)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Noise]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        for step in range(skip, self.steps):
            random = torch.Generator().manual_seed((self.seed << 40) + number * self.steps + step)
            yield Noise(torch.randn((self.size, self.side, self.side), generator=random))


@dataclass(frozen=True)
class ReverseKL:
    r"""The objective :math:`\langle \ln q(\phi) + S(\phi) \rangle_q`, at least minus the logarithm of Z.

    Its gradient is taken along the path of the fields alone: what the density's own weights add is zero on average and
    only noise (arXiv:1703.09194), so that a perfect flow has no gradient in any batch.

    Args:
        theory: whose action is sampled.
    """

    theory: Phi4

    def __call__(self, model: Z2Flow, batch: Noise) -> Tensor:
        """The loss of a batch of noise, a scalar."""
        phi, _ = model(batch.fields)
        loss: Tensor = (model.log_prob(phi, constant=True) + self.theory.action(phi)).mean()
        return loss


def train_flow(
    theory: Phi4,
    *,
    steps: int = 900,
    size: int = 512,
    layers: int = 12,
    hidden: int = 128,
    seed: int = 0,
    options: FitOptions | None = None,
) -> tuple[Z2Flow, FitResult]:
    """Train a flow on its own draws.

    Args:
        theory: to sample.
        steps: updates.
        size: fields of each.
        layers: of the flow.
        hidden: width of its networks.
        seed: of the initial weights and the draws.
        options: of the fit, in 10 epochs; None takes those that were measured.

    Raises:
        InputError: a number is out of range.
        TrainingError: the training diverged.
    """
    if min(steps, size) < 1:
        raise InputError(f"training takes 1 step and 1 field or more, not {steps} and {size}")
    usual = FitOptions(epochs=10, learning_rate=4e-3, schedule="cosine", warmup=0.02, weight_decay=0.0, seed=seed)
    chosen = options or usual
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = Z2Flow(theory.side, layers, hidden)
    draws = _Draws(theory.side, size, max(1, steps // chosen.epochs), seed)
    return flow, fit(flow, ReverseKL(theory), draws, options=chosen, description="training the flow")


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

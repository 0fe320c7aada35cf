"""A coupling flow of scalar fields on a checkerboard that treats phi and -phi alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
        self.scales = nn.ModuleList(_net(half, hidden, nn.SiLU(), bias=True) for _ in range(layers))
        self.shifts = nn.ModuleList(_net(half, hidden, nn.Tanh(), bias=False) for _ in range(layers))
        self.width = nn.Parameter(torch.tensor(START))

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Fields (b, L, L) and the logarithm of their density (b,), from Gaussian noise (b, L, L)."""
        z = noise.flatten(1)
        log_q = -0.5 * z.square().sum(dim=1) - z.shape[1] * (0.5 * math.log(2 * math.pi) + self.width)
        halves = [(z * self.width.exp())[:, self.mask[i]] for i in (0, 1)]
        for number, (scale, shift) in enumerate(zip(self.scales, self.shifts, strict=True)):
            frozen, moved = halves[number % 2], halves[1 - number % 2]
            log_scale = LARGEST * torch.tanh(scale(frozen.square()) / LARGEST)
            halves[1 - number % 2] = moved * log_scale.exp() + shift(frozen)
            log_q = log_q - log_scale.sum(dim=1)
        phi = z.new_zeros(z.shape).index_copy(1, self.mask[0], halves[0]).index_copy(1, self.mask[1], halves[1])
        return phi.reshape(-1, self.side, self.side), log_q

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

    Args:
        theory: whose action is sampled.
    """

    theory: Phi4

    def __call__(self, model: nn.Module, batch: Noise) -> Tensor:
        """The loss of a batch of noise, a scalar."""
        phi, log_q = model(batch.fields)
        loss: Tensor = (log_q + self.theory.action(phi)).mean()
        return loss


def train_flow(
    theory: Phi4,
    *,
    steps: int = 1600,
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


def _net(sites: int, hidden: int, activation: nn.Module, *, bias: bool) -> nn.Sequential:
    last = nn.Linear(hidden, sites, bias=bias)
    nn.init.zeros_(last.weight)
    if bias:
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(sites, hidden, bias=bias), activation, last)

"""Equivariant point cloud network: particles that see each other through a global vector (arXiv:2301.08128)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, scaled_dot_product_attention

from partonic.core.errors import InputError
from partonic.represent.segments import lengths, segments

SLOPE = 0.01  # of the rectifiers below zero
PARTICLES = 30.0  # brings sums over a jet to the size of means
HEAD = 16  # numbers of a head of attention
FREQUENCIES = 8  # of the time: sines and cosines of pi t, 2 pi t, ...


class EPiC(nn.Module):
    r"""Velocity of each particle of a cloud at a time between noise (0) and jet (1), as in arXiv:2310.00049.

    In each layer the mean and the sum over the particles and the global vector of the jet give a new global vector, and
    each particle is changed by what it is and by that vector. Thus particles can be renumbered at will, and the work
    grows with their number only. Heads of attention let each particle see its neighbours, too, so that narrow prongs
    are learned much earlier; their work grows with the square of the number. Time,
    what is known of the jet and the logarithm of the number of particles enter every layer. No jet knows another.

    Args:
        features: of a particle.
        context: numbers that are known of a jet.
        width: of what is kept for each particle, and for each jet.
        layers: that particles see each other through.
        heads: of attention in each layer, 0 for none.

    Raises:
        InputError: a number is out of range.

    Example:
        >>> net = EPiC(context=1, width=16, layers=2)
        >>> net(torch.zeros(5, 3), torch.tensor([0, 2, 5]), torch.rand(2), torch.zeros(2, 1)).shape
        torch.Size([5, 3])
    """

    def __init__(self, features: int = 3, context: int = 0, width: int = 96, layers: int = 6, heads: int = 0) -> None:
        super().__init__()
        if min(features, width, layers) < 1 or min(context, heads) < 0:
            raise InputError(
                f"a network of clouds needs features, width and layers of 1 or more and a context and heads of 0 or "
                f"more, not {features}, {width}, {layers}, {context} and {heads}"
            )
        given = context + 2 * FREQUENCIES + 1
        self.sizes = {"features": features, "context": context, "width": width, "layers": layers, "heads": heads}
        self.enter = nn.Linear(features, width)
        self.enter_given = nn.Linear(given, width, bias=False)
        self.whole = nn.Linear(2 * width + given, width)
        self.layers = nn.ModuleList(_Layer(width, given, heads) for _ in range(layers))
        self.leave = nn.Linear(width, features)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, values: Tensor, offsets: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Velocity, (particles, features).

        Args:
            values: (particles, features) of the clouds on their way.
            offsets: (jets + 1,) where the particles of each jet begin.
            time: (jets,) from 0 to 1.
            context: (jets, context) what is known of each jet.
        """
        jets = Membership(offsets, values.dtype)
        given = torch.cat([context, _waves(time), (jets.counts.clamp(min=1) / PARTICLES).log()], dim=1)
        particles = leaky_relu(self.enter(values) + jets.each(self.enter_given(given)), SLOPE)
        whole = leaky_relu(self.whole(torch.cat([jets.pool(particles), given], dim=1)), SLOPE)
        for layer in self.layers:
            particles, whole = layer(particles, whole, given, jets)
        velocity: Tensor = self.leave(particles)
        return velocity


class Membership:
    """Which particle belongs to which jet.

    Args:
        offsets: (jets + 1,).
        kind: of floating point numbers.
    """

    def __init__(self, offsets: Tensor, kind: torch.dtype) -> None:
        self.rows = segments(offsets)
        each = lengths(offsets)
        self.counts = each.to(kind).unsqueeze(1)
        self.most = int(each.max()) if len(each) else 0
        place = torch.arange(len(self.rows), device=offsets.device) - offsets[:-1].index_select(0, self.rows)
        self.places = self.rows * self.most + place
        self.there = (torch.arange(self.most, device=offsets.device) < each.unsqueeze(1))[:, None, None, :]

    def pool(self, values: Tensor) -> Tensor:
        """Mean and scaled sum over the particles of each jet, (jets, 2 width)."""
        total = values.new_zeros(len(self.counts), values.shape[1]).index_add(0, self.rows, values)
        return torch.cat([total / self.counts.clamp(min=1), total / PARTICLES], dim=1)

    def each(self, values: Tensor) -> Tensor:
        """Values of jets (jets, width) for each of their particles, (particles, width)."""
        return values.index_select(0, self.rows)

    def look(self, asked: Tensor, heads: int) -> Tensor:
        """What particles see of those of their jet, (particles, heads HEAD), of (particles, 3 heads HEAD)."""
        padded = asked.new_zeros(len(self.counts) * self.most, asked.shape[1]).index_copy(0, self.places, asked)
        parts = padded.reshape(len(self.counts), self.most, 3, heads, HEAD).permute(2, 0, 3, 1, 4)
        question, key, value = parts.unbind(0)
        seen = scaled_dot_product_attention(question, key, value, attn_mask=self.there)  # (jets, heads, most, HEAD)
        return seen.transpose(1, 2).reshape(-1, heads * HEAD).index_select(0, self.places)


class _Layer(nn.Module):
    """New particles and a new global vector.

    Args:
        width: of both.
        given: numbers that are known of a jet.
        heads: of attention.
    """

    def __init__(self, width: int, given: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.gather = nn.Linear(3 * width + given, width)
        self.think = nn.Linear(width, width)
        self.spread = nn.Linear(width + given, width, bias=False)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        if heads:
            self.ask = nn.Linear(width, 3 * heads * HEAD, bias=False)
            self.answer = nn.Linear(heads * HEAD, width, bias=False)

    def forward(self, particles: Tensor, whole: Tensor, given: Tensor, jets: Membership) -> tuple[Tensor, Tensor]:
        """Particles (particles, width) and global vectors (jets, width)."""
        seen = leaky_relu(self.gather(torch.cat([jets.pool(particles), whole, given], dim=1)), SLOPE)
        whole = leaky_relu(whole + self.think(seen), SLOPE)
        told = jets.each(self.spread(torch.cat([whole, given], dim=1)))
        if self.heads:
            told = told + self.answer(jets.look(self.ask(particles), self.heads))
        moved = leaky_relu(self.first(particles) + told, SLOPE)
        return leaky_relu(particles + self.second(moved), SLOPE), whole


def _waves(time: Tensor) -> Tensor:
    """Sines and cosines of the time, (jets, 2 FREQUENCIES)."""
    phase = math.pi * time.unsqueeze(1) * torch.arange(1, FREQUENCIES + 1, device=time.device, dtype=time.dtype)
    return torch.cat([phase.sin(), phase.cos()], dim=1)

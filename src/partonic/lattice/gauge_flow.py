r"""A flow of U(1) links that knows loops alone, so that its density is invariant under gauge transformations.

Each layer turns every fourth line of links in one direction (arXiv:2101.08176). Such a link has an active plaquette P
on one side and a passive one on the other; when P turns by :math:`\delta`, the passive one turns by :math:`-\delta`.
The two lines of plaquettes beyond are frozen, and so is the sum s of active and passive, the loop around both. A
network sees cosine and sine of all frozen plaquettes and sums, at their places relative to the link, and gives a
circular spline of :math:`u = P - s / 2` and a rotation. In u the weight of the link given all others,
:math:`\exp(2\beta \cos(s/2) \cos u)`, is even. Where s jumps from :math:`\pi` to :math:`-\pi`, u does so by
:math:`\pi`: what the network gives is multiplied by :math:`\cos(s/2)`, so that the layer leaves P alone there and the
density has no jumps, which would bias the gradient of training.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from partonic.core.errors import InputError
from partonic.fit.loop import FitResult
from partonic.fit.options import FitOptions
from partonic.lattice.training import train_on_draws, usual_options
from partonic.lattice.u1 import U1, plaquettes, wrapped
from partonic.models.flows.spline import spline

STRIPES = 4  # lines from one active line to the next
ORIENTATIONS = 2 * STRIPES
FROZEN = (1, 2)  # lines beyond the active one; the passive one comes before


class GaugeFlow(nn.Module):
    """Layers that turn links as the loops say that they leave alone.

    Args:
        side: L, a multiple of 4.
        layers: each turns a quarter of the links of one direction; 8 turn every link once.
        hidden: width of the network of a layer.
        bins: of its splines.

    Raises:
        InputError: a number is out of range.
    """

    def __init__(self, side: int, layers: int = 16, hidden: int = 24, bins: int = 6) -> None:
        super().__init__()
        if side < STRIPES or side % STRIPES:
            raise InputError(f"stripes of 4 lines need a side that is a multiple of 4, not {side}")
        if layers < ORIENTATIONS or hidden < 1 or bins < 2:
            raise InputError(
                f"the flow needs 8 layers, 1 hidden unit and 2 bins or more, not {layers}, {hidden} and {bins}"
            )
        self.side = side
        self.layers = nn.ModuleList(
            Turn(side, number % 2, number // 2 % STRIPES, hidden, bins) for number in range(layers)
        )

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Links and the logarithm of their density (b,), from links that are drawn evenly, both (b, 2, L, L)."""
        links, loops = noise.flatten(1), plaquettes(noise).flatten(1)
        log_q = self._even(noise)
        for layer in self._turns():
            turns, log = layer(loops)
            loops, links = layer.turned(loops, turns), layer.moved(links, turns)
            log_q = log_q - log
        return wrapped(links).reshape(noise.shape), log_q

    def log_prob(self, fields: Tensor, *, constant: bool = False) -> Tensor:
        """Logarithm of the density (b,) of links (b, 2, L, L); with ``constant`` the weights get no gradient."""
        loops, log_q = plaquettes(fields).flatten(1), self._even(fields)
        for layer in reversed(self._turns()):
            turns, log = layer(loops, inverse=True, constant=constant)
            loops, log_q = layer.turned(loops, turns), log_q + log
        return log_q

    def noise(self, n: int, random: torch.Generator) -> Tensor:
        """Links drawn evenly, (n, 2, L, L)."""
        return 2 * math.pi * torch.rand((n, 2, self.side, self.side), generator=random) - math.pi

    @torch.no_grad()
    def sample(self, n: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Links (n, 2, L, L) and the logarithm of their density (n,)."""
        fields: tuple[Tensor, Tensor] = self(self.noise(n, random).to(next(self.parameters())))
        return fields

    def _turns(self) -> list[Turn]:
        return cast("list[Turn]", list(self.layers))

    def _even(self, links: Tensor) -> Tensor:
        return links.new_full((len(links),), -2 * self.side**2 * math.log(2 * math.pi))


class Turn(nn.Module):
    """One layer.

    Args:
        side: L.
        direction: of the links that turn, 0 or 1.
        offset: the first line of them, 0 to 3.
        hidden: width of the network.
        bins: of the splines.
    """

    active: Tensor
    passive: Tensor
    frozen: Tensor
    places: Tensor

    def __init__(self, side: int, direction: int, offset: int, hidden: int, bins: int) -> None:
        super().__init__()
        self.direction, self.sites = direction, side * side
        stripes = side // STRIPES
        lines = [_line(side, direction, offset + shift) for shift in (0, -1, *FROZEN)]
        self.register_buffer("active", lines[0])
        self.register_buffer("passive", lines[1])
        self.register_buffer("frozen", torch.cat(lines[2:]))
        cells = side * stripes
        places = _relative(side, stripes)
        kinds = 2 * (1 + len(FROZEN))
        self.register_buffer("places", torch.cat([places + kind * cells for kind in range(kinds)], dim=1))
        self.weights = nn.Parameter(torch.randn(hidden, kinds * cells) / math.sqrt(kinds * cells))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.middle = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 3 * bins + 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, loops: Tensor, *, inverse: bool = False, constant: bool = False) -> tuple[Tensor, Tensor]:
        """Turns of the active plaquettes, (b, active), and the logarithm of the derivative, summed, (b,).

        Args:
            loops: plaquettes, (b, L * L).
            inverse: undo the layer.
            constant: give the weights no gradient.
        """
        active = loops.index_select(1, self.active)
        both = wrapped(active + loops.index_select(1, self.passive))
        free = self._free(loops.index_select(1, self.frozen), both, constant) * (0.5 * both).cos()[..., None]
        rotation = math.pi * torch.tanh(free[..., -1])
        knots = torch.cat([free[..., :-1], free[..., 2 * (free.shape[-1] - 1) // 3, None]], dim=-1)
        u = wrapped(active - 0.5 * both)
        start = wrapped(u - rotation) if inverse else u
        value, log = spline((start / (2 * math.pi) + 0.5).clamp(0, 1), knots, inverse=inverse)
        end = 2 * math.pi * (value - 0.5)
        return (end if inverse else end + rotation) - u, log.sum(dim=1)

    def turned(self, loops: Tensor, turns: Tensor) -> Tensor:
        """Plaquettes (b, L * L) after their active ones have been turned."""
        return loops.index_add(1, self.active, turns).index_add(1, self.passive, -turns)

    def moved(self, links: Tensor, turns: Tensor) -> Tensor:
        """Links (b, 2 * L * L) after that."""
        if self.direction == 0:
            return links.index_add(1, self.active, turns)
        return links.index_add(1, self.active + self.sites, -turns)

    def _free(self, frozen: Tensor, both: Tensor, constant: bool) -> Tensor:
        """What the network gives each active plaquette, (b, active, 3 * bins + 1)."""
        seen = torch.cat([frozen.cos(), frozen.sin(), both.cos(), both.sin()], dim=1)
        weights = {name: (p.detach() if constant else p) for name, p in self.named_parameters()}
        spread = weights["weights"][:, self.places]  # (hidden, active, seen)
        first = seen @ spread.permute(2, 1, 0).flatten(1)
        hidden = leaky_relu(first.reshape(len(seen), -1, len(spread)) + weights["bias"])
        hidden = leaky_relu(nn.functional.linear(hidden, weights["middle.weight"], weights["middle.bias"]))
        return nn.functional.linear(hidden, weights["last.weight"], weights["last.bias"])


def _line(side: int, direction: int, offset: int) -> Tensor:
    """Sites, as rows of the flattened lattice, of every fourth line along a direction; (L * L / 4,)."""
    lines = (torch.arange(side // STRIPES)[:, None] * STRIPES + offset) % side
    along = torch.arange(side)[None, :]
    return ((along * side + lines) if direction == 0 else (lines * side + along)).flatten()


def _relative(side: int, stripes: int) -> Tensor:
    """Place of one cell seen from another, both of a lattice (stripes, L), as a row of that; (cells, cells)."""
    stripe, along = (
        part.flatten() for part in torch.meshgrid(torch.arange(stripes), torch.arange(side), indexing="ij")
    )
    return (stripe[None] - stripe[:, None]) % stripes * side + (along[None] - along[:, None]) % side


def train_gauge_flow(
    theory: U1,
    *,
    steps: int = 1500,
    size: int = 128,
    layers: int = 16,
    hidden: int = 24,
    bins: int = 6,
    seed: int = 0,
    start: GaugeFlow | None = None,
    options: FitOptions | None = None,
    directory: Path | str | None = None,
) -> tuple[GaugeFlow, FitResult]:
    """Train a flow on its own draws.

    Args:
        theory: to sample.
        steps: updates.
        size: configurations of each.
        layers: of the flow.
        hidden: width of its networks.
        bins: of its splines.
        seed: of the initial weights and the draws.
        start: a flow of the same shape, as of a smaller beta, whose weights are the first ones; None draws them.
        options: of the fit; None takes those that were measured.
        directory: where the training is kept, to go on from there; None keeps nothing.

    Raises:
        InputError: a number is out of range.
        TrainingError: the training diverged.
    """
    return train_on_draws(
        lambda: GaugeFlow(theory.side, layers, hidden, bins),
        theory,
        steps=steps,
        size=size,
        seed=seed,
        options=options or usual_options(5e-3, seed),
        start=start,
        directory=directory,
    )

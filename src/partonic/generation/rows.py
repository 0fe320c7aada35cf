"""Rows of numbers as networks without a density see them: values on the line, then points on circles for angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from partonic.core.errors import InputError, TrainingError
from partonic.generation.coordinates import Coordinates, Fitted, check_names
from partonic.generation.frame import AT_ONCE, Given, fit_coordinates
from partonic.generation.lines import AxisMap, Circular, Straight
from partonic.generation.table import Table
from partonic.objectives.generative import DensityBatch

Floats = NDArray[np.float64]
COLLAPSED = 0.05  # of the spread of the truth
PROBES = 2_000  # events that are looked at for a collapse


def seen_coordinates(table: Table, coordinates: Coordinates, knots: int) -> Fitted:
    """Coordinates with mean 0 and spread 1 on the sample, or made about Gaussian by maps with so many knots.

    Args:
        table: the sample.
        coordinates: the physical ones.
        knots: of the maps, 0 for straight ones.

    Raises:
        InputError: the sample is not that of the coordinates, or outside of them, or a coordinate never changes.
    """
    if knots:
        return fit_coordinates(table, coordinates, knots)
    check_names(coordinates, table.names)
    u = coordinates.forward(table.values)
    share = table.weight / len(table)
    maps: list[AxisMap] = []
    for i, angle in enumerate(coordinates.circular):
        centre = float(share @ u[:, i])
        variance = float(share @ (u[:, i] - centre) ** 2)
        if not angle and not variance > 0:
            raise InputError(f"coordinate {i} of {', '.join(coordinates.names)} never changes; leave it out")
        maps.append(Circular() if angle else Straight(centre, variance**0.5))
    return Fitted(coordinates, tuple(maps))


def seen_sample(table: Table, coordinates: Coordinates, given: Given) -> DensityBatch:
    """The sample as the networks see it: values on the line first, then a point on the unit circle for each angle."""
    u = coordinates.forward(table.values)
    angle = np.array(coordinates.circular, dtype=bool)
    points = np.stack([np.cos(u[:, angle]), np.sin(u[:, angle])], axis=2).reshape(len(u), -1)
    values = torch.from_numpy(np.concatenate([u[:, ~angle], points], axis=1).astype(np.float32))
    weight = torch.from_numpy(table.weight.astype(np.float32))
    return DensityBatch(values, given.scaled(table.context, len(table)), weight)


def as_coordinates(seen: Tensor, circular: Sequence[bool]) -> Tensor:
    """Coordinates (b, d) of rows as the networks see them."""
    lines = len(circular) - sum(circular)
    pairs = seen[:, lines:].reshape(len(seen), sum(circular), 2)
    angles = torch.atan2(pairs[..., 1], pairs[..., 0])
    of_line, of_circle = iter(seen[:, :lines].unbind(1)), iter(angles.unbind(1))
    return torch.stack([next(of_circle) if angle else next(of_line) for angle in circular], 1)


def draw_rows(
    network: nn.Module, noise: int, context: Tensor, rng: np.random.Generator, circular: Sequence[bool]
) -> Floats:
    """Coordinates (n, d) that a network makes of normal noise.

    Args:
        network: gives rows as it sees them, of noise and context.
        noise: numbers of noise for an event.
        context: as the network takes it, (n, c).
        rng: source of randomness.
        circular: which coordinates are angles.
    """
    random = torch.Generator().manual_seed(int(rng.integers(2**62)))
    parts = []
    with torch.inference_mode():
        for part in torch.split(context, AT_ONCE):
            drawn = torch.randn((len(part), noise), generator=random)
            parts.append(as_coordinates(network(drawn, part).double(), circular))
    return torch.cat(parts).numpy()


def check_spread(network: nn.Module, noise: int, sample: DensityBatch, names: Sequence[str]) -> None:
    """Refuse a generator that makes nearly the same number again and again where the truth does not.

    Args:
        network: as in :func:`draw_rows`.
        noise: as in :func:`draw_rows`.
        sample: the truth, two events or more.
        names: of the physical values.

    Raises:
        TrainingError: it does.
    """
    random = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        made = network(torch.randn((len(sample.values[:PROBES]), noise), generator=random), sample.context[:PROBES])
    ratio = made.std(0) / sample.values.std(0).clamp_min(1e-6)
    if len(made) > 1 and bool((ratio < COLLAPSED).any()):
        worst = int(ratio.argmin())
        raise TrainingError(
            f"the generator has collapsed: number {worst} of what it makes of {', '.join(names)} spreads "
            f"{ratio[worst].item():.2g} times as much as in the sample; lower the learning rate, or raise the penalty"
        )

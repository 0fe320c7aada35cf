"""Reference vectors beside the particles of a jet: given the beams, an invariant network still knows the detector."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BEAMS = ((1.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, -1.0))
"""Directions (E, px, py, pz) of the two beams."""


@dataclass(frozen=True)
class WithReferences:
    """Particles of jets, those of each followed by the reference vectors.

    Args:
        p4: (particles + jets * R, 4) as (E, px, py, pz).
        offsets: (jets + 1,) where those of each jet begin.
        scalars: (particles + jets * R, 1 + S): 1 for a reference vector, else 0; then the scalars of the particles, 0
            for a reference vector.
    """

    p4: Tensor
    offsets: Tensor
    scalars: Tensor


def with_references(p4: Tensor, scalars: Tensor, offsets: Tensor, references: Tensor) -> WithReferences:
    """Append the same vectors (R, 4) to the particles of each jet.

    Args:
        p4: (particles, 4) as (E, px, py, pz).
        scalars: (particles, S) what else is known of each particle that no Lorentz transformation changes.
        offsets: (jets + 1,).
        references: (R, 4).
    """
    jets, many = len(offsets) - 1, len(references)
    moved = offsets + many * torch.arange(jets + 1, device=offsets.device)
    ends = (moved[1:, None] - many + torch.arange(many, device=offsets.device)).flatten()
    given = torch.ones(len(p4) + jets * many, dtype=torch.bool, device=p4.device)
    given[ends] = False
    together = p4.new_empty(len(given), 4)
    together[given] = p4
    together[ends] = references.to(p4).repeat(jets, 1)
    known = p4.new_zeros(len(given), 1 + scalars.shape[1])
    known[given, 1:] = scalars.to(p4)
    known[ends, 0] = 1.0
    return WithReferences(together, moved, known)


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Products of four-vectors (..., 4) as (E, px, py, pz): E E - px px - py py - pz pz."""
    product = first * second
    return product[..., 0] - product[..., 1:].sum(-1)


def squeeze(values: Tensor) -> Tensor:
    """Many orders of magnitude into a few: sign(x) ln(1 + abs(x))."""
    return values.sign() * values.abs().log1p()

"""One hidden layer of tanh features and an output layer: fields, their derivatives, and how both follow parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.equations.features import Features
from partonic.equations.system import Jets


@dataclass(frozen=True)
class Network:
    """Fields that are linear in fixed features.

    Args:
        features: the hidden layer.
        output: (features, fields).
        unknowns: (unknowns,) numbers found along with the fields.
    """

    features: Features
    output: Tensor
    unknowns: Tensor

    def jets(self, x: Tensor) -> Jets:
        """Fields (fields, points), first (fields, dims, points) and second derivatives (fields, dims, dims, points)."""
        return self.features.fields(x, self.output)

    @property
    def finite(self) -> bool:
        """Whether all numbers are."""
        return bool(torch.isfinite(self.output).all() and torch.isfinite(self.unknowns).all())

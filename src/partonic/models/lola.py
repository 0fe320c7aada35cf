"""LoLa: linear combinations of the constituents' four-vectors, then their Lorentz invariants (arXiv:1707.08966)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.models.precision import unrounded
from partonic.represent.leading import Leading, leading
from partonic.represent.packed import KINEMATIC
from partonic.represent.references import dot, squeeze

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

SUMS = MINIMA = 2  # of distances, each with weights of its own
OBSERVABLES = 3 + SUMS + MINIMA  # of each vector


@register_model(
    "lola",
    paper="arXiv:1707.08966",
    input="packed",
    invariant=("permutation",),  # squared distances are rounded to single precision
    rate=470,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-4, "size": 128},
)
class LoLa(nn.Module):
    """Logits of a jet from the invariants of its hardest constituents and of learned combinations of them.

    Of each vector the dense layers see its squared mass, its transverse momentum, a learned sum of the energies, and
    two learned sums and two least values of the weighted squared distances to the others. The numbers of constituents
    and combinations, 100 vectors in all, are chosen for the 127 thousand weights that the comparison of top taggers
    counts (arXiv:1902.09914); a hundredth more are those of the batch norm.

    Args:
        particles: number of hardest constituents.
        combinations: learned sums of them, beside the constituents and their whole sum.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LoLa().parameters())
        128941
    """

    def __init__(
        self, particles: int = 60, combinations: int = 39, features: int = KINEMATIC, outputs: int = 1
    ) -> None:
        super().__init__()
        self.particles = particles
        vectors = particles + combinations + 1
        self.combine = nn.Parameter(torch.rand(combinations, particles))
        self.energies = nn.Parameter(torch.randn(vectors, vectors) / vectors)
        self.distances = nn.Parameter(torch.randn(SUMS + MINIMA, vectors, vectors) / vectors)
        size = vectors * OBSERVABLES + particles * (features - KINEMATIC)
        self.norm = nn.BatchNorm1d(size)
        self.dense = mlp(size, 100, 50, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return self.of_leading(leading(jets, self.particles))

    def of_leading(self, hardest: Leading) -> Tensor:
        """Logits from the hardest constituents of each jet."""
        known = hardest.features[:, :, KINEMATIC:]  # (jets, particles, F)
        with unrounded(hardest.p4):
            observables = self.observables(hardest.p4)
        return logits(self.dense(self.norm(torch.cat([observables, known.flatten(1)], dim=1))))

    def observables(self, given: Tensor) -> Tensor:
        """What the dense layers see of the hardest constituents (jets, particles, 4): (jets, vectors * OBSERVABLES)."""
        total = given.sum(dim=1, keepdim=True)
        together = torch.cat([total, torch.einsum("cp,jpk->jck", self.combine, given), given], dim=1)
        gaps = together[:, :, None] - together[:, None]
        distance = squeeze(dot(gaps, gaps))  # (jets, vectors, vectors)
        energy = together[:, :, 0].clamp(min=0).log1p()
        parts = [
            squeeze(dot(together, together)),
            together[:, :, 1:3].norm(dim=2).log1p(),
            energy @ self.energies.T,
            *torch.einsum("jvw,svw->sjv", distance, self.distances[:SUMS]),
            *((distance * weight).amin(dim=2) for weight in self.distances[SUMS:]),
        ]  # each (jets, vectors)
        return torch.cat(parts, dim=1)

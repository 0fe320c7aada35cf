"""Lorentz boost network: learned particles seen from the rest frames of other learned particles (arXiv:1812.09722)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.leading import Leading, leading
from partonic.represent.packed import KINEMATIC

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

MASS = 1e-3  # least mass of a frame as a share of its energy: what has none has no rest frame
OBSERVABLES = 5  # of each boosted particle


def boosted(particles: Tensor, frames: Tensor) -> Tensor:
    """Momenta (..., 4) as (E, px, py, pz) seen from where the frames (..., 4) are at rest."""
    energy, momentum = frames[..., :1], frames[..., 1:]
    mass2 = (energy.square() - momentum.square().sum(-1, keepdim=True)).clamp(min=0)
    mass = torch.maximum(mass2.sqrt(), MASS * energy.abs()).clamp(min=1e-6)
    # Where the mass is raised the energy is, so that the frame stays below the speed of light.
    energy = (momentum.square().sum(-1, keepdim=True) + mass.square()).sqrt()
    along = (particles[..., 1:] * momentum).sum(-1, keepdim=True)
    seen = (particles[..., :1] * energy - along) / mass
    return torch.cat([seen, particles[..., 1:] - momentum * (particles[..., :1] + seen) / (energy + mass)], dim=-1)


@register_model(
    "lbn",
    paper="arXiv:1812.09722",
    input="packed",
    invariant=("permutation",),
    rate=2_800,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-4, "size": 128},
)
class LBN(nn.Module):
    """Logits of a jet from combinations of its hardest constituents, each boosted to the rest frame of another.

    Of each boosted particle the dense layers see energy, momentum, mass, transverse momentum and the cosine of the
    polar angle, and the cosines of the angles between any two. The numbers of particles and layers are chosen to come
    within two in a hundred of the 705 thousand weights that the comparison of top taggers counts (arXiv:1902.09914).

    Args:
        particles: number of hardest constituents.
        pairs: learned particles, and learned frames.
        widths: of the dense layers.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LBN().parameters())
        716023
    """

    upper: Tensor

    def __init__(
        self,
        particles: int = 60,
        pairs: int = 50,
        widths: Sequence[int] = (256,) * 6,
        features: int = KINEMATIC,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.particles = particles
        self.combine = nn.Parameter(torch.randn(2, pairs, particles))
        size = pairs * OBSERVABLES + pairs * (pairs - 1) // 2 + particles * (features - KINEMATIC)
        self.norm = nn.BatchNorm1d(size)
        self.dense = mlp(size, *widths, outputs)
        self.register_buffer("upper", torch.triu_indices(pairs, pairs, 1), persistent=False)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return self.of_leading(leading(jets, self.particles))

    def of_leading(self, hardest: Leading) -> Tensor:
        """Logits from the hardest constituents of each jet."""
        # In double precision: what is left of momenta along a light-like frame is a thousandth of them.
        given, known = hardest.p4.double(), hardest.features[:, :, KINEMATIC:]  # (jets, particles, 4 or F)
        # Sums with weights above 0 of particles inside the light cone stay there.
        learned, frames = torch.einsum("spn,jnk->sjpk", softplus(self.combine).double(), given)
        seen = boosted(learned, frames)  # (jets, pairs, 4)
        energy, momentum = seen[..., 0], seen[..., 1:]
        size = momentum.norm(dim=-1).clamp(min=1e-6)
        direction = momentum / size[..., None]
        mass = (energy.square() - size.square()).clamp(min=0).sqrt()
        angles = (direction @ direction.transpose(1, 2))[:, self.upper[0], self.upper[1]]
        observables = [energy.clamp(min=0).log1p(), size.log1p(), mass.log1p(), direction[..., 2]]
        observables.append(momentum[..., :2].norm(dim=-1).log1p())
        together = torch.cat([*observables, angles], dim=1).to(known)
        return logits(self.dense(self.norm(torch.cat([together, known.flatten(1)], dim=1))))

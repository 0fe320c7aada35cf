"""A Lorentz-equivariant transformer of scalars and four-vectors, after L-GATr-slim (arXiv:2405.14806, 2512.17011)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.precision import unrounded
from partonic.represent.packed import KINEMATIC
from partonic.represent.plan import Plan, plan
from partonic.represent.references import BEAMS, dot, with_references
from partonic.represent.segments import segment_mean

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

SCALE = 1 / 20  # of the momenta: brings those of a constituent near 1
SMALL = 1e-2
SCALARS = 2  # of a particle: one, and whether it is a reference vector; charge and kind come behind


class VectorLinear(nn.Linear):
    """A linear layer over channels of four-vectors, without bias and never rounded to half precision.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., 4, inputs) to (..., 4, outputs)."""
        with unrounded(vectors):
            return super().forward(vectors)


class Mixed(nn.Module):
    """A linear layer for scalars and one, without bias, for vectors.

    Args:
        scalars: channels (in, out).
        vectors: channels (in, out).
    """

    def __init__(self, scalars: tuple[int, int], vectors: tuple[int, int]) -> None:
        super().__init__()
        self.scalars = nn.Linear(*scalars)
        self.vectors = VectorLinear(*vectors)

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(particles, in) and (particles, in, 4) to (particles, out) and (particles, out, 4)."""
        return self.scalars(scalars), self.vectors(vectors.mT).mT


class Norm(nn.Module):
    """Layer norm of the scalars; vectors over the root of their mean absolute squares.

    Args:
        scalars: channels.
    """

    def __init__(self, scalars: int) -> None:
        super().__init__()
        self.scalars = nn.LayerNorm(scalars)

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The same shapes."""
        size = (dot(vectors, vectors).abs().mean(dim=1) + SMALL).rsqrt()
        return self.scalars(scalars), vectors * size[:, None, None]


class Gates(nn.Module):
    """A layer of the scalars and of invariants of the vectors, which also says how much of each vector goes on.

    Args:
        scalars: channels.
        vectors: channels.
    """

    def __init__(self, scalars: int, vectors: int) -> None:
        super().__init__()
        self.products = VectorLinear(vectors, 2 * vectors)
        self.up = nn.Linear(scalars + vectors, 2 * scalars + vectors)
        self.down = nn.Linear(2 * scalars, scalars)
        self.turn = VectorLinear(vectors, vectors)

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(particles, scalars) and (particles, vectors, 4) to the same."""
        left, right = self.products(vectors.mT).mT.chunk(2, dim=1)
        hidden = self.up(torch.cat([scalars, dot(left, right)], dim=1))
        more, gates = hidden.split([hidden.shape[1] - vectors.shape[1], vectors.shape[1]], dim=1)
        return self.down(gelu(more)), self.turn((vectors * gelu(gates)[:, :, None]).mT).mT


class GatedUnits(nn.Module):
    """Gated linear units, of the scalars by other scalars and of the vectors by products of others.

    Args:
        scalars: channels.
        vectors: channels.
        ratio: of the units to the channels.
    """

    def __init__(self, scalars: int, vectors: int, ratio: int) -> None:
        super().__init__()
        self.up = Mixed((scalars, 2 * ratio * scalars), (vectors, 3 * ratio * vectors))
        self.down = Mixed((ratio * scalars, scalars), (ratio * vectors, vectors))

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(particles, scalars) and (particles, vectors, 4) to the same."""
        hidden, arrows = self.up(scalars, vectors)
        values, gates = hidden.chunk(2, dim=1)
        arrows, left, right = arrows.chunk(3, dim=1)
        return cast(
            "tuple[Tensor, Tensor]", self.down(values * gelu(gates), arrows * gelu(dot(left, right))[:, :, None])
        )


class Block(nn.Module):
    """Attention by invariants, then gates by invariants, each beside a shortcut.

    Args:
        scalars: channels.
        vectors: channels.
        heads: of the attention, a divisor of both.
        ratio: of the published gated units to the channels; 0 for gates that mix scalars and invariants of vectors.
    """

    def __init__(self, scalars: int, vectors: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_gates = Norm(scalars), Norm(scalars)
        self.inside = Mixed((scalars, 3 * scalars), (vectors, 3 * vectors))
        self.outside = Mixed((scalars, scalars), (vectors, vectors))
        self.gates = GatedUnits(scalars, vectors, ratio) if ratio else Gates(scalars, vectors)

    def forward(self, scalars: Tensor, vectors: Tensor, order: Plan) -> tuple[Tensor, Tensor]:
        """(particles, scalars) and (particles, vectors, 4), in the order of the plan."""
        both = self.inside(*self.before_attention(scalars, vectors))
        seen = self.outside(*self.attend(both[0], both[1], order))
        scalars, vectors = scalars + seen[0], vectors + seen[1]
        more = self.gates(*self.before_gates(scalars, vectors))
        return scalars + more[0], vectors + more[1]

    def attend(self, scalars: Tensor, vectors: Tensor, order: Plan) -> tuple[Tensor, Tensor]:
        """Softmax of the products of scalars and, with the metric, of vectors."""
        metric = vectors.new_tensor([1.0, -1.0, -1.0, -1.0])
        seen_scalars, seen_vectors = [], []
        parts = zip(order.buckets, order.split(scalars), order.split(vectors), strict=True)
        for bucket, some, arrows in parts:
            s = bucket.pad(some).view(bucket.jets, bucket.length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            v = bucket.pad(arrows).view(bucket.jets, bucket.length, 3, self.heads, -1, 4).permute(2, 0, 3, 1, 4, 5)
            width = s.shape[-1] + 4 * v.shape[-2]
            query = torch.cat([s[0], v[0].flatten(3)], dim=3)
            key = torch.cat([s[1], (v[1] * metric).flatten(3)], dim=3)
            value = torch.cat([s[2], v[2].flatten(3)], dim=3)
            with unrounded(query):
                weight = query @ key.mT * width**-0.5  # (jets, heads, length, length)
                if bucket.absent is not None:
                    weight = weight.masked_fill(bucket.absent[:, None, None], -torch.inf)
                out = weight.softmax(-1) @ value  # (jets, heads, length, width)
            out = out.transpose(1, 2)
            seen_scalars.append(bucket.flat(out[..., : s.shape[-1]].flatten(2)))
            seen_vectors.append(bucket.flat(out[..., s.shape[-1] :].unflatten(3, (-1, 4)).flatten(2, 3)))
        return torch.cat(seen_scalars), torch.cat(seen_vectors)


@register_model(
    "lgatr-slim",
    paper="arXiv:2512.17011",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=130,
    training={"epochs": 12, "learning_rate": 3e-3, "weight_decay": 1e-2, "size": 32},
)
class LGATrSlim(nn.Module):
    """Logits of a jet from the mean over its particles; scalars and vectors have norms of their own.

    Args:
        blocks: number of blocks.
        scalars: channels.
        vectors: channels.
        heads: of the attention.
        ratio: of the published gated units to the channels; 0 for gates that mix scalars and invariants of vectors.
        beams: whether the two beam directions stand beside the particles; without them the network is blind to the
            detector's axis.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Attributes:
        references: the vectors beside the particles, (2, 4) or (0, 4).

    Example:
        >>> sum(weight.numel() for weight in LGATrSlim().parameters())
        82961
    """

    references: Tensor

    def __init__(
        self,
        blocks: int = 4,
        scalars: int = 48,
        vectors: int = 8,
        heads: int = 4,
        ratio: int = 0,
        beams: bool = True,
        features: int = KINEMATIC,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.register_buffer("references", torch.tensor(BEAMS if beams else ()).view(-1, 4), persistent=False)
        self.enter = Mixed((SCALARS + features - KINEMATIC, scalars), (1, vectors))
        self.blocks = nn.ModuleList(Block(scalars, vectors, heads, ratio) for _ in range(blocks))
        self.norm = Norm(scalars)
        self.products = VectorLinear(vectors, 2 * vectors)
        self.head = nn.Linear(scalars + vectors, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        given = with_references(jets.p4 * SCALE, jets.features[:, KINEMATIC:], jets.offsets, self.references)
        order = plan(given.offsets)
        known = given.scalars[order.particles]
        known = torch.cat([torch.ones_like(known[:, :1]), known], dim=1)
        scalars, vectors = self.enter(known, given.p4[order.particles][:, None])
        for block in self.blocks:
            scalars, vectors = block(scalars, vectors, order)
        inner, arrows = self.norm(scalars, vectors)
        left, right = self.products(arrows.mT).mT.chunk(2, dim=1)
        means = segment_mean(torch.cat([inner, dot(left, right)], dim=1), order.offsets)
        return logits(order.restore(self.head(means)))

"""L-GATr: a transformer of multivectors of the space-time algebra, from the package ``lgatr`` (arXiv:2411.00446)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from partonic.core.errors import require
from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.represent.packed import KINEMATIC
from partonic.represent.plan import plan
from partonic.represent.references import BEAMS, with_references
from partonic.represent.segments import segment_mean

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

SCALE = 1 / 20  # of the momenta: brings those of a constituent near 1
SCALARS = 1  # of a particle: whether it is a reference vector; charge and kind come behind
TIME = (1.0, 0.0, 0.0, 0.0)


@register_model(
    "lgatr",
    paper="arXiv:2411.00446",
    input="packed",
    needs=("lgatr", "lgatr"),
    invariant=("permutation", "azimuth", "lorentz"),
    training={"epochs": 12, "learning_rate": 5e-3, "weight_decay": 1e-2, "size": 16},
)
class LGATr(nn.Module):
    """Logits of a jet: the mean scalar part of one multivector for each output; needs the extra ``[lgatr]``.

    The defaults suit a processor. The published tagger has 12 blocks of 16 multivectors and 32 scalars:
    ``LGATr(blocks=12, multivectors=16, scalars=32, heads=8, attention=2)``, with 1.1 million parameters.

    Args:
        blocks: number of blocks.
        multivectors: channels.
        scalars: channels.
        heads: of the attention, a divisor of both.
        attention: how many times more channels all heads have together.
        expansion: how many times more channels the inner layers have.
        beams: whether the two beam directions and that of time stand beside the particles; without them the network is
            blind to the detector's axis and rest frame.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Attributes:
        references: the vectors beside the particles, (3, 4) or (0, 4).

    Raises:
        MissingPackageError: the package is not installed.
    """

    references: Tensor

    def __init__(
        self,
        blocks: int = 2,
        multivectors: int = 4,
        scalars: int = 16,
        heads: int = 2,
        attention: int = 1,
        expansion: int = 2,
        beams: bool = True,
        features: int = KINEMATIC,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.register_buffer("references", torch.tensor((*BEAMS, TIME) if beams else ()).view(-1, 4), persistent=False)
        self.transformer = require("lgatr", "lgatr").LGATr(
            num_blocks=blocks,
            in_mv_channels=1,
            out_mv_channels=outputs,
            hidden_mv_channels=multivectors,
            in_s_channels=SCALARS + features - KINEMATIC,
            out_s_channels=0,
            hidden_s_channels=scalars,
            attention={"num_heads": heads, "attn_ratio": attention},
            mlp={"mlp_ratio": expansion},
            primitives={"sparse_gp": False},  # on a processor the dense product is a third faster
        )

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        given = with_references(jets.p4 * SCALE, jets.features[:, KINEMATIC:], jets.offsets, self.references)
        order = plan(given.offsets)
        known, vectors = given.scalars[order.particles], given.p4[order.particles]
        arrows = pad(torch.cat([torch.ones_like(vectors[:, :1]), vectors], dim=1), (0, 11))  # grades 0 (a one) and 1
        parts = []
        for bucket, mine, some in zip(order.buckets, order.split(arrows[:, None]), order.split(known), strict=True):
            there = None if bucket.absent is None else ~bucket.absent[:, None, None]  # (jets, 1, 1, length)
            seen, _ = self.transformer(bucket.pad(mine), bucket.pad(some), attn_mask=there)
            parts.append(bucket.flat(seen[..., 0]))  # (particles, outputs)
        return logits(order.restore(segment_mean(torch.cat(parts), order.offsets)))

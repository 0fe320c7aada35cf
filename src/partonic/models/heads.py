"""What stands at the end of a network."""

from __future__ import annotations

from torch import Tensor


def logits(values: Tensor) -> Tensor:
    """(jets, 1) as (jets,), more than one output as they are."""
    return values.squeeze(1) if values.shape[1] == 1 else values

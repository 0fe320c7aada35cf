"""The objective of variational inference: what the data say, and how far the weights are from their prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from partonic.core.errors import InputError


@dataclass(frozen=True)
class EvidenceBound:
    r"""An objective per event plus :math:`\mathrm{KL}(q(w)|p(w))/N` (arXiv:1312.6114, arXiv:1506.02557).

    With the negative log likelihood of an event as the objective, N times this is an upper bound of minus the logarithm
    of the evidence of N events, and its minimum the best approximation q of the posterior of the weights.

    Args:
        objective: ``(model, batch) -> mean loss of an event``.
        events: N, the (effective) number of events of the whole training sample.

    Raises:
        InputError: the number of events is not above 0.
    """

    objective: Callable[[Any, Any], Tensor]
    events: float

    def __post_init__(self) -> None:
        if not self.events > 0:
            raise InputError(f"the number of training events must be above 0, not {self.events}")

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        """The bound for an event, estimated on a batch; a scalar."""
        found: list[Any] = [layer for layer in model.modules() if hasattr(layer, "divergence")]
        loss = self.objective(model, batch)
        for layer in found:
            loss = loss + layer.divergence() / self.events
        return loss

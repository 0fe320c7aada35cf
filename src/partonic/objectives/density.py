r"""Objectives that learn the density :math:`p(x|\theta)` with a normalised model (arXiv:1805.00020)."""

from __future__ import annotations

from torch import Tensor, nn

from partonic.objectives.ratio import STRENGTH, RatioBatch, score_error, with_slope


def nde(model: nn.Module, batch: RatioBatch) -> Tensor:
    r"""NDE: the negative log likelihood, :math:`-w_0 \ln \hat p(x|\theta)`, a scalar."""
    loss: Tensor = -(batch.numerator * model(batch.x, batch.theta)).mean()
    return loss


def scandal(model: nn.Module, batch: RatioBatch, strength: float = STRENGTH) -> Tensor:
    """SCANDAL: :func:`nde` and the error of the score."""
    log_density, slope = with_slope(model, batch)
    return -(batch.numerator * log_density).mean() + strength * score_error(slope, batch)

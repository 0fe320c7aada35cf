r"""Objectives that learn likelihood ratios, with or without what the simulator knows of each event (arXiv:1805.00020).

Batches hold weighted events: a single sample stands for the numerator :math:`p(x, z|\theta)`, with the weight
:math:`w_0`, and for the denominator, with :math:`w_1`. The joint ratio :math:`r(x, z)` and the joint score
:math:`t(x, z)` vary with the latent :math:`z`; the minimum of each objective is nevertheless the
ratio :math:`\hat r(x)` of the densities of the observables.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

STRENGTH = 0.3  # of the score's error beside the ratio's


@dataclass(frozen=True)
class RatioBatch:
    """Weighted events, each with m points theta; tensors of float32.

    Args:
        x: observables, (b, d).
        theta: of the numerator, (m, b, p).
        other: of the denominator, (m, b, p); None where that is the fixed reference.
        numerator: weight of the event in a sample of the numerator, (m, b).
        denominator: weight of the event in a sample of the denominator, (m, b).
        label: 1 for events of the numerator, (m, b); drawn where the sample is of neither.
        log_ratio: logarithm of the joint ratio, (m, b); NaN where it is unknown.
        score: joint score at ``theta``, (m, b, p); NaN where it is unknown.
        unit: of each parameter, (p,); errors of the score are measured in it.
    """

    x: Tensor
    theta: Tensor
    other: Tensor | None
    numerator: Tensor
    denominator: Tensor
    label: Tensor
    log_ratio: Tensor
    score: Tensor
    unit: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> RatioBatch:
        """The same batch with every tensor on ``device``."""
        if self.x.device == torch.device(device):
            return self
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in values.items() if value is not None})


def estimate(model: nn.Module, batch: RatioBatch) -> Tensor:
    r"""The network's :math:`\ln \hat r`, (m, b); of two free points the difference, antisymmetric by construction."""
    above: Tensor = model(batch.x, batch.theta)
    if batch.other is None:
        return above
    below: Tensor = model(batch.x, batch.other)
    return above - below


def carl(model: nn.Module, batch: RatioBatch) -> Tensor:
    r"""CARL: the cross entropy of a classifier, :math:`-y \ln s - (1 - y) \ln(1 - s)`, with labels alone.

    Its logit is :math:`\ln \hat r` (arXiv:1506.02169).
    """
    return classifier(estimate(model, batch), batch)


def rolr(model: nn.Module, batch: RatioBatch) -> Tensor:
    r"""ROLR: squared errors of the ratio and its inverse, :math:`w_0 (1/\hat r - 1/r)^2 + w_1 (\hat r - r)^2`."""
    return regression(estimate(model, batch), batch)


def alice(model: nn.Module, batch: RatioBatch) -> Tensor:
    r"""ALICE: the cross entropy with exact labels, :math:`-w_0 \ln s - w_1 \ln(1 - s)` (arXiv:1808.00973)."""
    return exact_classifier(estimate(model, batch), batch)


def cascal(model: nn.Module, batch: RatioBatch, strength: float = STRENGTH) -> Tensor:
    """CASCAL: :func:`carl` and the error of the score."""
    log_ratio, slope = with_slope(model, batch)
    return classifier(log_ratio, batch) + strength * score_error(slope, batch)


def rascal(model: nn.Module, batch: RatioBatch, strength: float = STRENGTH) -> Tensor:
    """RASCAL: :func:`rolr` and the error of the score."""
    log_ratio, slope = with_slope(model, batch)
    return regression(log_ratio, batch) + strength * score_error(slope, batch)


def alices(model: nn.Module, batch: RatioBatch, strength: float = STRENGTH) -> Tensor:
    """ALICES: :func:`alice` and the error of the score."""
    log_ratio, slope = with_slope(model, batch)
    return exact_classifier(log_ratio, batch) + strength * score_error(slope, batch)


def classifier(log_ratio: Tensor, batch: RatioBatch) -> Tensor:
    """The loss of :func:`carl` at an estimate (m, b)."""
    weight = 0.5 * (batch.numerator + batch.denominator)
    return binary_cross_entropy_with_logits(log_ratio, batch.label, weight=weight)


def exact_classifier(log_ratio: Tensor, batch: RatioBatch) -> Tensor:
    """The loss of :func:`alice` at an estimate (m, b)."""
    below = softplus(-log_ratio)
    return 0.5 * ((batch.numerator + batch.denominator) * below + batch.denominator * log_ratio).mean()


def regression(log_ratio: Tensor, batch: RatioBatch) -> Tensor:
    """The loss of :func:`rolr` at an estimate (m, b)."""
    inverse = torch.exp(-log_ratio) - torch.exp(-batch.log_ratio)
    direct = torch.exp(log_ratio) - torch.exp(batch.log_ratio)
    return 0.5 * (batch.numerator * inverse.square() + batch.denominator * direct.square()).mean()


def with_slope(model: nn.Module, batch: RatioBatch) -> tuple[Tensor, Tensor]:
    r"""The estimate, (m, b), and its gradient by theta, the estimated score, (m, b, p).

    The gradient is there under ``torch.no_grad`` too, as validation runs.
    """
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        theta = batch.theta.detach().requires_grad_()
        above = model(batch.x, theta)
        (slope,) = torch.autograd.grad(above, theta, torch.ones_like(above), create_graph=keep)
    return (above if batch.other is None else above - model(batch.x, batch.other)), slope


def score_error(slope: Tensor, batch: RatioBatch) -> Tensor:
    r"""Squared error of the score in events of the numerator, :math:`w_0 |\nabla_\theta \ln \hat r - t|^2`."""
    error = ((slope - batch.score) * batch.unit).square().sum(dim=-1)
    return (batch.numerator * error).mean()

"""Objectives that learn from labels: functions of the model and a batch that give the loss to minimise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.functional import cross_entropy as softmax_cross_entropy

from partonic.represent.batch import Labelled
from partonic.represent.task import Task


def cross_entropy(model: nn.Module, batch: Labelled[Any]) -> Tensor:
    r"""Weighted binary cross entropy of a batch, a scalar.

    .. math:: \frac{1}{B} \sum_{i=1}^{B} w_i \left[ -y_i \ln s_i - (1 - y_i) \ln (1 - s_i) \right]

    with the sigmoid :math:`s` of the model's logit. The sum is divided by the number of jets and not by the batch's
    own sum of weights: a ratio of two sums over a small batch is biased, diverges where negative weights nearly cancel,
    and counts the jets of small batches more. :mod:`partonic.fit.batches` scales the weights to a mean of 1 over an
    epoch and by the size of the batch, so that the mean of this loss over the batches of an epoch is the weighted
    mean over all its jets, however the batches were cut. The minimum is the logarithm of the ratio of the weighted
    densities.

    Args:
        model: its forward takes ``batch.inputs`` and gives logits (jets,).
        batch: inputs, targets in [0, 1] (jets,) and weights (jets,), which may be negative.
    """
    return binary_cross_entropy_with_logits(model(batch.inputs), batch.target, weight=batch.weight)


@dataclass(frozen=True)
class Supervised:
    r"""Cross entropy of the classes of a task and the mean squared error of its targets, an objective.

    .. math:: \frac{1}{B} \sum_i w_i \Big[ -\ln p_{y_i} + \lambda \sum_t (\hat u_{it} - u_{it})^2 \Big]

    with the sigmoid (two classes) or softmax :math:`p` of the logits and standardised targets :math:`u`; weights as in
    :func:`cross_entropy`.

    Args:
        task: what is learned.
        strength: :math:`\lambda`.
    """

    task: Task
    strength: float = 0.1

    def __call__(self, model: nn.Module, batch: Labelled[Any]) -> Tensor:
        """The loss of a batch, a scalar."""
        logits, estimates = self.task.split(model(batch.inputs))
        if self.task.logits == 1:
            loss = binary_cross_entropy_with_logits(logits, batch.target, reduction="none")
        else:
            loss = softmax_cross_entropy(logits, batch.target.long(), reduction="none")
        if batch.extra is not None:
            loss = loss + self.strength * (estimates - batch.extra).square().sum(dim=1)
        return (loss * batch.weight).mean()

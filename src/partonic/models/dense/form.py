"""The same networks on padded arrays: what other programs' runtimes can compute, and what they were trained as."""

from __future__ import annotations

import copy
from functools import singledispatch
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from partonic.core.errors import InputError
from partonic.models.folding import LinearNorm
from partonic.models.residual import ConvNorm, Residual

if TYPE_CHECKING:
    from partonic.represent.padded import PaddedJets


@singledispatch
def dense(net: nn.Module, jets: PaddedJets) -> Tensor:  # noqa: ARG001
    """Logits of padded jets, (jets,) or (jets, outputs): equal to those that the network gives of packed jets.

    The networks are first gone over by :func:`folded`. Another network gets such a form by ``@dense.register(Class)``
    on a function of the same arguments; it may use no operation that depends on the number of particles of a jet.

    Args:
        net: a network in evaluation mode, folded.
        jets: padded jets, each with one particle at least.

    Raises:
        InputError: the network has no such form.
    """
    raise InputError(
        f"the network {type(net).__name__} has no form on padded arrays; register one with "
        "@partonic.models.dense.form.dense.register"
    )


def has_form(net: nn.Module) -> bool:
    """Whether :func:`dense` can compute a network."""
    return dense.dispatch(type(net)) is not dense.dispatch(object)


class Scale(nn.Module):
    """A batch norm of fixed statistics over the last axis: factor and shift.

    Args:
        norm: the batch norm.
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        factor = norm.weight * (variance + norm.eps).rsqrt()
        self.register_buffer("factor", factor.detach())
        self.register_buffer("shift", (norm.bias - mean * factor).detach())

    def forward(self, values: Tensor) -> Tensor:
        """(..., features) to the same."""
        return values * self.factor + self.shift


def folded(net: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode whose batch norms have gone into the layers in front of them.

    Those that stand alone become a factor and a shift of the last axis, whatever the number of axes.
    """
    return _folded(copy.deepcopy(net).eval())


def _folded(module: nn.Module) -> nn.Module:
    if isinstance(module, LinearNorm):
        weight, bias = module.fixed()
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight, linear.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        return linear
    if isinstance(module, ConvNorm):
        return fuse_conv_bn_eval(cast("nn.Conv2d", module[0]), cast("nn.BatchNorm2d", module[1]))
    if isinstance(module, Residual):
        for name, norm in zip(("first", "second"), module.norms, strict=True):
            setattr(module, name, fuse_conv_bn_eval(getattr(module, name), cast("nn.BatchNorm2d", norm)))
        module.norms = nn.ModuleList(nn.Identity() for _ in range(2))
        return module
    if isinstance(module, nn.BatchNorm1d):
        return Scale(module)
    for name, child in module.named_children():
        setattr(module, name, _folded(child))
    return module


def rows_of(values: Tensor, places: Tensor) -> Tensor:
    """Rows of (jets, slots, C) at places (jets, n), (jets, n, C)."""
    jets, slots, channels = values.shape
    start = torch.arange(jets, device=values.device)[:, None] * slots
    return values.reshape(jets * slots, channels)[(start + places).flatten()].view(jets, places.shape[1], channels)

"""Training by several equal processes, as ``torchrun`` starts them: each takes its share of every batch.

Losses and gradients are summed with the share of the jets that each process has of the batch, not averaged over
processes, so that every step is that of one process with the whole batch, however unequal the shares.
"""

from __future__ import annotations

import atexit
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, distributed, nn

from partonic.core.errors import WorkerError
from partonic.core.rank import rank, size
from partonic.core.rng import generator

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FOREVER = dt.timedelta(days=30)  # the others wait while the first simulates; a dead process is noticed at once
LOST = (
    "another process of this training has ended, by an error of its own (see its message) or killed; start all again, "
    "with partonic resume where it was a run"
)


@dataclass(frozen=True)
class Part(Generic[T_co]):
    """What one process has of a batch.

    Args:
        batch: its rows.
        share: of the whole batch's loss, in (0, 1]; the shares of all processes add up to 1.
        items: rows of the whole batch.
    """

    batch: T_co
    share: float
    items: int


def join(device: str) -> None:
    """Find the other processes, once and for as long as this one lives; nothing where there is one only.

    Args:
        device: where this one trains; CUDA devices talk over NCCL, processors over Gloo.

    Raises:
        WorkerError: the processes do not find each other.
    """
    if size() == 1 or distributed.is_initialized():
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    with _peers():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=FOREVER)
    atexit.register(_leave)


def _leave() -> None:
    with suppress(RuntimeError):
        if distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def _peers() -> Iterator[None]:
    """A process that is lost becomes one sentence."""
    try:
        yield
    except RuntimeError as error:
        raise WorkerError(LOST) from error


def agreed(value: T) -> T:
    """What the first process has, in all of them; plain data.

    Raises:
        WorkerError: a process is lost.
    """
    if size() == 1:
        return value
    box = [value]
    with _peers():
        distributed.broadcast_object_list(box, src=0)
    return box[0]


def wait() -> None:
    """Wait until all processes are here.

    Raises:
        WorkerError: one is lost.
    """
    if size() > 1:
        with _peers():
            distributed.barrier()


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process passes the block alone, then all others; for what makes a file that the others read.

    Raises:
        WorkerError: a process is lost.
    """
    if rank() > 0:
        wait()
    yield
    if rank() == 0:
        wait()


def total(values: Tensor) -> Tensor:
    """Sum over the processes, in place, the same to the bit in all.

    Raises:
        WorkerError: one is lost.
    """
    if size() > 1:
        with _peers():
            distributed.all_reduce(values)
    return values


def equalise(module: nn.Module) -> None:
    """Give all processes the weights of the first.

    Raises:
        WorkerError: a process is lost.
    """
    if size() > 1:
        with _peers(), torch.no_grad():
            for values in module.state_dict().values():
                distributed.broadcast(values, src=0)


def combine(weights: list[nn.Parameter], loss: Tensor, stop: bool) -> tuple[float, bool]:
    """Add up the gradients, the losses and the wish to stop of all processes.

    Args:
        weights: their gradients are replaced by the sums; the same weights must be given in every process.
        loss: this process's share, a scalar.
        stop: whether this process wants to stop.

    Returns:
        The loss of the whole batch, and whether any process wants to stop.

    Raises:
        WorkerError: a process is lost.
    """
    if size() == 1:
        return loss.item(), stop
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in weights]
    last = torch.stack([loss.detach(), loss.new_tensor(float(stop))])
    sums = total(torch.cat([*(gradient.flatten() for gradient in gradients), last]))
    parts = torch.split(sums[:-2], [gradient.numel() for gradient in gradients])
    for weight, part in zip(weights, parts, strict=True):
        if weight.grad is not None or part.any():
            weight.grad = part.view_as(weight)
    return sums[-2].item(), bool(sums[-1] > 0)


def own_random(seed: int, step: int) -> None:
    """Random numbers of this process in a step, where it is not the first: a function of seed, process and step.

    Equal processes would else give the same dropout to their different rows.
    """
    if rank() > 0:
        torch.manual_seed(int(generator(seed, rank(), step).integers(2**63)))


@contextmanager
def synchronised(model: nn.Module) -> Iterator[None]:
    """Batch normalisations of a model see the rows of all processes while the block runs."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)] if size() > 1 else []
    for norm in norms:
        norm.forward = partial(_normalised, norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _normalised(norm: nn.modules.batchnorm._BatchNorm, values: Tensor) -> Tensor:
    """Batch normalisation of values (rows, channels, ...) with the mean and variance over all processes."""
    if not norm.training and norm.running_mean is not None:
        return type(norm).forward(norm, values)
    axes = [axis for axis in range(values.ndim) if axis != 1]
    shape = [1, -1] + [1] * (values.ndim - 2)
    count = values.new_tensor([values.numel() / values.shape[1]])
    sums = _summed(torch.cat([values.sum(axes), count]))
    rows = sums[-1].detach()
    mean = sums[:-1] / rows
    centred = values - mean.view(shape)
    variance = _summed(centred.square().sum(axes)) / rows
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            share = 1 / norm.num_batches_tracked.item() if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
            norm.running_var.lerp_((variance * rows / (rows - 1)).to(norm.running_var.dtype), share)
    result = centred * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        result = result * norm.weight.view(shape) + norm.bias.view(shape)
    return result


class _Sum(torch.autograd.Function):
    """Sum over the processes; the gradient of the sum of their losses is summed too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004  # torch passes it
        """The sum."""
        return total(values.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        """The sum of the gradients."""
        return total(gradients[0].contiguous().clone())


_summed = cast("Callable[[Tensor], Tensor]", _Sum.apply)

"""In which precision networks compute, and whether torch compiles them first."""

from __future__ import annotations

import contextlib
import functools
import shutil
import warnings
from typing import TYPE_CHECKING

from partonic.core.errors import InputError, MissingPackageError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import Tensor, nn

PRECISIONS = ("float32", "bfloat16", "bfloat16-emulated")
COMPILERS = ("c++", "g++", "clang++")
# What works on arrays of NumPy: torch would trace these as tensors, which takes minutes, and not in inference mode.
KERNELS = {
    "represent": ("edges", "neighbours", "pairs", "plan", "tree"),
    "models": ("deep_sets", "dropout", "matrix_pass", "norm_relu", "pair_messages", "trees"),
}
# What torch says of steps that it leaves as they are, of a cache in the package lgatr, and when it traces a training.
QUIET = (
    "Dynamo does not know how to trace",
    "Dynamo detected a call to a `functools.lru_cache`",
    "The .grad attribute of a Tensor that is not a leaf",
)


def check_device(device: str) -> None:
    """Raise where a device cannot be used.

    Raises:
        InputError: there is no such device, or torch was not built for it.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"the device '{device}' cannot be used here: {str(error).splitlines()[0]}") from error


def check_precision(precision: str, device: str = "cpu") -> None:
    """Raise where a device does not compute in a precision; ``bfloat16-emulated`` runs everywhere, often slower.

    Raises:
        UnknownNameError: there is no such precision.
        InputError: the processor or the device has no instructions for it.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision == "bfloat16" and not _has_bfloat16(device):
        raise InputError(
            f"the device '{device}' of this machine has no instructions for bfloat16, which would make it slower, not "
            "faster; take precision float32, or bfloat16-emulated to see its rounding"
        )


def _has_bfloat16(device: str) -> bool:
    import torch

    if not device.startswith("cpu"):
        return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@contextlib.contextmanager
def computing(precision: str, device: str = "cpu") -> Iterator[None]:
    """Matrix products and convolutions inside are made in a precision; weights, sums and losses stay float32.

    Args:
        precision: one of :data:`PRECISIONS`.
        device: where tensors are.
    """
    if precision == "float32":
        yield
        return
    import torch

    with torch.autocast(torch.device(device).type, torch.bfloat16), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
        yield


def unrounded(values: Tensor) -> torch.autocast:
    """Products inside are made in the precision of what they are made of, on the device of the values.

    Four-momenta need it: what is left of their products, a squared mass, is far below the rounding of bfloat16.
    """
    import torch

    return torch.autocast(values.device.type, enabled=False)


def check_compiler() -> None:
    """Raise where torch has nothing to compile with.

    Raises:
        MissingPackageError: there is no C++ compiler.
    """
    if not any(shutil.which(name) for name in COMPILERS):
        raise MissingPackageError(
            f"compiling a network needs a C++ compiler, and none of {', '.join(COMPILERS)} was found; install one (as "
            "g++) or leave out compile"
        )


@contextlib.contextmanager
def compiled_by_torch(module: nn.Module, compile: bool) -> Iterator[None]:  # noqa: A002
    """A module runs compiled inside, for batches of any size; afterwards it is as it was.

    Args:
        module: the module, changed in place.
        compile: whether it is compiled at all.

    Raises:
        MissingPackageError: there is no C++ compiler.
    """
    if not compile:
        yield
        return
    check_compiler()
    _leave_kernels()
    module.compile(dynamic=True)
    try:
        with warnings.catch_warnings():
            for message in QUIET:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        module._compiled_call_impl = None


@functools.cache
def _leave_kernels() -> None:
    """From now on torch leaves the files of :data:`KERNELS` as they are when it compiles, and what compiles them."""
    from torch._dynamo import trace_rules

    trace_rules.add("numba")
    for folder, names in KERNELS.items():
        for name in names:
            trace_rules.add(f"partonic.{folder}.{name}")

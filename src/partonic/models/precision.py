"""In which precision networks compute, and whether torch compiles them first."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from typing import TYPE_CHECKING

from partonic.core.errors import InputError, MissingPackageError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

PRECISIONS = ("float32", "bfloat16", "bfloat16-emulated")
COMPILERS = ("c++", "g++", "clang++")


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
    module.compile(dynamic=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Dynamo does not know how to trace"
            )  # such steps stay as they are
            yield
    finally:
        module._compiled_call_impl = None

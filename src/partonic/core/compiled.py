"""Numba kernels: compiled when first called, and kept on disk where a folder can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel over NumPy arrays to machine code.

    It runs without the interpreter's lock, divides as NumPy does, and may reorder sums (so that they use vector
    instructions): results repeat to the bit on one machine, and agree to rounding between machines.

    A compiled kernel that calls another one must be in the same file: the copy on disk is renewed when its own file
    changes, not when another does.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        kernel: Callable[P, R] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        kernel = numba.njit(**options)(function)
    return kernel

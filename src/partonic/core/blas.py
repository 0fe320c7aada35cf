"""Matrix products of compiled kernels in one thread: they are small, and waiting for other threads costs far more."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import scipy.linalg  # noqa: F401  # whose library kernels call; it has to be loaded to be found
from threadpoolctl import ThreadpoolController


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """NumPy and SciPy multiply matrices in this thread inside; torch has threads of its own."""
    changed = [(library, n) for library in _libraries() if (n := library.get_num_threads()) not in (None, 1)]
    for library, _ in changed:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n in changed:
            library.set_num_threads(n)


@functools.cache
def _libraries() -> list[Any]:
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)

"""Arrays of numbers from what users give."""

from __future__ import annotations

import reprlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError


def as_numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """An array of float64 of any shape; its numbers need not be finite.

    Args:
        name: of the values, for the error.
        values: to convert.

    Raises:
        InputError: they are no numbers, or rows of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be an array of numbers, with rows of one length, not {reprlib.repr(values)}"
        ) from None

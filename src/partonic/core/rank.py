"""Which of several equal processes this is, as ``torchrun`` starts them: only the first writes and speaks."""

from __future__ import annotations

import os


def size() -> int:
    """Number of processes that do this together; 1 without ``torchrun``."""
    return max(_number("WORLD_SIZE", 1), 1)


def rank() -> int:
    """Number of this process, from 0."""
    return _number("RANK", 0) if size() > 1 else 0


def local_rank() -> int:
    """Number of this process on its machine, from 0."""
    return _number("LOCAL_RANK", 0) if size() > 1 else 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "") if "MASTER_ADDR" in os.environ else ""
    return int(text) if text.isdigit() else default

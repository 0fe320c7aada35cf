"""What this machine and installation offer, and what is missing."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
import tempfile
from dataclasses import dataclass

from partonic.core.cachedir import cache_folder
from partonic.core.parallel import cores


@dataclass(frozen=True)
class Check:
    """One line of the doctor's.

    Args:
        name: what was looked at.
        ok: whether it is as it should be.
        detail: what was found and, where it is amiss, what to do.
    """

    name: str
    ok: bool
    detail: str


CORE = ("numpy", "scipy", "torch", "awkward", "numba", "pyarrow", "h5py", "sklearn", "matplotlib", "mplhep")
SIMULATE = ("pythia8mc", "fastjet", "particle")
DISTRIBUTION = {"sklearn": "scikit-learn"}


def checks() -> list[Check]:
    """Look at Python, packages, cores, memory, cache folder and GPU."""
    version = sys.version_info
    found = [
        Check(
            "python",
            (3, 11) <= version[:2] <= (3, 13),
            f"{platform.python_version()} (3.11 to 3.13 are supported) on {platform.platform()}",
        )
    ]
    found += [_package(name, "") for name in CORE]
    found += [_package(name, "simulate") for name in SIMULATE]
    found.append(Check("cores", True, f"{cores()}, {_memory()}"))
    found.append(_cache())
    found.append(_gpu())
    return found


def _package(name: str, extra: str) -> Check:
    try:
        importlib.import_module(name)
        return Check(name, True, importlib.metadata.version(DISTRIBUTION.get(name, name)))
    except ImportError as error:
        hint = f"pip install 'partonic[{extra}]'" if extra else "pip install partonic"
        return Check(name, False, f"cannot be imported ({error}); {hint}")


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "memory unknown"
    return f"{pages * size / 2**30:.0f} GiB of memory"


def _cache() -> Check:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            "cache", False, f"{folder} cannot be written ({error.strerror}); set PARTONIC_CACHE to another folder"
        )
    return Check("cache", True, str(folder))


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("gpu", True, f"{torch.cuda.get_device_name(0)}; use it with --device cuda")
    return Check("gpu", True, "none; everything runs on the CPU")

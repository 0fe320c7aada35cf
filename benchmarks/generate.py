"""Generators of events: how close they come to the sample they learned from, and how fast they are drawn.

The cases are in ``generate_cases/``, one file a subject; each says there what it measures. One thread.

    python benchmarks/generate.py [--quick] [--case NAME]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
from harness import Case, run

CASES: dict[str, Case] = {}
for file in sorted((Path(__file__).parent / "generate_cases").glob("*.py")):
    CASES.update(importlib.import_module(f"generate_cases.{file.stem}").CASES)

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(run(__file__, __doc__, CASES))

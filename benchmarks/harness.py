"""What the benchmarks share: cases run one by one, one JSON line each, stored results, the table for the docs.

A case is a function of ``quick`` that gives ``{"measured": {...}, "bar": {...}, "holds": true, false or null}``, with
``"why"`` where nothing was measured or a condition applies.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Case = Callable[[bool], dict[str, Any]]


def run(file: str, doc: str | None, cases: Mapping[str, Case]) -> int:
    """Parse the command line, run the cases and print them; a full run merges into the JSON file beside the benchmark.

    Args:
        file: the benchmark's ``__file__``.
        doc: its docstring, whose first line is the help.
        cases: name -> case.

    Returns:
        Exit code: 1 where a bar does not hold.
    """
    path = Path(file)
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller, ends within about two minutes, stores nothing")
    parser.add_argument("--case", choices=cases, help="this case only")
    arguments = parser.parse_args()
    stored_in = path.with_suffix(".json")
    results: dict[str, dict[str, Any]] = {}
    in_order: dict[str, Any] = {}
    for case in [arguments.case] if arguments.case else cases:
        results[case] = cases[case](arguments.quick)
        print(json.dumps({"case": case, **results[case]}), flush=True)
        if not arguments.quick:
            stamp = {"date": dt.datetime.now(tz=dt.UTC).date().isoformat(), "machine": machine()}
            stored = json.loads(stored_in.read_text()) if stored_in.exists() else {}
            stored[case] = {**results[case], **stamp}
            in_order = {name: stored[name] for name in cases if name in stored}
            stored_in.write_text(json.dumps(in_order, indent=2) + "\n")
    if not arguments.quick:
        print("\n" + table(path.name, in_order))
    return 0 if all(result["holds"] is not False for result in results.values()) else 1


def medians(rows: Sequence[Mapping[str, Any]], names: Sequence[str], digits: int = 3) -> dict[str, Any]:
    """Median over the seeds of each number, and all of them where there are several.

    Args:
        rows: one for each seed.
        names: of the numbers.
        digits: behind the point.
    """
    measured: dict[str, Any] = {}
    for name in names:
        values = [row[name] for row in rows]
        measured[name] = round(statistics.median(values), digits)
        if len(rows) > 1:
            measured[f"{name}, seeds"] = [round(value, digits) for value in values]
    return measured


def length_within(seconds: float, train: Callable[[int], object], pilot: int) -> int:
    """How long a training may be to take so many CPU-seconds here, a tenth left in reserve.

    Args:
        seconds: of the training.
        train: trains for so many steps or passes.
        pilot: of these, 1 or more, that are timed, once they have been run to warm up.
    """
    for _ in range(2):
        began = time.process_time()
        train(pilot)
        spent = time.process_time() - began
    return max(pilot, int(0.9 * seconds * pilot / spent))


def table(name: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The Markdown for ``docs/benchmarks.md``."""
    lines = [
        "| case | measured | bar | holds | date, machine |",
        "| --- | --- | --- | --- | --- |",
    ]
    for case, result in results.items():
        measured, bar = (", ".join(f"{k} {v}" for k, v in result[key].items()) for key in ("measured", "bar"))
        without = "no bar" if result["measured"] else "not measured"
        holds = {True: "yes", False: "**no**", None: without}[result["holds"]]
        holds += f" ({result['why']})" if "why" in result else ""
        lines.append(f"| {case} | {measured} | {bar} | {holds} | {result['date']}, {result['machine']} |")
    return f"Command: `python benchmarks/{name}`\n\n" + "\n".join(lines)


def machine() -> str:
    """Processor and number of cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def busy_cores(seconds: float = 2.0) -> float:
    """How many cores other processes keep busy."""

    def busy() -> float:
        """Seconds that all cores have been busy."""
        numbers = [float(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return (sum(numbers[:8]) - numbers[3] - numbers[4]) / os.sysconf("SC_CLK_TCK")

    before = busy()
    time.sleep(seconds)
    return (busy() - before) / seconds

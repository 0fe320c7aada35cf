"""Several runs side by side: headline numbers, how significant their differences are, and the options that differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.files import write_text
from partonic.core.result import Result, Table
from partonic.report.numbers import estimate, is_number, number
from partonic.report.page import environment, flat, style
from partonic.report.tables import view
from partonic.version import __version__

EXPLANATION = (
    "Differences are to the first run. Their errors are those of the two numbers added in quadrature, as if the runs "
    "were independent; runs that share test jets are correlated, and a paired comparison on these jets is sharper."
)
SIGMA = "\N{GREEK SMALL LETTER SIGMA}"


@dataclass(frozen=True)
class Difference:
    """A number of one run against the same of the first run.

    Args:
        value: the difference; its interval is ``nan`` where one of the two has none.
        significance: the difference over its error; None where that is not known.
    """

    value: Estimate
    significance: float | None

    def __str__(self) -> str:
        """Give difference and significance: ``+0.0021 ± 0.0015 (1.4 σ)``."""
        if not math.isfinite(self.value.value):
            return "not measured"
        shown = estimate(self.value) if math.isfinite(self.value.low) else number(self.value.value)
        sign = "" if shown.startswith("-") else "+"
        return f"{sign}{shown}" + (f" ({abs(self.significance):.1f} {SIGMA})" if self.significance is not None else "")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; its text is what the terminal shows.

    Args:
        runs: name -> recipe, status and directory.
        numbers: headline number -> its value in each run (None where a run does not have it).
        differences: headline number -> difference of each further run to the first (None where it cannot be taken).
        options: option -> its value in each run as text, only where they differ.
    """

    runs: Mapping[str, Result]
    numbers: Mapping[str, tuple[Any, ...]]
    differences: Mapping[str, tuple[Difference | None, ...]]
    options: Mapping[str, tuple[str, ...]]

    def tables(self) -> tuple[Table, Table, Table | None]:
        """Runs, headline numbers, and the options that differ (None if none does)."""
        first, *others = self.runs
        about = [
            {"run": name, "recipe": run.recipe, "status": run.status, "directory": str(run.path)}
            for name, run in self.runs.items()
        ]
        rows: list[dict[str, Any]] = []
        for name, values in self.numbers.items():
            row: dict[str, Any] = {"number": name, first: values[0]}
            for run, value, difference in zip(others, values[1:], self.differences[name], strict=True):
                row |= {run: value, f"{run} - {first}": None if difference is None else str(difference)}
            rows.append(row)
        changed = [{"option": key, **dict(zip(self.runs, values, strict=True))} for key, values in self.options.items()]
        return (
            _table("runs", "The runs.", about),
            _table("numbers", "Headline numbers of each run, and the difference to the first.", rows),
            _table("options", "Options that are not the same in all runs.", changed) if changed else None,
        )

    def __str__(self) -> str:
        """Give the three tables and how to read them as plain text."""
        _, numbers, options = self.tables()
        parts = [_text(numbers), EXPLANATION]
        parts.append(f"Options that differ:\n\n{_text(options)}" if options else "The runs have the same options.")
        return "\n\n".join(parts)


def compare(runs: Sequence[Result]) -> Comparison:
    """Put runs side by side.

    Args:
        runs: two or more; differences are taken to the first.

    Raises:
        InputError: there are fewer than two, one is named twice, or no headline number is common to two of them.
    """
    if len(runs) < 2:
        raise InputError("a comparison needs two or more runs")
    paths = [run.path.resolve() for run in runs]
    if len(set(paths)) < len(paths):
        raise InputError("a run cannot be compared with itself; name different run directories")
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    keys = list(dict.fromkeys(key for run in runs for key in run.summary))
    numbers = {key: tuple(run.summary.get(key) for run in runs) for key in keys}
    if not any(sum(value is not None for value in values) > 1 for values in numbers.values()):
        raise InputError(f"the runs {', '.join(names)} have no headline number in common")
    differences = {key: tuple(difference(values[0], other) for other in values[1:]) for key, values in numbers.items()}
    options: dict[str, tuple[str, ...]] = {}
    trees = [{key: "not set" if value is None else str(value) for key, value in flat(run.config)} for run in runs]
    for key in dict.fromkeys(key for tree in trees for key in tree):
        values = tuple(tree.get(key, "no such option") for tree in trees)
        if len(set(values)) > 1:
            options[key] = values
    return Comparison(dict(zip(names, runs, strict=True)), numbers, differences, options)


def difference(first: Any, other: Any) -> Difference | None:
    """``other - first`` with the errors that face each other added in quadrature; None where one is not a number.

    Args:
        first: an :class:`Estimate`, a number, or anything else.
        other: likewise.
    """
    if not (is_number(first) and is_number(other)):
        return None
    if not isinstance(first, Estimate) or not isinstance(other, Estimate):
        values = [x.value if isinstance(x, Estimate) else float(x) for x in (first, other)]
        return Difference(Estimate(values[1] - values[0], math.nan, math.nan, ""), None)
    value = other.value - first.value
    below = math.hypot(other.value - other.low, first.high - first.value)
    above = math.hypot(other.high - other.value, first.value - first.low)
    facing = below if value > 0 else above
    significance = value / facing if math.isfinite(facing) and facing > 0 else None
    return Difference(
        Estimate(value, value - below, value + above, "quadrature"),
        significance if significance is None or math.isfinite(significance) else None,
    )


def write_comparison(comparison: Comparison, path: Path | str) -> Path:
    """Write a comparison as an HTML page that needs no network.

    Raises:
        FileError: it cannot be written.
    """
    runs, numbers, options = comparison.tables()
    page = environment().get_template("compare.html").render(
        version=__version__,
        style=style(),
        names=list(comparison.runs),
        explanation=EXPLANATION,
        runs=view(runs, "runs"),
        numbers=view(numbers, "numbers"),
        options=view(options, "options") if options else None,
    )  # fmt: skip
    write_text(path, page)
    return Path(path)


def _table(name: str, caption: str, rows: list[dict[str, Any]]) -> Table:
    return Table(name, caption, tuple(dict.fromkeys(key for row in rows for key in row)), tuple(rows))


def _text(table: Table) -> str:
    """A table as lines of text with aligned columns."""
    cells = [list(table.columns), *([_cell(row.get(key)) for key in table.columns] for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Estimate):
        return estimate(value) + (f" ({value.note})" if value.note else "")
    return number(value) if is_number(value) else " ".join(str(value).split())

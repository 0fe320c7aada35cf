"""Tables as the page's templates take them: cells as escaped markup, published rows apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from partonic.core.estimate import Estimate
from partonic.core.result import Table
from partonic.report.numbers import cell, is_number, linked

UNDERSCORE = re.compile(r"_(?<!\b[A-Za-z]_)|_(?!\w{1,2}\b)")  # but not that of f_W, one letter and a short index


@dataclass(frozen=True)
class Column:
    """Head of a column."""

    title: str
    numeric: bool


@dataclass(frozen=True)
class TableView:
    """A table ready for the template.

    Args:
        id: anchor on the page.
        caption: one sentence that says what it shows.
        columns: heads.
        rows: cells of the rows of this run.
        references: cells of the rows that were published elsewhere.
        methods: column -> how its errors were found.
        files: kind -> link.
    """

    id: str
    caption: Markup
    columns: tuple[Column, ...]
    rows: tuple[tuple[Markup, ...], ...]
    references: tuple[tuple[Markup, ...], ...]
    methods: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...] = ()


def is_reference(row: Mapping[str, Any]) -> bool:
    """Whether a row was published elsewhere: its ``source`` names a paper (``arXiv:...`` or ``doi:...``)."""
    source = row.get("source")
    return isinstance(source, str) and ("arXiv:" in source or "doi:" in source)


def title_of(key: str) -> str:
    """A key as people read it: ``jets_per_second`` becomes ``jets per second``, a symbol as ``f_W`` stays."""
    return UNDERSCORE.sub(" ", key).strip() or key


def view(table: Table, anchor: str, files: tuple[tuple[str, str], ...] = ()) -> TableView:
    """Prepare a table for the template.

    Args:
        table: the table; a row whose ``source`` names a paper is shown as a published one.
        anchor: its id on the page.
        files: kind -> link of its files.
    """
    values = {key: [row.get(key) for row in table.rows if row.get(key) is not None] for key in table.columns}
    columns = tuple(
        Column(title_of(key), bool(values[key]) and all(map(is_number, values[key]))) for key in table.columns
    )
    own = [row for row in table.rows if not is_reference(row)]
    published = [row for row in table.rows if is_reference(row)]
    methods = []
    for key in table.columns:
        used = dict.fromkeys(row[key].method for row in own if isinstance(row.get(key), Estimate) and row[key].method)
        if used:
            methods.append((title_of(key), " or ".join(used)))
    return TableView(
        anchor, linked(table.caption), columns, _cells(table, own), _cells(table, published), tuple(methods), files
    )


def _cells(table: Table, rows: list[Mapping[str, Any]]) -> tuple[tuple[Markup, ...], ...]:
    return tuple(tuple(cell(row.get(key)) for key in table.columns) for row in rows)

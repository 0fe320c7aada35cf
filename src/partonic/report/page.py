"""The page of a run: one HTML file that needs no network, made from the run directory alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from partonic.core.citations import ENTRIES
from partonic.core.errors import FileError, unknown
from partonic.core.estimate import Estimate
from partonic.core.files import write_text
from partonic.core.progress import duration
from partonic.core.result import Figure, Result
from partonic.report.numbers import cell, linked
from partonic.report.palette import DARK, LIGHT, css_variables
from partonic.report.svg import Drawing, inline_svg
from partonic.report.tables import TableView, title_of, view
from partonic.version import __version__

PAGE = "report.html"


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        title: its heading.
        text: plain paragraphs, separated by an empty line; arXiv numbers become links.
        figures: names of figures of the run, in order.
        tables: names of tables of the run, in order.
    """

    title: str
    text: str = ""
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class FigureView:
    """A figure ready for the template."""

    id: str
    label: str
    width: str
    drawing: Markup
    caption: Markup
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SectionView:
    """A section ready for the template."""

    id: str
    title: str
    paragraphs: tuple[Markup, ...]
    figures: tuple[FigureView, ...]
    tables: tuple[TableView, ...]


@dataclass(frozen=True)
class Headline:
    """A headline number ready for the template."""

    markup: Markup
    method: str


def write_page(result: Result, sections: Sequence[Section]) -> Path:
    """Write ``report.html`` and keep the sections in ``result.json``, so that :func:`rebuild` can write it again.

    Of ``result.facts`` the page shows, where they are there: ``title`` and ``abstract`` (plain text), ``warnings`` (a
    list of sentences for the top of the page), ``data`` and ``timings`` (name -> plain value), ``versions``,
    ``citations`` (keys of :data:`partonic.core.citations.ENTRIES`), ``started`` and ``finished``.

    Args:
        result: the run.
        sections: in the order of the page; figures and tables that none of them names are shown last.

    Returns:
        The page's path.

    Raises:
        UnknownNameError: a section names a figure or table that the run does not have.
        FileError: it cannot be written.
    """
    for section in sections:
        for kind, names, known in (
            ("figure", section.figures, result.figures),
            ("table", section.tables, result.tables),
        ):
            for name in names:
                if name not in known:
                    raise unknown(f"{kind} in the section '{section.title}':", name, known)
    result.facts["sections"] = [
        {**asdict(section), "figures": list(section.figures), "tables": list(section.tables)} for section in sections
    ]
    result.save()
    page = result.path / PAGE
    write_text(page, render(result))
    return page


def rebuild(path: Path | str) -> Path:
    """Write the page of a run directory again from its ``result.json``, tables and figures.

    Raises:
        FileError: there is no run, or it cannot be read or written.
    """
    result = Result.load(path)
    page = result.path / PAGE
    write_text(page, render(result))
    return page


def render(result: Result) -> str:
    """The page as text."""
    facts = result.facts
    sections = [_section(result, section, i) for i, section in enumerate(_stored(result), 1)]
    keys = [str(key) for key in facts.get("citations", ["partonic"])]
    return (
        environment()
        .get_template("page.html")
        .render(
            version=__version__,
            style=style(),
            run=result.path.resolve().name,
            title=facts.get("title") or title_of(result.recipe.replace("-", " ")).capitalize(),
            status=result.status,
            facts=_header(result),
            warnings=facts.get("warnings", []),
            abstract=_paragraphs(facts.get("abstract", "")),
            headline=[(title_of(name), _headline(value)) for name, value in result.summary.items()],
            sections=sections,
            command=result.command,
            config=[(key, cell(value)) for key, value in flat(result.config)],
            versions=[(key, cell(value)) for key, value in facts.get("versions", {}).items()],
            lists=[
                (caption, [(title_of(key), cell(value)) for key, value in flat(facts[name])])
                for name, caption in (("data", "Data"), ("timings", "Time spent"))
                if facts.get(name)
            ],
            citations=[_citation(key) for key in keys],
            bibtex="\n".join(ENTRIES[key].strip() for key in keys if key in ENTRIES),
        )
    )


def environment() -> jinja2.Environment:
    """The templates, with everything escaped that is not marked as markup."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("partonic.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style() -> Markup:
    """The style sheet with the colours of both schemes; what is printed is light."""
    text = resources.files("partonic.report").joinpath("style.css").read_text(encoding="utf-8")
    light = f":root {{ color-scheme: light dark; {css_variables(LIGHT)} }}"
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {css_variables(DARK)} }} }}"
    return Markup(f"{light}\n{dark}\n{text}")  # noqa: S704  (our own file and constants)


def _stored(result: Result) -> list[Section]:
    """The sections of ``result.json``, and a last one for what none of them shows."""
    rows = result.facts.get("sections", [])
    try:
        sections = [
            Section(str(row["title"]), str(row["text"]), tuple(row["figures"]), tuple(row["tables"])) for row in rows
        ]
    except (KeyError, TypeError) as error:
        raise FileError(f"the sections in {result.path / 'result.json'} cannot be read: {error}") from error
    figures = tuple(name for name in result.figures if not any(name in s.figures for s in sections))
    tables = tuple(name for name in result.tables if not any(name in s.tables for s in sections))
    if figures or tables:
        sections.append(Section("Further results" if sections else "Results", "", figures, tables))
    return sections


def _section(result: Result, section: Section, number: int) -> SectionView:
    figures = [result.figures[name] for name in section.figures if name in result.figures]
    tables = [result.tables[name] for name in section.tables if name in result.tables]
    return SectionView(
        f"section-{number}",
        section.title,
        _paragraphs(section.text),
        tuple(_figure(result, figure, f"figure-{number}-{i}") for i, figure in enumerate(figures, 1)),
        tuple(
            view(table, f"table-{number}-{i}", _links(result.path, "tables", table.name, ("csv", "json")))
            for i, table in enumerate(tables, 1)
        ),
    )


def _figure(result: Result, figure: Figure, anchor: str) -> FigureView:
    try:
        drawing = inline_svg(result.figure_path(figure.name, "svg"), f"{anchor}-", figure.alt)
    except FileError as error:
        drawing = Drawing(Markup('<p class="missing">This figure cannot be shown: {}.</p>').format(str(error)), 400.0)
    label = f"Figure {figure.name}"
    files = _links(result.path, "figures", figure.name, ("svg", "png", "pdf"))
    return FigureView(anchor, label, f"{drawing.width:.0f}", drawing.markup, linked(figure.caption), files)


def _links(run: Path, folder: str, name: str, endings: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Relative links to those files that exist."""
    files = ((ending, f"{folder}/{name}.{ending}") for ending in endings)
    return tuple((ending, quote(file)) for ending, file in files if (run / file).is_file())


def _headline(value: Any) -> Headline:
    method = value.method if isinstance(value, Estimate) else ""
    return Headline(cell(value), f"error: {method}" if method else "")


def _header(result: Result) -> list[str]:
    facts = result.facts
    told = [f"run {result.path.resolve().name}", f"recipe {result.recipe}"]
    started, finished = _time(facts.get("started")), _time(facts.get("finished"))
    if started:
        told.append(f"started {started.day} {started:%B %Y, %H:%M %Z}".rstrip())
    if started and finished:
        told.append(f"took {duration((finished - started).total_seconds())}")
    return told


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _paragraphs(text: str) -> tuple[Markup, ...]:
    parts = re.split(r"\n\s*\n", str(text).strip())
    return tuple(linked(" ".join(part.split())) for part in parts if part.strip())


def flat(tree: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Nested options as ``fit.epochs`` with values that a cell can show."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", (", ".join(map(str, value)) or None) if isinstance(value, list | tuple) else value


def _citation(key: str) -> Markup:
    """Author, title and link of a BibTeX entry, or the key itself."""
    fields = dict(re.findall(r"(\w+) = \{+(.*?)\}+,?\n", ENTRIES.get(key, "")))
    if "title" not in fields:
        return linked(key)
    authors = fields.get("author", "").replace(" and others", " et al.").replace(" and ", "; ")
    journal = f"{fields.get('journal', '')} ({fields.get('year', '')})" if "journal" in fields else ""
    words = re.sub(r"[{}$\\]", "", f"{authors}: {fields['title']}. {journal}").strip()
    return Markup("{}{}").format(words, Markup(", {}").format(linked(key)) if key.startswith("arXiv") else "")

"""A run directory: configuration, tables and figures as data, checkpoints, log, listed by one ``result.json``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from partonic.core.config import from_tree, read_yaml, to_tree, write_yaml
from partonic.core.errors import FileError, InputError, PartonicError
from partonic.core.estimate import Estimate
from partonic.core.files import append, read_json, write_json, write_text
from partonic.core.leftovers import clear
from partonic.version import __version__

SCHEMA = 1


@dataclass(frozen=True)
class Table:
    """A table of a run.

    Args:
        name: file name without ending, under ``tables/``.
        caption: one sentence that says what it shows.
        columns: their keys in order.
        rows: one mapping a row; values are text, numbers, ``None`` or :class:`Estimate`.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]

    def to_tree(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [{key: _plain(row.get(key)) for key in self.columns} for row in self.rows]
        return {"name": self.name, "caption": self.caption, "columns": list(self.columns), "rows": rows}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Table:
        """Read back what :meth:`to_tree` gave."""
        rows = tuple({key: _restore(value) for key, value in row.items()} for row in tree["rows"])
        return cls(tree["name"], tree["caption"], tuple(tree["columns"]), rows)

    def to_markdown(self) -> str:
        """The table as Markdown, estimates with their errors and notes."""
        lines = [" | ".join(self.columns), " | ".join("---" for _ in self.columns)]
        lines += [" | ".join(_spoken(row.get(key)) for key in self.columns) for row in self.rows]
        return "\n".join(f"| {line} |" for line in lines)

    def to_csv(self) -> str:
        """The table as csv; an estimate becomes the columns ``KEY``, ``KEY_low`` and ``KEY_high``."""
        estimates = {key for key in self.columns if any(isinstance(row.get(key), Estimate) for row in self.rows)}
        heads = [
            name for key in self.columns for name in ([key, f"{key}_low", f"{key}_high"] if key in estimates else [key])
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(heads)
        for row in self.rows:
            cells: list[Any] = []
            for key in self.columns:
                value = row.get(key)
                if isinstance(value, Estimate):
                    cells += [value.value, value.low, value.high]
                else:
                    cells += [value, "", ""] if key in estimates else [value]
            writer.writerow(cells)
        return text.getvalue()


@dataclass(frozen=True)
class Figure:
    """A figure of a run, under ``figures/NAME.svg``, ``.png`` and ``.pdf``.

    Args:
        name: file name without ending.
        caption: what it shows and what to take from it.
        alt: text alternative: what a reader who cannot see it has to know.
    """

    name: str
    caption: str
    alt: str


def _spoken(value: Any) -> str:
    if isinstance(value, Estimate):
        return f"{value} ({value.note})" if value.note else str(value)
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return {"estimate": value.to_dict()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _restore(value: Any) -> Any:
    return Estimate.from_dict(value["estimate"]) if isinstance(value, dict) and "estimate" in value else value


@dataclass
class Result:
    """One study's run directory; made by :meth:`create`, read back by :meth:`load`.

    Args:
        path: the directory.
        recipe: name of the recipe.
        config: its options as plain data.
        command: the exact command line.
        status: ``"running"``, ``"interrupted"``, ``"failed"`` or ``"done"``.
        summary: headline numbers, name -> :class:`Estimate` or plain value.
        tables: in the order of the page.
        figures: in the order of the page.
        facts: plain data for the page: data summary, versions, timings, citations.
    """

    path: Path
    recipe: str
    config: dict[str, Any]
    command: str = ""
    status: str = "running"
    summary: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path | str, recipe: str, config: Any, command: str = "", *, resume: bool = False) -> Result:
        """Make (or, to resume, reopen) a run directory and lock it for this process.

        Args:
            path: the directory; made if missing.
            recipe: name of the recipe.
            config: its options, a dataclass.
            command: the exact command line.
            resume: go on in a directory that holds a run of the same recipe and options.

        Raises:
            FileError: it holds another run, another process is running in it, or it cannot be written.
        """
        folder, tree = Path(path), to_tree(config)
        if folder.exists() and not folder.is_dir():
            raise FileError(f"{folder} is a file; give the name of a directory for the run")
        known = folder / "config.yaml"
        if known.exists():
            before = read_yaml(known)
            if not resume:
                raise FileError(
                    f"{folder} holds a run; go on with: partonic resume {folder}, or choose another --output"
                )
            if before.pop("recipe", None) != recipe or _completed(type(config), before) != tree:
                raise FileError(f"{folder} holds a run with other options; choose another --output")
        elif folder.is_dir() and not _bare(folder):
            raise FileError(f"{folder} is not empty and not a run; choose another --output")
        result = cls(folder, recipe, tree, command)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            result._lock()
            write_yaml(known, {"recipe": recipe, **tree})
            for name in ("tables", "figures", "checkpoints"):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"cannot write the run directory {folder}: {error.strerror}") from error
        for place, _, _ in os.walk(folder):
            clear(Path(place))
        result.facts["versions"] = versions()
        result.facts["started"] = now()
        result.save()
        return result

    def _lock(self) -> None:
        lock = self.path / "lock"
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            owner = lock.read_text().strip()
            if owner.isdigit() and int(owner) != os.getpid() and _alive(int(owner)):
                raise FileError(
                    f"process {owner} is running in {self.path}; wait for it or choose another --output"
                ) from None
            write_text(lock, f"{os.getpid()}\n")
            return
        except OSError as error:
            raise FileError(f"cannot write the run directory {self.path}: {error.strerror}") from error
        os.write(handle, f"{os.getpid()}\n".encode())
        os.close(handle)

    def close(self, status: str) -> None:
        """Write ``result.json`` with the final status and give the directory free."""
        self.status = status
        self.facts["finished"] = now()
        self.save()
        (self.path / "lock").unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path | str) -> Result:
        """Read a run directory (or its ``result.json``).

        Raises:
            FileError: there is no run, or a newer partonic wrote it.
        """
        folder = Path(path)
        folder = folder.parent if folder.name == "result.json" else folder
        if not (folder / "result.json").is_file():
            raise FileError(f"{folder} is not a run directory: it has no result.json")
        tree = read_json(folder / "result.json")
        if not isinstance(tree, dict) or "schema" not in tree:
            raise FileError(f"{folder / 'result.json'} is not a partonic result")
        if tree["schema"] > SCHEMA:
            raise FileError(
                f"{folder} was written by partonic {tree.get('partonic')} in schema {tree['schema']}; "
                f"this is {__version__}, which reads up to {SCHEMA}: upgrade partonic"
            )
        return cls(
            folder,
            tree["recipe"],
            tree["config"],
            tree["command"],
            tree["status"],
            {name: _restore(value) for name, value in tree["summary"].items()},
            {name: Table.from_tree(read_json(folder / "tables" / f"{name}.json")) for name in tree["tables"]},
            {row["name"]: Figure(**row) for row in tree["figures"]},
            tree["facts"],
        )

    def save(self) -> None:
        """Write ``result.json``."""
        write_json(
            self.path / "result.json",
            {
                "schema": SCHEMA,
                "partonic": __version__,
                "recipe": self.recipe,
                "status": self.status,
                "command": self.command,
                "config": self.config,
                "summary": {name: _plain(value) for name, value in self.summary.items()},
                "tables": list(self.tables),
                "figures": [asdict(figure) for figure in self.figures.values()],
                "facts": self.facts,
            },
        )

    def add_table(self, name: str, caption: str, rows: Sequence[Mapping[str, Any]]) -> Table:
        """Save a table as JSON and csv and list it for the page.

        Raises:
            InputError: it has no row.
        """
        if not rows:
            raise InputError(f"the table '{name}' has no row")
        columns = tuple(dict.fromkeys(key for row in rows for key in row))
        table = Table(name, caption, columns, tuple(rows))
        write_json(self.path / "tables" / f"{name}.json", table.to_tree())
        write_text(self.path / "tables" / f"{name}.csv", table.to_csv())
        self.tables[name] = table
        return table

    def figure_path(self, name: str, ending: str) -> Path:
        """Where the figure's file of that ending stands."""
        return self.path / "figures" / f"{name}.{ending}"

    def checkpoint(self, name: str) -> Path:
        """A path under ``checkpoints/``."""
        return self.path / "checkpoints" / name

    def log(self, event: str, **facts: Any) -> None:
        """Append a line of JSON to ``run.log``."""
        line = json.dumps({"time": now(), "event": event, **facts}, default=str)
        append(self.path / "run.log", line + "\n")


def _completed(cls: type[Any], tree: dict[str, Any]) -> dict[str, Any] | None:
    """Options with the defaults of those that came later; none where they are of another kind."""
    try:
        return to_tree(from_tree(cls, tree))
    except PartonicError:
        return None


def _bare(folder: Path) -> bool:
    """Whether a folder holds nothing, but for the lock of a run that was killed as it started."""
    clear(folder)
    return all(entry.name == "lock" and entry.stat().st_size < 20 for entry in folder.iterdir())


def now() -> str:
    """The time as ISO 8601 with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def versions() -> dict[str, str]:
    """Versions of partonic, Python and the packages that change numbers, and the machine."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"partonic": __version__, "python": platform.python_version(), "machine": platform.platform()}
    for package in ("numpy", "scipy", "torch", "scikit-learn", "numba", "awkward", "pythia8mc", "fastjet"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

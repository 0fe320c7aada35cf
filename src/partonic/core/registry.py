"""Registries: public names are read from the marks in the files, so that listing imports nothing, choosing one file."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from partonic.core.errors import FileError, InputError, UnknownNameError, require, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Entry:
    """One registered class, with what its law tests and its row in the docs need.

    Args:
        name: public name (``top-tagging`` for ``top_tagging.py``).
        cls: the class.
        paper: arXiv number of the source.
        facts: further keywords given when it was registered, as ``invariant=("permutation",)``; ``needs``, where there
            is one, is an optional package and the extra that installs it.
    """

    name: str
    cls: type
    paper: str
    facts: dict[str, Any] = field(default_factory=dict)


class Registry:
    """Classes of one kind in one folder of the package, and those of installed third parties by entry points.

    Args:
        kind: what they are, for messages (``"model"``).
        package: the folder as a dotted name; also the group of the entry points.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, Entry] = {}

    def register(self, name: str, *, paper: str = "", **facts: Any) -> Callable[[T], T]:
        """Mark a class as the ``name`` of this kind."""

        def mark(cls: T) -> T:
            """Record the class and hand it back unchanged."""
            self._entries[name] = Entry(name, cls, paper, facts)
            return cls

        return mark

    def _files(self) -> dict[str, str]:
        """Public name -> module, found by reading the folder and those in it, not by importing them."""
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
        mark = re.compile(rf"""^@register_{self.kind}\(\s*["']([^"']+)["']""", re.MULTILINE)
        return {
            name: ".".join([self.package, *file.relative_to(folder).with_suffix("").parts])
            for folder in map(Path, folders)
            for file in sorted(folder.rglob("*.py"))
            for name in mark.findall(file.read_text(encoding="utf-8"))
        }

    def _third_party(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {point.name: point for point in importlib.metadata.entry_points(group=self.package)}

    def names(self) -> list[str]:
        """All names that can be chosen, sorted; imports nothing."""
        return sorted({*self._files(), *self._third_party(), *self._entries})

    def get(self, name: str) -> Entry:
        """The entry of a name, ready to be used; imports its file only.

        Raises:
            UnknownNameError: there is no such name.
            MissingPackageError: it needs an optional package that is not installed.
        """
        entry = self.find(name)
        if "needs" in entry.facts:
            require(*entry.facts["needs"])
        return entry

    def find(self, name: str) -> Entry:
        """The entry of a name, whether what it needs is installed or not; imports its file only.

        Raises:
            UnknownNameError: there is no such name.
        """
        if name not in self._entries:
            files, third_party = self._files(), self._third_party()
            if name in files:
                importlib.import_module(files[name])
            elif name in third_party:
                third_party[name].load()
        if name not in self._entries:
            raise unknown(self.kind, name, self.names())
        return self._entries[name]

    def of(self, cls: type) -> Entry:
        """The entry under which a class is registered.

        Raises:
            UnknownNameError: it is not.
        """
        for entry in self._entries.values():
            if entry.cls is cls:
                return entry
        raise UnknownNameError(f"the class {cls.__name__} is not registered as a {self.kind}")

    def load_file(self, path: Path | str) -> Entry:
        """The entry that a user's own Python file registers.

        Raises:
            FileError: the file is missing.
            InputError: it cannot be run, or registers nothing.
        """
        file = Path(path)
        spec = importlib.util.spec_from_file_location(f"partonic_user_{file.stem}", file) if file.is_file() else None
        if spec is None or spec.loader is None:
            raise FileError(f"no Python file {file}")
        before = dict(self._entries)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses and type hints look names up
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[spec.name]
            raise InputError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
        added = [entry for name, entry in self._entries.items() if before.get(name) is not entry]
        if not added:
            raise InputError(f"{file} registers no {self.kind}; mark its class with @register_{self.kind}('name')")
        return added[0]


models = Registry("model", "partonic.models")
recipes = Registry("recipe", "partonic.recipes")
simulators = Registry("simulator", "partonic.simulators")

register_model = models.register
register_recipe = recipes.register
register_simulator = simulators.register

"""Files that are read one after the other as one sample: of the same columns, or an error that names the two."""

from __future__ import annotations

from pathlib import Path

from partonic.core.errors import FileError
from partonic.events.events import Events
from partonic.events.ragged import Array


class Joining:
    """Checks each file's first sample against that of the first file."""

    def __init__(self) -> None:
        self._first: tuple[Path, dict[str, str]] | None = None
        self._last: Path | None = None

    def check(self, path: Path, events: Events) -> None:
        """Take the next sample of a file.

        Raises:
            FileError: it has other columns than the first file, or others types of them.
        """
        if path == self._last:
            return
        self._last = path
        found = _layout(events)
        if self._first is None:
            self._first = path, found
            return
        first, expected = self._first
        for name in [*expected, *found]:
            here, there = (layout.get(name) for layout in (found, expected))
            if here == there:
                continue
            if here and there:
                what = f"{name} is {here} in it and {there} there"
            else:
                what = f"{name} is only in {path if here else first}"
            raise FileError(f"{path} cannot be joined to {first}: {what}; the files must have the same columns")


def _layout(events: Events) -> dict[str, str]:
    """Kind and name of everything in a sample, with its type."""
    found = {f"the column '{name}'": _type(values) for name, values in events.columns.items()}
    found |= {f"the weight '{name}'": _type(values) for name, values in events.weights.items()}
    found |= {f"the column '{name}' of the truth": _type(values) for name, values in events.gold.items()}
    for name, ragged in events.collections.items():
        found[f"the collection '{name}'"] = "a collection"
        found |= {f"the field '{key}' of '{name}'": _type(values) for key, values in ragged.fields.items()}
        found |= {f"the link '{key}' of '{name}'": f"a link to '{ln.target}'" for key, ln in ragged.links.items()}
    return found


def _type(values: Array) -> str:
    kind = "text" if values.dtype.kind in "UTO" else str(values.dtype)
    return kind if values.ndim == 1 else f"{kind} {values.shape[1:]}"

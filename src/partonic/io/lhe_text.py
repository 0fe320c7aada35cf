"""The text of Les Houches event files up to their events: run information, declared weights, where events begin."""

from __future__ import annotations

import html
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from partonic.core.errors import FileError

BLOCK = 1 << 20  # characters read at a time
LONGEST = 64 << 20  # characters of a header or an event

_INIT = re.compile(r"^\s*<init[\s>]", re.MULTILINE)
_EVENT = re.compile(r"<event[\s>]")
_DECLARED = re.compile(
    r"<weightgroup\b([^>]*)>|</weightgroup\s*>|<weight\b([^>]*?)(?:/>|>(.*?)</weight\s*>)", re.DOTALL
)
_NAMED = re.compile(r"<weightinfo\b([^>]*)>")
_GENERATOR = re.compile(r"<generator\b([^>]*)>(.*?)</generator\s*>", re.DOTALL)
_CARD = re.compile(r"<slha>(.*?)</slha>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')""")


class Text:
    """The text of a file as it is needed: looks ahead by pattern, gives what lies before."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.path, self.stream = path, stream
        self.buffer, self.start, self.event = "", 0, 0

    def where(self) -> str:
        """The place for messages."""
        return f"in event {self.event}" if self.event else "in the header"

    def more(self) -> bool:
        """Read on; false at the end of the file.

        Raises:
            FileError: the compression is damaged, or what was begun takes more than 64 MB.
        """
        if len(self.buffer) - self.start > LONGEST:
            raise FileError(f"{self.path} does not end {self.where()} within {LONGEST >> 20} MB; it is damaged")
        try:
            block = self.stream.read(BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{self.path} is truncated or damaged {self.where()} ({error})") from error
        self.buffer, self.start = self.buffer[self.start :] + block, 0
        return bool(block)

    def until(self, end: str) -> str | None:
        """Text up to ``end``, which is skipped; ``None`` if it does not come."""
        seek = self.start
        while (found := self.buffer.find(end, seek)) < 0:
            kept = len(self.buffer) - self.start
            if not self.more():
                return None
            seek = max(0, kept - len(end))
        text = self.buffer[self.start : found]
        self.start = found + len(end)
        return text


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(value[1:-1]) for name, value in _ATTRIBUTE.findall(text or "")}


def _declared(header: str) -> list[dict[str, Any]]:
    """The weights that the header announces: id, group, text and further attributes."""
    weights: list[dict[str, Any]] = []
    group = ""
    for match in _DECLARED.finditer(header):
        if match.group(0).startswith("</"):
            group = ""
        elif match.group(0).startswith("<weightgroup"):
            attributes = _attributes(match.group(1))
            group = attributes.get("name", attributes.get("type", ""))
        else:
            attributes = _attributes(match.group(2))
            name = attributes.pop("id", attributes.pop("name", str(len(weights) + 1)))
            text = html.unescape((match.group(3) or "").strip())
            weights.append({"id": name, "group": group, "text": text, "attributes": attributes})
    if not weights:
        names = [_attributes(match.group(1)).get("name", "") for match in _NAMED.finditer(header)]
        weights = [{"id": name, "group": "", "text": "", "attributes": {}} for name in names if name]
    return weights


def _parameters(header: str) -> dict[str, dict[str, Any]]:
    """The entries of the card of parameters (SLHA), as ``"smeft 8"``, with name and value; the last one counts."""
    found: dict[str, dict[str, Any]] = {}
    block = ""
    for line in "\n".join(_CARD.findall(header)).splitlines():
        given, _, comment = line.partition("#")
        words, name = given.split(), comment.split()
        if len(words) >= 2 and words[0].lower() == "block":
            block = words[1].lower()
        elif block and len(words) >= 2 and words[0].isdigit():
            try:
                key = " ".join([block, *(str(int(word)) for word in words[:-1])])
                found[key] = {"name": name[0] if name else key, "value": float(words[-1])}
            except ValueError:
                continue
    return found


def _varied(header: str, weights: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of the parameters that the text of a weight names."""
    texts = "\n".join(" ".join(weight["text"].lower().split()) for weight in weights)
    return {key: entry for key, entry in _parameters(header).items() if f" {key} " in texts} if texts else {}


def _init(block: str) -> dict[str, Any]:
    """The run information: beams (PDG), energies (GeV), PDF sets, processes with cross sections (pb)."""
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    numbers = [line.split() for line in lines if line[0] not in "<#"]
    first = numbers[0]
    processes = [[float(token) for token in line] for line in numbers[1:]]
    return {
        "beams": [int(token) for token in first[0:2]],
        "energies_gev": [float(token) for token in first[2:4]],
        "pdf_groups": [int(token) for token in first[4:6]],
        "pdf_sets": [int(token) for token in first[6:8]],
        "weighting": int(first[8]),
        "processes": [
            {"cross_section_pb": a, "error_pb": b, "maximum_weight": c, "id": int(d)} for a, b, c, d in processes
        ],
        "generator": [
            {**_attributes(match.group(1)), "text": html.unescape(match.group(2).strip())}
            for match in _GENERATOR.finditer(block)
        ],
    }


def read_header(text: Text) -> dict[str, Any]:
    """Read up to the first event: provenance of the file.

    Raises:
        FileError: there is no ``<init>`` block, or it is broken.
    """
    head = text.until("</init>")
    match = _INIT.search(head) if head is not None else None
    if head is None or match is None:
        raise FileError(f"{text.path} has no <init> block: it is no Les Houches event file, or truncated in its header")
    try:
        init = _init(head[match.end() :])
    except (ValueError, IndexError, OverflowError) as error:
        raise FileError(f"{text.path} has a broken <init> block ({error})") from error
    version = re.search(r"<LesHouchesEvents[^>]*version\s*=\s*[\"']([^\"']*)", head)
    processes = init["processes"]
    weights = _declared(head[: match.start()])
    facts: dict[str, Any] = {"version": version.group(1) if version else "1.0", "init": init, "weights": weights}
    if varied := _varied(head[: match.start()], weights):
        facts["parameters"] = varied
    return {
        "source": text.path.name,
        "cross_section_pb": sum(process["cross_section_pb"] for process in processes),
        "cross_section_error_pb": math.hypot(*(process["error_pb"] for process in processes)),
        "lhe": facts,
    }


def bodies(text: Text) -> Iterator[str]:
    """The inside of each event.

    Raises:
        FileError: the file ends before ``</LesHouchesEvents>``.
    """
    while True:
        while not (match := _EVENT.search(text.buffer, text.start)):
            if "</LesHouchesEvents" in text.buffer[text.start :]:
                return
            text.start = max(text.start, len(text.buffer) - 32)  # a tag may be cut by the end of the block
            if not text.more():
                raise FileError(
                    f"{text.path} ends after event {text.event} without </LesHouchesEvents>: it is truncated"
                )
        text.event += 1
        text.start = match.end() - 1
        body = text.until("</event>")
        if body is None:
            raise FileError(f"{text.path} ends inside event {text.event}: it is truncated")
        yield body[body.index(">") + 1 :]

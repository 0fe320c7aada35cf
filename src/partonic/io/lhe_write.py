"""Writing Les Houches event files: every number so that it reads back the same."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.events import kinematics
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Ragged
from partonic.io.base import as_chunks
from partonic.version import __version__

# What a particle's line holds where the sample does not say: final state, no mothers, no colours, spin unknown.
INTEGERS = {"pid": 0, "status": 1, "mother1": -1, "mother2": -1, "color1": 0, "color2": 0}
MOTHERS = ("mother1", "mother2")  # positions from 0 in the sample, from 1 in the file
FLOATS = {"px": 0.0, "py": 0.0, "pz": 0.0, "e": 0.0, "mass": 0.0, "lifetime": 0.0, "spin": 9.0}
RWGT = "_rwgt"  # behind the name of a weight that the reader found taken
COLUMNS = {"scale": -1.0, "alpha_qed": -1.0, "alpha_qcd": -1.0}
UNKNOWN_INIT = {"beams": [0, 0], "energies_gev": [0.0, 0.0], "pdf_groups": [0, 0], "pdf_sets": [0, 0], "weighting": -4}


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:
    """Write a sample, or samples as they come; gzipped where the name ends in ``.gz``; gives the number of events.

    The run information and the descriptions of the weights are those in the provenance of a sample that was read
    from such a file, else zeros; what the standard has no place for (other columns and collections) is not written.

    Raises:
        InputError: there is no sample, it has no collection ``particles`` with pid, px, py, pz, e, or a number is not
            finite.
        FileError: the file cannot be written.
    """
    count = 0
    with atomic(path) as aside, _stream(aside, zipped=str(path).endswith(".gz")) as out:
        names: list[str] | None = None
        for chunk in as_chunks(events):
            if names is None:
                names = [name for name in chunk.weights if name != NOMINAL]
                out.write(_header(chunk, chunk.provenance if provenance is None else provenance, names))
            out.writelines(_events(chunk, names, count))
            count += len(chunk)
        if names is None:
            raise InputError("there is no sample to write")
        out.write("</LesHouchesEvents>\n")
    return count


@contextlib.contextmanager
def _stream(path: Path, *, zipped: bool) -> Iterator[TextIO]:
    if not zipped:
        with path.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        return
    import io

    # No name and no time in the archive: the same events give the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()


def _header(events: Events, provenance: Mapping[str, Any], names: list[str]) -> str:
    facts = provenance.get("lhe", {})
    init = {**UNKNOWN_INIT, **facts.get("init", {})}
    known = {weight["id"]: weight for weight in facts.get("weights", [])}
    lines = ['<LesHouchesEvents version="3.0">', "<header>", f"<!-- written by partonic {__version__} -->"]
    lines += _card(facts.get("parameters", {}))
    if names:
        lines += [
            "<initrwgt>",
            *_weights([known.get(_id(name, names), {"id": _id(name, names)}) for name in names]),
            "</initrwgt>",
        ]
    processes = init.get("processes")
    if processes is None:
        ids = np.unique(events.columns["process_id"]) if "process_id" in events.columns else [1]
        processes = [{"cross_section_pb": 0.0, "error_pb": 0.0, "maximum_weight": 0.0, "id": int(i)} for i in ids]
    first = [*init["beams"], *init["energies_gev"], *init["pdf_groups"], *init["pdf_sets"], init["weighting"]]
    lines += ["</header>", "<init>", " ".join(repr(number) for number in [*first, len(processes)])]
    for process in processes:
        numbers = (float(process[key]) for key in ("cross_section_pb", "error_pb", "maximum_weight"))
        lines.append(" ".join([*(repr(number) for number in numbers), str(process["id"])]))
    for generator in init.get("generator", []):
        inside = "".join(f" {name}={quoteattr(value)}" for name, value in generator.items() if name != "text")
        lines.append(f"<generator{inside}>{escape(generator['text'])}</generator>")
    return "\n".join([*lines, "</init>", ""])


def _id(name: str, names: list[str]) -> str:
    """The name that a weight had in the file it was read from."""
    while name.endswith(RWGT) and name.removesuffix(RWGT) in (NOMINAL, *names):
        name = name.removesuffix(RWGT)
    return name


def _card(parameters: Mapping[str, Any]) -> Iterator[str]:
    """The parameters that weights vary, as a card."""
    if parameters:
        yield "<slha>"
        for key, entry in parameters.items():
            block, _, numbers = key.partition(" ")
            comment = "" if entry["name"] == key else f" # {escape(entry['name'])}"
            yield f"BLOCK {block}"
            yield f"  {numbers} {entry['value']!r}{comment}"
        yield "</slha>"


def _weights(weights: list[dict[str, Any]]) -> Iterator[str]:
    group = ""
    for weight in weights:
        if weight.get("group", "") != group:
            if group:
                yield "</weightgroup>"
            group = weight.get("group", "")
            if group:
                yield f"<weightgroup name={quoteattr(group)}>"
        attributes = {"id": weight["id"], **weight.get("attributes", {})}
        inside = " ".join(f"{name}={quoteattr(str(value))}" for name, value in attributes.items())
        yield f"<weight {inside}>{escape(weight.get('text', ''))}</weight>"
    if group:
        yield "</weightgroup>"


def _fields(particles: Ragged) -> tuple[list[list[int]], list[list[float]]]:
    """Columns of the particles' lines, as Python numbers."""
    for name in ("pid", "px", "py", "pz", "e"):
        if name not in particles.fields:
            raise InputError(f"Les Houches events need the field '{name}' of the collection 'particles'")
    given = dict(particles.fields)
    if "mass" not in given:
        momenta = (np.asarray(given[name], dtype=np.float64) for name in ("px", "py", "pz", "e"))
        given["mass"] = kinematics.mass(*momenta)
    empty = np.zeros(particles.total)
    integers = [
        (np.asarray(given.get(name, empty + fill)).astype(np.int64) + (name in MOTHERS)).tolist()
        for name, fill in INTEGERS.items()
    ]
    floats = [np.asarray(given.get(name, empty + fill), dtype=np.float64) for name, fill in FLOATS.items()]
    return integers, [column.tolist() for column in floats]


def _finite(what: str, values: Array, events: Array, before: int) -> None:
    wrong = ~np.isfinite(values)
    if np.any(wrong):
        event = before + int(events[np.argmax(wrong)]) + 1
        raise InputError(f"event {event} has {what} {values[np.argmax(wrong)]}, which Les Houches events cannot hold")


def _events(chunk: Events, names: list[str], before: int) -> Iterator[str]:
    """The text of each event."""
    n = len(chunk)
    particles = chunk.collection("particles")
    for name, values in particles.fields.items():
        if np.issubdtype(values.dtype, np.floating):
            _finite(f"particles.{name}", values, particles.rows, before)
    columns = [np.asarray(chunk.columns.get(name, np.full(n, fill)), dtype=float) for name, fill in COLUMNS.items()]
    weights = [chunk.weight(), *(chunk.weight(name) for name in names)]
    for name, values in zip([*COLUMNS, NOMINAL, *names], [*columns, *weights], strict=True):
        _finite(name, values, np.arange(n), before)
    processes = np.asarray(chunk.columns.get("process_id", np.ones(n))).astype(np.int64).tolist()
    integers, floats = _fields(particles)
    lines = [
        f"{a} {b} {c} {d} {e} {f} {px!r} {py!r} {pz!r} {energy!r} {mass!r} {lifetime!r} {spin!r}\n"
        for a, b, c, d, e, f, px, py, pz, energy, mass, lifetime, spin in zip(*integers, *floats, strict=True)
    ]
    opened = [f"<wgt id={quoteattr(_id(name, names))}>" for name in names]
    offsets = particles.offsets.tolist()
    numbers = zip(processes, *(values.tolist() for values in [weights[0], *columns]), strict=True)
    extra = np.stack(weights[1:], axis=1).tolist() if names else [[]] * n
    for i, (process, weight, scale, qed, qcd) in enumerate(numbers):
        inside = lines[offsets[i] : offsets[i + 1]]
        head = f"<event>\n{len(inside)} {process} {weight!r} {scale!r} {qed!r} {qcd!r}\n"
        tagged = "".join(f"{tag}{value!r}</wgt>\n" for tag, value in zip(opened, extra[i], strict=True))
        weighted = f"<rwgt>\n{tagged}</rwgt>\n" if names else ""
        yield f"{head}{''.join(inside)}{weighted}</event>\n"

"""Workspaces of binned likelihoods, as JSON in the schema 1.0.0 of HistFactory that pyhf reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError, InputError, nearest, unknown
from partonic.core.files import read_json, write_json

VERSION = "1.0.0"
KINDS = {
    "histosys": {"hi_data", "lo_data"},
    "lumi": None,
    "normfactor": None,
    "normsys": {"hi", "lo"},
    "shapefactor": None,
    "shapesys": "bins",
    "staterror": "bins",
}
SETTINGS = ("inits", "bounds", "auxdata", "factors", "sigmas", "fixed")


@dataclass(frozen=True)
class Modifier:
    """What changes a sample.

    Args:
        kind: histosys, lumi, normfactor, normsys, shapefactor, shapesys or staterror.
        name: of its parameter.
        data: as the schema has it: ``{"hi_data", "lo_data"}``, ``{"hi", "lo"}``, a number a bin, or None.
    """

    kind: str
    name: str
    data: Any = None


@dataclass(frozen=True)
class BinnedSample:
    """A process in a channel.

    Args:
        name: of the process.
        data: expected events a bin.
        modifiers: what changes it.
    """

    name: str
    data: tuple[float, ...]
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True)
class Channel:
    """A histogram.

    Args:
        name: of the channel.
        samples: processes that add up.
        observed: events a bin.
    """

    name: str
    samples: tuple[BinnedSample, ...]
    observed: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """A parameter of interest and the settings of parameters.

    Args:
        name: of the measurement.
        poi: name of the parameter of interest; empty for none.
        parameters: name -> settings (inits, bounds, auxdata, factors, sigmas, fixed).
    """

    name: str
    poi: str
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Workspace:
    """Channels with what was observed, and measurements of them.

    Args:
        channels: at least one.
        measurements: at least one; the first is used unless another is named.
    """

    channels: tuple[Channel, ...]
    measurements: tuple[Measurement, ...]

    def measurement(self, name: str | None = None) -> Measurement:
        """One measurement by name, the first if None.

        Raises:
            UnknownNameError: there is none of this name.
        """
        names = {one.name: one for one in reversed(self.measurements)}
        if name is not None and name not in names:
            raise unknown("measurement", name, names)
        return self.measurements[0] if name is None else names[name]

    def to_tree(self) -> dict[str, Any]:
        """Plain data in the schema."""
        channels, observations = [], []
        for channel in self.channels:
            samples = [
                {
                    "name": sample.name,
                    "data": _plain(sample.data),
                    "modifiers": [{"name": m.name, "type": m.kind, "data": _plain(m.data)} for m in sample.modifiers],
                }
                for sample in channel.samples
            ]
            channels.append({"name": channel.name, "samples": samples})
            observations.append({"name": channel.name, "data": _plain(channel.observed)})
        measurements = []
        for one in self.measurements:
            parameters = [{"name": name, **_plain(settings)} for name, settings in one.parameters.items()]
            measurements.append({"name": one.name, "config": {"poi": one.poi, "parameters": parameters}})
        return {
            "channels": channels,
            "observations": observations,
            "measurements": measurements,
            "version": VERSION,
        }

    def write(self, path: Path | str) -> None:
        """Write the JSON file that pyhf and others read.

        Raises:
            FileError: it cannot be written.
        """
        write_json(path, self.to_tree())

    @classmethod
    def from_tree(cls, tree: Any) -> Workspace:
        """Read plain data in the schema.

        Raises:
            InputError: something is missing, of the wrong kind or inconsistent; the message says where.
        """
        top = _keys(tree, "the workspace", "channels observations measurements version")
        if top["version"] != VERSION:
            raise InputError(f"the workspace has version {top['version']!r}, not '{VERSION}'")
        observed = {}
        for entry in _list(top["observations"], "observations"):
            _keys(entry, "an observation", "name data")
            observed[_name(entry, "an observation")] = _numbers(entry["data"], f"observation '{entry['name']}'", 0.0)
        channels = tuple(_channel(entry, observed) for entry in _list(top["channels"], "channels"))
        _unique((channel.name for channel in channels), "channel")
        measurements = tuple(_measurement(entry) for entry in _list(top["measurements"], "measurements"))
        return cls(channels, measurements)


def read_workspace(path: Path | str) -> Workspace:
    """Read a workspace from a JSON file.

    Raises:
        FileError: there is no such file, or what is in it is no workspace; the message says where.
    """
    tree = read_json(path)
    try:
        return Workspace.from_tree(tree)
    except InputError as error:
        raise FileError(f"{path}: {error}") from error


def _plain(values: Any) -> Any:
    """Lists, mappings and numbers of Python in place of tuples and of NumPy's."""
    if isinstance(values, np.ndarray | np.generic):
        return values.tolist()
    if isinstance(values, Mapping):
        return {key: _plain(value) for key, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, list | tuple) else values


def _channel(entry: Any, observed: Mapping[str, tuple[float, ...]]) -> Channel:
    _keys(entry, "a channel", "name samples")
    name = _name(entry, "a channel")
    if name not in observed:
        raise InputError(f"channel '{name}' has no observation{nearest(name, observed)}")
    samples = tuple(
        _sample(one, f"channel '{name}'") for one in _list(entry["samples"], f"samples of channel '{name}'")
    )
    _unique((sample.name for sample in samples), f"channel '{name}': sample")
    bins = len(samples[0].data)
    for sample in samples:
        if len(sample.data) != bins:
            raise InputError(
                f"channel '{name}': sample '{sample.name}' has {len(sample.data)} bins, '{samples[0].name}' {bins}"
            )
    if len(observed[name]) != bins:
        raise InputError(f"channel '{name}' has {bins} bins, its observation {len(observed[name])}")
    return Channel(name, samples, observed[name])


def _sample(entry: Any, where: str) -> BinnedSample:
    _keys(entry, f"{where}: a sample", "name data modifiers")
    name = _name(entry, f"{where}: a sample")
    where = f"{where}, sample '{name}'"
    data = _numbers(entry["data"], where)
    if not isinstance(entry["modifiers"], list):
        raise InputError(f"{where}: modifiers must be a list")
    return BinnedSample(name, data, tuple(_modifier(one, where, len(data)) for one in entry["modifiers"]))


def _modifier(entry: Any, where: str, bins: int) -> Modifier:
    _keys(entry, f"{where}: a modifier", "name type data")
    name, kind, data = _name(entry, f"{where}: a modifier"), entry["type"], entry["data"]
    where = f"{where}, modifier '{name}'"
    if kind not in KINDS:
        raise InputError(f"{where}: no type '{kind}'{nearest(str(kind), KINDS)}")
    wanted = KINDS[kind]
    if kind == "lumi" and name != "lumi":
        raise InputError(f"{where}: a modifier of type lumi has the name 'lumi'")
    if wanted is None:
        if data is not None:
            raise InputError(f"{where}: a {kind} has no data, write null")
    elif isinstance(wanted, set):
        _keys(data, where, " ".join(sorted(wanted)))
        if kind == "normsys":
            low, high = (_numbers([data[key]], where)[0] for key in ("lo", "hi"))
            if not (low > 0 and high > 0):
                raise InputError(f"{where}: the factors of a normsys must be above 0, not {low} and {high}")
        else:
            for key in sorted(wanted):
                _bins(_numbers(data[key], f"{where}, {key}"), bins, f"{where}, {key}")
    else:
        _bins(_numbers(data, where, 0.0), bins, where)
    return Modifier(kind, name, data)


def _measurement(entry: Any) -> Measurement:
    _keys(entry, "a measurement", "name config")
    where = f"measurement '{_name(entry, 'a measurement')}'"
    config = _keys(entry["config"], where, "poi parameters")
    if not isinstance(config["poi"], str) or not isinstance(config["parameters"], list):
        raise InputError(f"{where}: poi must be a name and parameters a list")
    parameters: dict[str, dict[str, Any]] = {}
    for one in config["parameters"]:
        _keys(one, f"{where}: a parameter", "name", " ".join(SETTINGS))
        name = _name(one, f"{where}: a parameter")
        if name in parameters:
            raise InputError(f"{where}: two settings of parameter '{name}'")
        settings = {key: one[key] for key in SETTINGS if key in one}
        place = f"{where}, parameter '{name}'"
        for key in ("inits", "auxdata", "factors", "sigmas"):
            if key in settings:
                _numbers(settings[key], f"{place}, {key}")
        for pair in _list(settings["bounds"], f"{place}, bounds") if "bounds" in settings else []:
            if len(_numbers(pair, f"{place}, bounds")) != 2 or pair[0] > pair[1]:
                raise InputError(f"{place}: each of bounds is a lower and an upper number, not {pair}")
        if not isinstance(settings.get("fixed", False), bool):
            raise InputError(f"{place}: fixed is true or false")
        parameters[name] = settings
    return Measurement(entry["name"], config["poi"], parameters)


def _keys(tree: Any, where: str, required: str, optional: str = "") -> dict[str, Any]:
    """The mapping itself, once it has the keys that it must have and no others."""
    if not isinstance(tree, dict):
        raise InputError(f"{where} must be a mapping with {', '.join(required.split())}, not {tree!r:.40}")
    for key in required.split():
        if key not in tree:
            raise InputError(f"{where} has no '{key}'")
    allowed = {*required.split(), *optional.split()}
    for key in tree:
        if key not in allowed:
            raise InputError(f"{where}: unknown key '{key}'{nearest(str(key), allowed)}")
    return tree


def _list(values: Any, where: str) -> Sequence[Any]:
    if not isinstance(values, list) or not values:
        raise InputError(f"{where} must be a list of one or more")
    return values


def _name(entry: Mapping[str, Any], where: str) -> str:
    if not isinstance(entry["name"], str):
        raise InputError(f"the name of {where.replace(': ', ', ')} must be text, not {entry['name']!r}")
    return str(entry["name"])


def _numbers(values: Any, where: str, least: float | None = None) -> tuple[float, ...]:
    listed = _list(values, f"{where}: data")
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise InputError(f"{where}: {value!r} is not a finite number")
        if least is not None and value < least:
            raise InputError(f"{where}: {value} is below {least:g}")
    return tuple(float(value) for value in listed)


def _bins(values: tuple[float, ...], bins: int, where: str) -> None:
    if len(values) != bins:
        raise InputError(f"{where} has {len(values)} bins, its sample {bins}")


def _unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what} '{name}' stands twice")
        seen.add(name)

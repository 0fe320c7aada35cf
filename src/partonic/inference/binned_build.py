"""From a workspace to the binned model that it describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from partonic.core.errors import InputError, nearest, unknown
from partonic.inference.binned import BinnedModel, BinnedParameters, Terms
from partonic.inference.interpolation import ADDITIVE, MULTIPLICATIVE
from partonic.inference.workspace import SETTINGS, BinnedSample, Channel, Modifier, Workspace

TINY = 1e-10  # lower bound of factors that a Poisson or Gaussian constraint keeps near 1
ALLOWED = {
    "normfactor": {"inits", "bounds", "fixed"},
    "shapefactor": {"inits", "bounds", "fixed"},
    "normal": {"inits", "bounds", "fixed", "auxdata"},
    "lumi": {"inits", "bounds", "fixed", "auxdata", "sigmas"},
    "staterror": {"inits", "bounds", "fixed", "auxdata", "sigmas"},
    "shapesys": {"inits", "bounds", "fixed", "auxdata", "factors"},
}


@dataclass(frozen=True)
class _Set:
    """The parameters of one name: what makes two of one name the same, their settings, and if they are numbered."""

    kind: str
    inits: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...]
    fixed: tuple[bool, ...]
    auxdata: tuple[float, ...] = ()
    sigmas: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    numbered: bool = False


@dataclass
class _Lists:
    """Cells and their factors while they are collected."""

    nominal: list[float] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)
    factors: list[list[int]] = field(default_factory=list)
    shared: list[tuple[int, float, float]] = field(default_factory=list)
    shifts: list[tuple[int, int, float, float]] = field(default_factory=list)


def build(
    workspace: Workspace,
    measurement: str | None = None,
    *,
    normsys: str = "code4",
    histosys: str = "code4p",
) -> BinnedModel:
    """The likelihood of one measurement of a workspace; channels and samples in alphabetical order.

    Args:
        workspace: channels and measurements.
        measurement: which; the first if None.
        normsys: interpolation code of normalisations, code1 or code4.
        histosys: interpolation code of shapes, code0, code2 or code4p.

    Raises:
        UnknownNameError: no such measurement or interpolation code.
        InputError: what :meth:`~partonic.inference.workspace.Workspace.from_tree` raises, modifiers contradict each
            other or their settings, or there is no parameter of interest.
    """
    for code, known in ((normsys, MULTIPLICATIVE), (histosys, ADDITIVE)):
        if code not in known:
            raise unknown("interpolation code", code, known)
    workspace = Workspace.from_tree(workspace.to_tree())  # one that was made in Python has not been checked
    chosen = workspace.measurement(measurement)
    channels = sorted(workspace.channels, key=lambda channel: channel.name)
    sets, offsets = _sets(channels)
    for name, settings in chosen.parameters.items():
        if name in sets:
            sets[name] = _configured(name, sets[name], settings)
    if not sets:
        raise InputError("the workspace has no parameters")
    for name, one in sets.items():
        if one.kind == "lumi" and not (one.auxdata and one.sigmas and one.inits and one.bounds):
            raise InputError(
                f"'{name}' needs inits, bounds, auxdata and sigmas among the parameters of the measurement"
            )
    if chosen.poi and chosen.poi not in sets:
        raise InputError(f"the parameter of interest '{chosen.poi}' is in no modifier{nearest(chosen.poi, sets)}")
    if chosen.poi and len(sets[chosen.poi].inits) > 1:
        raise InputError(
            f"the parameter of interest '{chosen.poi}' has {len(sets[chosen.poi].inits)} components, not 1"
        )
    starts = dict(zip(sets, np.cumsum([0, *(len(one.inits) for one in sets.values())]).tolist(), strict=False))
    lists, slices, total = _Lists(), {}, 0
    count = sum(len(one.inits) for one in sets.values())
    for channel in channels:
        slices[channel.name] = slice(total, total + len(channel.observed))
        for sample in sorted(channel.samples, key=lambda sample: sample.name):
            _cells(lists, channel, sample, total, starts, offsets, count)
        total += len(channel.observed)
    observed = torch.tensor([value for channel in channels for value in channel.observed], dtype=torch.float64)
    poi = f"{chosen.poi}[0]" if chosen.poi and sets[chosen.poi].numbered else chosen.poi
    return BinnedModel(_parameters(sets), _terms(lists), observed, slices, poi, (normsys, histosys))


def _sets(channels: list[Channel]) -> tuple[dict[str, _Set], dict[tuple[str, str], int]]:
    """Parameters by name, and where the bins of a channel begin in those of statistical uncertainties."""
    sets: dict[str, _Set] = {}
    offsets: dict[tuple[str, str], int] = {}
    for channel in channels:
        for sample in sorted(channel.samples, key=lambda sample: sample.name):
            seen = set()
            for modifier in sample.modifiers:
                if (modifier.kind, modifier.name) in seen:
                    raise InputError(
                        f"channel '{channel.name}', sample '{sample.name}': '{modifier.name}' stands twice"
                    )
                seen.add((modifier.kind, modifier.name))
                if modifier.kind == "staterror":
                    continue
                one = _set(modifier, sample)
                before = sets.setdefault(modifier.name, one)
                if before is not one and (modifier.kind == "shapesys" or before != one):
                    raise InputError(
                        f"modifiers of the name '{modifier.name}' contradict each other, one on sample '{sample.name}' "
                        f"of channel '{channel.name}' (a {modifier.kind}): give them names of their own"
                    )
    for name, statistical in _statistical(channels, offsets).items():
        if name in sets:
            raise InputError(f"'{name}' is a staterror and another modifier at once: give them names of their own")
        sets[name] = statistical
    return sets, offsets


def _set(modifier: Modifier, sample: BinnedSample) -> _Set:
    n = len(sample.data)
    if modifier.kind == "normfactor":
        return _Set("normfactor", (1.0,), ((0.0, 10.0),), (False,))
    if modifier.kind == "shapefactor":
        return _Set("shapefactor", (1.0,) * n, ((0.0, 10.0),) * n, (False,) * n, numbered=True)
    if modifier.kind == "lumi":
        return _Set("lumi", (), (), (False,))
    if modifier.kind == "shapesys":
        good = [yields > 0 and error > 0 for yields, error in zip(sample.data, modifier.data, strict=True)]
        pairs = zip(good, sample.data, modifier.data, strict=True)
        factors = tuple((yields / error) ** 2 if fine else 1.0 for fine, yields, error in pairs)
        fixed = tuple(not fine for fine in good)
        return _Set("shapesys", (1.0,) * n, ((TINY, 10.0),) * n, fixed, factors, (), factors, numbered=True)
    return _Set("normal", (0.0,), ((-5.0, 5.0),), (False,), (0.0,), (1.0,))


def _statistical(channels: list[Channel], offsets: dict[tuple[str, str], int]) -> dict[str, _Set]:
    """Statistical uncertainties: errors of the samples in quadrature over their sum, one parameter a bin."""
    found: dict[str, list[float]] = {}
    carriers: dict[str, dict[str, set[str]]] = {}
    for channel in channels:
        sums: dict[str, list[Any]] = {}
        for sample in channel.samples:
            for modifier in sample.modifiers:
                if modifier.kind == "staterror":
                    sums.setdefault(modifier.name, []).append((np.array(sample.data), np.array(modifier.data)))
                    carriers.setdefault(modifier.name, {}).setdefault(sample.name, set()).add(channel.name)
        for name, pairs in sums.items():
            yields = np.sum([pair[0] for pair in pairs], axis=0)
            error = np.sqrt(np.sum([pair[1] ** 2 for pair in pairs], axis=0))
            offsets[name, channel.name] = len(found.setdefault(name, []))
            found[name] += np.divide(error, yields, out=np.zeros_like(yields), where=yields > 0).tolist()
    for name, samples in carriers.items():
        if len({frozenset(places) for places in samples.values()}) > 1:
            raise InputError(f"the staterror '{name}' is on its samples in different channels: use one name a channel")
    sets = {}
    for name, relative in found.items():
        n, fixed = len(relative), tuple(value == 0 for value in relative)
        widths = tuple(value if value > 0 else 1.0 for value in relative)
        sets[name] = _Set("staterror", (1.0,) * n, ((TINY, 10.0),) * n, fixed, (1.0,) * n, widths, numbered=True)
    return sets


def _configured(name: str, one: _Set, settings: Mapping[str, Any]) -> _Set:
    """A set with the settings of the measurement."""
    changes: dict[str, Any] = {}
    n = max(len(one.inits), 1)
    for key, value in settings.items():
        if key not in ALLOWED[one.kind]:
            raise InputError(
                f"parameter '{name}' has no {key}; it has {', '.join(sorted(ALLOWED[one.kind], key=SETTINGS.index))}"
            )
        if key == "fixed":
            changes[key] = (bool(value),) * n
            continue
        if len(value) != n:
            raise InputError(f"parameter '{name}': {key} must have {n} values, not {len(value)}")
        changes[key] = tuple(tuple(pair) for pair in value) if key == "bounds" else tuple(map(float, value))
    if any(not width > 0 for width in changes.get("sigmas", ())):
        raise InputError(f"parameter '{name}': sigmas must be above 0")
    return replace(one, **changes)


def _cells(
    lists: _Lists,
    channel: Channel,
    sample: BinnedSample,
    begin: int,
    starts: Mapping[str, int],
    offsets: Mapping[tuple[str, str], int],
    count: int,
) -> None:
    """Add the bins of one sample of one channel."""
    first, n = len(lists.nominal), len(sample.data)
    lists.nominal += sample.data
    lists.bins += range(begin, begin + n)
    lists.factors += [[] for _ in range(n)]
    for modifier in sample.modifiers:
        start = starts[modifier.name]
        if modifier.kind == "histosys":
            low, high = modifier.data["lo_data"], modifier.data["hi_data"]
            for i, nominal in enumerate(sample.data):
                lists.shifts.append((first + i, start, low[i] - nominal, high[i] - nominal))
            continue
        if modifier.kind == "normsys":
            rows = [count + len(lists.shared)] * n
            lists.shared.append((start, modifier.data["lo"], modifier.data["hi"]))
        elif modifier.kind in ("normfactor", "lumi"):
            rows = [start] * n
        else:
            start += offsets.get((modifier.name, channel.name), 0) if modifier.kind == "staterror" else 0
            rows = list(range(start, start + n))
        for i, row in enumerate(rows):
            lists.factors[first + i].append(row)


def _terms(lists: _Lists) -> Terms:
    """The collected cells as tensors, those with most factors first."""
    order = sorted(range(len(lists.nominal)), key=lambda cell: -len(lists.factors[cell]))
    place = {cell: position for position, cell in enumerate(order)}
    most = len(lists.factors[order[0]])
    slots = tuple(
        torch.tensor([lists.factors[cell][k] for cell in order if len(lists.factors[cell]) > k]) for k in range(most)
    )
    shared = np.array(lists.shared, dtype=np.float64).reshape(-1, 3)
    shifts = np.array([(place[row[0]], *row[1:]) for row in lists.shifts], dtype=np.float64).reshape(-1, 4)
    return Terms(
        torch.tensor([lists.nominal[cell] for cell in order], dtype=torch.float64),
        torch.tensor([lists.bins[cell] for cell in order]),
        slots,
        (
            torch.from_numpy(shared[:, 0].astype(np.int64)),
            torch.from_numpy(shared[:, 1:2]),
            torch.from_numpy(shared[:, 2:3]),
        ),
        (
            torch.from_numpy(shifts[:, 0].astype(np.int64)),
            torch.from_numpy(shifts[:, 1].astype(np.int64)),
            torch.from_numpy(shifts[:, 2:3]),
            torch.from_numpy(shifts[:, 3:4]),
        ),
    )


def _parameters(sets: Mapping[str, _Set]) -> BinnedParameters:
    columns: dict[str, list[Any]] = {
        key: [] for key in ("names", "initial", "bounds", "fixed", "aux", "widths", "rates")
    }
    for name, one in sets.items():
        n = len(one.inits)
        columns["names"] += [f"{name}[{i}]" for i in range(n)] if one.numbered else [name]
        columns["initial"] += one.inits
        columns["bounds"] += one.bounds
        columns["fixed"] += one.fixed
        columns["aux"] += one.auxdata or (0.0,) * n
        columns["widths"] += one.sigmas or (float("inf"),) * n
        columns["rates"] += one.factors or (0.0,) * n
    bounds = torch.tensor(columns["bounds"], dtype=torch.float64)
    values = [torch.tensor(columns[key], dtype=torch.float64) for key in ("initial", "aux", "widths", "rates")]
    fixed = torch.tensor(columns["fixed"])
    return BinnedParameters(
        tuple(columns["names"]), values[0], bounds[:, 0], bounds[:, 1], fixed, values[1], values[2], values[3]
    )

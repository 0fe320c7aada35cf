"""Morphing components of events that carry weights at benchmark points, as generators with reweighting write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, unknown
from partonic.events.events import Events
from partonic.inference.morphing import Morphing

Floats = NDArray[np.float64]

MISFIT = 1e-4  # of a weight, how far the polynomial may be from it where there are more weights than monomials
_SET = re.compile(r"^\s*set\s+param_card\s+([A-Za-z]\w*(?:\s+\d+)+)\s+(\S+)\s*(?:#\s*orig:\s*(\S+))?", re.MULTILINE)


@dataclass(frozen=True)
class Benchmarks:
    """Points in parameter space at which the events of a sample have weights.

    Args:
        names: of the weights, k'.
        points: (k', p).
        parameters: names of the p parameters.

    Raises:
        InputError: the numbers of names, points and parameters disagree, or a point is not finite.
    """

    names: tuple[str, ...]
    points: Floats
    parameters: tuple[str, ...]

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        if points.shape != (len(self.names), len(self.parameters)) or not np.all(np.isfinite(points)):
            raise InputError(
                f"{len(self.names)} weights and {len(self.parameters)} parameters need as many finite points, "
                f"not an array of shape {points.shape}"
            )
        object.__setattr__(self, "points", points)

    def __len__(self) -> int:
        return len(self.names)

    def morphing(self, degree: int = 2) -> Morphing:
        """All monomials of these parameters up to a degree."""
        return Morphing.polynomial(self.parameters, degree)

    def without(self, *names: str) -> Benchmarks:
        """Those that are left without some weights.

        Raises:
            UnknownNameError: there is no such weight.
        """
        for name in names:
            if name not in self.names:
                raise unknown("benchmark", name, self.names)
        kept = [i for i, name in enumerate(self.names) if name not in names]
        return replace(self, names=tuple(self.names[i] for i in kept), points=self.points[kept])


def benchmarks_of(events: Events) -> Benchmarks:
    """The points that the header of a file of parton-level events gives for the weights (MadGraph's reweighting).

    Lines ``set param_card BLOCK NUMBER VALUE`` say where a weight stands; a weight of the same group without any stands
    where the events were generated. A parameter has the name of the card, spelt as in the names of the weights.

    Args:
        events: as :func:`partonic.io.lhe.read` gives them, or simulated from such a file.

    Raises:
        InputError: the header gives no point of any weight of the events, or one that is no number.
    """
    facts = events.provenance.get("lhe", {})
    declared = [weight for weight in facts.get("weights", []) if weight["id"] in events.weights]
    groups = {weight["group"] for weight in declared if _SET.search(weight["text"])}
    chosen = [w for w in declared if w["group"] in groups and (_SET.search(w["text"]) or not w["text"].strip())]
    if not chosen:
        raise InputError(
            "the header of this sample places none of its weights in parameter space (no line 'set param_card BLOCK "
            "NUMBER VALUE'); take a file whose header does, or give the points in Python as Benchmarks(names, points, "
            "parameters)"
        )
    settings = [_settings(weight) for weight in chosen]
    keys = sorted({key for setting in settings for key in setting}, key=_natural)
    card = facts.get("parameters", {})
    origin = {key: card.get(key, {}).get("value", 0.0) for key in keys}
    for setting in settings:
        origin |= {key: before for key, (_, before) in setting.items() if before is not None}
    points = [[setting.get(key, (origin[key], None))[0] for key in keys] for setting in settings]
    names = tuple(weight["id"] for weight in chosen)
    spelt = tuple(_spelling(card.get(key, {}).get("name", key), names) for key in keys)
    return Benchmarks(names, np.array(points), spelt)


def _settings(weight: Mapping[str, Any]) -> dict[str, tuple[float, float | None]]:
    """Parameter -> its value at a weight, and the one before where the line says it."""
    found: dict[str, tuple[float, float | None]] = {}
    for key, value, before in _SET.findall(weight["text"]):
        try:
            found[" ".join(key.lower().split())] = float(value), float(before) if before else None
        except ValueError as error:
            raise InputError(f"the weight '{weight['id']}' sets {key} to '{value}', which is no number") from error
    return found


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(word), "") if word.isdigit() else (0, word) for word in key.split()]


def _spelling(name: str, weights: Sequence[str]) -> str:
    words = (word for weight in weights for word in weight.split("_"))
    return next((word for word in words if word.lower() == name.lower()), name)


def components_of(
    events: Events, benchmarks: Benchmarks, morphing: Morphing | None = None, cross_section: float | None = None
) -> Floats:
    r"""The components c of events, with cross section :math:`\langle w\,c\cdot\phi(\theta)\rangle/\langle w\rangle`.

    Args:
        events: with the weights of the benchmarks and the nominal weight w.
        benchmarks: where they stand.
        morphing: the polynomial; the quadratic one of the benchmarks' parameters if None.
        cross_section: of the nominal weight in this sample, in pb; that of the provenance if None, for a whole sample.

    Returns:
        (n, k), in pb.

    Raises:
        UnknownNameError: the events lack a weight.
        InputError: a weight is negative, zero or not finite, the benchmarks do not span the polynomial, the weights are
            more than its monomials and not on it, or no cross section is known.
    """
    chosen = morphing or benchmarks.morphing()
    section = events.provenance.get("cross_section_pb") if cross_section is None else cross_section
    if section is None or not section > 0:
        raise InputError("this sample does not say its cross section; give it in pb")
    for name in benchmarks.names:
        if name not in events.weights:
            raise unknown("weight", name, events.weights)
    nominal = _checked("nominal", events.weight())
    table = np.stack([_checked(name, events.weight(name)) for name in benchmarks.names], axis=-1)
    components = chosen.components(table / nominal[:, None], benchmarks.points) * section
    misfit = np.abs(components @ chosen.basis(benchmarks.points).T * nominal[:, None] / section / table - 1)
    if misfit.max() > MISFIT:
        row, column = np.unravel_index(np.argmax(misfit), misfit.shape)
        raise InputError(
            f"the weights are no polynomial of degree {chosen.degree} in {', '.join(chosen.parameters)}: '"
            f"{benchmarks.names[column]}' of event {row + 1:,} is {misfit.max():.1g} of itself away from it"
        )
    return components


def _checked(name: str, values: Floats) -> Floats:
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise InputError(
            f"{wrong.size:,} of {len(values):,} events have a weight '{name}' that is not above 0 (the first is event "
            f"{wrong[0] + 1:,} with {values[wrong[0]]:g}); components need weights above 0"
        )
    return values


def with_components(
    events: Events, benchmarks: Benchmarks | None = None, morphing: Morphing | None = None
) -> tuple[Events, Morphing]:
    """The events with their components as gold, and the polynomial.

    Args:
        events: with weights at benchmark points.
        benchmarks: where they stand; as the header of the file says if None.
        morphing: the polynomial; the quadratic one of the benchmarks' parameters if None.

    Raises:
        InputError: as :func:`benchmarks_of` and :func:`components_of`.
    """
    known = benchmarks or benchmarks_of(events)
    chosen = morphing or known.morphing()
    components = components_of(events, known, chosen)
    facts = {"parameters": list(chosen.parameters), "powers": [list(row) for row in chosen.powers]}
    done = replace(events, gold={**events.gold, "components": components}).with_provenance(morphing=facts)
    return done, chosen


def smallest_eigenvalues(components: ArrayLike, morphing: Morphing) -> Floats:
    """The smallest eigenvalue of each event's quadratic form over its weight at theta = 0, (n,).

    A form without negative eigenvalues gives weights that are nowhere negative.

    Args:
        components: (n, k), of a polynomial of degree 2.
        morphing: the polynomial.

    Raises:
        InputError: the degree is not 2, or the shape is wrong.
    """
    form = morphing.form(components)
    result: Floats = np.linalg.eigvalsh(form)[..., 0] / form[..., 0, 0]
    return result

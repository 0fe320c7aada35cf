"""Jets by anti-kT (arXiv:0802.1189) from fastjet's vectorised interface (arXiv:1111.6097), many events at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import require
from partonic.events import kinematics
from partonic.events.ragged import Array, Link, Ragged, gather_rows
from partonic.simulators.quiet import quiet

_MOMENTUM = ("px", "py", "pz", "e")
CONSTITUENT_FIELDS = (*_MOMENTUM, "charge", "pid", "d0", "dz", "d0_error", "dz_error")
"""What a jet's constituents carry (momenta in float32 GeV, impact parameters in float32 mm)."""


@dataclass(frozen=True)
class Axes:
    """Directions and sizes of jets, each (jets,).

    Args:
        pt: transverse momentum (GeV).
        eta: pseudorapidity.
        phi: azimuth.
        mass: GeV.
    """

    pt: Array
    eta: Array
    phi: Array
    mass: Array


def silence() -> None:
    """Let fastjet print its banner, once a process, where nobody sees it.

    Raises:
        MissingPackageError: fastjet is not installed.
    """
    require("fastjet", "simulate")
    one = Ragged.from_counts(np.ones(1, dtype=np.int64), dict.fromkeys(_MOMENTUM, np.ones(1)))
    with quiet():
        cluster(one, 0.4, 0.0, "particles")


def cluster(particles: Ragged, radius: float, pt_min: float, target: str) -> Ragged:
    """Cluster the particles of each event into anti-kT jets (E-scheme).

    Args:
        particles: with fields px py pz e (GeV).
        radius: R.
        pt_min: lowest pt of a jet (GeV).
        target: name of the collection ``particles`` for the link.

    Returns:
        Jets by falling pt, fields px py pz e (GeV, float64) and the link ``constituents``.
    """
    import awkward as ak
    import fastjet

    content = ak.contents
    record = content.RecordArray(
        [content.NumpyArray(np.asarray(particles[name], dtype=np.float64)) for name in _MOMENTUM],
        ["px", "py", "pz", "E"],
    )
    events = ak.Array(content.ListOffsetArray(ak.index.Index64(particles.offsets), record))
    sequence = fastjet.ClusterSequence(events, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))
    found = ak.to_packed(sequence.inclusive_jets(pt_min)).layout
    members = ak.to_packed(sequence.constituent_index(pt_min)).layout
    fields = {
        name: np.asarray(found.content.content(key).data)
        for name, key in zip(_MOMENTUM, ("px", "py", "pz", "E"), strict=True)
    }
    offsets = np.asarray(found.offsets.data)
    link = Link(
        target,
        np.asarray(members.content.offsets.data, dtype=np.int64),
        np.asarray(members.content.content.data).astype(np.int64),
    )
    return _by_pt(Ragged(offsets, fields, {"constituents": link}))


def _by_pt(jets: Ragged) -> Ragged:
    order = np.lexsort((-np.hypot(jets["px"], jets["py"]), jets.rows))
    fields = {name: values[order] for name, values in jets.fields.items()}
    return Ragged(jets.offsets, fields, {name: link.take(order) for name, link in jets.links.items()})


def axes(jets: Ragged) -> Axes:
    """Where jets point and how heavy they are."""
    px, py, pz, e = (jets[name] for name in _MOMENTUM)
    return Axes(
        kinematics.pt(px, py), kinematics.eta(px, py, pz), kinematics.phi(px, py), kinematics.mass(px, py, pz, e)
    )


def constituents(particles: Ragged, jets: Ragged, chosen: NDArray[np.int64]) -> Ragged:
    """Constituents of chosen jets as a collection of their own, one row a jet, by falling pt.

    Args:
        particles: what the jets were made of.
        jets: jets with the link ``constituents``.
        chosen: flat positions of the jets.

    Returns:
        The fields of :data:`CONSTITUENT_FIELDS` that the particles have, numbers with a fraction in float32.
    """
    link = jets.links["constituents"]
    offsets, positions = gather_rows(link.offsets, chosen)
    counts = np.diff(offsets)
    members = link.index[positions] + np.repeat(particles.offsets[jets.rows[chosen]], counts)
    # Sorted as the stored single-precision numbers say.
    px, py = (particles[name][members].astype(np.float32) for name in ("px", "py"))
    row = np.repeat(np.arange(len(chosen)), counts)
    order = members[np.lexsort((-kinematics.pt(px.astype(np.float64), py.astype(np.float64)), row))]
    return Ragged(offsets, {name: _single(particles[name][order]) for name in _carried(particles)})


def _carried(particles: Ragged) -> list[str]:
    return [name for name in CONSTITUENT_FIELDS if name in particles.fields]


def _single(values: Array) -> NDArray[Any]:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def slim(particles: Ragged) -> Ragged:
    """A collection with the fields that are stored, numbers with a fraction in float32."""
    return Ragged(particles.offsets, {name: _single(particles[name]) for name in _carried(particles)})

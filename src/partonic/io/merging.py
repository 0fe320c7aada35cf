"""Collections put together: leptons of electrons and muons, the energy flow of tracks and towers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partonic.events.ragged import Array, Ragged, offsets_from_counts

LEPTON = ("px", "py", "pz", "e", "pid", "charge", "isolation", "d0", "dz", "d0_error", "dz_error")


def places(ragged: Ragged) -> Array:
    """Position of each item within its event, (items,)."""
    found: Array = np.arange(ragged.total) - np.repeat(ragged.offsets[:-1], ragged.counts)
    return found


def joined(parts: Sequence[Ragged], names: Sequence[str]) -> tuple[Ragged, Array]:
    """The named fields of several collections of the same events, by falling pt where there are momenta.

    Returns:
        The collection, and for each of its items the row in the arrays of all parts one after the other.
    """
    fields = {name: np.concatenate([part[name] for part in parts]) for name in names}
    rows = np.concatenate([part.rows for part in parts])
    size = np.hypot(fields["px"], fields["py"]) if "px" in fields else np.zeros(len(rows))
    order = np.lexsort((-size, rows))
    counts = np.sum([part.counts for part in parts], axis=0)
    return Ragged(offsets_from_counts(counts), {name: values[order] for name, values in fields.items()}), order


def leptons(electrons: Ragged, muons: Ragged) -> Ragged:
    """Electrons and muons by falling pt, with the fields that both have and ``position`` in their own list."""
    names = [name for name in LEPTON if name in electrons.fields and name in muons.fields]
    both, order = joined([electrons, muons], names)
    return both.with_fields(position=np.concatenate([places(electrons), places(muons)])[order])

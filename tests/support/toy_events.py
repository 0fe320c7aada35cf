"""Events made of toy jets: jets that point at their particles, and missing momentum."""

import numpy as np
from toy_jets import toy_jets

from partonic.events import Events, Link, Ragged
from partonic.events.ragged import offsets_from_counts


def toy_events(n=40, seed=1, fewest=0, smallest=1):
    """Events of ``fewest`` to 5 jets, by falling pt; those of label 1 have more jets of three prongs than others."""
    rng = np.random.default_rng(seed)
    label, n_jets = np.arange(n) % 2, rng.integers(fewest, 6, n)
    pool = toy_jets(max(2 * n_jets.sum(), 2), seed=seed, smallest=smallest)
    prongs = pool.column("label")
    wanted = (rng.random(n_jets.sum()) < np.where(np.repeat(label, n_jets) == 1, 0.8, 0.2)).astype(int)
    one, three = (iter(np.flatnonzero(prongs == kind)) for kind in (0, 1))
    chosen = np.array([next(three if kind else one) for kind in wanted], dtype=np.int64)
    parts = pool.collection("constituents").take(chosen)
    event = np.repeat(np.arange(n), n_jets)
    momenta = {name: np.bincount(parts.rows, values, len(parts)) for name, values in parts.fields.items()}
    order = np.lexsort((-np.hypot(momenta["px"], momenta["py"]), event))
    parts = parts.take(order)
    particles = Ragged(offsets_from_counts(np.bincount(event, parts.counts, n).astype(int)), dict(parts.fields))
    first = particles.offsets[event]
    index = np.arange(parts.total) - np.repeat(first, parts.counts)
    fields = {name: values[order] for name, values in momenta.items()}
    jets = Ragged.from_counts(n_jets, fields, {"constituents": Link("particles", parts.offsets, index)})
    columns = {"label": label.astype(np.int8), "met_pt": rng.exponential(20.0, n), "met_phi": rng.uniform(-3, 3, n)}
    return Events(columns, {}, {"particles": particles, "jets": jets})

"""Jets made of random numbers, quick and of the right shape: two or three prongs against one."""

from pathlib import Path

import numpy as np

from partonic.events import Events, Ragged


def toy_jets(n=64, seed=1, smallest=2):
    """Massless constituents around an axis anywhere in azimuth; label 1 has three prongs, label 0 has one."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(smallest, 60, n)
    label = np.arange(n) % 2
    row = np.repeat(np.arange(n), counts)
    centres = rng.normal(0, 0.3, (n, 3, 2)) * label[:, None, None]
    prong = rng.integers(0, 3, counts.sum())
    place = centres[row, prong] + rng.standard_normal((counts.sum(), 2)) * 0.06
    eta = rng.uniform(-1.5, 1.5, n)[row] + place[:, 0]
    phi = rng.uniform(-np.pi, np.pi, n)[row] + place[:, 1]
    pt = np.exp(rng.normal(2.0, 1.0, counts.sum()))
    order = np.lexsort((-pt, row))
    return from_cylinder(counts, pt[order], eta[order], phi[order], label)


def from_cylinder(counts, pt, eta, phi, label=None):
    """Jets of massless constituents in double precision."""
    pt, eta, phi = (np.asarray(values, dtype=np.float64) for values in (pt, eta, phi))
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    columns = {} if label is None else {"label": np.asarray(label, dtype=np.int8)}
    return Events(columns, {}, {"constituents": Ragged.from_counts(np.asarray(counts), fields)})


def changed(events, **fields):
    """The same jets with fields of their constituents replaced."""
    return events.with_collections(constituents=events.collection("constituents").with_fields(**fields))


def boosted(events, rapidity):
    """The same jets seen from a frame that moves along the beam."""
    c = events.collection("constituents")
    ch, sh = np.cosh(rapidity), np.sinh(rapidity)
    return changed(events, e=ch * c["e"] + sh * c["pz"], pz=ch * c["pz"] + sh * c["e"])


def turned(events, angle):
    """The same jets rotated about the beam."""
    c = events.collection("constituents")
    cos, sin = np.cos(angle), np.sin(angle)
    return changed(events, px=cos * c["px"] - sin * c["py"], py=sin * c["px"] + cos * c["py"])


def mirrored(events, field="pz"):
    """The same jets with one momentum component reversed."""
    return changed(events, **{field: -events.collection("constituents")[field]})


def permuted(events, seed=3):
    """The same jets, constituents in another order."""
    c = events.collection("constituents")
    order = np.lexsort((np.random.default_rng(seed).random(c.total), c.rows))
    return changed(events, **{name: values[order] for name, values in c.fields.items()})


def pythia_jets():
    """60 top and 60 light jets that Pythia made, from tests/data."""
    with np.load(Path(__file__).parents[1] / "data" / "pythia_jets.npz") as data:
        fields = {name: data[name] for name in ("px", "py", "pz", "e")}
        return Events({"label": data["label"]}, {}, {"constituents": Ragged.from_counts(data["counts"], fields)})


def with_kinds(events, seed=2):
    """The same jets, their constituents of random kinds; charged ones have impact parameters in mm."""
    c = events.collection("constituents")
    rng = np.random.default_rng(seed)
    pid = rng.choice([211, -211, 130, 22, 11, -13], c.total)
    charge = np.select([np.isin(pid, (211, -13)), np.isin(pid, (-211, 11))], [1, -1], 0).astype(np.int8)
    tracks = {name: rng.exponential(0.1, c.total) * (charge != 0) for name in ("d0", "d0_error", "dz", "dz_error")}
    return changed(events, charge=charge, pid=pid, **tracks)

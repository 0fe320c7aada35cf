"""A small valid file of every format, for the tests that damage files: a further format joins with one line."""

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import uproot

from partonic.events import Events, Ragged
from partonic.io import formats


def sample_jets(n=40, seed=5):
    """Jets of massless constituents by falling pt, with label, split and jet momenta."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 12, n)
    row = np.repeat(np.arange(n), counts)
    pt, eta, phi = (
        rng.exponential(20, counts.sum()),
        rng.normal(0.3, 0.2, counts.sum()),
        rng.normal(1, 0.2, counts.sum()),
    )
    order = np.lexsort((-pt, row))
    pt, eta, phi = pt[order], eta[order], phi[order]
    p = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    fields = {name: values.astype(np.float32) for name, values in p.items()}
    px, py = (np.bincount(row, fields[name], n) for name in ("px", "py"))
    columns = {
        "label": (np.arange(n) % 2).astype(np.int8),
        "split": np.array(["train", "val", "test"])[np.arange(n) % 3],
        "jet_pt": np.hypot(px, py).astype(np.float32),
    }
    return Events(columns, {}, {"constituents": Ragged.from_counts(counts, fields)})


def sample_collisions(n=20, seed=6):
    """Events q qbar -> Z -> mu mu with the columns and fields of a Les Houches file and two named weights."""
    rng = np.random.default_rng(seed)
    cos, phi = rng.uniform(-1, 1, n), rng.uniform(-np.pi, np.pi, n)
    sin, half = np.sqrt(1 - cos**2), 45.594
    axis = np.stack([sin * np.cos(phi), sin * np.sin(phi), cos], axis=1) * half
    zero = np.zeros((n, 3))
    beam = np.tile([0, 0, half], (n, 1))
    p = np.stack([beam, -beam, zero, axis, -axis], axis=1).reshape(-1, 3)
    fields = {
        "px": p[:, 0],
        "py": p[:, 1],
        "pz": p[:, 2],
        "e": np.tile([half, half, 2 * half, half, half], n),
        "mass": np.tile([0, 0, 2 * half, 0, 0], n),
        "pid": np.tile([2, -2, 23, 13, -13], n),
        "status": np.tile([-1, -1, 2, 1, 1], n),
        "mother1": np.tile([0, 0, 1, 3, 3], n),
        "mother2": np.tile([0, 0, 2, 3, 3], n),
    }
    weights = {"nominal": np.full(n, 1.5), "up": 1.5 + rng.normal(0, 0.1, n)}
    return Events({}, weights, {"particles": Ragged.from_counts(np.full(n, 5), fields)})


def written(name: str, events: Callable[[], Events]) -> Callable[[Path], Path]:
    """Maker of a file by our own writer."""

    def make(folder: Path) -> Path:
        ending = next(entry for entry in formats.FORMATS if entry.name == name).suffixes[0]
        path = folder / f"sample{ending}"
        formats.write(path, events(), to=name)
        return path

    return make


def ntuple(folder: Path) -> Path:
    """A ROOT file with one tree, written with uproot."""
    events = sample_jets()
    constituents = events.collections["constituents"]
    arrays = {name: ak.unflatten(values, constituents.counts) for name, values in constituents.fields.items()}
    path = folder / "sample.root"
    content = {"label": events.columns["label"], "jet_pt": events.columns["jet_pt"], "particle": ak.zip(arrays)}
    with uproot.recreate(path) as file:
        file.mktree("jets", {name: ak.type(ak.Array(values)).content for name, values in content.items()})
        file["jets"].extend(content)
    return path


def energyflow(folder: Path) -> Path:
    """Quark and gluon jets as EnergyFlow publishes them, written with NumPy."""
    constituents = sample_jets().collections["constituents"]
    px, py, pz = (constituents.padded(name, 12).astype(float) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    rapidity = np.arcsinh(pz / np.where(pt > 0, pt, 1))
    x = np.stack([pt, rapidity, np.arctan2(py, px), np.where(pt > 0, 211, 0)], axis=2)
    path = folder / "sample.npz"
    np.savez_compressed(path, X=x, y=np.arange(40) % 2)
    return path


def jetnet(folder: Path) -> Path:
    """Top jets as JetNet publishes them, written with h5py."""
    rng = np.random.default_rng(7)
    there = np.arange(30) < rng.integers(1, 31, 40)[:, None]
    features = np.stack(
        [rng.normal(0, 0.1, (40, 30)), rng.normal(0, 0.1, (40, 30)), rng.random((40, 30)), there], axis=2
    )
    jets = np.stack(
        [rng.normal(1000, 50, 40), rng.normal(0, 1, 40), rng.uniform(50, 200, 40), there.sum(axis=1)], axis=1
    )
    path = folder / "t.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("particle_features", data=(features * there[:, :, None]).astype("f4"))
        file.create_dataset("jet_features", data=jets.astype("f4"))
    return path


def lhco(folder: Path) -> Path:
    """An event list as the LHC Olympics publish them, written with pandas."""
    rng = np.random.default_rng(8)
    p = np.stack([rng.exponential(30, (10, 700)), rng.normal(0, 1, (10, 700)), rng.uniform(-3, 3, (10, 700))], axis=2)
    p *= (np.arange(700) < rng.integers(50, 700, 10)[:, None])[:, :, None]
    path = folder / "sample.h5"
    frame = pd.DataFrame(np.concatenate([p.reshape(10, -1), np.arange(10)[:, None] % 2], axis=1))
    frame.to_hdf(path, key="df", mode="w", complib="blosc", complevel=5)
    return path


def nanoaod(folder: Path) -> Path:
    """A NanoAOD file with jets and the weight of each event, written with uproot."""
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 4, 30)
    jets = {name: rng.uniform(1, 2, counts.sum()).astype("f4") for name in ("pt", "eta", "phi", "mass")}
    content = {
        "run": np.ones(30, "u4"),
        "genWeight": np.ones(30, "f4"),
        "Jet": ak.zip({name: ak.unflatten(values, counts) for name, values in jets.items()}),
        "PSWeight": ak.unflatten(np.ones(120, "f4"), 4),
    }
    path = folder / "nano.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: ak.type(ak.Array(values)).content for name, values in content.items()})
        file["Events"].extend(content)
    return path


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "parquet": written("parquet", sample_jets),
    "energyflow": energyflow,
    "jetnet": jetnet,
    "lhco": lhco,
    "landscape": written("landscape", sample_jets),
    "lhe": written("lhe", sample_collisions),
    "root": ntuple,
    "nanoaod": nanoaod,
}
"""Name of a format -> maker of a small valid file of it in a folder; gives its path."""

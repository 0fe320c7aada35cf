"""A small valid file of every format, for the tests that damage files: a further format joins with one line."""

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pyhepmc
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
        "mother1": np.tile([-1, -1, 0, 2, 2], n),
        "mother2": np.tile([-1, -1, 1, 2, 2], n),
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


def jetnet(folder: Path, n: int = 40, particles: int = 30, fewest: int = 1) -> Path:
    """Top jets as JetNet publishes them, of 30 or 150 particles at most, written with h5py."""
    rng = np.random.default_rng(7)
    there = np.arange(particles) < rng.integers(fewest, particles + 1, n)[:, None]
    size = there.shape
    features = np.stack([rng.normal(0, 0.1, size), rng.normal(0, 0.1, size), rng.random(size), there], axis=2)
    jets = np.stack([rng.normal(1000, 50, n), rng.normal(0, 1, n), rng.uniform(50, 200, n), there.sum(axis=1)], axis=1)
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


def delphes(folder: Path) -> Path:
    """A Delphes tree without its links between objects, written with uproot."""
    rng = np.random.default_rng(8)

    def items(counts, *names):
        values = {name: rng.uniform(1, 2, counts.sum()).astype("f4") for name in names}
        return ak.zip({name: ak.unflatten(each, counts) for name, each in values.items()})

    one, few = np.ones(30, "i8"), rng.integers(0, 4, 30)
    content = {
        "Event": items(one, "Number", "Weight"),
        "MissingET": items(one, "MET", "Eta", "Phi"),
        "Jet": items(few, "PT", "Eta", "Phi", "Mass"),
        "Electron": items(few, "PT", "Eta", "Phi", "Charge", "IsolationVar"),
        "Muon": items(few, "PT", "Eta", "Phi", "Charge", "IsolationVar"),
        "EFlowTrack": items(few, "PT", "Eta", "Phi", "Charge", "PID", "D0", "DZ"),
        "EFlowPhoton": items(few, "ET", "Eta", "Phi", "E"),
        "Particle": items(few, "PID", "Status", "M1", "M2", "Px", "Py", "Pz", "E"),
        "Weight": items(2 * one, "Weight"),
    }
    path = folder / "delphes.root"
    with uproot.recreate(path) as file:
        kinds = {name: ak.type(values).content for name, values in content.items()}
        tree = file.mktree("Delphes", kinds, counter_name="{}_size".format, field_name="{}.{}".format)
        tree.extend(content)
    return path


def csv(folder: Path) -> Path:
    """A table of two leptons an event with weight, label and a column of text."""
    rng = np.random.default_rng(9)
    lepton = ("pt1", "eta1", "phi1", "pt2", "eta2", "phi2")
    table = pd.DataFrame({"Event": np.arange(40)} | {name: rng.uniform(1, 2, 40) for name in lepton})
    table["Q1"], table["Q2"] = 1, -1
    table["Weight"], table["Label"] = rng.uniform(0, 1, 40), rng.choice(["s", "b"], 40)
    table["KaggleSet"] = rng.choice(["t", "v"], 40)
    path = folder / "sample.csv"
    table.to_csv(path, index=False)
    return path


def hepmc(folder: Path) -> Path:
    """Events p p -> Z -> mu mu with two weights, written with pyhepmc."""
    path = folder / "sample.hepmc"
    run = pyhepmc.GenRunInfo()
    run.weight_names = ["central", "up"]
    with pyhepmc.open(path, "w") as file:
        for number in range(12):
            event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
            event.run_info, event.event_number, event.weights = run, number, [1.0, 1.5]
            beams = [pyhepmc.GenParticle((0, 0, sign * 6500, 6500), 2212, 4) for sign in (1, -1)]
            boson = pyhepmc.GenParticle((0, 0, 0, 91.2), 23, 2)
            muons = [pyhepmc.GenParticle((sign * 45.6, 0, 0, 45.6), -13 * sign, 1) for sign in (1, -1)]
            for incoming, outgoing in ((beams, [boson]), ([boson], muons)):
                vertex = pyhepmc.GenVertex((0, 0, 0.1, 0))
                for particle in incoming:
                    vertex.add_particle_in(particle)
                for particle in outgoing:
                    vertex.add_particle_out(particle)
                event.add_vertex(vertex)
            file.write(event)
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
    "delphes": delphes,
    "jetclass": written("jetclass", sample_jets),
    "csv": csv,
    "hepmc": hepmc,
}
"""Name of a format -> maker of a small valid file of it in a folder; gives its path."""

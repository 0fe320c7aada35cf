"""How fast files of each format are read, beside the plain library call that reads the same bytes.

Ours goes from the file to checked events: columns, weights, collections without padding, momenta as px, py, pz, e. The
plain call only fills the library's own arrays. Both read the whole file, alternating in one process; the ratio is plain
time over our time (processor time of all threads, medians).

Files are written by the plain libraries, from jets of random numbers with the multiplicities of real ones; NanoAOD and
Delphes are the real files that PARTONIC_TEST_DATA names. The plain call of ROOT files leaves out the status bits of
objects, on which uproot fails and which we leave out too. Particles of JetNet stand by falling pt, as in the published
files; a case of their own has them in random order, the worst one, as ours are given sorted. Those of the LHC Olympics
stand in random order.

    python benchmarks/io.py [--quick] [--case NAME]
"""

from __future__ import annotations

import gzip
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pyhepmc
import pylhe
import uproot
from harness import run

from partonic.events import Events, Ragged
from partonic.io import formats

BAR = 0.7
JETS, QUICK_JETS = 40_000, 8_000


@dataclass(frozen=True)
class Subject:
    """One format.

    Args:
        make: (folder, jets) -> file, or ``None`` where there is none.
        plain: reads the file and gives the number of jets or events.
    """

    make: Callable[[Path, int], Path | None]
    plain: Callable[[Path], int]


@cache
def jets(n: int) -> Events:
    """Jets of massless constituents by falling pt."""
    rng = np.random.default_rng(1)
    counts = np.clip(np.exp(rng.normal(np.log(48), 0.4, n)), 2, 199).astype(int)
    row = np.repeat(np.arange(n), counts)
    pt = rng.exponential(12, counts.sum())
    pt = pt[np.lexsort((-pt, row))]
    eta, phi = rng.normal(0.2, 0.2, counts.sum()), rng.normal(1, 0.2, counts.sum())
    p = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    fields = {name: values.astype(np.float32) for name, values in p.items()}
    return Events(
        {"label": (np.arange(n) % 2).astype(np.int8)}, {}, {"constituents": Ragged.from_counts(counts, fields)}
    )


def parquet_file(folder: Path, n: int) -> Path:
    """Nested Parquet by our own writer."""
    formats.write(folder / "jets.parquet", jets(n))
    return folder / "jets.parquet"


def landscape_file(folder: Path, n: int) -> Path:
    """The table of the top-tagging sample by pandas."""
    constituents = jets(n).collections["constituents"]
    momenta = np.stack([constituents.padded(name, 200) for name in ("e", "px", "py", "pz")], axis=2)
    names = [f"{name}_{i}" for i in range(200) for name in ("E", "PX", "PY", "PZ")]
    frame = pd.DataFrame(momenta.reshape(n, -1), columns=names)
    truth = pd.DataFrame(np.zeros((n, 4), "f4"), columns=["truthE", "truthPX", "truthPY", "truthPZ"])
    flags = pd.DataFrame({"ttv": np.zeros(n, int), "is_signal_new": np.arange(n) % 2})
    path = folder / "landscape.h5"
    frame = pd.concat([frame, truth, flags], axis=1)
    frame.to_hdf(path, key="table", format="table", complib="blosc:lz4", complevel=5)
    return path


def energyflow_file(folder: Path, n: int) -> Path:
    """Quark and gluon jets by NumPy."""
    constituents = jets(n).collections["constituents"]
    px, py, pz = (constituents.padded(name, 139).astype(float) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    x = np.stack([pt, np.arcsinh(pz / np.where(pt > 0, pt, 1)), np.arctan2(py, px), np.where(pt > 0, 211, 0)], axis=2)
    path = folder / "QG_jets.npz"
    np.savez_compressed(path, X=x, y=np.arange(n) % 2)
    return path


def jetnet_file(folder: Path, n: int, falling: bool = True) -> Path:
    """Jets of 30 particles by h5py."""
    rng = np.random.default_rng(3)
    there = np.arange(30) < rng.integers(15, 31, n)[:, None]
    features = rng.normal(0, 0.1, (n, 30, 4))
    features[:, :, 2] = rng.exponential(1, (n, 30)) * there
    features[:, :, 2] /= features[:, :, 2].sum(axis=1, keepdims=True)
    if falling:
        features[:, :, 2] = -np.sort(-features[:, :, 2], axis=1)
    features[:, :, 3] = 1
    features[~there] = 0
    path = folder / "t.hdf5"
    with h5py.File(path, "w") as file:
        file["particle_features"] = features.astype("f4")
        file["jet_features"] = np.stack(
            [np.full(n, 1000.0), rng.normal(0, 1, n), np.full(n, 173.0), there.sum(1)], axis=1
        ).astype("f4")
    return path


def lhco_file(folder: Path, n: int) -> Path:
    """The event list of the LHC Olympics by pandas."""
    n //= 4
    rng = np.random.default_rng(4)
    p = np.stack([rng.exponential(30, (n, 700)), rng.normal(0, 1, (n, 700)), rng.uniform(-3, 3, (n, 700))], axis=2)
    p[np.arange(700) >= rng.integers(80, 300, n)[:, None]] = 0
    path = folder / "lhco.h5"
    frame = pd.DataFrame(np.concatenate([p.reshape(n, -1), np.arange(n)[:, None] % 2], axis=1))
    frame.to_hdf(path, key="df", complib="blosc", complevel=5)
    return path


def jetclass_file(folder: Path, n: int) -> Path:
    """The tree of JetClass by uproot, with all of its branches."""
    constituents = jets(n).collections["constituents"]
    rng = np.random.default_rng(5)
    total = constituents.total
    momenta = {"part_px": "px", "part_py": "py", "part_pz": "pz", "part_energy": "e"}
    part = {name: constituents[field] for name, field in momenta.items()}
    part |= {f"part_{name}": rng.normal(0, 0.2, total).astype("f4") for name in ("deta", "dphi", "d0val", "d0err")}
    part |= {f"part_{name}": rng.normal(0, 0.2, total).astype("f4") for name in ("dzval", "dzerr", "charge")}
    kinds = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
    part |= {f"part_is{kind}": rng.random(total) < 0.2 for kind in kinds}
    labels = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
    flat = {f"jet_{name}": rng.uniform(1, 2, n).astype("f4") for name in ("pt", "eta", "phi", "energy", "sdmass")}
    flat["jet_nparticles"] = constituents.counts.astype("f4")
    flat |= {f"label_{name}": (np.arange(n) % 10 == i).astype("i4") for i, name in enumerate(labels)}
    content = {name: ak.unflatten(values, constituents.counts) for name, values in part.items()} | flat
    path = folder / "jetclass.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("tree", {name: ak.type(ak.Array(values)).content for name, values in content.items()})
        for start in range(0, n, 10_000):
            tree.extend({name: values[start : start + 10_000] for name, values in content.items()})
    return path


def lhe_file(folder: Path, n: int) -> Path | None:
    """A real file of MadGraph with 21 weights, unzipped; without it 200 events of it, many times."""
    data = os.environ.get("PARTONIC_TEST_DATA", "")
    whole = Path(data) / "smeftsim_VBFH-1.lhe.gz"
    small = Path(__file__).parents[1] / "tests" / "data" / "smeftsim_vbfh_200.lhe.gz"
    path = folder / "events.lhe"
    text = gzip.decompress((whole if data and n >= JETS else small).read_bytes())
    path.write_bytes(text)
    return path


def hepmc_file(folder: Path, n: int) -> Path | None:
    """A real event of Pythia, many times."""
    real = real_file("pyhepmc_last_event_issue.hepmc", folder, n)
    if real is None:
        return None
    head, event, end = re.split(rb"(?m)^(?=E |HepMC::\w+-END)", real.read_bytes(), maxsplit=2)
    path = folder / "events.hepmc"
    path.write_bytes(head + b"".join(re.sub(rb"^E \d+", b"E %d" % i, event) for i in range(n // 100)) + end)
    return path


def csv_file(folder: Path, n: int) -> Path:
    """A table of 30 columns by pandas."""
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"EventId": np.arange(5 * n)} | {f"DER_{i}": rng.normal(0, 50, 5 * n) for i in range(30)})
    table["Weight"], table["Label"] = rng.random(5 * n), rng.choice(["s", "b"], 5 * n)
    table.to_csv(folder / "higgs.csv", index=False)
    return folder / "higgs.csv"


def real_file(name: str, folder: Path, n: int) -> Path | None:  # noqa: ARG001
    """A real file, if it is at hand."""
    data = os.environ.get("PARTONIC_TEST_DATA")
    return Path(data) / name if data else None


def h5_all(names: Sequence[str], path: Path) -> int:
    """All rows of some datasets."""
    with h5py.File(path, "r") as file:
        return min(len(file[name][:]) for name in names)


def uproot_all(tree: str, path: Path) -> int:
    """All branches of a tree that uproot can read, but the status bits of objects."""
    with uproot.open(path) as file:
        opened = file[tree]
        for name, branch in opened.items():
            if name.endswith("fBits") or isinstance(branch.interpretation, uproot.AsGrouped):
                continue
            try:
                branch.array()
            except (NotImplementedError, uproot.DeserializationError, uproot.interpretation.objects.CannotBeAwkward):
                continue
        return int(opened.num_entries)


def npz_all(path: Path) -> int:
    """Both arrays."""
    with np.load(path) as file:
        return min(len(file["X"]), len(file["y"]))


def hepmc_all(path: Path) -> int:
    """All events with their particles as arrays."""
    with pyhepmc.open(path) as file:
        return sum(len(event.numpy.particles.px) > 0 for event in file)


JETNET = partial(h5_all, ["particle_features", "jet_features"])
SUBJECTS: dict[str, Subject] = {
    "parquet": Subject(parquet_file, lambda path: int(pq.read_table(path).num_rows)),
    "landscape": Subject(landscape_file, partial(h5_all, ["table/table"])),
    "energyflow": Subject(energyflow_file, npz_all),
    "jetnet": Subject(jetnet_file, JETNET),
    "jetnet-unsorted": Subject(partial(jetnet_file, falling=False), JETNET),
    "lhco": Subject(lhco_file, partial(h5_all, ["df/block0_values"])),
    "jetclass": Subject(jetclass_file, partial(uproot_all, "tree")),
    "nanoaod": Subject(partial(real_file, "nanoAOD_2015_CMS_Open_Data_ttbar.root"), partial(uproot_all, "Events")),
    "delphes": Subject(partial(real_file, "delphes_uproot-issue513.root"), partial(uproot_all, "Delphes")),
    "lhe": Subject(lhe_file, lambda path: sum(1 for _ in pylhe.LHEFile.fromfile(str(path)).events)),
    "hepmc": Subject(hepmc_file, hepmc_all),
    "csv": Subject(csv_file, lambda path: int(pyarrow.csv.read_csv(path).num_rows)),
}


def measure(name: str, quick: bool) -> dict[str, Any]:
    """Reading rate of one format over that of the plain call."""
    subject = SUBJECTS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = subject.make(Path(folder), QUICK_JETS if quick else JETS)
        if path is None:
            return {
                "measured": {},
                "bar": {"ratio": f">= {BAR}"},
                "holds": None,
                "why": "PARTONIC_TEST_DATA is not set",
            }
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for _ in range(4 if quick else 8):  # the first of each only warms
            for key, read in (("ours", ours), ("plain", subject.plain)):
                start = time.process_time()
                rows = read(path)
                times[key].append(time.process_time() - start)
                assert rows == formats.count(path), f"{key} read {rows} rows of {name}"
        mine, plain = (statistics.median(times[key][1:]) for key in ("ours", "plain"))
    ratios = [b / a for a, b in zip(times["ours"][1:], times["plain"][1:], strict=True)]
    ratio = round(statistics.median(ratios), 2)
    measured = {"ratio": ratio, "rows": rows, "rows_per_cpu_second": round(rows / mine)}
    measured["plain_rows_per_cpu_second"] = round(rows / plain)
    return {"measured": measured, "bar": {"ratio": f">= {BAR}"}, "holds": ratio >= BAR}


def ours(path: Path) -> int:
    """All events of a file."""
    return sum(len(events) for events in formats.iterate(path))


if __name__ == "__main__":
    sys.exit(run(__file__, __doc__, {name: partial(measure, name) for name in SUBJECTS}))

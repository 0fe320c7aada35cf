"""NanoAOD and PFNano, written with uproot in the published layout (https://cms-nanoaod-integration.web.cern.ch)."""

import awkward as ak
import numpy as np
import pytest
import uproot

from partonic.core.errors import FileError
from partonic.io import formats

N = 30


def particles(rng, counts, **more):
    """Records with pt, eta, phi, mass by falling pt within each event."""
    total = int(counts.sum())
    pt = ak.sort(ak.unflatten(rng.exponential(30, total).astype("f4"), counts), ascending=False)
    rest = {"eta": rng.normal(size=total), "phi": rng.uniform(-3, 3, total), "mass": rng.uniform(0, 5, total)}
    fields = {name: ak.unflatten(values.astype("f4"), counts) for name, values in rest.items()}
    return ak.zip({"pt": pt, **fields, **{name: ak.unflatten(values, counts) for name, values in more.items()}})


def write_pfnano(path, fixed=True, wrong=False):
    """A file of the layout; gives what went into it."""
    rng = np.random.default_rng(3)
    one = {name: rng.poisson(mean, N) for name, mean in (("Electron", 1), ("Muon", 1), ("GenPart", 5), ("PFCands", 20))}
    one["Jet"] = np.full(N, 2)

    def lepton(name):
        sum_ = int(one[name].sum())
        charge = rng.choice([-1, 1], sum_).astype("i4")
        code = {"Electron": 11, "Muon": 13}[name]
        lengths = {key: rng.normal(size=sum_).astype("f4") for key in ("dxy", "dz", "dxyErr", "dzErr")}
        iso = {"Electron": "pfRelIso03_all", "Muon": "pfRelIso04_all"}[name]
        return particles(rng, one[name], pdgId=-code * charge, charge=charge, **lengths, **{iso: lengths["dz"] ** 2})

    total = int(one["PFCands"].sum())
    tracks = {"d0": rng.normal(size=total).astype("f4"), "pdgId": rng.choice([211, 22], total).astype("i4")}
    candidates = particles(rng, one["PFCands"], **tracks)
    pairs = [[(j, i) for j in range(2) for i in range(n) if i % 2 == j] for n in one["PFCands"].tolist()]
    pairs[0].append((0, 99) if wrong else (5, 0))  # a pair of a jet that is not in the file is no fault
    shuffled = [[row[k] for k in rng.permutation(len(row))] for row in pairs]
    scale = ak.Array([[1.0, 2.0, 0.5][: 3 if fixed else 1 + k % 2] for k in range(N)])
    content = {
        "run": np.ones(N, "u4"),
        "luminosityBlock": np.ones(N, "u4"),
        "event": np.arange(N, dtype="u8"),
        "genWeight": np.where(np.arange(N) % 3, 2.0, -2.0).astype("f4"),
        "LHEScaleWeight": scale,
        "Electron": lepton("Electron"),
        "Muon": lepton("Muon"),
        "GenPart": particles(rng, one["GenPart"], genPartIdxMother=np.full(one["GenPart"].sum(), -1, "i4")),
        "Jet": particles(rng, one["Jet"], muonIdx1=np.full(2 * N, -1, "i4")),
        "PFCands": candidates,
        "JetPFCands": ak.zip(
            {
                "jetIdx": ak.values_astype(ak.Array([[a for a, _ in row] for row in shuffled]), "i4"),
                "pFCandsIdx": ak.values_astype(ak.Array([[b for _, b in row] for row in shuffled]), "i4"),
            }
        ),
        "MET_pt": rng.exponential(20, N).astype("f4"),
        "MET_phi": rng.uniform(-3, 3, N).astype("f4"),
        "HLT_IsoMu24": np.arange(N) % 2 == 0,
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {name: ak.type(ak.Array(values)).content for name, values in content.items()})
        tree.extend(content)
        file.mktree("Runs", {"genEventCount": "i8"}).extend({"genEventCount": np.array([N])})
    return content


@pytest.fixture
def pfnano(tmp_path):
    path = tmp_path / "nano.root"
    return path, write_pfnano(path)


def test_it_is_told_from_any_root_file(pfnano):
    path, _ = pfnano
    assert formats.recognise(path).name == "nanoaod"
    assert formats.count(path) == N
    assert formats.recognise(f"{path}:Runs").name == "root"


def test_names_and_momenta(pfnano):
    path, content = pfnano
    events = formats.read(path)
    assert {"electrons", "muons", "leptons", "jets", "truth", "particles", "jetpfcands"} == set(events.collections)
    assert {"run", "event", "met_pt", "met_phi", "hlt_isomu24"} <= set(events.columns)
    for name, table in (("jets", "Jet"), ("electrons", "Electron"), ("particles", "PFCands"), ("truth", "GenPart")):
        flat, got = ak.flatten(content[table]), events.collections[name]
        np.testing.assert_array_equal(got.counts, ak.num(content[table]))
        np.testing.assert_allclose(np.hypot(got["px"], got["py"]), flat.pt, rtol=1e-5)
        np.testing.assert_allclose(got["pz"], flat.pt * np.sinh(flat.eta), rtol=1e-5, atol=1e-5)
        mass2 = got["e"].astype(float) ** 2 - sum(got[key].astype(float) ** 2 for key in ("px", "py", "pz"))
        np.testing.assert_allclose(mass2, flat.mass**2, atol=1e-4 * float(np.max(got["e"])) ** 2)
    np.testing.assert_array_equal(events.collections["jets"]["muonidx1"], -1)
    np.testing.assert_array_equal(events.collections["truth"]["mother1"], -1)
    np.testing.assert_array_equal(events.collections["particles"]["d0"], ak.flatten(content["PFCands"]).d0 * 10)
    assert events.provenance["left_out"] == ["tree Runs"]


def test_leptons_are_electrons_and_muons_by_falling_pt(pfnano):
    path, content = pfnano
    events = formats.read(path)
    got = events.collections["leptons"]
    expected = ak.concatenate([content["Electron"].pt, content["Muon"].pt], axis=1)
    expected = ak.sort(expected, ascending=False)
    np.testing.assert_array_equal(got.counts, ak.num(expected))
    np.testing.assert_allclose(np.hypot(got["px"], got["py"]), ak.flatten(expected), rtol=1e-5)
    assert set(np.abs(got["pid"]).tolist()) == {11, 13}
    np.testing.assert_array_equal(np.sign(got["pid"]), -got["charge"])
    muons = events.collections["muons"]
    is_muon = np.abs(got["pid"]) == 13
    own = muons.offsets[got.rows[is_muon]] + got["position"][is_muon]
    for name in ("px", "isolation", "dz"):
        np.testing.assert_array_equal(got[name][is_muon], muons[name][own])
    np.testing.assert_array_equal(muons["d0"], muons["dxy"] * 10)
    np.testing.assert_array_equal(muons["isolation"], muons["pfreliso04_all"])


def test_weights_are_named_and_absolute(pfnano, tmp_path):
    path, content = pfnano
    events = formats.read(path)
    assert list(events.weights) == ["nominal", "LHEScaleWeight_0", "LHEScaleWeight_1", "LHEScaleWeight_2"]
    np.testing.assert_allclose(events.weight("LHEScaleWeight_1"), 2 * content["genWeight"])
    other = tmp_path / "other.root"
    write_pfnano(other, fixed=False)
    events = formats.read(other)
    assert list(events.weights) == ["nominal"]
    assert events.collections["lhescaleweight"].counts.tolist() == [1, 2] * (N // 2)


def test_constituents_of_jets(pfnano):
    path, _ = pfnano
    events = formats.read(path)
    jets, pf = events.collections["jets"], events.collections["particles"]
    link = jets.links["constituents"]
    assert link.target == "particles"
    for item in range(jets.total):
        found = link.index[link.offsets[item] : link.offsets[item + 1]]
        event, number = divmod(item, 2)
        assert found.tolist() == [i for i in range(pf.counts[event]) if i % 2 == number]  # candidates fall in pt


def test_a_constituent_that_is_not_there(tmp_path):
    path = tmp_path / "nano.root"
    write_pfnano(path, wrong=True)
    with pytest.raises(FileError, match=r"nano\.root: event 1 names constituent 99 of particles, of which it has"):
        formats.read(path)


def test_chunks_join_to_the_whole(pfnano, assert_same):
    from partonic.events import concatenate

    path, _ = pfnano
    assert_same(formats.read(path), concatenate(list(formats.iterate(path, 7))))

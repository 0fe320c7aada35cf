"""EnergyFlow archives, written with NumPy from the published description."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from partonic.core.errors import FileError
from partonic.events import concatenate, kinematics, species
from partonic.io import energyflow, formats

SPECIES = [22, 211, -211, 130, 321, 2212, -2112, 11]


def make_jets(n=50, slots=60, seed=1):
    """X (n, slots, pt rapidity phi pid) in no order, padded with zeros; y; the numbers of particles."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, slots + 1, n)
    counts[:2] = slots, 1
    x = np.zeros((n, slots, 4))
    for jet, count in zip(x, counts, strict=True):
        jet[:count, 0] = rng.exponential(10, count)
        jet[:count, 1:3] = rng.normal((0.4, 6.1), 0.2, (count, 2))
        jet[:count, 3] = rng.choice(SPECIES, count)
    return x, rng.integers(0, 2, n).astype(float), counts


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_quark_and_gluon_jets(tmp_path, save, kind):
    x, y, counts = make_jets()
    x = x.astype(kind)
    save(tmp_path / "QG_jets.npz", X=x, y=y)
    assert formats.recognise(tmp_path / "QG_jets.npz").name == "energyflow"
    assert formats.count(tmp_path / "QG_jets.npz") == 50
    jets = concatenate(list(energyflow.iterate(tmp_path / "QG_jets.npz", 17)))
    assert jets.columns["label"].tolist() == y.tolist()
    assert jets.columns["label"].dtype == np.int8
    items = jets.collections["constituents"]
    assert items.counts.tolist() == counts.tolist()
    order = np.argsort(-x[:, :, 0], axis=1, kind="stable")
    x = np.take_along_axis(x, order[:, :, None], axis=1)
    for i, name in enumerate(("pt", "rapidity", "phi", "pid")):
        np.testing.assert_array_equal(items.padded(name, 60), x[:, :, i].astype(items[name].dtype))
    px, py, pz, e = (items[name].astype(float) for name in ("px", "py", "pz", "e"))
    np.testing.assert_allclose(kinematics.pt(px, py), items["pt"], rtol=1e-6)
    np.testing.assert_allclose(kinematics.rapidity(pz, e), items["rapidity"], atol=1e-5)
    np.testing.assert_allclose(np.cos(kinematics.phi(px, py) - items["phi"]), 1, atol=1e-10)
    mass = np.sqrt(np.maximum(kinematics.mass2(px, py, pz, e), 0))
    np.testing.assert_allclose(mass, species.mass(items["pid"]), atol=3e-2)
    assert set(zip(items["pid"].tolist(), items["charge"].tolist(), strict=True)) >= {(211, 1), (-211, -1), (22, 0)}
    total = [np.bincount(items.rows, values, 50) for values in (px, py, pz, e)]
    np.testing.assert_allclose(jets.columns["jet_mass"], kinematics.mass(*total), rtol=1e-4)


def test_without_species_particles_are_massless(tmp_path):
    x, _, counts = make_jets()
    np.savez(tmp_path / "a.npz", X=x[:, :, :3])
    jets = formats.read(tmp_path / "a.npz")
    items = jets.collections["constituents"]
    assert items.counts.tolist() == counts.tolist()
    assert "pid" not in items.fields
    assert "label" not in jets.columns
    px, py, pz, e = (items[name].astype(float) for name in ("px", "py", "pz", "e"))
    np.testing.assert_allclose(np.sqrt(px**2 + py**2 + pz**2), e, rtol=1e-6)


def test_the_order_of_the_arrays_does_not_matter_and_others_are_named(tmp_path):
    x, y, _ = make_jets()
    np.savez_compressed(tmp_path / "a.npz", y=y, extra=np.zeros(3), X=x)
    jets = formats.read(tmp_path / "a.npz")
    assert jets.columns["label"].tolist() == y.tolist()
    assert jets.provenance["left_out"] == ["extra"]


def test_an_archive_without_jets(tmp_path):
    x, y, _ = make_jets()
    np.savez(tmp_path / "a.npz", X=x[:0], y=y[:0])
    assert [len(part) for part in energyflow.iterate(tmp_path / "a.npz")] == [0]


def test_a_bad_value_says_where_and_the_jets_before_it_come_first(tmp_path):
    x, y, _ = make_jets()
    for change, message in (
        (lambda: x.__setitem__((30, 0, 3), 211.5), "event 31 has a PDG number that is not a whole number"),
        (lambda: y.__setitem__(20, np.nan), "event 21 has nan as its label"),
    ):
        change()
        np.savez(tmp_path / "a.npz", X=x, y=y)
        parts = []
        with pytest.raises(FileError, match=rf"a\.npz: {message}"):
            parts.extend(energyflow.iterate(tmp_path / "a.npz", 16))
        assert sum(len(part) for part in parts) == int(message.split()[1]) - 1


def test_infinite_momenta_are_read_and_left_to_the_check(tmp_path):
    x, y, _ = make_jets()
    x[3, 0, 1], x[4, 0, 0] = 1e9, np.nan
    np.savez(tmp_path / "a.npz", X=x, y=y)
    assert len(formats.read(tmp_path / "a.npz")) == 50


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((5, 3))}, r"'X' has shape \(5, 3\), not \(jets, particles, 4 or 3\)"),
        ({"X": np.zeros((5, 3, 4)), "y": np.zeros(4)}, r"'y' has shape \(4,\), not \(5,\)"),
        ({"X": np.zeros((5, 3, 4)), "y": np.array(["quark"] * 5)}, "'y' holds <U5, not plain numbers"),
        ({"X": np.asfortranarray(np.ones((5, 3, 4)))}, "Fortran order; save it again"),
        ({"z": np.zeros(3)}, "no array 'X'; it has: z"),
    ],
)
def test_other_archives_say_so(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(FileError, match=message):
        energyflow.count(tmp_path / "a.npz")


def test_objects_are_never_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1, 1, 4)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + header.getvalue()[8:] + pickle.dumps(Evil()))
    with pytest.raises(FileError, match="'X' holds object, not plain numbers; objects are never unpickled"):
        formats.read(tmp_path / "a.npz")
    assert not (tmp_path / "owned").exists()


def test_huge_announcements_are_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 100, 4)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(100))
    with pytest.raises(FileError, match=r"'X' announces .* bytes of numbers, but stores 100"):
        formats.read(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("X.npy", bytes(100))
    with pytest.raises(FileError, match="compressed in a way that NumPy does not write"):
        formats.read(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives_say_so(tmp_path, save):
    x, y, _ = make_jets()
    path = tmp_path / "a.npz"
    save(path, X=x, y=y)
    whole = path.read_bytes()
    for size in (60, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError, match=r"a\.npz cannot be read as npz in the EnergyFlow layout .* truncated"):
            formats.read(path)
    broken = bytearray(whole)
    broken[len(whole) // 3] ^= 4  # a number; zip archives carry checksums
    path.write_bytes(broken)
    with pytest.raises(FileError, match=r"a\.npz"):
        formats.read(path)

"""EnergyFlow archives, written with NumPy from the published description."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged, concatenate, kinematics, species
from partonic.io import energyflow, formats
from partonic.io.padded import by_falling_pt

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


def sample_of_jets(n=45, seed=3, **columns):
    """Jets with masses of their species, unsorted, one without any particle."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, n)
    counts[5] = 0
    pid = rng.choice(SPECIES, counts.sum())
    p = rng.normal(0, 10, (3, counts.sum())) + np.array([[-100], [0], [20]])
    fields = {"px": p[0], "py": p[1], "pz": p[2], "e": np.sqrt((p**2).sum(axis=0) + species.mass(pid) ** 2)}
    fields = {name: values.astype(np.float32) for name, values in fields.items()}
    label = rng.integers(0, 2, n).astype(np.int8)
    return Events({"label": label, **columns}, {}, {"constituents": Ragged.from_counts(counts, fields | {"pid": pid})})


def test_numpy_reads_what_is_written(tmp_path):
    jets = sample_of_jets()
    counts = jets.collections["constituents"].counts
    assert formats.write(tmp_path / "a.npz", [jets[:20], jets[20:]]) == 45
    with np.load(tmp_path / "a.npz") as archive:
        x, y = archive["X"], archive["y"]
    assert x.shape == (45, counts.max(), 4)
    assert y.tolist() == jets.columns["label"].tolist()
    assert np.count_nonzero(x[:, :, 0], axis=1).tolist() == counts.tolist()
    assert np.all(np.diff(x[:, :, 0], axis=1) <= 0)
    axis = x[:, :1, 2]
    assert np.all(np.abs(x[:, :, 2] - axis)[x[:, :, 0] > 0] < 2 * np.pi)
    assert np.any(np.abs(x[:, :, 2]) > np.pi)  # jets at azimuth pi are not cut in two


def test_write_and_read_gives_the_same(tmp_path):
    jets = sample_of_jets()
    energyflow.write(tmp_path / "a.npz", jets)
    again = formats.read(tmp_path / "a.npz")
    a, b = (by_falling_pt(one.collections["constituents"]) for one in (jets, again))
    assert a.counts.tolist() == b.counts.tolist()
    assert a["pid"].tolist() == b["pid"].tolist()
    for name in ("px", "py", "pz", "e"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5, atol=1e-4)
    energyflow.write(tmp_path / "b.npz", again)
    np.testing.assert_allclose(np.load(tmp_path / "b.npz")["X"], np.load(tmp_path / "a.npz")["X"], rtol=1e-5, atol=1e-5)


def test_jets_without_species_or_label(tmp_path):
    jets = sample_of_jets()
    bare = Ragged(
        jets.collections["constituents"].offsets, dict(list(jets.collections["constituents"].fields.items())[:4])
    )
    energyflow.write(tmp_path / "a.npz", Events({}, {}, {"constituents": bare}))
    with np.load(tmp_path / "a.npz") as archive:
        assert archive.files == ["X"]
        assert archive["X"].shape[2] == 3
    px, py, pz = (bare[name].astype(float) for name in ("px", "py", "pz"))
    again = formats.read(tmp_path / "a.npz").collections["constituents"]
    np.testing.assert_allclose(np.sort(again["pz"]), np.sort(pz), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.sort(again["pt"]), np.sort(np.hypot(px, py)), rtol=1e-5)


def test_what_cannot_be_written_says_so(tmp_path):
    jets = sample_of_jets()
    with pytest.raises(InputError, match="no sample"):
        energyflow.write(tmp_path / "a.npz", [])
    with pytest.raises(KeyError, match="unknown collection 'constituents'"):
        energyflow.write(tmp_path / "a.npz", Events(jets.columns))
    with pytest.raises(InputError, match="must agree in having a field 'pid' and a column 'label'"):
        energyflow.write(tmp_path / "a.npz", [jets, Events({}, {}, jets.collections)])
    with pytest.raises(FileError, match="cannot write"):
        energyflow.write(tmp_path / "none" / "a.npz", jets)
    assert list(tmp_path.iterdir()) == []
    energyflow.write(tmp_path / "a.npz", jets[:0])
    assert len(formats.read(tmp_path / "a.npz")) == 0

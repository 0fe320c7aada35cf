"""JetNet files, written with h5py from the published description."""

import h5py
import numpy as np
import pytest

from partonic.core.errors import FileError
from partonic.events import concatenate, kinematics
from partonic.io import formats, jetnet


def make_features(n=40, slots=30, seed=1):
    """Features (n, slots, eta phi pt mask) and (n, pt eta mass particles)."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, slots + 1, n)
    counts[:2] = slots, 1
    particles = np.zeros((n, slots, 4), np.float32)
    for jet, count in zip(particles, counts, strict=True):
        jet[:count, :2] = rng.normal(0, 0.1, (count, 2))
        jet[:count, 2] = np.sort(rng.dirichlet(np.ones(count)))[::-1]
        jet[:count, 3] = 1
    jets = np.stack([rng.normal(1000, 50, n), rng.normal(0, 1, n), rng.uniform(10, 200, n), counts], axis=1)
    return particles, jets.astype(np.float32), counts


def store(path, particles, jets, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("particle_features", data=particles, **options)
        file.create_dataset("jet_features", data=jets, **options)
    return path


@pytest.mark.parametrize(("slots", "name"), [(30, "t.hdf5"), (150, "t150.hdf5")])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "chunks": True}], ids=["plain", "gzip"])
def test_a_file_of_jets(tmp_path, slots, name, options):
    particles, jets, counts = make_features(slots=slots)
    path = store(tmp_path / name, particles, jets, **options)
    assert formats.recognise(path).name == "jetnet"
    assert formats.count(path) == 40
    sample = concatenate(list(jetnet.iterate(path, 17)))
    assert sample.columns["label"].tolist() == [2] * 40
    assert set(sample.columns["jet_type"]) == {"top"}
    assert sample.provenance["classes"][2] == "top"
    for column, i in (("jet_pt", 0), ("jet_eta", 1), ("jet_mass", 2), ("n_particles", 3)):
        np.testing.assert_array_equal(sample.columns[column], jets[:, i])
    assert not np.any(sample.columns["jet_phi"])
    items = sample.collections["constituents"]
    assert items.counts.tolist() == counts.tolist()
    for field, i in (("eta_rel", 0), ("phi_rel", 1), ("pt_rel", 2)):
        np.testing.assert_array_equal(items.padded(field, slots), particles[:, :, i])
    px, py, pz, e = (items[component].astype(float) for component in ("px", "py", "pz", "e"))
    of = items.rows
    np.testing.assert_allclose(kinematics.pt(px, py), jets[of, 0] * items["pt_rel"], rtol=1e-5)
    np.testing.assert_allclose(kinematics.eta(px, py, pz), jets[of, 1] + items["eta_rel"], atol=1e-5)
    np.testing.assert_allclose(kinematics.phi(px, py), items["phi_rel"], atol=1e-6)
    np.testing.assert_allclose(e, np.sqrt(px**2 + py**2 + pz**2), rtol=1e-6)


def test_without_a_mask_the_padding_is_zero(tmp_path):
    particles, jets, counts = make_features()
    path = store(tmp_path / "g.hdf5", particles[:, :, :3], jets[:, :3])
    sample = formats.read(path)
    assert sample.collections["constituents"].counts.tolist() == counts.tolist()
    assert set(sample.columns["label"]) == {0}
    assert "n_particles" not in sample.columns


def test_masked_particles_are_left_out_and_others_sorted(tmp_path):
    particles, jets, _ = make_features()
    particles[:, 3, 3] = 0
    particles = particles[:, ::-1]
    items = formats.read(store(tmp_path / "q.hdf5", particles, jets)).collections["constituents"]
    assert items.counts.tolist() == np.count_nonzero(particles[:, :, 3], axis=1).tolist()
    assert np.all(np.diff(items["pt_rel"])[np.diff(items.rows) == 0] <= 0)


def test_another_name_gives_no_label(tmp_path):
    particles, jets, _ = make_features()
    sample = formats.read(store(tmp_path / "mine.hdf5", particles, jets))
    assert "label" not in sample.columns
    assert "classes" not in sample.provenance


def test_an_empty_file(tmp_path):
    particles, jets, _ = make_features()
    path = store(tmp_path / "w.hdf5", particles[:0], jets[:0])
    assert [len(part) for part in jetnet.iterate(path)] == [0]


def test_wrong_shapes_say_so(tmp_path):
    particles, jets, _ = make_features()
    for wrong, message in (
        ((particles[:, :, :2], jets), r"shapes \(40, 30, 2\) and \(40, 4\), not \(jets, particles, 3 or 4\)"),
        ((particles, jets[:30]), "have shapes"),
        ((particles[0], jets), r"'particle_features' has shape \(30, 4\) and type float32, not 3 axes"),
        ((particles, jets.astype("S8")), "type .*S8, not 2 axes of numbers"),
    ):
        path = store(tmp_path / "z.hdf5", *wrong)
        with pytest.raises(FileError, match=message):
            jetnet.count(path)
    jets[7, 3] = 2.5
    with pytest.raises(FileError, match=r"event 8 has 2\.5 as the number of particles"):
        formats.read(store(tmp_path / "z.hdf5", particles, jets))


def test_huge_announcements_are_refused(tmp_path):
    with h5py.File(tmp_path / "g.hdf5", "w") as file:
        file.create_dataset("particle_features", (2**50, 30, 4), "f4", chunks=(1000, 30, 4))
        file.create_dataset("jet_features", (2**50, 4), "f4", chunks=(1000, 4))
    with pytest.raises(FileError, match="does not store all"):
        jetnet.count(tmp_path / "g.hdf5")
    with h5py.File(tmp_path / "g.hdf5", "w") as file:
        file.create_dataset("particle_features", data=np.zeros((1, 2_200_000, 4), "f4"), compression="gzip")
        file.create_dataset("jet_features", data=np.ones((1, 4), "f4"))
    with pytest.raises(FileError, match="a row takes 35 MB"):
        formats.read(tmp_path / "g.hdf5")


def test_damaged_files_say_so(tmp_path):
    particles, jets, _ = make_features(400)
    whole = store(tmp_path / "t.hdf5", particles, jets, compression="gzip").read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "t.hdf5").write_bytes(whole[:size])
        with pytest.raises(FileError, match=r"t\.hdf5 cannot be read as HDF5 in the JetNet layout .* truncated"):
            list(jetnet.iterate(tmp_path / "t.hdf5"))
        with pytest.raises(FileError, match="HDF5"):
            formats.read(tmp_path / "t.hdf5")

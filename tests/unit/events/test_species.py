"""Masses and charges by PDG number, against the package particle."""

import numpy as np
import pytest

from partonic.events import species


def test_masses_and_charges_of_known_particles():
    pid = np.array([22, 11, -13, 211, -321, 130, 2212, -2112, 12, 3112, 3334, 99999])
    np.testing.assert_allclose(species.mass(pid)[[0, 3, 6, 8, 11]], [0, 0.13957, 0.938272, 0, 0], rtol=1e-5)
    assert species.charge(pid).tolist() == [0, -1, 1, 1, -1, 0, 1, 0, 0, -1, -1, 0]
    assert species.mass(np.zeros((0, 2))).shape == species.charge(np.zeros((0, 2), int)).shape == (0, 2)


def test_they_agree_with_the_review_of_particle_physics():
    particle = pytest.importorskip("particle")
    known = [one for one in particle.Particle.findall() if one.charge is not None and abs(one.pdgid) < 10**6]
    known = [one for one in known if one.pdgid.is_meson or one.pdgid.is_baryon or 10 < abs(one.pdgid) < 17]
    assert len(known) > 400
    pid = np.array([int(one.pdgid) for one in known])
    assert species.charge(pid).tolist() == [one.charge for one in known]
    for kind, mass in species.MASS.items():
        assert mass == pytest.approx(particle.Particle.from_pdgid(kind).mass / 1000, rel=1e-3)


def test_nuclei_have_the_charge_of_their_protons():
    assert species.charge(np.array([1000020040, -1000020040, 1000822080])).tolist() == [2, -2, 82]

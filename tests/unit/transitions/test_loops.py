"""Potentials from masses, and the extensions of the Standard Model built from them."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, UnknownNameError
from partonic.transitions.extensions import HIGGS, VEV, singlet, two_higgs_doublets
from partonic.transitions.loops import Species, coleman_weinberg, eigenvalues, loop_potential
from partonic.transitions.thermal import thermal_boson


def tree(phi):
    return 0.03 * phi[..., 0] ** 4


def masses(phi):
    return (0.4 * phi[..., 0] ** 2)[..., None]


def dressed(phi, T):
    return (0.4 * phi[..., 0] ** 2 + 0.1 * T**2)[..., None]


def test_terms_of_one_species():
    """By hand, at one point: tree, vacuum, bath, ring."""
    potential = loop_potential(tree, [Species("x", "vector", 3, masses, dressed, 1)], 1, 100.0)
    phi, T = 150.0, 80.0
    m2 = 0.4 * phi**2
    bath = T**4 / (2 * math.pi**2) * float(thermal_boson(torch.tensor(m2 / T**2, dtype=torch.float64)))
    vacuum = m2**2 / (64 * math.pi**2) * (math.log(m2 / 1e4) - 5 / 6)
    ring = -T / (12 * math.pi) * ((m2 + 0.1 * T**2) ** 1.5 - m2**1.5)
    expected = 0.03 * phi**4 + 3 * (vacuum + bath) + ring
    assert math.isclose(float(potential.value([phi], T)), expected, rel_tol=1e-12)
    cold = 0.03 * phi**4 + 3 * vacuum
    assert math.isclose(float(potential.value([phi], 0.0)), cold, rel_tol=1e-12)


def test_dressed_masses_everywhere():
    """Parwani: the dressed mass for one of three, the bare one for two."""
    potential = loop_potential(tree, [Species("x", "vector", 3, masses, dressed, 1)], 1, 100.0, daisy="parwani")
    one = Species("one", "vector", 1, lambda phi: masses(phi) + 0.1 * 80.0**2)
    two = Species("two", "vector", 2, masses)
    split = loop_potential(tree, [one, two], 1, 100.0)
    assert math.isclose(float(potential.value([150.0], 80.0)), float(split.value([150.0], 80.0)), rel_tol=1e-12)


def test_fermions_count_negative_in_the_vacuum():
    fermion = loop_potential(tree, [Species("t", "fermion", 12, masses)], 1, 100.0)
    scalar = loop_potential(tree, [Species("s", "scalar", 12, masses)], 1, 100.0)
    bare = 0.03 * 150.0**4
    assert math.isclose(float(fermion.value([150.0])) - bare, bare - float(scalar.value([150.0])), rel_tol=1e-12)


def test_infrared_mass():
    massless = coleman_weinberg(torch.zeros(1, dtype=torch.float64), 100.0, "scalar", 125.0)
    heavy = torch.tensor([1e8], dtype=torch.float64)
    assert float(massless) == 0
    assert math.isclose(
        float(coleman_weinberg(heavy, 100.0, "scalar", 1.0)), float(coleman_weinberg(heavy, 100.0, "scalar"))
    )


def test_eigenvalues_of_two_by_two():
    a, b, c = (torch.tensor(x, dtype=torch.float64) for x in (2.0, 0.7, -1.0))
    exact = np.linalg.eigvalsh([[2.0, 0.7], [0.7, -1.0]])
    assert np.allclose(eigenvalues(a, b, c).numpy(), exact, rtol=1e-10)
    flat = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(eigenvalues(*flat).sum(), flat)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize(
    ("potential", "vacuum", "scalars"),
    [
        (singlet(90, 0.3, 0.5), (VEV, 0.0), (90, HIGGS)),
        (two_higgs_doublets(300, 350, 350, 2.0), (VEV / math.sqrt(5), 2 * VEV / math.sqrt(5)), (HIGGS, 300)),
    ],
)
def test_vacuum_and_masses_of_tree_level_are_kept(potential, vacuum, scalars):
    slope = potential.gradient(np.array(vacuum), 0.0)
    assert float(slope.abs().max()) < 1e-6 * VEV**3
    found = torch.linalg.eigvalsh(potential.hessian(np.array(vacuum), 0.0)).sqrt()
    assert np.allclose(found.numpy(), scalars, rtol=1e-5)


@pytest.mark.parametrize("h", [0.0, 1e-160, 1e-79, 1e-40])
def test_a_field_that_is_next_to_nothing_has_a_finite_potential(h):
    potential = singlet(90, 0.3, 0.5)
    there = potential.value([0.0, 133.0], 111.3)
    assert math.isclose(float(potential.value([h, 133.0], 111.3)), float(there), rel_tol=1e-12)
    assert torch.isfinite(potential.gradient([h, 133.0], 111.3)).all()
    assert torch.isfinite(potential.hessian([h, 133.0], 111.3)).all()


def test_thermal_mass_of_a_hot_plasma():
    """V grows like Pi phi^2 / 2: for the Higgs field 0.4 T^2 or so, by the couplings of the Standard Model."""
    potential, T, h = singlet(90, 0.3, 0.5, daisy="none"), 2_000.0, 50.0
    grown = float(potential.value([h, 0.0], T) - potential.value([0.0, 0.0], T))
    weak, hyper = 2 * 80.38 / VEV, 2 * math.sqrt(91.19**2 - 80.38**2) / VEV
    heat = 3 * weak**2 / 16 + hyper**2 / 16 + (172.8 / VEV) ** 2 / 2 + HIGGS**2 / VEV**2 / 4 + 0.3 / 12
    assert math.isclose(2 * grown / (h * T) ** 2, heat, rel_tol=0.05)


def test_bad_input():
    with pytest.raises(UnknownNameError, match="kind of particle 'boson'"):
        Species("x", "boson", 1, masses)
    with pytest.raises(InputError, match="only bosons"):
        Species("x", "fermion", 4, masses, dressed)
    with pytest.raises(UnknownNameError, match="did you mean 'parwani'"):
        loop_potential(tree, [Species("x", "scalar", 1, masses)], 1, 100.0, daisy="Parwany")
    with pytest.raises(InputError, match="scale"):
        loop_potential(tree, [], 1, 0.0)
    with pytest.raises(InputError, match="unbounded below"):
        singlet(90, -5.0, 0.1)
    with pytest.raises(InputError, match="tan_beta must be above 0"):
        two_higgs_doublets(tan_beta=0)

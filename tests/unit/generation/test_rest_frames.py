"""Momenta in the rest frames of decays: there and back, the masses, the slope, and what is refused."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.gan import InvariantMasses
from partonic.generation.rest_frames import RestFrames
from partonic.generation.stored import coordinates_of, coordinates_tree

PAIRS = (("b", ("u", "d")), ("c", ("s", "t")))
MASSES = (4.8, 0.0, 1.0, 4.8, 0.0, 0.0)
GROUPS = ((0, 1, 2), (1, 2), (3, 4, 5), (4, 5))


def chosen(coordinates, n, seed=1):
    return generator(seed).normal(0, 60, (n, len(coordinates.circular)))


@pytest.mark.parametrize("balanced", [True, False])
def test_there_and_back(balanced):
    coordinates = RestFrames(PAIRS, MASSES, balanced)
    u = chosen(coordinates, 200)
    values = coordinates.inverse(u)
    assert values.shape == (200, 18)
    np.testing.assert_allclose(coordinates.forward(values), u, atol=1e-6)
    total = values.reshape(200, 6, 3).sum(axis=1)
    assert (np.abs(total[:, :2]).max() < 1e-9) == balanced


def test_resonances_have_the_masses_of_their_four_momenta():
    coordinates = RestFrames(PAIRS, MASSES)
    u = chosen(coordinates, 100)
    found = coordinates.resonances(torch.from_numpy(u)).numpy()
    expected = InvariantMasses(GROUPS, MASSES)(torch.from_numpy(coordinates.inverse(u))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_first_product_of_a_particle_at_rest_has_its_momentum_in_the_laboratory():
    coordinates = RestFrames(PAIRS, MASSES)
    u = chosen(coordinates, 20)
    u[:, :3] = 0.0
    values = coordinates.inverse(u)
    np.testing.assert_allclose(values[:, :3], u[:, 4:7], atol=1e-9)
    np.testing.assert_allclose(values[:, 3:6] + values[:, 6:9], -u[:, 4:7], atol=1e-9)


@pytest.mark.parametrize("balanced", [True, False])
def test_the_jacobian_is_that_of_finite_differences(balanced):
    coordinates = RestFrames((("a", ("b", "c")), "d"), (1.0, 0.5, 2.0, 3.0), balanced)
    values = coordinates.inverse(chosen(coordinates, 3, seed=2) / 20)
    free = [i for i in range(12) if not (balanced and i in (9, 10))]
    slopes = np.empty((3, len(free), len(free)))
    for column, i in enumerate(free):
        shift = np.zeros(12)
        shift[i] = 1e-5
        if balanced and i < 9 and i % 3 < 2:
            shift[9 + i % 3] = -1e-5
        slopes[:, :, column] = (coordinates.forward(values + shift) - coordinates.forward(values - shift)) / 2e-5
    np.testing.assert_allclose(coordinates.log_jacobian(values), np.log(np.abs(np.linalg.det(slopes))), atol=1e-5)


def test_files_keep_them():
    coordinates = RestFrames(PAIRS, MASSES)
    assert coordinates_of(coordinates_tree(coordinates)) == coordinates


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="need two chains"):
        RestFrames(("a", ("b", "c", "d")), (0.0,) * 4)
    with pytest.raises(InputError, match="need two chains"):
        RestFrames("a", (0.0,))
    with pytest.raises(InputError, match="different names, not a, a"):
        RestFrames(("a", "a"), (0.0, 0.0))
    with pytest.raises(InputError, match="each of a, b needs a mass of 0 GeV or more, not 1"):
        RestFrames(("a", "b"), (1.0,))
    coordinates = RestFrames(PAIRS, MASSES)
    with pytest.raises(InputError, match=r"of 3 events do not add up to 0 .*balanced=False"):
        coordinates.forward(np.ones((3, 18)))
    with pytest.raises(InputError, match=r"need the shape \(events, 16\)"):
        coordinates.inverse(np.ones((3, 18)))

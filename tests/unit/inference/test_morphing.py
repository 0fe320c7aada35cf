"""Morphing: the basis against its definition, its gradient against autograd, components against the polynomial."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.inference.morphing import Morphing
from partonic.simulators import wbf

SHAPES = [(1, 2), (2, 2), (5, 2), (2, 4), (3, 1)]


def test_the_basis_is_that_of_weak_boson_fusion():
    theta = generator(1).uniform(-1, 1, (7, 2))
    morphing = Morphing.polynomial(wbf.PARAMETERS)
    np.testing.assert_array_equal(morphing.basis(theta), wbf.basis(theta))
    np.testing.assert_array_equal(np.swapaxes(morphing.gradient(theta), 1, 2), wbf.gradient(theta))
    assert morphing.monomials == wbf.COMPONENTS


@pytest.mark.parametrize(("count", "degree"), SHAPES)
def test_arrays_and_tensors_agree_and_the_gradient_is_the_derivative(count, degree):
    morphing = Morphing.polynomial(count, degree)
    theta = generator(2).normal(size=(4, 3, count))
    tensor = torch.from_numpy(theta)
    jacobian = torch.func.vmap(torch.func.jacrev(morphing.basis))(tensor.reshape(-1, count))
    gradient = morphing.gradient(tensor)
    assert morphing.basis(tensor).shape == (4, 3, len(morphing))
    np.testing.assert_array_equal(morphing.basis(tensor).numpy(), morphing.basis(theta))
    np.testing.assert_array_equal(gradient.numpy(), morphing.gradient(theta))
    torch.testing.assert_close(gradient.reshape(-1, len(morphing), count), jacobian, rtol=1e-12, atol=1e-12)
    assert morphing.degree == degree


def test_the_basis_keeps_the_type_of_a_tensor():
    theta = torch.ones(3, 2, requires_grad=True)
    basis = Morphing.polynomial(2).basis(theta)
    assert basis.dtype == torch.float32
    assert basis.requires_grad


def test_five_parameters_have_21_monomials():
    assert len(Morphing.polynomial(5)) == 21
    assert Morphing.polynomial(("a", "b", "c"), 1).monomials == ("1", "a", "b", "c")
    assert len(Morphing.polynomial(2, 4)) == 15


@pytest.mark.parametrize(("count", "degree"), SHAPES)
@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_weights_at_a_few_points_give_the_weights_at_all_others(count, degree, unit):
    rng = generator(3)
    morphing = Morphing.polynomial(count, degree)
    truth = rng.normal(size=(20, len(morphing))) / morphing.basis(np.full(count, unit))
    points, others = (unit * rng.uniform(-1, 1, (n, count)) for n in (len(morphing), 50))
    found = morphing.components(truth @ morphing.basis(points).T, points)
    expected = truth @ morphing.basis(others).T
    assert np.abs(found @ morphing.basis(others).T - expected).max() < 1e-10 * np.abs(expected).max()


def test_six_points_of_weak_boson_fusion_give_50_others():
    rng = generator(4)
    form = rng.normal(size=(100, 3, 3))
    squares = form @ np.swapaxes(form, 1, 2)
    truth = squares[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]] * np.array([1, 2, 2, 1, 2, 1])
    points, others = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, (50, 2))
    found = Morphing.polynomial(2).components(truth @ wbf.basis(points).T, points)
    np.testing.assert_allclose(found @ wbf.basis(others).T, truth @ wbf.basis(others).T, rtol=1e-10, atol=1e-10)


def test_more_points_than_monomials_are_fitted():
    morphing = Morphing.polynomial(2)
    rng = generator(5)
    points = rng.uniform(-1, 1, (40, 2))
    truth = rng.normal(size=(1, 6))
    noise = 1e-3 * rng.normal(size=(2000, 40))
    found = morphing.components(truth @ morphing.basis(points).T + noise, points)
    expected = 1e-6 * np.linalg.inv(morphing.basis(points).T @ morphing.basis(points))
    np.testing.assert_allclose(np.cov(found.T), expected, atol=0.2 * np.diag(expected).max())
    assert np.abs(found.mean(axis=0) - truth).max() < 4.5 * np.sqrt(np.diag(expected).max() / 2000)


def test_points_that_do_not_span_say_what_stays_open():
    points = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [0, 2.0]])
    with pytest.raises(InputError, match=r"rank 5 and the polynomial has 6 monomials; open stay a b; give"):
        Morphing.polynomial(("a", "b")).components(np.ones((3, 6)), points)
    with pytest.raises(InputError, match=r"singular basis: the 2 points have rank 2"):
        Morphing.polynomial(1).components(np.ones((3, 2)), np.array([[0.0], [1.0]]))
    with pytest.raises(InputError, match="open stay a, a\\^2, a b;"):
        Morphing.polynomial(("a", "b")).components(np.ones((1, 6)), points * np.array([0.0, 1.0]))


def test_the_condition_depends_on_the_units_and_is_infinite_without_a_span():
    morphing = Morphing.polynomial(1)
    assert morphing.condition(np.array([[0.0], [1.0], [2.0]])) == pytest.approx(np.linalg.cond(np.vander([0, 1, 2])))
    assert morphing.condition(np.array([[0.0], [0.1], [0.2]])) > 100
    assert morphing.condition(np.array([[0.0], [1.0], [1.0]])) > 1e15


def test_a_restricted_polynomial_is_the_whole_one_at_0():
    morphing = Morphing.polynomial(("a", "b", "c", "d"))
    part, places = morphing.restricted(("d", "b"))
    assert part == Morphing.polynomial(("d", "b"))
    components, theta = generator(8).normal(size=(9, 15)), generator(9).normal(size=(3, 2))
    whole = np.stack([np.zeros(3), theta[:, 1], np.zeros(3), theta[:, 0]], axis=-1)
    np.testing.assert_allclose(components[:, places] @ part.basis(theta).T, components @ morphing.basis(whole).T)
    with pytest.raises(UnknownNameError, match="unknown parameter 'e'; there are: a, b, c, d"):
        morphing.restricted(("e",))
    with pytest.raises(InputError, match="each once"):
        morphing.restricted(("a", "a"))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_form_of_a_square_is_what_was_squared(count):
    morphing = Morphing.polynomial(count)
    rng = generator(6)
    vector = rng.normal(size=(8, count + 1))
    points = rng.normal(size=(len(morphing), count))
    weights = (vector @ np.concatenate([np.ones((len(points), 1)), points], axis=1).T) ** 2
    form = morphing.form(morphing.components(weights, points))
    np.testing.assert_allclose(form, vector[:, :, None] * vector[:, None, :], atol=1e-8)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Morphing(((0, 0), (0, 0))), "twice"),
        (lambda: Morphing(((0, -1),)), "integers from 0"),
        (lambda: Morphing(((0.5, 1.0),)), "integers from 0"),
        (lambda: Morphing(((0, 1),), ("a",)), "different names"),
        (lambda: Morphing(((0, 1),), ("a", "a")), "different names"),
        (lambda: Morphing.polynomial(0), "1 parameter"),
        (lambda: Morphing.polynomial(2, 0), "degree 1 or more"),
        (lambda: Morphing.polynomial(("a", "b")).basis(np.ones(3)), r"parameters a, b, not the shape \(3,\)"),
        (lambda: Morphing.polynomial(2).basis(torch.tensor(1.0)), r"not the shape \(\)"),
        (lambda: Morphing.polynomial(2).gradient(np.array([1.0, np.inf])), "finite"),
        (lambda: Morphing.polynomial(1).components(np.ones((2, 4)), np.ones((3, 1))), r"\(events, 3\), not \(2, 4\)"),
        (lambda: Morphing.polynomial(1).components([[1, 2, 3], [1, np.nan, 3]], [[0], [1], [2]]), "event 2 are not"),
        (lambda: Morphing.polynomial(1, 3).form(np.ones(4)), "degree 3"),
        (lambda: Morphing.polynomial(1).form(np.ones(4)), r"\(4,\)"),
    ],
)
def test_bad_input_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()

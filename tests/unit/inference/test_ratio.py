"""Learned ratios of a toy whose ratio is known, what they refuse, and their files."""

import numpy as np
import pytest
import torch
from toy_morphing import MORPHING, SIGMA, density, sample

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.events.events import Events
from partonic.fit.options import FitOptions
from partonic.inference.batches import Cutting
from partonic.inference.networks import ParameterisedRatio, QuadraticRatio
from partonic.inference.ratio import ExactRatio, RatioEstimator, train_ratio
from partonic.inference.samples import LabelledSample

X = np.linspace(-0.95, 0.95, 200)
THETA = np.array([[0.5, 0.5], [-0.8, 0.2], [0.0, -1.0], [0.0, 0.0]])
QUICK = FitOptions(epochs=4, learning_rate=1e-2, weight_decay=0.0, threads=1)


def truth(theta=THETA, reference=None):
    return ExactRatio(density(X), SIGMA, MORPHING, reference).log_ratio(X, theta)


def quick(**how):
    how = {"options": QUICK, "widths": (24, 24), "cutting": Cutting(size=200), **how}
    return train_ratio(sample(8_000), **how)


@pytest.fixture(scope="module")
def quadratic():
    return quick()


def test_the_exact_ratio_is_the_closed_form():
    a, b = THETA.T
    expected = np.log((1 + a[:, None] * X) ** 2 + b[:, None] ** 2 / 4) - np.log(1 + a**2 / 3 + b**2 / 4)[:, None]
    np.testing.assert_allclose(truth(), expected, atol=1e-12)
    np.testing.assert_allclose(truth(reference=THETA[0]), expected - expected[0], atol=1e-12)


def test_the_exact_ratio_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="known for 200 events, not for 3"):
        ExactRatio(density(X), SIGMA, MORPHING).log_ratio(np.zeros(3), THETA)
    with pytest.raises(InputError, match="are expected, not the shapes"):
        ExactRatio(density(X), SIGMA[:3], MORPHING)
    with pytest.raises(InputError, match="not above 0 at a theta"):
        ExactRatio(-density(X), SIGMA, MORPHING).log_ratio(X, THETA)


def test_the_quadratic_form_learns_the_ratio(quadratic):
    assert quadratic.method == "quadratic"
    found = quadratic.log_ratio(X, THETA)
    assert np.mean((found - truth()) ** 2) < 0.01
    np.testing.assert_allclose(found[3], 0, atol=1e-5)
    np.testing.assert_allclose(quadratic.at_reference(THETA[0]).log_ratio(X, THETA), found - found[0], atol=1e-5)


def test_the_score_is_the_gradient_of_the_ratio(quadratic):
    score, step = quadratic.score(X), 1e-2
    for i in range(2):
        up, down = quadratic.log_ratio(X, np.stack([step * np.eye(2)[i], -step * np.eye(2)[i]]))
        np.testing.assert_allclose(score[:, i], (up - down) / (2 * step), atol=5e-3)
    assert np.mean((score[:, 0] - 2 * X) ** 2) < 0.02


@pytest.mark.parametrize(
    ("method", "worst"),
    [("alice", 0.05), ("alices", 0.03), ("carl", 0.15), ("cascal", 0.1), ("rolr", 0.3), ("rascal", 0.1)],
)
def test_every_method_learns_the_ratio(method, worst):
    found = quick(method=method)
    assert (found.method, found.reason) == (method, f"{method}: as asked for")
    assert np.mean((found.log_ratio(X, THETA) - truth()) ** 2) < worst < np.mean(truth() ** 2)
    with pytest.raises(InputError, match="trained with one reference"):
        found.at_reference(THETA[0])


def test_pairs_of_points_are_antisymmetric_by_construction():
    found = quick(method="alices", doubly=True)
    one = found.log_ratio(X, THETA)
    other = found.at_reference(THETA[0])
    np.testing.assert_allclose(one[3], 0, atol=1e-6)
    np.testing.assert_allclose(other.log_ratio(X, np.zeros((1, 2)))[0], -one[0], atol=1e-5)
    assert np.mean((other.log_ratio(X, THETA) - truth(reference=THETA[0])) ** 2) < 0.05


@pytest.mark.parametrize(
    ("theta", "said"),
    [
        ([[0.0, 1.2]], "b = 1.2 is outside the range of the training, -1 to 1"),
        ([[np.nan, 0.0]], "a = nan is outside"),
        ([[0.0, 0.0, 0.0]], r"theta is an array \(points, 2\) of a, b"),
        (np.zeros((0, 2)), r"theta is an array \(points, 2\) of a, b, not \(0, 2\)"),
        ("near zero", "theta must be an array of numbers"),
    ],
)
def test_theta_outside_the_training_is_refused(quadratic, theta, said):
    with pytest.raises(InputError, match=said):
        quadratic.log_ratio(X, theta)


def test_other_observables_are_refused(quadratic):
    with pytest.raises(InputError, match="of 1 observables, not of 2"):
        quadratic.log_ratio(np.zeros((5, 2)), THETA)
    with pytest.raises(InputError, match="must be finite"):
        quadratic.log_ratio([np.inf], THETA)
    with pytest.raises(InputError, match="of 1 observables, not of 2"):
        quadratic.score(np.zeros((5, 2)))
    with pytest.raises(InputError, match="not finite: an observable is far outside"):
        quadratic.log_ratio([1e30], THETA)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"box": (1.0, 1.0)}, "a box has the lowest and highest value"),
        ({"box": (0.5, 1.0)}, "reference .* is outside the box"),
        ({"reference": [0.0]}, "a reference of 2 parameters"),
        ({"strength": 0.0}, "strength must be above 0"),
        ({"strength": 0.5, "method": "alice"}, "alice learns nothing from the score"),
        ({"validation": 1.0}, "validation is a share"),
    ],
)
def test_options_out_of_range(how, said):
    with pytest.raises(InputError, match=said):
        quick(**how)


def test_too_few_events_to_learn_from():
    with pytest.raises(InputError, match="99 events are too few to learn from; give 100 or more"):
        train_ratio(sample(99))


def test_names_of_methods():
    with pytest.raises(UnknownNameError, match="did you mean 'alices'"):
        quick(method="alicess")
    with pytest.raises(InputError, match="need their morphing"):
        train_ratio(Events({"x": X}), observables=("x",))
    with pytest.raises(InputError, match="not from a list"):
        train_ratio([1.0, 2.0])


def test_events_train_as_arrays_do(quadratic):
    plain = sample(8_000)
    events = Events({"x": plain.x[:, 0]}, gold={"components": plain.components})
    how = {"options": QUICK, "widths": (24, 24), "cutting": Cutting(size=200)}
    same = train_ratio(events, MORPHING, observables=("x",), **how)
    np.testing.assert_array_equal(same.log_ratio(X, THETA), quadratic.log_ratio(X, THETA))


@pytest.mark.parametrize("doubly", [False, True])
def test_estimators_are_read_back(tmp_path, doubly):
    fast = FitOptions(epochs=1, threads=1)
    kept = train_ratio(sample(1000), method="alice" if doubly else "auto", doubly=doubly, options=fast, widths=(8,))
    kept.save(tmp_path / "ratio.pt")
    found = RatioEstimator.load(tmp_path / "ratio.pt")
    np.testing.assert_array_equal(found.log_ratio(X, THETA), kept.log_ratio(X, THETA))
    assert (found.method, found.reason, found.parameters, found.free) == (kept.method, kept.reason, ("a", "b"), True)
    assert found.facts["epochs"] == 1


def test_files_that_are_no_estimators(tmp_path):
    (tmp_path / "text.pt").write_text("no")
    torch.save({"format": "partonic score estimator", "version": 1}, tmp_path / "other.pt")
    torch.save({"format": "partonic ratio estimator", "version": 9}, tmp_path / "new.pt")
    torch.save({"format": "partonic ratio estimator", "version": 1}, tmp_path / "empty.pt")
    for name, said in [
        ("text", "is no ratio estimator"),
        ("other", "is no ratio estimator of partonic; give"),
        ("new", "version 9"),
        ("empty", "damaged"),
    ]:
        with pytest.raises(FileError, match=said):
            RatioEstimator.load(tmp_path / f"{name}.pt")


def test_labels_know_less():
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=200), "theta": rng.normal(size=(200, 1)), "label": np.arange(200) % 2}
    plain = LabelledSample(**given, reference=np.zeros(1))
    for method, said in [("quadratic", "needs events with components"), ("alice", "carl does without")]:
        with pytest.raises(InputError, match=said):
            train_ratio(plain, method=method, box=(-3, 3))
    half = LabelledSample(**given, reference=np.zeros(1), log_ratio=np.zeros(200))
    with pytest.raises(InputError, match="alice does without"):
        train_ratio(half, method="alices", box=(-3, 3))
    with pytest.raises(InputError, match="simulated at"):
        train_ratio(plain, box=(-3, 3), reference=[1.0])


def test_cascal_learns_from_labels_and_scores_alone():
    rng = np.random.default_rng(1)
    theta, label = rng.uniform(-1, 1, (6000, 1)), np.arange(6000) % 2
    x = rng.normal(size=6000) + label * theta[:, 0]
    known = LabelledSample(x[:, None], theta, label, np.zeros(1), score=x[:, None] - theta)
    how = {"options": FitOptions(epochs=12, threads=1), "widths": (32, 32), "cutting": Cutting(size=100)}
    found = train_ratio(known, method="cascal", box=(-1, 1), **how)
    points, events = np.array([[0.8], [-0.5]]), np.linspace(-2, 2, 41)
    exact = points * events - 0.5 * points**2
    assert np.mean((found.log_ratio(events, points) - exact) ** 2) < 0.03 < np.mean(exact**2)


def test_the_quadratic_form_is_positive_and_1_at_zero():
    torch.manual_seed(0)
    network = QuadraticRatio(2, [list(row) for row in MORPHING.powers], [1.0, 0, 0, 0, 0, 0], [1.0, 1.0], [8])
    network.body[-1].bias.data = torch.tensor([5.0, -4.0, 0.1, 0.0, 0.0])
    x, theta = torch.randn(100, 2), torch.rand(50, 1, 2) * 2 - 1
    assert torch.isfinite(network(x, theta)).all()
    vector, triangle = network.body(x).split([2, 3], dim=-1)
    matrix = torch.zeros(100, 2, 2)
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1] = triangle.unbind(-1)
    t = theta[:, 0]
    slow = (1 + t @ vector.T) ** 2 + (torch.einsum("bij,mj->mbi", matrix, t) ** 2).sum(-1)
    torch.testing.assert_close(network(x, theta).exp(), slow + 1e-6, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(network(x, torch.zeros(1, 1, 2)), torch.zeros(1, 100), atol=2e-6, rtol=0)


def test_a_parameterised_network_takes_one_theta_for_all_or_one_each():
    network = ParameterisedRatio(2, [0.5], [2.0], [8, 8])
    x, theta = torch.randn(75, 2), torch.rand(70, 1, 1)
    one_each = network(x, theta.expand(70, 75, 1))
    torch.testing.assert_close(network(x, theta), one_each)
    with torch.inference_mode():  # in blocks, of which the last ones are smaller
        torch.testing.assert_close(network(x, theta), one_each)
    for widths, said in (([], "needs a hidden layer"), ([8, 0], r"1 or more, not \[8, 0, 1\]")):
        with pytest.raises(InputError, match=said):
            ParameterisedRatio(2, [0.5], [2.0], widths)

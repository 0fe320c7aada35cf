"""Laws of every registered simulator: draws repeat, their likelihood is that of the draws, gold agrees with it."""

from functools import cache

import numpy as np
import pytest

from partonic.core.config import from_tree, to_tree
from partonic.core.registry import simulators
from partonic.simulators.known import build, draw
from partonic.simulators.wbf import basis, features, joint_score

N = 3000
SIGMAS = 4.5
GRID = pytest.mark.parametrize("name", simulators.names())
# A second theta, close enough for weights of one spread: this far from the first. Crescents move along their edge.
STEPS = {"two-moons": (0.002, -0.002), "weak-boson-fusion": (0.1, -0.1), "galton-board": (0.1,)}


@cache
def simulator(name):
    if name == "weak-boson-fusion":
        pytest.importorskip("pythia8mc", reason="the parton densities ship with it")
    return build(name)


def place(name):
    theta = np.asarray(simulators.get(name).facts["theta"], dtype=float)
    return theta if theta.ndim else np.full(simulator(name).dimensions, float(theta))


def other(name):
    return place(name) + STEPS.get(name, 0.02)


@cache
def sample(name, at, seed=1):
    return simulator(name).simulate(at(name), N, np.random.default_rng(seed))


def observed(name, events):
    """Bounded functions of the observables, (functions, n); the first is 1."""
    x, middle = (
        features(each)[:, :4] if name == "weak-boson-fusion" else np.asarray(each.column("x")).reshape(N, -1)
        for each in (events, sample(name, place))
    )
    return np.concatenate([np.ones((1, N)), np.tanh(x - np.median(middle, axis=0)).T])


def same_mean(ours, theirs):
    """Of two independent samples, within their errors."""
    variance = (ours.var(axis=-1) + theirs.var(axis=-1)) / N
    assert np.all(np.abs(ours.mean(axis=-1) - theirs.mean(axis=-1)) <= SIGMAS * np.sqrt(variance) + 1e-12)


def derivative(name, events, theta):
    """Of the log-likelihood, (n, p), by differences of fourth order."""
    step = 1e-3
    columns = []
    for axis in np.eye(len(theta)):
        near, far = (
            [simulator(name).log_prob(events, theta + sign * size * step * axis) for sign in (1, -1)] for size in (1, 2)
        )
        columns.append((8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step))
    return np.stack(columns, axis=-1)


def gold_score(name, events, theta):
    if "components" in events.gold:
        section = simulator(name).cross_section.components
        return joint_score(events.gold["components"], theta) - joint_score(section[None], theta)
    return events.gold.get("joint_score")


@GRID
def test_options_survive_being_stored(name):
    chosen = simulator(name)
    assert from_tree(type(chosen), to_tree(chosen)) == chosen
    assert simulators.get(name).paper.startswith("arXiv:") or name == "gaussian-nuisance"


@GRID
def test_the_same_seed_gives_the_same_events(name):
    once, again = (simulator(name).simulate(place(name), 50, np.random.default_rng(3)) for _ in range(2))
    another = simulator(name).simulate(place(name), 50, np.random.default_rng(4))
    for column in once.columns:
        np.testing.assert_array_equal(once.column(column), again.column(column))
    for gold in once.gold:
        np.testing.assert_array_equal(once.gold[gold], again.gold[gold])
    assert any(not np.array_equal(once.column(column), another.column(column)) for column in once.columns)


@GRID
def test_everything_is_finite_and_of_the_promised_shape(name):
    events = sample(name, place)
    assert len(events) == N
    numbers = [*events.columns.values(), *events.weights.values(), *events.gold.values()]
    assert all(np.all(np.isfinite(values)) for values in numbers)
    assert np.all(np.isfinite(simulator(name).log_prob(events, place(name))))
    assert np.all(events.column("theta") == place(name))


@GRID
def test_the_likelihood_is_that_of_the_draws(name):
    """Draws at one theta, weighted with the likelihood ratio, are draws at the other."""
    near, far = sample(name, place), sample(name, other, 2)
    ratio = np.exp(simulator(name).log_prob(near, other(name)) - simulator(name).log_prob(near, place(name)))
    assert 0.005 < ratio.std() < 2
    same_mean(ratio * observed(name, near), observed(name, far))


@GRID
def test_the_joint_score_has_the_score_as_its_mean(name):
    events = sample(name, place)
    joint = gold_score(name, events, place(name))
    if joint is None:
        assert name == "two-moons", "its support moves with theta, which leaves no score"
        return
    excess = (joint - derivative(name, events, place(name))).T[:, None] * observed(name, events)
    for values in (joint.T, excess):
        assert np.all(np.abs(values.mean(axis=-1)) <= SIGMAS * values.std(axis=-1) / np.sqrt(N) + 1e-6)
    if hasattr(simulator(name), "score"):
        score = np.reshape(simulator(name).score(events, place(name)), joint.shape)
        np.testing.assert_allclose(score, derivative(name, events, place(name)), atol=1e-6)


@GRID
def test_the_joint_ratio_takes_events_to_the_reference(name):
    events = sample(name, other, 2)
    if "joint_ratio" not in events.gold:
        assert "joint_score" in events.gold or "components" in events.gold or name == "two-moons"
        return
    reference = np.atleast_1d(simulator(name).reference)
    there = simulator(name).simulate(reference, N, np.random.default_rng(5))
    np.testing.assert_allclose(there.gold["joint_ratio"], 1.0)
    same_mean(observed(name, events) / events.gold["joint_ratio"], observed(name, there))


def test_components_are_positive_and_their_mean_is_the_cross_section():
    events = sample("weak-boson-fusion", other, 2)
    components = events.gold["components"]
    assert np.all(components @ basis(np.random.default_rng(6).uniform(-1, 1, (100, 2))).T > 0)
    for theta in (other("weak-boson-fusion"), (0, 0)):
        value, expected = components @ basis(theta), simulator("weak-boson-fusion").cross_section.at(theta)
        error = np.sqrt(value.var() / N + 2 * expected.error**2)
        assert abs(value.mean() - expected.value) < SIGMAS * error


@pytest.mark.parametrize("name", [name for name in simulators.names() if name != "weak-boson-fusion"])
def test_by_name_events_say_where_they_come_from(name):
    events = draw(name, 20, seed=7)
    np.testing.assert_array_equal(events.column("theta"), np.broadcast_to(place(name), events.column("theta").shape))
    assert events.provenance["process"] == name
    assert events.provenance["seed"] == 7
    assert from_tree(type(simulator(name)), events.provenance["options"]) == simulator(name)

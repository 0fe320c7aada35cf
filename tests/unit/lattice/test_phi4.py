"""The scalar theory: action, hybrid Monte Carlo, the flow and the chains made of its draws."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, TrainingError
from partonic.core.rng import generator
from partonic.fit.options import FitOptions
from partonic.lattice.chains import (
    Accepted,
    autocorrelation_time,
    effective_sample_size,
    independence_metropolis,
    log_mean_weight,
    mean_of_accepted,
    mean_of_chain,
    time_of_accepted,
)
from partonic.lattice.flow import START, Z2Flow, train_flow
from partonic.lattice.phi4 import Phi4, magnetisation, two_point
from partonic.lattice.training import Noise, ReverseKL


def test_action_site_by_site():
    theory = Phi4(4, -1.5, 0.7)
    phi = torch.randn(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slow = torch.zeros(2, dtype=torch.float64)
    for x in range(4):
        for y in range(4):
            here = phi[:, x, y]
            slow += -1.5 * here**2 + 0.7 * here**4
            for dx, dy in ((1, 0), (0, 1)):
                neighbours = phi[:, (x + dx) % 4, (y + dy) % 4] + phi[:, (x - dx) % 4, (y - dy) % 4]
                slow += here * (2 * here - neighbours)
    torch.testing.assert_close(theory.action(phi), slow)


def test_hybrid_monte_carlo_of_the_known_point():
    fields, accepted = Phi4().chains(64, 40, torch.Generator().manual_seed(2), every=2)
    assert 0.6 < accepted < 0.95
    found = mean_of_chain(fields.square().mean(dim=(2, 3)).T.numpy())
    assert abs(found.value - 0.14343) < 4 * found.error
    assert found.error < 1e-3
    size = mean_of_chain(magnetisation(fields).abs().T.numpy())
    assert abs(size.value - 0.08709) < 4 * size.error
    along = two_point(fields.flatten(0, 1))
    assert along[0] > along[1] > along[4]
    torch.testing.assert_close(along[1], along[7])


def test_flow_is_even_and_its_density_is_that_of_its_draws():
    torch.manual_seed(0)
    flow = Z2Flow(4, 4, 16).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    noise = torch.randn(5, 4, 4, dtype=torch.float64)
    phi, log_q = flow(noise)
    mirrored, same = flow(-noise)
    torch.testing.assert_close(mirrored, -phi)
    torch.testing.assert_close(same, log_q)
    torch.testing.assert_close(flow.log_prob(phi), log_q)
    torch.testing.assert_close(flow.log_prob(phi, constant=True), log_q)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(lambda z: flow(z[None])[0][0].flatten(), noise[i])
        log_det = torch.linalg.slogdet(jacobian.reshape(16, 16))[1]
        gauss = -0.5 * noise[i].square().sum() - 8 * np.log(2 * np.pi)
        torch.testing.assert_close(log_q[i], gauss - log_det)


def test_a_perfect_flow_has_no_gradient():
    class Free(Phi4):
        def action(self, phi):
            return 0.5 * (phi / np.exp(START)).square().sum(dim=(1, 2))

    flow = Z2Flow(4, 4, 8)
    batch = Noise(torch.randn(10, 4, 4, generator=torch.Generator().manual_seed(1)))
    loss = ReverseKL(Free(4))(flow, batch)
    assert loss.item() == pytest.approx(-8 * np.log(2 * np.pi) - 16 * START, rel=1e-5)
    loss.backward()
    assert all(p.grad is None or p.grad.abs().max() < 1e-5 for p in flow.parameters())
    flow.width.data += 0.1
    flow.zero_grad()
    ReverseKL(Free(4))(flow, batch).backward()
    assert flow.width.grad > 1.0


def test_training_brings_the_flow_nearer_and_chains_of_it_are_exact():
    theory = Phi4(4)
    options = FitOptions(epochs=5, learning_rate=5e-3, weight_decay=0.0, schedule="cosine", threads=1)
    flow, done = train_flow(theory, steps=200, size=256, layers=6, hidden=32, options=options)
    assert done.history[-1]["loss"] < done.history[1]["loss"]
    phi, log_q = flow.sample(8000, torch.Generator().manual_seed(1))
    logs = (-theory.action(phi) - log_q).double().numpy()
    chain = independence_metropolis(logs, generator(1))
    assert chain.acceptance > 0.3
    assert effective_sample_size(logs, generator(2)).value > 0.1
    square = phi.square().mean(dim=(1, 2)).double().numpy()
    fields, _ = theory.chains(100, 60, torch.Generator().manual_seed(3))
    exact, found = mean_of_chain(fields.square().mean(dim=(2, 3)).T.numpy()), mean_of_accepted(square, chain)
    assert abs(found.value - exact.value) < 4 * np.hypot(found.error, exact.error)
    assert float((magnetisation(phi) > 0).double().mean()) == pytest.approx(0.5, abs=0.03)


def test_metropolis_draws_from_the_target():
    rng = generator(4)
    proposals = rng.normal(0, 1.5, 60_000)
    logs = -0.5 * proposals**2 + 0.5 * (proposals / 1.5) ** 2
    chain = independence_metropolis(logs, rng)
    assert np.std(proposals[chain.rows]) == pytest.approx(1.0, abs=0.03)
    share = effective_sample_size(logs, rng)
    exact = np.sqrt(2 * 1.5**2 - 1) / 1.5**2
    assert share.value == pytest.approx(exact, rel=0.03)
    assert share.low < share.value < share.high
    total = log_mean_weight(logs, rng)
    assert total.value == pytest.approx(-np.log(1.5), abs=4 * total.error)
    assert 0 < total.error < 0.01


def test_the_error_of_accepted_draws_is_that_of_the_transition_matrix():
    rng, n = generator(6), 12
    values, logs = rng.normal(size=n), rng.normal(size=n)
    logs[3] = -np.inf
    weight = np.exp(logs)
    share = weight / weight.sum()
    steps = np.minimum(1, weight / np.maximum(weight[:, None], 1e-300)) / n
    np.fill_diagonal(steps, 0)
    np.fill_diagonal(steps, 1 - steps.sum(axis=1))
    off = values - share @ values
    sums = np.linalg.inv(np.eye(n) - steps + share)
    variance = (share * off) @ (2 * sums - np.eye(n)) @ off
    chain = Accepted(np.arange(n), 1.0, logs)
    assert mean_of_accepted(values, chain).error == pytest.approx(np.sqrt(variance / n), rel=1e-9)
    assert time_of_accepted(values, chain).value == pytest.approx(0.5 * variance / (share @ off**2), rel=1e-9)


def test_errors_of_heavy_draws_are_not_too_small():
    n, spread = 8_000, 0.75
    pulls, gamma = [], []
    for seed in range(60):
        rng = generator(7, seed)
        draws = rng.normal(0, spread, n)
        chain = independence_metropolis(-0.5 * draws**2 + 0.5 * (draws / spread) ** 2, rng)
        found, other = mean_of_accepted(draws**2, chain), mean_of_chain(draws[chain.rows] ** 2)
        pulls.append((found.value - 1) / found.error)
        gamma.append((other.value - 1) / other.error)
    assert 0.8 < np.std(pulls) < 1.2
    assert np.std(gamma) > np.std(pulls)
    assert time_of_accepted(draws**2, chain).low > 1


def test_autocorrelation_of_a_known_process():
    rng, a = generator(5), 0.8
    noise = rng.normal(size=(20, 4000))
    chain = np.zeros_like(noise)
    for i in range(1, 4000):
        chain[:, i] = a * chain[:, i - 1] + noise[:, i]
    found = autocorrelation_time(chain[:, 100:])
    exact = 0.5 * (1 + a) / (1 - a)
    assert abs(found.value - exact) < 4 * found.error
    assert found.error < 0.3
    free = autocorrelation_time(rng.normal(size=5000))
    assert free.value == pytest.approx(0.5, abs=0.1)


def test_a_training_that_diverges_says_so():
    options = FitOptions(epochs=3, learning_rate=1e30, weight_decay=0.0)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train_flow(Phi4(4), steps=12, size=16, layers=4, hidden=8, options=options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Phi4(5), "even number of sites"),
        (lambda: Phi4(coupling=0.0), "no minimum"),
        (lambda: Phi4(4).action(torch.zeros(1, 6, 6)), "fields are"),
        (lambda: Phi4(4).chains(0, 1, torch.Generator()), "1 or more"),
        (lambda: Z2Flow(3), "even lattice"),
        (lambda: train_flow(Phi4(4), steps=0), "1 step"),
        (lambda: independence_metropolis([-np.inf, 0.0], generator(1)), "impossible"),
        (lambda: effective_sample_size([1.0], generator(1)), "two weights"),
        (lambda: autocorrelation_time(np.ones(50)), "constant"),
        (lambda: mean_of_accepted(np.ones(2), Accepted(np.arange(2), 1.0, np.zeros(2))), "constant"),
        (lambda: mean_of_accepted(np.ones(3), Accepted(np.arange(2), 1.0, np.zeros(2))), "2 proposals have as many"),
        (lambda: autocorrelation_time(np.ones(5)), "10 or more"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(InputError, match=said):
        call()

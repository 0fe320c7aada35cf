"""U(1): loops, charge and chains beside exact sums; the flow's invariance, density, continuity and training."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, TrainingError
from partonic.core.rng import generator
from partonic.fit.options import FitOptions
from partonic.lattice.chains import independence_metropolis, mean_of_accepted, mean_of_chain
from partonic.lattice.gauge_flow import GaugeFlow, train_gauge_flow
from partonic.lattice.phi4 import two_point
from partonic.lattice.training import Noise, ReverseKL
from partonic.lattice.u1 import U1, charge, gauge_transformed, plaquettes, wilson_loops, wrapped
from partonic.lattice.u1_exact import charge_shares, charge_squared, plaquette, sine_correlation, wilson_loop


def angles(*shape, seed=1):
    random = torch.Generator().manual_seed(seed)
    return 2 * math.pi * torch.rand(shape, generator=random, dtype=torch.float64) - math.pi


def untrained(side=4, layers=16):
    """A flow with weights that make it do something, in double precision."""
    torch.manual_seed(0)
    flow = GaugeFlow(side, layers, hidden=8, bins=4).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return flow


def test_loops_link_by_link():
    links = angles(2, 2, 4, 4)
    for x, y in ((0, 0), (3, 2), (3, 3)):
        right, up = (x + 1) % 4, (y + 1) % 4
        around = links[:, 0, x, y] + links[:, 1, right, y] - links[:, 0, x, up] - links[:, 1, x, y]
        torch.testing.assert_close(plaquettes(links)[:, x, y], around)
    torch.testing.assert_close(U1(4, 1.7).action(links), -1.7 * plaquettes(links).cos().sum(dim=(1, 2)))
    inside = sum(plaquettes(links).roll((-i, -j), dims=(1, 2)) for i in range(3) for j in range(2))
    torch.testing.assert_close(wilson_loops(links, 3, 2), inside.cos().mean(dim=(1, 2)))
    torch.testing.assert_close(wilson_loops(links, 4, 4), torch.ones(2, dtype=torch.float64))


def test_what_can_be_measured_is_invariant():
    links, turned = angles(20, 2, 4, 4), gauge_transformed(angles(20, 2, 4, 4), angles(20, 4, 4, seed=2))
    assert not torch.allclose(wrapped(links), wrapped(turned))
    torch.testing.assert_close(U1(4).action(links), U1(4).action(turned))
    torch.testing.assert_close(wilson_loops(links, 2, 1), wilson_loops(turned, 2, 1))
    assert torch.equal(charge(links), charge(turned))
    assert charge(links).abs().max() >= 1
    fluxes = wrapped(plaquettes(links)).sum(dim=(1, 2)) / (2 * math.pi)
    torch.testing.assert_close(fluxes, charge(links))


def test_hybrid_monte_carlo_beside_exact_sums():
    links, accepted = U1(8, 2.0).chains(64, 60, torch.Generator().manual_seed(2), every=2)
    assert 0.6 < accepted < 0.95
    found = mean_of_chain(plaquettes(links).cos().mean(dim=(2, 3)).T.numpy())
    assert abs(found.value - 0.69777) < 4 * found.error
    assert found.error < 2e-3
    square = mean_of_chain(charge(links).square().T.numpy())
    assert abs(square.value - 1.2393) < 4 * square.error
    assert square.error < 0.15
    for width, height in ((2, 1), (2, 2), (1, 4)):
        loop = mean_of_chain(wilson_loops(links, width, height).T.numpy())
        assert abs(loop.value - wilson_loop(2.0, width * height, 8)) < 4 * loop.error
    along = two_point(plaquettes(links.flatten(0, 1)).sin())
    same, other = sine_correlation(2.0, 8)
    assert along[0].item() == pytest.approx(same, abs=0.01)
    assert along[1:].mean().item() == pytest.approx(other, abs=0.01)
    share = (charge(links) == 0).double().mean().item()
    assert share == pytest.approx(charge_shares(2.0, 8, 0)[0], abs=0.05)


@pytest.mark.parametrize("layers", [8, 18])
def test_the_flow_knows_its_density_and_no_gauge(layers):
    flow = untrained(4, layers)
    noise = angles(6, 2, 4, 4)
    links, log_q = flow(noise)
    assert not torch.allclose(links, noise, atol=0.01)
    torch.testing.assert_close(flow.log_prob(links), log_q, atol=1e-6, rtol=0)
    torch.testing.assert_close(flow.log_prob(links, constant=True), log_q, atol=1e-6, rtol=0)
    elsewhere = gauge_transformed(links, angles(6, 4, 4, seed=3))
    torch.testing.assert_close(flow.log_prob(elsewhere), log_q, atol=1e-6, rtol=0)
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda z: flow(z[None])[0][0].flatten(), noise[i])
        log_det = torch.linalg.slogdet(jacobian.reshape(32, 32))[1]
        even = -32 * math.log(2 * math.pi)
        torch.testing.assert_close(log_q[i], even - log_det, atol=1e-6, rtol=0)


def test_every_link_turns_and_places_are_relative():
    """Lattices shifted along the stripes by one site and across them by four give shifted links."""
    flow, noise = untrained(8, 8), angles(2, 2, 8, 8)
    links, log_q = flow(noise)
    assert (wrapped(links - noise).abs() > 1e-9).all()
    moved, same = flow(noise.roll((4, 4), dims=(2, 3)))
    torch.testing.assert_close(same, log_q)
    torch.testing.assert_close(moved, links.roll((4, 4), dims=(2, 3)))
    first = flow.layers[0]
    loops = plaquettes(noise)
    turns, _ = first(loops.flatten(1))
    along, _ = first(loops.roll(1, dims=1).flatten(1))
    torch.testing.assert_close(along.reshape(2, 2, 8), turns.reshape(2, 2, 8).roll(1, dims=2))


def test_the_density_is_continuous():
    """Where angles jump from pi to -pi: a density with jumps would bias the gradient along the path."""
    flow, links = untrained(4, 8), angles(2, 4, 4, seed=5)
    turn = torch.linspace(-math.pi, math.pi, 4_001, dtype=torch.float64)
    for direction in (0, 1):
        many = links.repeat(len(turn), 1, 1, 1)
        many[:, direction, 1, 2] += turn
        with torch.no_grad():
            log_q = flow.log_prob(many)
        assert float(log_q.std()) > 0.1
        assert float(log_q.diff().abs().max()) < 0.05
        assert log_q[0].item() == pytest.approx(log_q[-1].item(), abs=1e-6)


def test_the_path_gradient_is_the_slope_of_the_loss():
    """Mean over much noise against finite differences of the loss in one weight."""
    flow, theory = untrained(4, 8), U1(4, 1.0)
    noise = Noise(angles(4_000, 2, 4, 4, seed=7))
    weight = flow.layers[2].last.bias
    ReverseKL(theory)(flow, noise).backward()
    slopes = weight.grad.clone()
    place, small = int(slopes.abs().argmax()), 0.02
    losses = []
    for change in (small, -2 * small):
        with torch.no_grad():
            weight[place] += change
            links, log_q = flow(noise.fields)
            losses.append(float((log_q + theory.action(links)).mean()))
    assert slopes[place].item() == pytest.approx((losses[0] - losses[1]) / (2 * small), rel=0.2)


def test_training_brings_the_flow_nearer_and_chains_of_it_are_exact():
    theory = U1(4, 1.5)
    options = FitOptions(epochs=5, learning_rate=1e-2, weight_decay=0.0, schedule="cosine", threads=1)
    flow, done = train_gauge_flow(theory, steps=60, size=64, layers=8, hidden=16, bins=4, options=options)
    assert done.history[-1]["loss"] < done.history[0]["loss"] - 1
    links, log_q = flow.sample(2000, torch.Generator().manual_seed(1))
    chain = independence_metropolis((-theory.action(links) - log_q).double().numpy(), generator(1))
    assert chain.acceptance > 0.2
    for values, exact in (
        (plaquettes(links).cos().mean(dim=(1, 2)), plaquette(1.5, 4)),
        (charge(links).square(), charge_squared(1.5, 4)),
    ):
        found = mean_of_accepted(values.double().numpy(), chain)
        assert abs(found.value - exact) < 4 * found.error
        assert np.isfinite(found.error)
    still = FitOptions(epochs=1, learning_rate=1e-12, weight_decay=0.0)
    again, _ = train_gauge_flow(theory, steps=1, size=8, layers=8, hidden=16, bins=4, start=flow, options=still)
    torch.testing.assert_close(again.log_prob(links[:50]), flow.log_prob(links[:50]))


def test_a_training_that_diverges_says_so():
    options = FitOptions(epochs=3, learning_rate=1e30, weight_decay=0.0)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train_gauge_flow(U1(4), steps=12, size=16, layers=8, hidden=8, bins=4, options=options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: U1(1), "2 sites or more"),
        (lambda: U1(4, 0.0), "beta must be above 0"),
        (lambda: U1(4).action(torch.zeros(1, 2, 6, 6)), "links are"),
        (lambda: U1(4).chains(0, 1, torch.Generator()), "1 or more"),
        (lambda: wilson_loops(torch.zeros(1, 2, 4, 4), 5, 1), "sides of 1 to 4"),
        (lambda: GaugeFlow(6), "multiple of 4"),
        (lambda: GaugeFlow(4, layers=7), "8 layers"),
        (lambda: train_gauge_flow(U1(4), steps=0), "1 step"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(InputError, match=said):
        call()

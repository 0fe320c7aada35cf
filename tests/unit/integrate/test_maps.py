"""Channels of phase space: momenta conserved and on shell, inverses, volumes against closed forms, wrong chains."""

import math

import pytest
import torch

from partonic.core.errors import InputError
from partonic.integrate.channels import check_channels
from partonic.integrate.maps import Chain, Even, Exchange, Separate, Split
from partonic.phasespace.maps import BreitWigner, Flat, Power
from partonic.phasespace.rambo import volume

E = 500.0
CHAINS = {
    "flat": Chain(E, (0.0, 0.0, 0.0), Split(Split(0, 1), 2)),
    "power": Chain(E, (0.0,) * 4, Split(Split(0, 1, power=0.3), Split(2, 3, power=0.3))),
    "resonances": Chain(E, (0.0,) * 4, Split(Split(0, 1, 91.2, 40.0), Split(3, 2, 80.4, 40.0))),
    "cascade": Chain(E, (0.0,) * 4, Split(Split(Split(0, 2, 200.0, 200.0), 1, 300.0, 200.0), 3)),
    "exchange": Chain(E, (0.0,) * 3, Split(0, Split(1, 2)), Exchange(300.0, 1.0)),
}


def numbers(n, dim, seed=0):
    return torch.rand(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name):
    chain = CHAINS[name]
    x = numbers(40_000, chain.dim)
    y, density = chain.forward(x)
    p = y.reshape(len(y), -1, 4)
    total = p.sum(1)
    assert (total[:, 0] - E).abs().max() < 1e-8
    assert total[:, 1:].abs().max() < 1e-8
    assert (p[..., 0] ** 2 - (p[..., 1:] ** 2).sum(-1)).abs().max() < 1e-6
    again, same = chain.inverse(y)
    assert (again - x).abs().max() < 1e-5
    assert torch.allclose(same, density, rtol=1e-5)
    ratio = 1 / density / volume(len(chain.masses), E)
    assert abs(float(ratio.mean()) - 1) < 5 * float(ratio.std()) / 200
    assert float(ratio.std()) / 200 < 0.05


def test_chains_and_even_momenta_agree():
    check_channels([Even(4, E), CHAINS["power"], CHAINS["resonances"]])


def test_two_massive_particles():
    m = (173.0, 80.0)
    chain = Chain(E, m, Split(0, 1))
    y, density = chain.forward(numbers(100, 2))
    p = math.sqrt((E**2 - sum(m) ** 2) * (E**2 - (m[0] - m[1]) ** 2)) / (2 * E)
    assert torch.allclose(1 / density, torch.full_like(density, p / (4 * math.pi * E)))
    q = y.reshape(-1, 2, 4)
    masses = torch.sqrt(q[..., 0] ** 2 - (q[..., 1:] ** 2).sum(-1))
    assert torch.allclose(masses, torch.tensor(m, dtype=torch.float64).expand(100, 2))


def test_an_exchange_flattens_its_propagator():
    mass = 80.0
    chain = Chain(E, (0.0, 0.0), Split(0, 1), Exchange(mass))
    y, density = chain.forward(numbers(5_000, 2))
    t = 0.5 * E * (E - 2 * y[:, 3])
    weights = (t + mass**2) ** -2.0 / density
    assert float(weights.std() / weights.mean()) < 1e-9


def test_a_resonance_is_flattened():
    chain = Chain(E, (0.0,) * 3, Split(Split(0, 1, 91.2, 2.5), 2))
    y, density = chain.forward(numbers(5_000, 5))
    p = y.reshape(-1, 3, 4)[:, :2].sum(1)
    s = p[:, 0] ** 2 - (p[:, 1:] ** 2).sum(1)
    peak = 1 / ((s - 91.2**2) ** 2 + (91.2 * 2.5) ** 2)
    left = peak / density / (1 - s / E**2)  # what is left of phase space itself
    assert float(left.std() / left.mean()) < 1e-6


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (lambda: Chain(E, (0.0, 0.0), Split(0, 0)), "each of the 2 particles"),
        (lambda: Chain(E, (0.0, 0.0, 0.0), Split(0, 1)), "each of the 3 particles"),
        (lambda: Chain(E, (300.0, 300.0), Split(0, 1)), "does not suffice"),
        (lambda: Chain(E, (0.0,) * 3, Split(Split(0, 1, 600.0, 2.5), 2)), "out of range.*between 0 and 500"),
        (lambda: Chain(E, (50.0,) * 3, Split(Split(0, 1, 91.2, 2.5), 2)), "out of range.*between 100 and 450"),
        (lambda: Chain(E, (0.0,) * 3, Split(Split(0, 1, 91.2), 2)), "width"),
        (lambda: Exchange(0.0), "mass above 0"),
        (lambda: Even(1, E), "2 particles or more"),
        (lambda: Even(3, 0.0), "above 0 GeV"),
        (lambda: Separate(()), "needs a map"),
    ],
)
def test_wrong_chains_are_refused(chain, said):
    with pytest.raises(InputError, match=said):
        chain()


def test_separate_variables():
    channel = Separate((BreitWigner(91.2, 2.5, 60.0**2, 120.0**2), Flat(-1.0, 1.0), Power(1.0, 10.0, 2.0)))
    check_channels([channel])
    outside = torch.tensor([[50.0**2, 0.0, 2.0], [91.0**2, 0.0, 2.0]], dtype=torch.float64)
    assert (channel.inverse(outside)[1] > 0).tolist() == [False, True]

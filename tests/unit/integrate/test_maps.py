"""Channels of phase space: momenta conserved and on shell, inverses, volumes against closed forms, wrong chains."""

import math

import pytest
import torch

from partonic.core.errors import InputError
from partonic.integrate.channels import Cube, Product, check_channels
from partonic.integrate.maps import Chain, Even, Exchange, Partons, Separate, Split
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


Z = BreitWigner(91.2, 2.5, 60.0**2, 120.0**2)
PARTONS = {
    "resonance": Partons(Z, 13e3, 1e-4),
    "resonance, logarithms": Partons(Z, 13e3, 1e-4, logarithmic=True),
    "narrow, to the ends": Partons(BreitWigner(125.0, 0.1, 1.3**2, 13e3**2), 13e3, 1e-4, logarithmic=True),
    "power": Partons(Power(1.3**2, 13e3**2, 0.8), 13e3, 1e-4),
    "flat": Partons(Flat(0.01, 100.0), 10.0, 0.01),
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


@pytest.mark.parametrize("name", PARTONS)
def test_two_partons(name):
    partons = PARTONS[name]
    check_channels([partons])  # the density is the Jacobian
    x = numbers(10_000, 2)
    y, density = partons.forward(x)
    again, same = partons.inverse(y)
    assert (again - x).abs().max() < 1e-6
    assert torch.allclose(same, density, rtol=1e-6)
    fractions = partons.least**y if partons.logarithmic else y
    assert torch.allclose(fractions.prod(1) * partons.energy**2, partons.square.forward(x[:, 0]), rtol=1e-9)
    assert fractions.min() > partons.least * (1 - 1e-9)
    assert fractions.max() < 1 + 1e-9


@pytest.mark.parametrize("name", ["resonance", "resonance, logarithms", "power", "flat"])
def test_the_area_of_two_fractions(name):
    """The mean of 1/density is the area with s in its range; dx1 dx2 = exp(t) dt dy, with t = ln(x1 x2)."""
    partons = PARTONS[name]
    y, density = partons.forward(numbers(200_000, 2))
    least = math.log(partons.least)
    weights = 1 / density
    if partons.logarithmic:
        weights = weights * least**2 * torch.exp(least * y.sum(1))
    low, high = (math.log(end / partons.energy**2) for end in (partons.square.low, partons.square.high))
    t = torch.linspace(low, high, 100_001, dtype=torch.float64)
    area = float(torch.trapezoid(torch.exp(t) * torch.minimum(-t, t - 2 * least), t))
    error = float(weights.std()) / len(y) ** 0.5
    assert abs(float(weights.mean()) - area) < 4 * error
    assert error < 0.02 * area


def test_partons_beyond_their_limits_have_no_density():
    x = torch.tensor([[0.007, 0.007], [0.02, 0.007], [1.1, 5e-5], [5e-5, 0.99]], dtype=torch.float64)
    assert (PARTONS["resonance"].inverse(x)[1] > 0).tolist() == [True, False, False, False]


def test_a_product_of_channels():
    rest = Separate((Flat(-1.0, 1.0), Power(1.0, 10.0, 2.0)))
    channel = Product(((PARTONS["resonance"], (0, 3)), (rest, (2, 1))))
    check_channels([channel])
    x = numbers(100, 4)
    y, density = channel.forward(x)
    first, second = PARTONS["resonance"].forward(x[:, :2]), rest.forward(x[:, 2:])
    assert torch.equal(y[:, [0, 3]], first[0])
    assert torch.equal(y[:, [2, 1]], second[0])
    assert torch.allclose(density, first[1] * second[1])
    again, same = channel.inverse(y)
    assert (again - x).abs().max() < 1e-9
    assert torch.allclose(same, density)
    y[:, 2] = 2.0
    assert not channel.inverse(y)[1].any()


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
        (lambda: Partons(Z, 13e3, 1.0), "smallest fraction between 0 and 1"),
        (lambda: Partons(Z, 0.0, 0.1), "energy above 0"),
        (lambda: Partons(Z, 100.0, 1e-4), "between 0.0001 and 10000 GeV.2, its map goes from 3600 to 14400"),
        (lambda: Partons(Z, 13e3, 1e-2), "mend the limits"),
        (lambda: Partons(BreitWigner(91.2, 2.5), 13e3, 1e-4), "mend the limits"),
        (lambda: Product(()), "each column"),
        (lambda: Product(((Cube(2), (0, 2)),)), "each column, from 0 on, once"),
        (lambda: Product(((Cube(2), (0, 1)), (Cube(1), (1,)))), "each column, from 0 on, once"),
        (lambda: Product(((Even(2, 91.0), (0, 1)),)), "Even makes 8 columns of a product, not 2"),
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

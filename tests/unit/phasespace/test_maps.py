"""Maps: inverse against forward, density against the derivative, integrals in closed form."""

import math

import pytest
import torch

from partonic.core.errors import InputError
from partonic.phasespace.maps import BreitWigner, Flat, Power, t_channel

MAPS = {
    "flat": Flat(-2.0, 5.0),
    "inverse power": Power(0.1, 50.0),
    "root": Power(0.01, 3.0, 0.5),
    "t channel": t_channel(80.4, 0.0, 1e6),
    "massless": t_channel(0.0, 1.0, 1e4, 1.0),
    "limits of each point": Power(torch.linspace(1, 2, 999, dtype=torch.float64), 9.0, 1.5, 0.3),
    "resonance": BreitWigner(91.19, 2.5, 10.0, 4e4),
    "open resonance": BreitWigner(125.0, 0.004),
    "tail of a resonance": BreitWigner(91.19, 2.5, 10.0, 1e3, off_shell=True),
    "ranges of each point": BreitWigner(
        91.19, 2.5, 10.0, torch.linspace(1e3, 2e4, 999, dtype=torch.float64), off_shell=True
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_inverse_and_density(name):
    chosen = MAPS[name]
    u = torch.linspace(0.001, 0.999, 999, dtype=torch.float64, requires_grad=True)
    x = chosen.forward(u)
    (slope,) = torch.autograd.grad(x.sum(), u)
    torch.testing.assert_close(chosen.inverse(x), u, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(chosen.density(x) * slope, torch.ones_like(u), rtol=1e-6, atol=0)
    assert bool((x > torch.as_tensor(chosen.low)).all() and (x < torch.as_tensor(chosen.high)).all())


@pytest.mark.parametrize(
    ("chosen", "integrand", "expected"),
    [
        (Flat(0.0, 2.0), lambda x: x**3, 4.0),
        (Power(1.0, 4.0), lambda x: x.sqrt(), 14 / 3),
        (t_channel(2.0, 0.0, 10.0), lambda x: x / (x + 4) ** 2, math.log(3.5) + 4 / 14 - 1),
        (BreitWigner(3.0, 0.1, 1.0, 20.0), lambda s: s / ((s - 9) ** 2 + 0.09), None),
    ],
)
def test_integrals_in_closed_form(chosen, integrand, expected):
    """The mean of integrand over density on a fine grid of u is the integral."""
    if expected is None:
        angle = (math.atan(11 / 0.3) + math.atan(8 / 0.3)) / 0.3
        expected = 9 * angle + 0.5 * math.log((11**2 + 0.09) / (8**2 + 0.09))
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    x = chosen.forward(u)
    assert float((integrand(x) / chosen.density(x)).mean()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flat(1.0, 1.0),
        lambda: Power(0.0, 2.0),
        lambda: Power(3.0, 2.0),
        lambda: BreitWigner(91.0, 0.0),
        lambda: t_channel(0.0, 0.0, 5.0),
    ],
)
def test_impossible_limits_are_refused(make):
    with pytest.raises(InputError, match="map"):
        make()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (100.0**2, 200.0**2),
        (0.0, 90.0**2),
        (0.0, torch.tensor([100.0**2, 90.0**2])),
        (torch.tensor([92.0**2, 90.0**2]), 100.0**2),
    ],
)
def test_a_resonance_outside_of_its_range_is_refused(low, high):
    with pytest.raises(InputError, match=r"resonance of mass 91.19 GeV is outside.*off_shell=True"):
        BreitWigner(91.19, 2.5, low, high)
    BreitWigner(91.19, 2.5, low, high, off_shell=True)
    BreitWigner(91.19, 2.5, 91.19**2, 100.0**2)  # the mass at its end

"""Channels that are right pass; each kind of wrong one is named."""

from dataclasses import dataclass

import pytest
import torch

from partonic.core.errors import InputError
from partonic.integrate.channels import Cube, check_channels


@dataclass(frozen=True)
class Squares:
    """y = x^2 in each variable, with faults on request."""

    dim: int = 2
    density_factor: float = 1.0
    inverse_shift: float = 0.0
    inverse_factor: float = 1.0

    def forward(self, x):
        return x * x, self.density_factor * (1 / (2 * x)).prod(1)

    def inverse(self, y):
        x = y.clamp(0, 1).sqrt()
        return x + self.inverse_shift, self.inverse_factor * self.density_factor * (1 / (2 * x)).prod(1)


@dataclass(frozen=True)
class Circle:
    """One number to a point of the unit circle (two numbers), with the density of the arc."""

    factor: float = 1.0
    dim: int = 1

    def forward(self, x):
        angle = 2 * torch.pi * x
        return torch.cat([angle.cos(), angle.sin()], 1), torch.full_like(x[:, 0], self.factor / (2 * torch.pi))

    def inverse(self, y):
        x = torch.remainder(torch.atan2(y[:, 1], y[:, 0]) / (2 * torch.pi), 1)[:, None]
        return x, torch.full_like(x[:, 0], self.factor / (2 * torch.pi))


def test_right_channels_pass():
    check_channels([Cube(2), Squares()])
    check_channels([Circle(), Circle()])


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ([], "needs a channel"),
        ([Cube(2), Cube(3)], "one number of variables"),
        ([Squares(inverse_shift=0.01)], "inverse does not give back"),
        ([Squares(inverse_factor=1.1)], "different densities at one point"),
        ([Squares(density_factor=2.0)], r"not the Jacobian.*is 2 instead of 1"),
        ([Circle(), Circle(1.5)], "channels 0 and 1 disagree"),
        ([Squares(density_factor=float("nan"))], "not finite"),
    ],
)
def test_wrong_channels_are_named(channels, said):
    with pytest.raises(InputError, match=said):
        check_channels(channels)


def test_the_cube_has_no_points_outside():
    x, density = Cube(2).inverse(torch.tensor([[0.5, 0.5], [1.5, 0.5]], dtype=torch.float64))
    assert density.tolist() == [1.0, 0.0]
    assert float(x.max()) <= 1
    with pytest.raises(InputError, match="one variable or more"):
        Cube(0)

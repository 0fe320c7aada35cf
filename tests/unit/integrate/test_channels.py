"""Channels that are right pass; each kind of wrong one is named."""

from dataclasses import dataclass

import pytest
import torch

from partonic.core.errors import InputError
from partonic.integrate.channels import Cube, CubeMap, Product, check_channels
from partonic.integrate.maps import Chain, Even, Exchange, Split


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


@dataclass(frozen=True)
class Scaled:
    """Another channel with its density times a factor, everywhere or growing from point to point."""

    channel: CubeMap
    factor: float = 1.0
    growth: float = 0.0

    @property
    def dim(self):
        return self.channel.dim

    def _wrong(self, x, density):
        return density * self.factor * torch.exp(self.growth * x[:, 0])

    def forward(self, x):
        y, density = self.channel.forward(x)
        return y, self._wrong(x, density)

    def inverse(self, y):
        x, density = self.channel.inverse(y)
        return x, self._wrong(x, density)


@dataclass(frozen=True)
class Patched:
    """Another channel with its density times a factor below a value of its first number."""

    channel: CubeMap
    below: float
    factor: float

    @property
    def dim(self):
        return self.channel.dim

    def forward(self, x):
        y, density = self.channel.forward(x)
        return y, torch.where(x[:, 0] < self.below, self.factor, 1.0) * density

    def inverse(self, y):
        x, density = self.channel.inverse(y)
        return x, torch.where(x[:, 0] < self.below, self.factor, 1.0) * density


@dataclass(frozen=True)
class Bent:
    """A line of many pieces: kinks at every multiple of 1/pieces, with slopes of 1/2 and 3/2 by turns."""

    pieces: int
    dim: int = 1

    def forward(self, x):
        place = x * self.pieces
        whole = torch.floor(place)
        slope = self._slope(whole)
        before = whole - torch.where(whole % 2 == 1, 0.5, 0.0)
        return (before + slope * (place - whole)) / self.pieces, 1 / slope[:, 0]

    def inverse(self, y):
        pair = torch.floor(y * self.pieces / 2) * 2
        rest = y * self.pieces - pair
        whole = pair + (rest >= 0.5)
        slope = self._slope(whole)
        return (whole + (rest - torch.where(rest >= 0.5, 0.5, 0.0)) / slope) / self.pieces, 1 / slope[:, 0]

    def _slope(self, whole):
        return torch.where(whole % 2 == 1, 1.5, 0.5).to(whole.dtype)


@dataclass(frozen=True)
class Rearranged:
    """Momenta of another channel with the columns of each particle in another order, and a number added to them."""

    channel: CubeMap
    order: tuple[int, ...]
    added: float = 0.0

    @property
    def dim(self):
        return self.channel.dim

    def forward(self, x):
        y, density = self.channel.forward(x)
        return self._blocks(y)[:, :, list(self.order)].flatten(1) + self.added, density

    def inverse(self, y):
        back = [self.order.index(column) for column in range(4)]
        return self.channel.inverse(self._blocks(y - self.added)[:, :, back].flatten(1))

    def _blocks(self, y):
        return y.reshape(len(y), -1, 4)


THREE = Split(Split(0, 1, 91.2, 2.5), 2)
MOMENTA = {
    "even": Even(4, 500.0),
    "two massive": Chain(500.0, (173.0, 80.0), Split(0, 1)),
    "resonance": Chain(500.0, (5.0, 0.0, 80.0), THREE),
    "narrow": Chain(500.0, (0.0,) * 4, Split(Split(0, 1, 125.0, 0.004), Split(2, 3, power=0.5))),
    "exchange": Chain(500.0, (0.0,) * 3, THREE, Exchange(80.0)),
    "boson fusion": Chain(
        13e3, (0.0,) * 6, Split(Split(Split(0, 1, 91.19, 2.5), Split(2, 3, 91.19, 2.5), 125.0, 0.004), Split(4, 5))
    ),
    "ladder": Chain(13e3, (0.0,) * 4, Split(0, Split(1, Split(2, 3))), Exchange(1.0)),
    "two J/psi": Chain(13e3, (0.0,) * 4, Split(Split(0, 1, 3.097, 9e-5), Split(2, 3, 3.097, 9e-5))),
}
DECIDABLE = [name for name in MOMENTA if name != "two J/psi"]  # narrower than the rounding of its momenta


def test_right_channels_pass():
    check_channels([Cube(2), Squares()])
    check_channels([Circle(), Circle()])
    check_channels([Product(((Circle(), (0, 2)), (Squares(), (1, 3))))])


@pytest.mark.parametrize("name", MOMENTA)
def test_right_momenta_pass_whatever_the_seed(name):
    for seed in range(3):
        check_channels([MOMENTA[name]], seed)


@pytest.mark.parametrize("name", DECIDABLE)
def test_densities_of_momenta_are_those_of_phase_space(name):
    for seed in range(3):
        with pytest.raises(InputError, match=r"\(E, px, py, pz\).*phase space.*is 1.05 instead of 1"):
            check_channels([Scaled(MOMENTA[name], 1.05)], seed)
    with pytest.raises(InputError, match=r"phase space.*instead of 1"):
        check_channels([Scaled(MOMENTA[name], growth=0.1)])
    with pytest.raises(InputError, match="is 2 instead of 1"):
        check_channels([Product(((Cube(1), (0,)), (Scaled(MOMENTA[name], 2.0), tuple(range(1, 1 + _width(name))))))])


@pytest.mark.parametrize("channel", [Cube(2), MOMENTA["two massive"], MOMENTA["exchange"]])
def test_densities_wrong_in_a_small_part_are_found_whatever_the_seed(channel):
    """In 3 % of what is asked, 0.02 to 0.98 of the first number: about 31 of 1024 points."""
    for seed in range(3):
        with pytest.raises(InputError, match=r"at (1\d|[2-6]\d) of 1024 points, where .* is 5 instead of 1"):
            check_channels([Patched(channel, 0.02 + 0.03 * 0.96, 5.0)], seed)


def test_kinks_are_no_faults():
    for seed in range(3):
        check_channels([Bent(1000)], seed)
        with pytest.raises(InputError, match=r"is 1\.05 instead of 1"):
            check_channels([Scaled(Bent(1000), 1.05)], seed)


@pytest.mark.parametrize(("order", "added"), [((1, 2, 3, 0), 0.0), ((1, 2, 3, 0), 1000.0), ((3, 0, 1, 2), 0.0)])
def test_four_columns_in_another_order_are_not_held_against_phase_space(order, added):
    check_channels([Rearranged(MOMENTA["even"], order, added)])


def _width(name):
    return MOMENTA[name].forward(torch.full((1, MOMENTA[name].dim), 0.5, dtype=torch.float64))[0].shape[1]


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
        ([Product(((Cube(2), (0, 1)), (Squares(density_factor=2.0), (2, 3))))], r"part 1 of channel 0 .* not the Jaco"),
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

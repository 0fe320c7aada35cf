r"""Networks that give :math:`\ln \hat r(x|\theta)`, smooth in theta, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from partonic.core.errors import InputError
from partonic.inference.morphing import Morphing

BLOCK = 32  # events and theta that are evaluated together
SMALLEST = 1e-6  # of the quadratic form, where its logarithm is taken
WIDTHS = (96, 96, 96)


def smooth(*widths: int) -> nn.Sequential:
    """Linear layers with SiLU between them: their derivatives by theta have to be learned, so that ReLU is no choice.

    Args:
        widths: of input, hidden layers and output, at least two.

    Raises:
        InputError: a width is not a whole number of 1 or more.
    """
    for width in widths:
        if width != int(width) or width < 1:
            raise InputError(f"widths of layers are whole numbers of 1 or more, not {list(widths)}")
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class Standardise(nn.Module):
    """Observables with the mean 0 and the width 1 of the training sample.

    Args:
        features: number of observables.
    """

    mean: Tensor
    width: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("width", torch.ones(features))

    def learn(self, x: Tensor) -> None:
        """Take mean and width from a sample (n, features); what does not vary keeps the width 1."""
        width = x.std(dim=0)
        self.mean.copy_(x.mean(dim=0))
        self.width.copy_(torch.where(width > 0, width, torch.ones_like(width)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised observables, (b, features)."""
        return (x - self.mean) / self.width


class QuadraticRatio(nn.Module):
    r"""The ratio to theta = 0 of densities that are quadratic in theta, positive by construction.

    .. math:: \hat r(x|\theta) = \left[ (1 + \theta \cdot l(x))^2 + |L(x) \theta|^2 \right]
        \frac{\sigma(0)}{\sigma(\theta)}

    with a vector :math:`l` and a triangular matrix :math:`L` that one network gives. Every quadratic polynomial in
    theta that is nowhere negative and is 1 at theta = 0 has this form, as the squared amplitude does that is linear in
    theta, and its mean over latent variables too. Nothing but the two functions of x is learned, and all theta of an
    event take one pass.

    Args:
        features: number of observables.
        powers: of the morphing polynomial, of degree 2.
        sigma: components of the cross section, (k,), with that of theta = 0 above 0.
        unit: of each parameter, (p,), about the largest value that it takes.
        widths: of the hidden layers.
    """

    sigma: Tensor
    unit: Tensor

    def __init__(
        self,
        features: int,
        powers: list[list[int]],
        sigma: list[float],
        unit: list[float],
        widths: list[int] | tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__()
        p = len(unit)
        self.morphing = Morphing(tuple(tuple(row) for row in powers))
        standard = sigma[self.morphing.powers.index((0,) * p)]
        self.register_buffer("sigma", torch.tensor(sigma, dtype=torch.float32) / standard)
        self.register_buffer("unit", torch.tensor(unit, dtype=torch.float32))
        self.standardise = Standardise(features)
        self.body = smooth(features, *widths, p + p * (p + 1) // 2)

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        r""":math:`\ln \hat r`, (m, b), from x (b, features) and theta (m, b, p) or (m, 1, p)."""
        p = len(self.unit)
        vector, triangle = self.body(self.standardise(x)).split([p, p * (p + 1) // 2], dim=-1)
        scaled = (theta / self.unit).unbind(dim=-1)
        entry = iter(triangle.unbind(dim=-1))
        form = (1 + _product(scaled, vector.unbind(dim=-1))).square() + SMALLEST
        for row in range(p):
            form = form + _product(scaled[row:], [next(entry) for _ in range(row, p)]).square()
        section = self.morphing.basis(theta) @ self.sigma
        return form.log() - section.log()


def _product(theta: Sequence[Tensor], factors: Sequence[Tensor]) -> Tensor:
    """Scalar product over parameters, (m, b); sums over an axis as short as theirs are slow."""
    total = theta[0] * factors[0]
    for one, factor in zip(theta[1:], factors[1:], strict=True):
        total = torch.addcmul(total, one, factor)
    return total


class ParameterisedRatio(nn.Module):
    r"""A network of the observables and theta (arXiv:1601.07913).

    Args:
        features: number of observables.
        centre: of the range of each parameter, (p,).
        unit: half the width of the range, (p,).
        widths: of the hidden layers.
    """

    centre: Tensor
    unit: Tensor

    def __init__(
        self, features: int, centre: list[float], unit: list[float], widths: list[int] | tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        if not widths:
            raise InputError("a network of the observables and theta needs a hidden layer: give a width")
        body = nn.Sequential(nn.SiLU(), smooth(*widths, 1))
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("unit", torch.tensor(unit, dtype=torch.float32))
        self.standardise = Standardise(features)
        self.of_x = nn.Linear(features, widths[0])
        self.of_theta = nn.Linear(len(unit), widths[0], bias=False)
        self.body = body

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        r""":math:`\ln \hat r`, (m, b), from x (b, features) and theta (m, b, p) or (m, 1, p)."""
        of_x, of_theta = self.of_x(self.standardise(x)), self.of_theta((theta - self.centre) / self.unit)
        if torch.is_inference_mode_enabled() and theta.shape[1] == 1 < len(theta):
            return self._table(of_x, of_theta[:, 0])
        value: Tensor = self.body(of_x + of_theta).squeeze(-1)
        return value

    def _table(self, of_x: Tensor, of_theta: Tensor) -> Tensor:
        """The same of every event at every theta, (m, b), in blocks that stay in the cache, overwriting each layer."""
        result = of_x.new_empty(len(of_theta), len(of_x))
        layers = list(self.body[1].children())
        for row, few in enumerate(torch.split(of_theta, BLOCK)):
            for column, some in enumerate(torch.split(of_x, BLOCK)):
                hidden = (some + few[:, None]).flatten(0, 1)
                hidden = functional.silu(hidden, inplace=True)
                for layer in layers[:-1]:
                    hidden = functional.silu(hidden, inplace=True) if isinstance(layer, nn.SiLU) else layer(hidden)
                block = layers[-1](hidden).view(len(few), len(some))
                result[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = block
        return result


class ScoreNetwork(nn.Module):
    """The score at the reference point, (b, p), from the observables (b, features).

    Args:
        features: number of observables.
        spread: of the joint score, (p,); the network's outputs are in its units.
        widths: of the hidden layers.
    """

    spread: Tensor

    def __init__(self, features: int, spread: list[float], widths: list[int] | tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))
        self.standardise = Standardise(features)
        self.body = smooth(features, *widths, len(spread))

    def forward(self, x: Tensor) -> Tensor:
        """The score, (b, p), per unit of each parameter."""
        value: Tensor = self.body(self.standardise(x)) * self.spread
        return value

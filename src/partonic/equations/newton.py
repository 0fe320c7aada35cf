"""Output layer by Gauss-Newton: each step is a least-squares problem, solved by a singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.equations.features import Features, contract
from partonic.equations.kernels import Operator, operator
from partonic.equations.network import Network
from partonic.equations.system import Jets, Slopes, Term, linearise, rows_of

ROUGH, FINE = 1e-12, 1e-15  # singular values below this part of the largest are left out, on the way and at the end
FeatureJets = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Prepared:
    """A term with the features' derivatives on its points."""

    term: Term
    jets: tuple[FeatureJets, ...]
    operators: tuple[Operator, ...] = ()

    def fields(self, output: Tensor) -> Jets:
        """Fields and derivatives on the points; of two sets of points the second's fields follow the first's."""
        parts = [contract(jets, output) for jets in self.jets]
        return parts[0] if len(parts) == 1 else tuple(torch.cat(same) for same in zip(*parts, strict=True))  # type: ignore[return-value]

    def numbers(self, output: Tensor, unknowns: Tensor) -> Tensor:
        """Unknown numbers and integrals at the points, (unknowns + integrals, points)."""
        p = unknowns[:, None].expand(-1, self.term.points[0].shape[1])
        return torch.cat([p, *(one.at(output, p)[None] for one in self.operators)])

    def linearised(self, output: Tensor, unknowns: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted rows (rows,) and their derivatives by output layer and unknown numbers, see :func:`system`."""
        x = self.term.points[0]
        p = unknowns[:, None].expand(-1, x.shape[1])
        followed = [one.follow(output, p) for one in self.operators]
        given = torch.cat([p, *(value[None] for value, _, _ in followed)])
        rows, slopes = linearise(self.term.function, x, self.fields(output), given)
        return self.term.residual(rows), self.derivative(slopes, [by for _, *by in followed])

    def derivative(self, slopes: Slopes, operators: Sequence[Sequence[Tensor]] = ()) -> Tensor:
        """By the output layer and the unknown numbers, (rows, features * fields + unknowns).

        Args:
            slopes: of the rows by fields, unknown numbers and integrals.
            operators: of each integral by output layer and unknown numbers, see :meth:`Operator.follow`.
        """
        fields = slopes.u.shape[1] // len(self.jets)
        found: Tensor | None = None
        for number, (values, first, second) in enumerate(self.jets):
            part = slice(number * fields, (number + 1) * fields)
            m = "m" if values.dim() == 3 else ""  # features that differ from field to field
            added = torch.einsum(f"kmn,{m}nj->kjmn", slopes.u[:, part], values)
            if slopes.du[:, part].any():
                added = added + torch.einsum(f"kman,{m}anj->kjmn", slopes.du[:, part], first)
            if slopes.d2u[:, part].any():
                added = added + torch.einsum(f"kmabn,{m}abnj->kjmn", slopes.d2u[:, part], second)
            found = added if found is None else found + added
        assert found is not None
        count = slopes.p.shape[1] - len(operators)
        by_numbers = slopes.p[:, :count]
        for number, (by_output, by_unknowns) in enumerate(operators, count):
            by_integral = slopes.p[:, number, None]
            found = found + by_integral[:, None] * by_output
            by_numbers = by_numbers + by_integral * by_unknowns
        outer = self.term.reduced(found).permute(0, 3, 1, 2).flatten(0, 1).flatten(1)
        return torch.cat([outer, self.term.reduced(by_numbers).permute(0, 2, 1).flatten(0, 1)], 1)


def prepare(terms: Sequence[Term], features: Features) -> list[Prepared]:
    """The features on all points."""
    return [
        Prepared(
            term,
            tuple(features.jets(x) for x in term.points),
            tuple(operator(one, features) for one in term.sums),
        )
        for term in terms
    ]


def residual(prepared: Sequence[Prepared], output: Tensor, unknowns: Tensor) -> Tensor:
    """All rows, weighted, (rows,)."""
    rows = []
    for one in prepared:
        x = one.term.points[0]
        value = rows_of(one.term.function, x, one.fields(output), one.numbers(output, unknowns))
        rows.append(one.term.residual(value.detach()))
    return torch.cat(rows)


def system(prepared: Sequence[Prepared], output: Tensor, unknowns: Tensor) -> tuple[Tensor, Tensor]:
    """All rows, weighted, (rows,), and their derivatives, (rows, features * fields + unknowns)."""
    rows, slopes = [], []
    for one in prepared:
        values, by = one.linearised(output, unknowns)
        rows.append(values)
        slopes.append(by)
    return torch.cat(rows), torch.cat(slopes)


@dataclass(frozen=True)
class Fit:
    """What a solver found.

    Args:
        network: the fields.
        cost: sum of the squares of all rows.
        steps: taken.
    """

    network: Network
    cost: float
    steps: int


def start(features: Features, fields: int, guess: Callable[[Tensor], Tensor] | None, x: Tensor) -> Tensor:
    """Output layer of a first guess, (features, fields): zero, or fitted to a function on points x."""
    if guess is None:
        return torch.zeros(features.count, fields, dtype=torch.float64)
    values = guess(x).to(torch.float64)
    output: Tensor = torch.linalg.lstsq(features.jets(x)[0], values.T, driver="gelsd", rcond=1e-12).solution
    return output


def gauss_newton(
    terms: Sequence[Term], features: Features, output: Tensor, unknowns: Tensor, *, steps: int = 40
) -> Fit:
    """Lower the sum of squares of all rows by the output layer and the unknown numbers alone.

    Args:
        terms: rows.
        features: the hidden layer, which stays.
        output: first guess, (features, fields).
        unknowns: first guess of unknown numbers, (unknowns,).
        steps: at most so many.

    Returns:
        The best network; its cost is infinite where the rows are not finite at the first guess.
    """
    prepared = prepare(terms, features)
    best = Fit(Network(features, output, unknowns), float("inf"), 0)
    small, cut = 0, ROUGH
    for step in range(1, steps + 1):
        output, unknowns = best.network.output, best.network.unknowns
        rows, slopes = system(prepared, output, unknowns)
        before = float(rows @ rows)
        if not (torch.isfinite(rows).all() and torch.isfinite(slopes).all()):
            break
        move = _least_squares(slopes, -rows, cut)
        better = _backtrack(prepared, best.network, move, before)
        if better is None:
            best = Fit(best.network, min(before, best.cost), step)
            if cut == FINE:
                break
            cut = FINE
            continue
        best = Fit(better[0], better[1], step)
        small = small + 1 if better[1] > 0.5 * before else 0
        if cut == ROUGH and better[1] > 0.1 * before:
            small, cut = 0, FINE
        if better[1] < 1e-30 or small > 1:
            break
    return best


def _least_squares(matrix: Tensor, right: Tensor, cut: float) -> Tensor:
    """Columns are scaled to length 1 first, so that the cut of the singular values treats features alike."""
    size = matrix.norm(dim=0)
    size = torch.where(size > 0, size, torch.ones_like(size))
    scaled: Tensor = torch.linalg.lstsq(matrix / size, right[:, None], driver="gelsd", rcond=cut).solution[:, 0]
    return scaled / size


def _backtrack(
    prepared: Sequence[Prepared], network: Network, move: Tensor, cost: float
) -> tuple[Network, float] | None:
    """The longest of the moves 1, 1/2, 1/4, ... that lowers the cost; None if none does."""
    shape = network.output.shape
    by_output, by_unknowns = move[: shape.numel()].reshape(shape), move[shape.numel() :]
    length = 1.0
    for _ in range(14):
        output, unknowns = network.output + length * by_output, network.unknowns + length * by_unknowns
        rows = residual(prepared, output, unknowns)
        found = float(rows @ rows)
        if found < cost:
            return Network(network.features, output, unknowns), found
        length /= 2
    return None

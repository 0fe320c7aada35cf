"""Binned likelihoods (HistFactory) of whole batches of data sets and parameter points, with exact derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.errors import InputError, unknown
from partonic.inference.batched import Minima, minimise
from partonic.inference.interpolation import additive, multiplicative

Floats = NDArray[np.float64]
CHUNK = 4_000_000  # numbers that a chunk of fits may hold in its largest array


@dataclass(frozen=True)
class BinnedParameters:
    """Parameters of a binned model, p of them.

    Args:
        names: as ``mu`` or ``stat[0]``.
        initial: (p,).
        lower: bounds, (p,).
        upper: (p,).
        fixed: those that a fit leaves alone, (p,).
        auxiliary: what was observed of each beside the data, (p,); 0 where nothing was.
        widths: of Gaussian constraints, (p,); infinite for none.
        rates: of Poisson constraints, which observe ``rate * parameter`` events, (p,); 0 for none.
    """

    names: tuple[str, ...]
    initial: Tensor
    lower: Tensor
    upper: Tensor
    fixed: Tensor
    auxiliary: Tensor
    widths: Tensor
    rates: Tensor

    def index(self, name: str) -> int:
        """Where a parameter stands.

        Raises:
            UnknownNameError: there is none of this name.
        """
        if name not in self.names:
            raise unknown("parameter", name, self.names)
        return self.names.index(name)


@dataclass(frozen=True)
class Terms:
    """What the expected events are made of, a cell being one bin of one sample; cells with many factors come first.

    Args:
        nominal: expected events of each cell, (cells,).
        bins: the bin of each cell, (cells,).
        slots: for the k-th factor of cells the row of the table of factors, (cells with more than k factors,).
        shared: parameter and factors at -1 and +1 of each factor of normsys, (n,), (n, 1) and (n, 1).
        shifts: cell, parameter and shifts at -1 and +1 of each bin of histosys, (n,), (n,), (n, 1) and (n, 1).
    """

    nominal: Tensor
    bins: Tensor
    slots: tuple[Tensor, ...]
    shared: tuple[Tensor, Tensor, Tensor]
    shifts: tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class BinnedModel:
    r"""Expected events :math:`\lambda_b = \sum_s \prod_k f_k (\nu_{sb} + \sum_h \Delta_h)` with constrained parameters.

    Args:
        parameters: of the model.
        terms: of its expected events.
        observed: events a bin, (bins,).
        channels: name -> its bins.
        poi: name of the parameter of interest, empty for none.
        codes: interpolation of normsys and of histosys.
    """

    parameters: BinnedParameters
    terms: Terms
    observed: Tensor
    channels: Mapping[str, slice]
    poi: str
    codes: tuple[str, str] = ("code4", "code4p")

    def expected(self, values: Any) -> Tensor:
        """Expected events, (batch, bins), of parameters (batch, p) or (p,)."""
        return _Evaluation(self, _rows(values).T).rate.T

    def expected_auxiliary(self, values: Any) -> Tensor:
        """What the constraints expect to observe, (batch, p); of parameters without one what they were built with."""
        theta, known = _rows(values), self.parameters
        poisson = torch.where(known.rates > 0, known.rates * theta, known.auxiliary)
        return torch.where(torch.isfinite(known.widths), theta, poisson)

    def log_prob(self, values: Any, observed: Any = None, auxiliary: Any = None) -> Tensor:
        """Log-likelihood of data and constraints with all constants, (batch,).

        Args:
            values: parameters, (batch, p) or (p,).
            observed: events, (batch, bins) or (bins,); the model's own if None. They need not be whole.
            auxiliary: observations of the parameters, (batch, p) or (p,); the model's own if None.
        """
        theta, known = _rows(values), self.parameters
        data, aux = self._data(observed, auxiliary)
        theta, data, aux = _same(theta, data, aux)
        rate = self.expected(theta)
        total = (torch.xlogy(data, rate) - rate - torch.lgamma(data + 1)).sum(1)
        normal = torch.isfinite(known.widths)
        pull = ((theta - aux) / known.widths)[:, normal]
        total = total - (0.5 * pull**2 + torch.log(known.widths[normal]) + 0.5 * np.log(2 * np.pi)).sum(1)
        poisson = known.rates > 0
        mean, seen = (known.rates * theta)[:, poisson], aux[:, poisson]
        total = total + (torch.xlogy(seen, mean) - mean - torch.lgamma(seen + 1)).sum(1)
        return torch.where((rate < 0).any(1), -torch.inf, total)

    def fit(
        self,
        observed: Any = None,
        auxiliary: Any = None,
        *,
        hold: Mapping[str, ArrayLike] | None = None,
        start: Tensor | None = None,
    ) -> Minima:
        """Fit the parameters to each data set, within their bounds.

        Args:
            observed: events, (fits, bins) or (bins,); the model's own if None.
            auxiliary: observations of the parameters, (fits, p) or (p,); the model's own if None.
            hold: parameters that stay at a value, a number or (fits,).
            start: first guesses, (fits, p) or (p,); the model's own if None.

        Returns:
            Best fits; ``value`` is the negative log-likelihood up to constants of the data.

        Raises:
            InputError: shapes do not go together, data are negative, or nothing is expected where events were seen.
            UnknownNameError: no such parameter.
        """
        data, aux = self._data(observed, auxiliary)
        first = _rows(self.parameters.initial if start is None else start)
        held = self.parameters.fixed.clone()
        values = {
            self.parameters.index(name): torch.as_tensor(v, dtype=torch.float64) for name, v in (hold or {}).items()
        }
        columns = [value.reshape(-1, 1) for value in values.values()]
        data, aux, first, *columns = _same(data, aux, first, *columns)
        first = first.clone()
        for index, column in zip(values, columns, strict=True):
            if not bool(torch.isfinite(column).all()):
                raise InputError(f"the parameter '{self.parameters.names[index]}' cannot be held at nan or infinity")
            held[index] = True
            first[:, index] = column[:, 0]
        p, bins = len(held), data.shape[1]
        size = max(1, CHUNK // (len(self.terms.nominal) * (len(self.terms.slots) + 1) + bins * p + p * p))
        parts = [
            self._fit(data[i : i + size], aux[i : i + size], first[i : i + size], held)
            for i in range(0, len(data), size)
        ]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _fit(self, data: Tensor, aux: Tensor, start: Tensor, held: Tensor) -> Minima:
        known = self.parameters

        def objective(rows: Tensor, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Negative log-likelihood without constants, its gradient and Hessian."""
            return self._negative(theta, data[rows], aux[rows])

        try:
            return minimise(objective, start, known.lower, known.upper, held)
        except InputError:
            inside = torch.minimum(torch.maximum(start, known.lower), known.upper)
            self._check_start(data, torch.where(held, start, inside))
            raise

    def _check_start(self, data: Tensor, theta: Tensor) -> None:
        """Name the first bin in which parameters (fits, p) make the likelihood of data (fits, bins) 0."""
        rate = self.expected(theta)
        impossible = (rate < 0) | ((rate == 0) & (data > 0))
        if bool(impossible.any()):
            row, column = (int(i) for i in impossible.nonzero()[0])
            name = next(name for name, bins in self.channels.items() if bins.start <= column < bins.stop)
            raise InputError(
                f"channel '{name}' expects {float(rate[row, column]):.3g} events in bin "
                f"{column - self.channels[name].start + 1}, where {float(data[row, column]):.3g} were seen; a sample "
                "is missing there, or bins are too narrow: merge them"
            )

    def _negative(self, theta: Tensor, data: Tensor, aux: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        known, now = self.parameters, _Evaluation(self, theta.T)
        rate = now.rate.T  # (batch, bins)
        seen = data > 0
        allowed = ((rate > 0) | (~seen & (rate >= 0))).all(1)
        safe = torch.where(rate > 0, rate, 1.0)
        value = (rate - torch.where(seen, data * torch.log(safe), 0.0)).sum(1)
        slope = 1 - torch.where(seen, data / safe, 0.0)
        jacobian = now.jacobian().permute(2, 0, 1)  # (batch, bins, p)
        gradient = torch.einsum("nb,nbp->np", slope, jacobian)
        weighted = jacobian * torch.where(seen, data / safe**2, 0.0)[:, :, None]
        hessian = jacobian.transpose(1, 2) @ weighted + now.curvature(slope.T).permute(2, 0, 1)
        pull = (theta - aux) / known.widths
        value = value + 0.5 * (pull**2).sum(1)
        gradient = gradient + pull / known.widths
        diagonal = (known.widths**-2).expand_as(theta)
        poisson = known.rates > 0
        if bool(poisson.any()):
            allowed = allowed & ((theta > 0) | ~poisson).all(1)
            positive = torch.where(poisson & (theta > 0), theta, 1.0)
            events = torch.where(poisson, aux, 0.0)
            value = value + (known.rates * theta - events * torch.log(positive)).sum(1)
            gradient = gradient + known.rates - events / positive
            diagonal = diagonal + events / positive**2
        return torch.where(allowed, value, torch.inf), gradient, hessian + torch.diag_embed(diagonal)

    def _data(self, observed: Any, auxiliary: Any) -> tuple[Tensor, Tensor]:
        data = self.observed if observed is None else torch.as_tensor(observed, dtype=torch.float64)
        aux = self.parameters.auxiliary if auxiliary is None else torch.as_tensor(auxiliary, dtype=torch.float64)
        data, aux = _rows(data), _rows(aux)
        for what, values, size in (
            ("data", data, len(self.observed)),
            ("auxiliary data", aux, len(self.parameters.names)),
        ):
            if values.shape[-1] != size or values.ndim != 2:
                raise InputError(f"{what} must have the shape (fits, {size}), not {tuple(values.shape)}")
        if not bool((data >= 0).all() & torch.isfinite(data).all() & torch.isfinite(aux).all()):
            raise InputError("observed events must be finite and 0 or above")
        return data, aux


class _Evaluation:
    """Expected events at parameters (p, batch) and their derivatives; the batch comes last, for speed."""

    def __init__(self, model: BinnedModel, theta: Tensor) -> None:
        self.terms, self.size, self.bins = model.terms, theta.shape[0], len(model.observed)
        parameter, low, high = self.terms.shared
        shared = multiplicative(model.codes[0], theta[parameter], low, high)
        ones = torch.ones_like(theta)
        tables = (torch.cat([theta, shared[0]]), torch.cat([ones, shared[1]]), torch.cat([0 * ones, shared[2]]))
        owner = torch.cat([torch.arange(self.size), parameter])
        self.owners = [owner[slot] for slot in self.terms.slots]
        self.factors = [[table[slot] for slot in self.terms.slots] for table in tables]
        cell, by, down, up = self.terms.shifts
        self.shifts = additive(model.codes[1], theta[by], down, up)
        self.content = self.terms.nominal[:, None] + torch.zeros_like(theta[:1])
        self.content.index_add_(0, cell, self.shifts[0])
        self.product = torch.ones_like(self.content)
        for factor in self.factors[0]:
            self.product[: len(factor)] *= factor

    @property
    def rate(self) -> Tensor:
        """Expected events, (bins, batch)."""
        rate = torch.zeros(self.bins, self.product.shape[1], dtype=torch.float64)
        return rate.index_add_(0, self.terms.bins, self.product * self.content)

    def _without(self, skipped: Sequence[int]) -> Tensor:
        """Product of all factors but some, of the cells that have the last of those."""
        cells = len(self.factors[0][skipped[-1]])
        rest = torch.ones(cells, self.product.shape[1], dtype=torch.float64)
        for k, factor in enumerate(self.factors[0]):
            if k not in skipped:
                both = min(cells, len(factor))
                rest[:both] *= factor[:both]
        return rest

    def jacobian(self) -> Tensor:
        """Derivatives of expected events, (bins, p, batch)."""
        found = torch.zeros(self.bins * self.size, self.product.shape[1], dtype=torch.float64)
        for k, (owner, first) in enumerate(zip(self.owners, self.factors[1], strict=True)):
            cells = len(owner)
            part = self._without((k,)) * first * self.content[:cells]
            found.index_add_(0, self.terms.bins[:cells] * self.size + owner, part)
        cell, by = self.terms.shifts[:2]
        found.index_add_(0, self.terms.bins[cell] * self.size + by, self.product[cell] * self.shifts[1])
        return found.reshape(self.bins, self.size, -1)

    def curvature(self, weight: Tensor) -> Tensor:
        """Second derivatives of the expected events summed with weights (bins, batch), (p, p, batch)."""
        found = torch.zeros(self.size * self.size, self.product.shape[1], dtype=torch.float64)
        cells = weight[self.terms.bins]  # (cells, batch)
        whole = cells * self.content
        cell, by = self.terms.shifts[:2]
        for k, (owner, first, second) in enumerate(zip(self.owners, *self.factors[1:], strict=True)):
            alone = self._without((k,))
            found.index_add_(0, owner * (self.size + 1), alone * second * whole[: len(owner)])
            for other in range(k):
                owner_too, n = self.owners[other][: len(owner)], len(owner)
                part = self._without((other, k)) * first * self.factors[1][other][:n] * whole[:n]
                found.index_add_(0, owner * self.size + owner_too, part)
                found.index_add_(0, owner_too * self.size + owner, part)
            has = (cell < len(owner)).nonzero()[:, 0]
            if len(has):
                inside = cell[has]
                part = (alone * first)[inside] * cells[inside] * self.shifts[1][has]
                found.index_add_(0, owner[inside] * self.size + by[has], part)
                found.index_add_(0, by[has] * self.size + owner[inside], part)
        found.index_add_(0, by * (self.size + 1), self.product[cell] * cells[cell] * self.shifts[2])
        return found.reshape(self.size, self.size, -1)


def _rows(values: Any) -> Tensor:
    """Numbers (n, p), of one row where they are (p,)."""
    found = torch.as_tensor(values, dtype=torch.float64)
    return found[None] if found.ndim == 1 else found


def _same(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors with one number of rows."""
    rows = {len(tensor) for tensor in tensors} - {1}
    if len(rows) > 1:
        raise InputError(f"data, parameters and starts must have one number of rows, not {sorted(rows)}")
    n = rows.pop() if rows else 1
    return tuple(tensor.expand(n, -1) for tensor in tensors)


def _joined(parts: Sequence[Minima]) -> Minima:
    names = ("x", "value", "gradient", "hessian", "converged", "steps", "free")
    return Minima(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

"""All parameters of the network by Levenberg-Marquardt, derivatives by hand: features move where they are needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from partonic.equations.features import Features
from partonic.equations.network import Network
from partonic.equations.newton import Fit, prepare, residual, system
from partonic.equations.system import Slopes, Term, linearise

LARGEST = 1e9  # damping beyond which no step helps any more


@dataclass(frozen=True)
class Hidden:
    """Values and derivatives of fields by the hidden layer, each with last indices (points, parameters)."""

    u: Tensor
    du: Tensor
    d2u: Tensor


def hidden(network: Network, x: Tensor) -> Hidden:
    """Derivatives by weights, then biases, of fields and their derivatives at points x (dimensions, points).

    With z = w.s + b of scaled coordinates s, a field is c tanh(z), its slope c tanh'(z) w and its bend c tanh''(z) w w.
    """
    features = network.features
    scale = 2 / (features.upper - features.lower)
    s = (x - features.lower[:, None]) * scale[:, None] - 1  # (d, n)
    d, n = x.shape
    t = torch.tanh(s.T @ features.weights.T + features.biases)  # (n, width)
    t1 = 1 - t * t
    t2 = -2 * t * t1
    t3 = -2 * t1 * t1 - 2 * t * t2
    w = features.weights.T * scale[:, None]  # (d, width)
    c = network.output[d + 1 :].T[:, None, :]  # (m, 1, width)
    eye = torch.diag(scale)
    bias = [
        c * t1,
        c[:, None] * (t2 * w[:, None]),
        c[:, None, None] * (t3 * w[:, None, None] * w[None, :, None]),
    ]
    weight: list[list[Tensor]] = [[], [], []]
    for k in range(d):
        at_k = s[k][:, None]
        slope = t2 * at_k * w[:, None] + t1 * eye[:, k, None, None]
        both = eye[:, None, k, None, None] * w[None, :, None] + eye[None, :, k, None, None] * w[:, None, None]
        bend = t3 * at_k * w[:, None, None] * w[None, :, None] + t2 * both
        for found, part in zip(weight, (c * t1 * at_k, c[:, None] * slope, c[:, None, None] * bend), strict=True):
            found.append(part)
    parts = [torch.cat([*by_weight, by_bias], -1) for by_weight, by_bias in zip(weight, bias, strict=True)]
    assert parts[0].shape[1] == n
    return Hidden(*parts)


def levenberg(terms: Sequence[Term], network: Network, *, steps: int = 200, seconds: float = 10.0) -> Fit:
    """Lower the sum of squares by all parameters.

    Args:
        terms: rows.
        network: where to start from, as :func:`partonic.equations.newton.gauss_newton` found it.
        steps: at most so many.
        seconds: of processor time, at most about so many.
    """
    began, damping, stalled = time.process_time(), 1e-2, 0
    best = Fit(network, _cost(terms, network), 0)
    for step in range(1, steps + 1):
        rows, slopes = _system(terms, best.network)
        if not (torch.isfinite(rows).all() and torch.isfinite(slopes).all()):
            break
        before = best.cost
        while damping < LARGEST:
            moved = _moved(best.network, _damped(slopes, rows, damping))
            cost = _cost(terms, moved)
            if cost < best.cost:
                best, damping = Fit(moved, cost, step), max(damping / 4, 1e-20)
                break
            damping *= 3
        stalled = stalled + 1 if best.cost > 0.99 * before else 0
        late = time.process_time() - began > seconds
        if damping >= LARGEST or stalled > 8 or best.cost < 1e-28 or late:
            break
    return best


def _cost(terms: Sequence[Term], network: Network) -> float:
    rows = residual(prepare(terms, network.features), network.output, network.unknowns)
    return float(rows @ rows)


def _system(terms: Sequence[Term], network: Network) -> tuple[Tensor, Tensor]:
    """Rows and derivatives by output layer and unknown numbers, then by the hidden layer."""
    prepared = prepare(terms, network.features)
    rows, outer = system(prepared, network.output, network.unknowns)
    inner = []
    for one in prepared:
        x = one.term.points[0]
        p = network.unknowns[:, None].expand(-1, x.shape[1])
        _, by = linearise(one.term.function, x, one.fields(network.output), p)
        inner.append(one.term.reduced(_by_hidden(network, one.term, by)).permute(0, 2, 1).flatten(0, 1))
    return rows, torch.cat([outer, torch.cat(inner)], 1)


def _by_hidden(network: Network, term: Term, by: Slopes) -> Tensor:
    """(rows, parameters, points)."""
    fields = network.output.shape[1]
    found: Tensor | None = None
    for number, x in enumerate(term.points):
        part, follows = slice(number * fields, (number + 1) * fields), hidden(network, x)
        added = torch.einsum("kmn,mnq->kqn", by.u[:, part], follows.u)
        added = added + torch.einsum("kman,manq->kqn", by.du[:, part], follows.du)
        added = added + torch.einsum("kmabn,mabnq->kqn", by.d2u[:, part], follows.d2u)
        found = added if found is None else found + added
    assert found is not None
    return found


def _damped(slopes: Tensor, rows: Tensor, damping: float) -> Tensor:
    """The step of least squares with the damping as rows of their own (arXiv:1201.5885, section 2)."""
    size = slopes.norm(dim=0)
    size = torch.where(size > 0, size, torch.ones_like(size))
    count = slopes.shape[1]
    matrix = torch.cat([slopes / size, damping**0.5 * torch.eye(count, dtype=slopes.dtype)])
    orthogonal, triangle = torch.linalg.qr(matrix)
    right = orthogonal[: len(rows)].T @ -rows
    step: Tensor = torch.linalg.solve_triangular(triangle, right[:, None], upper=True)[:, 0] / size
    return step


def _moved(network: Network, step: Tensor) -> Network:
    features = network.features
    sizes = [network.output.numel(), network.unknowns.numel(), features.weights.numel(), features.biases.numel()]
    output, unknowns, weights, biases = torch.split(step, sizes)
    layer: Features = replace(
        features,
        weights=features.weights + weights.reshape(features.weights.T.shape).T,
        biases=features.biases + biases,
    )
    return Network(layer, network.output + output.reshape(network.output.shape), network.unknowns + unknowns)

r"""Distances between two weighted samples: Wasserstein, Fréchet, and that of a polynomial kernel.

Fréchet and kernel distances are those of arXiv:2211.10295. Each distance is symmetric and zero for equal distributions.
Between samples it is not zero: put the value of truth against truth beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.pair import SamplePair, paired

Floats = NDArray[np.float64]
GROUPS = 40  # of each sample, left out one by one for the error
POINTS, DRAWS = 10, 20  # sample sizes of the extrapolation, and subsamples of each
ROWS = 1024  # of a kernel matrix that are in memory at a time


def wasserstein(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
) -> tuple[Estimate, ...]:
    r"""Wasserstein-1 distance of each feature, :math:`\int |F(x) - G(x)| dx`, in the unit of the feature.

    The error is the standard error of :math:`\mathrm{E}_F h - \mathrm{E}_G h`, which is the distance for the slope
    :math:`h' = \mathrm{sign}(G - F)` (Kantorovich); where the samples agree it is of the size of the distance itself.

    Args:
        truth: (n, d), or (n,).
        generated: (m, d), or (m,).
        weight_truth: (n,), may be negative in part; ones if None.
        weight_generated: (m,); ones if None.

    Returns:
        One a feature.

    Raises:
        InputError: the samples cannot be compared, see :func:`partonic.metrics.pair.paired`.
    """
    pair = paired(truth, generated, weight_truth, weight_generated)
    columns = zip(pair.truth.T, pair.generated.T, strict=True)
    return tuple(_wasserstein(*column, pair.weight_truth, pair.weight_generated) for column in columns)


def _wasserstein(x: Floats, y: Floats, u: Floats, v: Floats) -> Estimate:
    values = np.concatenate([x, y])
    order = np.argsort(values, kind="stable")
    above = np.cumsum(np.concatenate([u, -v])[order])[:-1]  # F - G between neighbours
    gaps = np.diff(values[order])
    potential = np.empty(len(values))
    potential[order] = np.concatenate([[0.0], np.cumsum(-np.sign(above) * gaps)])
    variance = 0.0
    for h, share in ((potential[: len(x)], u), (potential[len(x) :], v)):
        variance += float(np.sum((share * (h - share @ h)) ** 2))
    return Estimate.symmetric(float(np.abs(above) @ gaps), np.sqrt(variance), "standard error")


def frechet(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    scale: str = "spread",
    unlimited: bool = False,
    seed: int = 0,
) -> Estimate:
    r"""Squared Fréchet distance of the Gaussians of two samples.

    .. math:: |\mu - \nu|^2 + \mathrm{Tr}\left[\Sigma + T - 2 (\Sigma T)^{1/2}\right]

    Means and covariances are those of the weighted samples; that makes it too large by about 1 / (number of events).
    The distance for infinitely many events follows by a straight line in 1 / events (arXiv:2211.10295): it is measured
    in subsamples of half to all of the events, 20 at each of 10 sizes, and the line's value at 0 may be slightly
    negative. The error is that of a jackknife of 40 groups of each sample, with that of the line in quadrature.

    Args:
        truth: (n, d), or (n,); 40 events or more.
        generated: (m, d), or (m,); 40 events or more.
        weight_truth: (n,), may be negative in part; ones if None.
        weight_generated: (m,); ones if None.
        scale: of the features, see :meth:`partonic.metrics.pair.SamplePair.scaled`.
        unlimited: whether it is the distance for infinitely many events.
        seed: of the groups and subsamples.

    Raises:
        InputError: the samples cannot be compared, or a feature of the truth is constant.
        UnknownNameError: there is no such scale.
    """
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=GROUPS).scaled(scale)
    first, second = _groups(pair, seed)
    error = _jackknife(first, second)
    if not unlimited:
        return Estimate.symmetric(float(_frechet(first.sum(axis=0), second.sum(axis=0))), error, "jackknife")
    value, line = _line(first, second, generator(seed, 1))
    return Estimate.symmetric(value, float(np.hypot(error, line)), "jackknife")


def _line(first: Floats, second: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """The distance for infinitely many events by a straight line, and the error of that."""
    taken = np.round(GROUPS / np.repeat(np.linspace(1.0, 2.0, POINTS), DRAWS)).astype(int)
    chosen = np.argsort(rng.random((2, len(taken), GROUPS)), axis=2) < taken[:, None]  # groups of each subsample
    parts = (np.einsum("sg,gij->sij", rows, groups) for rows, groups in zip(chosen, (first, second), strict=True))
    values, inverse = _frechet(*parts), GROUPS / taken
    design = np.stack([np.ones(len(inverse)), inverse], axis=1)
    found, squares, _, _ = np.linalg.lstsq(design, values, rcond=None)
    rest = float(squares[0]) if len(squares) else 0.0
    return float(found[0]), float(np.sqrt(rest / (len(values) - 2) * np.linalg.inv(design.T @ design)[0, 0]))


def _groups(pair: SamplePair, seed: int) -> tuple[Floats, Floats]:
    """Sums over random groups of the weights and the weighted products of (1, features): (GROUPS, d + 1, d + 1)."""
    rng, centre = generator(seed), pair.weight_truth @ pair.truth  # the distance does not see where the origin is
    first = _products(pair.truth - centre, pair.weight_truth, rng)
    return first, _products(pair.generated - centre, pair.weight_generated, rng)


def _products(values: Floats, weight: Floats, rng: np.random.Generator) -> Floats:
    rows = np.concatenate([np.ones((len(values), 1)), values], axis=1)
    groups = np.array_split(rng.permutation(len(rows)), GROUPS)
    return np.stack([rows[group].T @ (rows[group] * weight[group, None]) for group in groups])


def _jackknife(first: Floats, second: Floats) -> float:
    """Standard error of the distance from leaving out each group of either sample."""
    whole, other = first.sum(axis=0), second.sum(axis=0)
    without = _frechet(whole - first, other), _frechet(whole, other - second)
    return float(np.sqrt((GROUPS - 1) * (np.var(without[0]) + np.var(without[1]))))


def _frechet(first: Floats, second: Floats) -> Floats:
    """The distance, (...), from sums of weighted products (..., d + 1, d + 1)."""
    (mean, covariance), (other_mean, other) = _moments(first), _moments(second)
    roots = np.linalg.svd(_root(covariance).swapaxes(-1, -2) @ _root(other), compute_uv=False).sum(axis=-1)
    traces = np.trace(covariance, axis1=-2, axis2=-1) + np.trace(other, axis1=-2, axis2=-1)
    return np.asarray(np.sum((mean - other_mean) ** 2, axis=-1) + traces - 2 * roots)


def _moments(products: Floats) -> tuple[Floats, Floats]:
    """Means (..., d) and covariances (..., d, d)."""
    total = products[..., :1, :1]
    if not np.all(total > 0):
        raise InputError(
            "the weights of a part of a sample sum to 0 or less; use more events or fewer negative weights"
        )
    mean = (products[..., :1, 1:] / total)[..., 0, :]
    return mean, products[..., 1:, 1:] / total - mean[..., :, None] * mean[..., None, :]


def _root(covariance: Floats) -> Floats:
    """Matrices L with L L^T = covariance; negative eigenvalues (rounding) count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return root


def kernel_distance(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    scale: str = "spread",
    batches: int = 10,
    size: int = 5_000,
    seed: int = 0,
) -> Estimate:
    r"""Squared maximum mean discrepancy of the kernel :math:`(x \cdot y / d + 1)^4` (arXiv:2211.10295), unbiased.

    The mean over disjoint random batches, with its standard error; below 0 by chance where the samples agree.

    Args:
        truth: (n, d), or (n,); two events a batch or more.
        generated: (m, d), or (m,); two events a batch or more.
        weight_truth: (n,), may be negative in part; ones if None.
        weight_generated: (m,); ones if None.
        scale: of the features, see :meth:`partonic.metrics.pair.SamplePair.scaled`.
        batches: their number, 2 or more.
        size: events of each sample in a batch, at most; a batch costs three matrices of its square.
        seed: of the batches.

    Raises:
        InputError: the samples cannot be compared, a feature of the truth is constant, or a number is too small.
        UnknownNameError: there is no such scale.
    """
    if batches < 2 or size < 2:
        raise InputError(f"the kernel distance needs 2 batches of 2 events or more, not {batches} of {size}")
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=2 * batches).scaled(scale)
    rng = generator(seed)
    parts = [
        [rows[:size] for rows in np.array_split(rng.permutation(len(sample)), batches)]
        for sample in (pair.truth, pair.generated)
    ]
    weights = pair.weight_truth, pair.weight_generated
    if min(int(np.count_nonzero(one[rows])) for one, part in zip(weights, parts, strict=True) for rows in part) < 2:
        raise InputError(
            f"the kernel distance needs two events with a weight in each of {batches} batches of both samples: give "
            "more events, or fewer batches"
        )
    values = [
        squared_discrepancy(pair.truth[one], pair.generated[two], pair.weight_truth[one], pair.weight_generated[two])
        for one, two in zip(*parts, strict=True)
    ]
    return Estimate.symmetric(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(batches)), "batches")


def squared_discrepancy(x: Floats, y: Floats, weight_x: Floats, weight_y: Floats) -> float:
    r"""Unbiased :math:`\mathrm{E}\,k(x,x') + \mathrm{E}\,k(y,y') - 2\,\mathrm{E}\,k(x,y)` of weighted samples.

    Pairs of an event with itself are left out. At most 1,024 rows of a kernel matrix are in memory.

    Args:
        x: (n, d).
        y: (m, d).
        weight_x: (n,).
        weight_y: (m,).
    """
    among = [_mean_kernel(values, values, weight, weight) for values, weight in ((x, weight_x), (y, weight_y))]
    return among[0] + among[1] - 2 * _mean_kernel(x, y, weight_x, weight_y)


def _mean_kernel(x: Floats, y: Floats, u: Floats, v: Floats) -> float:
    """Weighted mean of the kernel over all pairs, but not of an event with itself where x is y."""
    total, pairs = 0.0, float(u.sum() * v.sum())
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        total += float(u[rows] @ (_kernel(x[rows] @ y.T, x.shape[1]) @ v))
    if x is y:
        total -= float(np.sum(u * v * _kernel(np.sum(x * x, axis=1), x.shape[1])))
        pairs -= float(u @ v)
    return total / pairs


def _kernel(products: Floats, features: int) -> Floats:
    """(products / features + 1)^4, in the memory of the products."""
    products /= features
    products += 1
    for _ in range(2):
        np.square(products, out=products)
    return products

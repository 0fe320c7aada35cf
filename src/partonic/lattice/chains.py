"""What chains of configurations are worth: independence Metropolis, effective sample size, autocorrelation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate

Floats = NDArray[np.float64]

REPLICAS = 200
GROUPS = 20
WINDOW = 1.5  # S of the automatic window


@dataclass(frozen=True)
class Accepted:
    """A Markov chain made of independent proposals.

    Args:
        rows: which proposal each state of the chain is, (n,).
        acceptance: share of proposals that were accepted.
        log_weights: of the proposals, (n,).
    """

    rows: NDArray[np.int64]
    acceptance: float
    log_weights: Floats


def independence_metropolis(log_weights: ArrayLike, rng: np.random.Generator) -> Accepted:
    r"""Accept or repeat proposals of a model such that the chain has the exact distribution.

    Args:
        log_weights: :math:`-S - \ln q` of each proposal, (n,), up to a constant.
        rng: source of randomness.

    Raises:
        InputError: there are fewer than two proposals, or the first is impossible.
    """
    logs = _logs(log_weights)
    drawn = np.log(rng.random(len(logs)))
    rows = np.zeros(len(logs), dtype=np.int64)
    if not np.isfinite(logs[0]):
        raise InputError("the first proposal is impossible: a chain cannot start there")
    here, moves = 0, 0
    for i in range(1, len(logs)):
        if drawn[i] < logs[i] - logs[here]:
            here, moves = i, moves + 1
        rows[i] = here
    return Accepted(rows, moves / (len(logs) - 1), logs)


def mean_of_accepted(values: ArrayLike, chain: Accepted) -> Estimate:
    r"""Mean along a chain of independent proposals with the error that its repetitions leave.

    A heavy proposal stays for long and comes rarely, so that the chain itself hardly shows how correlated it is: its
    Gamma method gives too small an error. The weights know it. Of n proposals with shares
    :math:`\pi_1 \ge \pi_2 \ge \dots` of all weight, :math:`T_k = \sum_{i \ge k} \pi_i` and the chance
    :math:`\lambda_k = (n - k + 1 - T_k / \pi_k) / n` to stay at the k-th, a long chain has the variance

    .. math:: \frac1n \sum_k \pi_k \frac{T_{k+1}}{T_k} \Big(f_k - \frac{1}{T_{k+1}} \sum_{i > k} \pi_i f_i\Big)^2
       \frac{1 + \lambda_k}{1 - \lambda_k},

    by the eigenvectors of its transition matrix (Liu, Statistics and Computing 6 (1996) 113). What is heavier than all
    that was proposed stays unknown.

    Args:
        values: of the proposals, (n,).
        chain: made of them by :func:`independence_metropolis`.

    Raises:
        InputError: there is not one finite value for each proposal, or they are all alike.
    """
    measured, variance, free = _variances(values, chain)
    share = np.exp(chain.log_weights - chain.log_weights.max())
    heaviest = 100 / share.sum()
    note = f"autocorrelation time {0.5 * variance / free:.3g}, heaviest draw {heaviest:.2g} % of the weight"
    mean = float(measured[chain.rows].mean())
    return Estimate.symmetric(mean, float(np.sqrt(variance / len(measured))), "weights of the draws", note)


def time_of_accepted(values: ArrayLike, chain: Accepted) -> Estimate:
    """Integrated autocorrelation time of a chain of independent proposals, 0.5 where all are accepted.

    It follows from the weights of the proposals, its error from a jackknife in 20 groups of them.

    Args:
        values: of the proposals, (n,).
        chain: made of them.

    Raises:
        InputError: as for :func:`mean_of_accepted`.
    """
    measured, variance, free = _variances(values, chain)
    time, group = 0.5 * variance / free, np.arange(len(measured)) % GROUPS
    without = []
    for number in range(GROUPS):
        kept = group != number
        _, one, other = _variances(measured[kept], Accepted(chain.rows, chain.acceptance, chain.log_weights[kept]))
        without.append(0.5 * one / other)
    error = np.sqrt((GROUPS - 1) * np.var(without))
    return Estimate.symmetric(time, float(error), "jackknife", "from the weights of the draws")


def effective_sample_size(log_weights: ArrayLike, rng: np.random.Generator) -> Estimate:
    """Kish's share of a weighted sample, between 1/n and 1, with its interval by bootstrap; it is heavy-tailed.

    Args:
        log_weights: (n,), up to a constant.
        rng: source of the bootstrap.

    Raises:
        InputError: there are fewer than two weights, or none is above 0.
    """
    logs = _logs(log_weights)
    weight = np.exp(logs - logs.max())
    n = len(weight)
    replicas = [_share(weight[rng.integers(0, n, n)]) for _ in range(REPLICAS)]
    low, high = np.quantile(replicas, [0.1587, 0.8413])
    value = _share(weight)
    return Estimate(value, min(float(low), value), max(float(high), value), "bootstrap", f"{n:,} samples")


def log_mean_weight(log_weights: ArrayLike, rng: np.random.Generator) -> Estimate:
    r"""The logarithm of the mean weight, which is that of the partition function, with its interval by bootstrap.

    Args:
        log_weights: :math:`-S - \ln q` of draws, (n,).
        rng: source of the bootstrap.

    Raises:
        InputError: there are fewer than two weights, or none is above 0.
    """
    logs = _logs(log_weights)
    weight = np.exp(logs - logs.max())
    n = len(weight)
    replicas = [weight[rng.integers(0, n, n)].mean() for _ in range(REPLICAS)]
    low, high = np.quantile(replicas, [0.1587, 0.8413])
    numbers = np.log([min(low, weight.mean()), weight.mean(), max(high, weight.mean())]) + logs.max()
    return Estimate(float(numbers[1]), float(numbers[0]), float(numbers[2]), "bootstrap", f"{n:,} samples")


def autocorrelation_time(values: ArrayLike) -> Estimate:
    """Integrated autocorrelation time of a chain, 0.5 for independent values, by the Gamma method (hep-lat/0306017).

    Args:
        values: (n,) of one chain or (chains, n) of several.

    Raises:
        InputError: a chain is shorter than ten values, not finite, or constant.
    """
    chains = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if chains.ndim != 2 or chains.shape[1] < 10 or not np.all(np.isfinite(chains)):
        raise InputError(f"chains are finite arrays (chains, 10 or more), not of the shape {chains.shape}")
    count, n = chains.shape
    flat = chains - chains.mean()
    padded = np.fft.rfft(flat, 2 * n, axis=1)
    gamma = np.fft.irfft(padded * padded.conj(), axis=1)[:, :n].mean(axis=0) / np.arange(n, 0, -1)
    if gamma[0] <= 0:
        raise InputError("the chain is constant: it has no autocorrelation time")
    rho = gamma / gamma[0]
    total = 0.5 + np.cumsum(rho[1:])
    lag = np.arange(1, n)
    slow = np.maximum(total, 0.5 + 1e-12)
    decay = WINDOW / np.log((2 * slow + 1) / (2 * slow - 1))
    slope = np.exp(-lag / decay) - decay / np.sqrt(lag * n * count)
    window = int(np.argmax(slope < 0)) if np.any(slope < 0) else n - 2
    tau = float(max(total[window], 1e-12))
    error = tau * np.sqrt(4 * max(window + 1 + 0.5 - tau, 0.5) / (n * count))
    return Estimate.symmetric(tau, float(error), "Gamma method")


def mean_of_chain(values: ArrayLike) -> Estimate:
    """Mean of a chain with the error that its autocorrelation leaves.

    Args:
        values: (n,) of one chain or (chains, n) of several.

    Raises:
        InputError: as for :func:`autocorrelation_time`.
    """
    chains = np.atleast_2d(np.asarray(values, dtype=np.float64))
    tau = autocorrelation_time(chains)
    error = float(np.sqrt(2 * max(tau.value, 0.5) * chains.var() / chains.size))
    return Estimate.symmetric(float(chains.mean()), error, "Gamma method", f"autocorrelation time {tau.value:.3g}")


def _variances(values: ArrayLike, chain: Accepted) -> tuple[Floats, float, float]:
    """The values, n times the variance of their mean along a chain, and the variance of one of them."""
    measured = np.asarray(values, dtype=np.float64)
    if measured.shape != chain.log_weights.shape or not np.all(np.isfinite(measured)):
        raise InputError(
            f"{len(chain.log_weights):,} proposals have as many finite values, not the shape {measured.shape}"
        )
    n, order = len(measured), np.argsort(-chain.log_weights)
    share = np.exp(chain.log_weights[order] - chain.log_weights[order[0]])
    share = share[share > 0] / share.sum()
    f = measured[order[: len(share)]] - measured.mean()
    left = np.cumsum(share[::-1])[::-1]
    beyond = np.cumsum((share * f)[::-1])[::-1]
    free = float(share @ (f - share @ f) ** 2)
    if not free > 0:
        raise InputError("the chain is constant: the error of its mean is not known")
    stay = (n - np.arange(len(share)) - left / share)[:-1] / n
    steps = (f[:-1] - beyond[1:] / left[1:]) ** 2 * (1 + stay) / (1 - stay)
    return measured, float(np.sum(share[:-1] * left[1:] / left[:-1] * steps)), free


def _share(weight: Floats) -> float:
    return float(weight.sum() ** 2 / (weight**2).sum() / len(weight))


def _logs(log_weights: ArrayLike) -> Floats:
    logs = np.asarray(log_weights, dtype=np.float64)
    if logs.ndim != 1 or len(logs) < 2 or np.any(np.isnan(logs)) or not np.isfinite(logs.max()):
        raise InputError(f"two weights or more are needed, at least one above 0, not the shape {logs.shape}")
    return logs

"""A generated sample mended by weights: the ratio of densities that a classifier learned (arXiv:1907.08209)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import TrainingError
from partonic.core.estimate import Estimate
from partonic.fit.crossfit import CrossFit, cross_fit
from partonic.generation.evaluate import Beside
from partonic.metrics.pair import SamplePair, halves, paired

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reweighted:
    """Weights of generated events, and what they are worth beside those of one half of the truth to the other.

    Args:
        weight: (m,) of mean 1; what the events had before is in it.
        effective: share of the events that have the same statistical power without weights,
            (sum w)^2 / (m sum w^2). That of the truth is what a classifier's noise costs where nothing is to mend.
        before: AUC of a classifier between the sample and truth that the weights were not learned from.
        after: the same with the weights; 0.5 where they mend everything.
        p_value: one-sided chance of as large an area ``after`` of the generated sample for equal distributions.
    """

    weight: Floats
    effective: Beside
    before: Beside
    after: Beside
    p_value: float


def reweight(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    classifier: str = "trees",
    folds: int = 5,
    seed: int = 0,
) -> Reweighted:
    r"""Learn :math:`p_{\rm truth} / p_{\rm generated}` of each event on one half of the truth, test on the other.

    The weight of an event is by a classifier that did not see it. Weights cannot fill a region without events: where
    the generator misses a mode, ``after`` stays above 0.5. For truth against truth, one half of the truth gets weights
    to the other as if it were generated; that is cut in two, so that half as many events teach and test.

    Args:
        truth: (n, d), or (n,).
        generated: (m, d), or (m,).
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        classifier: ``trees`` or ``mlp``.
        folds: of the learning, 2 or more.
        seed: of the halves, the folds and the training.

    Raises:
        InputError: the samples cannot be compared, or there are fewer than 10 events a fold in a quarter of the truth
            or in the generated sample.
        UnknownNameError: there is no such classifier.
        TrainingError: the classifier gave weights that are not finite.
    """
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=10 * folds, signed=False)
    first, second, *shares = halves(pair.truth, pair.weight_truth, seed)
    weight_same, same = _mended(paired(first, second, *shares, signed=False), classifier, folds, seed)
    weight, ours = _mended(pair, classifier, folds, seed)
    before, after = (Beside(*(one.auc for one in two)) for two in zip(ours, same, strict=True))
    effective = Beside(effective_share(weight), effective_share(weight_same))
    return Reweighted(weight, effective, before, after, ours[1].p_value)


def _mended(pair: SamplePair, classifier: str, folds: int, seed: int) -> tuple[Floats, tuple[CrossFit, CrossFit]]:
    """Weights of the generated events, and what a classifier sees without and with them."""
    learning, testing, *shares = halves(pair.truth, pair.weight_truth, seed)
    learned = paired(learning, pair.generated, shares[0], pair.weight_generated, signed=False)
    log_ratio = cross_fit(learned, classifier=classifier, folds=folds, seed=seed).generated
    weight = pair.weight_generated * np.exp(log_ratio - log_ratio.max())
    if not (np.all(np.isfinite(weight)) and weight.sum() > 0):
        raise TrainingError("the classifier's ratio is not finite for some generated events; give it more events")
    weight = weight / weight.mean()

    def seen(chosen: Floats) -> CrossFit:
        """By a classifier between the generated events of these weights and the half that taught none."""
        held = paired(testing, pair.generated, shares[1], chosen, signed=False)
        return cross_fit(held, classifier=classifier, seed=seed + 1)

    return weight, (seen(pair.weight_generated), seen(weight))


def effective_share(weight: Floats) -> Estimate:
    """The effective number of weighted events over their number, with its standard error, (m,) -> at most 1."""
    mean, square = float(weight.mean()), float(np.mean(weight**2))
    value = mean**2 / square
    slope = value * (2 * weight / mean - weight**2 / square - 1)
    return Estimate.symmetric(value, float(np.std(slope) / np.sqrt(len(weight))), "standard error")

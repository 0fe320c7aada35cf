"""How good a generated sample is: everything measured beside its value for truth against truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.fit.crossfit import cross_fit
from partonic.metrics.distances import GROUPS, frechet, kernel_distance, wasserstein
from partonic.metrics.neighbours import NEIGHBOURS, equal_events, overlap
from partonic.metrics.pair import SamplePair, halves, names_of, paired
from partonic.metrics.peak import Peak, Resonance, peak

Floats = NDArray[np.float64]
FEWEST = 2 * GROUPS  # events of a sample: the truth is cut in two, and each half in the groups of a jackknife
KERNEL_SIZE, OVERLAP_SIZE = 2_000, 5_000  # events of each sample in a batch, and among which neighbours are sought


@dataclass(frozen=True)
class Separation:
    r"""What a classifier sees between two samples.

    Args:
        auc: area under its ROC curve; 0.5 where it sees nothing.
        p_value: one-sided chance of as large an area for equal distributions.
        log_ratio: (m,) of the generated events, :math:`\ln p_{\rm truth}(x) / p_{\rm generated}(x)` by a classifier
            that did not see them; its exponential is the weight that mends the generator. Tails show where it fails
            (arXiv:2305.16774).
        log_ratio_truth: (n,) the same at the events of the truth.
        weight: (m,) share of the weight that each generated event has.
        weight_truth: (n,) the same of the events of the truth.
    """

    auc: Estimate
    p_value: float
    log_ratio: Floats
    log_ratio_truth: Floats
    weight: Floats
    weight_truth: Floats


@dataclass(frozen=True)
class TwoSample(Separation):
    """What a classifier sees between two samples, beside truth against truth; :func:`two_sample` makes it.

    Args:
        baseline: the same of one half of the truth (as the truth) against the other (as generated), by a classifier
            that learned from half as many true events.
        classifier: ``trees`` or ``mlp``.
    """

    baseline: Separation
    classifier: str


def two_sample(
    truth: ArrayLike,
    generated: ArrayLike,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    classifier: str = "trees",
    seed: int = 0,
    folds: int = 2,
    baseline: Separation | None = None,
) -> TwoSample:
    """Classifier two-sample test (arXiv:1610.06545), cross-fitted: every event is judged by what did not see it.

    Args:
        truth: (n, d), or (n,); invariants (masses) as further columns make the test sharper.
        generated: (m, d), or (m,).
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        classifier: ``trees`` (boosted) or ``mlp``.
        seed: of the folds and the training.
        folds: their number; 5 or 10 train on more events, in as much more time.
        baseline: truth against truth where it was measured before, as by another generator's test.

    Raises:
        InputError: the samples cannot be compared, a weight is negative, or there are fewer than 10 events a fold
            (20 in the truth, which its baseline cuts in two).
        UnknownNameError: there is no such classifier.
    """
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=10 * folds, signed=False)
    if baseline is None:
        first, second, *weights = halves(pair.truth, pair.weight_truth, seed)
        same = paired(first, second, *weights, fewest=10 * folds, signed=False)
        baseline = _separation(same, classifier, folds, seed)
    return TwoSample(**vars(_separation(pair, classifier, folds, seed)), baseline=baseline, classifier=classifier)


def _separation(pair: SamplePair, classifier: str, folds: int, seed: int) -> Separation:
    """What a classifier sees between the samples of a pair."""
    found = cross_fit(pair, classifier=classifier, folds=folds, seed=seed)
    shares = pair.weight_generated, pair.weight_truth
    return Separation(found.auc, found.p_value, found.generated, found.truth, *shares)


@dataclass(frozen=True)
class Beside:
    """A measure of the generated sample and the same of truth against truth.

    Args:
        generated: truth against generated events.
        truth: one half of the truth against the other.
    """

    generated: Estimate
    truth: Estimate


@dataclass(frozen=True)
class PeakTest:
    """A resonance in both samples.

    Args:
        resonance: where it is.
        generated: its peak in the generated sample.
        truth: its peak in the truth.
        width_ratio: distance of the quartiles, generated over truth; 1 for a faithful peak.
    """

    resonance: Resonance
    generated: Peak
    truth: Peak
    width_ratio: Estimate


@dataclass(frozen=True)
class Evaluation:
    """How good a generated sample is; :func:`evaluate` makes it.

    Args:
        names: of the features.
        widths: standard deviations of the features of the truth, (d,).
        wasserstein: Wasserstein-1 distance of each feature, in its unit.
        frechet: Fréchet distance for infinitely many events, features in units of half the distance of their quantiles
            and at most 5 from their median, see :meth:`~partonic.metrics.pair.SamplePair.scaled`: squares, and the
            fourth power of the kernel, would hang on a single far event.
        kernel: squared kernel distance, features in the same units.
        precision, recall, density, coverage: see :class:`partonic.metrics.neighbours.Overlap`.
        two_sample: the classifier's.
        peaks: the resonances.
    """

    names: tuple[str, ...]
    widths: Floats
    wasserstein: Mapping[str, Beside]
    frechet: Beside
    kernel: Beside
    precision: Beside
    recall: Beside
    density: Beside
    coverage: Beside
    two_sample: TwoSample
    peaks: tuple[PeakTest, ...] = ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of a table: ``measure``, ``generated``, ``truth`` (against truth), ``ideal`` where that is known."""
        yield _row("AUC of a classifier", Beside(self.two_sample.auc, self.two_sample.baseline.auc), 0.5)
        for name, measure, ideal in (
            ("Fréchet distance", self.frechet, 0.0),
            ("kernel distance", self.kernel, 0.0),
            ("precision", self.precision, None),
            ("recall", self.recall, None),
            ("density", self.density, 1.0),
            ("coverage", self.coverage, None),
        ):
            yield _row(name, measure, ideal)
        for name, distance in self.wasserstein.items():
            yield _row(_distance_of(name), distance, 0.0)
        for test in self.peaks:
            name = test.resonance.feature
            for what, key in (
                ("median", "median"),
                ("distance of the quartiles", "quartiles"),
                ("width at half maximum", "half_maximum"),
                ("share within two widths", "inside"),
            ):
                yield _row(f"{what} of {name}", Beside(getattr(test.generated, key), getattr(test.truth, key)), None)

    def worst(self) -> tuple[str, Beside]:
        """The feature of the largest Wasserstein distance in units of its width; that, and the largest of the truth."""
        widths = dict(zip(self.names, map(float, self.widths), strict=True))
        scaled = {name: _over(one.generated, widths[name]) for name, one in self.wasserstein.items()}
        same = [_over(one.truth, widths[name]) for name, one in self.wasserstein.items()]
        name = max(scaled, key=lambda one: scaled[one].value)
        return name, Beside(scaled[name], max(same, key=lambda one: one.value))


def _row(measure: str, beside: Beside, ideal: float | None) -> dict[str, Any]:
    return {"measure": measure, "generated": beside.generated, "truth": beside.truth, "ideal": ideal}


def _over(value: Estimate, unit: float) -> Estimate:
    return Estimate(value.value / unit, value.low / unit, value.high / unit, value.method, value.note)


def evaluate(
    truth: ArrayLike,
    generated: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    weight_truth: ArrayLike | None = None,
    weight_generated: ArrayLike | None = None,
    resonance: Resonance | Sequence[Resonance] = (),
    classifier: str = "trees",
    baseline: Separation | None = None,
    seed: int = 0,
) -> Evaluation:
    """Measure a generated sample in every way, each beside its value for truth against truth.

    The distances compare one half of the truth with the other, and with as many of the generated events, so that both
    have the same error; so does the overlap, with as many events of equal weight as all three samples can give. The
    classifier and the peaks see all events.

    Args:
        truth: (n, d), none of which the generator was trained on; 80 events or more.
        generated: (m, d), the same features; 80 events or more.
        names: of the features; numbers if None.
        weight_truth: (n,), 0 or above; ones if None.
        weight_generated: (m,), 0 or above; ones if None.
        resonance: peaks among the features.
        classifier: ``trees`` or ``mlp``.
        baseline: truth against truth as the classifier sees it, where that is known.
        seed: of everything random.

    Raises:
        InputError: the samples cannot be compared, a feature of the truth is constant, or names do not fit.
        UnknownNameError: a resonance is in no feature, or there is no such classifier.
    """
    pair = paired(truth, generated, weight_truth, weight_generated, fewest=FEWEST, signed=False)
    called = names_of(names, pair.truth.shape[1])
    resonances = (resonance,) if isinstance(resonance, Resonance) else tuple(resonance)
    for one in resonances:
        if one.feature not in called:
            raise unknown("feature", one.feature, called)
    pair.check_constant()
    compared = _comparisons(pair, seed)
    most = min(OVERLAP_SIZE, *(equal_events(w) for one in compared for w in (one.weight_truth, one.weight_generated)))
    if most <= NEIGHBOURS:
        raise InputError(
            f"the weights of a sample leave {most} events of equal weight, and the overlap needs more than "
            f"{NEIGHBOURS}: give more events, or more even weights"
        )
    ours, best = (_distances(one, called, most, seed) for one in compared)

    def beside(key: str) -> Beside:
        """One of the distances."""
        return Beside(ours[key], best[key])

    told = two_sample(
        pair.truth,
        pair.generated,
        weight_truth=pair.weight_truth,
        weight_generated=pair.weight_generated,
        classifier=classifier,
        seed=seed,
        baseline=baseline,
    )
    return Evaluation(
        called,
        np.sqrt(pair.weight_truth @ (pair.truth - pair.weight_truth @ pair.truth) ** 2),
        {name: beside(_distance_of(name)) for name in called},
        frechet=beside("frechet"),
        kernel=beside("kernel"),
        precision=beside("precision"),
        recall=beside("recall"),
        density=beside("density"),
        coverage=beside("coverage"),
        two_sample=told,
        peaks=tuple(_peak_test(pair, called.index(one.feature), one, seed) for one in resonances),
    )


def _comparisons(pair: SamplePair, seed: int) -> tuple[SamplePair, SamplePair]:
    """One half of the truth with as many generated events, and with the other half."""
    first, second, weight_first, weight_second = halves(pair.truth, pair.weight_truth, seed)
    rows = generator(seed, 43).permutation(len(pair.generated))[: len(second)]
    with_generated = paired(first, pair.generated[rows], weight_first, pair.weight_generated[rows])
    return with_generated, paired(first, second, weight_first, weight_second)


def _distance_of(name: str) -> str:
    return f"Wasserstein distance of {name}"


def _distances(pair: SamplePair, names: tuple[str, ...], most: int, seed: int) -> dict[str, Estimate]:
    x, y, u, v = pair.truth, pair.generated, pair.weight_truth, pair.weight_generated
    found = overlap(x, y, weight_truth=u, weight_generated=v, most=most, seed=seed)
    columns = zip(names, wasserstein(x, y, weight_truth=u, weight_generated=v), strict=True)
    return {
        "frechet": frechet(x, y, weight_truth=u, weight_generated=v, scale="quantiles", seed=seed, unlimited=True),
        "kernel": kernel_distance(
            x, y, weight_truth=u, weight_generated=v, scale="quantiles", size=KERNEL_SIZE, seed=seed
        ),
        **{key: getattr(found, key) for key in ("precision", "recall", "density", "coverage")},
        **{_distance_of(name): distance for name, distance in columns},
    }


def _peak_test(pair: SamplePair, column: int, resonance: Resonance, seed: int) -> PeakTest:
    ours = peak(pair.generated[:, column], resonance, pair.weight_generated, seed=seed)
    best = peak(pair.truth[:, column], resonance, pair.weight_truth, seed=seed + 1)
    wide, right = ours.quartiles, best.quartiles
    ratio = wide.value / right.value
    error = ratio * float(np.hypot(wide.error / wide.value, right.error / right.value))
    return PeakTest(resonance, ours, best, Estimate.symmetric(ratio, error, "bootstrap"))

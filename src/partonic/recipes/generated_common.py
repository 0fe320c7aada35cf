"""What pages of generated samples share: the weights of a classifier, a sample mended by them, the amplification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.report.page import Section

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.core.result import Result
    from partonic.generation.amplification import Amplification
    from partonic.generation.evaluate import TwoSample

FOLDS = 2  # of the classifiers that reweight
CELLS = {"camel": 50, "ring": 10}  # of equal probability, in each dimension
WEIGHTS = (
    "A classifier that tells generated from true ones gives each the ratio of the two densities. A faithful generator "
    "has a narrow peak at 1: generated ones of small weight should not be there, and true ones of large weight are "
    "what it misses. In grey stands one half of the truth against the other, whose width is the noise of a classifier "
    "that learned from half as many true events."
)
REWEIGHTED = (
    "What a classifier saw in one half of the truth becomes the weights of the generated events, which stand here "
    "beside the other half: by these the sample of the generator in which it saw most is mended. Weights cannot fill "
    "a region without events, and cost statistical power: the effective share is what remains of it. Beside it stands "
    "one half of the truth reweighted to the other, where there is nothing to mend."
)
AMPLIFIED = (
    "Does a generator know more than the sample it learned from (arXiv:2008.06545)? Small flows learn a camel (two "
    "peaks, 50 cells of equal probability) and a ring (10 x 10 cells), whose true shares are known. The factor is the "
    "number of true events with the error of the flows' shares, over that of the training events. Beside it stands "
    "the same of the training samples, which is 1 but for chance."
)


def weights_section(
    result: Result, tests: Mapping[str, TwoSample], *, what: str = "events", words: str = ""
) -> Section:
    """The weights that classifiers give to generated and true samples.

    Args:
        result: where the figure goes.
        tests: name of a sample -> its classifier test, one or more.
        what: was generated, as ``jets``.
        words: what the classifier sees, a sentence.
    """
    from partonic.report.plots_generation import classifier_weights
    from partonic.report.style import save_figure

    caption = f"Weights that a classifier gives to generated (left) and true {what} (right)."
    areas = ", ".join(f"{name} {test.auc} (truth against truth {test.baseline.auc})" for name, test in tests.items())
    save_figure(result, "weights", classifier_weights(tests), caption, f"{caption} Areas under curves: {areas}.")
    return Section("What a classifier would mend", f"{words} {WEIGHTS}".strip(), ("weights",), ())


def reweighted_section(
    result: Result,
    truth: NDArray[np.float64],
    drawn: NDArray[np.float64],
    shown: Mapping[str, int],
    name: str,
    seed: int,
) -> Section:
    """One generated sample before and after reweighting.

    Args:
        result: where the figure and the table go.
        truth: (n, d), of which one half teaches the weights.
        drawn: (m, d).
        shown: label of a feature -> its column, of the features in the figure.
        name: of the generator.
        seed: of the halves, folds and trainings.
    """
    from partonic.generation.reweight import reweight
    from partonic.metrics.pair import halves
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    found = reweight(truth, drawn, folds=FOLDS, seed=seed)
    kept = halves(truth, None, seed)[1]
    measures = {"AUC before": found.before, "AUC after": found.after, "effective share": found.effective}
    rows = [
        {"sample": sample} | {measure: getattr(both, of) for measure, both in measures.items()}
        for sample, of in ((name, "generated"), ("truth against truth", "truth"))
    ]
    caption = "AUC of a classifier between a sample and truth that the weights were not learned from."
    result.add_table("reweighted", caption, rows)
    result.summary[f"{name}: AUC of a classifier after reweighting"] = found.after.generated
    titles = {"as drawn": None, "reweighted": found.weight}
    quantities = [
        Quantity(
            Observable(label, kept[:, column], log=not label.startswith("Mass")),
            dict.fromkeys(titles, drawn[:, column]),
            weights={title: weight for title, weight in titles.items() if weight is not None},
        )
        for label, column in shown.items()
    ]
    caption = f"Events of {name} before and after reweighting, beside true ones from which no weight was learned."
    areas = "; ".join(f"{measure} {both.generated} ({both.truth})" for measure, both in measures.items())
    said = f"{caption} In brackets truth against truth: {areas}."
    save_figure(result, "reweighted", beside_truth(quantities), caption, said)
    return Section("Reweighted by a classifier", REWEIGHTED, ("reweighted",), ("reweighted",))


def amplification_section(result: Result, sizes: Sequence[int], seeds: int, seed: int) -> Section:
    """Factors of amplification against the training size, beside those of the training samples.

    Args:
        result: where the figure and the table go.
        sizes: events of the training samples, one or more.
        seeds: trainings of each size.
        seed: of everything random.
    """
    from partonic.generation.amplification import amplification, flow_learner, ring, two_humps
    from partonic.report.plots_generation import amplification_by_size
    from partonic.report.style import save_figure

    found: dict[str, tuple[Amplification, ...]] = {}
    for density in (two_humps(), ring()):
        how: dict[str, Any] = {"quantiles": CELLS[density.name], "seeds": seeds, "seed": seed, "drawn": 50_000}
        found[density.name] = amplification(density, flow_learner(), sizes, **how)
    rows = [
        {
            "density": name,
            "training events": one.events,
            "factor": one.factor,
            "factor, truth": one.truth,
            "equivalent events": one.equivalent,
        }
        for name, each in found.items()
        for one in each
    ]
    caption = f"Amplification of training samples by flows; {seeds} trainings of each size, each with its own sample."
    result.add_table("amplification", caption, rows)
    said = "; ".join(f"{row['density']}, {row['training events']} events: {row['factor']}" for row in rows)
    caption = "Equivalent true events over training events, for flows (full) and for the samples themselves (open)."
    save_figure(result, "amplification", amplification_by_size(found), caption, f"{caption} {said}.")
    for name, each in found.items():
        result.summary[f"amplification of {each[-1].events} events of the {name}"] = each[-1].factor
    return Section("More than the sample?", AMPLIFIED, ("amplification",), ("amplification",))

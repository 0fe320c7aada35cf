"""The sections of a page that compares taggers on one test sample: figures, tables and what to read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.metrics.calibration import calibration_error, logits, reliability, temperature
from partonic.metrics.comparison import compare
from partonic.metrics.decorrelation import mass_sculpting
from partonic.metrics.importance import Importance
from partonic.metrics.seeds import over_seeds, roc_band
from partonic.metrics.tagging import inverse, summary
from partonic.report import plots, plots_jets
from partonic.report.page import Section
from partonic.report.palette import SERIES
from partonic.report.style import save_figure

Floats = NDArray[np.float64]
MOST_CURVES = len(SERIES)  # of a figure of ROC curves, each with its own colour and dashes
HEADS = {"auc": "AUC", "accuracy": "accuracy", "r50": "R50", "r30": "R30"}


@dataclass(frozen=True)
class Tagger:
    """A tagger's trainings and what they say of the test jets.

    Args:
        name: of the model.
        scores: (trainings, jets) probabilities to be signal.
        parameters: number of trained numbers.
        rate: jets scored a second.
        training: processor time of one training (s), on average; on a GPU the time gone by.
        histories: one a training; empty for models that are not trained by gradient.
        jets: number of training jets, shown where they differ between taggers.
    """

    name: str
    scores: Floats
    parameters: int
    rate: Estimate
    training: float
    histories: tuple[plots.Training, ...] = ()
    jets: int = 0


@dataclass(frozen=True)
class Comparison:
    """Taggers on one test sample.

    Args:
        result: the run that the figures and tables are saved in.
        taggers: in the order of the page.
        labels: (jets,) 1 for signal, 0 for background.
        weights: (jets,) event weights, those of both classes with the same sum as in the training.
        mass: (jets,) jet mass in GeV.
        classes: names of labels 0 and 1.
        efficiency: of the signal, at which the cut on the score is made.
        prefix: of the names of figures and tables, where a page has two comparisons.
    """

    result: Result
    taggers: Sequence[Tagger]
    labels: NDArray[np.int64]
    weights: Floats
    mass: Floats
    classes: tuple[str, str]
    efficiency: float = 0.5
    prefix: str = ""

    @cached_property
    def summaries(self) -> dict[str, dict[str, Estimate]]:
        """AUC, accuracy, R50 and R30 of each tagger, averaged over its trainings."""
        found = {}
        for tagger in self.taggers:
            each = [summary(scores, self.labels, self.weights) for scores in tagger.scores]
            each = [{**one, "accuracy": replace(one["accuracy"], note="")} for one in each]  # the caption says where
            found[tagger.name] = {
                key: each[0][key] if len(each) == 1 else over_seeds([e[key] for e in each]) for key in HEADS
            }
        return found

    def performance(
        self,
        published: Sequence[Mapping[str, Any]] = (),
        published_caption: str = "",
        reference: str = "",
        title: str = "How well they tag",
    ) -> Section:
        """ROC curves, the table of headline numbers, paired comparisons, and published numbers beside them.

        Args:
            published: rows of the table of published results.
            published_caption: of that table.
            reference: tagger with which the others are compared; the best where it is empty or not among them.
            title: of the section.
        """
        background, signal = self.classes
        areas = {tagger.name: self.summaries[tagger.name]["auc"].value for tagger in self.taggers}
        drawn = sorted(areas, key=lambda name: -areas[name])[:MOST_CURVES]
        curves = [self._curve(tagger) for tagger in self.taggers if tagger.name in drawn]
        best = drawn[0]
        left = f"The {len(drawn)} of largest area of {len(areas)} taggers. " if len(drawn) < len(areas) else ""
        save_figure(
            self.result,
            f"{self.prefix}roc",
            plots.roc(curves, signal=signal, background=background),
            f"Background rejection against signal efficiency on {len(self.labels):,} test jets; further up is better. "
            f"{left}The band is the 68 % interval of the finite test sample; a lighter one spans trainings from other "
            "seeds.",
            f"ROC curves of {', '.join(curve.name for curve in curves)}; the largest area has {best}, "
            f"AUC {self.summaries[best]['auc']}.",
        )
        self.result.add_table(
            f"{self.prefix}taggers",
            "Area under the ROC curve, accuracy at a score of 0.5 where both classes weigh the same, background "
            "rejection at 50 % and 30 % signal efficiency (R50, R30), the rate of scoring jets on this machine, "
            "and the processor time of one training (on a GPU the time gone by).",
            [
                {
                    "model": tagger.name,
                    **{HEADS[key]: value for key, value in self.summaries[tagger.name].items()},
                    **({"training jets": tagger.jets} if len({t.jets for t in self.taggers}) > 1 else {}),
                    "parameters": tagger.parameters,
                    "jets/s": tagger.rate,
                    "training, s": round(tagger.training, 1),
                }
                for tagger in self.taggers
            ],
        )
        tables = [f"{self.prefix}taggers"]
        if len(self.taggers) > 1:
            self._add_pairs(reference if reference in self.summaries else best)
            tables.append(f"{self.prefix}pairs")
        if published:
            self.result.add_table("published", published_caption, published)
            tables.append("published")
        text = (
            "Every number carries the 68 % interval of the test sample that it was measured on; where a model was "
            "trained more than once, the spread over trainings instead, with the statistical error in its note. A "
            "rejection that rests on fewer than 25 background jets says so. Taggers are compared on the same jets: the "
            "paired bootstrap is much sharper than the errors of the two numbers."
        )
        return Section(title, text, (f"{self.prefix}roc",), tuple(tables))

    def _curve(self, tagger: Tagger) -> plots.Curve:
        """ROC curve of a tagger with its bands."""
        band = roc_band(list(tagger.scores), self.labels, self.weights)
        value, low, high, seeds_low, seeds_high = (
            inverse(values)
            for values in (
                band.background_efficiency,
                band.statistical_high,
                band.statistical_low,
                band.seeds_high,
                band.seeds_low,
            )
        )
        spread = {"spread_low": seeds_low, "spread_high": seeds_high} if band.seeds > 1 else {}
        note = f"AUC {self.summaries[tagger.name]['auc'].value:.4f}"
        return plots.Curve(tagger.name, band.signal_efficiency, value, low, high, note=note, **spread)

    def _add_pairs(self, reference: str) -> None:
        """The table of each tagger against one of them."""
        best = next(tagger for tagger in self.taggers if tagger.name == reference)
        rows = []
        for tagger in self.taggers:
            if tagger is best:
                continue
            pair = compare(tagger.scores[0], best.scores[0], self.labels, self.weights)
            rows.append(
                {
                    "model": f"{tagger.name} against {best.name}",
                    "AUC difference": pair.auc_difference,
                    "in standard deviations": round(pair.auc_difference.significance, 1),
                    "R50 ratio": pair.rejection_ratio[0.5],
                    "R30 ratio": pair.rejection_ratio[0.3],
                }
            )
        self.result.add_table(
            f"{self.prefix}pairs",
            f"Each tagger against {best.name} on the same jets, first training each (paired bootstrap).",
            rows,
        )

    def scores(self) -> Section:
        """Score distributions of both classes."""
        save_figure(
            self.result,
            "scores",
            plots_jets.scores(
                {tagger.name: tagger.scores[0] for tagger in self.taggers},
                self.labels,
                self.weights,
                classes=self.classes,
            ),
            "Distribution of the score for both classes, each normalised to one, with statistical errors.",
            "Score histograms of both classes; median scores of "
            + "; ".join(f"{t.name}: {self._medians(t.scores[0])}" for t in self.taggers)
            + ".",
        )
        return Section("What they say of a jet", "", ("scores",))

    def _medians(self, values: Floats) -> str:
        medians = (np.median(values[self.labels == label]) for label in (0, 1))
        return ", ".join(f"{name} {median:.2f}" for name, median in zip(self.classes, medians, strict=True))

    def calibration(self) -> Section:
        """Reliability diagram, expected calibration error and temperature."""
        curves, rows = [], []
        for tagger in self.taggers:
            scores = tagger.scores[0]
            bins = reliability(scores, self.labels, self.weights, bins=12)
            error = calibration_error(scores, self.labels, self.weights, bins=12)
            curves.append(
                plots.Reliability(tagger.name, bins.predicted, bins.observed, bins.low, bins.high, error.value)
            )
            rows.append(
                {
                    "model": tagger.name,
                    "calibration error": error.value,
                    "from counting alone": replace(error.expected, note=""),
                    "temperature": temperature(logits(scores), self.labels, self.weights),
                }
            )
        save_figure(
            self.result,
            "calibration",
            plots.calibration(curves, signal=self.classes[1]),
            "Fraction of signal among the jets of a score, in bins of equal count; calibrated ones lie on the line.",
            "Reliability diagram: "
            + "; ".join(f"{row['model']} expected calibration error {row['calibration error']}" for row in rows)
            + ".",
        )
        self.result.add_table(
            "calibration",
            "Expected calibration error beside what a perfectly calibrated score would show on as many jets, and the "
            "temperature that would mend the score: 1 where nothing is to be mended, above 1 for a score too sure of "
            "itself.",
            rows,
        )
        return Section("Can the score be read as a probability?", "", ("calibration",), ("calibration",))

    def sculpting(self) -> Section:
        """Background jet mass before and after the cut at the working point."""
        background = self.labels == 0
        selected, rows = {}, []
        for tagger in self.taggers:
            found = mass_sculpting(tagger.scores[0], self.mass, self.labels, self.weights, self.efficiency)
            selected[tagger.name] = tagger.scores[0][background] >= found.threshold
            rows.append(
                {
                    "model": tagger.name,
                    "divergence": found.divergence,
                    "from counting alone": found.expected,
                    "jets that pass": int(selected[tagger.name].sum()),
                }
            )
        save_figure(
            self.result,
            "mass",
            plots_jets.mass_sculpting(
                self.mass[background],
                selected,
                self.weights[background],
                label=f"{self.classes[0]} jet mass [GeV]",
                all_label=f"all {self.classes[0]} jets",
            ),
            f"Mass of the {self.classes[0]} jets before and after the cut that keeps {self.efficiency:.0%} of the "
            f"{self.classes[1]} jets. A cut blind to the mass would leave the shape as it is.",
            f"Mass histograms of {self.classes[0]} jets: median {np.median(self.mass[background]):.0f} GeV before "
            "the cut and "
            + ", ".join(
                f"{np.median(self.mass[background][m]):.0f} GeV after {n}" for n, m in selected.items() if m.any()
            )
            + ".",
        )
        self.result.add_table(
            "sculpting",
            f"Jensen-Shannon divergence in bits between the background mass before and after the cut at "
            f"{self.efficiency:.0%} signal efficiency, beside what a cut blind to the mass shows on as many jets.",
            rows,
        )
        return Section("What the cut does to the jet mass", "", ("mass",), ("sculpting",))

    def histories(self) -> Section | None:
        """Losses of the networks' trainings; None where there is no network."""
        trainings = [history for tagger in self.taggers for history in tagger.histories]
        if not trainings:
            return None
        save_figure(
            self.result,
            "training",
            plots.history(trainings, models=[tagger.name for tagger in self.taggers]),
            "Loss of each training; the state of the epoch with the lowest validation loss is kept.",
            "Training and validation loss against the epoch: "
            + "; ".join(f"{t.name} ends at validation loss {min(t.validation):.3f}" for t in trainings if t.validation)
            + ".",
        )
        return Section("How they were trained", "", ("training",))


def importance_figure(
    result: Result, name: str, model: str, index: int, rows: Sequence[Importance], what: str, caption: str
) -> str:
    """Bars of the AUC that a model loses, saved under a name, which is returned."""
    save_figure(
        result,
        name,
        plots.importance({row.name: row.loss for row in rows}, what, model=index),
        caption,
        f"{model}: most is lost with {rows[0].name} ({rows[0].loss}), then "
        + ", ".join(f"{row.name} ({row.loss.value:.4f})" for row in rows[1:4])
        + ".",
    )
    return name


def truth_section(
    result: Result, log_ratio: Floats, scores: Mapping[str, Floats], labels: NDArray[np.int64]
) -> Section:
    """Taggers beside the best possible one, on jets whose likelihood ratio is known.

    Args:
        result: the run.
        log_ratio: (jets,) exact log-likelihood ratio of signal to background.
        scores: tagger -> (jets,) probabilities.
        labels: (jets,) 1 for signal, 0 for background.
    """
    curves, rows = [], []
    for name, values in {"exact likelihood ratio": log_ratio, **scores}.items():
        numbers = summary(values, labels, threshold=0.0 if name not in scores else 0.5)
        band = roc_band([values], labels)
        curves.append(
            plots.Curve(
                name,
                band.signal_efficiency,
                inverse(band.background_efficiency),
                inverse(band.statistical_high),
                inverse(band.statistical_low),
                note=f"AUC {numbers['auc'].value:.4f}",
            )
        )
        row: dict[str, Any] = {"tagger": name, "AUC": numbers["auc"], "R50": numbers["r50"]}
        if name in scores:
            row["AUC less the best"] = compare(values, log_ratio, labels, efficiencies=()).auc_difference
        rows.append(row)
    save_figure(
        result,
        "truth",
        plots.roc(curves[1:], truth=curves[0], signal="signal", background="background"),
        f"The same taggers, trained anew on jets whose likelihood is known, on {len(labels):,} test jets. No tagger "
        "can lie above the exact likelihood ratio beyond its errors.",
        "ROC curves beside the exact likelihood ratio: "
        + "; ".join(f"{row['tagger']} AUC {row['AUC']}" for row in rows)
        + ".",
    )
    result.add_table("truth", "Taggers beside the best possible one; the difference is paired, on the same jets.", rows)
    text = (
        "How good could a tagger be? For real jets nobody knows. Here the number of constituents is Poisson and their "
        "transverse momenta are independent log-normal, with other means for signal than for background, so the "
        "likelihood ratio, which no tagger can beat (Neyman and Pearson), is a sum over constituents. A tagger that "
        "does not reach it has too little data or time, or does not see what matters: jet images, normalised to the "
        "jet's momentum, do not show absolute momenta."
    )
    return Section("Beside a known truth", text, ("truth",), ("truth",))

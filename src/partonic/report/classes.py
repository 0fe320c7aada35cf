"""The sections of a page on taggers of several classes: confusion matrix, accuracy, each class against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.metrics.classes import class_accuracy, confusion, duels
from partonic.metrics.seeds import over_seeds, roc_band
from partonic.metrics.tagging import inverse, rejection
from partonic.report import plots, plots_classes
from partonic.report.page import Section
from partonic.report.plots_jets import Observable
from partonic.report.style import save_figure
from partonic.report.tagging import Tagger

Floats = NDArray[np.float64]
GRID = np.linspace(0.05, 0.95, 46)


@dataclass(frozen=True)
class Classification:
    """Taggers of several classes on one test sample.

    Args:
        result: the run that the figures and tables are saved in.
        taggers: in the order of the page; their scores (trainings, jets, classes).
        labels: (jets,) the true class, 0 to classes - 1.
        weights: (jets,) event weights, none negative.
        classes: their names.
    """

    result: Result
    taggers: Sequence[Tagger]
    labels: NDArray[np.int64]
    weights: Floats
    classes: tuple[str, ...]

    @cached_property
    def accuracies(self) -> dict[str, Estimate]:
        """Share of the jets of each tagger that are taken for what they are, averaged over its trainings."""
        return {
            tagger.name: _averaged([class_accuracy(scores, self.labels, self.weights) for scores in tagger.scores])
            for tagger in self.taggers
        }

    @cached_property
    def areas(self) -> dict[str, dict[tuple[int, int], Estimate]]:
        """Tagger -> (signal, background) -> AUC of the two classes' jets, averaged over its trainings."""
        found: dict[str, dict[tuple[int, int], Estimate]] = {}
        for tagger in self.taggers:
            each = [
                {(duel.signal, duel.background): duel.auc for duel in duels(scores, self.labels, self.weights)}
                for scores in tagger.scores
            ]
            found[tagger.name] = {pair: _averaged([one[pair] for one in each]) for pair in each[0]}
        return found

    def area(self, tagger: str, signal: str, background: str) -> Estimate:
        """AUC of one class against another."""
        i, j = self.classes.index(signal), self.classes.index(background)
        return self.areas[tagger][max(i, j), min(i, j)]

    @property
    def best(self) -> Tagger:
        """The tagger of the highest accuracy."""
        return max(self.taggers, key=lambda tagger: self.accuracies[tagger.name].value)

    def matrix(self) -> Section:
        """Confusion matrices of the first trainings, and the table of accuracies."""
        shares, errors = {}, {}
        rows: list[dict[str, Any]] = []
        for tagger in self.taggers:
            table = confusion(tagger.scores[0], self.labels, self.weights)
            shares[tagger.name] = np.array([[cell.value for cell in row] for row in table])
            errors[tagger.name] = np.array([[cell.error for cell in row] for row in table])
            for true, row in zip(self.classes, table, strict=True):
                rows.append({"model": tagger.name, "true class": true, **dict(zip(self.classes, row, strict=True))})
        best = self.best.name
        hardest = np.argmax(shares[best] - 2 * np.eye(len(self.classes)))
        first, second = (int(place) for place in np.unravel_index(hardest, shares[best].shape))
        save_figure(
            self.result,
            "confusion",
            plots_classes.confusion(shares, errors, self.classes),
            f"Share in per cent of the jets of each true class (row) that are taken for each class (column), on "
            f"{len(self.labels):,} test jets; every row adds up to 100. Below each share its binomial error.",
            f"Confusion matrices of {', '.join(shares)}; {best} takes "
            + ", ".join(f"{100 * shares[best][i, i]:.0f} % of {name}" for i, name in enumerate(self.classes))
            + f" for what they are; most often confused: {self.classes[first]} taken for {self.classes[second]}, "
            f"{100 * shares[best][first, second]:.0f} %.",
        )
        self.result.add_table(
            "taggers",
            "Share of all test jets whose most probable class is the true one, the rate of scoring jets on this "
            "machine, and the processor time of one training (on a GPU the time gone by).",
            [
                {
                    "model": tagger.name,
                    "accuracy": self.accuracies[tagger.name],
                    "parameters": tagger.parameters,
                    "jets/s": tagger.rate,
                    "training, s": round(tagger.training, 1),
                }
                for tagger in self.taggers
            ],
        )
        self.result.add_table("confusion", "The confusion matrices, shares with binomial errors.", rows)
        text = (
            "A jet is taken for the class that is most probable. Where a model was trained more than once the accuracy "
            "is the mean of its trainings with their spread; the matrix is that of the first."
        )
        return Section("Which jets are taken for which", text, ("confusion",), ("taggers", "confusion"))

    def one_against_one(self, cuts: Mapping[str, Mapping[tuple[int, int], Estimate]] | None = None) -> Section:
        """ROC curves of the best tagger for each pair of classes, and the areas of all taggers.

        Args:
            cuts: further columns of the table, as of a cut on one variable: name -> (signal, background) -> AUC, the
                signal being the later class.
        """
        best = self.best
        panels: dict[str, list[tuple[int, plots.Curve]]] = {name: [] for name in self.classes}
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for duel in duels(best.scores[0], self.labels, self.weights):
            pair = (duel.signal, duel.background)
            for signal, background, scores, labels in (
                (*pair, duel.scores, duel.labels),
                (*pair[::-1], 1 - duel.scores, 1 - duel.labels),
            ):
                curve = _curve(self.classes[background], scores, labels, duel.weights)
                panels[self.classes[signal]].append((background, curve))
            rows[pair] = {
                "signal": self.classes[duel.signal],
                "background": self.classes[duel.background],
                **{f"AUC of {name}": areas[pair] for name, areas in self.areas.items()},
                **{f"AUC of {name}": areas[pair] for name, areas in (cuts or {}).items()},
                f"R50 of {best.name}": rejection(duel.scores, duel.labels, duel.weights),
            }
        for curves in panels.values():
            curves.sort(key=lambda one: one[0])
        areas = {pair: area.value for pair, area in self.areas[best.name].items()}
        easy, hard = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
        save_figure(
            self.result,
            "one-against-one",
            plots_classes.roc_grid(panels, self.classes),
            f"Each class against each other one by {best.name}, first training, on the test jets of these two classes; "
            "the band is the 68 % interval of their finite number.",
            f"ROC curves of {len(areas)} pairs of classes, both ways; told apart best are "
            f"{self.classes[easy[0]]} and {self.classes[easy[1]]} (AUC {self.areas[best.name][easy]}), worst "
            f"{self.classes[hard[0]]} and {self.classes[hard[1]]} (AUC {self.areas[best.name][hard]}).",
        )
        self.result.add_table(
            "one-against-one",
            "Area under the ROC curve of each pair of classes, on the jets of these two, and the rejection of the "
            f"background at 50 % signal efficiency by {best.name}.",
            list(rows.values()),
        )
        text = (
            "Two classes are told apart by the ratio p(signal) / (p(signal) + p(background)) of their probabilities: "
            "the other classes play no part."
        )
        return Section("Each class against each other", text, ("one-against-one",), ("one-against-one",))

    def histories(self) -> Section | None:
        """Losses of the trainings; None where nothing was trained by gradient."""
        trainings = [history for tagger in self.taggers for history in tagger.histories]
        if not trainings:
            return None
        save_figure(
            self.result,
            "training",
            plots.history(trainings, models=[tagger.name for tagger in self.taggers], quantity="Loss (cross-entropy)"),
            "Loss of each training; the state of the epoch with the lowest validation loss is kept.",
            "Training and validation loss against the epoch: "
            + "; ".join(f"{t.name} ends at validation loss {min(t.validation):.3f}" for t in trainings if t.validation)
            + ".",
        )
        return Section("How they were trained", "", ("training",))


def jets_section(
    result: Result,
    observables: Sequence[Observable],
    parts: Mapping[str, NDArray[np.int64]],
    weights: Floats,
    classes: tuple[str, ...],
    text: str = "",
) -> Section:
    """Distributions of the test jets of each class, and how many jets each sample has.

    Args:
        result: the run.
        observables: of the test jets.
        parts: sample -> (jets,) labels; ``test`` is drawn.
        weights: (jets,) of the test jets.
        classes: their names.
        text: of the section.
    """
    labels = parts["test"]
    first = observables[0]
    medians = (float(np.nanmedian(np.asarray(first.values, float)[labels == i])) for i in range(len(classes)))
    save_figure(
        result,
        "jets",
        plots_classes.class_summary(observables, labels, weights, classes),
        f"Distributions of {len(labels):,} test jets, each class normalised to one, with statistical errors.",
        f"Histograms of {len(observables)} quantities of {len(classes)} classes; the medians of the first are "
        + ", ".join(f"{median:.3g} for {name}" for name, median in zip(classes, medians, strict=True))
        + ".",
    )
    result.add_table(
        "samples",
        "Jets of each class in each sample.",
        [
            {"sample": name, **{one: int(np.sum(found == i)) for i, one in enumerate(classes)}}
            for name, found in parts.items()
        ],
    )
    return Section("The jets", text, ("jets",), ("samples",))


def _averaged(estimates: list[Estimate]) -> Estimate:
    return estimates[0] if len(estimates) == 1 else over_seeds(estimates)


def _curve(name: str, scores: Floats, labels: NDArray[np.int64], weights: Floats) -> plots.Curve:
    band = roc_band([scores], labels, weights, grid=GRID)
    value, low, high = (
        inverse(values) for values in (band.background_efficiency, band.statistical_high, band.statistical_low)
    )
    return plots.Curve(name, band.signal_efficiency, value, low, high)

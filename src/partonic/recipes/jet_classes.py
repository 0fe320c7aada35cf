"""Jets of several classes at once: gluon, quark, top, W, Z and Higgs, and the mass of each beside its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import unknown
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.tagger import Training
from partonic.io.splits import split_files
from partonic.metrics.classes import against
from partonic.metrics.regression import resolution
from partonic.metrics.tagging import auc, rejection
from partonic.recipes.common import check_models, check_numbers, need_simulation, simulated_cost, trained
from partonic.report import plots_classes
from partonic.report.classes import Classification, jets_section
from partonic.report.page import Section, write_page
from partonic.report.plots_jets import Observable
from partonic.report.style import save_figure
from partonic.report.trained import scored
from partonic.represent.packed import INPUTS
from partonic.represent.task import Task
from partonic.simulators.samples import samples

CLASSES = ("gluon", "quark", "top", "W", "Z", "H to bb")
QCD = (0, 1)  # gluon and quark jets of one sample of dijets
PROCESSES = {"qcd": 2, "top": 1, "w": 1, "z": 1, "hbb": 1}  # shares of the jets
BY_LABEL = {1: "top", 2: "W", 3: "Z", 4: "H to bb"}  # of the simulation
MASS = "truth_jet_mass"
JETS_PER_SECOND = 60.0  # simulated on one core, to say beforehand what a run will take

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 360, "models": ("pfn",), "epochs": 1},
    "quick": {"jets": 12_000, "epochs": 8},
    "default": {},
    "benchmark": {"jets": 600_000, "seeds": 3, "models": ("pfn", "particlenet-lite", "part-light")},
}


@register_recipe("jet-classes", paper="arXiv:2202.03772")
@dataclass(frozen=True)
class JetClasses:
    """Jets of several classes: gluon, quark, top, W, Z and Higgs to b quarks told apart, their masses estimated.

    Args:
        jets: number of jets, a third of them light-quark and gluon jets, a sixth of each other class; 60 % train, 10 %
            validate, 30 % test.
        models: taggers to train.
        inputs: set of features of a particle for models of packed jets: kinematic, charge, kinds, full.
        mass: estimate the mass that the jet would have without a detector beside its class.
        seeds: trainings of each model, from different random starts.
        seed: of the simulation, the split and the first training.
        detector: cms or atlas.
        epochs: at most so many in each training (each model has its own number).
    """

    jets: int = 120_000
    models: tuple[str, ...] = ("pfn", "particlenet-lite")
    inputs: str = "kinematic"
    mass: bool = True
    seeds: int = 1
    seed: int = 1
    detector: Literal["cms", "atlas"] = "cms"
    epochs: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self, jets=300, seeds=1, seed=0)
        check_models(self.models, len(CLASSES))
        if self.inputs not in INPUTS:
            raise unknown("set of inputs", self.inputs, INPUTS)

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing packages before any long step.

        Raises:
            MissingPackageError: the simulation needs a package that is not installed.
        """
        need_simulation()

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        trainings = f"{len(self.models) * self.seeds} trainings"
        return simulated_cost("jet-classes", self.jets, self.jets / JETS_PER_SECOND, trainings, context)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        with ranks.first_alone():
            parts = self._samples(context)
        ways = {name: (name, self._options(name)) for name in self.models}
        done = trained(context, partial(self._samples, context), len(parts["train"]), ways, self.seed, self.seeds)
        if rank() > 0:
            return result  # the first process measures what all have trained
        test = parts["test"]
        labels = {name: _labels(part) for name, part in parts.items()}
        taggers = [scored(result, name, each, test, context.device) for name, each in done.items()]
        study = Classification(result, taggers, labels["test"], test.weight(), CLASSES)
        sections = [
            study.matrix(),
            study.one_against_one(),
            _against_qcd(study),
            self._masses(study, done[study.best.name][0], test, context.device) if self.mass else None,
            study.histories(),
            jets_section(result, _observables(test), labels, study.weights, CLASSES),
        ]
        self._describe(study, parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets with labels in the order of the classes."""
        share = self.jets // sum(PROCESSES.values())
        numbers = {process: parts * share for process, parts in PROCESSES.items()}
        files = samples(
            numbers, self.seed, workers=context.workers, executor=context.executor, detector=self.detector, paired=True
        )
        found = {}
        for name, part in split_files(list(files.values()), self.seed).items():
            labels = class_labels(np.asarray(part.column("label")), np.asarray(part.column("truth_pid")))
            found[name] = part[labels >= 0].with_columns(label=labels[labels >= 0])
        return found

    def _options(self, name: str) -> dict[str, Any]:
        """How one model is trained."""
        options = {"inputs": self.inputs} if models.get(name).facts["input"] == "packed" else {}
        task = Task(CLASSES, (MASS,) if self.mass else ())
        return {"task": task, "input_options": options, "epochs": self.epochs}

    def _masses(self, study: Classification, training: Training, test: Events, device: str) -> Section:
        """The mass that the network estimates, and the measured one, over that without a detector."""
        true = np.asarray(test.column(MASS), dtype=np.float64)
        network = training.trained.regressed(test, device=device)[MASS]
        measured = np.asarray(test.column("jet_mass"), dtype=np.float64)
        usable = true > 1.0
        ratios = {"measured": measured / np.maximum(true, 1.0), "network": network / np.maximum(true, 1.0)}
        rows = []
        for number, name in enumerate(CLASSES):
            mine = usable & (study.labels == number)
            row: dict[str, Any] = {"class": name}
            for way, ratio in ratios.items():
                found = resolution(ratio[mine])
                row |= {f"median, {way}": found.median, f"spread, {way}": found.spread}
            rows.append(row)
        heavy = usable & ~np.isin(study.labels, QCD)
        resolutions = {way: resolution(ratio[heavy]) for way, ratio in ratios.items()}
        for way, found in resolutions.items():
            study.result.summary[f"mass spread, {way}"] = found.spread
        both = np.concatenate([ratio[heavy] for ratio in ratios.values()])
        which = np.repeat([0, 1], int(heavy.sum()))
        save_figure(
            study.result,
            "masses",
            plots_classes.class_summary(
                [Observable("Mass over that without a detector", both, np.linspace(0.6, 1.4, 41))],
                which,
                None,
                [*ratios],
            ),
            f"Measured mass and the network's estimate over the mass without a detector, {int(heavy.sum()):,} test "
            "jets of tops and bosons.",
            "Two histograms around one; "
            + "; ".join(
                f"{way}: median {found.median}, half-width {found.spread}" for way, found in resolutions.items()
            )
            + ".",
        )
        study.result.add_table(
            "masses",
            "Median of the mass over the one that the same jet has without a detector, and half the width of its "
            "central 68 %, for the measured mass and the network's estimate; bootstrap errors. Jets above 1 GeV.",
            rows,
        )
        text = (
            f"Beside the class, {study.best.name} estimates the mass that the jet has before the detector: here the "
            "truth is known, jet by jet. The estimate minimises the squared error over all classes, so it leans "
            "towards the masses that are common in training."
        )
        return Section("The mass beside the class", text, ("masses",), ("masses",))

    def _describe(self, study: Classification, parts: Mapping[str, Events]) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        result = study.result
        for name, accuracy in study.accuracies.items():
            result.summary[f"accuracy of {name}"] = accuracy
        for signal, background in (("quark", "gluon"), ("top", "gluon"), ("Z", "W"), ("H to bb", "Z")):
            result.summary[f"AUC of {signal} against {background}"] = study.area(study.best.name, signal, background)
        sizes = {name: len(part) for name, part in parts.items()}
        source = (
            f"Pythia 8 at 14 TeV with the {self.detector.upper()}-like fast detector, anti-kT jets of R = 0.8 with "
            "550 < pT < 650 GeV and |eta| < 2, without multi-parton interactions and pileup; quark and gluon jets are "
            "those of one sample of dijets, by the outgoing parton in them; tops and bosons have all their quarks in "
            "the jet"
        )
        result.facts["title"] = "Classes of jets"
        result.facts["abstract"] = (
            f"Gluon, quark, top, W, Z or Higgs? {', '.join(self.models)} trained on {sizes['train']:,} jets, measured "
            f"on {sizes['test']:,} that none has seen."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": size for name, size in sizes.items()}}
        if sizes["test"] < 2_000:
            result.facts["warnings"] = [
                f"Only {sizes['test']:,} test jets: this run shows that everything works, not how well it works."
            ]
        papers = ["partonic", "arXiv:2202.03772", *(models.get(name).paper for name in self.models)]
        papers += ["arXiv:1912.01703", "arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097", "arXiv:0802.1189"]
        result.facts["citations"] = list(dict.fromkeys([*papers, "arXiv:1307.6346"]))


def class_labels(process: NDArray[Any], parton: NDArray[Any]) -> NDArray[np.int64]:
    """Number of the class of each jet in :data:`CLASSES`, -1 for dijets without a parton in the jet, (jets,).

    Args:
        process: label of the simulation, 0 for dijets, (jets,).
        parton: particle number of the parton or resonance in the jet, 0 for none, (jets,).
    """
    labels = np.select([parton == 21, parton != 0], [CLASSES.index("gluon"), CLASSES.index("quark")], -1)
    for code, name in BY_LABEL.items():
        labels[process == code] = CLASSES.index(name)
    return labels.astype(np.int64)


def _labels(jets: Events) -> NDArray[np.int64]:
    return np.asarray(jets.column("label")).astype(np.int64)


def _against_qcd(study: Classification) -> Section:
    """Tops and bosons against quark and gluon jets together."""
    rows = []
    for number, name in enumerate(CLASSES):
        if number in QCD:
            continue
        chosen = np.isin(study.labels, (number, *QCD))
        labels, weights = study.labels[chosen] == number, study.weights[chosen]
        row: dict[str, Any] = {"signal": name}
        for tagger in study.taggers:
            scores = against(tagger.scores[0], (number,), QCD)[chosen]
            row |= {f"AUC of {tagger.name}": auc(scores, labels, weights)}
            row |= {f"R50 of {tagger.name}": rejection(scores, labels, weights)}
        rows.append(row)
        study.result.summary[f"AUC of {name} against QCD"] = row[f"AUC of {study.best.name}"]
    study.result.add_table(
        "qcd",
        "Each heavy class against quark and gluon jets in their natural mixture: area under the ROC curve and "
        "rejection at 50 % signal efficiency, first training of each model.",
        rows,
    )
    text = "The probability of QCD is that of a quark or a gluon jet, summed; the other classes play no part."
    return Section("Against QCD", text, (), ("qcd",))


def _observables(test: Events) -> list[Observable]:
    """Distributions that the page shows."""
    return [
        Observable("Jet mass [GeV]", np.asarray(test.column("jet_mass"), float), np.linspace(0, 250, 51)),
        Observable("Constituents", test.collection("constituents").counts.astype(float)),
        Observable("Jet $p_T$ [GeV]", np.asarray(test.column("jet_pt"), float)),
    ]

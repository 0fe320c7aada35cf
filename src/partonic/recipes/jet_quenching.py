"""Jet quenching: jets that went through a medium against jets of the vacuum, by images, Lund paths and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.events.events import Events, concatenate
from partonic.fit import ranks
from partonic.fit.batches import scaled_weight
from partonic.fit.tagger import features_of, labels_of
from partonic.io.splits import split_files
from partonic.recipes.common import check_models, check_numbers, need_simulation, simulated_cost, trained
from partonic.report.expected import Expected, expected_section
from partonic.report.jets import data_section, jet_momentum
from partonic.report.page import Section, write_page
from partonic.report.quenching import loss_section, lund_section, survivors_section
from partonic.report.tagging import Comparison
from partonic.report.trained import scored
from partonic.report.variables import Variable, sign_of, variables_section
from partonic.represent.features import DESCRIPTIONS
from partonic.simulators.medium import medium_of
from partonic.simulators.options import SimulationOptions
from partonic.simulators.samples import STREAMS, sample

CLASSES = ("vacuum", "medium")
MEDIA = ("vacuum", "disc")  # of labels 0 and 1
JETS_PER_SECOND = 45.0  # simulated on one core, to say beforehand what a run will take
VARIABLES = {
    "mass": "jet mass",
    "multiplicity": "constituents",
    "pt_dispersion": "pt dispersion",
    "angularity": "angularity",
    "tau_1": "width",
    "soft_drop_mass": "groomed mass",
    "soft_drop_share": "groomed share",
    "soft_drop_distance": "groomed radius",
}
PIXELS = 16  # a side of an image: finer ones of the two dozen particles of such a jet are learned by heart
DRAWN = ("multiplicity", "pt_dispersion", "tau_1", "soft_drop_distance")

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 200, "epochs": 1, "window": "fast", "pt_max": 400.0},
    "quick": {"jets": 12_000, "epochs": 10, "window": "fast"},
    "default": {},
    "benchmark": {"jets": 400_000, "seeds": 3},
}


@register_recipe("jet-quenching", paper="arXiv:2106.08869")
@dataclass(frozen=True)
class JetQuenching:
    """Jet quenching: QCD jets in the vacuum against jets whose partons lost energy in a medium, with the true loss.

    Args:
        jets: number of jets, half of each class; 60 % train, 10 % validate, 30 % test.
        models: taggers to train: cnn sees images, lund-lstm the path down the Lund plane, trees customary variables.
        loss: mean share of its energy that a quark loses a fm of its path.
        kick: mean squared transverse momentum (GeV^2) that a quark gains a fm of its path.
        seeds: trainings of each model, from different random starts.
        seed: of the simulation, the split and the first training.
        detector: atlas, cms, or truth for none.
        window: range of pT-hat that is simulated; faithful loses fewer of the jets that lost much.
        pt_min: lowest pt of a jet behind the medium (GeV).
        pt_max: highest pt of a jet behind the medium (GeV).
        radius: of the anti-kT jets.
        epochs: at most so many in each training (each model has its own number).
    """

    jets: int = 60_000
    models: tuple[str, ...] = ("cnn", "lund-lstm", "trees")
    loss: float = 0.03
    kick: float = 1.5
    seeds: int = 1
    seed: int = 1
    detector: Literal["atlas", "cms", "truth"] = "atlas"
    window: Literal["fast", "faithful"] = "faithful"
    pt_min: float = 200.0
    pt_max: float = 300.0
    radius: float = 0.4
    epochs: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self, jets=100, seeds=1, seed=0)
        check_models(self.models)
        if self.loss == 0:
            raise InputError("with loss=0 there is no true loss to hold the scores against; give a value above 0")
        for medium in MEDIA:
            self._simulated(medium, 1)

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
        return simulated_cost("jet-quenching", self.jets, self.jets / JETS_PER_SECOND, trainings, context)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        with ranks.first_alone():
            parts = self._samples(context)
        labels = {name: labels_of(part) for name, part in parts.items()}
        ways = {name: (name, self._options(name)) for name in self.models}
        done = trained(context, partial(self._samples, context), len(parts["train"]), ways, self.seed, self.seeds)
        if rank() > 0:
            return result  # the first process measures what all have trained
        test = parts["test"]
        taggers = [scored(result, name, each, test, context.device) for name, each in done.items()]
        weights = scaled_weight(test.weight(), labels["test"], balance=True)
        study = Comparison(result, taggers, labels["test"], weights, jet_momentum(test)["mass"], CLASSES)
        sections = [
            study.performance(),
            loss_section(result, taggers, test, labels["test"]),
            _expected(result),
            self._variables(study, parts, labels),
            lund_section(result, test, labels["test"], CLASSES, self.radius),
            survivors_section(result, test, labels["test"], medium_of("disc", self.loss, self.kick)),
            study.scores(),
            study.calibration(),
            study.histories(),
            data_section(result, parts, labels, CLASSES),
        ]
        self._describe(result, study, parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _simulated(self, medium: str, workers: int) -> SimulationOptions:
        """How the jets of a class are simulated: all alike but for the medium and the random numbers."""
        empty = medium == "vacuum"
        return SimulationOptions(
            "qcd",
            (self.jets + 1) // 2,
            workers=workers,
            seed=STREAMS * self.seed + MEDIA.index(medium),
            detector=self.detector,
            window=self.window,
            pt_min=self.pt_min,
            pt_max=self.pt_max,
            radius=self.radius,
            medium=medium,
            medium_loss=None if empty else self.loss,
            medium_kick=None if empty else self.kick,
        )

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets in memory, those of the vacuum with label 0, of the medium with label 1."""
        classes = []
        for label, medium in enumerate(MEDIA):
            file = sample(self._simulated(medium, context.workers), executor=context.executor)
            parts = split_files([file], self.seed)
            classes.append({n: p.with_columns(label=np.full(len(p), label, np.int8)) for n, p in parts.items()})
        return {name: concatenate([part[name] for part in classes]) for name in classes[0]}

    def _options(self, model: str) -> dict[str, Any]:
        """How one model is trained on jets of this radius."""
        image = {"side": 2 * self.radius, "size": PIXELS, "inputs": "kinds"}
        options = {"image": image, "features": {"radius": self.radius}}
        return {"input_options": options.get(models.get(model).facts["input"], {}), "epochs": self.epochs}

    def _variables(
        self, study: Comparison, parts: Mapping[str, Events], labels: Mapping[str, NDArray[np.int64]]
    ) -> Section:
        """Customary variables beside the best tagger, and the jet's pt as a control."""
        validation, test = (_observables(parts[name], self.radius) for name in ("validation", "test"))
        told = {
            **{name: DESCRIPTIONS[name] for name in VARIABLES},
            "pt": "jet pt in GeV: a control, it should say little",
        }
        titles = {**VARIABLES, "pt": "jet pt"}
        variables = [
            Variable(
                titles[name], test[name], sign_of(validation[name], labels["validation"]), told[name], name in DRAWN
            )
            for name in titles
        ]
        best = max(study.taggers, key=lambda tagger: study.summaries[tagger.name]["auc"].value)
        text = (
            "What has long been looked at in heavy-ion collisions: the mass and width of a jet, how many particles it "
            "has and how evenly they share its momentum, and the first splitting that survives soft drop (cut 0.1): "
            "its momentum share and its angle, the groomed radius."
        )
        scores = {best.name: best.scores[0]}
        return variables_section(study.result, variables, scores, study.labels, study.weights, CLASSES, text=text)

    def _describe(self, result: Result, study: Comparison, parts: Mapping[str, Events]) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        tests = {row["model"]: row for row in result.tables["no-loss"].rows}
        for name, numbers in study.summaries.items():
            result.summary[f"AUC of {name}"] = numbers["auc"]
            result.summary[f"AUC of {name} for jets without loss"] = tests[name]["AUC without loss"]
            result.summary[f"rank correlation of {name} with the loss"] = tests[name]["rank correlation"]
        sizes = {name: len(part) for name, part in parts.items()}
        detector = "no detector" if self.detector == "truth" else f"the {self.detector.upper()}-like fast detector"
        source = (
            f"Pythia 8, QCD jets of proton collisions at 14 TeV with {detector}, anti-kT jets of R = {self.radius:g} "
            f"with {self.pt_min:g} < pT < {self.pt_max:g} GeV, without multi-parton interactions and the rest of a "
            "heavy-ion collision; medium: a toy between parton shower and hadronisation"
        )
        result.facts["title"] = "Jet quenching"
        result.facts["abstract"] = (
            f"Did this jet go through a medium? In the toy a quark loses {self.loss:.0%} of its energy a fm and is "
            f"kicked by {self.kick:g} GeV^2 a fm, a gluon 9/4 as much, on a straight path through a disc of 4.5 fm. "
            f"{', '.join(self.models)} trained on {sizes['train']:,} jets, measured on {sizes['test']:,}, beside what "
            "each jet has truly lost. The lost energy is gone: the medium does not answer, so that real quenched jets, "
            "which lie on a large background, are harder to tell."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": size for name, size in sizes.items()}}
        if sizes["test"] < 2_000:
            result.facts["warnings"] = [
                f"Only {sizes['test']:,} test jets: this run shows that everything works, not how well it works."
            ]
        papers = ["partonic", "arXiv:2106.08869", "arXiv:1807.04758", *(models.get(name).paper for name in self.models)]
        papers += ["arXiv:1402.2657", "arXiv:1912.01703", "arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097"]
        papers += ["arXiv:0802.1189"] + (["arXiv:1307.6346"] if self.detector != "truth" else [])
        result.facts["citations"] = list(dict.fromkeys(papers))


def _expected(result: Result) -> Section | None:
    """Taggers see the medium and nothing else, and the more of it the larger the loss."""
    expected = []
    for row in result.tables["no-loss"].rows:
        name = row["model"]
        expected += [
            Expected(
                f"{name} takes jets without loss for vacuum jets: AUC 0.50 +- 0.02", row["AUC without loss"], 0.48, 0.52
            ),
            Expected(f"The score of {name} rises with the true loss", row["rank correlation"], low=0.0, errors=2.0),
            Expected(f"and from each bin of it to the next: least rise of {name}", row["least rise"], low=0.0),
        ]
    return expected_section(result, expected)


def _observables(jets: Events, radius: float) -> dict[str, NDArray[np.float64]]:
    """The variables of :data:`VARIABLES` and ``pt``, (jets,) each."""
    values = dict(zip(DESCRIPTIONS, features_of(jets, radius=radius).T.astype(np.float64), strict=True))
    return {**{name: values[name] for name in VARIABLES}, "pt": jet_momentum(jets)["pt"]}

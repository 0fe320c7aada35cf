"""Quark jets against gluon jets: what the charge and the kind of particles add to their momenta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError, unknown
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.batches import scaled_weight
from partonic.fit.tagger import features_of, labels_of
from partonic.io.splits import split_files
from partonic.metrics.trials import measure
from partonic.recipes.common import check_models, check_numbers, need_simulation, simulated_cost, trained
from partonic.report import plots
from partonic.report.expected import Expected, expected_section
from partonic.report.jets import data_section, jet_momentum
from partonic.report.page import Section, write_page
from partonic.report.tagging import Comparison
from partonic.report.trained import scored
from partonic.report.variables import Variable, sign_of, variables_section
from partonic.represent.features import DESCRIPTIONS
from partonic.represent.packed import INPUTS
from partonic.simulators.options import SimulationOptions
from partonic.simulators.samples import samples

CLASSES = ("gluon", "quark")
GLUON = 21
JETS_PER_SECOND = 40.0  # simulated on one core, to say beforehand what a run will take
LOWEST = "kinematic"  # what the other inputs are measured against
VARIABLES = ("multiplicity", "pt_dispersion", "angularity", "mass", "tau_1", "soft_drop_mass", "c_2")
DRAWN = ("multiplicity", "pt_dispersion", "angularity", "mass")
CASIMIR = 9 / 4  # colour factor of the gluon over that of the quark

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 300, "epochs": 1, "seeds": 1, "inputs": ("kinematic", "kinds"), "pt_max": 700.0},
    "quick": {"jets": 20_000, "epochs": 10, "inputs": ("kinematic", "kinds")},
    "default": {},
    "benchmark": {"jets": 400_000, "seeds": 5, "models": ("pfn", "particlenet-lite")},
}


@register_recipe("quark-gluon", paper="arXiv:1810.05165")
@dataclass(frozen=True)
class QuarkGluon:
    """Quark against gluon jets of Z + jet: networks with and without charges and kinds, and customary variables.

    Args:
        jets: number of jets, half of each class; 60 % train, 10 % validate, 30 % test.
        models: taggers to train; those of packed jets once with each set of inputs.
        inputs: sets of features of a particle: kinematic, charge, kinds, full.
        seeds: trainings of each, from different random starts.
        seed: of the simulation, the split and the first training.
        detector: cms, atlas, or truth for none.
        pt_min: lowest pt of a jet (GeV).
        pt_max: highest pt of a jet (GeV).
        radius: of the anti-kT jets.
        epochs: at most so many in each training (each model has its own number).
    """

    jets: int = 100_000
    models: tuple[str, ...] = ("pfn",)
    inputs: tuple[str, ...] = ("kinematic", "charge", "kinds")
    seeds: int = 3
    seed: int = 1
    detector: Literal["cms", "atlas", "truth"] = "cms"
    pt_min: float = 500.0
    pt_max: float = 550.0
    radius: float = 0.4
    epochs: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self, jets=100, seeds=1, seed=0)
        check_models(self.models)
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise InputError(f"name each set of inputs once, at least one; there are: {', '.join(INPUTS)}")
        for name in self.inputs:
            if name not in INPUTS:
                raise unknown("set of inputs", name, INPUTS)
        SimulationOptions("quark", self.jets // 2, **self._window())

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
        trainings = f"{len(self._ways()) * self.seeds} trainings"
        return simulated_cost("quark-gluon", self.jets, self.jets / JETS_PER_SECOND, trainings, context)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        with ranks.first_alone():
            parts = self._samples(context)
        labels = {name: labels_of(part) for name, part in parts.items()}
        ways = {_file(*way): (way[0], self._options(*way)) for way in self._ways()}
        done = trained(context, partial(self._samples, context), len(parts["train"]), ways, self.seed, self.seeds)
        if rank() > 0:
            return result  # the first process measures what all have trained
        taggers = [
            scored(result, _file(*way), done[_file(*way)], parts["test"], context.device, _title(*way))
            for way in self._ways()
        ]
        mass = jet_momentum(parts["test"])["mass"]
        weights = scaled_weight(parts["test"].weight(), labels["test"], balance=True)
        study = Comparison(result, taggers, labels["test"], weights, mass, CLASSES)
        sections = [
            study.performance(),
            self._gains(study),
            self._expected(result),
            self._variables(study, parts),
            study.scores(),
            study.calibration(),
            study.histories(),
            data_section(result, parts, labels, CLASSES),
        ]
        self._describe(result, study, parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _window(self) -> dict[str, Any]:
        """Options of the simulation."""
        return {
            "detector": self.detector,
            "radius": self.radius,
            "pt_min": self.pt_min,
            "pt_max": self.pt_max,
            "eta_max": 1.7,
        }

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets, memory-mapped, quarks with label 1 and gluons with label 0."""
        numbers = {"gluon": self.jets // 2, "quark": (self.jets + 1) // 2}
        files = samples(numbers, self.seed, workers=context.workers, executor=context.executor, **self._window())
        parts = split_files(list(files.values()), self.seed)
        return {name: part.with_columns(label=_labels(part)) for name, part in parts.items()}

    def _ways(self) -> list[tuple[str, str]]:
        """Each model with each set of inputs that it can take; ``""`` for models of other representations."""
        packed = {name: models.get(name).facts["input"] == "packed" for name in self.models}
        return [(name, inputs) for name in self.models for inputs in (self.inputs if packed[name] else ("",))]

    def _options(self, model: str, inputs: str) -> dict[str, Any]:
        """How one model is trained with one set of inputs."""
        high_level = models.get(model).facts["input"] == "features"
        options: dict[str, Any] = {"inputs": inputs} if inputs else {"radius": self.radius} if high_level else {}
        return {"input_options": options, "epochs": self.epochs}

    def _gains(self, study: Comparison) -> Section | None:
        """What each set of inputs adds to momenta alone; None where there is nothing to compare."""
        taggers = {tagger.name: tagger for tagger in study.taggers}
        rows = []
        for model, inputs in self._ways():
            first, second = taggers[_title(model, inputs)], taggers.get(_title(model, LOWEST))
            if second is None or first is second:
                continue
            gain = measure([list(first.scores), list(second.scores)], study.labels, study.weights).gain(0, 1)
            study.result.summary[_gained(first.name)] = gain
            rows.append(
                {
                    "model": model,
                    "inputs": f"{inputs} against {LOWEST}",
                    "AUC gained": gain,
                    "in standard deviations": round(gain.significance, 1),
                }
            )
        if not rows:
            return None
        study.result.add_table(
            "gains",
            "What more inputs add to the AUC of momenta alone, mean over the trainings; errors of the common test jets "
            "(paired bootstrap) and of the scatter of trainings in quadrature.",
            rows,
        )
        text = (
            "The inputs: kinematic is the momentum of each particle, charge adds its charge, kinds also whether it is "
            "a charged hadron, neutral hadron, photon, electron or muon, full also its impact parameters. "
            + _seen(self.detector)
        )
        return Section("What charges and kinds add", text, (), ("gains",))

    def _expected(self, result: Result) -> Section | None:
        """Kinds of particles tell more than momenta alone: gluons make more of each."""
        gains = {name: result.summary.get(_gained(_title(name, "kinds"))) for name in self.models}
        return expected_section(
            result,
            [
                Expected(f"{name} gains AUC by charges and kinds", gain, low=0.0, errors=2.0)
                for name, gain in gains.items()
                if gain is not None
            ],
        )

    def _variables(self, study: Comparison, parts: Mapping[str, Events]) -> Section:
        """Customary variables beside the best network and the leading logarithm of QCD."""
        validation, test = (_observables(parts[name], self.radius) for name in ("validation", "test"))
        labels = labels_of(parts["validation"])
        variables = [
            Variable(
                name.replace("_", " "),
                test[name],
                sign_of(validation[name], labels),
                DESCRIPTIONS[name],
                curve=name in DRAWN,
            )
            for name in VARIABLES
        ]
        best = max(study.taggers, key=lambda tagger: study.summaries[tagger.name]["auc"].value)
        x = np.linspace(0.02, 0.98, 97)
        casimir = plots.Curve("Casimir scaling", x, x**-CASIMIR, note=f"AUC {CASIMIR / (1 + CASIMIR):.3f}")
        return variables_section(
            study.result,
            variables,
            {best.name: best.scores[0]},
            study.labels,
            study.weights,
            CLASSES,
            expected=casimir,
            text=(
                "Gluons radiate more, by the ratio 9/4 of the colour factors. For a cut on one infrared-safe variable "
                "such as mass or width, QCD at leading logarithm keeps of the gluon jets the share of the quark jets "
                "to the power 9/4 (arXiv:1305.0007): an AUC of 9/13 = 0.692 whatever the variable. Higher orders and "
                "hadrons move the curves off that line; the number of constituents is not infrared safe and may lie "
                "above."
            ),
        )

    def _describe(self, result: Result, study: Comparison, parts: Mapping[str, Events]) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        for name, numbers in study.summaries.items():
            result.summary[f"AUC of {name}"] = numbers["auc"]
            result.summary[f"R50 of {name}"] = numbers["r50"]
        sizes = {name: len(part) for name, part in parts.items()}
        detector = "no detector" if self.detector == "truth" else f"the {self.detector.upper()}-like fast detector"
        source = (
            f"Pythia 8, Z + jet with Z to neutrinos at 14 TeV, with {detector}, anti-kT jets of R = {self.radius:g} "
            f"with {self.pt_min:g} < pT < {self.pt_max:g} GeV and |eta| < 1.7, without multi-parton interactions and "
            "pileup; a jet is a quark or gluon jet by the outgoing parton of the hard process in it"
        )
        result.facts["title"] = "Quark and gluon jets"
        result.facts["abstract"] = (
            f"Did a quark (u, d, s, c or b) or a gluon make this jet? {', '.join(self.models)} trained on "
            f"{sizes['train']:,} jets, measured on {sizes['test']:,} that none has seen; with the particles' momenta "
            "alone, and with their charges and kinds. Signal are the quark jets."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": size for name, size in sizes.items()}}
        if sizes["test"] < 2_000:
            result.facts["warnings"] = [
                f"Only {sizes['test']:,} test jets: this run shows that everything works, not how well it works."
            ]
        papers = ["partonic", "arXiv:1810.05165", *(models.get(name).paper for name in self.models)]
        papers += ["arXiv:1305.0007", "arXiv:1912.01703", "arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097"]
        papers += ["arXiv:0802.1189"] + (["arXiv:1307.6346"] if self.detector != "truth" else [])
        result.facts["citations"] = list(dict.fromkeys(papers))


def _labels(part: Events) -> NDArray[np.int8]:
    """1 for quark jets, 0 for gluon jets."""
    labels: NDArray[np.int8] = (np.asarray(part.column("truth_pid")) != GLUON).astype(np.int8)
    return labels


def _file(model: str, inputs: str) -> str:
    return f"{model}-{inputs}" if inputs else model


def _title(model: str, inputs: str) -> str:
    return f"{model} {inputs}" if inputs else model


def _gained(name: str) -> str:
    return f"AUC gained by {name}"


def _observables(jets: Events, radius: float) -> dict[str, NDArray[np.float64]]:
    return dict(zip(DESCRIPTIONS, features_of(jets, radius=radius).T.astype(np.float64), strict=True))


def _seen(detector: str) -> str:
    """Where charges and kinds come from."""
    if detector == "truth":
        return "Without a detector they are the true ones; pions, kaons and protons count as one kind."
    return (
        "They are what the detector gives: a track is a charged hadron, or an electron or muon where it truly is one "
        "(identification within jets is taken as perfect); energy in the electromagnetic calorimeter that no track "
        "explains is a photon, in the hadronic one a neutral hadron. Pions, kaons and protons are not told apart."
    )

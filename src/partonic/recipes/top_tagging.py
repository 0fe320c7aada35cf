"""Top tagging: boosted top jets against light-quark and gluon jets, from collisions to compared taggers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.batches import scaled_weight
from partonic.fit.jobs import Job, train_jobs
from partonic.fit.tagger import Training, features_of, finished, labels_of
from partonic.fit.trials import drawn, epochs_for, kept_scores, scores_file
from partonic.io.splits import FRACTIONS, split_files
from partonic.metrics.importance import permutation_importance, removal_test
from partonic.models.checkpoint import Trained
from partonic.models.precision import check_compiler, check_precision
from partonic.recipes.common import check_numbers, check_positive, need_jets, simulated_cost
from partonic.report.jets import data_section, images_section, jet_momentum
from partonic.report.page import Section, write_page
from partonic.report.tagging import Comparison, Tagger, importance_figure, truth_section
from partonic.report.trained import scored
from partonic.represent.batch import Features
from partonic.represent.constituents import constituents
from partonic.represent.features import DESCRIPTIONS
from partonic.represent.removal import remove, rules
from partonic.simulators.poisson_jets import PoissonJets
from partonic.simulators.samples import samples

CLASSES = ("QCD", "top")
JETS_PER_SECOND = {"top": 100.0, "qcd": 140.0}  # simulated on one core, to say beforehand what a run will take
SLOWER = 2.0  # the simulation of the faithful window
KNOWN = PoissonJets()
JETS, KNOWN_JETS, FEW_JETS = "jets", "known", "few"  # samples to learn from; the further taggers learn from few
REMOVALS = 4_000  # jets of the removal test

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 400, "epochs": 1, "truth_jets": 400},
    "quick": {"jets": 9_000, "epochs": 8, "truth_jets": 4_000},
    "default": {},
    "benchmark": {
        "jets": 450_000,
        "fractions": (4, 1, 4),
        "test_background": 100_000,
        "models": ("trees", "cnn", "pfn", "particlenet-lite", "pelican-1k", "lorentznet-light", "part-light"),
        "seeds": 3,
        "minutes": 30.0,
        "window": "faithful",
        "other_minutes": 10.0,
        "others": (
            *("dnn", "resnet", "resnext", "deeptop", "pcnn", "pcnn-light", "lstm", "lstm-light", "gru", "gru-light"),
            *("recursive", "treenin", "lola", "lola-light", "lbn", "lbn-light", "efn", "particlenet", "part"),
            *("lorentznet", "pelican", "lgatr-slim", "lgatr-slim-large", "lundnet", "lundnet-light", "lund-lstm"),
        ),
    },
}

Pair = tuple[float, float]

# Tagger, AUC, accuracy, R50, R30 (each value and spread over trainings, 0 where none is given), parameters, source; on
# the Landscape data. arXiv:2405.14806 quotes those of others in its table 1.
PUBLISHED: tuple[tuple[str, Pair, Pair | None, Pair | None, Pair, int | None, str], ...] = (
    ("TopoDNN", (0.972, 0), (0.916, 0), None, (295, 5), 59_000, "arXiv:1902.09914"),
    ("P-CNN", (0.9803, 0), (0.930, 0), (201, 4), (759, 24), 348_000, "arXiv:1902.08570"),
    ("PFN", (0.9819, 0), (0.932, 0), (247, 3), (888, 17), 82_000, "arXiv:1902.08570"),
    ("ResNeXt-50 (image)", (0.9837, 0), (0.936, 0), (302, 5), (1147, 58), 1_460_000, "arXiv:1902.08570"),
    ("ParticleNet-Lite", (0.9844, 0), (0.937, 0), (325, 5), (1262, 49), 26_000, "arXiv:1902.08570"),
    ("ParticleNet", (0.9858, 0), (0.940, 0), (397, 7), (1615, 93), 366_000, "arXiv:1902.08570"),
    ("ParT", (0.9858, 0), (0.940, 0), (413, 16), (1602, 81), 2_140_000, "arXiv:2405.14806"),
    ("LorentzNet", (0.9868, 0), (0.942, 0), (498, 18), (2195, 173), 224_000, "arXiv:2405.14806"),
    ("PELICAN", (0.9870, 0.0001), (0.9426, 0.0002), None, (2250, 75), 208_000, "arXiv:2307.16506"),
    ("L-GATr", (0.9870, 0.0001), (0.9423, 0.0002), (540, 20), (2240, 70), None, "arXiv:2405.14806"),
)
REFERENCE = "pfn"  # with which the others are compared
PUBLISHED_CAPTION = (
    "Published results on the Landscape data (arXiv:1902.09914), trained on 1.2 million jets of another simulation: a "
    "guide to the order and size, not to be compared digit by digit with a run on other jets. Errors are "
    "the spread over trainings."
)


@register_recipe("top-tagging", paper="arXiv:1902.09914")
@dataclass(frozen=True)
class TopTagging:
    """Top tagging: simulate or read jets, train taggers, compare them with errors on one page.

    Args:
        jets: number of jets, half of each class.
        fractions: how they are shared between training, validation and test.
        test_background: further simulated background jets to test on, which sharpen the rejections.
        models: taggers to train.
        seeds: trainings of each model, from different random starts.
        minutes: at most so many minutes of processor time a training takes on a core like that of the documented
            benchmarks: fewer passes over the jets for slower models and larger samples, less than one in little time.
        others: further taggers, trained once on fewer jets and compared on fewer.
        other_minutes: as ``minutes``, for each of these.
        other_jets: number of their training jets.
        other_test: number of test jets on which they are compared.
        data: files of jets with labels instead of a simulation, as the published Landscape files.
        seed: of the simulation, the splits and the first training.
        detector: atlas, cms, or truth for none.
        window: range of pT-hat that is simulated; fast loses a fifth of the tops (those of hard radiation),
            faithful a tenth.
        epochs: at most so many in each training (each model has its own number).
        truth_jets: jets of known likelihood on which every tagger is checked too; 0 for none.
        precision: of the matrix products in training, see :class:`~partonic.fit.options.FitOptions`.
        compile: whether torch compiles each network first, which takes a C++ compiler and up to some minutes.
    """

    jets: int = 40_000
    fractions: tuple[float, float, float] = (6, 1, 3)
    test_background: int = 0
    models: tuple[str, ...] = ("trees", "cnn", "pfn")
    seeds: int = 1
    minutes: float | None = None
    others: tuple[str, ...] = ()
    other_minutes: float | None = None
    other_jets: int = 50_000
    other_test: int = 20_000
    data: tuple[Path, ...] = ()
    seed: int = 1
    detector: Literal["atlas", "cms", "truth"] = "atlas"
    window: Literal["fast", "faithful"] = "fast"
    epochs: int | None = None
    truth_jets: int = 20_000
    precision: Literal["float32", "bfloat16", "bfloat16-emulated"] = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        check_numbers(self, jets=100, seeds=1, seed=0, test_background=0, other_jets=100, other_test=100)
        if self.truth_jets != 0 and self.truth_jets < 100:
            raise InputError(f"truth_jets must be 0 (no check) or 100 or more, not {self.truth_jets}")
        if not self.models:
            raise InputError(f"top-tagging needs a model; there are: {', '.join(models.names())}")
        if not all(share > 0 for share in self.fractions):
            raise InputError(f"fractions must be above 0, not {self.fractions}")
        check_positive(self, *(name for name in ("minutes", "other_minutes") if getattr(self, name) is not None))
        if self.data and self.test_background:
            raise InputError("test_background is simulated, and data are given: put the jets into the files")
        named = (*self.models, *self.others)
        if len(set(named)) < len(named):
            raise InputError(f"a model is named twice: {', '.join(named)}")
        for name in named:
            models.get(name)

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing files and packages before any long step.

        Raises:
            FileError: a file is missing or of no known format.
            MissingPackageError: the simulation needs a package that is not installed, or the networks are to be
                compiled and there is no C++ compiler.
        """
        need_jets(self.data)
        if self.compile:
            check_compiler()

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        trainings = f"{len(self.models) * self.seeds + len(self.others)} trainings"
        slower = SLOWER if self.window == "faithful" else 1.0
        numbers = {"top": self.jets / 2, "qcd": self.jets / 2 + self.test_background}
        seconds = slower * sum(n / JETS_PER_SECOND[process] for process, n in numbers.items())
        return simulated_cost("top-tagging", sum(numbers.values()), seconds, trainings, context, self.data)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        if not all(finished(context.result.checkpoint(title)) for _, title, _, _ in self._trainings()):
            check_precision(self.precision, context.device)
        with ranks.first_alone():
            parts = self._samples(context)
        labels = {name: labels_of(part) for name, part in parts.items()}
        test = parts["test"]
        weights = scaled_weight(test.weight(), labels["test"], balance=True)
        trained = self._trained(context, parts)
        if rank() > 0:
            return result  # the first process measures what all have trained
        taggers = [scored(result, name, trained[name], test, context.device) for name in self.models]
        study = Comparison(result, taggers, labels["test"], weights, jet_momentum(test)["mass"], CLASSES)
        for name, numbers in study.summaries.items():
            result.summary[f"AUC of {name}"] = numbers["auc"]
            result.summary[f"R50 of {name}"] = numbers["r50"]
        sections = [
            study.performance(_published(), PUBLISHED_CAPTION, REFERENCE),
            self._compare_others(context, trained, _reference(taggers), parts) if self.others else None,
            self._truth(context, trained) if self.truth_jets else None,
            study.scores(),
            images_section(result, test, labels["test"], CLASSES),
            _importance(result, {name: trained[name][0].trained for name in self.models}, test),
            study.calibration(),
            study.sculpting(),
            study.histories(),
            data_section(result, parts, labels, CLASSES),
        ]
        self._describe(result, parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets, memory-mapped; simulated first where the cache has none."""
        if self.data:
            return split_files(
                self.data, self.seed, self._fractions(), collections=["constituents"], check=constituents
            )
        numbers = {"top": (self.jets + 1) // 2, "qcd": self.jets // 2, "qcd:more": self.test_background}
        files = samples(
            {name: n for name, n in numbers.items() if n},
            self.seed,
            workers=context.workers,
            executor=context.executor,
            detector=self.detector,
            window=self.window,
        )
        more = {"test": [path for name, path in files.items() if name == "qcd:more"]}
        return split_files([files["top"], files["qcd"]], self.seed, self._fractions(), also=more)

    def _fractions(self) -> dict[str, float]:
        """Share of each sample."""
        return {name: share / sum(self.fractions) for name, share in zip(FRACTIONS, self.fractions, strict=True)}

    def _trained(self, context: Context, parts: Mapping[str, Events]) -> dict[str, list[Training]]:
        """All trainings: of the models by their names, on jets of known likelihood, of the others by theirs."""
        sizes = {name: len(parts[name]) for name in ("train", "validation")}
        numbers = {
            JETS: sizes,
            KNOWN_JETS: {name: round(self.truth_jets * FRACTIONS[name]) for name in sizes},
            FEW_JETS: {name: min(number, sizes[name]) for name, number in self._few().items() if name in sizes},
        }
        jobs = [
            self._job(context, name, title, sample, numbers[sample], number)
            for name, title, sample, number in self._trainings()
        ]
        done = train_jobs(jobs, partial(self._parts, context), context.workers, context.device)
        found: dict[str, list[Training]] = {}
        for job, training in zip(jobs, done, strict=True):
            found.setdefault(job.directory.name.rpartition("-")[0], []).append(training)
        return found

    def _trainings(self) -> list[tuple[str, str, str, int]]:
        """Of each training the model, its title, the sample and the number, from 1."""
        numbers = range(1, self.seeds + 1)
        known = [(name, f"{KNOWN_JETS}-{name}-1", KNOWN_JETS, 1) for name in self.models] if self.truth_jets else []
        return [
            *((name, f"{name}-{number}", JETS, number) for name in self.models for number in numbers),
            *known,
            *((name, f"{name}-1", FEW_JETS, 1) for name in self.others),
        ]

    def _job(self, context: Context, name: str, title: str, sample: str, sizes: Mapping[str, int], number: int) -> Job:
        """A training within its time on samples of these sizes."""
        training = {"precision": self.precision, "compile": self.compile}
        options = {"seed": self.seed + number - 1, "epochs": self._passes(name, sizes), "training": training}
        return Job(name, context.result.checkpoint(title), sizes["train"], sample, options)

    def _passes(self, name: str, sizes: Mapping[str, int]) -> float:
        """Passes over the training jets in the time of a model."""
        minutes = self.other_minutes if name in self.others else self.minutes
        limit = math.inf if minutes is None else minutes
        passes = epochs_for(name, sizes["train"], limit, validation=sizes["validation"])
        return passes if self.epochs is None else min(passes, self.epochs)

    def _few(self) -> dict[str, int]:
        """Numbers of jets of the further taggers: a tenth to choose the epoch."""
        return {"train": self.other_jets, "validation": self.other_jets // 10, "test": self.other_test}

    def _parts(self, context: Context, sample: str) -> Mapping[str, Events]:
        """The jets that a training learns from."""
        if sample == KNOWN_JETS:
            return self._known()
        parts = self._samples(context)
        return parts if sample == JETS else self._fewer(parts)

    def _fewer(self, parts: Mapping[str, Events]) -> dict[str, Events]:
        """The jets of the further taggers."""
        return {
            part: parts[part][drawn(labels_of(parts[part]), number, 1, self.seed)]
            for part, number in self._few().items()
        }

    def _compare_others(
        self,
        context: Context,
        trained: Mapping[str, Sequence[Training]],
        reference: Tagger,
        parts: Mapping[str, Events],
    ) -> Section:
        """The further taggers beside one of the others."""
        result, taggers, few = context.result, [], self._fewer(parts)
        test, labels = few["test"], labels_of(few["test"])
        most = len(few["train"])
        for name in self.others:
            one = scored(result, name, trained[name], test, context.device)
            shown = sum(int(record["items"]) for record in trained[name][0].history) or most  # or trees
            taggers.append(replace(one, jets=min(shown, most)))
        rows = drawn(labels_of(parts["test"]), self.other_test, 1, self.seed)
        taggers.append(replace(reference, scores=reference.scores[:, rows], jets=len(parts["train"])))
        weights = scaled_weight(test.weight(), labels, balance=True)
        study = Comparison(result, taggers, labels, weights, jet_momentum(test)["mass"], CLASSES, prefix="other-")
        for name, numbers in study.summaries.items():
            if name != reference.name:
                result.summary[f"AUC of {name}"] = numbers["auc"]
        return study.performance(reference=reference.name, title="Further taggers, trained once on fewer jets")

    def _known(self) -> dict[str, Events]:
        """Jets whose likelihood ratio is known."""
        rng = generator(self.seed, 1)
        theta = (rng.random(self.truth_jets) < 0.5).astype(float)
        return KNOWN.simulate(theta, self.truth_jets, rng).split(FRACTIONS, self.seed)

    def _truth(self, context: Context, trained: Mapping[str, Sequence[Training]]) -> Section:
        """How near each tagger, trained on jets of known likelihood ratio, comes to that ratio."""
        test = self._known()["test"]
        scores = {
            name: kept_scores(
                scores_file(context.result.checkpoint(f"{KNOWN_JETS}-{name}-1")),
                trained[f"{KNOWN_JETS}-{name}"][0].trained,
                test,
                context.device,
            )
            for name in self.models
        }
        return truth_section(context.result, KNOWN.log_ratio(test), scores, labels_of(test))

    def _describe(self, result: Result, parts: Mapping[str, Events]) -> None:
        """Abstract, warnings and citations of the page."""
        source = f"the files {', '.join(path.name for path in self.data)}"
        if not self.data:
            detector = "no detector" if self.detector == "truth" else f"an {self.detector.upper()}-like fast detector"
            source = (
                f"a Pythia 8 simulation of proton collisions at 14 TeV with {detector}, anti-kT jets of R = 0.8 with "
                "550 < pT < 650 GeV, without multi-parton interactions and pileup"
            )
        sizes = {name: len(part) for name, part in parts.items()}
        result.facts["title"] = "Top tagging"
        result.facts["abstract"] = (
            f"Which jets come from a top quark? {', '.join(self.models)} trained on {sizes['train']:,} jets, the best "
            f"epoch chosen on {sizes['validation']:,}, measured on {sizes['test']:,} jets that none of them has seen, "
            f"from {source}."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": size for name, size in sizes.items()}}
        if sizes["test"] < 2_000:
            result.facts["warnings"] = [
                f"Only {sizes['test']:,} test jets: this run shows that everything works, not how well it works."
            ]
        result.facts["citations"] = self._citations()

    def _citations(self) -> list[str]:
        named = (*self.models, *self.others)
        keys = ["partonic", "arXiv:1902.09914", *(models.get(name).paper for name in named)]
        keys += ["arXiv:1201.0490"] if "trees" in named else []
        keys += ["arXiv:1912.01703", "arXiv:1402.2657", "arXiv:1011.2268", "arXiv:1305.0007"]
        if not self.data:
            keys += ["arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097", "arXiv:0802.1189"]
            keys += ["arXiv:1307.6346"] if self.detector != "truth" else []
        return keys


def _reference(taggers: Sequence[Tagger]) -> Tagger:
    """The tagger with which others are compared, or the first."""
    return next((tagger for tagger in taggers if tagger.name == REFERENCE), taggers[0])


def _published() -> list[dict[str, Any]]:
    """Rows of the table of published results."""
    rows = []
    for name, *numbers, parameters, source in PUBLISHED:
        row: dict[str, Any] = {"tagger": name}
        for key, number in zip(("AUC", "accuracy", "R50", "R30"), numbers, strict=True):
            value, spread = number or (None, 0)
            row[key] = Estimate.symmetric(value, spread, "seeds") if value and spread else value
        rows.append({**row, "parameters": parameters, "source": source})
    return rows


def _importance(result: Result, trained: Mapping[str, Trained], test: Events) -> Section:
    """What each tagger looks at: permutation importance of features, removal of constituents for all others."""
    few = test[np.sort(generator(0).permutation(len(test))[:REMOVALS])]
    labels, weights = labels_of(few), few.weight()
    figures = []
    for index, (name, model) in enumerate(trained.items()):
        if model.input == "features":
            rows = permutation_importance(_of_features(model), features_of(few), tuple(DESCRIPTIONS), labels, weights)
            what, how = "Fall of the AUC when the feature is shuffled", "one feature is shuffled among the jets"
        else:
            variants = ((title, remove(few, rule)) for title, rule in rules(few).items())
            rows = removal_test(model.scores, few, variants, labels, weights)
            what, how = "Fall of the AUC without them", "constituents are taken away before it sees the jet"
        caption = f"What the AUC of {name} loses on {len(few):,} test jets when {how}; paired bootstrap errors."
        figures.append(importance_figure(result, f"importance-{name}", name, index, rows, what, caption))
    text = (
        "An input matters to a tagger as much as its performance falls without it. Inputs that say the same can each "
        "be missed, so a small fall does not mean that a feature is useless."
    )
    return Section("What they look at", text, tuple(figures))


def _of_features(model: Trained) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """The scores of a model as a function of its features (jets, F)."""
    return lambda values: model.probabilities(Features(torch.from_numpy(values)))

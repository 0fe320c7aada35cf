"""Few jets and a network that has seen others: fine-tuning of published or own weights against training anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import FileError, InputError
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.jobs import Job, train_jobs
from partonic.fit.tagger import labels_of, train_tagger
from partonic.fit.transfer import UNFIT, tunable
from partonic.fit.trials import LEAST_VALIDATION, epochs_for, few_of, kept_scores
from partonic.io.splits import split_files
from partonic.metrics.trials import Trials, measure
from partonic.models.checkpoint import Trained, load, save
from partonic.models.inputs import width_of
from partonic.models.weaver import load_weaver
from partonic.recipes.common import need_simulation, simulated_cost
from partonic.report.expected import Expected, expected_section
from partonic.report.page import Section, write_page
from partonic.report.scaling import Grid, curves_section, pairs_section
from partonic.represent.task import Task
from partonic.simulators.processes import get_process
from partonic.simulators.samples import samples

JETS_PER_SECOND = 115.0  # simulated on one core, to say beforehand what a run will take
WAYS = ("from scratch", "fine-tuned", "frozen but for the head")
TEXT = (
    "Fine-tuning starts from the weights of a network that was trained on other jets, with a new last layer, and "
    "trains them with a smaller learning rate than that layer; frozen, only the last layer learns. What a network has "
    "learned of jets elsewhere, it need not learn again, so the gain is largest where jets are few. All ways are "
    "trained on the same jets with the same number of gradient steps."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"sizes": (40, 80), "model": "pfn", "source_jets": 200, "test_jets": 200, "seeds": 2, "steps": 4,
             "epochs": 1},
    "quick": {"sizes": (1_000, 3_000), "model": "pfn", "source_jets": 20_000, "test_jets": 8_000, "seeds": 2,
              "steps": 300},
    "default": {},
    "benchmark": {"sizes": (300, 1_000, 3_000, 10_000), "source_jets": 200_000, "test_jets": 100_000, "seeds": 5},
}  # fmt: skip


@register_recipe("transfer-tagger", paper="arXiv:2202.03772")
@dataclass(frozen=True)
class TransferTagger:
    """Transfer: a network trained elsewhere is fine-tuned on few top and QCD jets, against training from scratch.

    By default it has learned tops behind another detector, as published networks have.

    Args:
        sizes: numbers of top and QCD jets to train on, half of each.
        model: what is trained first on the jets of ``source``; of no meaning where ``start`` is given.
        start: weights to start from instead: a checkpoint of partonic, or a published state dictionary of ParticleNet
            or ParT as weaver writes it.
        source: processes whose jets the network first learns to tell apart; without top it learns of other jets only.
        source_detector: which these jets have passed, as ``detector``.
        source_jets: their number in all.
        seeds: trainings of each way at each size, each on other jets.
        rate: learning rate of the weights that are taken over, as a share of the model's own, at which the new last
            layer learns.
        steps: gradient steps of a training, at least.
        test_jets: top and QCD jets that all trainings are measured on.
        seed: of the simulation, the splits and the first training.
        detector: atlas, cms, or truth for none.
        window: range of pT-hat that is simulated; fast or faithful.
        epochs: at most so many in each training.
    """

    sizes: tuple[int, ...] = (1_000, 3_000)
    model: str = "particlenet-lite"
    start: Path | None = None
    source: tuple[str, ...] = ("qcd", "top")
    source_detector: Literal["atlas", "cms", "truth"] = "cms"
    source_jets: int = 60_000
    seeds: int = 3
    rate: float = 0.1
    steps: int = 600
    test_jets: int = 20_000
    seed: int = 1
    detector: Literal["atlas", "cms", "truth"] = "atlas"
    window: Literal["fast", "faithful"] = "fast"
    epochs: int | None = None

    def __post_init__(self) -> None:
        least = (("seeds", 1), ("steps", 1), ("test_jets", 100), ("source_jets", 100), ("seed", 0))
        for name, bound in least:
            if getattr(self, name) < bound:
                raise InputError(f"{name} must be {bound} or more, not {getattr(self, name)}")
        if self.epochs is not None and self.epochs < 1:
            raise InputError(f"epochs must be 1 or more, not {self.epochs}")
        if not 0 < self.rate <= 1:
            raise InputError(
                f"rate is a share of the last layer's learning rate, above 0 and at most 1, not {self.rate}"
            )
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 20:
            raise InputError(
                f"give each size once, the smallest first and 20 or more, not {', '.join(map(str, self.sizes))}"
            )
        if len(set(self.source)) < 2 or len(set(self.source)) < len(self.source):
            raise InputError(f"source needs two or more different processes, not {', '.join(self.source)}")
        for process in self.source:
            if get_process(process).level != "jets":
                raise InputError(f"'{process}' is a process of whole events; source needs processes of jets, as w")
        if not tunable(models.get(self.model), {}):
            raise InputError(f"'{self.model}' cannot be fine-tuned: {UNFIT}; choose another model")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing files and packages before any long step.

        Raises:
            FileError: the file to start from is missing or neither a checkpoint nor published weights.
            MissingPackageError: the simulation needs a package that is not installed.
        """
        need_simulation()
        if self.start is not None:
            _started(self.start)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        jets = sum(self._parts().values()) + (self.source_jets if self.start is None else 0)
        trainings = f"{len(WAYS) * len(self.sizes) * self.seeds + (self.start is None)} trainings"
        return simulated_cost("transfer-tagger", jets, jets / JETS_PER_SECOND, trainings, context)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        start = self._start(context)
        with ranks.first_alone():
            parts = self._target(context)
        first = load(start)
        jobs = [
            self._job(context, first, way, size, number)
            for size in self.sizes
            for way in WAYS
            for number in range(1, self.seeds + 1)
        ]
        done = train_jobs(jobs, partial(self._sample, context), context.workers, context.device)
        scores = [
            kept_scores(job.scores, training.trained, parts["test"], context.device)
            for job, training in zip(jobs, done, strict=True)
        ]
        groups = [scores[i : i + self.seeds] for i in range(0, len(scores), self.seeds)]
        untouched = first.scores(parts["test"], device=context.device)
        if rank() > 0:
            return result  # the first process measures what all have trained
        background = _background(first)
        by_class = untouched if untouched.ndim > 1 else np.stack([1 - untouched, untouched], axis=1)
        groups.append([1 - by_class[:, background]])
        pools = [*(i for _ in self.sizes for i in range(len(WAYS))), len(WAYS)]
        trials = measure(groups, labels_of(parts["test"]), parts["test"].weight(), pools=pools)
        grid = Grid(result, trials, WAYS, self.sizes)
        sections = [
            curves_section(grid, "Training anew and fine-tuning", TEXT),
            pairs_section(grid, "What the start is worth"),
            _expected(grid),
            _untouched_section(result, trials, len(groups) - 1, first.task.classes[background]),
        ]
        self._describe(result, grid, parts, first)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _parts(self) -> dict[str, int]:
        """Top and QCD jets to train on, to choose the best epoch on and to measure on."""
        most = self.sizes[-1]
        train = most * self.seeds  # other jets for each training
        return {"train": train, "validation": max(most // 4, LEAST_VALIDATION), "test": self.test_jets}

    def _samples(
        self, context: Context, labels: Mapping[str, int], wanted: Mapping[str, int], seed: int, detector: str
    ) -> dict[str, Events]:
        """Jets of some processes in parts, with labels by process; simulated first where the cache has none."""
        each = -(-sum(wanted.values()) // len(labels)) + 1  # so that rounding leaves no part short
        files = samples(
            dict.fromkeys(labels, each),
            seed,
            workers=context.workers,
            executor=context.executor,
            detector=detector,
            window=self.window,
        )
        total = each * len(labels)
        parts = split_files(list(files.values()), seed, {name: n / total for name, n in wanted.items()})
        table = np.zeros(256, dtype=np.int64)
        for process, label in labels.items():
            table[get_process(process).label] = label
        return {name: part.with_columns(label=table[part.column("label")]) for name, part in parts.items()}

    def _start(self, context: Context) -> Path:
        """Checkpoint of the network to start from: the one given, or one trained on the jets of ``source``."""
        file = ranks.agreed(context.result.checkpoint("start.pt"))  # of several processes that of the first
        if self.start is not None:
            with ranks.first_alone():
                if not file.exists():
                    save(file, _started(self.start))
            return file
        wanted = {"train": self.source_jets * 4 // 5, "validation": self.source_jets // 5}
        with ranks.first_alone():
            labels = {name: i for i, name in enumerate(self.source)}
            parts = self._samples(context, labels, wanted, 2 * self.seed + 1, self.source_detector)
        train_tagger(
            self.model,
            parts["train"],
            parts["validation"],
            file.with_suffix(""),
            task=Task(classes=self.source),
            seed=self.seed,
            device=context.device,
            epochs=self.epochs,
        )
        return file

    def _target(self, context: Context) -> dict[str, Events]:
        """The jets to learn to tell apart."""
        return self._samples(context, {"top": 1, "qcd": 0}, self._parts(), 2 * self.seed, self.detector)

    def _sample(self, context: Context, name: str) -> dict[str, Events]:
        """The jets of a training, named as by :meth:`_job`."""
        size, number = map(int, name.split("-"))
        return few_of(self._target(context), size, number, self.seed)

    def _job(self, context: Context, first: Trained, way: str, size: int, number: int) -> Job:
        """A training on so many jets that starts from a network, or from random weights."""
        epochs = epochs_for(first.name, size, steps=self.steps)
        training = {"epochs": epochs if self.epochs is None else min(epochs, self.epochs)}
        options: dict[str, Any] = {"training": training, "seed": self.seed + number - 1}
        if way == WAYS[0]:
            said = "outputs", width_of(models.get(first.name).cls)  # by the task and by the inputs
            chosen = {key: value for key, value in first.options.items() if key not in said}
            options |= {"options": chosen, "input": first.input, "input_options": first.input_options}
        else:
            start = ranks.agreed(context.result.checkpoint("start.pt"))
            options |= {"initial": start}
            options |= {"frozen": True} if way == WAYS[2] else {"body_rate": self.rate}
        directory = context.result.checkpoint(f"{way.split()[0]}-{size}-{number}")
        return Job(first.name, directory, size, f"{size}-{number}", options)

    def _describe(self, result: Result, grid: Grid, parts: Mapping[str, Events], start: Trained) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        scratch, tuned, _ = WAYS
        for size in self.sizes:
            places = {way: grid.place(way, size) for way in WAYS}
            for way in WAYS:
                result.summary[f"AUC from {size:,} jets, {way}"] = grid.trials.auc(places[way])
            result.summary[f"gain of fine-tuning at {size:,} jets"] = grid.trials.gain(places[tuned], places[scratch])
        origin = f"trained on {self.source_jets:,} jets of {', '.join(self.source)} ({_behind(self.source_detector)})"
        if self.start is not None:
            origin = f"of the weights in {self.start.name}"
        result.facts["title"] = "Transfer"
        result.facts["abstract"] = (
            f"Few top and QCD jets ({_behind(self.detector)}), and a {start.name} {origin}: fine-tuned on "
            f"{' or '.join(f'{size:,}' for size in self.sizes)} jets, or frozen but for its last layer, against the "
            f"same network from random weights, all measured on the same {len(parts['test']):,} test jets."
        )
        result.facts["data"] = {"start": origin, **{f"{name} jets": len(part) for name, part in parts.items()}}
        if len(parts["test"]) < 2_000:
            result.facts["warnings"] = [
                f"Only {len(parts['test']):,} test jets: this run shows that everything works, not how well it works."
            ]
        simulated = ["arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097", "arXiv:0802.1189"]
        simulated += ["arXiv:1307.6346"] if {self.detector, self.source_detector} != {"truth"} else []
        result.facts["citations"] = ["partonic", "arXiv:2202.03772", models.get(start.name).paper, "arXiv:1912.01703"]
        result.facts["citations"] += simulated


def _behind(detector: str) -> str:
    return "no detector" if detector == "truth" else f"the {detector.upper()}-like detector"


def _started(path: Path) -> Trained:
    """The network of a file: a checkpoint of ours, or published weights.

    Raises:
        FileError: it is neither, or cannot be fine-tuned.
    """
    try:
        found = load(path)
    except FileError as ours:
        try:
            found = load_weaver(path)
        except FileError as theirs:
            raise FileError(
                f"cannot start from {path}: as a checkpoint: {ours}; as published weights: {theirs}"
            ) from None
    if not tunable(models.get(found.name), found.options):
        raise FileError(f"cannot start from {path}: '{found.name}': {UNFIT}")
    return found


def _expected(grid: Grid) -> Section | None:
    """What was learned elsewhere need not be learned again."""
    return expected_section(
        grid.result,
        [
            Expected(
                f"Fine-tuning on {size:,} jets gains AUC over training from scratch",
                grid.trials.gain(grid.place(WAYS[1], size), grid.place(WAYS[0], size)),
                low=0.0,
                errors=2.0,
            )
            for size in grid.sizes
        ],
    )


def _background(first: Trained) -> int:
    """The class of a network that is taken for background: that of QCD jets, the first where none is called so."""
    names = [name.lower() for name in first.task.classes]
    return next((place for place, name in enumerate(names) if "qcd" in name), 0)


def _untouched_section(result: Result, trials: Trials, place: int, background: str) -> Section:
    """What the network to start from says of the test jets before it is trained on their kind."""
    result.add_table(
        "start",
        f"The network as it starts, before any training on these jets: one less its probability of '{background}'.",
        [{"network": "as it starts", "AUC": trials.auc(place), "R50": trials.rejection(place)}],
    )
    return Section("Before any training on these jets", "", (), ("start",))

"""How taggers improve with the number of training jets, and which one wins where jets are few."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.jobs import Job, train_jobs
from partonic.fit.tagger import labels_of
from partonic.fit.trials import LEAST_VALIDATION, check_enough, epochs_for, few_of, kept_scores
from partonic.io.splits import split_files
from partonic.metrics.trials import measure
from partonic.recipes.common import check_numbers, check_positive, need_jets, simulated_cost
from partonic.report.expected import Expected, expected_section
from partonic.report.page import Section, write_page
from partonic.report.scaling import Grid, curves_section, known_section, pairs_section
from partonic.represent.constituents import constituents
from partonic.simulators.poisson_jets import PoissonJets
from partonic.simulators.samples import samples

JETS_PER_SECOND = 115.0  # simulated on one core, to say beforehand what a run will take
JETS, KNOWN_JETS = "jets", "known"  # kinds of jets to learn from
KNOWN = PoissonJets()
TEXT = (
    "A tagger that knows physics beforehand (that energies and directions transform together under boosts, that the "
    "order of particles means nothing) has less to learn from jets. It shows where jets are few; with many, flexible "
    "networks catch up. The floor c of the fit is not known well while the errors still fall."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"sizes": (40, 80, 160), "models": ("pfn", "pelican-1k"), "repeated": 80, "steps": 4, "test_jets": 200,
             "truth_jets": 200, "seeds": 2, "epochs": 1},
    "quick": {"sizes": (300, 1_000, 3_000), "models": ("pfn", "pelican-1k"), "repeated": 1_000, "steps": 300,
              "test_jets": 4_000, "truth_jets": 4_000, "seeds": 1},
    "default": {},
    "benchmark": {"test_jets": 200_000, "window": "faithful", "seeds": 5, "repeated": 30_000, "steps": 1_500,
                  "truth_jets": 40_000, "minutes": 60.0},
}  # fmt: skip


@register_recipe("training-size", paper="arXiv:1902.09914")
@dataclass(frozen=True)
class TrainingSize:
    """Training size: the same taggers trained on few and on many jets, with a power law through their errors.

    Args:
        sizes: numbers of training jets, half of each class, three or more.
        models: taggers to train; the first is what the others are compared with.
        seeds: trainings at each size up to ``repeated``, each from another random start on other jets (of ``data`` as
            far as there are any).
        repeated: largest size that is trained more than once.
        steps: gradient steps of a training, at least: with few jets they are shown more often than the model's usual
            number of epochs, so that small samples are learned out, too.
        test_jets: jets that all trainings are measured on.
        truth_jets: jets of known likelihood ratio to measure on what was trained on up to ``repeated`` such jets.
        data: files of jets with labels instead of a simulation, as the published Landscape files.
        seed: of the simulation, the splits and the first training.
        detector: atlas, cms, or truth for none.
        window: range of pT-hat that is simulated; fast or faithful.
        epochs: at most so many in each training.
        minutes: at most so many minutes of processor time a training takes on a core like that of the documented
            benchmarks; sizes whose trainings are cut so are left out of the power law.
    """

    sizes: tuple[int, ...] = (1_000, 3_000, 10_000, 30_000, 100_000)
    models: tuple[str, ...] = ("pfn", "particlenet-lite", "pelican-1k", "lorentznet-light")
    seeds: int = 2
    repeated: int = 10_000
    steps: int = 600
    test_jets: int = 60_000
    truth_jets: int = 20_000
    data: tuple[Path, ...] = ()
    seed: int = 1
    detector: Literal["atlas", "cms", "truth"] = "atlas"
    window: Literal["fast", "faithful"] = "fast"
    epochs: int | None = None
    minutes: float = 11.0

    def __post_init__(self) -> None:
        check_numbers(self, seeds=1, repeated=0, steps=1, test_jets=100, truth_jets=100, seed=0)
        check_positive(self, "minutes")
        if len(set(self.sizes)) < 3 or min(self.sizes) < 20:
            raise InputError(
                f"a power law needs three or more sizes of 20 jets or more, not {', '.join(map(str, self.sizes))}"
            )
        if list(self.sizes) != sorted(set(self.sizes)):
            raise InputError(f"give each size once, the smallest first, not {', '.join(map(str, self.sizes))}")
        if not self.models:
            raise InputError(f"training-size needs a model; there are: {', '.join(models.names())}")
        if len(set(self.models)) < len(self.models):
            raise InputError(f"a model is named twice: {', '.join(self.models)}")
        for name in self.models:
            models.get(name)

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing files and packages before any long step.

        Raises:
            FileError: a file is missing or of no known format.
            MissingPackageError: the simulation needs a package that is not installed.
        """
        need_jets(self.data)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        number = (sum(self._seeds(size) for size in self.sizes) + len(self._known_sizes())) * len(self.models)
        trainings = f"{number} trainings of up to {self.sizes[-1]:,} jets"
        jets = sum(self._wanted().values())
        return simulated_cost("training-size", jets, jets / JETS_PER_SECOND, trainings, context, self.data)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        result = context.result
        with ranks.first_alone():
            parts = self._samples(context)
        check_enough(labels_of(parts["train"]), self.sizes[-1])
        known = self._known_jets()
        cells = [(model, size) for size in self.sizes for model in self.models]
        numbers = {size: range(1, self._seeds(size) + 1) for size in self.sizes}
        groups = [[self._job(context, JETS, *cell, number) for number in numbers[cell[1]]] for cell in cells]
        known_groups = [
            [self._job(context, KNOWN_JETS, model, size, 1)] for size in self._known_sizes() for model in self.models
        ]
        scores = self._scores(context, groups, parts["test"])
        known_scores = self._scores(context, known_groups, known["test"])
        if rank() > 0:
            return result  # the first process measures what all have trained
        pools = [self.models.index(model) for model, _ in cells]
        trials = measure(scores, labels_of(parts["test"]), parts["test"].weight(), pools=pools)
        exact = [*known_scores, [KNOWN.log_ratio(known["test"])]]
        known_trials = measure(exact, labels_of(known["test"]), pools=range(len(exact)))
        cut = [cell for cell in cells if self._passes(*cell) < self._passes(*cell, math.inf)]
        grid = Grid(result, trials, self.models, self.sizes, cut)
        sections = [
            curves_section(grid, "The number of training jets", TEXT),
            pairs_section(grid, "Who wins where jets are few?"),
            _expected(grid),
            known_section(Grid(result, known_trials, self.models, self._known_sizes()), len(known_scores)),
        ]
        self._describe(result, grid, parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _seeds(self, size: int) -> int:
        """Trainings of each model at a size."""
        return self.seeds if size <= self.repeated else 1

    def _known_sizes(self) -> tuple[int, ...]:
        """Numbers of jets of known likelihood ratio to train on."""
        return tuple(size for size in self.sizes if size <= self.repeated) or self.sizes[:1]

    def _known_jets(self) -> dict[str, Events]:
        """Jets whose likelihood ratio is known."""
        rng = generator(self.seed, 1)
        wanted = {**self._parts(self._known_sizes()[-1]), "test": self.truth_jets}
        return {
            name: KNOWN.simulate(rng.permutation(np.arange(n) % 2).astype(float), n, rng) for name, n in wanted.items()
        }

    def _parts(self, most: int) -> dict[str, int]:
        """Jets to train on, to choose the best epoch on and to measure on."""
        return {"train": most, "validation": max(most // 4, LEAST_VALIDATION), "test": self.test_jets}

    def _wanted(self) -> dict[str, int]:
        """Jets to simulate: other ones for each training."""
        return {**self._parts(self.sizes[-1]), "train": max(size * self._seeds(size) for size in self.sizes)}

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets, memory-mapped; simulated first where the cache has none."""
        if self.data:
            return split_files(self.data, self.seed, collections=["constituents"], check=constituents)
        wanted = self._wanted()
        total = sum(wanted.values()) + 2  # so that rounding leaves no part short
        files = samples(
            {"top": (total + 1) // 2, "qcd": (total + 1) // 2},
            self.seed,
            workers=context.workers,
            executor=context.executor,
            detector=self.detector,
            window=self.window,
        )
        return split_files(list(files.values()), self.seed, {name: n / total for name, n in wanted.items()})

    def _job(self, context: Context, kind: str, model: str, size: int, number: int) -> Job:
        """A training on so many jets of a kind."""
        passes = self._passes(model, size)
        directory = context.result.checkpoint(f"{kind}-{model}-{size}-{number}")
        options = {"training": {"epochs": math.ceil(passes)}, "epochs": passes, "seed": self.seed + number - 1}
        return Job(model, directory, size, f"{kind}-{size}-{number}", options)

    def _passes(self, model: str, size: int, minutes: float | None = None) -> float:
        """Passes over so many jets in the time of a training."""
        limit, held_out = minutes or self.minutes, max(size // 4, LEAST_VALIDATION)
        passes = epochs_for(model, size, limit, steps=self.steps, validation=held_out)
        return passes if self.epochs is None else min(passes, self.epochs)

    def _sample(self, context: Context, name: str) -> dict[str, Events]:
        """The jets of a training, named as by :meth:`_job`."""
        kind, size, number = name.split("-")
        parts = self._known_jets() if kind == KNOWN_JETS else self._samples(context)
        return few_of(parts, int(size), int(number), self.seed)

    def _scores(self, context: Context, groups: list[list[Job]], test: Events) -> list[list[NDArray[np.float64]]]:
        """The test jets' scores of groups of trainings, (jets,) each; trained and scored where that is not done."""
        jobs = [job for group in groups for job in group]
        done = train_jobs(jobs, partial(self._sample, context), context.workers, context.device)
        trained = dict(zip((job.directory for job in jobs), done, strict=True))
        return [
            [kept_scores(job.scores, trained[job.directory].trained, test, context.device) for job in group]
            for group in groups
        ]

    def _describe(self, result: Result, grid: Grid, parts: Mapping[str, Events]) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        for size in (self.sizes[0], self.sizes[-1]):
            for model in self.models:
                result.summary[f"AUC of {model} from {size:,} jets"] = grid.trials.auc(grid.place(model, size))
        for model in self.models:
            if (model, "area") in grid.laws:
                result.summary[f"exponent of {model}"] = grid.laws[model, "area"].exponent
        source = f"the files {', '.join(path.name for path in self.data)}"
        if not self.data:
            source = "simulated top and QCD jets (Pythia 8, 14 TeV, 550 < pT < 650 GeV)"
        result.facts["title"] = "Training size"
        result.facts["abstract"] = (
            f"How many jets does a tagger need? {', '.join(self.models)} trained on {self.sizes[0]:,} to "
            f"{self.sizes[-1]:,} jets of {source}, all measured on the same {len(parts['test']):,} test jets. Each "
            f"training takes {self.steps:,} gradient steps or more (small samples are shown more often), its best "
            "epoch is chosen on a quarter as many validation jets (200 at least). A training that would take more than "
            f"{self.minutes:g} minutes on one core is cut."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": len(part) for name, part in parts.items()}}
        if len(parts["test"]) < 2_000:
            result.facts["warnings"] = [
                f"Only {len(parts['test']):,} test jets: this run shows that everything works, not how well it works."
            ]
        simulated = ["arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097", "arXiv:0802.1189"]
        simulated += ["arXiv:1307.6346"] if self.detector != "truth" else []
        papers = [models.get(name).paper for name in self.models]
        result.facts["citations"] = ["partonic", "arXiv:1902.09914", *papers, "arXiv:1912.01703"]
        result.facts["citations"] += [] if self.data else simulated


def _expected(grid: Grid) -> Section | None:
    """What knows the symmetry of space and time beforehand has less to learn from few jets."""
    equivariant = [name for name in grid.taggers if "lorentz" in models.get(name).facts.get("invariant", ())]
    few = grid.sizes[0]
    return expected_section(
        grid.result,
        [
            Expected(
                f"{name} from {few:,} jets lies above {other} in AUC",
                grid.trials.gain(grid.place(name, few), grid.place(other, few)),
                low=0.0,
                errors=2.0,
            )
            for name in equivariant
            for other in grid.taggers
            if other not in equivariant
        ],
    )

"""Generated jets beside true ones: masses, particles and substructure of jets that a network has learned to draw."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.io.parquet import write
from partonic.io.splits import split_files
from partonic.recipes.common import check_numbers, need_jets, simulated_cost
from partonic.recipes.generated_common import weights_section
from partonic.report.page import Section, write_page
from partonic.simulators.options import SimulationOptions
from partonic.simulators.samples import samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.generation.clouds import JetClouds
    from partonic.generation.evaluate import TwoSample
    from partonic.generation.jet_quality import JetQuality
    from partonic.generation.jets import JetGenerator, JetOptions

HALVES = {"train": 0.5, "test": 0.5}
JETS_PER_SECOND = 50.0  # simulated on one core, to say beforehand what a run will take
LEAST = 80  # test jets of a kind, for the errors of distances
DRAWS = 3  # parts in which jets are drawn, for the error of the rate
TEXT = (
    "A network draws jets particle by particle: it moves noise along straight lines to jets (flow matching), all "
    "particles at once, whatever their order and number. How many particles a jet has, its momentum and its width come "
    "from histograms of its kind; the sum of the momenta, the axis and the width are exact for each jet, its shape is "
    "the network's. The truth beside it are jets that it has not seen."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"kinds": ("top",), "jets": 200, "epochs": 1, "width": 8, "layers": 1, "steps": 2, "particles": 10},
    "quick": {"jets": 6_000, "epochs": 30, "width": 48, "layers": 3},
    "default": {},
    "benchmark": {"jets": 200_000, "epochs": 200, "width": 96, "particles": 150, "size": 128},
}


@register_recipe("jet-generation", paper="arXiv:2310.00049")
@dataclass(frozen=True)
class JetGeneration:
    """Jet generation: clouds of particles by flow matching with an equivariant network, each kind beside its truth.

    Args:
        kinds: processes whose jets are simulated and learned.
        data: files of jets instead of a simulation, one of each kind, as those of JetNet.
        jets: number of simulated jets of all kinds; half of them train.
        particles: of a jet, at most; its hardest ones.
        width: of the network.
        layers: of the network.
        heads: of attention in each layer, 0 for none.
        epochs: passes over the jets.
        size: jets of a batch.
        learning_rate: the highest one.
        steps: from noise to jet.
        seed: of the simulation, the split, the training and the generated jets.
        detector: atlas, cms, or truth for none.
        radius: of the jets.
    """

    kinds: tuple[str, ...] = ("top", "qcd")
    data: tuple[Path, ...] = ()
    jets: int = 40_000
    particles: int = 30
    width: int = 64
    layers: int = 4
    heads: int = 1
    epochs: int = 100
    size: int = 64
    learning_rate: float = 5e-3
    steps: int = 15
    seed: int = 1
    detector: Literal["atlas", "cms", "truth"] = "atlas"
    radius: float = 0.8

    def __post_init__(self) -> None:
        check_numbers(self, jets=100, seed=0)
        if not self.data and (not self.kinds or len(set(self.kinds)) < len(self.kinds)):
            raise InputError("name each kind of jet once, at least one, as --kinds top qcd")
        if not self.data and self.jets // len(self.kinds) < 2 * LEAST + 4:
            raise InputError(f"jets must be {2 * LEAST + 4} or more for each kind, not {self.jets:,} for all")
        names = [_kind_of(path) for path in self.data]
        if len(set(names)) < len(names):
            raise InputError(f"the names of the files name the kinds of jets and must differ, not {', '.join(names)}")
        self._options()
        for kind in () if self.data else self.kinds:
            SimulationOptions(kind, self.jets, detector=self.detector, radius=self.radius)

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
        training = f"a training of {self.epochs} epochs"
        return simulated_cost("jet-generation", self.jets, self.jets / JETS_PER_SECOND, training, context, self.data)

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        from partonic.generation.jet_quality import compare_jets

        result, parts = context.result, self._samples(context)
        made = self._trained(context, {kind: part["train"] for kind, part in parts.items()})
        tests: dict[str, TwoSample] = {}
        sections, rows, rates = [], [], []
        for number, (kind, part) in enumerate(parts.items()):
            truth = part["test"]
            drawn, rate = _drawn(made, kind, len(truth), generator(self.seed, number))
            write(result.path / f"{kind}.parquet", drawn)
            quality = compare_jets(truth, drawn, self.particles, radius=self.radius, seed=self.seed)
            sections.append(self._section(result, kind, truth, drawn))
            if quality.test is not None:
                tests[f"{kind} jets"] = quality.test
            rows += [{"kind": kind, **row} for row in quality.rows()]
            rates.append({"kind": kind, "jets": len(drawn), "jets per processor second": rate})
            _headline(result, kind, quality)
        result.add_table(
            "distances",
            "Distances of generated jets from half of the test jets; in the last column those of the other half, which "
            "is how small they can get with so many jets.",
            rows,
        )
        result.add_table("rates", "How fast jets are drawn on one thread, mean and scatter of three parts.", rates)
        self._describe(result, parts, made)
        mended = weights_section(result, tests, what="jets", words="The classifier sees masses and substructure.")
        history = self._history(result, made)
        text = "Closer than the truth to itself no generator can be measured to be."
        write_page(result, [Section("How close", text, (), ("distances", "rates")), *sections, mended, history])
        return result

    def _options(self) -> JetOptions:
        from partonic.generation.jets import JetOptions

        names = ("particles", "width", "layers", "heads", "size", "epochs", "learning_rate", "steps")
        return JetOptions(**{name: getattr(self, name) for name in names})

    def _samples(self, context: Context) -> dict[str, dict[str, Events]]:
        """Training and test jets of each kind, memory-mapped."""
        if self.data:
            files = {_kind_of(path): path for path in self.data}
        else:
            files = samples(
                dict.fromkeys(self.kinds, self.jets // len(self.kinds)),
                self.seed,
                workers=context.workers,
                executor=context.executor,
                detector=self.detector,
                radius=None if self.radius == type(self).radius else self.radius,
            )
        parts = {kind: split_files([path], self.seed, HALVES, ["constituents"]) for kind, path in files.items()}
        return {kind: {name: part[name] for name in HALVES} for kind, part in parts.items()}

    def _trained(self, context: Context, train: Mapping[str, Events]) -> JetGenerator:
        """The generator, loaded where it is trained already."""
        from partonic.generation.jets import JetGenerator, train_jets

        file = context.result.checkpoint("jets.pt")
        if file.exists():
            return JetGenerator.load(file)
        folder = context.result.checkpoint("training")
        made = train_jets(train, self._options(), seed=self.seed, directory=folder, device=context.device)
        made.save(file)
        return made

    def _section(self, result: Result, kind: str, truth: Events, drawn: Events) -> Section:
        """Figures of one kind of jet."""
        from partonic.generation.clouds import as_events, clouds
        from partonic.generation.jet_quality import observables
        from partonic.report.plots_generation import Quantity, beside_truth
        from partonic.report.plots_jets import Observable
        from partonic.report.style import save_figure
        from partonic.represent.features import DESCRIPTIONS

        true, ours = clouds(truth, self.particles), clouds(drawn, self.particles)
        seen = [
            dict(zip(DESCRIPTIONS, observables(as_events(one), self.radius).T, strict=True)) for one in (true, ours)
        ]
        labels = {
            "mass": "Jet mass [GeV]",
            "multiplicity": "Particles",
            "tau_21": r"$\tau_{21}$",
            "tau_32": r"$\tau_{32}$",
        }
        shown = [
            Quantity(Observable(label, seen[0][name]), {"generated": seen[1][name]}, true.weight)
            for name, label in labels.items()
        ]
        each = np.repeat(true.weight, true.counts)
        share, distance = ([of(one) for one in (true, ours)] for of in (_log_share, _distance))
        for label, values in (
            ("Particle's share of $p_T$, power of ten", share),
            ("Particle's distance to the axis", distance),
        ):
            shown.append(Quantity(Observable(label, values[0], log=True), {"generated": values[1]}, each))
        medians = [float(np.median(one["mass"])) for one in seen]
        save_figure(
            result,
            f"jets-{kind}",
            beside_truth(shown),
            f"Mass, number of particles and substructure of {len(ours):,} generated {kind} jets beside the truth, and "
            "the momenta and places of their particles. The shaded band is the error of the truth.",
            f"Six histograms with ratios; the median mass is {medians[0]:.1f} GeV in the truth and {medians[1]:.1f} "
            "GeV generated.",
        )
        text = f"The generated jets are in {kind}.parquet, with their constituents."
        return Section(f"{kind} jets", text, (f"jets-{kind}",), ())

    def _history(self, result: Result, made: JetGenerator) -> Section:
        """How the error of the velocity fell."""
        facts = made.facts
        rows = [
            {"epoch": i, "training": loss, "validation": held}
            for i, (loss, held) in enumerate(zip(facts["loss"], facts["validation"], strict=True), 1)
        ]
        step = max(1, len(rows) // 10)
        result.add_table("training", "Squared error of the velocity.", [*rows[:-1:step], rows[-1]])
        text = (
            f"{made.parameters:,} weights, {facts['jets']:,} jets. What remains of the error is mostly the noise that "
            "each jet began with, which no network can know."
        )
        return Section("Training", text, (), ("training",))

    def _describe(self, result: Result, parts: Mapping[str, Mapping[str, Events]], made: JetGenerator) -> None:
        """Title, abstract, data, warnings and citations of the page."""
        sizes = {f"{kind}, {name}": len(jets) for kind, part in parts.items() for name, jets in part.items()}
        source = f"the files {', '.join(path.name for path in self.data)}"
        if not self.data:
            source = f"Pythia 8, proton collisions at 14 TeV, {self.detector}, anti-kT jets of R = {self.radius:g}"
        result.facts["title"] = "Generated jets"
        result.facts["abstract"] = TEXT
        result.facts["data"] = {"source": source, "particles kept": self.particles, **sizes}
        result.facts["timings"] = {"training": made.facts["seconds"]}
        fewest = min(len(part["train"]) for part in parts.values())
        if fewest < 2_000:
            result.facts["warnings"] = [
                f"Only {fewest:,} jets of a kind to learn from: this run shows that everything works, not how well."
            ]
        result.facts["citations"] = ["partonic", "arXiv:2310.00049", "arXiv:2301.08128", "arXiv:2211.10295"]


def _drawn(made: JetGenerator, kind: str, n: int, rng: np.random.Generator) -> tuple[Events, Estimate]:
    """Jets of a kind, drawn in parts, and how many a processor second."""
    from partonic.events.events import concatenate

    parts, rates = [], []
    for size in np.diff(np.linspace(0, n, DRAWS + 1).astype(int)):
        began = time.process_time()
        parts.append(made.sample(int(size), rng, kind))
        rates.append(size / max(time.process_time() - began, 1e-6))
    error = np.std(rates, ddof=1) / np.sqrt(DRAWS)
    return concatenate(parts), Estimate.symmetric(float(np.mean(rates)), float(error), "repetitions")


def _kind_of(path: Path) -> str:
    return path.name.split(".")[0]


def _log_share(jets: JetClouds) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.log10(jets.values[:, 2])
    return shares


def _distance(jets: JetClouds) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.hypot(jets.values[:, 0], jets.values[:, 1])
    return distances


def _headline(result: Result, kind: str, quality: JetQuality) -> None:
    """Headline numbers of a kind."""
    result.summary[f"{kind}: Fréchet distance of energy flow"] = quality.frechet.generated
    result.summary[f"{kind}: the same of the truth"] = quality.frechet.truth
    result.summary[f"{kind}: AUC of a classifier"] = quality.auc.generated

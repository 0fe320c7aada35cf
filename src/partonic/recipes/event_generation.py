"""Generators of events side by side on muon pairs from the Z boson, each curve beside events it never saw."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError, require, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.recipes.common import check_numbers
from partonic.recipes.generated_common import amplification_section, reweighted_section, weights_section
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.generation.coordinates import Pair
    from partonic.generation.evaluate import Evaluation, TwoSample
    from partonic.generation.frame import EventGenerator

TEXT = (
    "Every generator learns from the same muon pairs, in the same coordinates: the mass by the integral of a "
    "Breit-Wigner, the other quantities by their place between the cuts. So the resonance keeps its width and no event "
    "leaves the cuts. What is generated stands beside pairs that no generator has seen, and each measure beside what "
    "one half of these pairs gives against the other: better than that cannot be seen with so many events."
)
SOURCES = ("pythia", "toy")
LABELS = {
    "pt1": "$p_T$ of the negative muon [GeV]",
    "eta1": "$\\eta$ of the negative muon",
    "pt2": "$p_T$ of the positive muon [GeV]",
    "eta2": "$\\eta$ of the positive muon",
    "dphi": "$\\Delta\\phi$ between the muons",
    "mass": "Mass of the pair [GeV]",
}
STEEP = ("pt1", "pt2", "dphi")
MENDED = ("mass", "pt1", "dphi")  # in the figure of reweighted events
MASS, WIDTH, DRAWS, BINS, PARTS = 91.19, 2.5, 20, 30, 4
FEWEST = 30  # events of which a flow can learn anything

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "source": "toy",
        "generators": ("bayesian-flow", "flow-matching"),
        "events": 1_000,
        "kept": 400,
        "updates": 6,
        "amplified": (60,),
        "repeats": 2,
    },
    "quick": {
        "generators": ("coupling-flow", "bayesian-flow", "flow-matching", "diffusion"),
        "events": 12_000,
        "kept": 12_000,
        "updates": 150,
        "amplified": (100, 300, 1_000),
        "repeats": 4,
    },
    "default": {},
    "benchmark": {"events": 200_000, "kept": 100_000, "updates": 4_000, "repeats": 20},
}


@register_recipe("event-generation", paper="arXiv:2110.13632")
@dataclass(frozen=True)
class EventGeneration:
    """Event generation: flows, flow matching, diffusion, GAN and VAE side by side on muon pairs, beside the truth.

    Args:
        source: pythia, or toy for pairs without radiation that need no Pythia.
        generators: names, see partonic.generation.catalogue.
        events: to learn from.
        kept: that no generator sees, to compare with; as many are generated.
        updates: of the weights of a flow; the others train about as long.
        amplified: sizes of small samples by which the amplification of flows is measured.
        repeats: trainings of each of these sizes.
        seed: of everything random.
    """

    source: str = "pythia"
    generators: tuple[str, ...] = (
        "coupling-flow",
        "autoregressive-flow",
        "bayesian-flow",
        "flow-matching",
        "diffusion",
        "gan",
        "vae",
    )
    events: int = 60_000
    kept: int = 40_000
    updates: int = 800
    amplified: tuple[int, ...] = (100, 200, 500, 1_000, 2_000)
    repeats: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, events=100, kept=100, updates=1, repeats=2, seed=0)
        if min(self.amplified, default=FEWEST) < FEWEST:
            raise InputError(f"samples to amplify need {FEWEST} events or more, not {list(self.amplified)}")
        if self.source not in SOURCES:
            raise unknown("source of muon pairs", self.source, SOURCES)
        if not self.generators or len(set(self.generators)) < len(self.generators):
            raise InputError("name each generator once, at least one, as --generators coupling-flow diffusion")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find unknown generators and missing packages.

        Raises:
            UnknownNameError: there is no such generator.
            MissingPackageError: Pythia is asked for and not installed.
        """
        from partonic.generation.catalogue import GENERATORS

        for name in self.generators:
            if name not in GENERATORS:
                raise unknown("generator", name, GENERATORS)
        if self.source == "pythia":
            require("pythia8mc", "simulate")

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        trained = len(self.generators) * self.updates * 0.07 + 4e-3 * self.repeats * sum(self.amplified)
        return (
            f"event-generation: {self.events + self.kept:,} muon pairs"
            f"{' to simulate where the cache has none' if self.source == 'pythia' else ''}, then "
            f"{len(self.generators)} generators and their measures, some {trained:,.0f} processor seconds together; "
            f"everything goes to "
            f"{context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a run that was interrupted goes on with what is stored."""
        from partonic.generation.bayesian import band
        from partonic.generation.evaluate import evaluate
        from partonic.metrics.peak import Resonance
        from partonic.simulators.muon_pairs import NAMES

        result, coordinates = context.result, _coordinates()
        learned, truth = self._samples(context)
        names = (*NAMES, "mass")
        drawn: dict[str, NDArray[np.float64]] = {}
        tests: dict[str, TwoSample] = {}
        rows, bands, baseline = [], [], None
        for number, name in enumerate(self.generators):
            made = self._train(context, name, learned, coordinates)
            values, rate = _timed(made, self.kept, generator(self.seed, 10, number))
            drawn[name] = _with_mass(values)
            resonance = Resonance("mass", MASS, WIDTH)
            found = evaluate(truth, drawn[name], names, resonance=resonance, baseline=baseline, seed=self.seed)
            tests[name], baseline = found.two_sample, found.two_sample.baseline
            rows.append(_row(name, made, found, rate))
            result.summary[f"{name}: AUC of a classifier"] = found.two_sample.auc
            result.summary[f"{name}: width of the peak over the truth"] = found.peaks[0].width_ratio
            result.add_table(name, f"{name}: each measure beside truth against truth.", list(found.rows()))
            if name.startswith("bayesian"):
                low, high = np.quantile(truth[:, 5], (0.005, 0.995))
                edges, stream = np.linspace(low, high, BINS + 1), generator(self.seed, 20, number)
                seen = band(made, _masses, edges, stream, draws=DRAWS, events=self.kept)  # type: ignore[arg-type]
                bands.append(_draw_band(result, name, seen, truth[:, 5]))
        result.add_table("generators", TABLE, rows)
        _draw(result, names, truth, drawn)
        seen_most = max(tests, key=lambda name: tests[name].auc.value)
        columns = {LABELS[name]: names.index(name) for name in MENDED}
        mended = reweighted_section(result, truth, drawn[seen_most], columns, seen_most, self.seed)
        result.facts["title"] = "Event generation"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = CITATIONS
        sections = [
            Section("Generators", "", (), ("generators",)),
            Section("Distributions", "The band is the error of the truth.", ("generated",), ()),
            weights_section(result, tests),
            mended,
            *([Section("What the weights leave open", BANDS, tuple(bands), ())] if bands else []),
            *([amplification_section(result, self.amplified, self.repeats, self.seed)] if self.amplified else []),
            Section("Every measure", MEASURES, (), tuple(drawn)),
        ]
        write_page(result, sections)
        return result

    def _samples(self, context: Context) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values (n, 5) to learn from, and values with the mass (m, 6) to compare with."""
        from partonic.simulators.muon_pairs import muon_pairs, toy_muon_pairs

        n = self.events + self.kept
        if self.source == "pythia":
            pairs = muon_pairs(n, self.seed + 1, workers=context.workers, executor=context.executor)
        else:
            pairs = toy_muon_pairs(n, generator(self.seed, 1))
        values = _values(pairs)
        return values[: self.events], _with_mass(values[self.events :])

    def _train(self, context: Context, name: str, values: NDArray[np.float64], coordinates: Pair) -> EventGenerator:
        from partonic.generation.catalogue import GENERATORS
        from partonic.generation.table import table
        from partonic.simulators.muon_pairs import NAMES

        folder = context.result.checkpoint(name)
        return GENERATORS[name](table(NAMES, values), coordinates, self.updates, self.seed, folder, context.device)


def _timed(made: EventGenerator, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], Estimate]:
    """Events, and how many a processor second; drawn in parts, whose rates scatter."""
    parts, rates = [], []
    for size in np.diff(np.linspace(0, n, PARTS + 1).astype(int)):
        began = time.process_time()
        parts.append(made.sample(int(size), rng))
        rates.append(size / max(time.process_time() - began, 1e-6))
    error = float(np.std(rates, ddof=1) / np.sqrt(PARTS))
    return np.concatenate(parts), Estimate.symmetric(float(np.mean(rates)), error, "repetition")


TABLE = (
    "AUC of a classifier that sees the five values and the mass (0.5: it sees nothing); the largest Wasserstein "
    "distance of a feature, in units of its width; width of the peak over that of the truth; events a second on one "
    "processor. Truth against truth is one half of the kept pairs against the other."
)
BANDS = (
    f"A Bayesian generator draws its weights anew {DRAWS} times: the band is how far the share of each bin moves with "
    "them, less what the number of events does."
)
MEASURES = (
    "Fréchet and kernel distances, of squares and fourth powers, see each feature in units of its quantiles and at "
    "most 5 of these from its median, so that they do not hang on one far event."
)
CITATIONS = [
    "partonic",
    "arXiv:2110.13632",
    "arXiv:1906.04032",
    "arXiv:2104.04543",
    "arXiv:2210.02747",
    "arXiv:1907.08209",
    "arXiv:2008.06545",
]


def _coordinates() -> Pair:
    from partonic.generation.coordinates import Pair
    from partonic.generation.lines import Resonant
    from partonic.simulators.muon_pairs import MuonPairOptions

    cuts = MuonPairOptions()
    window = Resonant(MASS, WIDTH, cuts.low, cuts.high)
    return Pair(window, cuts.pt_min, cuts.eta_max, cuts.low)


def _values(pairs: Events) -> NDArray[np.float64]:
    from partonic.simulators.muon_pairs import NAMES

    return np.column_stack([np.asarray(pairs.column(name), dtype=np.float64) for name in NAMES])


def _masses(values: NDArray[np.float64]) -> NDArray[np.float64]:
    one, eta1, two, eta2, angle = values.T
    masses: NDArray[np.float64] = np.sqrt(2 * one * two * (np.cosh(eta1 - eta2) - np.cos(angle)))
    return masses


def _with_mass(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([values, _masses(values)])


def _row(name: str, made: EventGenerator, found: Evaluation, rate: Estimate) -> dict[str, Any]:
    feature, distance = found.worst()
    return {
        "generator": name,
        "AUC": found.two_sample.auc,
        "AUC, truth against truth": found.two_sample.baseline.auc,
        "worst distance": distance.generated,
        "worst distance, truth against truth": distance.truth,
        "of": feature,
        "width of the peak": found.peaks[0].width_ratio,
        "events a processor second": rate,
        "weights": made.parameters,
    }


def _draw(
    result: Result,
    names: tuple[str, ...],
    truth: NDArray[np.float64],
    drawn: Mapping[str, NDArray[np.float64]],
) -> None:
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    quantities = [
        Quantity(
            Observable(LABELS[names[i]], truth[:, i], log=names[i] in STEEP),
            {one: values[:, i] for one, values in drawn.items()},
        )
        for i in reversed(range(len(names)))
    ]
    figure = beside_truth(quantities)
    caption = f"{len(truth):,} pairs that no generator saw (filled), and as many of each generator; their ratios below."
    wide = {one: float(np.subtract(*np.percentile(values[:, -1], [75, 25]))) for one, values in drawn.items()}
    right = float(np.subtract(*np.percentile(truth[:, -1], [75, 25])))
    said = ", ".join(f"{one} {value:.3g}" for one, value in wide.items())
    save_figure(result, "generated", figure, caption, f"Distance of the mass quartiles: truth {right:.3g} GeV, {said}.")


def _draw_band(result: Result, name: str, seen: Any, masses: NDArray[np.float64]) -> str:
    from partonic.report.plots_generation import band_beside_truth
    from partonic.report.style import save_figure

    counts = np.histogram(masses, seen.edges)[0].astype(np.float64)
    figure = band_beside_truth(seen.edges, seen.share, seen.spread, counts, len(masses), LABELS["mass"])
    exact = counts / len(masses)
    error = np.hypot(seen.spread, np.sqrt(np.maximum(counts, 1.0)) / len(masses))
    inside = float(np.mean(np.abs(seen.share - exact) < error))
    spread = float(np.sqrt(inside * (1 - inside) / len(exact)))
    key = f"{name}: bins where the truth is within one sigma"
    result.summary[key] = Estimate.symmetric(inside, spread, "binomial", "0.68 for a band of the right width")
    caption = f"{name}: mass of the pair with the band of {seen.draws} draws of the weights, and the truth."
    save_figure(
        result, f"band-{name}", figure, caption, f"The truth is within one sigma in {100 * inside:.0f} % of bins."
    )
    return f"band-{name}"

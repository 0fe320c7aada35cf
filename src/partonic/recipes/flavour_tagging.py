"""Flavour tagging: b, c, strange, light, gluon and tau jets told apart by what decays in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.estimate import Estimate
from partonic.core.rank import rank
from partonic.core.recipe import Context
from partonic.core.registry import models, register_recipe
from partonic.core.result import Result
from partonic.events.events import NOMINAL, Events
from partonic.fit import ranks
from partonic.io.splits import split_files
from partonic.metrics.classes import duel, duels, share
from partonic.metrics.tagging import auc
from partonic.recipes.common import check_models, check_numbers, need_simulation, simulated_cost, trained
from partonic.report.classes import Classification, jets_section
from partonic.report.expected import Expected, below, expected_section
from partonic.report.page import Section, write_page
from partonic.report.plots_jets import Observable
from partonic.report.trained import scored
from partonic.report.variables import Variable, sign_of, variables_section
from partonic.represent.impact import Tracks, ranked_significance, tracks
from partonic.represent.task import Task
from partonic.represent.vertices import Vertices, vertices
from partonic.simulators.options import SimulationOptions
from partonic.simulators.samples import samples

CLASSES = ("light", "strange", "gluon", "c", "b", "tau")
BY_FLAVOUR = {5: "b", 4: "c", 15: "tau"}  # by the hadrons and taus in a jet; where there is none, by its parton
BY_PARTON = {1: "light", 2: "light", 3: "strange", 21: "gluon"}
PROCESSES = ("bb", "cc", "ss", "light", "gg", "tautau")
JETS_PER_SECOND = 60.0  # simulated on one core, to say beforehand what a run will take
BINS = 12  # of pt, in which all classes get the same weight
WORST_WEIGHT = 10.0
SIGNIFICANT = 3.0
GAUSSIAN_TAIL = 0.00135  # chance to be above 3 standard deviations

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 360, "epochs": 1},
    "quick": {"jets": 24_000, "epochs": 12},
    "default": {},
    "benchmark": {"jets": 600_000, "seeds": 3},
}


@register_recipe("flavour-tagging", paper="arXiv:2008.10519")
@dataclass(frozen=True)
class FlavourTagging:
    """Flavour tagging: networks on tracks, neutral particles and vertices against a cut on an impact parameter.

    Args:
        jets: number of jets, as many of each of the six processes; 60 % train, 10 % validate, 30 % test.
        models: taggers to train.
        seeds: trainings of each model, from different random starts.
        seed: of the simulation, the split and the first training.
        detector: cms or atlas.
        pt_min: lowest pt of a jet (GeV).
        pt_max: highest pt of a jet (GeV).
        radius: of the anti-kT jets.
        epochs: at most so many in each training (each model has its own number).
    """

    jets: int = 120_000
    models: tuple[str, ...] = ("deepjet",)
    seeds: int = 1
    seed: int = 1
    detector: Literal["cms", "atlas"] = "cms"
    pt_min: float = 50.0
    pt_max: float = 200.0
    radius: float = 0.4
    epochs: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self, jets=300, seeds=1, seed=0)
        check_models(self.models, len(CLASSES))
        SimulationOptions("bb", self.jets // 6, **self._window())

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
        return simulated_cost("flavour-tagging", self.jets, self.jets / JETS_PER_SECOND, trainings, context)

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
        taggers = [scored(result, name, each, test, context.device) for name, each in done.items()]
        study = Classification(result, taggers, _labels(test), test.weight(), CLASSES)
        found = tracks(test)
        secondary = vertices(test, found)
        cut = {"the third track": _areas(ranked_significance(found, 3), study)}
        labels = {name: _labels(part) for name, part in parts.items()}
        sections = [
            study.matrix(),
            _expected(study, cut["the third track"]),
            self._cuts(study, parts, found, secondary),
            study.one_against_one(cut),
            _decays(study, found, secondary),
            study.histories(),
            jets_section(result, _observables(test, found, secondary), labels, study.weights, CLASSES, _definition()),
        ]
        self._describe(study, cut["the third track"], parts)
        write_page(result, [section for section in sections if section is not None])
        return result

    def _window(self) -> dict[str, Any]:
        """Options of the simulation."""
        return {
            "detector": self.detector,
            "radius": self.radius,
            "pt_min": self.pt_min,
            "pt_max": self.pt_max,
            "eta_max": 2.0,
        }

    def _samples(self, context: Context) -> dict[str, Events]:
        """Train, validation and test jets with labels in the order of the classes and weights that level their pt."""
        numbers = dict.fromkeys(PROCESSES, self.jets // len(PROCESSES))
        files = samples(numbers, self.seed, workers=context.workers, executor=context.executor, **self._window())
        return {name: self._levelled(part) for name, part in split_files(list(files.values()), self.seed).items()}

    def _levelled(self, part: Events) -> Events:
        """The jets that have a flavour, each class with the same distribution of pt."""
        labels = flavour_labels(np.asarray(part.column("flavour")), np.asarray(part.column("truth_pid")))
        jets = part[labels >= 0].with_columns(label=labels[labels >= 0])
        edges = np.geomspace(self.pt_min, self.pt_max, BINS + 1)
        return jets.with_weights({NOMINAL: level(np.asarray(jets.column("jet_pt")), _labels(jets), edges)})

    def _options(self, name: str) -> dict[str, Any]:
        """How one model is trained, with all that is known of a particle."""
        options = {"inputs": "full"} if models.get(name).facts["input"] == "packed" else {}
        return {"task": Task(CLASSES), "input_options": options, "epochs": self.epochs}

    def _cuts(self, study: Classification, parts: Mapping[str, Events], found: Tracks, secondary: Vertices) -> Section:
        """B against light jets: the best network beside cuts on single variables."""
        best = study.best
        pair = duel(best.scores[0], study.labels, study.weights, CLASSES.index("b"), CLASSES.index("light"))
        held_out = parts["validation"]
        chosen = np.flatnonzero(np.isin(_labels(held_out), (CLASSES.index("b"), CLASSES.index("light"))))
        tuning = held_out[chosen]
        tuning_labels = (_labels(tuning) == CLASSES.index("b")).astype(np.int64)
        other = tracks(tuning)
        tuned = _variables(other, vertices(tuning, other), len(tuning))
        variables = [
            Variable(name, values[pair.jets], sign_of(tuned[name][0], tuning_labels), told)
            for name, (values, told) in _variables(found, secondary, len(study.labels)).items()
        ]
        return variables_section(
            study.result,
            variables,
            {best.name: pair.scores},
            pair.labels,
            pair.weights,
            ("light", "b"),
            text=(
                "The simplest tag of a b jet asks that its second or third track has a large impact parameter, in "
                "units of its error, on the side of the jet (track counting, arXiv:1211.4462): a single track may be "
                "displaced by chance or by the decay of a tau or c hadron, three hardly ever. A secondary vertex asks "
                "more, and many jets have none."
            ),
        )

    def _describe(
        self, study: Classification, cut: Mapping[tuple[int, int], Estimate], parts: Mapping[str, Events]
    ) -> None:
        """Headline numbers, abstract, warnings and citations of the page."""
        result, best = study.result, study.best.name
        for signal, background in (("b", "light"), ("b", "c"), ("c", "light"), ("tau", "light"), ("strange", "light")):
            result.summary[f"AUC of {signal} against {background}"] = study.area(best, signal, background)
        b, light = CLASSES.index("b"), CLASSES.index("light")
        result.summary["AUC of b against light by the third track"] = cut[b, light]
        sizes = {name: len(part) for name, part in parts.items()}
        source = (
            f"Pythia 8, dijets and Z + jet at 14 TeV with the {self.detector.upper()}-like fast detector, anti-kT jets "
            f"of R = {self.radius:g} with {self.pt_min:g} < pT < {self.pt_max:g} GeV and |eta| < 2, without "
            "multi-parton interactions and pileup"
        )
        result.facts["title"] = "Flavour of jets"
        result.facts["abstract"] = (
            f"What made this jet? {', '.join(self.models)} trained on {sizes['train']:,} jets of "
            f"{len(CLASSES)} flavours, measured on {sizes['test']:,} that none has seen, beside a cut on the impact "
            "parameter of a single track. Jets are weighted so that the momentum tells no flavour."
        )
        result.facts["data"] = {"source": source, **{f"{name} jets": size for name, size in sizes.items()}}
        if sizes["test"] < 2_000:
            result.facts["warnings"] = [
                f"Only {sizes['test']:,} test jets: this run shows that everything works, not how well it works."
            ]
        papers = ["partonic", "arXiv:2008.10519", *(models.get(name).paper for name in self.models)]
        papers += ["arXiv:1211.4462", "arXiv:1912.01703", "arXiv:2203.11601", "arXiv:1404.5630", "arXiv:1111.6097"]
        result.facts["citations"] = list(dict.fromkeys([*papers, "arXiv:0802.1189", "arXiv:1307.6346"]))


def flavour_labels(flavour: NDArray[Any], parton: NDArray[Any]) -> NDArray[np.int64]:
    """Number of the class of each jet in :data:`CLASSES`, -1 for none, (jets,).

    The hadrons and taus in a jet decide; a jet without any has the flavour of its light parton, and none if that was a
    b or c quark or a tau.

    Args:
        flavour: column ``flavour``, see :func:`partonic.simulators.truth.jet_flavours`, (jets,).
        parton: particle number of the parton in the jet, (jets,).
    """
    labels = np.full(len(flavour), -1, dtype=np.int64)
    for codes, table in ((np.abs(parton), BY_PARTON), (flavour, BY_FLAVOUR)):
        for code, name in table.items():
            labels[codes == code] = CLASSES.index(name)
    return labels


def level(pt: NDArray[Any], labels: NDArray[np.int64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that give all classes the distribution of pt that they have on average, (jets,); at most 10.

    Args:
        pt: GeV, (jets,).
        labels: class of each, (jets,).
        edges: of the bins, GeV.
    """
    place = np.clip(np.searchsorted(edges, pt, side="right") - 1, 0, len(edges) - 2)
    number = int(labels.max(initial=0)) + 1
    counts = np.bincount(labels * (len(edges) - 1) + place, minlength=number * (len(edges) - 1))
    table = counts.reshape(number, -1).astype(np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    wanted = shares[table.sum(axis=1) > 0].mean(axis=0)
    weights = np.divide(wanted, shares, out=np.zeros_like(shares), where=shares > 0)
    levelled: NDArray[np.float64] = np.minimum(weights, WORST_WEIGHT)[labels, place]
    return levelled


def _labels(jets: Events) -> NDArray[np.int64]:
    return np.asarray(jets.column("label")).astype(np.int64)


def _areas(values: NDArray[np.float64], study: Classification) -> dict[tuple[int, int], Estimate]:
    """AUC of a cut on one variable for each pair of classes."""
    found = {}
    for pair in duels(study.best.scores[0], study.labels, study.weights):
        found[pair.signal, pair.background] = auc(values[pair.jets], pair.labels, pair.weights)
    return found


def _first(secondary: Vertices, values: NDArray[Any], jets: int) -> NDArray[np.float64]:
    """A number of the most significant vertex of each jet, 0 where there is none, (jets,)."""
    there = np.flatnonzero(np.diff(secondary.offsets))
    out = np.zeros(jets)
    out[there] = values[secondary.offsets[there]]
    return out


def _variables(found: Tracks, secondary: Vertices, jets: int) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Single variables of jets and what they are."""
    significance = _first(secondary, secondary.flight / secondary.error, jets)
    return {
        "second track": (ranked_significance(found, 2), "second-highest signed significance of a track's d0"),
        "third track": (ranked_significance(found, 3), "third-highest signed significance of a track's d0"),
        "vertex flight": (significance, "flight of the most significant secondary vertex over its error"),
        "vertex mass": (_first(secondary, secondary.mass, jets), "mass of its tracks in GeV"),
    }


def _observables(test: Events, found: Tracks, secondary: Vertices) -> list[Observable]:
    """Distributions that the page shows."""
    jets = len(test)
    third = np.where(np.diff(found.offsets) >= 3, ranked_significance(found, 3), np.nan)
    significance = _first(secondary, secondary.flight / secondary.error, jets)
    mass = _first(secondary, secondary.mass, jets)
    return [
        Observable(
            "Third signed significance", np.where(third > -50, third, np.nan), np.linspace(-5, 25, 41), log=True
        ),
        Observable("Vertex flight over its error", significance, np.linspace(0.01, 60, 41), log=True),
        Observable("Vertex mass [GeV]", mass, np.linspace(0.01, 6, 31)),
        Observable("Tracks", np.diff(found.offsets).astype(float)),
        Observable("Constituents", test.collection("constituents").counts.astype(float)),
        Observable("Jet $p_T$ [GeV], weighted", np.asarray(test.column("jet_pt"), float)),
    ]


def _decays(study: Classification, found: Tracks, secondary: Vertices) -> Section:
    """What is measured of the decays in each class, and what the resolution alone would give."""
    rows = []
    has_vertex = np.diff(secondary.offsets) > 0
    flight = _first(secondary, secondary.flight, len(study.labels))
    for number, name in enumerate(CLASSES):
        mine = study.labels == number
        significance = found.significance[mine[found.jet]]
        rows.append(
            {
                "class": name,
                "tracks above 3": share(significance > SIGNIFICANT),
                "tracks below -3": share(significance < -SIGNIFICANT),
                "jets with a vertex": share(has_vertex[mine]),
                "median flight, mm": _median(flight[mine & has_vertex]),
            }
        )
    study.result.add_table(
        "decays",
        "Share of the tracks whose signed significance is above 3 or below -3, share of the jets with a secondary "
        "vertex, and the median flight of the most significant one. Binomial errors; not weighted.",
        rows,
    )
    text = (
        f"A track from the beam line lies beyond 3 on either side with a chance of {100 * GAUSSIAN_TAIL:.3f} % by the "
        "resolution of the detector alone. Light jets can be compared with that: what they have beyond it comes from b "
        "and c hadrons of gluon splittings that are too soft or too far from the axis to give a flavour. K0S, Lambda "
        "and other strange particles fly for centimetres; here the detector sees them as neutral energy or prompt "
        "tracks. There is no material, and the beam line is known exactly. So light jets are cleaner than in an "
        "experiment, and the AUC against them is higher."
    )
    return Section("Do the decays show?", text, (), ("decays",))


def _expected(study: Classification, cut: Mapping[tuple[int, int], Estimate]) -> Section | None:
    """B hadrons live long and are heavy, c hadrons less so, and of both all tracks tell more than one."""
    b, c, light = (study.area(study.best.name, name, "light") for name in ("b", "c", "strange"))
    return expected_section(
        study.result,
        [
            Expected("AUC of b against light jets: 0.9 or more", b, low=0.9),
            Expected(
                "above that of a cut on the third track by",
                below(cut[CLASSES.index("b"), CLASSES.index("light")], b),
                low=0.0,
                errors=2.0,
            ),
            Expected("AUC of c against light jets below that of b by", below(c, b), low=0.0, errors=2.0),
            Expected("and above that of strange jets by", below(light, c), low=0.0, errors=2.0),
        ],
    )


def _median(values: NDArray[np.float64]) -> Estimate:
    """Median with the interval of its order statistics (binomial)."""
    n = len(values)
    if n < 3:  # with two, the interval of the order statistics is not there
        few = "no jet has a vertex" if n == 0 else f"{n} jets with a vertex"
        return Estimate(float("nan"), float("nan"), float("nan"), "binomial", few)
    ordered, half = np.sort(values), 0.5 * np.sqrt(n)
    low, high = (int(np.clip(round(0.5 * n + side * half), 0, n - 1)) for side in (-1, 1))
    return Estimate(float(np.median(ordered)), float(ordered[low]), float(ordered[high]), "binomial")


def _definition() -> str:
    """How a jet gets its flavour."""
    return (
        "The flavour is that of the heaviest hadron of more than 5 GeV within 0.3 of the jet's axis (b before c), then "
        "of a tau that decays to hadrons; a jet without any is light (u, d), strange or gluon by the outgoing parton "
        "of the hard process in it. So a gluon that splits to b quarks counts as b. Jets of a b or c quark or a tau "
        "without such a hadron or tau near their axis are left out."
    )

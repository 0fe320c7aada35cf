"""Unfolding of jets: what a detector measured, turned into what was there, by networks and by bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from partonic.core.config import merge
from partonic.core.errors import InputError, unknown
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.recipes.common import check_numbers, need_simulation, simulated_cost
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.events.events import Events
    from partonic.generation.unfolding import Simulated

Floats = NDArray[np.float64]
JETS_PER_SECOND = 110.0  # simulated on one core, to say beforehand what a run will take
OBSERVABLES = {
    "mass": "Jet mass [GeV]",
    "multiplicity": "Number of constituents",
    "tau_1": "Width, 1-subjettiness",
    "tau_21": "2- over 1-subjettiness",
    "soft_drop_share": "Share of the softer prong (soft drop)",
}
FURTHER = ("pt_dispersion", "angularity", "soft_drop_mass", "split_12", "tau_32", "n_2")
"""What the detector measures too: the more of a jet is known, the less what is unfolded leans to the simulation."""
METHODS = ("omnifold", "flow", "bayes")
TITLES = {
    "simulation": "simulation",
    "omnifold": "OmniFold",
    "flow": "conditional flow",
    "bayes": "iterative Bayes",
}
BINS = 20
TEXT = (
    "A measurement compares with theory where the detector is taken out. The data here are jets of another simulation, "
    "with another strong coupling, of which only what the detector saw is given to the methods; what was there before "
    "is the truth that each of them is compared with. The simulation that they learn from has Pythia's usual coupling."
)
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"jets": 240, "iterations": 1, "replicas": 2, "epochs": 1},
    "quick": {"jets": 5_000, "replicas": 3, "epochs": 15},
    "default": {},
    "benchmark": {"jets": 200_000, "replicas": 20},
}


@dataclass(frozen=True)
class Shares:
    """Histogram of an unfolded observable.

    Args:
        value: share of the jets in each bin, (bins,).
        replicas: the same of each replica, (replicas, bins).
    """

    value: Floats
    replicas: Floats

    @property
    def error(self) -> Floats:
        """Errors of the shares, (bins,)."""
        spread: Floats = np.std(self.replicas, axis=0, ddof=1)
        return spread

    def distance(self, truth: Floats) -> Estimate:
        """Triangular discrimination from the true shares (bins,), times 1,000."""
        value, *others = (triangular(truth, one) for one in (self.value, *self.replicas))
        return Estimate.symmetric(value, float(np.std(others, ddof=1)), "bootstrap")


@register_recipe("unfolding", paper="arXiv:1911.09107")
@dataclass(frozen=True)
class Unfolding:
    """Unfolding: jets before the detector from those behind it, by three methods and beside the truth.

    Args:
        jets: of the data, and as many of the simulation.
        methods: omnifold, flow, bayes.
        alpha_s: strong coupling at the Z mass in the shower of the data; the simulation has Pythia's 0.1365.
        iterations: of each method.
        replicas: of the bootstrap of data and simulation, 2 or more.
        epochs: of the flow.
        detector: atlas or cms.
        seed: of the simulation and all trainings.
    """

    jets: int = 40_000
    methods: tuple[str, ...] = METHODS
    alpha_s: float = 0.11
    iterations: int = 4
    replicas: int = 8
    epochs: int = 25
    detector: str = "atlas"
    seed: int = 1

    def __post_init__(self) -> None:
        check_numbers(self, jets=200, iterations=1, replicas=2, epochs=1, seed=0)
        for name in self.methods:
            if name not in METHODS:
                raise unknown("method of unfolding", name, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InputError("name each method once, at least one, as --methods omnifold bayes")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing packages and simulations that cannot be.

        Raises:
            MissingPackageError: the simulation needs a package that is not installed.
            InputError: the coupling is out of range.
            UnknownNameError: there is no such detector.
        """
        from partonic.simulators.options import SimulationOptions

        need_simulation()
        SimulationOptions("qcd", self.jets, detector=self.detector, alpha_s=self.alpha_s, paired=True)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        trainings = f"{1 + self.replicas} times {', '.join(TITLES[name] for name in self.methods)}"
        return simulated_cost("unfolding", 2 * self.jets, 2 * self.jets / JETS_PER_SECOND, trainings, context)

    def run(self, context: Context) -> Result:
        """Do the study."""
        from partonic.generation.unfolding import simulated
        from partonic.io.formats import read

        result, made = context.result, {}
        for name, coupling, seed in (("simulation", None, 1), ("data", self.alpha_s, 2)):
            made[name] = tuple(observables(read(self._sample(context, coupling, seed))))
        simulation, data = simulated(*made["simulation"]), simulated(*made["data"])
        whole = self.unfold(simulation, data.detector, np.ones(len(data)), context, 0)
        spread = [self._replica(simulation, data, context, i) for i in range(1, self.replicas + 1)]
        bins = [bins_of(column) for column in data.truth.T]
        shares = {
            name: [_shares(jets, [one[name] for one in spread], i, ends) for i, ends in enumerate(bins)]
            for name, jets in whole.items()
        }
        _draw(result, data.truth, whole, shares, bins)
        self._compare(result, data.truth, whole, shares, bins)
        self._closure(result, simulation, context)
        result.facts["title"] = "Unfolding"
        result.facts["abstract"] = TEXT
        result.facts["data"] = {
            "jets of the data": len(data),
            "jets of the simulation": len(simulation),
            "coupling of the data": self.alpha_s,
        }
        result.facts["citations"] = [
            "partonic",
            "arXiv:1911.09107",
            "arXiv:2006.06685",
            "arXiv:1010.0632",
        ]
        result.facts["citations"] += ["arXiv:2203.11601", "arXiv:1111.6097"]
        if len(data) < 2_000:
            result.facts["warnings"] = [
                f"Only {len(data):,} jets of data: this run shows that everything works, not how well it works."
            ]
        text = (
            "Shaded: the error of a method by a bootstrap of data and simulation. The truth is grey. OmniFold and the "
            f"flow see {len(FURTHER)} further observables behind the detector; bins see one at a time."
        )
        sections = [
            Section("Before the detector", text, ("unfolded",), ("unfolding", "distances")),
            Section("Closure", "Jets of the simulation's own kind, unfolded: nothing should change.", (), ("closure",)),
        ]
        write_page(result, sections)
        return result

    def _sample(self, context: Context, coupling: float | None, seed: int) -> Any:
        """Path of a sample of QCD jets with and without the detector."""
        from partonic.simulators.samples import samples

        files = samples(
            {"qcd": self.jets},
            100 * self.seed + seed,
            workers=context.workers,
            executor=context.executor,
            detector=self.detector,
            paired=True,
            alpha_s=coupling,
        )
        return files["qcd"]

    def unfold(
        self, simulation: Simulated, measured: Floats, share: Floats, context: Context, replica: int
    ) -> dict[str, tuple[Floats, Floats]]:
        """Of the simulation as it is and of each method jets (n, k), and weights (n, k) of each observable."""
        from partonic.generation.flow import FlowOptions
        from partonic.generation.unfolding import omnifold, train_unfolder

        seed, columns = 1_000 * self.seed + 50 * replica, len(OBSERVABLES)
        found = {"simulation": (simulation.truth, np.repeat(simulation.weight[:, None], columns, axis=1))}
        for name in self.methods:
            if name == "omnifold":
                weight = omnifold(simulation, measured, share, iterations=self.iterations, seed=seed).weight
                found[name] = simulation.truth, np.repeat(weight[:, None], columns, axis=1)
            elif name == "flow":
                size = min(512, max(32, len(simulation) // 20))
                options = FlowOptions(hidden=(96, 96), epochs=self.epochs, size=size)
                unfolder = train_unfolder(
                    simulation,
                    measured,
                    share,
                    iterations=self.iterations,
                    options=options,
                    seed=seed,
                    device=context.device,
                )
                drawn = unfolder.sample(measured, generator(self.seed, 7, replica))
                found[name] = drawn, np.repeat(share[:, None], columns, axis=1)
            else:
                found[name] = simulation.truth, self._by_bins(simulation, measured, share)
        return found

    def _by_bins(self, simulation: Simulated, measured: Floats, share: Floats) -> Floats:
        """Weights of simulated jets (n, k) that give each observable the histogram of iterative Bayes."""
        from partonic.generation.unfolding import iterative_bayes, simulated

        weights = np.empty_like(simulation.truth)
        for i in range(simulation.truth.shape[1]):
            truth, detector = simulation.truth[:, i], simulation.detector[:, i]
            ends, seen = _open(truth), _open(detector)
            alone = simulated(truth, detector, simulation.weight)
            unfolded = iterative_bayes(alone, measured[:, i], ends, seen, share, iterations=self.iterations)
            place = np.clip(np.searchsorted(ends, truth, side="right") - 1, 0, len(ends) - 2)
            before = np.bincount(place, simulation.weight, len(ends) - 1)
            weights[:, i] = simulation.weight * (unfolded / np.where(before > 0, before, 1.0))[place]
        return weights

    def _replica(
        self, simulation: Simulated, data: Simulated, context: Context, replica: int
    ) -> dict[str, tuple[Floats, Floats]]:
        """The same with data and simulation drawn anew."""
        from partonic.generation.unfolding import simulated

        rng = generator(self.seed, 3, replica)
        drawn = simulated(simulation.truth, simulation.detector, simulation.weight * rng.poisson(1.0, len(simulation)))
        return self.unfold(drawn, data.detector, rng.poisson(1.0, len(data)).astype(float), context, replica)

    def _compare(
        self,
        result: Result,
        truth: Floats,
        whole: Mapping[str, tuple[Floats, Floats]],
        shares: Mapping[str, list[Shares]],
        bins: list[Floats],
    ) -> None:
        """What a classifier and histograms tell between what was unfolded and the truth."""
        from partonic.generation.evaluate import two_sample

        rows: list[dict[str, Any]] = []
        baseline = None
        for name, (values, weight) in whole.items():
            if name != "bayes":  # its histograms are no jets
                test = two_sample(truth, values, weight_generated=weight[:, 0], seed=self.seed, baseline=baseline)
                baseline = test.baseline
                rows.append({"method": TITLES[name], "AUC": test.auc})
                result.summary[f"AUC of the truth against {TITLES[name]}"] = test.auc
        rows.append({"method": "truth against truth", "AUC": baseline.auc if baseline else None})
        result.add_table(
            "unfolding",
            "AUC of a classifier between the true jets of the data and the unfolded ones, in all observables at once "
            "(0.5: it sees no difference).",
            rows,
        )
        distances = []
        for i, label in enumerate(OBSERVABLES.values()):
            there = np.histogram(truth[:, i], bins[i])[0] / len(truth)
            row: dict[str, Any] = {"observable": label}
            row |= {TITLES[name]: one[i].distance(there) for name, one in shares.items()}
            row["truth against truth, expected"] = round(250 * float(np.sum(there > 0) - there.sum()) / len(truth), 3)
            distances.append(row)
        result.add_table(
            "distances",
            "Triangular discrimination of histograms, times 1,000: half the sum over bins of (p - q)^2 / (p + q). "
            "Errors: bootstrap of data and simulation. The last column: what the fluctuations of the true jets give.",
            distances,
        )

    def _closure(self, result: Result, simulation: Simulated, context: Context) -> None:
        """Half of the simulation unfolded by the other half."""
        from partonic.generation.evaluate import two_sample
        from partonic.generation.unfolding import simulated

        half = np.arange(len(simulation)) % 2 == 0
        first = simulated(simulation.truth[half], simulation.detector[half])
        found = self.unfold(first, simulation.detector[~half], np.ones(int((~half).sum())), context, self.replicas + 1)
        rows: list[dict[str, Any]] = []
        truth, baseline = simulation.truth[~half], None
        for name, (values, weight) in found.items():
            shifts = [
                (np.average(values[:, i], weights=weight[:, i]) - truth[:, i].mean()) / truth[:, i].std()
                for i in range(len(OBSERVABLES))
            ]
            worst = int(np.argmax(np.abs(shifts)))
            row: dict[str, Any] = {
                "method": TITLES[name],
                "largest shift of a mean": f"{shifts[worst]:+.3f} of its spread",
            }
            if name != "bayes":
                test = two_sample(truth, values, weight_generated=weight[:, 0], seed=self.seed, baseline=baseline)
                baseline = test.baseline
                row |= {"AUC": test.auc, "truth against truth": baseline.auc}
            rows.append(row)
        result.add_table("closure", "Half of the simulation as data, unfolded by the other half.", rows)


def observables(jets: Events) -> tuple[Floats, Floats]:
    """Those of :data:`OBSERVABLES` without the detector, (jets, 5), and with :data:`FURTHER` behind it, (jets, 11)."""
    from partonic.represent.features import DESCRIPTIONS, JetFeatures

    names = list(DESCRIPTIONS)
    seen = jets.select(columns=[], collections=["constituents"])
    there = seen.with_collections(constituents=jets.collection("truth_constituents"))
    represent, found = JetFeatures(), []
    for part, wanted in ((there, OBSERVABLES), (seen, (*OBSERVABLES, *FURTHER))):
        values = represent(part).values.numpy()[:, [names.index(name) for name in wanted]]
        found.append(values.astype(np.float64))
    return found[0], found[1]


def _draw(
    result: Result,
    truth: Floats,
    whole: Mapping[str, tuple[Floats, Floats]],
    shares: Mapping[str, list[Shares]],
    bins: list[Floats],
) -> None:
    """Each observable: the truth, the simulation before, each method."""
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    quantities, means = [], []
    for i, label in enumerate(OBSERVABLES.values()):
        drawn = {TITLES[name]: values[:, i] for name, (values, _) in whole.items()}
        weights = {TITLES[name]: weight[:, i] for name, (_, weight) in whole.items()}
        bands = {
            TITLES[name]: np.divide(one[i].error, one[i].value, out=np.zeros(len(one[i].value)), where=one[i].value > 0)
            for name, one in shares.items()
        }
        quantities.append(Quantity(Observable(label, truth[:, i], bins[i]), drawn, None, weights, bands))
        found = ", ".join(f"{np.average(v, weights=weights[n]):.4g} ({n})" for n, v in drawn.items())
        means.append(f"{label} {truth[:, i].mean():.4g} (truth), {found}")
    caption = "Jets without a detector: the truth of the data, the simulation, and what was unfolded."
    save_figure(result, "unfolded", beside_truth(quantities), caption, f"Means: {'; '.join(means)}.")


def bins_of(values: Floats) -> Floats:
    """Bins over the central 99 % of the values."""
    low, high = np.quantile(values, [0.005, 0.995])
    if np.all(values == np.round(values)):  # whole numbers: as many of them in each bin
        step = max(1, math.ceil((high - low) / BINS))
        return np.arange(low - 0.5, high + step, step)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _open(values: Floats) -> Floats:
    """Bins of about equal numbers, 60 jets or more in each, the outer ones without end."""
    number = int(np.clip(len(values) // 60, 2, 2 * BINS))
    inner = np.unique(np.quantile(values, np.linspace(0, 1, number + 1)[1:-1]))
    return np.array([-np.inf, *inner, np.inf])


def triangular(p: Floats, q: Floats) -> float:
    """Triangular discrimination of two histograms of shares, (bins,) each, times 1,000."""
    total = p + q
    return 500 * float(np.sum(np.divide((p - q) ** 2, total, out=np.zeros_like(total), where=total > 0)))


def histogram(values: Floats, weight: Floats, ends: Floats) -> Floats:
    """Share of the jets in each bin, (bins,)."""
    found: Floats = np.histogram(values, ends, weights=weight)[0] / weight.sum()
    return found


def _shares(jets: tuple[Floats, Floats], spread: list[tuple[Floats, Floats]], i: int, ends: Floats) -> Shares:
    """Histogram of an observable with that of each replica."""
    whole, *replicas = (histogram(values[:, i], weight[:, i], ends) for values, weight in (jets, *spread))
    return Shares(whole, np.array(replicas))

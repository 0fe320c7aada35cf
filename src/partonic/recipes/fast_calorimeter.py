"""Fast calorimeter simulation: showers from networks beside those of the simulator from which they learned."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
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
from partonic.recipes.common import check_numbers
from partonic.recipes.generated_common import weights_section
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.generation.calorimeter import ShowerGenerator
    from partonic.generation.evaluate import TwoSample
    from partonic.generation.shower_rows import Showers
    from partonic.simulators.showers.geometry import Cylinder
    from partonic.simulators.showers.simulator import CalorimeterShowers

    Drawing = Callable[[NDArray[np.float64], int], Showers]

Floats = NDArray[np.float64]
Measured = tuple[Floats, Floats]
METHODS = ("flow", "matching")
TITLES = {"flow": "flow", "matching": "flow matching"}
LENGTHS = ("depth", "spread of depth", "centre", "width")  # features in cm begin with these
BINS = 6  # in energy
REPEATS = 3  # of each measurement of a rate
TRAINING, TEST, DRAWN = range(3)  # streams of random numbers

SEEN = "The classifier sees the energy, centre, widths and sparsity of each layer, and those of the whole shower."
TEXT = (
    "A documented parametrisation of showers in a cylinder of voxels is the truth. Networks learn from it what is "
    "read of a particle, how layers share it, and how each layer is shared out to rings and these to their sectors, "
    "one part after the other; flows learn densities of these shares, flow matching learns which parts get "
    "nothing or all, and velocities that lead to the other shares. Their readings are zero or "
    "above the threshold, and layers add up exactly. Everything stands beside showers of the simulator that no "
    "network has seen, at the same energies of particles; a classifier that looks at energies, centres, widths and "
    "sparsities says what difference is left."
)

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "showers": 200,
        "test": 200,
        "layer_epochs": 1,
        "epochs": 1,
        "matching_factor": 1,
        "width": 8,
        "methods": ("flow",),
        "features": ("response",),
    },
    "quick": {"showers": 2_500, "test": 3_000, "layer_epochs": 40, "epochs": 4},
    "default": {},
    "benchmark": {"showers": 50_000, "test": 20_000, "layer_epochs": 60, "epochs": 20},
}


@register_recipe("fast-calorimeter", paper="arXiv:2106.05285")
@dataclass(frozen=True)
class FastCalorimeter:
    """Fast calorimeter simulation: showers of electrons or pions from networks, beside the simulator.

    Args:
        particle: electron or pion.
        energies: lowest and highest energy of the particles, in GeV.
        methods: of the networks, flow or matching.
        showers: of the simulator to learn from.
        test: of the simulator and of each network to compare.
        layer_epochs: passes of flows over what is read in all and the energies of layers.
        epochs: passes of flows over rings and sectors.
        matching_factor: how many times as many flow matching takes of both.
        width: of hidden layers.
        features: of showers to draw, see partonic.generation.shower_features.
        seed: of everything random.
    """

    particle: str = "electron"
    energies: tuple[float, float] = (2.0, 100.0)
    methods: tuple[str, ...] = METHODS
    showers: int = 10_000
    test: int = 10_000
    layer_epochs: int = 30
    epochs: int = 10
    matching_factor: int = 2
    width: int = 64
    features: tuple[str, ...] = ("response", "depth", "width x 3", "sparsity")
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, showers=100, test=100, layer_epochs=1, epochs=1, matching_factor=1, width=1, seed=0)
        for method in self.methods:
            if method not in METHODS:
                raise unknown("method", method, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InputError("fast-calorimeter needs each method once and at least one, as --methods flow")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find unknown particles and features, and energies out of range.

        Raises:
            UnknownNameError: there is no such particle or feature.
            InputError: the energies are out of range.
        """
        from partonic.generation.shower_features import feature_names

        names = feature_names(self._simulator().geometry)
        for name in self.features:
            if name not in names:
                raise unknown("feature of showers", name, names)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        n, factor = self.showers, self.matching_factor
        seconds = 1.5e-4 * n * self.layer_epochs + min(2.1e-3 * n, 8.0) * self.epochs if "flow" in self.methods else 0.0
        if "matching" in self.methods:
            seconds += factor * (1.4e-4 * n * self.layer_epochs + min(2.5e-3 * n, 10.0) * self.epochs)
        return (
            f"fast-calorimeter: {self.showers + self.test:,} showers of the simulator and about {seconds:,.0f} "
            f"processor seconds of training; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a run that was interrupted goes on with what is stored."""
        result, simulator = context.result, self._simulator()
        truth = self._draw(simulator, self.test, TEST)
        samples: dict[str, Showers] = {"simulator": truth}
        rows = [{"showers of": "simulator", "showers a CPU-second": _rate(lambda: self._timed(simulator))}]
        for method, make, row in self._trained(context, simulator):
            samples[TITLES[method]] = make(truth.energy, self.seed)
            few = truth.energy[: max(100, self.test // 10)]
            rate = _rate(lambda make=make, few=few: (make(few, self.seed + 1), len(few))[1])  # type: ignore[misc]
            rows.append({"showers of": TITLES[method], "showers a CPU-second": rate, **row})
        tests = self._compare(result, samples, simulator.geometry, rows)
        sections = [
            self._rates(result, rows),
            _pictures(result, samples, simulator.geometry),
            _profiles(result, samples, simulator.geometry),
            _response(result, samples),
            _shown(result, samples, simulator.geometry, self.features),
            weights_section(result, tests, what="showers", words=SEEN),
        ]
        result.facts["title"] = f"Fast simulation of {self.particle} showers"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:hep-ex/0001020", "arXiv:2106.05285", "arXiv:2210.02747"]
        write_page(result, sections)
        return result

    def _simulator(self) -> CalorimeterShowers:
        from partonic.simulators.showers.simulator import CalorimeterShowers

        return CalorimeterShowers(self.particle, self.energies)

    def _draw(self, simulator: CalorimeterShowers, n: int, stream: int) -> Showers:
        from partonic.generation.shower_rows import showers

        events = simulator.simulate(0.0, n, generator(self.seed, stream))
        return showers(events.column("voxels"), events.column("energy"))

    def _timed(self, simulator: CalorimeterShowers) -> int:
        n = max(100, self.test // 10)
        simulator.simulate(0.0, n, generator(self.seed, DRAWN))
        return n

    def _trained(self, context: Context, simulator: CalorimeterShowers) -> list[tuple[str, Drawing, dict[str, Any]]]:
        """Of each method: its name, what draws showers of given energies, and facts of its training."""
        from partonic.generation.calorimeter import LAYER_OPTIONS, SPLIT_OPTIONS, train_showers

        sample = self._draw(simulator, self.showers, TRAINING)
        found: list[tuple[str, Drawing, dict[str, Any]]] = []
        for method in self.methods:
            factor, hidden = (1, (self.width, self.width)) if method == "flow" else (self.matching_factor, self.width)
            kinds: tuple[Any, Any] = LAYER_OPTIONS[method], SPLIT_OPTIONS[method]
            passes = factor * self.layer_epochs, factor * self.epochs
            layers, splits = (replace(one, epochs=n, hidden=hidden) for one, n in zip(kinds, passes, strict=True))
            made = train_showers(
                sample,
                method,
                layers=layers,
                splits=splits,
                seed=self.seed,
                directory=context.result.checkpoint(method),
                device=context.device,
            )
            made.save(context.result.checkpoint(method) / "generator.pt")
            seconds = sum(float(step["seconds"]) for step in made.facts["steps"])
            found.append(
                (method, partial(_drawn, made), {"weights": made.parameters, "seconds of training": round(seconds, 1)})
            )
        return found

    def _compare(
        self, result: Result, samples: Mapping[str, Showers], cylinder: Cylinder, rows: list[dict[str, Any]]
    ) -> dict[str, TwoSample]:
        """What a classifier sees, by name; put into the rows of the table too."""
        from partonic.generation.evaluate import two_sample
        from partonic.generation.shower_features import features

        truth, tests, baseline = features(samples["simulator"], cylinder), {}, None
        for row in rows[1:]:
            name = str(row["showers of"])
            found = two_sample(truth, features(samples[name], cylinder), baseline=baseline, seed=self.seed)
            tests[name], baseline = found, found.baseline
            row["AUC of a classifier"] = found.auc
            result.summary[f"AUC of a classifier, {name}"] = found.auc
        if baseline is not None:
            rows[0]["AUC of a classifier"] = baseline.auc
            result.summary["AUC of a classifier, simulator against itself"] = baseline.auc
        return tests

    def _rates(self, result: Result, rows: list[dict[str, Any]]) -> Section:
        names = ("showers of", "AUC of a classifier", "showers a CPU-second", "weights", "seconds of training")
        result.add_table(
            "showers",
            "What a classifier sees of the difference to the simulator (0.5 is nothing), and rates of one thread.",
            [{name: row.get(name, "") for name in names} for row in rows],
        )
        said, own = [], rows[0]["showers a CPU-second"]
        for row in rows[1:]:
            rate = row["showers a CPU-second"]
            factor = rate.value / own.value
            words = f"{factor:.2g} times as many" if factor > 1 else f"{1 / factor:.2g} times fewer"
            said.append(f"{row['showers of']} draws {words} showers a second than the simulator")
            error = factor * float(np.hypot(rate.error / rate.value, own.error / own.value))
            title = f"showers a second, {row['showers of']} over simulator"
            result.summary[title] = Estimate.symmetric(factor, error, "repeats")
        text = f"{'; '.join(said).capitalize()}, which is itself a parametrisation and no simulation of each particle."
        return Section("Showers", text, (), ("showers",))


def _drawn(made: ShowerGenerator, energy: Floats, seed: int) -> Showers:
    """One shower for each energy; one just outside of the range of the training is moved to its end."""
    return made.sample(np.clip(energy, *made.energies), generator(seed, DRAWN))


def _rate(draw: Callable[[], int]) -> Estimate:
    """Showers a second of processor time: median and spread of some repeats."""
    rates = []
    for _ in range(REPEATS):
        began = time.process_time()
        count = draw()
        rates.append(count / max(time.process_time() - began, 1e-6))
    return Estimate.symmetric(statistics.median(rates), 0.5 * (max(rates) - min(rates)), "repeats")


def _pictures(result: Result, samples: Mapping[str, Showers], cylinder: Cylinder) -> Section:
    from partonic.report.plots_showers import mean_showers
    from partonic.report.style import save_figure

    means = {name: sample.voxels.mean(axis=0) for name, sample in samples.items()}
    figure = mean_showers(means, cylinder.edges, np.concatenate([[0.0], cylinder.radii]))
    caption = "Mean showers: energy a volume along the axis (above) and across it (below)."
    totals = ", ".join(f"{name} {mean.sum():.2f} GeV" for name, mean in means.items())
    save_figure(result, "mean-showers", figure, caption, f"{caption} Mean energies read: {totals}.")
    return Section("Mean showers", "", ("mean-showers",), ())


def _profiles(result: Result, samples: Mapping[str, Showers], cylinder: Cylinder) -> Section:
    curves = []
    for label, axes in (("Layer", (2, 3)), ("Ring", (1, 3))):
        shares = {title: one.voxels.sum(axis=axes) / one.energy[:, None] for title, one in samples.items()}
        measured = {title: (one.mean(axis=0), one.std(axis=0) / np.sqrt(len(one))) for title, one in shares.items()}
        bins = np.arange(1, len(measured["simulator"][0]) + 1, dtype=np.float64)
        curves.append((bins, measured, label, "Share of the energy"))
    caption = "Mean share of the energy of the particle that is read in each layer (left) and ring (right)."
    _beside(result, "profiles", curves, caption)
    words = f"Layers are {cylinder.depth / cylinder.layers:.3g} cm thick, rings end at "
    words += f"{', '.join(f'{radius:g}' for radius in cylinder.radii)} cm."
    return Section("Profiles", words, ("profiles",), ())


def _response(result: Result, samples: Mapping[str, Showers]) -> Section:
    energy = np.log10(samples["simulator"].energy)
    edges = np.quantile(energy, np.linspace(0, 1, BINS + 1))
    place = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, BINS - 1)
    linear: dict[str, Measured] = {}
    wide: dict[str, Measured] = {}
    for name, sample in samples.items():
        response = sample.layers.sum(axis=1) / sample.energy
        groups = [response[place == k] for k in range(BINS)]
        mean, spread, count = (np.array([of(group) for group in groups]) for of in (np.mean, np.std, len))
        linear[name] = (mean, spread / np.sqrt(count))
        wide[name] = (spread / mean, spread / mean / np.sqrt(2 * count))
    label, middle = "log10(energy / GeV)", 0.5 * (edges[1:] + edges[:-1])
    curves = [(middle, linear, label, "Response"), (middle, wide, label, "Resolution")]
    caption = "What is read over the energy of the particle (left) and its relative spread (right), against energy."
    _beside(result, "response-by-energy", curves, caption)
    return Section("Linearity and resolution", "", ("response-by-energy",), ())


def _beside(
    result: Result, slug: str, curves: list[tuple[Floats, dict[str, Measured], str, str]], caption: str
) -> None:
    """A figure of curves: of each x, values and errors by name, and labels of both axes."""
    from partonic.report.plots_showers import ShowerCurve, shower_curves
    from partonic.report.style import save_figure

    drawn, told = [], []
    for x, measured, x_label, y_label in curves:
        truth = measured["simulator"]
        found = {name: values for name, values in measured.items() if name != "simulator"}
        drawn.append(ShowerCurve(x, truth, found, x_label, y_label))
        ratios = [f"{name} {np.mean(values[0] / np.maximum(truth[0], 1e-9)):.3f}" for name, values in found.items()]
        told.append(f"{y_label} by {x_label}: {', '.join(ratios)}")
    alt = f"{caption} Mean ratios to the simulator: {'; '.join(told)}."
    save_figure(result, slug, shower_curves(drawn), caption, alt)


def _shown(result: Result, samples: Mapping[str, Showers], cylinder: Cylinder, shown: tuple[str, ...]) -> Section:
    """Some features."""
    from partonic.generation.shower_features import feature_names, features
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    names = feature_names(cylinder)
    columns = {name: features(sample, cylinder) for name, sample in samples.items()}
    quantities, means = [], []
    for name in shown:
        label = f"{name[0].upper()}{name[1:]}{' [cm]' if name.startswith(LENGTHS) else ''}"
        values = {title: column[:, names.index(name)] for title, column in columns.items()}
        means.append(f"{name} {', '.join(f'{value.mean():.3g} ({title})' for title, value in values.items())}")
        quantities.append(Quantity(Observable(label, values.pop("simulator")), values))
    caption = "Features of the showers, beside the simulator."
    save_figure(result, "features", beside_truth(quantities), caption, f"{caption} Means: {'; '.join(means)}.")
    return Section("Features", "", ("features",), ())

"""Top quark pairs by an adversarial network, with and without the discrepancy of masses that makes peaks sharp."""

from __future__ import annotations

import time
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
from partonic.recipes.generated_common import weights_section
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.generation.coordinates import Coordinates
    from partonic.generation.evaluate import TwoSample
    from partonic.generation.gan import GanGenerator, Peaks
    from partonic.generation.rest_frames import RestFrames
    from partonic.metrics.peak import Peak

TEXT = (
    "Pairs of top quarks decay to six quarks, whose momenta an adversarial network learns, each in the rest frame of "
    "what it comes from. Alone it does not see that two or three of them come from a narrow resonance. A discrepancy "
    "of the masses under a kernel in its loss makes the peaks sharp. In coordinates that hold the masses the peaks "
    "need no such help. The truth is leading-order matrix elements of Pythia, with events that no network has seen."
)
METHODS = {
    "plain": "plain",
    "peaks": "with discrepancy",
    "coordinates": "mass coordinates",
}
METHODS_TEXT = (
    "The truth is grey. Plain: the network learns the momenta alone. With discrepancy: the masses are compared, too; "
    "network, seed and number of updates are the same. Mass coordinates: the network learns masses and angles, from "
    "which momenta are made. All three are held to the distribution of each number that they make, and of mixtures of "
    "two, so that a strong discrepancy does not narrow the peaks by shrinking the momenta: the last table says how far "
    "these spread. How more of them depend on each other is not held, and there sharp peaks have a price in a short "
    "training: the AUC of a classifier in the last table says how high it is."
)
PARTICLES = ("W+", "W-", "top", "antitop")

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"events": 600, "kept": 300, "updates": 6, "width": 16, "compared": 32},
    "quick": {"events": 20_000, "kept": 10_000, "updates": 2_500, "width": 64},
    "default": {},
    "benchmark": {"events": 500_000, "kept": 200_000, "updates": 60_000, "width": 256},
}


@register_recipe("gan-lhc-events", paper="arXiv:1907.03764")
@dataclass(frozen=True)
class GanLhcEvents:
    """GAN events: top quark pairs to six quarks, with and without a discrepancy of the W and top masses.

    Args:
        methods: plain, peaks, coordinates.
        events: to learn from.
        kept: that no network sees, to compare with; as many are generated.
        updates: of the weights of each generator.
        width: of the three hidden layers of generator and critic.
        strength: of the discrepancy in the loss of ``peaks``.
        marginals: strength of the comparison of single numbers in the loss of each generator.
        kernel: breit-wigner or gaussian.
        kernel_widths: of the kernel, in GeV.
        compared: events of a batch whose masses are compared.
        seed: of everything random.
    """

    methods: tuple[str, ...] = ("plain", "peaks", "coordinates")
    events: int = 100_000
    kept: int = 50_000
    updates: int = 8_000
    width: int = 128
    strength: float = 150.0
    marginals: float = 10.0
    kernel: str = "breit-wigner"
    kernel_widths: tuple[float, ...] = (2.0, 8.0, 32.0)
    compared: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, events=100, kept=100, updates=1, width=1, compared=2, seed=0)
        for name in self.methods:
            if name not in METHODS:
                raise unknown("method of gan-lhc-events", name, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise InputError("name each method once, at least one, as --methods plain peaks")
        if not self.strength > 0:
            raise InputError(f"the strength must be above 0, not {self.strength}; --methods plain does without")
        if not self.marginals >= 0:
            raise InputError(
                f"the strength of the comparison of single numbers must be 0 or above, not {self.marginals}"
            )

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Find missing packages, and a kernel that there is not.

        Raises:
            MissingPackageError: Pythia is not installed.
            UnknownNameError: there is no such kernel.
            InputError: a width of the kernel is not above 0.
        """
        from partonic.objectives.mmd import Kernel

        require("pythia8mc", "simulate")
        Kernel(self.kernel_widths, self.kernel)

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        seconds = len(self.methods) * self.updates * (0.01 + 1e-6 * self.width**2)
        return (
            f"gan-lhc-events: {self.events + self.kept:,} top quark pairs to simulate in some "
            f"{1 + (self.events + self.kept) / 10_000:,.0f} s, then {len(self.methods)} trainings of some "
            f"{seconds:,.0f} processor seconds together; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a run that was interrupted goes on with what is stored."""
        from partonic.simulators.top_pairs import top_pairs

        result = context.result
        momenta = top_pairs(self.events + self.kept, seed=self.seed + 1)[:, :, 1:].reshape(-1, 18)
        learned, truth = momenta[: self.events], momenta[self.events :]
        drawn: dict[str, NDArray[np.float64]] = {}
        facts: dict[str, dict[str, Any]] = {}
        for number, name in enumerate(self.methods):
            began = time.process_time()
            made = self._train(context, name, learned)
            spent = time.process_time() - began
            drawn[METHODS[name]] = made.sample(self.kept, generator(self.seed, 10, number))
            facts[METHODS[name]] = {"training, processor seconds": round(spent, 1), "weights": made.parameters}
        masses = {name: _masses(values) for name, values in {"truth": truth, **drawn}.items()}
        widths = _tabulate_peaks(result, masses)
        _summarise(result, widths)
        tests = _tabulate_whole(result, truth, drawn, facts)
        _draw_masses(result, masses)
        _draw_others(result, truth, drawn)
        result.facts["title"] = "Top quark pairs by an adversarial network"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:1907.03764", "arXiv:1406.2661", "arXiv:1705.09367"]
        sections = [
            Section("Resonances", METHODS_TEXT, ("masses",), ("peaks",)),
            Section("Everything else", "", ("momenta",), ("generators",)),
            weights_section(result, tests, words="The classifier sees the 18 momenta."),
        ]
        write_page(result, sections)
        return result

    def _train(self, context: Context, name: str, values: NDArray[np.float64]) -> GanGenerator:
        from partonic.generation.gan import GanOptions, train_gan
        from partonic.generation.table import table

        size = 128
        coordinates = _chain() if name == "coordinates" else _rest_frames()
        options = GanOptions(
            hidden=(self.width,) * 3,
            critic=(self.width,) * 3,
            latent=20,
            spheres=4,
            marginals=self.marginals,
            size=size,
            learning_rate=6e-3,
            knots=24 if name == "coordinates" else 0,
            epochs=max(1, round(self.updates * size / (0.9 * self.events))),
        )
        peaks = self._peaks() if name == "peaks" else None
        folder = context.result.checkpoint(name)
        sample = table(coordinates.names, values)
        return train_gan(
            sample, coordinates, options, peaks=peaks, seed=self.seed, directory=folder, device=context.device
        )

    def _peaks(self) -> Peaks:
        from partonic.generation.gan import Peaks

        masses = _rest_frames().resonances
        return Peaks(masses, self.kernel_widths, self.kernel, self.strength, self.compared, of_coordinates=True)


def _invariants() -> Any:
    from partonic.generation.gan import InvariantMasses
    from partonic.simulators.top_pairs import ANTITOP, MASSES, TOP, W_MINUS, W_PLUS

    return InvariantMasses((W_PLUS, W_MINUS, TOP, ANTITOP), MASSES)


def _masses(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Masses of W+, W-, top and antitop of momenta (n, 18), (n, 4) in GeV."""
    import torch

    found: NDArray[np.float64] = _invariants()(torch.from_numpy(np.ascontiguousarray(values))).numpy()
    return found


def _rest_frames() -> RestFrames:
    """Momenta of the quarks in the rest frames of W boson and top quark, and those of the top quarks themselves."""
    from partonic.generation.rest_frames import RestFrames
    from partonic.simulators.top_pairs import MASSES, QUARKS

    bottom, up, antidown, antibottom, down, antiup = QUARKS
    return RestFrames(((bottom, (up, antidown)), (antibottom, (down, antiup))), MASSES)


def _chain() -> Coordinates:
    """Masses and angles of the chain of decays, balanced and on shell."""
    from partonic.generation.decays import Decay, Decays
    from partonic.generation.lines import Logarithm, Resonant
    from partonic.simulators.top_pairs import MASSES, QUARKS, TOP_MASS, TOP_WIDTH, W_MASS, W_WIDTH

    b, *light = (Decay(name, mass) for name, mass in zip(QUARKS, MASSES, strict=True))
    first, second, other, *last = light
    w_map, top_map = Resonant(W_MASS, W_WIDTH), Resonant(TOP_MASS, TOP_WIDTH)
    tops = [
        Decay(name, top_map, (bottom, Decay(f"w of {name}", w_map, products)))
        for name, bottom, products in (("top", b, (first, second)), ("antitop", other, (last[0], last[1])))
    ]
    return Decays(Decay("pair", Logarithm(), (tops[0], tops[1]), above=True))


def _resonance(k: int) -> Any:
    from partonic.metrics.peak import Resonance
    from partonic.simulators.top_pairs import TOP_MASS, TOP_WIDTH, W_MASS, W_WIDTH

    mass, width = (W_MASS, W_WIDTH) if k < 2 else (TOP_MASS, TOP_WIDTH)
    return Resonance(PARTICLES[k], mass, width)


def _tabulate_peaks(result: Result, masses: dict[str, NDArray[np.float64]]) -> dict[str, list[Peak]]:
    from partonic.metrics.peak import peak

    widths = {name: [peak(values[:, k], _resonance(k)) for k in range(4)] for name, values in masses.items()}
    rows = [
        {
            "resonance": particle,
            "events": name,
            "median, GeV": found[k].median,
            "width, GeV": found[k].quartiles,
            "within two widths": found[k].inside,
        }
        for k, particle in enumerate(PARTICLES)
        for name, found in widths.items()
    ]
    caption = (
        "The peaks: their width is the distance of the quartiles, as that of a Breit-Wigner, beside the share of the "
        "masses within two widths of the resonance."
    )
    result.add_table("peaks", caption, rows)
    return widths


def _summarise(result: Result, widths: dict[str, list[Peak]]) -> None:
    """How much wider peaks are than the truth, and how much narrower the discrepancy makes them."""
    for k in (0, 2):
        particle = PARTICLES[k]
        for name in widths:
            if name != "truth":
                ratio = _over(widths[name][k].quartiles, widths["truth"][k].quartiles)
                result.summary[f"{particle}: width over the truth, {name}"] = ratio
        if METHODS["plain"] in widths and METHODS["peaks"] in widths:
            gain = _over(widths[METHODS["plain"]][k].quartiles, widths[METHODS["peaks"]][k].quartiles)
            result.summary[f"{particle}: how many times narrower by the discrepancy"] = gain


def _over(one: Estimate, other: Estimate) -> Estimate:
    value = one.value / other.value
    return Estimate.symmetric(
        value, abs(value) * float(np.hypot(one.error / one.value, other.error / other.value)), "bootstrap"
    )


def _tabulate_whole(
    result: Result,
    truth: NDArray[np.float64],
    drawn: dict[str, NDArray[np.float64]],
    facts: dict[str, dict[str, Any]],
) -> dict[str, TwoSample]:
    """What a classifier sees, by name, and the worst of the momenta."""
    from partonic.generation.evaluate import two_sample
    from partonic.metrics.pair import halves

    tests: dict[str, TwoSample] = {}
    rows, baseline = [], None
    first, second, *_ = halves(truth, None, 0)
    same, _ = _worst(first, second)
    for name, values in drawn.items():
        test = two_sample(truth, values, baseline=baseline)
        tests[name], baseline = test, test.baseline
        distance, momentum = _worst(first, values[: len(second)])
        spreads = _spreads(truth, values)
        rows.append(
            {
                "generator": name,
                "least spread": spreads[0],
                "largest": spreads[-1],
                "AUC": test.auc,
                "AUC, truth": test.baseline.auc,
                "worst distance, GeV": distance,
                "of": momentum,
                "worst distance, truth, GeV": same,
                **facts[name],
            }
        )
        result.summary[f"AUC of a classifier, {name}"] = test.auc
    caption = (
        "Standard deviations of the momenta that spread least and most, over the truth's; AUC of a classifier that "
        "sees the 18 momenta and how they depend on each other (0.5: it sees nothing); and the largest Wasserstein "
        "distance of a momentum, in GeV, of as many generated events as half the truth from the other half. Truth is "
        "one half of the truth against the other."
    )
    result.add_table("generators", caption, rows)
    return tests


def _worst(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[Estimate, str]:
    """The largest Wasserstein distance of a momentum, in GeV, between events (n, 18) and (m, 18), and its name."""
    from partonic.metrics.distances import wasserstein

    return max(zip(wasserstein(one, other), _chain().names, strict=True), key=lambda pair: pair[0].value)


def _spreads(truth: NDArray[np.float64], values: NDArray[np.float64]) -> list[Estimate]:
    """Ratios of standard deviations of columns, from the smallest, with errors from the fourth moments."""
    ratios = values.std(axis=0) / truth.std(axis=0)
    parts = [
        (np.mean(((one - one.mean(axis=0)) / one.std(axis=0)) ** 4, axis=0) - 1) / (4 * len(one))
        for one in (values, truth)
    ]
    errors = ratios * np.sqrt(parts[0] + parts[1])
    return [Estimate.symmetric(float(ratios[i]), float(errors[i]), "fourth moments") for i in np.argsort(ratios)]


def _draw_masses(result: Result, masses: dict[str, NDArray[np.float64]]) -> None:
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    quantities, said = [], []
    for k, particle in enumerate(PARTICLES):
        aim = _resonance(k)
        others = {name: values[:, k] for name, values in masses.items() if name != "truth"}
        edges = aim.mass + np.linspace(-60, 60, 61)
        seen = Observable(f"Mass of the {particle} [GeV]", masses["truth"][:, k], edges, log=True)
        quantities.append(Quantity(seen, others))
        inside = ", ".join(
            f"{100 * np.mean(np.abs(values[:, k] - aim.mass) < 2 * aim.width):.0f} % ({one})"
            for one, values in masses.items()
        )
        said.append(f"within two widths of {aim.mass:g} GeV are {inside} of the masses of the {particle}")
    caption = f"Masses of {len(masses['truth']):,} events that no network saw, and of as many of each generator."
    save_figure(result, "masses", beside_truth(quantities), caption, f"{'; '.join(said)}.")


def _draw_others(result: Result, truth: NDArray[np.float64], drawn: dict[str, NDArray[np.float64]]) -> None:
    """Transverse momentum of the b quark and of the top quark, and what should balance."""
    from partonic.report.plots_generation import Quantity, beside_truth
    from partonic.report.plots_jets import Observable
    from partonic.report.style import save_figure

    def of(values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        momenta = values.reshape(len(values), 6, 3)
        top = momenta[:, :3].sum(axis=1)
        return {
            "$p_T$ of the b quark [GeV]": np.hypot(momenta[:, 0, 0], momenta[:, 0, 1]),
            "$p_T$ of the top quark [GeV]": np.hypot(top[:, 0], top[:, 1]),
            "$p_z$ of the top quark [GeV]": top[:, 2],
        }

    every = {name: of(values) for name, values in drawn.items()}
    quantities = [
        Quantity(Observable(label, values), {name: found[label] for name, found in every.items()})
        for label, values in of(truth).items()
    ]
    medians = "; ".join(
        f"{one.truth.label}: {np.median(one.truth.values):.3g} (truth), "
        + ", ".join(f"{np.median(values):.3g} ({name})" for name, values in one.generated.items())
        for one in quantities
    )
    caption = "Momenta of the b quark and of the top quark of each generator, beside the truth."
    save_figure(result, "momenta", beside_truth(quantities), caption, f"Medians: {medians}.")

"""U(1) gauge theory on a lattice, sampled by a gauge-invariant flow beside hybrid Monte Carlo and exact sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.errors import InputError
from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.recipes.common import check_numbers
from partonic.recipes.lattice_common import (
    chain_curve,
    chain_mean,
    chain_time,
    deviation,
    draw_curve,
    draw_histories,
    draw_losses,
    drawn,
    hybrid,
    numbers_of,
)
from partonic.report.page import Section, write_page

if TYPE_CHECKING:
    from partonic.core.estimate import Estimate
    from partonic.lattice.chains import Accepted
    from partonic.lattice.gauge_flow import GaugeFlow
    from partonic.lattice.u1 import U1
    from partonic.recipes.lattice_common import Floats

TEXT = (
    "Towards the continuum the topological charge of a gauge theory freezes in hybrid Monte Carlo: small steps do not "
    "lead from one charge to another. A flow draws each configuration anew. In two dimensions the theory of angles can "
    "be solved, so that sums over characters stand beside all that is measured."
)
FLOW = (
    "The flow turns links as the loops say that no turn changes, so that its density is gauge invariant. Its loss is "
    "bounded by minus the logarithm of Z, which is known. Each larger beta begins with the weights of the one before. "
    "Acceptance is the share of draws that enter the chain of independence Metropolis; the effective sample size hangs "
    "on a few large weights and means little without the number of draws."
)
CHARGE = (
    "The autocorrelation time counts draws for the flow and trajectories for hybrid Monte Carlo. A chain whose charge "
    "has hardly moved looks better than it is: errors hold where chains are much longer than that time."
)
SHOWN = 400  # steps of a history

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "side": 4,
        "betas": (1.0,),
        "steps": 20,
        "size": 32,
        "layers": 8,
        "hidden": 8,
        "draws": 400,
        "chains": 16,
        "fields": 20,
    },
    "quick": {"steps": 300, "size": 64, "draws": 8_192, "chains": 32, "fields": 300},
    "default": {},
    "benchmark": {"betas": (1.0, 2.0, 3.0, 4.0, 5.0), "steps": 6_000, "draws": 65_536, "fields": 2_000},
}


@register_recipe("lattice-u1", paper="arXiv:2101.08176")
@dataclass(frozen=True)
class LatticeU1:
    """Lattice U(1): a gauge-invariant flow and hybrid Monte Carlo beside exact sums, with the topological charge.

    Args:
        side: L, sites in each direction, a multiple of 4.
        betas: inverse squared couplings, rising.
        steps: of the training at each of them.
        size: configurations of each step.
        layers: of the flow, 8 or more.
        hidden: width of its networks.
        draws: of the trained flow.
        chains: of hybrid Monte Carlo.
        fields: kept of each chain, one trajectory apart.
        seed: of everything random.
    """

    side: int = 8
    betas: tuple[float, ...] = (2.0, 4.0)
    steps: int = 1_500
    size: int = 128
    layers: int = 16
    hidden: int = 24
    draws: int = 16_384
    chains: int = 64
    fields: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, side=4, steps=1, size=1, layers=8, hidden=1, draws=100, chains=2, fields=10, seed=0)
        if self.side % 4:
            raise InputError(f"side is a multiple of 4, not {self.side}")
        if not self.betas or min(self.betas) <= 0 or list(self.betas) != sorted(set(self.betas)):
            raise InputError("lattice-u1 needs betas above 0, from the smallest to the largest, as --betas 2 4")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Nothing is missing: the theory is in the options."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        seconds = len(self.betas) * self.steps * (0.03 + self.size * self.side**2 * self.layers * 5e-7)
        return (
            f"lattice-u1: {len(self.betas)} trainings of some {seconds:,.0f} processor seconds in all and "
            f"{self.chains} chains of hybrid Monte Carlo at each beta; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a training that was interrupted goes on."""
        from partonic.lattice.u1 import U1

        result, studies, flow = context.result, [], None
        for number, beta in enumerate(self.betas):
            flow, study = self._study(context, U1(self.side, beta), number, flow)
            studies.append(study)
        curves = {f"beta = {one.beta:g}": (one.losses, -one.partition) for one in studies}
        draw_losses(result, curves, "The loss of each training above its bound, minus the exact logarithm of Z.")
        rows: list[dict[str, Any]] = [{"beta": one.beta, **one.numbers} for one in studies]
        result.add_table("flows", f"Flows after {self.steps:,} steps of {self.size} configurations.", rows)
        result.add_table(
            "means", "Means beside their exact values.", [row for one in studies for row in self._rows(one)]
        )
        for one in studies:
            result.summary[f"beta = {one.beta:g}: acceptance"] = one.acceptance
            flow_of = one.samples["flow"]
            result.summary[f"beta = {one.beta:g}: squared charge"] = chain_mean(flow_of.charge**2, flow_of.chain)
            result.summary[f"beta = {one.beta:g}: plaquette"] = chain_mean(flow_of.loops[..., 0], flow_of.chain)
        sections = [Section("Flows", FLOW, ("training",), ("flows",)), Section("Means", CHARGE, (), ("means",))]
        sections += [_section(result, one, self.side) for one in studies]
        result.facts["warnings"] = [said for one in studies for said in one.warnings]
        result.facts["title"] = "Lattice U(1)"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = [
            "partonic",
            "arXiv:2101.08176",
            "arXiv:2003.06413",
            "arXiv:1703.09194",
            "hep-lat/0306017",
        ]
        write_page(result, sections)
        return result

    def _rows(self, study: _Study) -> list[dict[str, Any]]:
        """Squared charge and plaquette of each sample."""
        from partonic.lattice.u1_exact import charge_squared, plaquette

        rows = []
        for quantity, exact in (("Q^2", charge_squared), ("plaquette", plaquette)):
            truth = exact(study.beta, self.side)
            for name, sample in study.samples.items():
                values = sample.charge**2 if quantity == "Q^2" else sample.loops[..., 0]
                found = chain_mean(values, sample.chain)
                row = {"beta": study.beta, "quantity": quantity, "sampler": name, "found": found, "exact": truth}
                rows.append(
                    row | {"errors off": deviation(found, truth), "autocorrelation": chain_time(values, sample.chain)}
                )
        return rows

    def _study(self, context: Context, theory: U1, number: int, start: GaugeFlow | None) -> tuple[GaugeFlow, _Study]:
        """Train a flow at one beta, draw from it, and run the other chains."""
        from partonic.lattice.gauge_flow import train_gauge_flow
        from partonic.lattice.training import usual_options
        from partonic.lattice.u1_exact import log_partition

        seed = self.seed + 1_000 * number
        shape = {"steps": self.steps, "size": self.size, "layers": self.layers, "hidden": self.hidden}
        options = usual_options(5e-3, seed, context.device)
        folder = context.result.checkpoint(f"beta-{theory.beta:g}")
        flow, fit = train_gauge_flow(theory, seed=seed, start=start, options=options, directory=folder, **shape)
        made = drawn(flow, theory, self.draws, seed)
        fields, _ = hybrid(theory, self.chains, self.fields, seed)
        samples = {"flow": _Links.of(made.fields, made.chain), "hybrid Monte Carlo": _Links.of(fields)}
        exact = log_partition(theory.beta, self.side)
        numbers = {
            "acceptance": made.acceptance,
            "ESS": made.effective,
            "log Z": made.partition,
            "exact log Z": exact,
            "errors off": deviation(made.partition, exact),
        }
        losses = np.array([record["loss"] for record in fit.history])
        warnings = made.warnings(f"beta = {theory.beta:g}: ")
        return flow, _Study(theory.beta, made.acceptance, numbers, losses, exact, samples, warnings)


@dataclass(frozen=True)
class _Links:
    """What is measured of each draw of a flow, (n, ...), with the chain of them, or along chains (chains, n, ...)."""

    charge: Floats
    loops: Floats
    sines: Floats
    chain: Accepted | None

    @classmethod
    def of(cls, links: Any, chain: Accepted | None = None) -> Self:
        from partonic.lattice.phi4 import correlations
        from partonic.lattice.u1 import charge, plaquettes, wilson_loops

        loops = [numbers_of(wilson_loops(links, *sides)) for sides in rectangles(links.shape[-1])]
        sines = correlations(plaquettes(links).sin())
        return cls(numbers_of(charge(links)), np.stack(loops, axis=-1), numbers_of(sines), chain)

    def first(self, n: int) -> Floats:
        """The charge along the first states of a chain, (n,)."""
        return self.charge[0, :n] if self.chain is None else self.charge[self.chain.rows[:n]]

    def shares(self, most: int) -> Floats:
        """Whether the charge is -most to most, (..., 2 * most + 1), as 0 or 1."""
        hit: Floats = (self.charge[..., None] == np.arange(-most, most + 1)).astype(float)
        return hit


@dataclass(frozen=True)
class _Study:
    """What was found at one beta."""

    beta: float
    acceptance: Estimate
    numbers: dict[str, Any]
    losses: Floats
    partition: float
    samples: dict[str, _Links]
    warnings: list[str]


def rectangles(side: int) -> list[tuple[int, int]]:
    """Rectangles of areas 1 to 6 and 9 that fit half of the lattice."""
    return [sides for sides in ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (3, 3)) if max(sides) <= max(2, side // 2)]


def _section(result: Result, study: _Study, side: int) -> Section:
    """Figures of one beta."""
    from partonic.lattice.u1_exact import charge_shares, charge_squared, sine_correlation, wilson_loop

    slug, beta, samples = f"{study.beta:g}".replace(".", "-"), study.beta, study.samples
    most = min(side**2 // 2, int(3.5 * np.sqrt(charge_squared(beta, side))) + 1)
    exact = charge_shares(beta, side, most)
    draw_curve(
        result,
        f"charges-{slug}",
        np.arange(-most, most + 1).astype(float),
        ("exact", (exact, np.zeros_like(exact))),
        {name: chain_curve(sample.shares(most), sample.chain) for name, sample in samples.items()},
        ("Topological charge", "Share"),
        f"Shares of the topological charges at beta = {beta:g}.",
    )
    histories = {"Flow": samples["flow"].first(SHOWN), "Hybrid Monte Carlo": samples["hybrid Monte Carlo"].first(SHOWN)}
    caption = (
        f"The topological charge at beta = {beta:g} along a chain of the flow's draws and one of hybrid Monte Carlo."
    )
    draw_histories(result, f"history-{slug}", histories, "Q", caption)
    areas = np.array([width * height for width, height in rectangles(side)])
    exact = np.array([wilson_loop(beta, int(area), side) for area in areas])
    draw_curve(
        result,
        f"loops-{slug}",
        areas.astype(float),
        ("exact", (exact, np.zeros_like(exact))),
        {name: chain_curve(sample.loops, sample.chain) for name, sample in samples.items()},
        ("Area of the loop", "Mean Wilson loop"),
        f"Wilson loops at beta = {beta:g} against their area; on an infinite lattice {wilson_loop(beta, 1):.4f}^area.",
        log=True,
    )
    same, other = sine_correlation(beta, side)
    exact = np.array([same, *[other] * (side - 1)])
    draw_curve(
        result,
        f"two-point-{slug}",
        np.arange(side).astype(float),
        ("exact", (exact, np.zeros_like(exact))),
        {name: chain_curve(sample.sines, sample.chain) for name, sample in samples.items()},
        ("Distance", "<sin P sin P'>"),
        f"The two-point function of the sine of plaquettes at beta = {beta:g}.",
    )
    figures = tuple(f"{kind}-{slug}" for kind in ("charges", "history", "loops", "two-point"))
    return Section(f"beta = {beta:g}", "", figures, ())

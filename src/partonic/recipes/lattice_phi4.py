"""The scalar theory phi^4 on a lattice, sampled by a flow beside hybrid Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from partonic.core.config import merge
from partonic.core.estimate import Estimate
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
    from partonic.lattice.chains import Accepted
    from partonic.recipes.lattice_common import Floats

TEXT = (
    "A network that turns noise into fields learns the action of a lattice field theory from its own draws. It knows "
    "how likely each of them is, so that independence Metropolis makes an exact chain of them. The truth beside it is "
    "hybrid Monte Carlo, many chains of it."
)
FLOW = (
    "Affine couplings on a checkerboard that treat a field and its negative alike, so that both vacua are met equally "
    "often. The loss is bounded by minus the logarithm of Z, which the weights of the draws estimate. Acceptance is "
    "the share of draws that enter the chain. The effective sample size hangs on a few large weights and means little "
    "without the number of draws."
)
BINS = 24
SHOWN = 300  # steps of a history

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"side": 4, "steps": 30, "size": 64, "layers": 4, "hidden": 16, "draws": 800, "chains": 16, "fields": 20},
    "quick": {"steps": 500, "chains": 64, "fields": 60},
    "default": {},
    "benchmark": {"steps": 9_000, "draws": 65_536, "chains": 256, "fields": 400},
}


@register_recipe("lattice-phi4", paper="arXiv:2101.08176")
@dataclass(frozen=True)
class LatticePhi4:
    """Lattice phi^4: a flow samples a field theory with two vacua, beside hybrid Monte Carlo.

    Args:
        side: L, sites in each direction, even.
        mass2: m^2, may be negative.
        coupling: lambda, above 0.
        steps: of the flow's training.
        size: fields of each step.
        layers: of the flow.
        hidden: width of its networks.
        draws: of the trained flow.
        chains: of hybrid Monte Carlo.
        fields: kept of each chain, two trajectories apart.
        seed: of everything random.
    """

    side: int = 8
    mass2: float = -4.0
    coupling: float = 8.0
    steps: int = 950
    size: int = 512
    layers: int = 12
    hidden: int = 128
    draws: int = 16_384
    chains: int = 128
    fields: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        from partonic.lattice.phi4 import Phi4

        Phi4(self.side, self.mass2, self.coupling)
        check_numbers(self, steps=1, size=1, layers=2, hidden=1, draws=100, chains=2, fields=10, seed=0)

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return merge(cls(), PRESETS[name])

    def check(self) -> None:
        """Nothing is missing: the theory is in the options."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        seconds = self.steps * self.size * self.layers * self.side**2 * 1.3e-7
        return (
            f"lattice-phi4: a training of some {seconds:,.0f} processor seconds and {self.chains} chains of hybrid "
            f"Monte Carlo; everything goes to {context.result.path}"
        )

    def run(self, context: Context) -> Result:
        """Do the study; a training that was interrupted goes on."""
        from partonic.lattice.flow import train_flow
        from partonic.lattice.phi4 import Phi4
        from partonic.lattice.training import usual_options

        result, theory = context.result, Phi4(self.side, self.mass2, self.coupling)
        shape = {"steps": self.steps, "size": self.size, "layers": self.layers, "hidden": self.hidden}
        options = usual_options(4e-3, self.seed, context.device)
        folder = result.checkpoint("flow")
        flow, fit = train_flow(theory, seed=self.seed, options=options, directory=folder, **shape)
        made = drawn(flow, theory, self.draws, self.seed)
        fields, accepted = hybrid(theory, self.chains, self.fields, self.seed, every=2)
        numbers = {
            "acceptance of the draws": made.acceptance,
            "effective share (ESS) of the draws": made.effective,
            "logarithm of Z": made.partition,
        }
        result.summary.update(numbers)
        losses = np.array([record["loss"] for record in fit.history])
        draw_losses(result, {"phi^4": (losses, -made.partition.value)}, "The loss of the training above its bound.")
        rows = [{"quantity": name, "value": value} for name, value in numbers.items()]
        rows.append({"quantity": "acceptance of hybrid Monte Carlo", "value": accepted})
        result.add_table("flow", f"The flow after {self.steps:,} steps of {self.size} fields.", rows)
        sections = [
            Section("The flow", FLOW, ("training",), ("flow",)),
            *_compare(result, _Measured.of(made.fields), made.chain, _Measured.of(fields)),
        ]
        result.facts["warnings"] = made.warnings()
        result.facts["title"] = "Lattice phi^4"
        result.facts["abstract"] = TEXT
        result.facts["citations"] = ["partonic", "arXiv:2101.08176", "arXiv:1703.09194", "hep-lat/0306017"]
        write_page(result, sections)
        return result


@dataclass(frozen=True)
class _Measured:
    """What is measured of each field of a sample, (n, ...) or (chains, n, ...)."""

    square: Floats
    mean: Floats
    along: Floats

    @classmethod
    def of(cls, phi: Any) -> Self:
        from partonic.lattice.phi4 import correlations, magnetisation

        square = phi.square().mean(dim=(-2, -1))
        return cls(numbers_of(square), numbers_of(magnetisation(phi)), numbers_of(correlations(phi)))

    def shares(self, edges: Floats) -> Floats:
        """In which bin the mean field is, (..., bins), as 0 or 1."""
        place = np.clip(np.searchsorted(edges, self.mean, side="right") - 1, 0, len(edges) - 2)
        return np.eye(len(edges) - 1)[place]


def _compare(result: Result, draws: _Measured, chain: Accepted, exact: _Measured) -> list[Section]:
    rows: list[dict[str, Any]] = []
    for name, one, other in (
        ("phi^2", draws.square, exact.square),
        ("|M|", np.abs(draws.mean), np.abs(exact.mean)),
        ("share with M > 0", (draws.mean > 0).astype(float), (exact.mean > 0).astype(float)),
    ):
        found, expected = chain_mean(one, chain), chain_mean(other)
        row = {
            "quantity": name,
            "flow": found,
            "hybrid Monte Carlo": expected,
            "errors apart": deviation(found, expected),
        }
        rows.append(row | {"time, flow": chain_time(one, chain), "time, hybrid": chain_time(other)})
        result.summary[name] = found
    positive = float((draws.mean > 0).mean())
    error = float(np.sqrt(positive * (1 - positive) / len(draws.mean)))
    result.summary["share of draws with M > 0"] = Estimate.symmetric(positive, error, "binomial")
    caption = "Means with errors that the autocorrelation leaves, and its time in draws or pairs of trajectories."
    result.add_table("means", caption, rows)
    far = float(np.quantile(np.abs(exact.mean), 0.999)) * 1.1
    edges = np.linspace(-far, far, BINS + 1)
    place = draws.shares(edges)
    shares = {"draws": chain_curve(place), "chain of the flow": chain_curve(place, chain)}
    truth = ("hybrid Monte Carlo", chain_curve(exact.shares(edges)))
    middle = 0.5 * (edges[1:] + edges[:-1])
    caption = "The mean field M of a configuration: share in each bin, those beyond in the outermost."
    draw_curve(result, "magnetisation", middle, truth, shares, ("Mean field M", "Share"), caption)
    distance = np.arange(exact.along.shape[-1]).astype(float)
    truth = ("hybrid Monte Carlo", chain_curve(exact.along))
    caption = "The two-point function along an axis of the lattice."
    found_along = {"chain of the flow": chain_curve(draws.along, chain)}
    draw_curve(result, "two-point", distance, truth, found_along, ("Distance", "Correlation"), caption)
    histories = {"Flow": draws.mean[chain.rows[:SHOWN]], "Hybrid Monte Carlo": exact.mean[0, :SHOWN]}
    draw_histories(
        result,
        "history",
        histories,
        "M",
        "The mean field along a chain of the flow's draws and along one of hybrid Monte Carlo.",
    )
    return [
        Section("Means", "", (), ("means",)),
        Section("The mean field", "", ("magnetisation", "history"), ()),
        Section("The two-point function", "", ("two-point",), ()),
    ]

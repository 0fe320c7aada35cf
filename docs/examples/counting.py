"""How good a tagger is the number of constituents? On jets of known likelihood, beside the best possible tagger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from partonic.core.recipe import Context
from partonic.core.registry import register_recipe
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.metrics.tagging import inverse, roc_band, summary
from partonic.report import plots
from partonic.report.page import Section, write_page
from partonic.report.style import save_figure
from partonic.simulators.poisson_jets import PoissonJets

JETS = {"tiny": 400, "quick": 5_000, "default": 20_000, "benchmark": 200_000}


@register_recipe("counting")
@dataclass(frozen=True)
class Counting:
    """Counting constituents: how much of the best possible tagger does their number alone give?

    Args:
        jets: number of jets of known likelihood, about half of each class.
        seed: of the jets.
    """

    jets: int = JETS["default"]
    seed: int = 1

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset."""
        return cls(jets=JETS[name])

    def check(self) -> None:
        """Find what is missing before anything is written; this recipe needs nothing."""

    def cost(self, context: Context) -> str:
        """One line that says what the run will take."""
        return f"counting: {self.jets:,} jets, a few seconds; everything goes to {context.result.path}"

    def run(self, context: Context) -> Result:
        """Do the study."""
        result, family, rng = context.result, PoissonJets(), generator(self.seed)
        jets = family.simulate((rng.random(self.jets) < 0.5).astype(float), self.jets, rng)
        labels = jets.column("label")
        taggers = {
            "counting": jets.collection("constituents").counts.astype(float),
            "exact likelihood ratio": family.log_ratio(jets),
        }
        rows, curves = [], {}
        for name, scores in taggers.items():
            numbers = summary(scores, labels)
            result.summary[f"AUC of {name}"] = numbers["auc"]
            rows.append({"tagger": name, "AUC": numbers["auc"], "R50": numbers["r50"]})
            band = roc_band([scores], labels)
            ends = (band.background_efficiency, band.statistical_high, band.statistical_low)
            curves[name] = plots.Curve(name, band.signal_efficiency, *map(inverse, ends))
        result.add_table("taggers", "What counting alone gives, beside the best possible tagger.", rows)
        best = curves.pop("exact likelihood ratio")
        figure = plots.roc(list(curves.values()), truth=best, signal="signal", background="background")
        caption = "Background rejection against signal efficiency; the band is the 68 % interval of the sample."
        save_figure(result, "roc", figure, caption, "ROC curves of counting and of the exact likelihood ratio.")
        text = "The likelihood of these jets is known, and so is the best that any tagger can do with them."
        write_page(result, [Section("Counting constituents", text, ("roc",), ("taggers",))])
        return result

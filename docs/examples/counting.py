"""How good a tagger is the number of constituents, beside the best possible one?"""

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
    """Counting constituents: what their number alone gives, beside the best tagger.

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
        return f"counting: {self.jets:,} jets to {context.result.path}, a few seconds"

    def run(self, context: Context) -> Result:
        """Do the study."""
        result, family, rng = context.result, PoissonJets(), generator(self.seed)
        theta = (rng.random(self.jets) < 0.5).astype(float)
        jets = family.simulate(theta, self.jets, rng)
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
            rejection = inverse(band.background_efficiency)
            low, high = inverse(band.statistical_high), inverse(band.statistical_low)
            curves[name] = plots.Curve(name, band.signal_efficiency, rejection, low, high)
        result.add_table("taggers", "Counting alone, beside the best tagger.", rows)
        best = curves.pop("exact likelihood ratio")
        figure = plots.roc(list(curves.values()), truth=best, signal="signal")
        caption = "Background rejection against signal efficiency, with 68 % bands."
        alt = "ROC curves of counting and of the exact likelihood ratio."
        save_figure(result, "roc", figure, caption, alt)
        text = "Their likelihood is known, and so is the best that any tagger can do."
        write_page(result, [Section("Counting", text, ("roc",), ("taggers",))])
        return result

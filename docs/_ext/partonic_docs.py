"""Directives that show what the code itself says: tables of its registries, help of its commands."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

Rows = list[tuple[str, ...]]


def processes() -> Rows:
    """Everything that `partonic simulate` knows by name."""
    from partonic.simulators.processes import LHE_LABEL, PROCESSES

    rows = [("Process", "Label", "A row is", "A jet must hold", "What")]
    for process in PROCESSES.values():
        match, held = process.match, ""
        if match is not None and match.required:
            held = f"{match.prongs} quarks of the decay" if match.prongs else "the parton"
        rows.append(
            (
                f"`{process.name}`",
                str(process.label),
                process.level[:-1],
                held,
                process.description,
            )
        )
    return [
        *rows,
        (
            "`lhe:FILE`",
            str(LHE_LABEL),
            "event",
            "",
            "parton-level events of a file, showered",
        ),
    ]


def windows() -> Rows:
    """The ranges of pT-hat for the default window of jets."""
    from partonic.simulators.options import SimulationOptions, settings

    rows = [("Window", "pT-hat for jets of 550 to 650 GeV")]
    for window in ("fast", "faithful"):
        lines = dict(
            line.split("=") for line in settings(SimulationOptions("top", 1, window=window)) if "pTHat" in line
        )
        low, high = lines["PhaseSpace:pTHatMin"], lines["PhaseSpace:pTHatMax"]
        rows.append((f"`{window}`", f"{low} to {high} GeV"))
    return rows


def models() -> Rows:
    """The registered models."""
    from partonic.core.registry import models as registry

    rows = [("Model", "Sees", "Unchanged by", "Source", "What")]
    for name in registry.names():
        entry = registry.find(name)
        first = " ".join((entry.cls.__doc__ or "").split("\n\n")[0].split())
        first = first.replace(":math:`", "$").replace("`", "$") if ":math:" in first else first
        unchanged = ", ".join(entry.facts.get("invariant", ()))
        rows.append((f"`{name}`", f"`{entry.facts['input']}`", unchanged, entry.paper, first))
    return rows


def features() -> Rows:
    """The high-level observables of jets."""
    from partonic.represent.features import DESCRIPTIONS

    return [
        ("Feature", "What"),
        *((f"`{name}`", text) for name, text in DESCRIPTIONS.items()),
    ]


def presets() -> Rows:
    """What the presets of the recipes change."""
    from partonic.core.registry import recipes
    from partonic.recipes.launch import PRESETS

    rows = [("Recipe", *(f"`{name}`" for name in PRESETS))]
    for name in recipes.names():
        usual = recipes.get(name).cls.preset("default")
        cells = []
        for preset in PRESETS:
            chosen = recipes.get(name).cls.preset(preset)
            changes = [f"{key} {_number(value)}" for key, value in vars(chosen).items() if value != vars(usual)[key]]
            cells.append(", ".join(changes) or _usual(recipes.get(name).cls))
        rows.append((f"`{name}`", *cells))
    return rows


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_number, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _usual(recipe: Any) -> str:
    """The default values of what the other presets change."""
    from partonic.recipes.launch import PRESETS

    usual, others = vars(recipe.preset("default")), [vars(recipe.preset(name)) for name in PRESETS]
    changed = [key for key, value in usual.items() if any(other[key] != value for other in others)]
    return ", ".join(f"{key} {_number(usual[key])}" for key in changed if usual[key] not in (None, ()))


def formats() -> Rows:
    """The file formats."""
    from partonic.io.formats import FORMATS

    rows = [("Format", "What", "Endings", "Written", "A written file holds")]
    for entry in FORMATS:
        endings = ", ".join(f"`{suffix}`" for suffix in entry.suffixes)
        written = "yes" if entry.write else "no"
        rows.append(
            (
                f"`{entry.name}`",
                entry.title,
                endings,
                written,
                entry.holds or "everything",
            )
        )
    return rows


def detectors() -> Rows:
    """The numbers of both detector cards."""
    from partonic.simulators.cards import ATLAS, CMS

    atlas, cms = _card(ATLAS), _card(CMS)
    return [
        ("", "`atlas`", "`cms`"),
        *((name, text, cms[name]) for name, text in atlas.items()),
    ]


def _card(card) -> dict[str, str]:
    tracker, solenoid, isolation, btag, tau = (
        card.tracker,
        card.solenoid,
        card.isolation,
        card.btag,
        card.tau,
    )
    efficiency = [f"{low:g} below 1 GeV, {high:g} above" for low, high, _ in tracker.hadron.efficiency]
    resolution = [f"{_percent(a)} ⊕ {_percent(b)} pT" for a, b in tracker.hadron.resolution]
    scale, rise, fall = btag.beauty
    charm_scale, charm_rise, charm_fall = btag.charm
    return {
        "Field, radius, half length": f"{solenoid.field:g} T, {solenoid.radius:g} m, {solenoid.half_length:g} m",
        "Tracks of charged hadrons above 0.1 GeV": _regions(tracker.efficiency_eta, efficiency),
        "Their pT resolution": _regions(tracker.resolution_eta, resolution),
        "Electromagnetic energy resolution": _calorimeter(card.ecal),
        "Hadronic energy resolution": _calorimeter(card.hcal),
        "Electrons": _identification(card.electron),
        "Muons": _identification(card.muon),
        "Photons": _identification(card.photon),
        "Isolation": f"cone {isolation.cone:g}, from {isolation.pt_min:g} GeV, "
        + ("other leptons count" if isolation.leptons else "leptons do not count"),
        "b tag of b jets": f"{scale:g} tanh({rise:g} pT) / (1 + {fall:g} pT)",
        "b tag of c jets": f"{charm_scale:g} tanh({charm_rise:g} pT) / (1 + {charm_fall:g} pT)",
        "b tag of other jets": f"{btag.light[0]:g} + {btag.light[1]:g} pT",
        "Tau tag of true taus": _tracks(tau.efficiency),
        "Tau tag of other jets": _tracks(tau.mistag),
    }


def _percent(value: float) -> str:
    return f"{100 * value:.4g}\u00a0%"


def _tracks(values) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return "<br>".join(f"{name}: {value:g}" for name, value in zip(("no track", "1", "more"), values, strict=True))


def _regions(edges, texts) -> str:
    """One line for each region in abs(eta)."""
    return "<br>".join(f"to {edge:g}: {text}" for edge, text in zip(edges, texts, strict=True))


def _calorimeter(calorimeter) -> str:
    lines = []
    for region in calorimeter.regions:
        terms = [f"{_percent(region.stochastic)}/√E", _percent(region.constant)]
        terms += [f"{region.noise:g} GeV/E"] if region.noise else []
        shaped = ", times f(η)" if region.shape != (1.0, 0.0, 0.0) else ""
        lines.append(" ⊕ ".join(terms) + shaped)
    return f"{_regions([r.eta_max for r in calorimeter.regions], lines)}<br>towers above {calorimeter.energy_min:g} GeV"


def _identification(kind) -> str:
    plateau = _regions(kind.eta, [f"{chance:g}" for chance in kind.efficiency])
    falls = f"<br>falling above {kind.fall_from:g} GeV" if kind.fall else ""
    return f"{plateau}<br>above {kind.pt_min:g} GeV{falls}<br>isolation below {kind.isolation_max:g}"


def variations() -> Rows:
    """Names of the shower variations."""
    from partonic.simulators.pythia import VARIATIONS

    return [
        ("Weight", "Factor on the renormalisation scale of"),
        *((f"`{v}`", _shower(v)) for v in VARIATIONS),
    ]


def _shower(name: str) -> str:
    shower, factor = name.split("_mur_")
    return f"{'initial' if shower == 'isr' else 'final'}-state radiation: {factor}"


TABLES = {
    table.__name__: table
    for table in (
        processes,
        windows,
        models,
        features,
        presets,
        formats,
        detectors,
        variations,
    )
}


class Table(SphinxDirective):
    """A table of what is registered: ``{partonic-table} processes``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = directives.choice(self.arguments[0], tuple(TABLES))
        head, *rows = TABLES[name]()
        escaped = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
        lines = [" | ".join(head), " | ".join("---" for _ in head), *escaped]
        return self.parse_text_to_nodes("\n".join(f"| {line} |" for line in lines))


class Help(SphinxDirective):
    """What a command says of itself: ``{partonic-help} simulate``."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        from partonic.cli import main

        tokens = [*" ".join(self.arguments).split(), "--help"]
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                main(tokens)
        except SystemExit as end:
            if end.code:
                raise ExtensionError(f"partonic {' '.join(tokens)} ended with {end.code}") from end
        text = said.getvalue().strip()
        if not text:
            raise ExtensionError(f"partonic {' '.join(tokens)} says nothing")
        return [nodes.literal_block(text, text, language="text")]


def name_aliases(_app: Sphinx, _domain: str, _kind: str, content: nodes.Element) -> None:
    """Undo what autodoc makes of an alias of a type inside of a union."""
    for text in list(content.findall(nodes.Text)):
        if "TypeAliasForwardRef" in text:
            text.parent.replace(text, nodes.Text(re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("partonic-table", Table)
    app.add_directive("partonic-help", Help)
    app.connect("object-description-transform", name_aliases, priority=900)
    return {"parallel_read_safe": True}

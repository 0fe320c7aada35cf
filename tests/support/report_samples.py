"""Run directories with made-up numbers that look like a real study, and one whose every name is hostile."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.report import plots, plots_jets
from partonic.report.page import Section
from partonic.report.style import save_figure

NASTY = (
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(2)' x='",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "顶夸克 κουάρκ $\\frac{x}{0}$ _hidden & {{ 7 * 7 }}",
)


def scores_of(labels, mass, separation, rng):
    """Scores of a tagger that sees one Gaussian of known separation, and the mass."""
    x = rng.normal(np.where(labels == 1, separation, -separation) / 2)
    return 1 / (1 + np.exp(-separation * x - 3 * np.exp(-(((mass - 168) / 35) ** 2)) + 1.5))


def make_jets(n=4000, seed=4):
    """Labels, masses and so on of jets that are roughly like tops and light jets."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    mass = np.where(labels == 1, rng.normal(168, 17, n), rng.gamma(2.2, 38, n))
    pt = 550 + rng.exponential(60, n).clip(0, 100)
    return SimpleNamespace(
        labels=labels,
        mass=mass,
        pt=pt,
        number=rng.poisson(np.where(labels == 1, 60, 43)),
        scores={
            "trees": scores_of(labels, mass, 2.6, rng),
            "cnn": scores_of(labels, mass, 2.4, rng),
            "pfn": scores_of(labels, mass, 2.8, rng),
        },
        rng=rng,
    )


def rejection(scores, labels, grid):
    """Background rejection on a grid of signal efficiencies, and its statistical band."""
    cuts = np.quantile(scores[labels == 1], 1 - grid)
    passed = np.array([(scores[labels == 0] > cut).sum() for cut in cuts])
    n = (labels == 0).sum()
    with np.errstate(divide="ignore"):
        return n / passed, n / (passed + np.sqrt(passed)), n / np.maximum(passed - np.sqrt(passed), 0.3)


def curves_of(jets):
    """ROC curves with both bands."""
    grid = np.linspace(0.02, 0.999, 300)
    curves = []
    for name, values in jets.scores.items():
        y, low, high = rejection(values, jets.labels, grid)
        spread = 1 + 0.12 * (1 - grid) if name != "trees" else None
        curves.append(
            plots.Curve(
                name, grid, y, low, high,
                None if spread is None else y / spread, None if spread is None else y * spread,
                note="AUC 0.981",
            )
        )  # fmt: skip
    return curves


def reliability_of(scores, labels, bins=12):
    """A reliability diagram as the metrics give it."""
    edges = np.quantile(scores, np.linspace(0, 1, bins + 1))
    place = np.clip(np.searchsorted(edges, scores) - 1, 0, bins - 1)
    n = np.bincount(place, minlength=bins)
    observed = np.bincount(place, labels, bins) / n
    error = np.sqrt(observed * (1 - observed) / n + 1 / n**2)
    return SimpleNamespace(
        predicted=np.bincount(place, scores, bins) / n, observed=observed, low=observed - error, high=observed + error
    )


def images_of(size=40):
    """Average images: one core, and three prongs."""
    axis = (np.arange(size) + 0.5) / size * 1.6 - 0.8
    eta, phi = np.meshgrid(axis, axis)

    def spot(x, y, width, share):
        """A Gaussian blob with a tail."""
        r2 = (eta - x) ** 2 + (phi - y) ** 2
        return share * (np.exp(-r2 / 2 / width**2) + 2e-3 / (0.01 + r2))

    images = {"QCD": spot(0, 0, 0.05, 1.0), "top": spot(0, -0.15, 0.08, 0.5) + spot(0.05, 0.25, 0.1, 0.3)}
    return {name: image / image.sum() for name, image in images.items()}


def draw_figures(jets):
    """Every figure of a study: name -> (figure, caption, alt)."""
    epochs = np.arange(1, 13)
    features = ("mass", "tau32", "soft-drop mass", "tau21", "multiplicity", "D2", "dispersion", "C2", "tau43", "width")
    losses = {
        name: Estimate.symmetric(0.09 / (i + 1) ** 1.5 - 0.001, 0.0011, "paired bootstrap")
        for i, name in enumerate(features)
    }
    removed = {
        name: Estimate.symmetric(size, 0.0013, "paired bootstrap")
        for name, size in (("softest half", 0.012), ("hardest", 0.03), ("three hardest", 0.08), ("neutral", 0.021))
    }
    top = jets.labels == 1
    cuts = {name: values[~top] > np.quantile(values[top], 0.5) for name, values in jets.scores.items()}
    summary = [
        plots_jets.Observable("Jet $p_T$ [GeV]", jets.pt),
        plots_jets.Observable("Jet mass [GeV]", jets.mass),
        plots_jets.Observable("Number of constituents", jets.number, np.arange(10.5, 105, 3)),
    ]
    ece = {name: Estimate.symmetric(0.0061 + 0.003 * i, 0.0012, "bootstrap") for i, name in enumerate(jets.scores)}
    trainings = [
        plots.Training(
            name,
            0.16 + 0.3 * np.exp(-epochs / 2) + 0.01 * i,
            0.175 + 0.25 * np.exp(-epochs / 2) + 0.001 * epochs + 0.01 * i,
            9,
        )
        for i, name in enumerate(("cnn", "pfn"))
    ]
    reliabilities = [
        plots.Reliability(name, **vars(reliability_of(values, jets.labels)), error=ece[name])
        for name, values in jets.scores.items()
    ]
    return {
        "roc": plots.roc(curves_of(jets)),
        "scores": plots_jets.scores(jets.scores, jets.labels),
        "images": plots_jets.jet_images(images_of(), 0.8),
        "importance": plots.importance(losses, "AUC lost when shuffled"),
        "removal": plots.importance(removed, "AUC lost when removed", model=2),
        "calibration": plots.calibration(reliabilities),
        "mass": plots_jets.mass_sculpting(jets.mass[~top], cuts),
        "history": plots.history(trainings, models=list(jets.scores)),
        "jets": plots_jets.jet_summary(summary, jets.labels),
    }


CAPTIONS = {
    "roc": "Background rejection against signal efficiency on the test jets. Dark bands: statistical error of the test "
    "sample; light bands: spread over three trainings. Higher is better.",
    "scores": "Scores of both classes, each normalised to unit area, with statistical errors.",
    "images": "Average of 6,000 jet images a class after centring, rotation and flips. The second and third prong of "
    "the top stand above the first.",
    "importance": "AUC that the trees lose when one feature is shuffled among the test jets.",
    "removal": "AUC that the networks lose when part of the constituents is taken away.",
    "calibration": "Fraction of tops against the mean score. Below: the difference.",
    "mass": "Mass of background jets before and after the cut at a signal efficiency of 0.5.",
    "history": "Loss of the networks during training. The state with the lowest validation loss was kept.",
    "jets": "Transverse momentum, mass and multiplicity of the jets of both classes.",
}


def result_table():
    """Rows as the study's main table has them, published ones among them."""
    rows = [
        {
            "model": name,
            "AUC": Estimate.symmetric(auc, 0.0011, "bootstrap"),
            "R50": Estimate.symmetric(r50, 0.07 * r50, "binomial"),
            "R30": Estimate(r30, 0.82 * r30, 1.27 * r30, "binomial", note),
            "parameters": size,
            "jets_per_second": Estimate.symmetric(rate, 0.04 * rate, "repeats"),
            "source": "this run",
        }
        for name, auc, r50, r30, note, size, rate in (
            ("trees", 0.9781, 168.0, 640.0, "", 12400, 210000.0),
            ("cnn", 0.9744, 131.0, 512.0, "rests on 11 background jets", 100321, 9100.0),
            ("pfn", 0.9802, 190.0, 811.0, "rests on 7 background jets", 82306, 6400.0),
        )
    ]
    published = [
        ("PFN", 0.9819, None, 247.0, 3.0, 888.0, 17.0, 82000, "arXiv:1902.09914"),
        ("ParticleNet", 0.9858, None, 397.0, 7.0, 1615.0, 93.0, 366000, "arXiv:1902.08570"),
    ]
    for name, auc, _, r50, e50, r30, e30, size, source in published:
        rows.append(
            {
                "model": name,
                "AUC": auc,
                "R50": Estimate.symmetric(r50, e50, "seeds"),
                "R30": Estimate.symmetric(r30, e30, "seeds"),
                "parameters": size,
                "source": source,
            }
        )
    return rows


def new_run(path: Path, recipe: str, config: dict, command: str) -> Result:
    """A run directory without a configuration class behind it."""
    for name in ("tables", "figures", "checkpoints"):
        (path / name).mkdir(parents=True, exist_ok=True)
    (path / "config.yaml").write_text("recipe: " + recipe.splitlines()[0] + "\n")
    return Result(path, recipe, config, command)


def realistic_run(path: Path) -> tuple[Result, list[Section]]:
    """A finished study of three taggers."""
    config = {
        "jets": 40000, "models": ["trees", "cnn", "pfn"], "seeds": 3, "data": [], "seed": 1, "detector": "atlas",
        "window": "fast", "epochs": None, "fit": {"learning_rate": 0.001, "schedule": "cosine"},
    }  # fmt: skip
    command = "partonic run top-tagging --jets 40000 --models trees cnn pfn --seeds 3 --output runs/top-tagging-1"
    result = new_run(path, "top-tagging", config, command)
    for name, figure in draw_figures(make_jets()).items():
        save_figure(result, name, figure, CAPTIONS[name], f"{CAPTIONS[name]} The numbers are in the tables.")
    result.add_table("taggers", "Taggers on 12,000 test jets, and published ones on other jets.", result_table())
    result.add_table(
        "sculpting", "Jensen-Shannon divergence of the background mass before and after the cut.",
        [{"model": "pfn", "signal_efficiency": 0.5, "divergence": Estimate.symmetric(0.113, 0.012, "bootstrap")}],
    )  # fmt: skip
    result.summary = {
        "AUC, trees": Estimate.symmetric(0.9781, 0.0011, "bootstrap"),
        "AUC, cnn": Estimate.symmetric(0.9744, 0.0013, "bootstrap"),
        "AUC, pfn": Estimate.symmetric(0.9802, 0.0010, "bootstrap"),
        "R50, pfn": Estimate.symmetric(190.0, 13.0, "binomial"),
        "R30, pfn": Estimate(811.0, 650.0, 1040.0, "binomial", "rests on 7 background jets"),
        "Test jets": 12000,
    }
    result.facts = {
        "title": "Top tagging: three taggers on simulated jets",
        "abstract": "Boosted top jets against light-quark and gluon jets with a transverse momentum of 550 to 650 GeV, "
        "from Pythia 8 collisions at 14 TeV through an ATLAS-like detector. The best tagger of this run is the "
        "particle flow network, with an AUC of 0.980.",
        "warnings": ["This run used few jets: the numbers show that everything works, not how well."],
        "versions": {"partonic": "0.1.0", "python": "3.11.2", "numpy": "2.4.4", "torch": "2.13.0+cpu"},
        "data": {"train": 24000, "validation": 4000, "test": 12000, "generator": "Pythia 8.317, tune Monash 2013"},
        "timings": {"simulation": "2 min", "training": "4 min", "evaluation": "40 s"},
        "citations": ["partonic", "arXiv:2203.11601", "arXiv:1810.05165"],
        "started": "2026-03-02T14:02:11+00:00",
        "finished": "2026-03-02T14:09:40+00:00",
    }
    result.status = "done"
    text = (
        "The taggers differ in what they see: the trees take substructure features, the convolutional network an "
        "image, the particle flow network (arXiv:1810.05165) all constituents.\n\nA rejection that rests on few "
        "background jets has a wide interval; the table says so. Compare taggers by R50 first."
    )
    sections = [
        Section("Performance", text, ("roc",), ("taggers",)),
        Section(
            "Scores and calibration", "A calibrated score can be read as a probability.", ("scores", "calibration")
        ),
        Section("What the taggers see", "Average images of the two classes.", ("images", "importance", "removal")),
        Section("Mass of the background", "A cut on a tagger shapes the background.", ("mass",), ("sculpting",)),
        Section("Training", "", ("history",)),
        Section("The jets", "", ("jets",)),
    ]
    return result, sections


def nasty_run(path: Path) -> tuple[Result, list[Section]]:
    """A run in which every name from outside tries to break the page."""
    script, quotes, long, unicode = NASTY
    result = new_run(path, script, {script: quotes, quotes: {long: unicode}}, f"partonic run {script} {quotes} {long}")
    jets = make_jets(400)
    names = dict(zip(NASTY, [*jets.scores.values(), jets.scores["pfn"]], strict=True))
    save_figure(result, "scores", plots_jets.scores(names, jets.labels, classes=(script, unicode)), script, quotes)
    grid = np.linspace(0.05, 0.95, 50)
    curves = [plots.Curve(name, grid, *rejection(values, jets.labels, grid)) for name, values in names.items()]
    save_figure(result, "roc", plots.roc(curves, signal=script, background=long), long, unicode)
    rows = [
        {
            script: name,
            long: Estimate.symmetric(0.5, 0.1, quotes, script),
            quotes: long,
            unicode: -1.5,
            "source": source,
        }
        for name, source in zip(NASTY, (script, "arXiv:<b>", "doi:10.1000/x\"onload='1'", quotes), strict=True)
    ]
    result.add_table('a "table" & <i>', script + quotes + long, rows)
    result.summary = {name: Estimate.symmetric(0.5, 0.1, name, name) for name in NASTY}
    result.facts = {
        "title": script + long,
        "abstract": quotes + unicode,
        "warnings": [script],
        "versions": {script: quotes},
        "data": {long: long},
        "timings": {quotes: script},
        "citations": [script, quotes],
    }
    return result, [Section(name, name, ("scores",), ('a "table" & <i>',)) for name in NASTY[:2]]

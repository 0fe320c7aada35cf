"""The sections of a page about quenched jets: scores against the true loss, Lund planes, which jets survive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.metrics.tagging import auc
from partonic.report.page import Section
from partonic.report.plots_quenching import Profile, lund_planes, profiles
from partonic.report.style import save_figure
from partonic.report.tagging import Tagger
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.lund import decluster
from partonic.simulators.medium import Medium, path_length, production_points

BINS = 5
MOST = 10_000  # jets of a class that average planes are made of
LEAST_FREE = 5  # jets without loss that a two-sample test needs
LOSSLESS = 1e-6  # lost share of a jet without loss: what rounding leaves of none
GEOMETRY = 200_000  # drawn paths
Floats = NDArray[np.float64]


def loss_section(result: Result, taggers: Sequence[Tagger], test: Events, labels: NDArray[np.int64]) -> Section:
    """Scores in bins of the true loss, and jets without loss against vacuum jets.

    Args:
        result: the run.
        taggers: with their scores of the test jets; the mean over the trainings counts.
        test: jets with ``medium_loss`` and ``medium_path``.
        labels: (jets,) 1 for jets of the medium.
    """
    loss = np.asarray(test.column("medium_loss"), float)
    free = (labels == 1) & (np.asarray(test.column("medium_path")) == 0) & (loss <= LOSSLESS)
    lossy = (labels == 1) & ~free
    edges = np.quantile(loss[lossy], np.linspace(0, 1, BINS + 1))
    bins = np.clip(np.searchsorted(edges, loss, side="right") - 1, 0, BINS - 1)
    curves, rows, tests = [], [], []
    for tagger in taggers:
        scores = tagger.scores.mean(axis=0)
        groups = {"none": free, **{f"{edges[i]:.3f} to {edges[i + 1]:.3f}": lossy & (bins == i) for i in range(BINS)}}
        groups = {name: mask for name, mask in groups.items() if mask.any()}
        means = [_mean(scores[mask]) for mask in groups.values()]
        curves.append(
            Profile(tagger.name, np.array([loss[m].mean() for m in groups.values()]), means, scores[labels == 0].mean())
        )
        for (name, mask), mean in zip(groups.items(), means, strict=True):
            both = mask | (labels == 0)
            row = {"model": tagger.name, "lost share": name, "jets": int(mask.sum()), "mean score": mean}
            rows.append({**row, "AUC against vacuum": auc(scores[both], mask[both])})
        tests.append(_tests(tagger.name, scores, free, labels, loss, means))
    save_figure(
        result,
        "loss",
        profiles(curves, x_label="True share of the partons' energy that was lost", y_label="Mean score"),
        "Mean score of the medium's jets against what their partons have truly lost, the leftmost point those without "
        "path and loss; dotted, the mean score of vacuum jets, where these should lie.",
        "Mean scores from no loss to the largest: "
        + "; ".join(f"{c.name} " + ", ".join(f"{v.value:.3f}" for v in c.values) for c in curves)
        + ".",
    )
    result.add_table("losses", "Scores of the medium's jets in bins of equal number of the true loss.", rows)
    result.add_table(
        "no-loss",
        "Jets of the medium's sample without path and loss against vacuum jets: the hardest parton of each had no path "
        f"in the medium, and all partons together have lost nothing (at most {LOSSLESS:g} of their energy, the "
        "rounding). 0.5 where a tagger sees the medium "
        "and nothing else. And whether the score rises with the true loss: rank correlation (Spearman) over the "
        "medium's jets, and the least rise of the mean score from one bin to the next.",
        tests,
    )
    text = (
        "The answer is known here: each jet carries what its partons lost. Jets of the medium's sample that had no "
        "path in it and lost nothing have gone through the same program as vacuum jets and must look like them; a "
        "tagger that tells them apart would have learned something else than the medium. And jets that lost more "
        "should look more quenched."
    )
    return Section("Beside the true energy loss", text, ("loss",), ("no-loss", "losses"))


def _mean(values: Floats) -> Estimate:
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate.symmetric(float(values.mean()), error, "standard error")


def _tests(
    name: str,
    scores: Floats,
    free: NDArray[np.bool_],
    labels: NDArray[np.int64],
    loss: Floats,
    means: Sequence[Estimate],
) -> dict[str, Any]:
    """Two-sample test of jets without loss, rank correlation and the least rise from bin to bin."""
    few = f"fewer than {LEAST_FREE} jets without loss"
    same = Estimate(math.nan, 0.0, 1.0, "DeLong", few)
    if free.sum() >= LEAST_FREE:
        both = free | (labels == 0)
        same = auc(scores[both], free[both])
    medium = labels == 1
    rank = float(spearmanr(scores[medium], loss[medium]).statistic)
    # The usual variance of a rank correlation on Fisher's scale, 1.06 / (n - 3).
    width = math.sqrt(1.06 / max(int(medium.sum()) - 3, 1))
    ends = np.tanh(np.arctanh(np.clip(rank, -0.999999, 0.999999)) + np.array([-width, width]))
    rises = [
        Estimate.symmetric(b.value - a.value, math.hypot(a.error, b.error), "standard error")
        for a, b in pairwise(means)
    ]
    return {
        "model": name,
        "AUC without loss": same,
        "jets without loss": int(free.sum()),
        "rank correlation": Estimate(rank, float(ends[0]), float(ends[1]), "Fisher"),
        "least rise": min(
            rises, key=lambda rise: rise.value, default=Estimate(math.nan, math.nan, math.nan, "", "one bin")
        ),
    }


def lund_section(
    result: Result, jets: Events, labels: NDArray[np.int64], classes: tuple[str, str], radius: float
) -> Section:
    """Average primary Lund planes of both classes and their ratio."""
    edges = np.linspace(0, 5, 21), np.linspace(-2, 5, 22)
    area = float(np.diff(edges[0])[0] * np.diff(edges[1])[0])
    planes, numbers = {}, {}
    for label, name in enumerate(classes):
        some = jets[np.flatnonzero(labels == label)[:MOST]]
        found = decluster(cluster(constituents(some), "cambridge-aachen"))
        place = np.arange(found.offsets[-1]) - np.repeat(found.offsets[:-1], np.diff(found.offsets))
        primary = found.values[place < np.repeat(found.primary, np.diff(found.offsets))]
        with np.errstate(divide="ignore"):
            counts, _, _ = np.histogram2d(np.log(radius / primary[:, 0]), np.log(primary[:, 1]), edges)
        planes[name], numbers[name] = counts / len(some) / area, _mean(found.primary.astype(float))
    told = " and ".join(f"{number} for {name}" for name, number in numbers.items())
    save_figure(
        result,
        "lund",
        lund_planes(planes, edges),
        f"Average primary Lund plane (arXiv:1807.04758) of both classes and its ratio: wide angles left, hard "
        f"emissions up. Primary emissions of a jet: {told}. Grey: too few emissions.",
        f"Two average Lund planes and their ratio; primary emissions of a jet: {told}.",
    )
    text = (
        "Each splitting of the jet's harder branch is a point at its angle and transverse momentum. Kicks move soft "
        "emissions to wide angles; energy loss moves all of them down."
    )
    return Section("Where quenched jets differ", text, ("lund",))


def survivors_section(result: Result, jets: Events, labels: NDArray[np.int64], medium: Medium) -> Section:
    """How the jets of the window differ in path and loss from all that were made."""
    points = production_points(medium, GEOMETRY, generator(0))
    turn = generator(0, 1).uniform(-np.pi, np.pi, GEOMETRY)
    paths = path_length(points[:, 0], points[:, 1], turn, medium.core)
    found = {name: np.asarray(jets.column(name), float)[labels == 1] for name in ("medium_path", "medium_loss")}
    rows = [
        {
            "jets": "all that are made (geometry)",
            "without a path": _share(paths == 0),
            "mean path in fm": _mean(paths),
        },
        {
            "jets": "in the pT window",
            "without a path": _share(found["medium_path"] == 0),
            "mean path in fm": _mean(found["medium_path"]),
            "mean lost share": _mean(found["medium_loss"]),
        },
    ]
    result.add_table("survivors", "Paths of all hard partons and of the jets that end up in the pT window.", rows)
    text = (
        "Vacuum and medium jets are chosen in the same pT window, as they leave the medium, so that no tagger can tell "
        "them by their momentum. That has a price: the spectrum falls steeply, and a jet that lost a fifth of its "
        "energy started where jets are some three times rarer. Jets that lost little are over-represented (survivor "
        "bias), and those that lost much were harder partons, in another mixture of quarks and gluons."
    )
    return Section("Which jets survive", text, (), ("survivors",))


def _share(mask: NDArray[np.bool_]) -> Estimate:
    share = float(mask.mean())
    return Estimate.symmetric(share, math.sqrt(share * (1 - share) / len(mask)), "binomial")
